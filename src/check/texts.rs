//! Finds every template, expression and duration of a document, and what each reads.

use std::ops::Range;

use super::characters;
use super::conditions;
use super::context::{Context, Loaded};
use super::results::Own;
use super::tree::{Kind as NodeKind, NodeId};
use crate::expression::{Name, Parsed, SyntaxError};
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
    /// The step, probe or check whose own result would be known here.
    pub own: Option<NodeId>,
    /// The key of the var that it is part of.
    pub var: Option<NodeId>,
    /// Whether it is part of what decides whether its step runs.
    pub decides: bool,
    /// The conditions under which it is read at all.
    pub under: Vec<String>,
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

/// What a place can take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Takes {
    /// Any value.
    #[default]
    Anything,
    /// Whatever has a text: lists and mappings as JSON.
    Text,
    /// A name, a path, an address: one scalar.
    Scalar,
    /// True or false.
    Truth,
    /// A number with its unit.
    Duration,
    /// Several values.
    List,
    /// Names of hosts: a list, or a text.
    Hosts,
}

/// A template or expression that was read.
#[derive(Debug)]
pub struct TextAt<'a> {
    /// Its scalar.
    pub node: NodeId,
    /// Its syntax tree.
    pub parsed: Parsed<'a>,
    /// What is known where it stands.
    pub place: Place,
}

/// Where a text stands.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    /// The step that it is part of.
    pub step: Option<usize>,
    /// Whether it is a bare expression.
    pub expression: bool,
    /// Which names of a step's own result are known here.
    pub result: Own,
    /// Who can see what becomes of it.
    pub exposure: Exposure,
    /// Whether it is read before the loop of its own step begins, so that there is no item yet.
    pub before_loop: bool,
    /// What becomes of it.
    pub takes: Takes,
    /// The step, probe or check whose own result would be known here.
    pub own: Option<NodeId>,
    /// The key of the var that it is part of.
    pub var: Option<NodeId>,
    /// Whether it decides whether its step runs.
    pub decides: bool,
}

/// A value that is a duration.
#[derive(Debug, Clone, Copy)]
pub struct DurationAt {
    /// The key that it stands under.
    pub key: &'static str,
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
    /// What to type, where that is known.
    pub help: Option<String>,
}

/// A step's id with a dash in an expression, which is a subtraction there.
#[derive(Debug)]
pub struct Dashed {
    /// The root and the id.
    pub span: Span,
    /// The id as it is typed.
    pub id: String,
}

impl Place {
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

    const fn takes(self, takes: Takes) -> Self {
        Self { takes, ..self }
    }

    /// A condition.
    const fn condition(self) -> Self {
        self.expression().takes(Takes::Truth)
    }

    /// One scalar.
    const fn scalar(self) -> Self {
        self.takes(Takes::Scalar)
    }

    /// Whatever has a text.
    const fn text(self) -> Self {
        self.takes(Takes::Text)
    }
}

/// Fills the references, the malformed texts and the durations of a context whose steps are known.
pub fn collect(context: &mut Context) {
    let document = Place::default();
    let root = context.root;
    let vars = context.field(root, "vars").map(|vars| context.entries(vars)).unwrap_or_default();
    for var in vars {
        deep(context, var.value, Place { var: Some(var.key), ..document });
    }
    all_below(context, root, "locks", document.scalar());
    for target in children(context, root, "targets") {
        each(context, target, &["postgres", "password"], document.secret().scalar());
        each(context, target, &["hosts"], document.takes(Takes::Hosts));
        for host in children(context, target, "hosts") {
            parse(context, host, document.scalar());
        }
        each(context, target, &["user", "become"], document.scalar());
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
        step(context, node, Place { step: Some(at), ..document });
    }
}

fn step(context: &mut Context, node: NodeId, text: Place) {
    let own = own_result(context, node);
    let text = Place { own: Some(node), ..text };
    surroundings(context, node, text);
    each(context, node, &["name"], text.text());
    each(context, node, &["when"], Place { decides: true, ..text.condition() });
    each(context, node, &["until"], text.condition().result(own));
    for (name, asked) in context.questions(node) {
        probe(context, name, asked, text);
    }
    if let Some(success) = context.field(node, "success") {
        each(context, success, &["that"], text.condition().result(own));
        each(context, success, &["message"], text.text().result(own));
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
fn around(context: &mut Context, node: NodeId, text: Place, own: Own) {
    each(context, node, &["for_each"], text.before_loop().takes(Takes::List));
    for item in children(context, node, "for_each") {
        deep(context, item, text.before_loop());
    }
    all_below(context, node, "artifacts", text.scalar());
    if let Some(observed) = context.field(node, "observe").filter(|observed| context.text(*observed).is_some()) {
        parse(context, observed, text.scalar());
    }
    if let Some(hold) = context.field(node, "hold") {
        durations(context, hold, &["expires"], text);
    }
    if let Some(repeat) = context.field(node, "repeat") {
        each(context, repeat, &["until"], text.condition().result(own));
        durations(context, repeat, &["delay"], text);
    }
}

/// Which names the result of a step or probe has.
fn own_result(context: &Context, node: NodeId) -> Own {
    if context.field(node, "http").is_some() { Own::Response } else { Own::Result }
}

fn probe(context: &mut Context, name: &str, node: NodeId, text: Place) {
    let text = Place { own: Some(node), ..text };
    surroundings(context, node, text);
    let own = if context.question(node).is_some() { own_result(context, node) } else { Own::Nothing };
    each(context, node, &["until", "trip_when"], text.condition().result(own));
    if name == "precondition" {
        each(context, node, &["that"], text.condition().result(own));
        each(context, node, &["message"], text.text().result(own));
    }
    durations(context, node, &["timeout", "every"], text);
}

/// What goes with an action that runs something, in a step or a probe.
fn surroundings(context: &mut Context, node: NodeId, text: Place) {
    all_below(context, node, "command", text.argument().text());
    all_below(context, node, "env", text.secret().text());
    all_below(context, node, "variables", text.secret());
    each(context, node, &["stdin"], text.secret().text());
    each(context, node, &["cwd", "database", "target"], text.scalar());
    let Some(http) = context.field(node, "http") else { return };
    if context.text(http).is_some() {
        parse(context, http, text.scalar());
    }
    each(context, http, &["method", "url", "ca", "cert", "key"], text.scalar());
    all_below(context, http, "headers", text.secret().scalar());
    each(context, http, &["body"], text.secret().text());
    all_below(context, http, "json", text.secret());
    all_below(context, http, "expect", text);
}

fn action(context: &mut Context, node: NodeId, text: Place) {
    if let Some(file) = context.field(node, "file") {
        file_texts(context, file, text);
    }
    if let Some(wait) = context.field(node, "wait") {
        if context.text(wait).is_some() {
            durations(context, node, &["wait"], text);
        }
        each(context, wait, &["time"], text.scalar());
    }
    if let Some(confirm) = context.field(node, "confirm") {
        each(context, confirm, &["message"], text.text());
        all_below(context, confirm, "show", text.expression());
    }
    if let Some(manual) = context.field(node, "manual") {
        each(context, manual, &["instructions"], text.text());
    }
    for condition in children(context, node, "assert") {
        each(context, condition, &["that"], text.condition());
        each(context, condition, &["message"], text.text());
    }
    if let Some(include) = context.field(node, "runbook") {
        all_below(context, include, "parameters", text);
    }
}

fn file_texts(context: &mut Context, file: NodeId, text: Place) {
    each(context, file, &["path", "backup"], text.scalar());
    each(context, file, &["content"], text.text());
    for key in ["validate", "reload"] {
        all_below(context, file, key, text.argument().text());
    }
    for edit in children(context, file, "edits") {
        each(context, edit, &["match", "replace"], text.scalar());
    }
    let Some(named) = context.field(file, "template") else { return };
    let Some((prefix, body)) = template_file(context, named) else { return };
    let whole = context.span(named);
    read(context, &body, text, &prefix, |_, _, _| whole);
}

/// What a template file holds, and how a finding in it begins.
pub(super) fn template_file(context: &Context, named: NodeId) -> Option<(String, String)> {
    let Loaded { path, content: Ok(bytes), .. } = context.files.get(&named)? else { return None };
    let body = String::from_utf8(bytes.clone()).ok()?;
    Some((format!("{}: ", path.display()), body))
}

/// The elements of a list, or the values of a mapping, under a key.
fn children(context: &Context, node: NodeId, key: &str) -> Vec<NodeId> {
    let Some(node) = context.field(node, key) else { return Vec::new() };
    let values = context.entries(node).iter().map(|entry| entry.value);
    context.items(node).iter().copied().chain(values).collect()
}

fn each(context: &mut Context, node: NodeId, keys: &[&str], text: Place) {
    for key in keys {
        if let Some(value) = context.field(node, key) {
            parse(context, value, text);
        }
    }
}

/// Every scalar below a node.
fn deep(context: &mut Context, node: NodeId, text: Place) {
    let tree = context.tree;
    match &tree.node(node).kind {
        NodeKind::Scalar { .. } => parse(context, node, text),
        NodeKind::Sequence(items) => items.iter().for_each(|item| deep(context, *item, text)),
        NodeKind::Mapping(entries) => entries.iter().for_each(|entry| deep(context, entry.value, text)),
    }
}

/// Everything below a key.
fn all_below(context: &mut Context, node: NodeId, key: &str, text: Place) {
    if let Some(value) = context.field(node, key) {
        deep(context, value, text);
    }
}

/// Durations that may be templates.
fn durations(context: &mut Context, node: NodeId, keys: &[&'static str], text: Place) {
    for key in keys {
        let Some(node) = context.field(node, key).filter(|value| context.text(*value).is_some()) else { continue };
        context.durations.push(DurationAt { key, node, step: text.step, may_be_template: true });
        parse(context, node, text.takes(Takes::Duration));
    }
}

/// Durations that have to be known before anything runs.
fn fixed(context: &mut Context, node: NodeId, keys: &[&'static str], text: Place) {
    for key in keys {
        let Some(node) = context.field(node, key).filter(|value| context.text(*value).is_some()) else { continue };
        context.durations.push(DurationAt { key, node, step: text.step, may_be_template: false });
    }
}

fn parse(context: &mut Context, node: NodeId, text: Place) {
    let is_read = |body: &&str| text.expression || body.contains('{') || text.takes == Takes::List;
    let Some(body) = context.text(node).filter(is_read) else { return };
    let places = context.places(node);
    let parsed = read(context, body, text, "", |context, at, length| context.span_within(node, &places, at, length));
    context.texts.extend(parsed.map(|parsed| TextAt { node, parsed, place: text }));
}

fn read<'t>(
    context: &mut Context,
    body: &'t str,
    text: Place,
    prefix: &str,
    place: impl Fn(&Context, usize, usize) -> Span,
) -> Option<Parsed<'t>> {
    let parsed = match Parsed::new(body, !text.expression) {
        Ok(parsed) => parsed,
        Err(error) => {
            let malformed = malformed(body, text.expression, &error);
            let span = place(context, malformed.0.start, malformed.0.len());
            let message = format!("{prefix}{}", malformed.1);
            context.malformed.push(Malformed { span, message, help: malformed.2 });
            return None;
        }
    };
    let names = parsed.names();
    if let Some((name, id)) = names.iter().find_map(|name| Some((name, dashed(context, body, name)?))) {
        let length = "steps.".len() + id.len();
        context.dashed.push(Dashed { span: place(context, name.offset, length), id });
        return None;
    }
    for name in names {
        let span = place(context, name.offset, name.end - name.offset);
        let under =
            name.under.iter().filter_map(|(range, holds)| Some(conditions::of(body.get(range.clone())?, *holds)));
        let under = under.flatten().collect();
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
            own: text.own,
            var: text.var,
            decides: text.decides,
            under,
        });
    }
    Some(parsed)
}

/// The id of a step with a dash, where a name begins like one that there is.
fn dashed(context: &Context, body: &str, name: &Name) -> Option<String> {
    let [root, first] = name.path.as_slice() else { return None };
    if root != "steps" || context.step_named(first).is_some() || !body.get(name.end..)?.starts_with('-') {
        return None;
    }
    let after = body.get(name.end..)?;
    let length = after.find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_'));
    let id = format!("{first}{}", &after[..length.unwrap_or(after.len())]);
    context.step_named(&id).map(|_| id)
}

/// Where a text goes wrong, how, and what to type where that is known.
fn malformed(body: &str, expression: bool, error: &SyntaxError) -> (Range<usize>, String, Option<String>) {
    let start = body.len() - body.trim_start().len();
    if expression && (body[start..].starts_with("{{") || body[start..].starts_with("{%")) {
        let inside = body.trim().trim_matches(['{', '}', '%']).trim();
        let message = "this is an expression already, and is written without braces".to_owned();
        let help = body[start..].starts_with("{{").then(|| format!("write `{inside}`"));
        return (start..start + 2, message, help);
    }
    let mut offset = body.floor_char_boundary(error.offset);
    if let Some(first) = body[offset..].chars().next().filter(|first| characters::is_disguise(*first)) {
        let message = format!("{} is no part of an expression", characters::name(first));
        return (offset..offset + first.len_utf8(), message, None);
    }
    // Of a doubled sign the second may be the one that was not expected.
    if body[offset..].starts_with(['=', '|']) && body[..offset].ends_with(['=', '|']) {
        offset -= 1;
    }
    let rest = body.get(offset..).unwrap_or_default();
    let known = [("&&", "and"), ("&", "and"), ("||", "or"), ("!", "not")];
    let single = rest.starts_with('=') && !rest.starts_with("==");
    let meant = known.into_iter().find(|(typed, _)| rest.starts_with(typed)).or(single.then_some(("=", "==")));
    let length = meant.map_or_else(|| rest.chars().next().map_or(0, char::len_utf8), |(typed, _)| typed.len());
    (offset..offset + length, error.message.clone(), meant.map(|(_, meant)| format!("write `{meant}`")))
}
