//! Undoing: the parts of a step's rollback, the built-in one of a file first.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::alone::looks;
use super::attempt::Ready;
use super::conclude::{Concluded, millis, nothing_known};
use super::session::Session;
use super::task::{Done, Task};
use crate::action::execute::{End, Ended, Executor};
use crate::model::call::{Call, RestoreCall};
use crate::model::event::{Event, Intent, Outcome, SettledBy, Settlement};
use crate::model::question::Choice;
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::step::{Action, Step, Undo};
use crate::report::view::{Progress, View};

/// One part of an undo.
pub(super) enum Part {
    /// The file is put back as it was.
    Restore(Arc<Step>),
    /// A step of its `rollback`.
    Own(Box<Step>),
}

impl<H: Executor, V: View> Session<H, V> {
    pub(super) fn part(&self, name: &str, part: usize) -> Part {
        let step = self.step(name);
        let own = own_part(&step, part).cloned();
        own.map_or_else(|| Part::Restore(step), |own| Part::Own(Box::new(own)))
    }

    /// The part as a call, `None` where the program or a person does it.
    pub(super) async fn undo_call(&self, name: &str, part: &Part) -> Result<Option<Call>, Failure> {
        let step = match part {
            Part::Own(step) => return self.call(name, &step.action).await,
            Part::Restore(step) => step,
        };
        let (first, last) = self.log.read(|engine| {
            let fold = engine.fold(name);
            (fold.and_then(|fold| fold.first_intent.clone()), fold.and_then(|fold| fold.intent.clone()))
        });
        let (Some(Intent::File(intent)), Some(Call::File(file))) = (first, self.call(name, &step.action).await?) else {
            return Err(Failure::new(FailureKind::File, "nothing was kept of the file"));
        };
        let latest = match last {
            Some(Intent::File(last)) if last.path == intent.path => last,
            _ => intent.clone(),
        };
        let step = name.to_owned();
        Ok(Some(Call::Restore(RestoreCall { intent, latest, step, reload: file.reload, cwd: file.cwd })))
    }

    /// Makes one part of an undo known.
    pub(super) async fn undo(&self, task: &Task, part: usize, attempt: u32, delay: Duration) -> Done<H::Prepared> {
        self.pause(delay).await;
        let name = task.step.as_str();
        let what = self.part(name, part);
        let shown = format!("undo {name}");
        let estimate = what.step().estimate;
        self.log.show(&Progress::Running { step: name.to_owned(), name: shown, estimate });
        let step = name.to_owned();
        match self.prepare_undo(task, part, attempt, &what).await {
            Ok((intent, prepared)) => Done { prepared, ..Done::of(Event::UndoStarted { step, part, attempt, intent }) },
            Err(failure) => Done::of(Event::UndoRefused { step, part, attempt, failure }),
        }
    }

    async fn prepare_undo(
        &self,
        task: &Task,
        part: usize,
        attempt: u32,
        what: &Part,
    ) -> Result<Ready<H::Prepared>, Failure> {
        let name = task.step.as_str();
        let step = what.step();
        if let Part::Own(step) = what {
            if self.false_when(name, step).await?.is_some() || looks(step) {
                return Ok((Intent::Program, None));
            }
            if step.action.is_by_person() {
                return Ok((Intent::Person, None));
            }
        }
        match self.undo_call(name, what).await? {
            None => Ok((Intent::Program, None)),
            Some(call) => {
                let ticket = self.ticket(name, attempt, Some(part), step);
                self.made_ready(task, &call, &ticket).await
            }
        }
    }

    /// Carries out the part that was made known.
    pub(super) async fn finish_undo(&self, task: &Task, part: usize, attempt: u32) -> Event {
        let name = task.step.as_str();
        let what = self.part(name, part);
        let ended = match self.carry_out(task, Some(part)).await {
            Some(ended) => ended,
            None => self.undo_alone(task, attempt, &what).await,
        };
        self.crash.at(self.log.appended(), "after_effect");
        self.undone(task, part, attempt, what.own()).await;
        let concluded = self.judge_undo(task, &what, &ended).await;
        undo_finished(name, part, attempt, ended, concluded)
    }

    /// Finds out what became of a part of an executor that is gone.
    pub(super) async fn recover_undo(&self, task: &Task, part: usize, attempt: u32) -> Event {
        let name = task.step.as_str();
        let what = self.part(name, part);
        let intent = self.log.read(|engine| engine.fold(name).and_then(|fold| fold.undo.intent.clone()));
        let call = self.undo_call(name, &what).await;
        let ended = match (intent, call) {
            (Some(Intent::Program | Intent::Person) | None, _) | (_, Ok(None)) => {
                nothing_known("it is over".to_owned(), false)
            }
            (Some(_), Err(failure)) => nothing_known(failure.message, true),
            (Some(intent), Ok(Some(call))) => {
                let ticket = self.ticket(name, attempt, Some(part), what.step());
                self.find_out(task, &intent, &call, &ticket).await
            }
        };
        if let End::NotStarted { evidence } = ended.end {
            let (step, r#as) = (name.to_owned(), Settlement::NotStarted);
            return Event::UndoSettled { step, part, r#as, by: SettledBy::Supervisor, reason: evidence };
        }
        self.undone(task, part, attempt, what.own()).await;
        let concluded = self.judge_undo(task, &what, &ended).await;
        undo_finished(name, part, attempt, ended, concluded)
    }

    /// The end of a part. What undoes has to hold too; the `verify` of the step itself is not asked any more.
    async fn judge_undo(&self, task: &Task, part: &Part, ended: &Ended) -> Concluded {
        let concluded = self.judge(&task.step, part.step(), &ended.end, &ended.result).await;
        match part {
            Part::Own(step)
                if concluded.0 == Outcome::Succeeded
                    && !matches!(self.false_when(&task.step, step).await, Ok(Some(_))) =>
            {
                self.verify(task, step).await
            }
            _ => concluded,
        }
    }

    /// A part without a call: nothing to do, a person's, or what the program does by itself.
    async fn undo_alone(&self, task: &Task, attempt: u32, part: &Part) -> Ended {
        let name = task.step.as_str();
        let step = part.step();
        let began = Instant::now();
        let end = match &step.action {
            _ if matches!(self.false_when(name, step).await, Ok(Some(_))) => End::Returned,
            Action::Wait(_) | Action::Assert { .. } => return self.act_alone(task, attempt, step).await,
            _ if looks(step) => return self.act_alone(task, attempt, step).await,
            action if action.is_by_person() => self.undone_by_person(),
            other => {
                let message = format!("`{}` cannot be part of a rollback", other.kind());
                End::Failed(Failure::new(FailureKind::Expression, message))
            }
        };
        Ended { end, result: StepResult::default(), output: None, duration: began.elapsed() }
    }

    /// The word of the person who was asked.
    fn undone_by_person(&self) -> End {
        let no = |message| End::Failed(Failure::new(FailureKind::NoGo, message));
        match self.log.read(|engine| engine.state.decision.clone()) {
            Some(decided) if matches!(decided.choice, Choice::Succeeded | Choice::Yes) => End::Returned,
            Some(decided) => no(format!("{} says that it is not undone: {}", decided.by, decided.reason)),
            None => no("nobody answered".to_owned()),
        }
    }

    /// A part of an undo that nobody answered about in time.
    pub(super) async fn lapsed_undo(&self, task: &Task, part: usize, attempt: u32, duration: Duration) -> Event {
        let what = self.part(&task.step, part);
        let ended = Ended { end: End::TimedOut, result: StepResult::default(), output: None, duration };
        self.undone(task, part, attempt, what.own()).await;
        let concluded = self.judge_undo(task, &what, &ended).await;
        undo_finished(&task.step, part, attempt, ended, concluded)
    }
}

/// The step of a `rollback` that is that part of an undo; `None` where it is the one that is built in.
pub(super) fn own_part(step: &Step, part: usize) -> Option<&Step> {
    let restores = matches!(step.action, Action::File(_));
    match &step.undo {
        Undo::Steps(steps) => steps.get(part.wrapping_sub(usize::from(restores))),
        _ => None,
    }
}

impl Part {
    /// The step of a `rollback`; `None` of what undoes by itself.
    fn own(&self) -> Option<&Step> {
        if let Self::Own(step) = self { Some(step) } else { None }
    }

    pub(super) fn step(&self) -> &Step {
        match self {
            Self::Restore(step) => step,
            Self::Own(step) => step,
        }
    }
}

fn undo_finished(name: &str, part: usize, attempt: u32, ended: Ended, concluded: Concluded) -> Event {
    let (outcome, failure): (Outcome, _) = concluded;
    let duration_ms = millis(ended.duration);
    Event::UndoFinished { step: name.to_owned(), part, attempt, outcome, failure, duration_ms, output: ended.output }
}
