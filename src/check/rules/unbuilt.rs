//! Keys of the format that this version cannot carry out: refused by name, never ignored.

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::{Kind, Role};
use crate::check::tree::NodeId;
use crate::model::diagnostic::Span;

const ROOT: &[&str] = &["window", "review", "groups", "locks"];
const STEP: &[&str] = &[
    "http",
    "runbook",
    "rehearse",
    "preview",
    "observe",
    "become",
    "parallel",
    "hold",
    "artifacts",
    "for_each",
    "repeat",
    "background",
    "watch",
];
/// Keys that mean something beside another: said only where that one is not there to be refused.
const BESIDE: &[(&str, &str)] = &[
    ("as", "for_each"),
    ("serial", "for_each"),
    ("canary", "for_each"),
    ("between", "for_each"),
    ("max_failures", "for_each"),
    ("release_on", "hold"),
    ("retake", "hold"),
    ("until_end", "background"),
];

/// A key of the format that is refused, never ignored.
pub fn not_built_yet(context: &Context, findings: &mut Findings) {
    refuse(context, findings, context.root, ROOT);
    if let Some(targets) = context.field(context.root, "targets") {
        for target in context.entries(targets) {
            refuse(context, findings, target.value, &["hosts"]);
            if context.field(target.value, "hosts").is_none() {
                refuse(context, findings, target.value, &["user", "become"]);
            }
        }
    }
    if let Some(defaults) = context.field(context.root, "defaults") {
        handler(context, findings, defaults);
    }
    for step in &context.steps {
        refuse(context, findings, step.node, STEP);
        for (key, principal) in BESIDE {
            if context.field(step.node, principal).is_none() {
                refuse(context, findings, step.node, &[*key]);
            }
        }
        handler(context, findings, step.node);
        if matches!(step.role, Role::Undo(_)) {
            refuse(context, findings, step.node, &["preconditions", "outputs", "on_failure"]);
        }
        if matches!(step.kind, Some(Kind::Confirm | Kind::Manual)) {
            refuse(context, findings, step.node, &["timeout"]);
        }
        let parts =
            [("confirm", &["by", "second_person"][..]), ("wait", &["for"]), ("check", PROBE), ("verify", PROBE)];
        for (part, keys) in parts {
            if let Some(node) = context.field(step.node, part) {
                refuse(context, findings, node, keys);
            }
        }
        let asked = context.field(step.node, "preconditions").map(|node| context.items(node)).unwrap_or_default();
        for node in asked {
            refuse(context, findings, *node, PROBE);
        }
    }
}

const PROBE: &[&str] = &["http", "become"];

fn refuse(context: &Context, findings: &mut Findings, node: NodeId, keys: &[&str]) {
    for key in keys {
        if context.field(node, key).is_some() {
            unbuilt(findings, context.entry_key_span(node, key), key);
        }
    }
}

/// `on_failure: {do, then}`.
fn handler(context: &Context, findings: &mut Findings, node: NodeId) {
    if let Some(value) = context.field(node, "on_failure").filter(|value| !context.entries(*value).is_empty()) {
        unbuilt(findings, context.first_line(context.span(value)), "on_failure: {do, then}");
    }
}

fn unbuilt(findings: &mut Findings, span: Span, what: &str) {
    findings.report(
        span,
        format!("`{what}` is part of the format, but this version cannot carry it out yet"),
        "remove it, or do that part in a `shell` or `manual` step",
    );
}
