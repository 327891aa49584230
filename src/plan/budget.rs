//! How long it takes: by estimates, and at worst. People, who are seldom given a limit, count by their estimates.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use crate::model::flow::Items;
use crate::model::plan::{Budget, PlannedUndo, PlannedWindow, UndoKind};
use crate::model::step::{Action, Step, Undo};
use crate::model::time::{Kind, Reckoner};

/// The steps without those that would not begin, because they take no time, and with the items of loops that are known.
#[must_use]
pub fn kept(steps: &[Step], acting: &BTreeSet<&str>, items: &BTreeMap<&str, Vec<Value>>) -> Vec<Step> {
    let mut kept = steps.to_vec();
    keep(&mut kept, acting, items);
    kept
}

fn keep(steps: &mut Vec<Step>, acting: &BTreeSet<&str>, items: &BTreeMap<&str, Vec<Value>>) {
    steps.retain_mut(|step| {
        if let (Some(each), Some(known)) = (&mut step.each, items.get(step.id.as_str())) {
            each.items = Items::List(known.clone());
        }
        match &mut step.action {
            Action::Group { steps, .. } => keep(steps, acting, items),
            Action::Include(included) => keep(&mut included.steps, acting, items),
            Action::Hold => {}
            _ => return acting.contains(step.id.as_str()),
        }
        let held = step.hold.as_ref().is_some_and(|hold| hold.acquire.iter().any(|part| acting.contains(&*part.id)));
        held || matches!(&step.action, Action::Group { steps, .. } if !steps.is_empty())
            || matches!(&step.action, Action::Include(included) if !included.steps.is_empty())
    });
}

/// The times of a plan, of the steps that are kept.
#[must_use]
pub fn budget(
    steps: &[Step],
    rollback: &[PlannedUndo],
    reckoner: Reckoner<'_>,
    window: Option<&PlannedWindow>,
) -> Budget {
    let expected = reckoner.list(steps, Kind::Normal).unwrap_or_default();
    let worst = reckoner.list(steps, Kind::Worst);
    let limited = every(steps, &|step| match &step.undo {
        Undo::Steps(undo) => undo.iter().all(|step| reckoner.time(step, Kind::Worst).is_some()),
        _ => true,
    });
    let unlimited_person = |step: &Step| match &step.undo {
        _ if without_limit(step) => true,
        Undo::Steps(undo) => undo.iter().any(without_limit),
        _ => false,
    };
    let undo = longest(rollback);
    let length = window.map(|window| window.occasion.length().as_secs_f64());
    let needed = worst.filter(|_| limited).map(|worst| worst.saturating_add(undo).as_secs_f64());
    let fits_at_worst = length.map(|length| needed.is_some_and(|needed| needed <= length));
    let needed = needed.filter(|_| fits_at_worst == Some(true));
    let needed = needed.unwrap_or_else(|| expected.saturating_add(undo).as_secs_f64());
    Budget {
        work_expected_s: expected.as_secs_f64(),
        work_worst_s: worst.map(|worst| worst.as_secs_f64()),
        rollback_worst_s: limited.then_some(undo.as_secs_f64()),
        window_s: length,
        people_by_estimate: !every(steps, &|step| !unlimited_person(step)),
        spare_s: length.map(|length| length - needed),
        fits_at_worst,
    }
}

/// A rollback never goes past a point of no return: of what lies between such points, the longest.
fn longest(rollback: &[PlannedUndo]) -> Duration {
    let parts = rollback.split(|undo| undo.kind == UndoKind::PointOfNoReturn);
    let longest = parts.map(|part| part.iter().map(|undo| undo.worst_ms).sum()).max();
    Duration::from_millis(longest.unwrap_or_default())
}

/// Whether something holds for every step that acts.
fn every(steps: &[Step], holds: &impl Fn(&Step) -> bool) -> bool {
    steps.iter().all(|step| match &step.action {
        Action::Group { steps, .. } => every(steps, holds),
        Action::Include(included) => every(&included.steps, holds),
        _ => holds(step),
    })
}

/// A person's step that is counted by its estimate.
fn without_limit(step: &Step) -> bool {
    step.action.is_by_person() && step.timeout.is_none() && step.estimate.is_some()
}

/// Whole milliseconds.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
