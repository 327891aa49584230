//! The window of a plan as people read it.

use jiff::Zoned;

use crate::model::plan::{PlanStatus, PlannedStep, PlannedWindow};
use crate::model::runbook::Overrun;
use crate::report::text::duration;

/// `window Sun 1 Feb 22:00 – 02:00 EST, 4 h`, and what happens at its end.
pub(super) fn line(window: &PlannedWindow) -> String {
    let (opens, closes) = (&window.occasion.opens, &window.occasion.closes);
    let from = if opens.offset() == closes.offset() { "%a %-d %b %H:%M" } else { "%a %-d %b %H:%M %Z" };
    let to = if is_short(window) { "%H:%M %Z" } else { "%a %-d %b %H:%M %Z" };
    let overrun = match window.overrun {
        Overrun::Stop => "",
        Overrun::Finish => ", then finishes",
        Overrun::Rollback => ", then rolls back",
    };
    let length = duration(window.occasion.length().as_secs_f64());
    format!("window {} – {}, {length}{overrun}", opens.strftime(from), closes.strftime(to))
}

/// The time of day says which day is meant.
fn is_short(window: &PlannedWindow) -> bool {
    window.occasion.length().as_secs() <= 86_400
}

/// Until when a step can begin, of those that do something or ask somebody.
pub(super) fn latest_start(step: &PlannedStep, window: &PlannedWindow) -> Option<String> {
    let latest: &Zoned = step.latest_start.as_ref()?;
    if !matches!(step.status, PlanStatus::Changes | PlanStatus::Unknown | PlanStatus::Person) {
        return None;
    }
    if *latest < window.occasion.opens {
        return Some("can never begin".to_owned());
    }
    let format = if is_short(window) { "%H:%M" } else { "%a %-d %b %H:%M" };
    Some(format!("latest start {}", latest.strftime(format)))
}
