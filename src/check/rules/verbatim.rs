//! Templates in texts that are none: code, names of files, patterns, prose.

use std::ops::Range;

use super::Findings;
use crate::check::context::Context;
use crate::check::texts::ROOTS;
use crate::check::tree::NodeId;

/// Where a text has templates that read one of our names. Other braces are the text's own.
pub(super) fn templates(text: &str, loops: &[&str]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for (open, close, whole) in [("{{", "}}", false), ("{%", "%}", true)] {
        for (at, _) in text.match_indices(open) {
            let inside = &text[at + 2..];
            let end = inside.find(close);
            let inside = inside[..end.unwrap_or(inside.len())].trim_start_matches(['-', '+']).trim_start();
            let reads = |name: &&str| {
                let below = |rest: &str| ROOTS.contains(name) && rest.starts_with(['.', '[']);
                let after = |rest: &str| !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_');
                let begins = inside.strip_prefix(*name).is_some_and(after);
                let within = || inside.split(' ').any(|word| word.strip_prefix(*name).is_some_and(below));
                if whole { end.is_some() && within() } else { begins }
            };
            if ROOTS.iter().chain(loops).any(reads) {
                found.push(at..end.map_or(at + 2, |end| at + end + 4));
            }
        }
    }
    found.sort_by_key(|range| range.start);
    found
}

/// Whether a text is none although it has a template of ours in it.
pub(super) fn has_template(text: &str) -> bool {
    !templates(text, &[]).is_empty()
}

/// A template where a run takes the text as it is.
pub fn taken_literally(context: &Context, findings: &mut Findings) {
    let mut look = |node: Option<NodeId>, what: &str, help: &str| {
        report(context, findings, node, |_| format!("`{what}` is never a template"), help);
    };
    let known = "write what it is; it has to be known before anything runs";
    for secret in below(context, context.root, "secrets") {
        for key in ["env", "file"] {
            look(
                context.field(secret, key),
                key,
                "write the name itself: a secret is found without the runbook's values",
            );
        }
        for part in below(context, secret, "command") {
            look(Some(part), "command", "write the words themselves: a secret is found without the runbook's values");
        }
    }
    for parameter in below(context, context.root, "parameters") {
        look(context.field(parameter, "default"), "default", "declare a var, which may be a template");
    }
    for step in &context.steps {
        if let Some(file) = context.field(step.node, "file") {
            for key in ["source", "template"] {
                look(context.field(file, key), key, known);
            }
            for key in ["owner", "group", "mode"] {
                look(context.field(file, key), key, known);
            }
        }
        for (action, key) in [("sql", "file"), ("runbook", "path")] {
            let named = context.field(step.node, action).and_then(|action| context.field(action, key));
            look(named, key, known);
        }
        if let Some(success) = context.field(step.node, "success") {
            for key in ["stdout", "stdout_not", "stderr", "stderr_not"] {
                look(context.field(success, key), key, "compare in `that`, which is an expression");
            }
        }
    }
}

/// A template in prose, which is shown as it is written.
pub fn in_prose(context: &Context, findings: &mut Findings) {
    let mut look = |node: Option<NodeId>, what: &str| {
        let help = "say it without a value; `message`, `name` and `instructions` are templates";
        report(
            context,
            findings,
            node,
            |text| format!("`{what}` is shown as it is written, with `{text}` in it"),
            help,
        );
    };
    for key in ["title", "description", "owner"] {
        look(context.field(context.root, key), key);
    }
    for parameter in below(context, context.root, "parameters") {
        look(context.field(parameter, "description"), "description");
    }
    for followup in below(context, context.root, "followups") {
        for key in ["title", "owner"] {
            look(context.field(followup, key), key);
        }
    }
    for step in &context.steps {
        for key in ["notes", "irreversible", "point_of_no_return"] {
            look(context.field(step.node, key), key);
        }
        let rollback = context.field(step.node, "rollback");
        look(rollback.and_then(|rollback| context.field(rollback, "not_needed")), "not_needed");
    }
}

fn below(context: &Context, node: NodeId, key: &str) -> Vec<NodeId> {
    let Some(node) = context.field(node, key) else { return Vec::new() };
    let values = context.entries(node).iter().map(|entry| entry.value);
    context.items(node).iter().copied().chain(values).collect()
}

fn report(
    context: &Context,
    findings: &mut Findings,
    node: Option<NodeId>,
    message: impl Fn(&str) -> String,
    help: &str,
) {
    let Some((node, text)) = node.and_then(|node| Some((node, context.text(node)?))) else { return };
    if !text.contains('{') {
        return;
    }
    for range in templates(text, &[]) {
        let span = context.span_within(node, &context.places(node), range.start, range.len());
        findings.report(span, message(&text[range]), help);
    }
}
