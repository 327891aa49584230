//! Exactly one action in a step.

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::ACTIONS;

/// Two things in one step.
pub fn more_than_one(context: &Context, findings: &mut Findings) {
    for step in &context.steps {
        let [first, others @ ..] = step.actions.as_slice() else { continue };
        if let Some(other) = others.first() {
            findings.report_with(
                context.entry_key_span(step.node, other),
                format!("two actions in one step: `{first}` and `{other}`"),
                "make two steps of them, each with an id of its own",
                (context.entry_key_span(step.node, first), "the other action"),
            );
        }
    }
}

/// Nothing to do.
pub fn none(context: &Context, findings: &mut Findings) {
    for step in context.steps.iter().filter(|step| step.sound && step.actions.is_empty()) {
        if context.field(step.node, "hold").is_none() {
            findings.report(
                context.first_line(context.span(step.node)),
                format!("{} has no action", context.title(step)),
                format!("add one of {}", ACTIONS.join(", ")),
            );
        }
    }
}
