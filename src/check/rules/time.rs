//! Limits, pauses and estimates.

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::{Kind, Part, Role, StepAt};
use crate::expression::duration;
use crate::model::step::Effect;

/// A text where a duration is wanted that is none.
pub fn malformed_duration(context: &Context, findings: &mut Findings) {
    for at in &context.durations {
        let Some(text) = context.text(at.node) else { continue };
        if text.contains("{{") {
            if !at.may_be_template {
                findings.report(
                    context.span(at.node),
                    "this duration has to be known before anything runs, so it takes no template",
                    "write the duration itself, such as 90s",
                );
            }
        } else if let Err(error) = duration::parse(text) {
            findings.report(context.span(at.node), error.to_string(), error.help());
        }
    }
}

/// A step or a part that runs something and could run for ever.
pub fn no_timeout(context: &Context, findings: &mut Findings) {
    if context.has_default_timeout() {
        return;
    }
    for step in context.sound() {
        let Some(fields) = &step.fields else { continue };
        if fields.timeout.is_some() {
            continue;
        }
        if runs_something(step) && fields.until.is_none() {
            findings.report(
                context.action_span(step),
                format!("{} has no timeout", context.title(step)),
                "add `timeout: 5m` to the step, or to `defaults`",
            );
            continue;
        }
        // A look of a watch is over at the latest when the next is due.
        let asked = context.probes(step).filter(|probe| probe.name != "watch");
        for probe in asked.filter(|probe| probe.fields.timeout.is_none() && probe.fields.until.is_none()) {
            findings.report(
                context.question_span(&probe),
                format!("the {} of {} has no timeout", probe.name, context.title(step)),
                "add `timeout: 30s` to it, or a timeout to the step or to `defaults`",
            );
        }
    }
}

/// Polling without an end.
pub fn until_without_timeout(context: &Context, findings: &mut Findings) {
    if context.has_default_timeout() {
        return;
    }
    for step in context.sound() {
        let Some(fields) = &step.fields else { continue };
        if fields.timeout.is_some() {
            continue;
        }
        let own = fields.until.is_some().then_some(step.node);
        let probes =
            context.probes(step).filter(|probe| probe.fields.until.is_some() && probe.fields.timeout.is_none());
        for node in own.into_iter().chain(probes.map(|probe| probe.node)) {
            findings.report(
                context.field_span(node, "until"),
                "`until` has no timeout, so it could wait for ever",
                "add `timeout: 10m`: how long to wait at most",
            );
        }
    }
}

/// Whether a step runs something, so that the default timeout is its own.
pub(super) fn runs_something(step: &StepAt) -> bool {
    match step.kind {
        Some(Kind::Shell | Kind::Command | Kind::Sql | Kind::Query | Kind::Http) => true,
        Some(Kind::File) => step
            .fields
            .as_ref()
            .and_then(|fields| fields.file.as_ref())
            .is_some_and(|file| file.validate.is_some() || file.reload.is_some()),
        _ => false,
    }
}

/// Trying again what may have happened already. A rollback has to bear that anyway, and so has a hold.
pub fn unsafe_retry(context: &Context, findings: &mut Findings) {
    let bears_it = |role| matches!(role, Role::Part(Part::Undo | Part::Acquire | Part::Release, _));
    for step in context.decoded().filter(|step| !bears_it(step.role)) {
        let Some(fields) = &step.fields else { continue };
        let Some(retry) = &fields.retry else { continue };
        let transactional = match step.kind {
            Some(Kind::Sql) => fields.transaction != Some(false),
            Some(Kind::File) => true,
            _ => false,
        };
        let harmless = transactional || fields.idempotent == Some(true) || step.effect() == Some(Effect::ReadOnly);
        if retry.max_attempts > 1 && !harmless {
            findings.report(
                context.field_span(step.node, "retry"),
                "`retry` on a step that is neither idempotent nor transactional",
                "add `idempotent: true` if it may run twice, or remove `retry`",
            );
        }
    }
}

/// A person is waited for, and nobody says how long that takes.
pub fn no_estimate(context: &Context, findings: &mut Findings) {
    for step in context.sound() {
        let Some(fields) = &step.fields else { continue };
        let by_person = matches!(step.kind, Some(Kind::Confirm | Kind::Manual));
        if by_person && fields.estimate.is_none() && fields.timeout.is_none() {
            findings.report(
                context.action_span(step),
                format!("{} waits for a person and has no estimate", context.title(step)),
                "add `estimate: 5m`: what it normally takes",
            );
        }
    }
}
