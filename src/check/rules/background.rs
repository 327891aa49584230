//! What goes on beside the steps that follow, and who waits for it.

use std::collections::{HashMap, HashSet};

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::StepAt;
use crate::check::tree::NodeId;

/// The steps that a `wait: {for}` names, and where.
fn named<'c>(context: &'c Context, step: &StepAt) -> Vec<(&'c str, NodeId)> {
    let list = context.field(step.node, "wait").and_then(|wait| context.field(wait, "for"));
    let items = list.map(|list| context.items(list)).unwrap_or_default();
    items.iter().filter_map(|item| Some((context.text(*item)?, *item))).collect()
}

/// A step that goes on in the background and whose failure nobody would ever learn of.
pub fn never_joined(context: &Context, findings: &mut Findings) {
    let waited_for: HashSet<usize> = context
        .steps
        .iter()
        .flat_map(|step| named(context, step))
        .filter_map(|(name, _)| context.step_named(name))
        .collect();
    for (at, step) in context.steps.iter().enumerate().filter(|(at, step)| step.sound && !waited_for.contains(at)) {
        let fields = step.fields.as_ref();
        let joined = fields.is_some_and(|fields| fields.background == Some(true) && fields.until_end != Some(true));
        // Of two steps with one id, which is another mistake, only the first is waited for.
        let Some(id) = step.id.as_deref().filter(|id| joined && context.step_named(id) == Some(at)) else { continue };
        findings.report(
            context.entry_key_span(step.node, "background"),
            format!("nothing waits for step `{id}`, so nobody would learn that it failed"),
            format!(
                "add `- {{ id: {id}-done, wait: {{ for: [{id}] }}, timeout: 1h }}` further down in the same list, or \
                 `until_end: true` where it is to be ended with the list"
            ),
        );
    }
}

/// Waiting for no step, for one that is over, or for one that does not end by itself. What cannot be waited for in that
/// place at all is another rule's.
pub fn waits_in_vain(context: &Context, findings: &mut Findings) {
    let mut joined: HashMap<usize, NodeId> = HashMap::new();
    for (at, step) in context.steps.iter().enumerate() {
        let list = context.field(step.node, "wait").and_then(|wait| context.field(wait, "for"));
        let Some(list) = list.filter(|list| context.text(*list).is_none()) else { continue };
        let named = named(context, step);
        if named.is_empty() {
            let help = "name the steps: `wait: { for: [analyze] }`";
            findings.report(context.first_line(context.span(list)), "this waits for no step", help);
        }
        for (name, node) in named {
            let Some(meant) = context.step_named(name).filter(|meant| *meant < at) else { continue };
            let other = &context.steps[meant];
            let Some(fields) = other.fields.as_ref().filter(|_| other.list == step.list) else { continue };
            if fields.until_end == Some(true) {
                let message =
                    format!("step `{name}` goes on until its list ends, so this would wait for its whole timeout");
                let place = context.entry_key_span(other.node, "until_end");
                findings.report_with(
                    context.span(node),
                    message,
                    "remove `until_end` there, or this wait",
                    (place, "here"),
                );
            } else if fields.background == Some(true)
                && let Some(first) = joined.insert(meant, node)
            {
                let message = format!("step `{name}` was waited for before, so it is over");
                findings.report_with(
                    context.span(node),
                    message,
                    "remove one of the two",
                    (context.span(first), "here"),
                );
            }
        }
    }
}
