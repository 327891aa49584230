//! Probes of a run: one look, or looks until it holds.

use std::time::Duration;

use tokio::time::Instant;

use super::session::Session;
use super::task::Task;
use crate::action::execute::Executor;
use crate::action::observe::{answer, believed, differs};
use crate::engine::state::Standing;
use crate::expression::truth;
use crate::model::event::{Answer, Event, Intent};
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::step::{Action, Probe, Step};
use crate::report::view::{Progress, View};

/// Limit of one look where a probe sets none.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);

impl<H: Executor, V: View> Session<H, V> {
    /// Asks a probe, again while its `until` is false; the answer, and what was seen.
    pub(super) async fn probe(&self, task: &Task, step: &Step, probe: &Probe) -> (Answer, String) {
        let Some(until) = &probe.until else { return answer(&self.look_once(task, step, probe).await) };
        let began = Instant::now();
        let limit = probe.limit().unwrap_or(DEFAULT_TIMEOUT);
        loop {
            let (said, detail) = match self.look_once(task, step, probe).await {
                Err(failure) => (Answer::Unknown, failure.message),
                Ok(result) => {
                    match self.log.values.evaluate(&task.step, Some(&result), |scope| truth(&until.that.0, scope)).await
                    {
                        Ok(true) => match differs(&probe.action, &result) {
                            Some(differs) => (Answer::DoesNotHold, differs.to_owned()),
                            None => return (Answer::Holds, format!("{} is true", until.that.0)),
                        },
                        Ok(false) => (Answer::DoesNotHold, format!("{} is false", until.that.0)),
                        Err(failure) => (Answer::Unknown, failure.message),
                    }
                }
            };
            if began.elapsed() + until.pause() >= limit {
                return (said, detail);
            }
            self.log.show(&Progress::Waiting(format!("not yet: {detail}")));
            tokio::select! {
                () = tokio::time::sleep(until.pause()) => {}
                () = task.cancelled() => return (said, detail),
            }
        }
    }

    /// Asks a step's own check.
    pub(super) async fn check(&self, task: &Task, step: &Step, check: &Probe, back: bool) -> (Answer, String) {
        let said = self.probe(task, step, check).await;
        if !matches!(step.action, Action::Sql(_)) {
            return said;
        }
        match self.call(&task.step, &step.action).await {
            Ok(call) => {
                let mut ticket = self.ticket(&task.step, 0, None, step);
                ticket.timeout = Some(check.limit().unwrap_or(DEFAULT_TIMEOUT));
                believed(said, back, call.as_ref(), &ticket, &self.hands).await
            }
            Err(failure) => (Answer::Unknown, failure.message),
        }
    }

    /// One look of a probe. The operator may end it.
    pub(super) async fn look_once(&self, task: &Task, step: &Step, probe: &Probe) -> Result<StepResult, Failure> {
        let Some(call) = self.call(&task.step, &probe.action).await? else {
            return Err(Failure::new(FailureKind::Check, "there is nothing to look at"));
        };
        let mut ticket = self.ticket(&task.step, 0, None, step);
        ticket.timeout = Some(probe.limit().unwrap_or(DEFAULT_TIMEOUT));
        tokio::select! {
            looked = self.hands.look(&call, &ticket) => looked,
            () = task.cancelled() => Err(Failure::new(FailureKind::Cancelled, "the operator ended it")),
        }
    }

    /// Asks a step's own check, to settle it or to guide its undo. Going forward a step is as wanted only where its
    /// `verify` holds too: whoever would have asked that is gone.
    pub(super) async fn ask_check(&self, task: &Task) -> Event {
        let step = self.step(&task.step);
        let back = self.log.read(|engine| engine.state.is_going_back());
        let (mut answer, mut detail) = match &step.check {
            Some(check) => self.check(task, &step, check, back).await,
            None => (Answer::Unknown, "it has no check".to_owned()),
        };
        if answer == Answer::Holds
            && !back
            && let (_, Some(failure)) = self.verify(task, &step).await
        {
            (answer, detail) = (Answer::Unknown, format!("{detail}; {}", failure.message));
        }
        // Its server may still act on a request that nobody waits for any more.
        if answer == Answer::DoesNotHold && !step.idempotent && self.is_request(&task.step) {
            (answer, detail) = (Answer::Unknown, format!("{detail}; the server may still act on the request"));
        }
        Event::CheckAnswered { step: task.step.clone(), answer, detail }
    }

    /// Whether what became of a step's request is not known.
    fn is_request(&self, name: &str) -> bool {
        self.log.read(|engine| {
            let fold = engine.fold(name).filter(|fold| fold.state == Standing::Unknown);
            fold.is_some_and(|fold| matches!(fold.intent, Some(Intent::Request { .. })))
        })
    }
}
