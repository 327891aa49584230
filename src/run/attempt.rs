//! Forward attempts: look, begin, carry out, recover.

use std::time::Duration;

use super::alone::looks;
use super::clock;
use super::conclude::{nothing_known, settled_as_not_started};
use super::session::Session;
use super::task::{Done, Task};
use crate::action::execute::{End, Ended, Executor};
use crate::action::observe::answer;
use crate::action::proc;
use crate::expression::render::{Context, render_call};
use crate::expression::{render_text, truth};
use crate::model::call::{Call, Desired, Ticket};
use crate::model::event::{Answer, Event, Intent, Moment, SettledBy, Settlement};
use crate::model::flow::Included;
use crate::model::result::{Failure, FailureKind, Leftover};
use crate::model::runbook::Expression;
use crate::model::step::{Action, Step};
use crate::report::view::{Progress, View};

/// Who will act, and what is ready to be let go where that needs hands.
pub(super) type Ready<P> = (Intent, Option<P>);

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
    pub(super) async fn attempt(&self, task: &Task, attempt: u32, delay: Duration) -> Done<H::Prepared> {
        self.pause(delay).await;
        let name = task.step.as_str();
        let refused = |failure| Done::of(Event::StepRefused { step: name.to_owned(), attempt, failure });
        let step = match self.timed(name).await {
            Ok(step) => step,
            Err(failure) => return refused(failure),
        };
        self.pause(self.late_delay(name, &step)).await;
        self.show_running(name, &step).await;
        match self.look(task, &step).await {
            // What a look says that the operator ended is not the step's own failure.
            Err(failure) if task.is_cancelled() => refused(Failure { kind: FailureKind::Cancelled, ..failure }),
            Err(failure) => refused(failure),
            Ok(Found::Skip(reason)) => Done::of(Event::StepSkipped { step: name.to_owned(), reason }),
            Ok(Found::InPlace(reason)) => Done::of(self.in_place(name, attempt, reason)),
            Ok(Found::Ready) => match self.begin(task, attempt, &step).await {
                Ok(done) => done,
                Err(failure) => refused(failure),
            },
        }
    }

    /// Makes an attempt known, unless the window says otherwise.
    async fn begin(&self, task: &Task, attempt: u32, step: &Step) -> Result<Done<H::Prepared>, Failure> {
        let name = &task.step;
        if let Some(failure) = self.left_behind(name) {
            return Err(failure);
        }
        let limit = self.worst(name, step).await?;
        if let Some(instead) = self.window_forbids(name, limit) {
            return Ok(Done::of(instead));
        }
        self.observed(task, attempt, step, Moment::Before).await;
        let (intent, prepared) = self.prepare(task, attempt, step).await?;
        let event = Some(Event::AttemptStarted { step: name.clone(), attempt, intent });
        Ok(Done { event, prepared, limit: Some(limit) })
    }

    /// What goes on of an attempt that failed: no other begins before that is over, or a person says that it may.
    fn left_behind(&self, name: &str) -> Option<Failure> {
        let fold = self.log.read(|engine| engine.fold(name).cloned())?;
        let Some(Intent::Process(supervisor)) = &fold.intent else { return None };
        let left = fold.stands_in_the_way().iter().filter(|left| proc::is_left(left, supervisor));
        let left: Vec<Leftover> = left.cloned().collect();
        if left.is_empty() {
            return None;
        }
        let (failed, left) = (fold.reason.unwrap_or_default(), Leftover::listed(&left));
        let message =
            format!("attempt {} failed, {failed}, and processes that it left still run: {left}", fold.attempts);
        Some(Failure::new(FailureKind::LeftBehind, message))
    }

    async fn show_running(&self, name: &str, step: &Step) {
        let shown = match &step.name {
            Some(template) => {
                let text = self.log.values.evaluate(name, None, |scope| render_text(&template.0, scope)).await;
                text.unwrap_or_else(|_| name.to_owned())
            }
            None => name.to_owned(),
        };
        self.log.show(&Progress::Running { step: name.to_owned(), name: shown, estimate: step.estimate });
    }

    /// For how long it runs already: a step has a first attempt only once.
    fn show_began(&self, name: &str) {
        let began = self.log.read(|engine| {
            let fold = engine.fold(name).filter(|fold| fold.attempts == 1)?;
            fold.started.as_ref()?.parse::<jiff::Timestamp>().ok()
        });
        let ago = began.and_then(|began| Duration::try_from(clock::now().duration_since(began)).ok());
        if let Some(ago) = ago {
            self.log.show(&Progress::Began(ago));
        }
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
        self.log.read(|engine| engine.fold(name).is_some_and(|fold| fold.maybe_in_place))
    }

    /// The first expression of its `when` that is false: then it is left out.
    pub(super) async fn false_when<'a>(&self, name: &str, step: &'a Step) -> Result<Option<&'a Expression>, Failure> {
        for expression in &step.when {
            if !self.log.values.evaluate(name, None, |scope| truth(&expression.0, scope)).await? {
                return Ok(Some(expression));
            }
        }
        Ok(None)
    }

    async fn look(&self, task: &Task, step: &Step) -> Result<Found, Failure> {
        let name = task.step.as_str();
        if let Some(expression) = self.false_when(name, step).await? {
            return Ok(Found::Skip(format!("when: {} is false", expression.0)));
        }
        if let Some(check) = &step.check {
            match self.check(task, step, check, false).await {
                (Answer::Holds, detail) => {
                    // An attempt that did not get through its `verify` does not succeed by its `check` alone.
                    if self.began(name)
                        && let (_, Some(failure)) = self.verify(task, step).await
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
            && let Some(Call::File(call)) = self.call(name, &step.action).await?
            && !self.hands.preview_file(&call).await?.changes()
        {
            return Ok(Found::InPlace(format!("{} is so already", call.path.display())));
        }
        self.preconditions(task, step).await?;
        Ok(Found::Ready)
    }

    async fn preconditions(&self, task: &Task, step: &Step) -> Result<(), Failure> {
        let name = task.step.as_str();
        for precondition in &step.preconditions {
            let mut result = None;
            let mut holds = true;
            let mut detail = String::new();
            if let Some(probe) = &precondition.probe {
                let looked = self.look_once(task, step, probe).await;
                if precondition.that.is_none() {
                    let (answer, seen) = answer(&looked);
                    (holds, detail) = (answer == Answer::Holds, seen);
                } else {
                    result = Some(looked?);
                }
            }
            if let Some(that) = &precondition.that {
                holds = self.log.values.evaluate(name, result.as_ref(), |scope| truth(&that.0, scope)).await?;
                detail = format!("{} is false", that.0);
            }
            if !holds {
                let message = match &precondition.message {
                    Some(text) => {
                        self.log.values.evaluate(name, result.as_ref(), |scope| render_text(&text.0, scope)).await?
                    }
                    None => format!("a precondition does not hold: {detail}"),
                };
                return Err(Failure::new(FailureKind::Precondition, message));
            }
        }
        Ok(())
    }

    /// The folder and the targets of a step: those of the included runbook that it belongs to, else of the runbook.
    pub(super) fn context<'a>(&'a self, included: Option<&'a Included>) -> Context<'a> {
        included.map_or_else(|| Context::of(&self.runbook), Context::within)
    }

    /// The call of an action, its secrets resolved, its included files those that were approved.
    pub(super) async fn call(&self, name: &str, action: &Action) -> Result<Option<Call>, Failure> {
        let included = self.log.values.included(name);
        let context = self.context(included.as_deref());
        let mut call = self.log.values.evaluate(name, None, |scope| render_call(action, scope, &context)).await?;
        if let Some(Call::File(file)) = &mut call
            && let Some(Desired::Source { path, sha256 }) = &mut file.content
        {
            *path = self.folder.input(sha256);
        }
        Ok(call)
    }

    /// Gets ready for an attempt. What is done by the program itself or by a person needs no hands.
    async fn prepare(&self, task: &Task, attempt: u32, step: &Step) -> Result<Ready<H::Prepared>, Failure> {
        let name = task.step.as_str();
        if step.action.is_by_person() {
            return Ok((Intent::Person, None));
        }
        match self.call(name, &step.action).await? {
            Some(call) if !looks(step) => {
                let ticket = self.ticket(name, attempt, None, step);
                self.made_ready(task, &call, &ticket).await
            }
            _ => Ok((Intent::Program, None)),
        }
    }

    /// Gets hands ready. The operator may end that: nothing has begun then.
    pub(super) async fn made_ready(
        &self,
        task: &Task,
        call: &Call,
        ticket: &Ticket,
    ) -> Result<Ready<H::Prepared>, Failure> {
        tokio::select! {
            biased;
            ready = self.hands.prepare(call, ticket) => ready.map(|(intent, prepared)| (intent, Some(prepared))),
            () = task.cancelled() => Err(Failure::new(FailureKind::Cancelled, "the operator ended it before it began")),
        }
    }

    /// Carries out what was made known, and concludes it.
    pub(super) async fn finish(&self, task: &Task, attempt: u32) -> Event {
        let step = self.timed(&task.step).await.unwrap_or_else(|_| self.step(&task.step));
        if step.action.is_by_person() {
            return self.conclude_person(task, attempt, &step).await;
        }
        let ended = match self.carry_out(task, None).await {
            Some(ended) => ended,
            None => self.act_alone(task, attempt, &step).await,
        };
        self.crash.at(self.log.appended(), "after_effect");
        self.conclude(task, attempt, &step, ended).await
    }

    /// Finds out what became of an attempt of an executor that is gone.
    pub(super) async fn recover(&self, task: &Task, attempt: u32) -> Event {
        let name = task.step.as_str();
        let step = self.timed(name).await.unwrap_or_else(|_| self.step(name));
        let intent = self.log.read(|engine| engine.fold(name).and_then(|fold| fold.intent.clone()));
        let ended = match (intent, self.call(name, &step.action).await) {
            (Some(Intent::Program | Intent::Person) | None, _) => {
                nothing_known("the program that was looking is gone".to_owned(), false)
            }
            (Some(_), Err(failure)) => nothing_known(failure.message, true),
            (Some(intent), Ok(Some(call))) => {
                self.show_running(name, &step).await;
                self.show_began(name);
                self.log.show(&Progress::Waiting("what became of it".to_owned()));
                let ticket = self.ticket(name, attempt, None, &step);
                self.find_out(task, &intent, &call, &ticket).await
            }
            (Some(_), Ok(None)) => nothing_known("nothing of it acts by itself".to_owned(), false),
        };
        if let End::NotStarted { evidence } = ended.end {
            return settled_as_not_started(name, attempt, evidence);
        }
        self.conclude(task, attempt, &step, ended).await
    }

    /// Lets go what was made known and follows it to its end; `None` where it needs no hands.
    pub(super) async fn carry_out(&self, task: &Task, undo: Option<usize>) -> Option<Ended> {
        let prepared = self.prepared.borrow_mut().remove(&(task.step.clone(), undo))?;
        self.crash.at(self.log.appended(), "after_spawn");
        Some(self.shown(task, async |control| self.hands.carry_out(prepared, control).await).await)
    }

    /// Asks who acted what became of it.
    pub(super) async fn find_out(&self, task: &Task, intent: &Intent, call: &Call, ticket: &Ticket) -> Ended {
        self.shown(task, async |control| self.hands.recover(intent, call, ticket, control).await).await
    }
}
