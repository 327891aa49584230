//! The window of a plan: when it is open, and until when each step can begin.

use jiff::{SignedDuration, Timestamp, Zoned};

use super::acts;
use super::walk::Row;
use crate::expression::Scope;
use crate::model::plan::PlannedWindow;
use crate::model::runbook::Runbook;
use crate::model::step::Action;
use crate::model::time;
use crate::model::way_back::{Done, WayBack};
use crate::model::window::Occasion;

/// The window that a run at this moment would belong to.
pub(super) fn planned(runbook: &Runbook, now: Timestamp) -> Option<PlannedWindow> {
    let window = runbook.window.as_ref()?;
    Some(PlannedWindow { occasion: window.of_run(now)?, overrun: window.overrun })
}

/// Gives expressions the moments of the window.
pub(super) fn tell(scope: &mut Scope, occasion: &Occasion) {
    scope.set_window("opens", &occasion.opens.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
    scope.set_window("closes", &occasion.closes.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
}

/// Until when each step that acts can begin: it has to end, and all that was done to be undone, before the closing.
pub(super) fn latest_starts(runbook: &Runbook, occasion: &Occasion, rows: &mut [Row<'_>]) {
    let way = WayBack::of(runbook);
    let mut going = way.begin();
    for row in rows.iter_mut().filter(|row| acts(&row.planned)) {
        let asks = matches!(row.step.action, Action::Confirm(_));
        let done = |went| Done { name: &row.planned.id, went };
        // Until it is answered with a go, a question leaves the way back open.
        let mut begun = going.clone();
        begun.add(done(!asks));
        going.add(done(true));
        if !way.is_work(&row.planned.id) {
            continue;
        }
        row.planned.latest_start = before(&occasion.closes, time::attempt(row.step).saturating_add(begun.undo()));
    }
}

fn before(closes: &Zoned, time: std::time::Duration) -> Option<Zoned> {
    closes.checked_sub(SignedDuration::try_from(time).ok()?).ok()
}
