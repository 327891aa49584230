//! What is known of the names that a text of the document reads.

use std::cell::{Cell, OnceCell};
use std::collections::HashMap;

use crate::check::context::Context;
use crate::check::scalar::{self, Plain};
use crate::check::steps::Kind;
use crate::check::texts::Place;
use crate::check::tree::{Kind as NodeKind, NodeId};
use crate::expression::Parsed;
use crate::expression::types::kind::{BOOLEAN, DURATION, INTEGER, LIST, MAPPING, NONE, NUMBER, NUMERIC};
use crate::expression::types::{Names, Type, Typed};
use crate::model::diagnostic::Span;
use crate::model::runbook::ParameterType;

/// How many texts may be read through one another; a run reads vars no deeper.
const MAX_DEPTH: usize = 24;

/// The types of all texts, each found out once, when it is first needed.
pub(super) struct Known<'c> {
    pub context: &'c Context<'c>,
    /// The text of a scalar.
    at: HashMap<NodeId, usize>,
    results: Vec<OnceCell<Typed>>,
    /// Texts that are being looked at.
    busy: Vec<Cell<bool>>,
    depth: Cell<usize>,
}

impl<'c> Known<'c> {
    pub(super) fn new(context: &'c Context<'c>) -> Self {
        let texts = &context.texts;
        Self {
            context,
            at: texts.iter().enumerate().map(|(at, text)| (text.node, at)).collect(),
            results: texts.iter().map(|_| OnceCell::new()).collect(),
            busy: texts.iter().map(|_| Cell::new(false)).collect(),
            depth: Cell::new(0),
        }
    }

    /// What a text gives, and what of it cannot work.
    pub(super) fn result(&self, at: usize) -> &Typed {
        self.results[at].get_or_init(|| {
            let text = &self.context.texts[at];
            self.busy[at].set(true);
            self.depth.set(self.depth.get() + 1);
            let typed = self.typed(&text.parsed, text.place);
            self.depth.set(self.depth.get() - 1);
            self.busy[at].set(false);
            typed
        })
    }

    /// The same of a text that is not one of the document's own.
    pub(super) fn typed(&self, parsed: &Parsed<'_>, place: Place) -> Typed {
        parsed.typed(&Here { known: self, place })
    }

    /// The type of what stands at a node.
    fn of_node(&self, node: NodeId) -> Type {
        let context = self.context;
        if let Some(at) = self.at.get(&node) {
            let unknown = self.busy[*at].get() || self.depth.get() >= MAX_DEPTH;
            let known = self.results[*at].get().is_some() || !unknown;
            return if known { self.result(*at).result.clone() } else { Type::ANY };
        }
        match &context.tree.node(node).kind {
            NodeKind::Scalar { text, plain: true } => Type::of(match scalar::resolve(text) {
                Plain::Null => NONE,
                Plain::Boolean(_) => BOOLEAN,
                Plain::Integer(_) => INTEGER,
                Plain::Float(_) => NUMBER,
                Plain::Text => return Type::TEXT,
            }),
            NodeKind::Scalar { .. } => Type::TEXT,
            NodeKind::Sequence(items) => Type::list(
                items.iter().map(|item| self.of_node(*item)).reduce(|one, other| one.or(&other)).unwrap_or(Type::ANY),
            ),
            NodeKind::Mapping(_) => Type::of(MAPPING),
        }
    }

    /// Where what a name reads is declared: the key of it, the type of a parameter.
    pub(super) fn declaration(&self, path: &[String], place: Place) -> Option<Span> {
        let context = self.context;
        let key = |node: NodeId, name: &str| context.tree.get(node, name).map(|entry| context.span(entry.key));
        match path {
            [root, name, ..] if root == "parameters" => {
                let declared = context.field(context.field(context.root, "parameters")?, name)?;
                context.field(declared, "type").map(|kind| context.span(kind))
            }
            [root, name, ..] if root == "vars" => key(context.field(context.root, "vars")?, name),
            [root, id, outputs, name, ..] if root == "steps" && outputs == "outputs" => {
                let step = &context.steps[context.step_named(id)?];
                let manual = context.field(step.node, "manual").and_then(|manual| context.field(manual, "inputs"));
                key(manual.or_else(|| context.field(step.node, "outputs"))?, name)
            }
            [name, ..] => {
                let step = context.loop_of(place.step?, name, !place.before_loop)?;
                key(context.steps[step].node, "for_each")
            }
            [] => None,
        }
    }
}

/// The names that are known to one text.
struct Here<'k> {
    known: &'k Known<'k>,
    place: Place,
}

impl Names for Here<'_> {
    fn typed(&self, path: &[String]) -> Option<(Type, usize)> {
        let (root, rest) = path.split_first()?;
        let context = self.known.context;
        match (root.as_str(), rest) {
            ("parameters", [name, ..]) => {
                let declared = context.document.as_ref()?.parameters.get(name)?;
                Some((parameter(declared.kind, declared.items), 2))
            }
            ("vars", [_, ..]) => {
                let mut node = context.field(context.root, "vars")?;
                let mut read = 1;
                for name in rest {
                    let Some(next) = context.field(node, name) else { break };
                    node = next;
                    read += 1;
                }
                (read > 1).then(|| (self.known.of_node(node), read))
            }
            ("secrets" | "run" | "window", [_, ..]) => Some((Type::TEXT, 2)),
            ("steps", [id, of_step, below @ ..]) => {
                let (kind, read) = self.of_step(id, of_step, below)?;
                Some((kind, read))
            }
            ("parameters" | "vars" | "secrets" | "run" | "window" | "steps", _) => {
                Some((Type::of(MAPPING), path.len()))
            }
            (name, _) => self.own(name).or_else(|| self.item(name)).map(|kind| (kind, 1)),
        }
    }
}

impl Here<'_> {
    /// A name of another step's result, with the number of names that it takes.
    fn of_step(&self, id: &str, of_step: &str, below: &[String]) -> Option<(Type, usize)> {
        let context = self.known.context;
        let step = &context.steps[context.step_named(id)?];
        if step.kind == Some(Kind::Include) {
            return None;
        }
        let kind = match (of_step, below) {
            ("outputs", [name, ..]) => {
                let declared = if step.kind == Some(Kind::Manual) {
                    let inputs = &step.fields.as_ref()?.manual.as_ref()?.inputs;
                    inputs.get(name).map(|kind| parameter(*kind, None))
                } else {
                    let outputs = context.field(step.node, "outputs")?;
                    context.field(outputs, name).map(|node| self.known.of_node(node))
                };
                return declared.map(|kind| (kind, 4));
            }
            ("outputs", []) => Type::of(MAPPING),
            ("items", _) => Type::list(Type::of(MAPPING)),
            ("changed", _) => Type::of(BOOLEAN),
            ("state" | "started" | "finished", _) => Type::TEXT,
            (name, _) => result(name)?,
        };
        Some((kind, 3))
    }

    /// A name of the own step's result.
    fn own(&self, name: &str) -> Option<Type> {
        self.place.result.names().contains(&name).then(|| result(name)).flatten()
    }

    /// The item of a loop.
    fn item(&self, name: &str) -> Option<Type> {
        let context = self.known.context;
        let step = context.loop_of(self.place.step?, name, !self.place.before_loop)?;
        match context.field(context.steps[step].node, "for_each") {
            Some(several) => Some(self.known.of_node(several).items()),
            None => Some(Type::TEXT),
        }
    }
}

/// What a name of a result is.
fn result(name: &str) -> Option<Type> {
    Some(match name {
        "stdout" | "stderr" | "body" => Type::TEXT,
        "exit_code" | "row_count" | "status" => Type::of(INTEGER),
        "rows" => Type::list(Type::of(MAPPING)),
        "headers" => Type::of(MAPPING),
        "json" => Type::ANY,
        _ => return None,
    })
}

/// What a declared parameter or input is.
fn parameter(kind: ParameterType, items: Option<ParameterType>) -> Type {
    match kind {
        ParameterType::String => Type::TEXT,
        ParameterType::Integer => Type::of(INTEGER),
        ParameterType::Number => Type::of(NUMERIC),
        ParameterType::Boolean => Type::of(BOOLEAN),
        ParameterType::Duration => Type::of(DURATION),
        ParameterType::List => match items.unwrap_or(ParameterType::String) {
            ParameterType::List => Type::list(Type::of(LIST)),
            items => Type::list(parameter(items, None)),
        },
    }
}
