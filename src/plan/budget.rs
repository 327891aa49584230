//! How long it takes: by estimates, and at worst. People, who are seldom given a limit, count by their estimates.

use std::time::Duration;

use super::acts;
use crate::model::plan::{Budget, PlannedStep, PlannedUndo};
use crate::model::step::{Step, Undo};
use crate::model::time::{Kind, Reckoner};

/// The times of a plan. Steps that are in place or skipped take none.
#[must_use]
pub fn budget(steps: &[(&Step, PlannedStep)], rollback: &[PlannedUndo], reckoner: Reckoner<'_>) -> Budget {
    let worst = |step: &Step| reckoner.time(step, Kind::Worst);
    let expected = |step: &Step| reckoner.time(step, Kind::Normal).unwrap_or_default();
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

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
