//! What the program does by itself, without hands: assertions, pauses, looks, polling.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;

use super::clock;
use super::session::Session;
use super::task::Task;
use crate::action::execute::{End, Ended, Executor};
use crate::action::observe::{differs, unmet};
use crate::expression::{render_text, truth};
use crate::model::length::Length;
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::step::{Action, Condition, Effect, Step, WaitAction};
use crate::report::view::{Progress, View};

/// How a pause ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Paused {
    /// The time is over.
    Over,
    /// The operator ended it.
    Cancelled,
}

/// Whether a step only looks, once or until a condition holds.
pub(super) const fn looks(step: &Step) -> bool {
    let reads = matches!(step.effect, Effect::ReadOnly);
    matches!(step.action, Action::Query(_)) || (matches!(step.action, Action::Http(_)) && reads) || step.until.is_some()
}

impl<H: Executor, V: View> Session<H, V> {
    /// Carries out a step that needs no hands.
    pub(super) async fn act_alone(&self, task: &Task, attempt: u32, step: &Step) -> Ended {
        let began = Instant::now();
        let (end, result) = match &step.action {
            Action::Assert { conditions } => (self.assert(&task.step, conditions).await, StepResult::default()),
            Action::Wait(wait) => (self.wait(task, wait, step).await, StepResult::default()),
            _ => self.observe(task, attempt, step, began).await,
        };
        Ended { end, result, output: None, duration: began.elapsed() }
    }

    async fn assert(&self, name: &str, conditions: &[Condition]) -> End {
        for condition in conditions {
            match self.log.values.evaluate(name, None, |scope| truth(&condition.that.0, scope)).await {
                Ok(true) => {}
                Ok(false) => {
                    let message = match &condition.message {
                        Some(text) => self.log.values.evaluate(name, None, |scope| render_text(&text.0, scope)).await,
                        None => Ok(format!("{} is false", condition.that.0)),
                    };
                    return End::Failed(
                        message.map_or_else(|failure| failure, |message| Failure::new(FailureKind::Assertion, message)),
                    );
                }
                Err(failure) => return End::Failed(failure),
            }
        }
        End::Returned
    }

    async fn wait(&self, task: &Task, wait: &WaitAction, step: &Step) -> End {
        let duration = match wait {
            WaitAction::For(Length::Known(duration)) => *duration,
            WaitAction::Steps(_) => {
                return match self.log.read(|engine| engine.failed_behind(&task.step)) {
                    None => End::Returned,
                    Some(failed) => End::Failed(Failure::new(FailureKind::Background, failed)),
                };
            }
            WaitAction::For(Length::Template(_)) => {
                return End::Failed(Failure::new(FailureKind::Expression, "this version cannot carry out such a wait"));
            }
            WaitAction::Until(template) => {
                let text = self.log.values.evaluate(&task.step, None, |scope| render_text(&template.0, scope)).await;
                let until = text.and_then(|text| {
                    text.parse::<Timestamp>().map_err(|error| {
                        Failure::new(FailureKind::Expression, format!("`{text}` is not a moment: {error}"))
                    })
                });
                return match until {
                    Ok(until) => waited(task, clock::sleep_until(until), step.limit()).await,
                    Err(failure) => End::Failed(failure),
                };
            }
        };
        waited(task, clock::sleep(duration), step.limit()).await
    }

    /// A read-only step: one look, or looks until a condition holds.
    async fn observe(&self, task: &Task, attempt: u32, step: &Step, began: Instant) -> (End, StepResult) {
        let limit = step.limit().unwrap_or(Duration::MAX);
        let mut last = StepResult::default();
        loop {
            let looked = self.look_at(task, attempt, step, limit.saturating_sub(began.elapsed())).await;
            if looked.as_ref().is_err_and(|failure| failure.kind == FailureKind::Cancelled) {
                return (End::Cancelled, last);
            }
            let Some(until) = &step.until else {
                return match looked {
                    Ok(result) => (unmet(&result, step.sensitive).map_or(End::Returned, End::Failed), result),
                    Err(failure) if failure.kind == FailureKind::Timeout => (End::TimedOut, last),
                    Err(failure) => (End::Failed(failure), last),
                };
            };
            let seen = match looked {
                Ok(result) => {
                    let done =
                        self.log.values.evaluate(&task.step, Some(&result), |scope| truth(&until.that.0, scope)).await;
                    last = result;
                    match done {
                        Ok(true) => match differs(&step.action, &last) {
                            Some(differs) => differs.to_owned(),
                            None => return (End::Returned, last),
                        },
                        Ok(false) => format!("{} is false", until.that.0),
                        Err(failure) => failure.message,
                    }
                }
                Err(failure) => failure.message,
            };
            self.log.show(&Progress::Waiting(format!("not yet: {seen}")));
            if began.elapsed() + until.pause() >= limit {
                return (End::TimedOut, last);
            }
            if paused(task, until.pause()).await == Paused::Cancelled {
                return (End::Cancelled, last);
            }
        }
    }

    async fn look_at(&self, task: &Task, attempt: u32, step: &Step, left: Duration) -> Result<StepResult, Failure> {
        debug_assert!(step.effect == Effect::ReadOnly, "only what reads is looked at");
        let Some(call) = self.call(&task.step, &step.action).await? else {
            return Err(Failure::new(FailureKind::Expression, "there is nothing to look at"));
        };
        let mut ticket = self.ticket(&task.step, attempt, None, step);
        ticket.timeout = step.limit().map(|_| left);
        tokio::select! {
            looked = self.hands.look(&call, &ticket) => looked,
            () = task.cancelled() => Err(Failure::new(FailureKind::Cancelled, "the operator ended it")),
        }
    }
}

/// Waits for something no longer than that. The operator may end it.
async fn waited(task: &Task, something: impl Future<Output = ()>, limit: Option<Duration>) -> End {
    let limit = limit.unwrap_or(Duration::MAX);
    tokio::select! {
        biased;
        () = something => End::Returned,
        paused = paused(task, limit) => match paused {
            Paused::Over => End::TimedOut,
            Paused::Cancelled => End::Cancelled,
        },
    }
}

/// Lets time go by. The operator may end it.
async fn paused(task: &Task, duration: Duration) -> Paused {
    tokio::select! {
        () = clock::sleep(duration) => Paused::Over,
        () = task.cancelled() => Paused::Cancelled,
    }
}
