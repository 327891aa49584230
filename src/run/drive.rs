//! The loop itself. Facts are appended at once; everything else that the engine says can be done now is under way until
//! something comes of it. What has had no effect yet is dropped when the engine does not want it any more; what acts is
//! never dropped, because how it ends is a fact.

use std::future::Future;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;
use tokio::sync::{mpsc, oneshot, watch};

use super::clock;
use super::log::LogError;
use super::session::Session;
use super::task::{Done, Task};
use crate::action::execute::Executor;
use crate::engine::{Decision, Engine};
use crate::journal::file::JournalError;
use crate::model::event::Event;
use crate::model::status::RunState;
use crate::report::view::{Progress, View};

/// How often the screen is told that time goes by.
const TICK: Duration = Duration::from_millis(200);

/// What somebody elsewhere wants of a run while it goes.
#[derive(Debug)]
pub struct Command {
    /// What is to be recorded.
    pub event: Event,
    /// Whether all that is under way is to be ended.
    pub end_now: bool,
    /// Told once the event is durable, or why it cannot be recorded.
    pub reply: oneshot::Sender<Result<(), String>>,
}

/// What became of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obeyed {
    /// It is durable.
    Recorded,
    /// It is durable, and what is under way is to be ended.
    EndNow,
    /// It could not come now.
    Refused,
}

/// Something that was begun because of a decision.
struct Entry {
    number: u64,
    decision: Decision,
    cancel: watch::Sender<bool>,
    abort: AbortHandle,
    /// Nothing came of it, and nothing will while nothing else happens.
    is_over: bool,
}

/// All that is under way.
struct Running<F: Future> {
    entries: Vec<Entry>,
    futures: FuturesUnordered<Abortable<F>>,
    begun: u64,
}

impl<F: Future> Running<F> {
    fn new() -> Self {
        Self { entries: Vec::new(), futures: FuturesUnordered::new(), begun: 0 }
    }

    /// Whether something can still come of it. What only keeps an eye open brings nothing further.
    fn goes_on(&self) -> bool {
        self.entries.iter().any(|entry| !entry.is_over && !only_looks(&entry.decision))
    }

    /// Asks for the end of what is wanted to be ended.
    fn end(&self, wanted: &[Decision]) {
        for decision in wanted {
            let Decision::Cancel { step } = decision else { continue };
            for entry in self.entries.iter().filter(|entry| step_of(&entry.decision) == step && acts(&entry.decision)) {
                entry.cancel.send_replace(true);
            }
        }
    }

    /// Drops what has had no effect and is not wanted any more. What acts is kept as long as its step is under way: a
    /// person's may be over before all that follows from their answer was found out.
    fn keep(&mut self, wanted: &[Decision], is_under_way: impl Fn(&str) -> bool) {
        self.entries.retain(|entry| {
            let acts = acts(&entry.decision) && is_under_way(step_of(&entry.decision));
            let keeps = acts || wanted.contains(&entry.decision);
            if !keeps {
                entry.abort.abort();
            }
            keeps
        });
    }

    /// Begins what is wanted and not under way.
    fn begin(&mut self, wanted: Vec<Decision>, begin: impl Fn(u64, Decision, Task) -> F) {
        for decision in wanted {
            let ends = matches!(decision, Decision::Cancel { .. });
            if ends || self.entries.iter().any(|entry| entry.decision == decision) {
                continue;
            }
            self.begun += 1;
            let (cancel, cancelled) = watch::channel(false);
            let task = Task { step: step_of(&decision).to_owned(), cancel: cancelled };
            let (abort, aborted) = AbortHandle::new_pair();
            self.futures.push(Abortable::new(begin(self.begun, decision.clone(), task), aborted));
            self.entries.push(Entry { number: self.begun, decision, cancel, abort, is_over: false });
        }
    }

    /// Takes out what something came of; leaves what nobody can do now, so that it is not begun again.
    fn ended(&mut self, number: u64, came: bool) {
        let Some(place) = self.entries.iter().position(|entry| entry.number == number) else { return };
        if came {
            self.entries.remove(place);
        } else {
            self.entries[place].is_over = true;
        }
    }

    /// Ends all of it.
    fn end_now(&self) {
        for entry in &self.entries {
            entry.cancel.send_replace(true);
        }
    }
}

impl<H: Executor, V: View> Session<H, V> {
    /// Goes on until the run ends, halts, or needs a person who is not there.
    ///
    /// # Errors
    ///
    /// Where something could not be recorded. Nothing further has begun then, and what runs by itself is left running.
    pub async fn drive(&self, mut commands: mpsc::UnboundedReceiver<Command>) -> Result<RunState, LogError> {
        let mut running = Running::new();
        let mut tick = tokio::time::interval(TICK);
        let (mut stop, mut haste) = (self.stop.clone(), self.stop.clone());
        let mut heard = false;
        loop {
            if !heard && stop.is_wanted() {
                heard = true;
                self.stop_by_signal()?;
            }
            self.look_at_clock()?;
            let wanted = self.wanted()?;
            if wanted.iter().any(|decision| matches!(decision, Decision::End(_))) {
                break;
            }
            running.keep(&wanted, |step| self.is_under_way(step));
            running.end(&wanted);
            running.begin(wanted, |number, decision, task| self.numbered(number, decision, task));
            if !running.goes_on() && !self.waits_for_somebody() {
                break;
            }
            tokio::select! {
                biased;
                () = stop.wanted(), if !heard => {}
                () = haste.hastened() => self.end_now(&running),
                Some(command) = commands.recv() => {
                    let takes_back = matches!(command.event, Event::RequestWithdrawn { step: None, .. });
                    match self.obey(command)? {
                        Obeyed::EndNow => self.end_now(&running),
                        Obeyed::Recorded if takes_back => {
                            self.stop.forget();
                            heard = false;
                        }
                        Obeyed::Recorded | Obeyed::Refused => {}
                    }
                }
                Some(ended) = running.futures.next() => {
                    if let Ok((number, done)) = ended {
                        running.ended(number, done.event.is_some());
                        self.came(done)?;
                    }
                }
                _ = tick.tick() => {
                    self.log.show(&Progress::Tick);
                    self.show_window();
                }
            }
        }
        let status = self.status();
        self.log.show(&Progress::Idle);
        self.log.view(|view| view.finished(&status));
        Ok(status.state)
    }

    /// What can be done now, after all facts that follow from what is there were appended.
    fn wanted(&self) -> Result<Vec<Decision>, LogError> {
        loop {
            let mut decisions = self.log.read(Engine::next);
            let fact = decisions.iter().position(|decision| matches!(decision, Decision::Append(_)));
            match fact.map(|place| decisions.swap_remove(place)) {
                Some(Decision::Append(event)) => self.log.append(event)?,
                _ => return Ok(decisions),
            }
        }
    }

    async fn numbered(&self, number: u64, decision: Decision, task: Task) -> (u64, Done<H::Prepared>) {
        (number, self.act(decision, &task).await)
    }

    /// Does what the engine decided.
    async fn act(&self, decision: Decision, task: &Task) -> Done<H::Prepared> {
        tracing::debug!(?decision, "begins");
        match decision {
            Decision::Attempt { attempt, delay, .. } => self.attempt(task, attempt, delay).await,
            Decision::Await { attempt, .. } => Done::of(self.finish(task, attempt).await),
            Decision::Recover { attempt, .. } => Done::of(self.recover(task, attempt).await),
            Decision::AskCheck { .. } => Done::of(self.ask_check(task).await),
            Decision::Undo { part, attempt, delay, .. } => self.undo(task, part, attempt, delay).await,
            Decision::AwaitUndo { part, attempt, .. } => Done::of(self.finish_undo(task, part, attempt).await),
            Decision::RecoverUndo { part, attempt, .. } => Done::of(self.recover_undo(task, part, attempt).await),
            Decision::Ask { question, .. } => Done::of(self.question(&task.step, question).await),
            Decision::Answer => Done { event: self.answer().await, ..Done::nothing() },
            Decision::Enter { .. } => Done::of(self.enter(task).await),
            Decision::Judge { round, .. } => Done::of(self.judge_round(task, round).await),
            Decision::Held { .. } => Done::of(self.held(task).await),
            Decision::Watch { watch, .. } => self.watch(task, watch).await,
            Decision::Limit { .. } => Done::of(self.limit(task).await),
            Decision::Lapse { .. } => Done::of(self.lapse(task).await),
            Decision::Append(_) | Decision::Cancel { .. } | Decision::End(_) => Done::nothing(),
        }
    }

    /// Records what came of something. What waits for that may be let go from then on.
    fn came(&self, done: Done<H::Prepared>) -> Result<(), LogError> {
        let Some(event) = done.event else { return Ok(()) };
        if goes_on(&event)
            && let Err(error) = self.log.may_begin()
        {
            // What was got ready is dropped unused.
            return self.log.append(no_room(&error));
        }
        if let (Event::AttemptStarted { step, .. }, Some(limit)) = (&event, done.limit) {
            let stopping = || self.log.read(|engine| engine.state.stopping);
            let was_stopping = stopping();
            self.look_at_clock()?;
            if stopping() && !was_stopping {
                return Ok(());
            }
            // Time went by since it was asked for, and something else may have begun beside it.
            if let Some(instead) = self.window_forbids(step, limit) {
                return self.log.append(instead);
            }
            self.window.began(step, limit);
        }
        let begun = match &event {
            Event::AttemptStarted { step, .. } => Some((step.clone(), None)),
            Event::UndoStarted { step, part, .. } => Some((step.clone(), Some(*part))),
            _ => None,
        };
        self.log.append(event)?;
        if begun.is_some() {
            self.show_window();
        }
        if let (Some(key), Some(prepared)) = (begun, done.prepared) {
            self.prepared.borrow_mut().insert(key, prepared);
        }
        Ok(())
    }

    fn is_under_way(&self, step: &str) -> bool {
        self.log.read(|engine| engine.program.index(step).is_some_and(|index| engine.state.in_flight.contains(&index)))
    }

    fn end_now<F: Future>(&self, running: &Running<F>) {
        if running.entries.iter().any(|entry| acts(&entry.decision)) {
            self.log.show(&Progress::Ending(clock::now()));
        }
        running.end_now();
    }

    fn stop_by_signal(&self) -> Result<(), LogError> {
        if self.log.read(|engine| engine.state.stopping || engine.state.ended.is_some()) {
            return Ok(());
        }
        let by = self.person.name.clone();
        self.log.append(Event::StopRequested { by, reason: "asked for by a signal".to_owned() })
    }

    /// Whether a question is open that somebody answers from elsewhere: the terminal that it was put at went away.
    fn waits_for_somebody(&self) -> bool {
        self.person.comes_back() && self.log.read(|engine| engine.state.question.is_some() && !engine.state.stopping)
    }

    /// Records what somebody elsewhere wants. What cannot come now is refused, and changes nothing.
    fn obey(&self, command: Command) -> Result<Obeyed, LogError> {
        let (said, obeyed) = match self.log.append(command.event) {
            Ok(()) if command.end_now => (Ok(()), Obeyed::EndNow),
            Ok(()) => (Ok(()), Obeyed::Recorded),
            Err(LogError::Illegal(illegal)) => (Err(illegal.why), Obeyed::Refused),
            Err(error) => {
                let _gone = command.reply.send(Err(error.to_string()));
                return Err(error);
            }
        };
        // Whoever asked may have gone.
        let _gone = command.reply.send(said);
        Ok(obeyed)
    }
}

/// Whether it brings the run on, or says that this is not possible.
const fn goes_on(event: &Event) -> bool {
    matches!(
        event,
        Event::AttemptStarted { .. }
            | Event::StepRefused { .. }
            | Event::StepSkipped { .. }
            | Event::StepInPlace { .. }
            | Event::LoopStarted { .. }
            | Event::IncludeStarted { .. }
    )
}

/// What is recorded instead where the disk has room only for the end of the run.
fn no_room(error: &JournalError) -> Event {
    let cause = std::error::Error::source(error).map_or_else(String::new, |cause| format!(" ({cause})"));
    let reason = format!("{error}{cause}; {}", error.mend());
    Event::StopRequested { by: "runbook".to_owned(), reason }
}

/// Whether it may have an effect, so that it is never dropped.
const fn acts(decision: &Decision) -> bool {
    matches!(
        decision,
        Decision::Await { .. } | Decision::Recover { .. } | Decision::AwaitUndo { .. } | Decision::RecoverUndo { .. }
    )
}

/// Whether it brings a run no further by itself.
const fn only_looks(decision: &Decision) -> bool {
    matches!(decision, Decision::Watch { .. } | Decision::Limit { .. })
}

/// Which step it is about.
fn step_of(decision: &Decision) -> &str {
    match decision {
        Decision::Attempt { step, .. }
        | Decision::Await { step, .. }
        | Decision::Recover { step, .. }
        | Decision::AskCheck { step }
        | Decision::Undo { step, .. }
        | Decision::AwaitUndo { step, .. }
        | Decision::RecoverUndo { step, .. }
        | Decision::Ask { step, .. }
        | Decision::Enter { step }
        | Decision::Judge { step, .. }
        | Decision::Held { step }
        | Decision::Watch { step, .. }
        | Decision::Limit { step }
        | Decision::Lapse { step }
        | Decision::Cancel { step } => step,
        Decision::Append(_) | Decision::Answer | Decision::End(_) => "",
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use futures_util::FutureExt as _;

    use super::*;

    fn looks(step: &str) -> Decision {
        Decision::Attempt { step: step.to_owned(), attempt: 1, delay: Duration::ZERO }
    }

    fn runs(step: &str) -> Decision {
        Decision::Await { step: step.to_owned(), attempt: 1 }
    }

    /// Goes on until it is to be ended, and has a hold on `witness` so long.
    async fn held(number: u64, task: Task, witness: Rc<()>) -> (u64, Rc<()>) {
        task.cancelled().await;
        (number, witness)
    }

    #[test]
    fn what_has_had_no_effect_is_dropped_once_it_is_not_wanted_and_what_acts_goes_on() {
        let witness = Rc::new(());
        let mut running = Running::new();
        let begin = |number, _, task| held(number, task, Rc::clone(&witness));
        running.begin(vec![looks("a"), runs("b"), looks("c")], begin);
        running.keep(&[looks("c")], |_| true);
        assert!(running.futures.next().now_or_never().is_some_and(|ended| ended.is_some_and(|ended| ended.is_err())));
        assert!(running.futures.next().now_or_never().is_none(), "the other two go on");
        assert_eq!(Rc::strong_count(&witness), 3);
        let left: Vec<&Decision> = running.entries.iter().map(|entry| &entry.decision).collect();
        assert_eq!(left, [&runs("b"), &looks("c")]);
        running.keep(&[], |_| false);
        assert!(running.entries.is_empty(), "nothing is under way any more");
    }

    #[test]
    fn what_is_under_way_is_not_begun_again_nor_is_what_nobody_can_do_while_it_is_wanted() {
        let witness = Rc::new(());
        let mut running = Running::new();
        let begin = |number, _, task| held(number, task, Rc::clone(&witness));
        running.begin(vec![runs("a"), Decision::Answer], begin);
        running.begin(vec![runs("a"), Decision::Answer], begin);
        assert_eq!(running.begun, 2);
        running.ended(2, false);
        running.keep(&[runs("a"), Decision::Answer], |_| true);
        running.begin(vec![runs("a"), Decision::Answer], begin);
        assert_eq!((running.begun, running.goes_on()), (2, true));
        running.ended(1, true);
        assert!(!running.goes_on(), "nobody answers, and nothing else is under way");
        running.keep(&[], |_| true);
        running.begin(vec![Decision::Answer], begin);
        assert_eq!((running.begun, running.goes_on()), (3, true), "another question is another chance");
    }

    #[test]
    fn ending_all_that_is_under_way_leaves_alone_what_begins_later() {
        let witness = Rc::new(());
        let mut running = Running::new();
        let begin = |number, _, task| held(number, task, Rc::clone(&witness));
        running.begin(vec![runs("a")], begin);
        running.end_now();
        running.begin(vec![runs("b")], begin);
        let ended = running.futures.next().now_or_never().flatten();
        assert_eq!(ended.and_then(Result::ok).map(|(number, _)| number), Some(1));
        assert!(running.futures.next().now_or_never().is_none(), "b goes on");
    }
}
