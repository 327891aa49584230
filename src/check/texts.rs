//! Finds every template, expression and duration of a document, and what each reads.

use super::context::{Context, Loaded};
use super::tree::{Kind as NodeKind, NodeId};
use crate::expression;
use crate::model::diagnostic::Span;

/// The names that an expression can begin with, beside those of a step's own result.
pub const ROOTS: [&str; 6] = ["parameters", "vars", "secrets", "steps", "run", "window"];

/// A name that a template or expression reads.
#[derive(Debug)]
pub struct Reference {
    /// The first part of the path.
    pub root: String,
    /// The others.
    pub rest: Vec<String>,
    /// Where it stands.
    pub span: Span,
    /// The step that it is part of.
    pub step: Option<usize>,
    /// Whether a missing value was thought of: `is defined`, `default`.
    pub guarded: bool,
    /// Whether the names of a step's own result are known here.
    pub has_result: bool,
    /// Who can see what becomes of it.
    pub exposure: Exposure,
}

/// Who can see the value that a text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Exposure {
    /// It is shown or stored by the program.
    #[default]
    Shown,
    /// It is an argument of a process, which everyone on the machine can read.
    Argument,
    /// Nobody: the only places for secrets.
    Hidden,
}

/// A template or expression that cannot be read.
#[derive(Debug)]
pub struct Malformed {
    /// Where it goes wrong.
    pub span: Span,
    /// How.
    pub message: String,
}

/// What kind of text stands in a place.
#[derive(Debug, Clone, Copy, Default)]
struct Text {
    step: Option<usize>,
    expression: bool,
    result: bool,
    exposure: Exposure,
}

impl Text {
    const fn expression(self) -> Self {
        Self { expression: true, ..self }
    }

    const fn result(self) -> Self {
        Self { result: true, ..self }
    }

    const fn argument(self) -> Self {
        Self { exposure: Exposure::Argument, ..self }
    }

    const fn secret(self) -> Self {
        Self { exposure: Exposure::Hidden, ..self }
    }
}

/// Fills the references, the malformed texts and the durations of a context whose steps are known.
pub fn collect(context: &mut Context) {
    let document = Text::default();
    let root = context.root;
    if let Some(vars) = context.field(root, "vars") {
        deep(context, vars, document);
    }
    for target in children(context, root, "targets") {
        each(context, target, &["postgres", "password"], document.secret());
    }
    durations(context, context.field(root, "defaults"), &["timeout"]);
    for followup in children(context, root, "followups") {
        durations(context, Some(followup), &["due"]);
    }
    for at in 0..context.steps.len() {
        let node = context.steps[at].node;
        step(context, node, Text { step: Some(at), ..document });
    }
}

fn step(context: &mut Context, node: NodeId, text: Text) {
    surroundings(context, node, text);
    each(context, node, &["name"], text);
    each(context, node, &["when"], text.expression());
    each(context, node, &["until"], text.expression().result());
    for part in ["check", "verify"] {
        if let Some(probe) = context.field(node, part) {
            surroundings(context, probe, text);
            each(context, probe, &["until"], text.expression().result());
        }
    }
    for condition in children(context, node, "preconditions") {
        surroundings(context, condition, text);
        let asks = ["shell", "command", "query"].iter().any(|key| context.field(condition, key).is_some());
        let text = Text { result: asks, ..text };
        each(context, condition, &["that"], text.expression());
        each(context, condition, &["message"], text);
    }
    if let Some(success) = context.field(node, "success") {
        each(context, success, &["that"], text.expression().result());
        each(context, success, &["message"], text.result());
    }
    if let Some(outputs) = context.field(node, "outputs") {
        deep(context, outputs, text.result());
    }
    action(context, node, text);
    durations(context, Some(node), &["estimate"]);
    durations(context, context.field(node, "retry"), &["delay", "max_delay"]);
}

/// What goes with an action that runs something, in a step or a probe.
fn surroundings(context: &mut Context, node: NodeId, text: Text) {
    if let Some(argv) = context.field(node, "command") {
        deep(context, argv, text.argument());
    }
    for key in ["env", "variables"] {
        if let Some(values) = context.field(node, key) {
            deep(context, values, text.secret());
        }
    }
    each(context, node, &["stdin"], text.secret());
    each(context, node, &["cwd", "database"], text);
    durations(context, Some(node), &["timeout", "every"]);
}

fn action(context: &mut Context, node: NodeId, text: Text) {
    if let Some(file) = context.field(node, "file") {
        file_texts(context, file, text);
    }
    if let Some(wait) = context.field(node, "wait") {
        match context.field(wait, "time") {
            Some(time) => parse(context, time, text),
            None => durations(context, Some(node), &["wait"]),
        }
    }
    if let Some(confirm) = context.field(node, "confirm") {
        each(context, confirm, &["message"], text);
        if let Some(show) = context.field(confirm, "show") {
            deep(context, show, text.expression());
        }
    }
    if let Some(manual) = context.field(node, "manual") {
        each(context, manual, &["instructions"], text);
    }
    for condition in children(context, node, "assert") {
        each(context, condition, &["that"], text.expression());
        each(context, condition, &["message"], text);
    }
}

fn file_texts(context: &mut Context, file: NodeId, text: Text) {
    each(context, file, &["path", "content", "backup"], text);
    for key in ["validate", "reload"] {
        if let Some(argv) = context.field(file, key) {
            deep(context, argv, text.argument());
        }
    }
    for edit in children(context, file, "edits") {
        each(context, edit, &["match", "replace"], text);
    }
    let Some(named) = context.field(file, "template") else { return };
    let Some(Loaded { path, content: Ok(bytes), .. }) = context.files.get(&named) else { return };
    let Ok(body) = String::from_utf8(bytes.clone()) else { return };
    let prefix = format!("{}: ", path.display());
    let whole = context.span(named);
    read(context, &body, text, &prefix, |_, _, _| whole);
}

/// The elements of a list, or the values of a mapping, under a key.
fn children(context: &Context, node: NodeId, key: &str) -> Vec<NodeId> {
    let Some(node) = context.field(node, key) else { return Vec::new() };
    let values = context.entries(node).iter().map(|entry| entry.value);
    context.items(node).iter().copied().chain(values).collect()
}

fn each(context: &mut Context, node: NodeId, keys: &[&str], text: Text) {
    for key in keys {
        if let Some(value) = context.field(node, key) {
            parse(context, value, text);
        }
    }
}

/// Every scalar below a node.
fn deep(context: &mut Context, node: NodeId, text: Text) {
    let tree = context.tree;
    match &tree.node(node).kind {
        NodeKind::Scalar { .. } => parse(context, node, text),
        NodeKind::Sequence(items) => items.iter().for_each(|item| deep(context, *item, text)),
        NodeKind::Mapping(entries) => entries.iter().for_each(|entry| deep(context, entry.value, text)),
    }
}

fn durations(context: &mut Context, node: Option<NodeId>, keys: &[&str]) {
    let Some(node) = node else { return };
    for key in keys {
        if let Some(value) = context.field(node, key)
            && context.text(value).is_some()
        {
            context.durations.push(value);
        }
    }
}

fn parse(context: &mut Context, node: NodeId, text: Text) {
    let Some(body) = context.text(node).filter(|body| text.expression || body.contains('{')) else { return };
    let places = context.places(node);
    read(context, body, text, "", |context, at, length| context.span_within(node, &places, at, length));
}

fn read(context: &mut Context, body: &str, text: Text, prefix: &str, place: impl Fn(&Context, usize, usize) -> Span) {
    match expression::Parsed::new(body, !text.expression) {
        Ok(parsed) => {
            for name in parsed.names() {
                let span = place(context, name.offset, name.end - name.offset);
                let mut path = name.path.into_iter();
                context.references.push(Reference {
                    root: path.next().unwrap_or_default(),
                    rest: path.collect(),
                    span,
                    step: text.step,
                    guarded: name.guarded,
                    has_result: text.result,
                    exposure: text.exposure,
                });
            }
        }
        Err(error) => {
            let offset = error.offset.min(body.len());
            let rest = body.get(offset..).unwrap_or_default();
            let length = rest.chars().next().map_or(0, char::len_utf8);
            let span = place(context, offset, length);
            context.malformed.push(Malformed { span, message: format!("{prefix}{}", error.message) });
        }
    }
}
