//! One executor's turn with one run: the loop.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::log::{Log, LogError};
use super::person::Person;
use super::signals::{Stop, Urgency};
use super::status;
use crate::action::execute::{Control, Executor};
use crate::engine::Decision;
use crate::journal::store::RunFolder;
use crate::model::call::{Hidden, Ticket};
use crate::model::event::Event;
use crate::model::runbook::Runbook;
use crate::model::status::{RunState, Status};
use crate::model::step::Step;
use crate::report::view::{Progress, View};

/// Everything that a run needs while it goes.
pub struct Session<H: Executor, V> {
    /// What is to be done.
    pub runbook: Runbook,
    /// Its acting steps by their names in the journal.
    pub steps: HashMap<String, Arc<Step>>,
    /// The run's folder, with the files that the runbook includes.
    pub folder: RunFolder,
    /// Its records.
    pub log: Log<V>,
    /// What acts.
    pub hands: H,
    /// Who answers.
    pub person: Person,
    /// What the operator's signals say.
    pub stop: Stop,
    /// Where to stop for tests.
    pub crash: crate::journal::crash::CrashPlan,
    /// An attempt that was made known and not let go yet.
    pub prepared: Option<H::Prepared>,
}

impl<H: Executor, V: View> Session<H, V> {
    /// Goes on until the run ends, halts, or needs a person who is not there.
    ///
    /// # Errors
    ///
    /// Where something could not be recorded. Nothing further has begun then.
    pub async fn drive(&mut self) -> Result<RunState, LogError> {
        loop {
            if self.stop_is_due() {
                self.log.append(stop_requested(&self.person.name))?;
            }
            let decision = self.log.engine.next();
            match self.act(decision).await {
                Some(event) => self.log.append(event)?,
                // A question that a signal ended is not one that nobody can answer.
                None if self.stop_is_due() => {}
                None => break,
            }
        }
        let status = self.status();
        self.log.view.progress(&Progress::Idle);
        self.log.view.finished(&status);
        Ok(status.state)
    }

    /// Where the run stands.
    #[must_use]
    pub fn status(&self) -> Status {
        status::status(&self.folder.id, &self.runbook.name, &self.log.engine)
    }

    fn stop_is_due(&self) -> bool {
        let state = &self.log.engine.state;
        self.stop.is_wanted() && !state.stopping && state.ended.is_none()
    }

    /// Does what the engine decided; the event that came of it, or `None` where nothing more can be done now.
    async fn act(&mut self, decision: Decision) -> Option<Event> {
        tracing::debug!(?decision, "next");
        match decision {
            Decision::Append(event) => Some(event),
            Decision::Attempt { step, attempt, delay } => {
                if self.pause(delay).await {
                    return Some(stop_requested(&self.person.name));
                }
                Some(self.attempt(&step, attempt).await)
            }
            Decision::Await { step, attempt } => Some(self.finish(&step, attempt).await),
            Decision::Recover { step, attempt } => Some(self.recover(&step, attempt).await),
            Decision::AskCheck { step } => Some(self.ask_check(&step).await),
            Decision::Undo { step, part, attempt, delay } => {
                if self.pause(delay).await {
                    return Some(stop_requested(&self.person.name));
                }
                Some(self.undo(&step, part, attempt).await)
            }
            Decision::AwaitUndo { step, part, attempt } => Some(self.finish_undo(&step, part, attempt).await),
            Decision::RecoverUndo { step, part, attempt } => Some(self.recover_undo(&step, part, attempt).await),
            Decision::Ask { step, question } => Some(self.question(&step, question).await),
            Decision::Answer => self.answer().await,
            Decision::End(_) => None,
        }
    }

    /// Waits; true where the operator asked to stop meanwhile.
    pub(super) async fn pause(&mut self, delay: Duration) -> bool {
        if delay.is_zero() {
            return false;
        }
        self.log.view.progress(&Progress::Waiting(format!("the next attempt, in {delay:?}")));
        let stopping = self.log.engine.state.stopping;
        tokio::select! {
            () = tokio::time::sleep(delay) => false,
            () = self.stop.wanted(), if !stopping => true,
        }
    }

    /// The acting step of that name. The engine only names steps of this runbook.
    pub(super) fn step(&self, name: &str) -> Arc<Step> {
        #[expect(clippy::expect_used, reason = "the engine's program was made of this runbook")]
        self.steps.get(name).cloned().expect("the engine names steps of its runbook")
    }

    pub(super) fn ticket(&self, step: &str, attempt: u32, undo: Option<usize>, options: &Step) -> Ticket {
        Ticket {
            run: self.folder.id.clone(),
            step: step.to_owned(),
            attempt,
            undo,
            timeout: options.limit(),
            sensitive: options.sensitive,
            secrets: Hidden(self.log.values.scope().secrets()),
        }
    }
}

fn stop_requested(by: &str) -> Event {
    Event::StopRequested { by: by.to_owned(), reason: "asked for by a signal".to_owned() }
}

/// Waits for something while output and time go by on the screen, and records a first wish to stop at once.
pub(super) async fn watched<V: View, T>(
    log: &mut Log<V>,
    stop: &Stop,
    person: &str,
    work: impl AsyncFnOnce(&Control) -> T,
) -> T {
    let (output, mut lines) = tokio::sync::mpsc::unbounded_channel();
    let control = Control { cancel: stop.cancel.clone(), output };
    let work = work(&control);
    tokio::pin!(work);
    let mut tick = tokio::time::interval(Duration::from_millis(200));
    let mut urgency = stop.urgency.clone();
    let mut recorded = log.engine.state.stopping;
    loop {
        tokio::select! {
            biased;
            done = &mut work => return done,
            Some(line) = lines.recv() => log.view.progress(&Progress::Output(line)),
            changed = urgency.wait_for(|urgency| *urgency != Urgency::None), if !recorded => {
                recorded = true;
                if changed.is_ok()
                    && let Err(error) = log.append(stop_requested(person))
                {
                    tracing::warn!(%error, "the wish to stop could not be recorded");
                }
            }
            _ = tick.tick() => log.view.progress(&Progress::Tick),
        }
    }
}
