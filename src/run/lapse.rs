//! Until when the answer to a question is waited for, and what becomes of a step that nobody answered in time.
//!
//! The moment is one of the wall clock and stands in the record of the question, so that it is the same for whoever
//! takes the run up again. A turn waits by time that goes by: a clock that jumps pauses the run by itself.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::clock;
use super::session::Session;
use super::task::Task;
use crate::action::deadline::Deadline;
use crate::action::execute::{End, Ended, Executor};
use crate::journal::format::timestamp;
use crate::model::event::Event;
use crate::model::question::OpenQuestion;
use crate::model::result::StepResult;
use crate::model::step::Step;
use crate::report::view::View;

/// How the last moment for an answer is written for people.
const FORMAT: &str = "%a %-d %b %H:%M:%S %Z";

impl<H: Executor, V: View> Session<H, V> {
    /// The last moment for an answer about a step that a person carries out, where it has a limit, and a line that says
    /// so.
    pub(super) fn answer_until(&self, step: &Step) -> Option<(String, String)> {
        let limit = SignedDuration::try_from(step.limit()?).ok()?;
        let until = clock::now().checked_add(limit).ok()?;
        let zone = self.window.zone().unwrap_or_else(|| clock::local().time_zone().clone());
        let shown = until.to_zoned(zone).strftime(FORMAT).to_string();
        Some((timestamp(until), format!("an answer is waited for until {shown}; without one the step times out")))
    }

    /// Waits until the open question is not to be answered any more: its step has timed out then.
    pub(super) async fn lapse(&self, task: &Task) -> Event {
        let until = self.log.read(|engine| engine.state.question.as_ref().and_then(last_moment));
        let left = until
            .map_or(Duration::ZERO, |until| Duration::try_from(until.duration_since(clock::now())).unwrap_or_default());
        match Deadline::after(left) {
            Ok(deadline) => {
                let _going_down = deadline.passed().await;
            }
            Err(_) => tokio::time::sleep(left).await,
        }
        let fold = self.log.read(|engine| engine.fold(&task.step).cloned()).unwrap_or_default();
        let began = fold.began.as_ref().and_then(|at| at.parse::<Timestamp>().ok());
        let duration = began.and_then(|began| Duration::try_from(clock::now().duration_since(began)).ok());
        let duration = duration.unwrap_or_default();
        if fold.undo.is_by_person() {
            return self.lapsed_undo(task, fold.undo.part, fold.undo.attempts, duration).await;
        }
        let step = self.timed(&task.step).await.unwrap_or_else(|_| self.step(&task.step));
        let ended = Ended { end: End::TimedOut, result: StepResult::default(), output: None, duration };
        self.conclude(task, fold.attempts, &step, ended).await
    }
}

/// Whether the open question is not to be answered any more.
#[must_use]
pub fn is_late(open: &OpenQuestion, now: Timestamp) -> bool {
    last_moment(open).is_some_and(|until| until <= now)
}

fn last_moment(open: &OpenQuestion) -> Option<Timestamp> {
    open.until.as_ref()?.parse().ok()
}
