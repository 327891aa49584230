//! Results that are many, or of another kind than what is read of them; loops and what waits for steps.

use super::references::report;
use super::{Findings, names};
use crate::check::context::Context;
use crate::check::results::{Own, given_by, is_response, is_result};
use crate::check::steps::{Kind, Role, StepAt};
use crate::check::texts::ROOTS;
use crate::check::tree::NodeId;
use crate::check::{reads::Read, suggest};

/// The nodes of the ids that a step waits for.
pub(super) fn waited_for<'c>(context: &'c Context, step: &StepAt) -> impl Iterator<Item = NodeId> + use<'c> {
    let list = context.field(step.node, "wait").and_then(|wait| context.field(wait, "for"));
    list.map(|list| context.items(list)).unwrap_or_default().iter().copied()
}

/// What a loop gave, read as if it had run once; and `items` where there is no loop.
pub fn many_results(context: &Context, findings: &mut Findings) {
    for read in context.reads().filter(|read| names::not_run_yet(context, read.reader, read.read).is_none()) {
        let looping = |step: &usize| context.own_loop(&context.steps[*step]).is_some();
        let outside = context.around(read.read).find(|step| looping(step) && !context.is_within(*step, read.reader));
        let Some(what) = read.what else { continue };
        match (outside, what) {
            (Some(_), "items" | "state" | "changed" | "started" | "finished") => {}
            (Some(step), _) => many(context, findings, &read, step, what),
            (None, "items") => once(context, findings, &read),
            (None, _) => {}
        }
    }
}

fn many(context: &Context, findings: &mut Findings, read: &Read<'_>, looping: usize, what: &str) {
    let id = read.id;
    let node = context.steps[looping].node;
    let key = if context.field(node, "for_each").is_some() { "for_each" } else { "target" };
    let place = if context.field(node, key).is_some() {
        context.entry_key_span(node, key)
    } else {
        context.field_span(node, "id")
    };
    let below = read.there.rest.get(2).map(|name| format!(".{name}")).unwrap_or_default();
    let message = format!("step `{id}` ran once for each item, so that there is more than one `{what}`");
    let help = format!("read the list of its items: `steps.{id}.items | map(attribute='{what}{below}')`");
    report(findings, read, message, help, (place, "the loop"));
}

fn once(context: &Context, findings: &mut Findings, read: &Read<'_>) {
    let id = read.id;
    let own = context.around(read.read).find(|step| context.own_loop(&context.steps[*step]).is_some());
    let step = &context.steps[read.read];
    if step.kind == Some(Kind::Include) || context.target(step).is_some_and(|(name, _)| name.contains("{{")) {
        return;
    }
    let (message, help) = if own.is_some() {
        let message = format!("within the loop `steps.{id}` is that of this item, which has no `items`");
        (message, format!("read `steps.{id}` itself, or its items in a step behind the loop"))
    } else {
        let message = format!("step `{id}` does not loop, so that it has no `items`");
        (message, format!("read `steps.{id}.outputs`, `.rows` or `.stdout`"))
    };
    report(findings, read, message, help, (context.field_span(step.node, "id"), "this step"));
}

/// `steps.ask.stderr` of a query.
pub fn wrong_result(context: &Context, findings: &mut Findings) {
    for read in context.reads().filter(|read| !read.guarded && !read.through_var()) {
        let step = &context.steps[read.read];
        let later = names::not_run_yet(context, read.reader, read.read).is_some();
        let (Some(what), Some(kind), true) = (read.what, step.kind, step.sound && !later) else { continue };
        let Some(given) = given_by(kind).filter(|_| is_result(what)) else { continue };
        let action = step.actions.first().copied().unwrap_or_default();
        let place = (context.action_span(step), "this action");
        if !given.contains(&what) {
            let message = format!("step `{}` has no `{what}`: its action is `{action}`", read.id);
            report(findings, &read, message, available(given, &format!("steps.{}.", read.id)), place);
        } else if kept_back(context, step) && !context.is_within(read.read, read.reader) {
            let message = format!("step `{}` is sensitive, so that its `{what}` is not kept", read.id);
            let help = "give what is needed as one of its `outputs`".to_owned();
            let place = (context.entry_key_span(step.node, "sensitive"), "here");
            report(findings, &read, message, help, place);
        }
    }
    for reference in context.references.iter().filter(|reference| reference.result != Own::Nothing) {
        let root = reference.root.as_str();
        let Some(node) = reference.own.filter(|_| is_result(root) && !reference.guarded) else { continue };
        let mut actions = ["shell", "command", "sql", "query", "http"].into_iter();
        let Some(action) = actions.find(|key| context.field(node, key).is_some()) else { continue };
        let given = Kind::of(action).and_then(given_by).unwrap_or_default();
        // What a response has is not known at all where there is none.
        if !given.contains(&root) && (reference.result == Own::Response || !is_response(root)) {
            let message = format!("a `{action}` has no `{root}`");
            findings.report(reference.span, message, available(given, ""));
        }
    }
}

/// Whether what a step gave is not stored.
fn kept_back(context: &Context, step: &StepAt) -> bool {
    let sensitive = step.fields.as_ref().is_some_and(|fields| fields.sensitive == Some(true));
    sensitive && context.field(step.node, "sensitive").is_some()
}

fn available(given: &[&str], prefix: &str) -> String {
    if given.is_empty() {
        return format!("read `{prefix}outputs`, or another step");
    }
    let names: Vec<String> = given.iter().map(|name| format!("`{prefix}{name}`")).collect();
    format!("there are: {}", names.join(", "))
}

/// A loop whose item is called like something else that is known there.
pub fn hiding_name(context: &Context, findings: &mut Findings) {
    for (at, step) in context.steps.iter().enumerate() {
        let Some(node) = context.field(step.node, "as") else { continue };
        let Some(name) = context.text(node) else { continue };
        if ROOTS.contains(&name) || is_result(name) || name == "loop" {
            let help = "call the item by what it is, such as `as: host`";
            findings.report(context.span(node), format!("`{name}` already means something in expressions"), help);
            continue;
        }
        let outer = context.loop_of(at, name, false).map(|outer| &context.steps[outer]);
        if let Some(outer) = outer {
            let message = format!("`{name}` is already what the loop around it calls its item");
            let place =
                context.field(outer.node, "as").map_or_else(|| context.action_span(outer), |node| context.span(node));
            findings.report_with(
                context.span(node),
                message,
                "give one of the two another name",
                (place, "the outer one"),
            );
        }
    }
}

/// `wait: {for: [id]}` of what cannot be waited for.
pub fn not_waited_for(context: &Context, findings: &mut Findings) {
    for (at, wait) in context.steps.iter().enumerate() {
        for node in waited_for(context, wait) {
            let Some(id) = context.text(node) else { continue };
            let Some(step) = context.step_named(id) else {
                let background = |step: &&StepAt| context.field(step.node, "background").is_some();
                let known = context.steps.iter().filter(background).filter_map(|step| step.id.as_deref());
                let help = suggest::help(id, known, "steps in the background");
                findings.report(context.span(node), format!("there is no step `{id}` to wait for"), help);
                continue;
            };
            let target = &context.steps[step];
            let background = context.field(target.node, "background").is_some();
            let (message, help) = if !background && step < at && target.role == Role::Forward {
                (
                    format!("step `{id}` is not in the background: it has ended already"),
                    "add `background: true` there, or remove this",
                )
            } else if !background {
                (format!("step `{id}` is not in the background"), "add `background: true` there")
            } else if step >= at {
                (format!("step `{id}` begins only after this"), "move the wait behind it")
            } else if target.list != wait.list {
                (
                    format!("step `{id}` is in another list, and can be waited for only there"),
                    "move the wait to that list",
                )
            } else {
                continue;
            };
            let defined = (context.field_span(target.node, "id"), "this step");
            findings.report_with(context.span(node), message, help, defined);
        }
    }
}
