//! How a step is undone, and how it is known to be done.

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::{Kind, Part, Role, StepAt};
use crate::model::step::Effect;

const WAYS: [&str; 3] = ["rollback", "irreversible", "point_of_no_return"];

fn mutates(step: &StepAt) -> bool {
    step.effect() == Some(Effect::Mutating)
}

/// The steps that a rollback may have to undo.
fn undoable<'a>(context: &'a Context) -> impl Iterator<Item = &'a StepAt> {
    context.decoded().filter(|step| step.role == Role::Forward)
}

/// It changes something and does not say how that is undone.
pub fn unsaid(context: &Context, findings: &mut Findings) {
    for step in undoable(context).filter(|step| step.sound && mutates(step) && step.kind != Some(Kind::File)) {
        if WAYS.iter().all(|key| context.field(step.node, key).is_none()) {
            findings.report(
                context.action_span(step),
                format!("{} changes something and does not say how that is undone", context.title(step)),
                "add one of `rollback: {…}`, `rollback: {not_needed: <why>}`, `irreversible: <why>`, \
                 or `effect: read_only` if it only looks",
            );
        }
    }
}

/// Two ways at once.
pub fn said_twice(context: &Context, findings: &mut Findings) {
    for step in context.decoded() {
        let mut said = WAYS.iter().filter(|key| context.field(step.node, key).is_some());
        let Some(first) = said.next() else { continue };
        for other in said {
            findings.report_with(
                context.entry_key_span(step.node, other),
                format!("`{other}` beside `{first}`: a step is undone in one way"),
                "keep one of the two; `point_of_no_return` implies `irreversible`",
                (context.entry_key_span(step.node, first), "the other way"),
            );
        }
    }
}

/// There is nothing to undo.
pub fn needless(context: &Context, findings: &mut Findings) {
    for step in undoable(context).filter(|step| step.effect() == Some(Effect::ReadOnly)) {
        for key in ["rollback", "irreversible"] {
            if context.field(step.node, key).is_some() {
                findings.report(
                    context.entry_key_span(step.node, key),
                    format!("`{key}` on a step that changes nothing"),
                    "remove it, or say `effect: mutating` if the step does change something",
                );
            }
        }
    }
}

/// After a crash nobody could tell whether the statements were carried out. A part is simply run again.
pub fn unsettled_sql(context: &Context, findings: &mut Findings) {
    for step in context.sound().filter(|step| step.role.needs_ids()) {
        let Some(fields) = &step.fields else { continue };
        if step.kind == Some(Kind::Sql)
            && fields.transaction == Some(false)
            && fields.check.is_none()
            && fields.idempotent != Some(true)
        {
            findings.report(
                context.entry_span(step.node, "transaction"),
                "without a transaction, nobody can tell after a crash whether the statements were carried out",
                "add `check: { query: … }` that tells, or `idempotent: true` if they may run twice",
            );
        }
    }
}

/// An undo that may lack the value it needs.
pub fn reads_own_output(context: &Context, findings: &mut Findings) {
    for reference in context.references.iter().filter(|reference| reference.root == "steps" && !reference.guarded) {
        let Some(undone) = reference.step.and_then(|step| context.steps[step].role.undone()) else { continue };
        if reference.rest.first().and_then(|id| context.step_named(id)) == Some(undone) {
            findings.report(
                reference.span,
                format!(
                    "this rollback needs a result of {}, which may have failed",
                    context.title(&context.steps[undone])
                ),
                "guard it with `| default(…)`, or read the value in an earlier step",
            );
        }
    }
}

/// It cannot be undone, and the runbook goes on as if it could.
pub fn irreversible_early(context: &Context, findings: &mut Findings) {
    for step in undoable(context) {
        if context.field(step.node, "point_of_no_return").is_some() {
            return;
        }
        if mutates(step) && context.field(step.node, "irreversible").is_some() {
            findings.report(
                context.entry_span(step.node, "irreversible"),
                format!("{} cannot be undone, and no point of no return was declared before it", context.title(step)),
                "say `point_of_no_return: <why>` here or on an earlier step, if from there on there is no way back",
            );
        }
    }
}

/// Nothing shows that it worked.
pub fn unverified(context: &Context, findings: &mut Findings) {
    for step in undoable(context).filter(|step| step.sound && mutates(step)) {
        let Some(fields) = &step.fields else { continue };
        let shown = fields.check.is_some() || fields.verify.is_some() || fields.success.is_some();
        let expects = context.field(step.node, "http").is_some_and(|http| context.field(http, "expect").is_some());
        let counts = matches!(step.kind, Some(Kind::File | Kind::Manual)) || expects || context.is_not_needed(step);
        if !shown && !counts {
            findings.report(
                context.action_span(step),
                format!("nothing verifies that {} worked", context.title(step)),
                "add `verify: { … }`, a read-only action that shows it",
            );
        }
    }
}

/// Where nothing is undone.
pub fn nested(context: &Context, findings: &mut Findings) {
    for step in context.decoded() {
        let place = match (step.role, step.kind) {
            (Role::Forward, Some(Kind::Group | Kind::Include)) => "a group is undone by undoing its members",
            (Role::Forward, Some(Kind::Hold)) => "a hold is undone by its release",
            (Role::Forward, _) => continue,
            (Role::Part(Part::Undo, _), _) => "a step of a rollback is not undone itself",
            (Role::Hook(_), _) => "a step of a hook is not undone",
            (Role::Part(..) | Role::AnyFailure, _) => "a step of such a list is not undone",
        };
        for key in WAYS {
            if context.field(step.node, key).is_some() {
                findings.report(context.entry_key_span(step.node, key), format!("`{key}`: {place}"), "remove it");
            }
        }
    }
}
