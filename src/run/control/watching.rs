//! The live view of a run from another terminal: a reader of its journal, and somebody who may answer its questions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::asking::Asking;
use super::keyboard::Keyboard;
use super::pending;
use super::protocol::{Request, Response};
use super::tail::Tail;
use super::{client, protocol};
use crate::engine::{Engine, Illegal};
use crate::journal::chain::ChainError;
use crate::journal::follow::Follower;
use crate::journal::lock::{LockError, executor_of};
use crate::journal::store::{RunFolder, Store};
use crate::model::event::{Event, Record};
use crate::model::question::OpenQuestion;
use crate::model::runbook::Runbook;
use crate::model::status::{Pending, Status};
use crate::report::terminal;
use crate::report::view::{Progress, View};
use crate::run::question::manual;
use crate::run::{clock, status};

/// How often the journal and the output of what runs are looked at.
const EVERY: Duration = Duration::from_millis(100);

/// Every so many looks it is asked whether the executor is still there.
const EXECUTOR: u32 = 5;

/// How a watch ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Left {
    /// The run ended or halted, or its executor is gone.
    Over(Box<Status>),
    /// The person left, or nobody reads any more.
    Early,
}

/// Why a watch cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum WatchError {
    /// The records cannot be read or believed.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A record cannot follow those before it.
    #[error("the run's records are not possible")]
    Illegal(#[from] Illegal),
    /// It cannot be told whether somebody executes the run.
    #[error(transparent)]
    Lock(#[from] LockError),
}

/// A run that is looked at.
pub struct Watching<V> {
    /// Where it lies.
    folder: RunFolder,
    runbook: Runbook,
    view: V,
    keyboard: Option<Keyboard>,
    engine: Engine,
    pending: Vec<Pending>,
    running: BTreeMap<(String, Option<usize>), Running>,
    shown: Option<(String, Option<usize>)>,
    question: Option<OpenQuestion>,
    asking: Option<Asking>,
}

/// An attempt that is under way.
struct Running {
    tail: Tail,
    since: String,
}

impl<V: View> Watching<V> {
    /// Of a run, by somebody at a keyboard or by nobody who could answer.
    pub fn new(folder: RunFolder, runbook: Runbook, view: V, keyboard: Option<Keyboard>) -> Self {
        let engine = Engine::new(&runbook);
        Self {
            folder,
            runbook,
            view,
            keyboard,
            engine,
            pending: Vec::new(),
            running: BTreeMap::new(),
            shown: None,
            question: None,
            asking: None,
        }
    }

    /// Looks until the run ends, its executor is gone, or `leave` comes about.
    ///
    /// # Errors
    ///
    /// [`WatchError`]; the run does not mind.
    pub async fn watch(mut self, store: &Store, leave: impl Future<Output = ()>) -> Result<Left, WatchError> {
        let mut follower = Follower::open(&self.folder.path)?;
        let mut tick = tokio::time::interval(EVERY);
        let mut looks = 0;
        tokio::pin!(leave);
        loop {
            let typed = async {
                match (&self.asking, &mut self.keyboard) {
                    (Some(_), Some(keyboard)) => keyboard.line().await,
                    _ => std::future::pending().await,
                }
            };
            let line = tokio::select! {
                () = &mut leave => return Ok(Left::Early),
                line = typed => Some(line),
                _ = tick.tick() => None,
            };
            if terminal::is_gone() {
                return Ok(Left::Early);
            }
            match line {
                Some(Some(line)) => self.typed(&line).await,
                Some(None) => (self.keyboard, self.asking) = (None, None),
                None => {
                    // Whether somebody executes it is asked before its last records are read.
                    let gone = looks % EXECUTOR == 0 && executor_of(store, &self.folder)?.is_none();
                    looks += 1;
                    self.follow(&mut follower)?;
                    if gone || self.engine.state.ended.is_some() {
                        return Ok(Left::Over(Box::new(self.over())));
                    }
                    self.show();
                }
            }
        }
    }

    /// Takes in what was recorded since.
    fn follow(&mut self, follower: &mut Follower) -> Result<(), WatchError> {
        let mut refused = None;
        follower.advance(|record| {
            if refused.is_none() {
                refused = self.take(&record).err();
            }
        })?;
        refused.map_or(Ok(()), |illegal| Err(illegal.into()))
    }

    fn take(&mut self, record: &Record) -> Result<(), Illegal> {
        self.engine.apply(&record.event, &record.at)?;
        pending::fold(&mut self.pending, record);
        match &record.event {
            Event::AttemptStarted { step, attempt, .. } => self.begins(step, None, *attempt, &record.at),
            Event::UndoStarted { step, part, attempt, .. } => self.begins(step, Some(*part), *attempt, &record.at),
            Event::AttemptFinished { step, .. } | Event::StepSettled { step, .. } => self.ends(step, None),
            Event::UndoFinished { step, part, .. } | Event::UndoSettled { step, part, .. } => {
                self.ends(step, Some(*part));
            }
            _ => {}
        }
        self.view.record(record);
        Ok(())
    }

    fn begins(&mut self, step: &str, undo: Option<usize>, attempt: u32, at: &str) {
        let tail = Tail::of(&self.folder.path, step, undo, attempt);
        self.running.insert((step.to_owned(), undo), Running { tail, since: at.to_owned() });
    }

    fn ends(&mut self, step: &str, undo: Option<usize>) {
        self.running.remove(&(step.to_owned(), undo));
    }

    /// What is going on now: what runs, its output, what is asked.
    fn show(&mut self) {
        let open = self.engine.state.question.clone();
        if open != self.question {
            self.question.clone_from(&open);
            self.asking = None;
            if let Some(open) = open {
                self.ask(open);
            }
        }
        if self.asking.is_none() {
            self.show_running();
        }
    }

    fn show_running(&mut self) {
        if self.shown.as_ref().is_none_or(|shown| !self.running.contains_key(shown)) {
            let next = self.running.iter().max_by(|a, b| a.1.since.cmp(&b.1.since));
            match next {
                Some((key, running)) => {
                    self.shown = Some(key.clone());
                    self.view.progress(&running_now(&self.runbook, key));
                    if let Ok(since) = running.since.parse::<jiff::Timestamp>() {
                        let ago = Duration::try_from(clock::now().duration_since(since)).unwrap_or_default();
                        self.view.progress(&Progress::Began(ago));
                    }
                }
                None if self.shown.take().is_some() => self.view.progress(&Progress::Idle),
                None => {}
            }
        }
        for ((step, _), running) in &mut self.running {
            for line in running.tail.lines() {
                self.view.progress(&Progress::Output { step: step.clone(), line });
            }
        }
        self.view.progress(&Progress::Tick);
    }

    fn ask(&mut self, open: OpenQuestion) {
        self.view.question(&open);
        let Some(keyboard) = &mut self.keyboard else { return };
        keyboard.forget();
        let manual = manual(&self.runbook, &open);
        self.asking = Some(Asking::new(open, manual));
        self.prompt();
    }

    fn prompt(&mut self) {
        if let Some(prompt) = self.asking.as_ref().and_then(Asking::prompt) {
            self.view.prompt(&prompt);
        }
    }

    async fn typed(&mut self, line: &str) {
        let Some(asking) = &mut self.asking else { return };
        self.view.typed();
        if let Err(why) = asking.take(line) {
            self.view.not_understood(&why);
        }
        if let Some(given) = asking.given() {
            let step = asking.question().step.clone();
            let choice = given.choice.as_str().to_owned();
            self.send(Request::Answer { step, choice, reason: given.reason, values: given.values }).await;
        }
        self.prompt();
    }

    /// Gives the answer to the executor. The question stays open where it is not taken.
    async fn send(&mut self, request: Request) {
        let folder = self.folder.path.clone();
        let asked = tokio::task::spawn_blocking(move || client::ask(&folder, &request)).await;
        let why = match asked {
            Ok(Ok(Some(Response::Done { .. } | Response::Status { .. }))) => None,
            Ok(Ok(Some(Response::Refused(refusal) | Response::Invalid(refusal)))) => Some(told(&refusal)),
            Ok(Ok(None)) => Some("nobody executes the run any more".to_owned()),
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        self.asking = None;
        if let Some(why) = why {
            self.view.not_understood(&why);
            // It is put again, unless its answer came from somewhere else.
            self.question = None;
        }
    }

    fn over(&mut self) -> Status {
        let status = status::status_in(&self.folder, &self.runbook.name, &self.engine);
        let status = Status { pending: std::mem::take(&mut self.pending), ..status };
        self.view.progress(&Progress::Idle);
        self.view.finished(&status);
        status
    }
}

/// The step by the name that people gave it, where that does not have to be worked out first.
fn running_now(runbook: &Runbook, (step, undo): &(String, Option<usize>)) -> Progress {
    let known = runbook.step(step);
    let name = known.and_then(|known| known.name.as_ref()).map(|name| name.0.as_str());
    let name = name.filter(|name| !name.contains("{{") && !name.contains("{%"));
    let (name, estimate) = match undo {
        Some(_) => (format!("undo {step}"), None),
        None => (name.unwrap_or(step).to_owned(), known.and_then(|known| known.estimate)),
    };
    Progress::Running { step: step.clone(), name, estimate }
}

fn told(refusal: &protocol::Refusal) -> String {
    if refusal.help.is_empty() { refusal.message.clone() } else { format!("{}; {}", refusal.message, refusal.help) }
}
