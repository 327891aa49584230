//! What YAML makes of a text, where that is not what the text looks like; and more than is read.

use std::collections::HashSet;

use super::Findings;
use crate::check::comments;
use crate::check::context::{Context, STEP_LIMIT};
use crate::check::scalar::{self, Plain};
use crate::check::tree::{Kind, NodeId};

/// More steps than a runbook may have, those that an alias repeats counted.
pub fn too_many_steps(context: &Context, findings: &mut Findings) {
    if let Some(node) = context.surplus {
        let message = format!("the runbook has more than {STEP_LIMIT} steps, and this one is not read");
        let help = "make several runbooks of it, or one step that works through a list";
        findings.report(context.first_line(context.span(node)), message, help);
    }
}

/// Words and numbers that mean something else in YAML 1.1, where expressions see them.
pub fn older_yaml(context: &Context, findings: &mut Findings) {
    for node in free(context, &["vars", "outputs"]) {
        let Some(written) = plain(context, node) else { continue };
        let (meant, help) = match scalar::older_boolean(written) {
            Some(meant) => (meant.to_string(), format!("write `{meant}`, or \"{written}\" for the text")),
            None if is_sexagesimal(written) => (
                "a number in base 60".to_owned(),
                format!("write \"{written}\" for the text, or a duration such as 90s"),
            ),
            None => continue,
        };
        let message = format!("`{written}` is a text here, where older YAML reads {meant}");
        findings.report(context.span(node), message, help);
    }
}

/// Whether YAML 1.1 reads minutes and seconds, or hours, minutes and seconds.
fn is_sexagesimal(written: &str) -> bool {
    let mut parts = written.split(':');
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let first = parts.next().unwrap_or_default();
    let mut rest = parts.peekable();
    rest.peek().is_some()
        && digits(first)
        && !first.starts_with('0')
        && rest.all(|part| digits(part) && part.len() <= 2)
}

/// Numbers that are written otherwise than they are read, where a text or a version is likely to be meant.
pub fn lost_digits(context: &Context, findings: &mut Findings) {
    for node in free(context, &["vars", "outputs", "env", "variables"]) {
        let Some(written) = plain(context, node) else { continue };
        let read = match scalar::resolve(written) {
            Plain::Integer(value) => value.to_string(),
            Plain::Float(value) => serde_json::Value::from(value).to_string(),
            Plain::Null | Plain::Boolean(_) | Plain::Text => continue,
        };
        if read != written && read != "null" {
            let message = format!("`{written}` is read as the number {read}");
            findings.report(context.span(node), message, format!("put quotes around it: \"{written}\""));
        }
    }
}

/// Comments that look like the rest of a sentence.
pub fn cut_sentence(context: &Context, findings: &mut Findings) {
    for cut in comments::cuts(context.source, context.tree) {
        let message = "` #` begins a comment, so that the value ends before it";
        let help = "put quotes around the whole value; a comment has a space behind its `#`";
        findings.report_with(
            cut.comment,
            message,
            help,
            (context.first_line(cut.value), "all that is left of the value"),
        );
    }
}

/// Anchors that no alias names.
pub fn unused_anchor(context: &Context, findings: &mut Findings) {
    for span in context.tree.unused_anchors() {
        let written = &context.source.text[span.start..span.end];
        let help = "remove it; put quotes around a value that begins with `&`";
        findings.report(*span, format!("the anchor `{written}` is never used"), help);
    }
}

/// Every scalar below one of the keys, each once.
fn free(context: &Context, keys: &[&str]) -> Vec<NodeId> {
    let (mut seen, mut scalars) = (HashSet::new(), Vec::new());
    for node in context.tree.nodes() {
        let Kind::Mapping(entries) = &node.kind else { continue };
        for entry in entries.iter().filter(|entry| context.text(entry.key).is_some_and(|key| keys.contains(&key))) {
            below(context, entry.value, &mut seen, &mut scalars);
        }
    }
    scalars
}

fn below(context: &Context, node: NodeId, seen: &mut HashSet<NodeId>, scalars: &mut Vec<NodeId>) {
    if !seen.insert(node) {
        return;
    }
    match &context.tree.node(node).kind {
        Kind::Scalar { .. } => scalars.push(node),
        Kind::Sequence(items) => items.iter().for_each(|item| below(context, *item, seen, scalars)),
        Kind::Mapping(entries) => entries.iter().for_each(|entry| below(context, entry.value, seen, scalars)),
    }
}

fn plain<'c>(context: &'c Context, node: NodeId) -> Option<&'c str> {
    match &context.tree.node(node).kind {
        Kind::Scalar { text, plain: true } => Some(text),
        _ => None,
    }
}
