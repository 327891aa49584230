//! Every SQL text of a runbook, wherever it stands, read once: what the SQL rules look at.
//!
//! [`body`] reads a text, `depth` keeps out what would nest too deep, [`tree`] asks its syntax tree, [`words`] puts what the grammar wanted in words.

pub mod body;
mod depth;
pub mod tree;
mod words;

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::path::PathBuf;
use std::rc::Rc;

use self::body::{Body, Reading};
use super::context::Context;
use super::tree::{Kind as NodeKind, NodeId};
use crate::model::diagnostic::Span;
use crate::model::place::Lines;

/// The keys below which steps, parts of steps and questions stand.
const INSIDE: [&str; 14] = [
    "acquire",
    "between",
    "check",
    "do",
    "hold",
    "observe",
    "on_failure",
    "preconditions",
    "preview",
    "release",
    "rollback",
    "steps",
    "verify",
    "watch",
];

/// One SQL text and where it stands.
#[derive(Debug)]
pub struct SqlText {
    /// The text, or the name of the file that holds it.
    pub node: NodeId,
    /// The file that holds it, as the runbook names it.
    pub file: Option<PathBuf>,
    /// The mapping that has the `sql` or `query`.
    pub holder: NodeId,
    /// Whether it is a `query`.
    pub is_query: bool,
    /// Whether its statements are one transaction.
    pub is_transaction: bool,
    /// The step that it is of, its number.
    pub step: Option<usize>,
    /// The part of the step that it stands in, such as `check`; empty for the step's own action.
    pub part: &'static str,
    /// The `variables` that it can use, the nearest last.
    pub variables: Vec<NodeId>,
    /// What it says.
    pub body: Rc<Body>,
}

impl SqlText {
    /// Where a part of the text stands in the runbook: on its first line, and for a file the name of the file.
    #[must_use]
    pub fn span(&self, context: &Context, range: &Range<usize>) -> Span {
        if self.file.is_some() {
            return context.span(self.node);
        }
        let places = context.places(self.node);
        context.span_within(self.node, &places, range.start, range.end - range.start)
    }

    /// What a message about a place in the text begins with: nothing, or the place in its file.
    #[must_use]
    pub fn prefix(&self, range: &Range<usize>) -> String {
        self.file.as_ref().map_or_else(String::new, |file| {
            let (line, column) = Lines::new(&self.body.text).line_column(&self.body.text, range.start);
            format!("{}:{line}:{column}: ", file.display())
        })
    }
}

/// Finds and reads them all, in the order of the file. A text that stands in several places is read once.
#[must_use]
pub fn collect(context: &Context) -> Vec<SqlText> {
    let steps = context.steps.iter().enumerate().map(|(at, step)| (step.node, at)).collect();
    let mut walk = Walk { context, steps, seen: HashSet::new(), texts: Vec::new() };
    if let Some(list) = context.field(context.root, "steps") {
        walk.inside(list, &At::default());
    }
    if let Some(handler) = context.field(context.root, "defaults").and_then(|node| context.field(node, "on_failure")) {
        walk.inside(handler, &At::default());
    }
    if let Some(hooks) = context.field(context.root, "hooks") {
        for hook in context.entries(hooks) {
            walk.inside(hook.value, &At::default());
        }
    }
    read(walk.texts)
}

/// So many texts are worth more than one thread.
const MANY: usize = 200;

/// Reads each text once, however often it stands there.
fn read(texts: Vec<Unread<'_>>) -> Vec<SqlText> {
    let mut distinct: Vec<&str> = Vec::new();
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for unread in &texts {
        numbers.entry(unread.text).or_insert_with(|| {
            distinct.push(unread.text);
            distinct.len() - 1
        });
    }
    let readings = if distinct.len() < MANY {
        distinct.iter().map(|text| Reading::of(text)).collect()
    } else {
        side_by_side(&distinct)
    };
    let bodies: Vec<Rc<Body>> =
        distinct.iter().zip(readings).map(|(text, reading)| Rc::new(Body::new(text, reading))).collect();
    texts
        .into_iter()
        .filter_map(|unread| {
            let body = bodies.get(*numbers.get(unread.text)?)?.clone();
            let Unread { node, file, holder, is_query, is_transaction, at, .. } = unread;
            let At { step, part, variables } = at;
            Some(SqlText { node, file, holder, is_query, is_transaction, step, part, variables, body })
        })
        .collect()
}

fn side_by_side(texts: &[&str]) -> Vec<Reading> {
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let parts = texts.chunks(texts.len().div_ceil(threads).max(1));
        let started: Vec<_> = parts
            .map(|part| (part, scope.spawn(move || part.iter().map(|text| Reading::of(text)).collect::<Vec<_>>())))
            .collect();
        let read = |(part, thread): (&[&str], std::thread::ScopedJoinHandle<'_, Vec<Reading>>)| {
            thread.join().unwrap_or_else(|_| part.iter().map(|text| Reading::of(text)).collect())
        };
        started.into_iter().flat_map(read).collect()
    })
}

/// What is known of the place that the walk has come to.
#[derive(Debug, Clone, Default)]
struct At {
    step: Option<usize>,
    part: &'static str,
    variables: Vec<NodeId>,
}

/// A text that was found and not read yet.
struct Unread<'a> {
    node: NodeId,
    file: Option<PathBuf>,
    holder: NodeId,
    is_query: bool,
    is_transaction: bool,
    at: At,
    text: &'a str,
}

struct Walk<'a, 'c> {
    context: &'a Context<'c>,
    steps: HashMap<NodeId, usize>,
    seen: HashSet<NodeId>,
    texts: Vec<Unread<'a>>,
}

impl Walk<'_, '_> {
    fn inside(&mut self, node: NodeId, at: &At) {
        let context = self.context;
        match &context.tree.node(node).kind {
            NodeKind::Scalar { .. } => {}
            NodeKind::Sequence(items) => items.iter().for_each(|item| self.inside(*item, at)),
            // What an alias repeats is looked at once.
            NodeKind::Mapping(_) if !self.seen.insert(node) => {}
            NodeKind::Mapping(entries) => {
                let mut at = at.clone();
                if let Some(step) = self.steps.get(&node) {
                    at = At { step: Some(*step), part: "", variables: at.variables };
                }
                at.variables.extend(context.field(node, "variables"));
                for entry in entries {
                    match context.text(entry.key) {
                        Some("sql") => self.text(node, entry.value, false, &at),
                        Some("query") => self.text(node, entry.value, true, &at),
                        Some(key) => self.below(key, entry.value, &at),
                        None => {}
                    }
                }
            }
        }
    }

    fn below(&mut self, key: &str, node: NodeId, at: &At) {
        let Some(part) = INSIDE.into_iter().find(|inside| *inside == key) else { return };
        // The members of a group take no variables from it.
        let variables = if part == "steps" { Vec::new() } else { at.variables.clone() };
        self.inside(node, &At { step: at.step, part, variables });
    }

    fn text(&mut self, holder: NodeId, value: NodeId, is_query: bool, at: &At) {
        let context = self.context;
        let named = context.field(value, "file").filter(|_| !is_query);
        let (node, file, text) = match named {
            Some(node) => {
                let Some(loaded) = context.files.get(&node) else { return };
                let Ok(bytes) = &loaded.content else { return };
                let Ok(text) = std::str::from_utf8(bytes) else { return };
                (node, Some(loaded.path.clone()), text)
            }
            None => match context.text(value) {
                Some(text) => (value, None, text),
                None => return,
            },
        };
        let said = context.field(holder, "transaction").and_then(|node| context.text(node));
        let is_transaction = is_query || said != Some("false");
        self.texts.push(Unread { node, file, holder, is_query, is_transaction, at: at.clone(), text });
    }
}
