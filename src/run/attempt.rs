//! Forward attempts: look, begin, carry out, recover.

use std::time::Duration;

use tokio::time::Instant;

use super::conclude::settled_as_not_started;
use super::probe::Ask;
use super::session::{Session, watched};
use crate::action::execute::{End, Ended, Executor};
use crate::expression::render::render_call;
use crate::expression::{render_text, truth};
use crate::model::call::{Call, Desired};
use crate::model::event::{Answer, Event, Intent, SettledBy, Settlement};
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::step::{Action, Effect, Step, WaitAction};
use crate::report::view::{Progress, View};

/// What a look before an attempt found.
enum Found {
    /// It has to run.
    Ready,
    /// It has not to run.
    Skip(String),
    /// Its effect is there.
    InPlace(String),
}

impl<H: Executor, V: View> Session<H, V> {
    /// Looks whether a step has to run, and makes its attempt known.
    pub(super) async fn attempt(&mut self, name: &str, attempt: u32) -> Event {
        let step = self.step(name);
        self.show_running(name, &step).await;
        let refused = |failure| Event::StepRefused { step: name.to_owned(), attempt, failure };
        match self.look(name, &step).await {
            // What a look says that the operator ended is not the step's own failure.
            Err(failure) if self.stop.is_cancelling() => refused(Failure { kind: FailureKind::Cancelled, ..failure }),
            Err(failure) => refused(failure),
            Ok(Found::Skip(reason)) => Event::StepSkipped { step: name.to_owned(), reason },
            Ok(Found::InPlace(reason)) => self.in_place(name, attempt, reason),
            Ok(Found::Ready) => match self.prepare(name, attempt, &step).await {
                Ok(intent) => Event::AttemptStarted { step: name.to_owned(), attempt, intent },
                Err(failure) => refused(failure),
            },
        }
    }

    async fn show_running(&mut self, name: &str, step: &Step) {
        let shown = match &step.name {
            Some(template) => {
                let text = self.log.values.evaluate(None, |scope| render_text(&template.0, scope)).await;
                text.unwrap_or_else(|_| name.to_owned())
            }
            None => name.to_owned(),
        };
        self.log.view.progress(&Progress::Running { step: name.to_owned(), name: shown, estimate: step.estimate });
    }

    /// A step whose effect is there: found so, or, when an attempt of it began, settled so.
    fn in_place(&self, name: &str, attempt: u32, reason: String) -> Event {
        let step = name.to_owned();
        if self.began(name) {
            let attempt = attempt - 1;
            Event::StepSettled { step, attempt, r#as: Settlement::Succeeded, by: SettledBy::Check, reason }
        } else {
            Event::StepInPlace { step, reason }
        }
    }

    /// Whether an earlier attempt of it may have had an effect.
    fn began(&self, name: &str) -> bool {
        let index = self.log.engine.program.index(name);
        index.is_some_and(|index| self.log.engine.state.steps[index].maybe_in_place)
    }

    async fn look(&mut self, name: &str, step: &Step) -> Result<Found, Failure> {
        for expression in &step.when {
            if !self.log.values.evaluate(None, |scope| truth(&expression.0, scope)).await? {
                return Ok(Found::Skip(format!("when: {} is false", expression.0)));
            }
        }
        if let Some(check) = &step.check {
            match self.probe(name, step, check, Ask::Once).await {
                (Answer::Holds, detail) => {
                    // An attempt that did not get through its `verify` does not succeed by its `check` alone.
                    if self.began(name)
                        && let (_, Some(failure)) = self.verify(name, step).await
                    {
                        return Err(failure);
                    }
                    return Ok(Found::InPlace(format!("its check holds: {detail}")));
                }
                (Answer::DoesNotHold, _) => {}
                (Answer::Unknown, detail) => {
                    return Err(Failure::new(FailureKind::Check, format!("its check has no answer: {detail}")));
                }
            }
        } else if matches!(step.action, Action::File(_))
            // After an earlier attempt the reload and `verify` are due, also where the bytes are right.
            && !self.began(name)
            && let Some(Call::File(call)) = self.call(&step.action).await?
            && !self.hands.preview_file(&call).await?.changes()
        {
            return Ok(Found::InPlace(format!("{} is so already", call.path.display())));
        }
        self.preconditions(name, step).await?;
        Ok(Found::Ready)
    }

    async fn preconditions(&mut self, name: &str, step: &Step) -> Result<(), Failure> {
        for precondition in &step.preconditions {
            let mut result = None;
            let mut holds = true;
            let mut detail = String::new();
            if let Some(probe) = &precondition.probe {
                let looked = self.look_once(name, step, probe).await;
                if precondition.that.is_none() {
                    let (answer, seen) = crate::action::observe::answer(&looked);
                    (holds, detail) = (answer == Answer::Holds, seen);
                } else {
                    result = Some(looked?);
                }
            }
            if let Some(that) = &precondition.that {
                holds = self.log.values.evaluate(result.as_ref(), |scope| truth(&that.0, scope)).await?;
                detail = format!("{} is false", that.0);
            }
            if !holds {
                let message = match &precondition.message {
                    Some(text) => {
                        self.log.values.evaluate(result.as_ref(), |scope| render_text(&text.0, scope)).await?
                    }
                    None => format!("a precondition does not hold: {detail}"),
                };
                return Err(Failure::new(FailureKind::Precondition, message));
            }
        }
        Ok(())
    }

    /// The call of an action, its secrets resolved, its included files those that were approved.
    pub(super) async fn call(&mut self, action: &Action) -> Result<Option<Call>, Failure> {
        let runbook = &self.runbook;
        let context = crate::expression::render::Context::of(runbook);
        let mut call = self.log.values.evaluate(None, |scope| render_call(action, scope, &context)).await?;
        if let Some(Call::File(file)) = &mut call
            && let Some(Desired::Source { path, sha256 }) = &mut file.content
        {
            *path = self.inputs.join(&*sha256);
        }
        Ok(call)
    }

    /// Gets ready for an attempt. What is done by the program itself or by a person needs no hands.
    async fn prepare(&mut self, name: &str, attempt: u32, step: &Step) -> Result<Intent, Failure> {
        if step.action.is_by_person() {
            return Ok(Intent::Person);
        }
        let looks = matches!(step.action, Action::Query(_)) || step.until.is_some();
        let call = self.call(&step.action).await?;
        match call {
            Some(call) if !looks => {
                let ticket = self.ticket(name, attempt, None, step);
                let (intent, prepared) = self.hands.prepare(&call, &ticket).await?;
                self.prepared = Some(prepared);
                Ok(intent)
            }
            _ => Ok(Intent::Program),
        }
    }

    /// Carries out what was made known, and concludes it.
    pub(super) async fn finish(&mut self, name: &str, attempt: u32) -> Event {
        let step = self.step(name);
        if step.action.is_by_person() {
            return self.conclude_person(name, attempt, &step).await;
        }
        let ended = match self.prepared.take() {
            Some(prepared) => {
                self.crash.at(self.log.appended(), "after_spawn");
                let Self { log, stop, hands, person, .. } = self;
                watched(log, stop, &person.name, async |control| hands.carry_out(prepared, control).await).await
            }
            None => self.act_alone(name, attempt, &step).await,
        };
        self.crash.at(self.log.appended(), "after_effect");
        self.conclude(name, attempt, &step, ended).await
    }

    /// Finds out what became of an attempt of an executor that is gone.
    pub(super) async fn recover(&mut self, name: &str, attempt: u32) -> Event {
        let step = self.step(name);
        let index = self.log.engine.program.index(name);
        let intent = index.and_then(|index| self.log.engine.state.steps[index].intent.clone());
        let lost = |evidence: String, may_run| Ended {
            end: End::Lost { may_run, evidence },
            result: StepResult::default(),
            output: None,
            duration: Duration::ZERO,
        };
        let ended = match (intent, self.call(&step.action).await) {
            (Some(Intent::Program | Intent::Person) | None, _) => {
                lost("the program that was looking is gone".to_owned(), false)
            }
            (Some(_), Err(failure)) => lost(failure.message, true),
            (Some(intent), Ok(Some(call))) => {
                self.log.view.progress(&Progress::Waiting(format!("what became of {name}")));
                let ticket = self.ticket(name, attempt, None, &step);
                let Self { log, stop, hands, person, .. } = self;
                watched(log, stop, &person.name, async |control| hands.recover(&intent, &call, &ticket, control).await)
                    .await
            }
            (Some(_), Ok(None)) => lost("nothing of it acts by itself".to_owned(), false),
        };
        if let End::NotStarted { evidence } = ended.end {
            return settled_as_not_started(name, attempt, evidence);
        }
        self.conclude(name, attempt, &step, ended).await
    }

    /// What the program does without hands: assertions, pauses, looks, polling.
    async fn act_alone(&mut self, name: &str, attempt: u32, step: &Step) -> Ended {
        let began = Instant::now();
        let (end, result) = match &step.action {
            Action::Assert { conditions } => (self.assert(conditions).await, StepResult::default()),
            Action::Wait(wait) => (self.wait(wait, step).await, StepResult::default()),
            _ => self.observe(name, attempt, step, began).await,
        };
        Ended { end, result, output: None, duration: began.elapsed() }
    }

    pub(super) async fn assert(&mut self, conditions: &[crate::model::step::Condition]) -> End {
        for condition in conditions {
            match self.log.values.evaluate(None, |scope| truth(&condition.that.0, scope)).await {
                Ok(true) => {}
                Ok(false) => {
                    let message = match &condition.message {
                        Some(text) => self.log.values.evaluate(None, |scope| render_text(&text.0, scope)).await,
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

    pub(super) async fn wait(&mut self, wait: &WaitAction, step: &Step) -> End {
        let duration = match wait {
            WaitAction::For(duration) => *duration,
            WaitAction::Until(template) => {
                let text = self.log.values.evaluate(None, |scope| render_text(&template.0, scope)).await;
                let until = text.and_then(|text| {
                    text.parse::<jiff::Timestamp>().map_err(|error| {
                        Failure::new(FailureKind::Expression, format!("`{text}` is not a moment: {error}"))
                    })
                });
                match until {
                    Ok(until) => Duration::try_from(until.duration_since(super::clock::now())).unwrap_or_default(),
                    Err(failure) => return End::Failed(failure),
                }
            }
        };
        let limit = step.timeout.unwrap_or(Duration::MAX);
        let mut cancelled = self.stop.clone();
        let Self { log, stop, person, .. } = self;
        watched(log, stop, &person.name, async |_| {
            tokio::select! {
                () = tokio::time::sleep(duration.min(limit)) => {
                    if duration > limit { End::TimedOut } else { End::Returned }
                }
                () = cancelled.cancelled() => End::Cancelled,
            }
        })
        .await
    }

    /// A read-only step: one look, or looks until a condition holds.
    pub(super) async fn observe(&mut self, name: &str, attempt: u32, step: &Step, began: Instant) -> (End, StepResult) {
        let limit = step.timeout.unwrap_or(Duration::MAX);
        let mut last = StepResult::default();
        loop {
            let looked = self.look_at(name, attempt, step, limit.saturating_sub(began.elapsed())).await;
            if looked.as_ref().is_err_and(|failure| failure.kind == FailureKind::Cancelled) {
                return (End::Cancelled, last);
            }
            let Some(until) = &step.until else {
                return match looked {
                    Ok(result) => (End::Returned, result),
                    Err(failure) if failure.kind == FailureKind::Timeout => (End::TimedOut, last),
                    Err(failure) => (End::Failed(failure), last),
                };
            };
            let seen = match looked {
                Ok(result) => {
                    let done = self.log.values.evaluate(Some(&result), |scope| truth(&until.that.0, scope)).await;
                    last = result;
                    match done {
                        Ok(true) => return (End::Returned, last),
                        Ok(false) => format!("{} is false", until.that.0),
                        Err(failure) => failure.message,
                    }
                }
                Err(failure) => failure.message,
            };
            self.log.view.progress(&Progress::Waiting(format!("not yet: {seen}")));
            if began.elapsed() + until.every >= limit {
                return (End::TimedOut, last);
            }
            let mut cancelled = self.stop.clone();
            let Self { log, stop, person, .. } = self;
            let ended = watched(log, stop, &person.name, async |_| {
                tokio::select! {
                    () = tokio::time::sleep(until.every) => false,
                    () = cancelled.cancelled() => true,
                }
            })
            .await;
            if ended {
                return (End::Cancelled, last);
            }
        }
    }

    async fn look_at(&mut self, name: &str, attempt: u32, step: &Step, left: Duration) -> Result<StepResult, Failure> {
        debug_assert!(step.effect == Effect::ReadOnly, "only what reads is looked at");
        let Some(call) = self.call(&step.action).await? else {
            return Err(Failure::new(FailureKind::Expression, "there is nothing to look at"));
        };
        let mut ticket = self.ticket(name, attempt, None, step);
        ticket.timeout = step.timeout.map(|_| left);
        let mut cancelled = self.stop.clone();
        let Self { log, stop, hands, person, .. } = self;
        watched(log, stop, &person.name, async |_| {
            tokio::select! {
                looked = hands.look(&call, &ticket) => looked,
                () = cancelled.cancelled() => Err(Failure::new(FailureKind::Cancelled, "the operator ended it")),
            }
        })
        .await
    }
}
