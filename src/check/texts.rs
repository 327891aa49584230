//! Finds every template, expression and duration of a document, and what each reads.

use super::characters::{lookalike, name, unusual};
use super::context::{Context, Loaded, QUESTIONS};
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
    /// Which names of a step's own result are known here.
    pub result: Own,
    /// Whether it is read before the loop of its own step begins, so that there is no item yet.
    pub before_loop: bool,
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

/// Which names of a step's own result are known in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Own {
    /// None: it has not run.
    #[default]
    Nothing,
    /// Those of a process or of statements.
    Result,
    /// Those of a response.
    Response,
}

/// A value that is a duration.
#[derive(Debug, Clone, Copy)]
pub struct DurationAt {
    /// Its scalar.
    pub node: NodeId,
    /// The step that it is part of.
    pub step: Option<usize>,
    /// Whether it may be a template, known only when the step runs.
    pub may_be_template: bool,
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
    result: Own,
    exposure: Exposure,
    before_loop: bool,
}

impl Text {
    const fn expression(self) -> Self {
        Self { expression: true, ..self }
    }

    const fn result(self, result: Own) -> Self {
        Self { result, ..self }
    }

    const fn argument(self) -> Self {
        Self { exposure: Exposure::Argument, ..self }
    }

    const fn secret(self) -> Self {
        Self { exposure: Exposure::Hidden, ..self }
    }

    const fn before_loop(self) -> Self {
        Self { before_loop: true, ..self }
    }
}

/// Fills the references, the malformed texts and the durations of a context whose steps are known.
pub fn collect(context: &mut Context) {
    let document = Text::default();
    let root = context.root;
    for key in ["vars", "locks"] {
        all_below(context, root, key, document);
    }
    for target in children(context, root, "targets") {
        each(context, target, &["postgres", "password"], document.secret());
        for key in ["hosts", "user", "become"] {
            all_below(context, target, key, document);
        }
    }
    if let Some(window) = context.field(root, "window") {
        fixed(context, window, &["duration"], document);
    }
    if let Some(defaults) = context.field(root, "defaults") {
        durations(context, defaults, &["timeout"], document);
    }
    for followup in children(context, root, "followups") {
        fixed(context, followup, &["due"], document);
    }
    for at in 0..context.steps.len() {
        let node = context.steps[at].node;
        step(context, node, Text { step: Some(at), ..document });
    }
}

fn step(context: &mut Context, node: NodeId, text: Text) {
    let own = own_result(context, node);
    surroundings(context, node, text);
    each(context, node, &["name"], text);
    each(context, node, &["when"], text.expression());
    each(context, node, &["until"], text.expression().result(own));
    for (name, asked) in context.questions(node) {
        probe(context, name, asked, text);
    }
    if let Some(success) = context.field(node, "success") {
        each(context, success, &["that"], text.expression().result(own));
        each(context, success, &["message"], text.result(own));
    }
    all_below(context, node, "outputs", text.result(own));
    action(context, node, text);
    around(context, node, text, own);
    durations(context, node, &["timeout", "every"], text);
    fixed(context, node, &["estimate"], text);
    if let Some(retry) = context.field(node, "retry") {
        durations(context, retry, &["delay", "max_delay"], text);
    }
}

/// What makes a step more than one attempt of one action.
fn around(context: &mut Context, node: NodeId, text: Text, own: Own) {
    all_below(context, node, "for_each", text.before_loop());
    all_below(context, node, "artifacts", text);
    if let Some(observed) = context.field(node, "observe").filter(|observed| context.text(*observed).is_some()) {
        parse(context, observed, text);
    }
    if let Some(hold) = context.field(node, "hold") {
        durations(context, hold, &["expires"], text);
    }
    if let Some(repeat) = context.field(node, "repeat") {
        each(context, repeat, &["until"], text.expression().result(own));
        durations(context, repeat, &["delay"], text);
    }
}

/// Which names the result of a step or probe has.
fn own_result(context: &Context, node: NodeId) -> Own {
    if context.field(node, "http").is_some() { Own::Response } else { Own::Result }
}

fn probe(context: &mut Context, name: &str, node: NodeId, text: Text) {
    surroundings(context, node, text);
    let asks = QUESTIONS.iter().any(|key| context.field(node, key).is_some());
    let own = if asks { own_result(context, node) } else { Own::Nothing };
    each(context, node, &["until", "trip_when"], text.expression().result(own));
    if name == "precondition" {
        each(context, node, &["that"], text.expression().result(own));
        each(context, node, &["message"], text.result(own));
    }
    durations(context, node, &["timeout", "every"], text);
}

/// What goes with an action that runs something, in a step or a probe.
fn surroundings(context: &mut Context, node: NodeId, text: Text) {
    all_below(context, node, "command", text.argument());
    for key in ["env", "variables"] {
        all_below(context, node, key, text.secret());
    }
    each(context, node, &["stdin"], text.secret());
    each(context, node, &["cwd", "database"], text);
    each(context, node, &["target"], text);
    let Some(http) = context.field(node, "http") else { return };
    if context.text(http).is_some() {
        parse(context, http, text);
    }
    each(context, http, &["method", "url", "ca", "cert", "key"], text);
    for key in ["headers", "body", "json"] {
        all_below(context, http, key, text.secret());
    }
    all_below(context, http, "expect", text);
}

fn action(context: &mut Context, node: NodeId, text: Text) {
    if let Some(file) = context.field(node, "file") {
        file_texts(context, file, text);
    }
    if let Some(wait) = context.field(node, "wait") {
        if context.text(wait).is_some() {
            durations(context, node, &["wait"], text);
        }
        each(context, wait, &["time"], text);
    }
    if let Some(confirm) = context.field(node, "confirm") {
        each(context, confirm, &["message"], text);
        all_below(context, confirm, "show", text.expression());
    }
    if let Some(manual) = context.field(node, "manual") {
        each(context, manual, &["instructions"], text);
    }
    for condition in children(context, node, "assert") {
        each(context, condition, &["that"], text.expression());
        each(context, condition, &["message"], text);
    }
    if let Some(include) = context.field(node, "runbook") {
        all_below(context, include, "parameters", text);
    }
}

fn file_texts(context: &mut Context, file: NodeId, text: Text) {
    each(context, file, &["path", "content", "backup"], text);
    for key in ["validate", "reload"] {
        all_below(context, file, key, text.argument());
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

/// Everything below a key.
fn all_below(context: &mut Context, node: NodeId, key: &str, text: Text) {
    if let Some(value) = context.field(node, key) {
        deep(context, value, text);
    }
}

/// Durations that may be templates.
fn durations(context: &mut Context, node: NodeId, keys: &[&str], text: Text) {
    for key in keys {
        let Some(node) = context.field(node, key).filter(|value| context.text(*value).is_some()) else { continue };
        context.durations.push(DurationAt { node, step: text.step, may_be_template: true });
        parse(context, node, text);
    }
}

/// Durations that have to be known before anything runs.
fn fixed(context: &mut Context, node: NodeId, keys: &[&str], text: Text) {
    for key in keys {
        let Some(node) = context.field(node, key).filter(|value| context.text(*value).is_some()) else { continue };
        context.durations.push(DurationAt { node, step: text.step, may_be_template: false });
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
                    result: text.result,
                    before_loop: text.before_loop,
                    exposure: text.exposure,
                });
            }
        }
        Err(error) => {
            let offset = error.offset.min(body.len());
            let rest = body.get(offset..).unwrap_or_default();
            let first = rest.chars().next();
            let span = place(context, offset, first.map_or(0, char::len_utf8));
            let disguised = first.filter(|first| unusual(*first).is_some() || lookalike(*first).is_some());
            let message =
                disguised.map_or(error.message, |first| format!("{} is no part of an expression", name(first)));
            context.malformed.push(Malformed { span, message: format!("{prefix}{message}") });
        }
    }
}
