//! References to results that may not be there: of steps that are skipped, that fail, that run beside.

use std::collections::HashSet;

use super::{Findings, names};
use crate::check::conditions;
use crate::check::context::Context;
use crate::check::document::Choice;
use crate::check::reads::Read;
use crate::check::steps::Role;
use crate::expression::identifier;
use crate::model::diagnostic::{Label, Span};
use crate::model::flow::Then;
use crate::model::runbook::Hook;
use crate::model::step::OnFailure;

/// Reports a reading at the step that reads, with where the var between reads the step.
pub(super) fn report(
    findings: &mut Findings,
    read: &Read<'_>,
    message: String,
    help: String,
    (place, text): (Span, &str),
) {
    let labels = &mut findings.report(read.here.span, message, help).labels;
    if read.through_var() {
        labels.push(Label { span: read.there.span, text: "read here".to_owned() });
    }
    labels.push(Label { span: place, text: text.to_owned() });
}

/// `steps.<id>` of a step that may be skipped, or that a hook may come before.
pub fn may_not_run(context: &Context, findings: &mut Findings) {
    for read in context.reads().filter(|read| !read.guarded) {
        if names::not_run_yet(context, read.reader, read.read).is_some() {
            continue;
        }
        let id = read.id;
        let defined = context.field_span(context.steps[read.read].node, "id");
        let asked = || is_asked_for(context, &read, 1);
        if let Some(hook) = early_hook(context, &read).filter(|_| !asked()) {
            let message = format!("step `{id}` may not have run when the hook {} does", hook.as_str());
            report(findings, &read, message, guard(), (defined, "this step"));
        } else if let Some(skipped) = may_be_skipped(context, &read).filter(|_| !asked()) {
            let message = if skipped == read.read {
                format!("step `{id}` may be skipped, and then it has no result")
            } else {
                format!("step `{id}` is part of a group that may be skipped, and then it has no result")
            };
            let when = context.field(context.steps[skipped].node, "when");
            let place = when.map_or(defined, |when| context.first_line(context.span(when)));
            let help = format!("{}, or give the step that reads it the same `when`", guard());
            report(findings, &read, message, help, (place, "skipped unless this holds"));
        }
    }
}

fn guard() -> String {
    "guard it with `is defined` or `| default(…)`".to_owned()
}

/// The hook that may run before the step did that it reads.
fn early_hook(context: &Context, read: &Read<'_>) -> Option<Hook> {
    let reader = context.around(read.reader).last()?;
    match (context.steps[reader].role, context.steps[read.read].role) {
        (Role::Hook(hook @ (Hook::OnFailure | Hook::OnRollback | Hook::Always)), Role::Forward) => Some(hook),
        _ => None,
    }
}

/// The step or group with a `when` that need not hold where a reading is.
fn may_be_skipped(context: &Context, read: &Read<'_>) -> Option<usize> {
    let mut holds: Option<HashSet<String>> = None;
    context.around(read.read).find(|step| {
        let Some(when) = context.steps[*step].fields.as_ref().and_then(|fields| fields.when.as_ref()) else {
            return false;
        };
        if when.0 == "true" || context.is_within(*step, read.reader) {
            return false;
        }
        let holds = holds.get_or_insert_with(|| established(context, read));
        conditions::of(&when.0, true).iter().any(|part| !holds.contains(part))
    })
}

/// The conditions that hold where a reading is.
fn established(context: &Context, read: &Read<'_>) -> HashSet<String> {
    let mut holds: HashSet<String> = read.here.under.iter().chain(&read.there.under).cloned().collect();
    for step in context.around(read.reader) {
        if step == read.reader && read.here.decides {
            continue;
        }
        let when = context.steps[step].fields.as_ref().and_then(|fields| fields.when.as_ref());
        holds.extend(when.into_iter().flat_map(|when| conditions::of(&when.0, true)));
    }
    holds
}

/// Whether a condition that holds where a reading is asked whether the step is defined, or what so many names of the
/// reading come to.
fn is_asked_for(context: &Context, read: &Read<'_>, names: usize) -> bool {
    let path: Vec<&str> =
        std::iter::once("steps").chain(read.there.rest.iter().take(names).map(String::as_str)).collect();
    let path = path.join(".");
    established(context, read).iter().any(|condition| {
        let asked = condition.strip_suffix(" is defined");
        let below = asked.and_then(|asked| asked.strip_prefix(path.as_str()));
        below.is_some_and(|below| below.is_empty() || below.starts_with('.') && !below.contains(' '))
    })
}

/// `steps.<id>.outputs` of a step whose failure lets the run go on.
pub fn may_have_failed(context: &Context, findings: &mut Findings) {
    let default = context.document.as_ref().and_then(|document| document.defaults.on_failure);
    for read in context.reads().filter(|read| !read.guarded && read.what == Some("outputs")) {
        let later = names::not_run_yet(context, read.reader, read.read).is_some();
        if later || context.is_within(read.read, read.reader) || early_hook(context, &read).is_some() {
            continue;
        }
        let step = &context.steps[read.read];
        let goes_on = match context.on_failure(step).or(default) {
            Some(Choice::Word(word)) => word == OnFailure::Continue,
            Some(Choice::Handler(handler)) => handler.then == Some(Then::Continue),
            None => false,
        };
        if goes_on && !is_asked_for(context, &read, 3) {
            let says =
                context.around(read.read).find_map(|step| context.tree.get(context.steps[step].node, "on_failure"));
            let place = says.map_or_else(|| context.field_span(step.node, "id"), |entry| context.span(entry.key));
            let message = format!("step `{}` has no outputs where it failed, and the run goes on then", read.id);
            report(findings, &read, message, guard(), (place, "goes on after a failure"));
        }
    }
}

/// `steps.<id>` of a step that runs at the same time.
pub fn beside(context: &Context, findings: &mut Findings) {
    for read in context.reads() {
        let defined = context.field_span(context.steps[read.read].node, "id");
        if let Some(group) = parallel_group(context, read.reader, read.read) {
            let place = context.entry_key_span(context.steps[group].node, "parallel");
            let message = format!("step `{}` runs beside the step that reads it", read.id);
            let help = "read it in a step behind the group, or take `parallel` away".to_owned();
            report(findings, &read, message, help, (place, "its members run at the same time"));
        } else if let Some(background) = not_joined(context, &read) {
            let id = context.steps[background].id.as_deref().unwrap_or(read.id);
            let message = format!("step `{}` goes on in the background, and nothing waited for it", read.id);
            let ends = context.field(context.steps[background].node, "until_end").is_some();
            let help = if ends {
                "read it behind the list with whose end it ends".to_owned()
            } else {
                format!("add `wait: {{ for: [{id}] }}` before this step")
            };
            report(findings, &read, message, help, (defined, "this step"));
        }
    }
}

/// The group whose members two steps are, or are parts of, that runs them at the same time.
pub(super) fn parallel_group(context: &Context, one: usize, other: usize) -> Option<usize> {
    let outer: Vec<usize> = context.around(other).collect();
    let path: Vec<usize> = context.around(one).collect();
    let common = path.iter().position(|step| outer.contains(step))?;
    let apart = common > 0 && outer.first() != Some(&path[common]);
    let group = path[common];
    let several = context.steps[group].fields.as_ref().and_then(|fields| fields.parallel)? > 1;
    (several && apart && context.field(context.steps[group].node, "for_each").is_none()).then_some(group)
}

/// The step in the background that a reading comes too early for.
fn not_joined(context: &Context, read: &Read<'_>) -> Option<usize> {
    let background = context.around(read.read).find(|step| {
        let fields = context.steps[*step].fields.as_ref();
        fields.is_some_and(|fields| fields.background == Some(true)) && !context.is_within(*step, read.reader)
    })?;
    let step = &context.steps[background];
    let outer = context.outer(background);
    let in_reach = outer.is_none_or(|outer| context.is_within(outer, read.reader));
    let same =
        outer.is_some() || context.around(read.reader).last().is_some_and(|top| context.steps[top].role == step.role);
    if read.reader < background || !in_reach || !same {
        return None;
    }
    let name = step.id.as_deref().map(identifier);
    let joined = context.steps[background..read.reader].iter().any(|wait| {
        wait.list == step.list
            && super::loops::waited_for(context, wait)
                .any(|node| context.text(node).is_some_and(|id| name == Some(identifier(id))))
    });
    (!joined).then_some(background)
}
