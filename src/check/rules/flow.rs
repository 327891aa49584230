//! Loops, repetition, holds and what goes on in the background: which of their fields go together.

use super::Findings;
use crate::check::context::Context;
use crate::check::resolve::serial;
use crate::check::steps::StepAt;
use crate::check::tree::{Kind as NodeKind, NodeId};

const OF_LOOP: [&str; 5] = ["as", "serial", "canary", "between", "max_failures"];

/// What contradicts itself in one step. Reported by the rule that looks at all fields of a step.
pub(super) fn contradictions(context: &Context, findings: &mut Findings, step: &StepAt) {
    match context.own_loop(step) {
        Some(_) => a_loop(context, findings, step),
        None => alone(context, findings, step, &OF_LOOP, "for_each", "add `for_each: [...]`, or remove it"),
    }
    alone(context, findings, step, &["release_on", "retake"], "hold", "add `hold: { acquire: …, release: … }`");
    alone(context, findings, step, &["until_end"], "background", "add `background: true`");
    counts(context, findings, step);
    repetition(context, findings, step);
}

/// Fields that mean something only beside another.
fn alone(context: &Context, findings: &mut Findings, step: &StepAt, keys: &[&str], principal: &str, help: &str) {
    if context.field(step.node, principal).is_some() {
        return;
    }
    for key in keys.iter().filter(|key| context.field(step.node, key).is_some()) {
        let span = context.entry_key_span(step.node, key);
        findings.report(span, format!("`{key}` without `{principal}`"), help);
    }
}

fn a_loop(context: &Context, findings: &mut Findings, step: &StepAt) {
    let Some(fields) = &step.fields else { return };
    if let Some(items) = context.field(step.node, "for_each") {
        loop_items(context, findings, step, items);
    }
    if fields.serial.is_some() && serial(fields.serial.as_ref()).is_none() {
        let span = context.field_span(step.node, "serial");
        findings.report(
            span,
            "`serial` is a number of items, or a share of them",
            "write `serial: 3` or `serial: 25%`",
        );
    }
    if let Some(name) = &fields.r#as {
        let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
            && name.bytes().next().is_some_and(|first| !first.is_ascii_digit());
        if !is_name {
            let message = format!("an item cannot be called `{name}` in expressions");
            let help = "write a word of its own in a-z, 0-9 and _, such as `host`";
            findings.report(context.field_span(step.node, "as"), message, help);
        }
    }
}

fn loop_items(context: &Context, findings: &mut Findings, step: &StepAt, items: NodeId) {
    let span = context.first_line(context.span(items));
    let goes_over_nothing = match &context.tree.node(items).kind {
        // Of a text its type is said elsewhere.
        NodeKind::Scalar { .. } => false,
        NodeKind::Sequence(items) => items.is_empty(),
        NodeKind::Mapping(_) => true,
    };
    if goes_over_nothing {
        let help = "write `for_each: [a, b]`, or a template such as \"{{ parameters.hosts }}\"";
        findings.report(span, "`for_each` takes a list with items, or a template that gives one", help);
    }
    if context.field(step.node, "parallel").is_some() {
        let span = context.entry_key_span(step.node, "parallel");
        let message = "`parallel` is for the members of a group, and `for_each` makes a loop of it";
        findings.report(span, message, "write `serial: 4` for so many items at a time");
    }
    let name = context.own_loop(step).unwrap_or("item");
    if let Some((target, node)) = context.field(step.node, "target").and_then(|_| context.target(step))
        && context.is_hosts(node)
        && has_several(context, target)
    {
        let message = format!("two loops in one step: over `for_each` and over the hosts of `{target}`");
        findings.report(context.span(node), message, format!("write `target: \"{{{{ {name} }}}}\"` for one host each"));
    }
}

/// Whether a target has several hosts that are written out. What a template gives may be the one that is wanted.
fn has_several(context: &Context, target: &str) -> bool {
    let targets = context.field(context.root, "targets");
    let hosts =
        targets.and_then(|targets| context.field(targets, target)).and_then(|node| context.field(node, "hosts"));
    hosts.is_some_and(|hosts| context.items(hosts).len() > 1)
}

/// Numbers that mean nothing.
fn counts(context: &Context, findings: &mut Findings, step: &StepAt) {
    let Some(fields) = &step.fields else { return };
    if fields.canary == Some(0) {
        let span = context.field_span(step.node, "canary");
        findings.report(span, "`canary: 0` asks after no item", "write `canary: 1`, or remove it");
    }
    if fields.parallel.is_some_and(|parallel| parallel < 2) && fields.for_each.is_none() {
        let span = context.field_span(step.node, "parallel");
        findings.report(
            span,
            "`parallel` says how many members run side by side, so it is at least 2",
            "write `parallel: 4`, or remove it",
        );
    }
    if fields.release_on.as_ref().is_some_and(Vec::is_empty) {
        let span = context.field_span(step.node, "release_on");
        findings.report(span, "this is released on no way out", "name the ways: success, failure, stop, rollback");
    }
}

fn repetition(context: &Context, findings: &mut Findings, step: &StepAt) {
    let Some(fields) = &step.fields else { return };
    let Some(repeat) = &fields.repeat else { return };
    let Some(node) = context.field(step.node, "repeat") else { return };
    match repeat.max {
        // It is ended with its list.
        None if fields.until_end == Some(true) => {}
        None => {
            let span = context.entry_key_span(step.node, "repeat");
            findings.report(span, "`repeat` has no `max`, so it could go on for ever", "add `max: 1000`");
        }
        Some(0) => {
            let span = context.field_span(node, "max");
            findings.report(span, "`max: 0` repeats nothing", "write how often at most, such as `max: 1000`");
        }
        Some(_) => {}
    }
    if context.field(step.node, "until").is_some() {
        let span = context.entry_key_span(step.node, "repeat");
        findings.report(span, "`repeat` beside `until`, which repeats the step already", "keep one of the two");
    }
}
