//! The places of a document at which templates, expressions and durations stand.

use super::read::{parse, read};
use super::{DurationAt, Place, Takes, template_file};
use crate::check::context::Context;
use crate::check::results::Own;
use crate::check::tree::{Kind as NodeKind, NodeId};

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
