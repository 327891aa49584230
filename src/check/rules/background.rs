//! What goes on beside the steps that follow, and who waits for it.

use std::collections::{HashMap, HashSet};

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::StepAt;
use crate::check::suggest;
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

/// Waiting for what cannot be waited for there.
pub fn waits_for_nothing(context: &Context, findings: &mut Findings) {
    let mut joined: HashMap<usize, NodeId> = HashMap::new();
    for (at, step) in context.steps.iter().enumerate() {
        let list = context.field(step.node, "wait").and_then(|wait| context.field(wait, "for"));
        let Some(list) = list else { continue };
        let named = named(context, step);
        if named.is_empty() && context.text(list).is_none() {
            let help = "name the steps: `wait: { for: [analyze] }`";
            findings.report(context.first_line(context.span(list)), "this waits for no step", help);
        }
        for (name, node) in named {
            let Some(meant) = context.step_named(name) else {
                let ids = background_ids(context, step.list);
                let help = suggest::help(name, ids, "steps in the background of this list");
                findings.report(context.span(node), format!("there is no step `{name}`"), help);
                continue;
            };
            let other = &context.steps[meant];
            if !other.sound {
                continue;
            }
            let label = (context.first_line(context.span(other.node)), "this step");
            if let Some((message, help)) = refusal(other, step, meant < at) {
                findings.report_with(context.span(node), message.replace("{}", &format!("`{name}`")), help, label);
            } else if let Some(first) = joined.insert(meant, node) {
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

/// Why a step cannot wait for another; `{}` stands for its name.
fn refusal(other: &StepAt, step: &StepAt, is_earlier: bool) -> Option<(&'static str, &'static str)> {
    let fields = other.fields.as_ref()?;
    if fields.background != Some(true) {
        return Some((
            "step {} does not go on in the background, so there is nothing to wait for",
            "add `background: true` to it, or remove it here",
        ));
    }
    if other.list != step.list {
        return Some((
            "step {} is in another list, and is joined there",
            "move this wait into the list of that step, or the step into this one",
        ));
    }
    if !is_earlier {
        return Some(("step {} begins only later", "move this wait behind it"));
    }
    if fields.until_end == Some(true) {
        return Some((
            "step {} goes on until its list ends, so it would be waited for until the timeout",
            "remove `until_end` from it, or the wait",
        ));
    }
    None
}

fn background_ids<'c>(context: &'c Context, list: NodeId) -> Vec<&'c str> {
    let of_list = context.steps.iter().filter(|step| step.list == list);
    of_list
        .filter(|step| step.fields.as_ref().is_some_and(|fields| fields.background == Some(true)))
        .filter_map(|step| step.id.as_deref())
        .collect()
}
