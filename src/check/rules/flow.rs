//! Loops, repetitions and holds: what each needs beside it, and what it cannot be.

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::StepAt;
use crate::check::tree::NodeId;

/// Fields that mean something only beside another.
const BESIDE: &[(&str, &str, &str)] = &[
    ("as", "for_each", "`for_each: [web-1, web-2]`"),
    ("serial", "for_each", "`for_each: [web-1, web-2]`"),
    ("canary", "for_each", "`for_each: [web-1, web-2]`"),
    ("between", "for_each", "`for_each: [web-1, web-2]`"),
    ("max_failures", "for_each", "`for_each: [web-1, web-2]`"),
    ("release_on", "hold", "`hold: { acquire: {…}, release: {…} }`"),
    ("retake", "hold", "`hold: { acquire: {…}, release: {…} }`"),
    ("until_end", "background", "`background: true`"),
];

/// Pairs of which one says what the other cannot bear.
const APART: &[(&str, &str, &str)] = &[
    ("for_each", "parallel", "say with `serial` how many items go at a time"),
    ("until", "repeat", "`until` looks until something is so, `repeat` does something until it is: keep one"),
];

/// A field without the one that it belongs to, and fields of which one excludes the other.
pub fn beside(context: &Context, findings: &mut Findings, step: &StepAt) {
    for (key, principal, example) in BESIDE {
        let there =
            context.field(step.node, principal).is_some() || *principal == "for_each" && may_loop(context, step);
        if !there && context.field(step.node, key).is_some() {
            let message = format!("`{key}` without `{principal}`");
            findings.report(context.entry_key_span(step.node, key), message, format!("add {example}, or remove it"));
        }
    }
    for (first, second, help) in APART {
        if context.field(step.node, first).is_some() && context.field(step.node, second).is_some() {
            findings.report_with(
                context.entry_key_span(step.node, second),
                format!("`{second}` beside `{first}`"),
                *help,
                (context.entry_key_span(step.node, first), "the other"),
            );
        }
    }
}

/// Whether it is a loop already, or one as soon as the target turns out to be several hosts.
fn may_loop(context: &Context, step: &StepAt) -> bool {
    context.own_loop(step).is_some() || context.target(step).is_some_and(|(name, _)| name.contains("{{"))
}

/// A loop or a repetition that could not be carried out, or not as it was meant.
pub fn malformed_loop(context: &Context, findings: &mut Findings) {
    for step in context.sound() {
        serial(context, findings, step.node);
        for (key, what) in [("canary", "asks after no item"), ("parallel", "lets no member run")] {
            if let Some(node) = zero(context, step.node, key) {
                let message = format!("`{key}: 0` {what}");
                findings.report(context.span(node), message, format!("write `{key}: 1`, or remove it"));
            }
        }
        repetition(context, findings, step);
        item(context, findings, step);
    }
}

fn zero(context: &Context, node: NodeId, key: &str) -> Option<NodeId> {
    context.field(node, key).filter(|value| context.text(*value) == Some("0"))
}

fn serial(context: &Context, findings: &mut Findings, step: NodeId) {
    let Some(node) = context.field(step, "serial") else { return };
    let text = context.text(node).unwrap_or_default();
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0);
    let is = match text.strip_suffix('%') {
        Some(share) => number(share).is_some_and(|share| share <= 100),
        None => number(text).is_some(),
    };
    if !is {
        findings.report(
            context.first_line(context.span(node)),
            format!("`{text}` says not how many items go at a time"),
            "write a number from 1, such as `serial: 3`, or a share, such as `serial: 25%`",
        );
    }
}

fn repetition(context: &Context, findings: &mut Findings, step: &StepAt) {
    let Some(node) = context.field(step.node, "repeat") else { return };
    if let Some(max) = zero(context, node, "max") {
        findings.report(context.span(max), "`max: 0` does it not even once", "write how often at most: `max: 100`");
        return;
    }
    let ends = ["until", "max"].iter().any(|key| context.field(node, key).is_some());
    let ended = step.fields.as_ref().is_some_and(|fields| fields.until_end == Some(true));
    if !ends && !ended {
        findings.report(
            context.entry_key_span(step.node, "repeat"),
            "this is repeated for ever",
            "add `until: <expression>` or `max: 100`; or `background: true` with `until_end: true`",
        );
    }
}

/// An item whose name no expression could read.
fn item(context: &Context, findings: &mut Findings, step: &StepAt) {
    let Some(node) = context.field(step.node, "as") else { return };
    let Some(name) = context.text(node) else { return };
    let is_letter = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    if name.starts_with(|first: char| is_letter(first) && !first.is_ascii_digit()) && name.chars().all(is_letter) {
        return;
    }
    let better: String = name.chars().map(|letter| if is_letter(letter) { letter } else { '_' }).collect();
    let is_fine = better.starts_with(|first: char| first.is_ascii_alphabetic());
    findings.report(
        context.first_line(context.span(node)),
        format!("expressions cannot read an item called `{name}`"),
        format!("write `as: {}`", if is_fine { better.as_str() } else { "host" }),
    );
}
