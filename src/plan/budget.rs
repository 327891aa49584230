//! How long it takes: by estimates, and at worst. People, who are seldom given a limit, count by their estimates.

use std::time::Duration;

use super::acts;
use crate::model::length::Length;
use crate::model::plan::{Budget, PlannedStep, PlannedUndo};
use crate::model::step::{Action, Probe, Step, Undo, WaitAction};

/// The times of a plan. Steps that are in place or skipped take none.
#[must_use]
pub fn budget(steps: &[(&Step, PlannedStep)], rollback: &[PlannedUndo]) -> Budget {
    let acting = || steps.iter().filter(|(_, planned)| acts(planned)).map(|(step, _)| *step);
    let limited = acting().all(|step| match &step.undo {
        Undo::Steps(undo) => undo.iter().all(|step| worst(step).is_some()),
        _ => true,
    });
    let people = acting().any(without_limit)
        || acting().any(|step| match &step.undo {
            Undo::Steps(undo) => undo.iter().any(without_limit),
            _ => false,
        });
    let undo_ms: u64 = rollback.iter().map(|undo| undo.worst_ms).sum();
    Budget {
        work_expected_s: acting().map(|step| expected(step).as_secs_f64()).sum(),
        work_worst_s: acting().map(worst).sum::<Option<Duration>>().map(|worst| worst.as_secs_f64()),
        rollback_worst_s: limited.then(|| Duration::from_millis(undo_ms).as_secs_f64()),
        window_s: None,
        people_by_estimate: people,
    }
}

/// A person's step that is counted by its estimate.
fn without_limit(step: &Step) -> bool {
    step.action.is_by_person() && step.timeout.is_none() && step.estimate.is_some()
}

/// What a step normally takes.
#[must_use]
pub fn expected(step: &Step) -> Duration {
    match &step.action {
        Action::Group { steps, .. } => steps.iter().map(expected).sum(),
        Action::Include(included) => included.steps.iter().map(expected).sum(),
        Action::Wait(WaitAction::For(Length::Known(pause))) => *pause,
        Action::Assert { .. } | Action::Hold => Duration::ZERO,
        Action::Shell { .. }
        | Action::Command { .. }
        | Action::Sql(_)
        | Action::Query(_)
        | Action::File(_)
        | Action::Http(_)
        | Action::Wait(_)
        | Action::Confirm(_)
        | Action::Manual(_) => step.estimate.or(step.limit()).unwrap_or_default(),
    }
}

/// What a step takes at worst, with all its attempts and the pauses between them; `None` where nothing limits it.
/// A person without a limit takes as long as estimated.
#[must_use]
pub fn worst(step: &Step) -> Option<Duration> {
    let once = match &step.action {
        Action::Group { steps, .. } => return steps.iter().map(worst).sum(),
        Action::Include(included) => return included.steps.iter().map(worst).sum(),
        Action::Wait(WaitAction::For(Length::Known(pause))) => return Some(*pause),
        Action::Assert { .. } | Action::Hold => return Some(Duration::ZERO),
        Action::Confirm(_) | Action::Manual(_) => step.limit().or(step.estimate)?,
        Action::Shell { .. }
        | Action::Command { .. }
        | Action::Sql(_)
        | Action::Query(_)
        | Action::File(_)
        | Action::Http(_)
        | Action::Wait(_) => step.limit()?,
    };
    if step.until.is_some() {
        return Some(once);
    }
    let verify = step.verify.as_ref().and_then(Probe::limit).unwrap_or_default();
    let attempts = step.retry.max_attempts.max(1);
    let pauses: Duration = (1..=attempts).map(|attempt| step.retry.delay_before(attempt)).sum();
    Some((once + verify).saturating_mul(attempts).saturating_add(pauses))
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
