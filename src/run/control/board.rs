//! Where a run stands, for whoever asks while it goes: kept beside the loop, from the records that the loop shows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::pending;
use super::translate::Standing;
use crate::engine::Engine;
use crate::model::event::{Event, Record};
use crate::model::question::OpenQuestion;
use crate::model::result::StepResult;
use crate::model::runbook::Runbook;
use crate::model::status::{Pending, Status};
use crate::report::view::{Progress, Prompt, View};
use crate::run::clock;
use crate::run::status::status;

/// A second fold over the records of a run.
#[derive(Debug)]
pub struct Board {
    run: String,
    runbook: Runbook,
    engine: Engine,
    pending: Vec<Pending>,
}

/// A board that the loop writes and the socket reads.
#[derive(Debug, Clone)]
pub struct Shared(Arc<Mutex<Board>>);

impl Board {
    /// Of a run as its records have it so far.
    #[must_use]
    pub fn new(run: &str, runbook: &Runbook, engine: &Engine, pending: Vec<Pending>) -> Self {
        Self { run: run.to_owned(), runbook: runbook.clone(), engine: engine.clone(), pending }
    }

    /// For several to look at.
    #[must_use]
    pub fn shared(self) -> Shared {
        Shared(Arc::new(Mutex::new(self)))
    }

    fn take(&mut self, record: &Record) {
        pending::fold(&mut self.pending, record);
        let mut event = record.event.clone();
        if let Event::AttemptFinished { result, .. } = &mut event {
            // Large, and nobody asks here for what a step gave.
            *result = StepResult::default();
        }
        if let Err(error) = self.engine.apply(&event, &record.at) {
            tracing::warn!(%error, "the board does not follow the run");
        }
    }

    fn status(&self) -> Status {
        let status = status(&self.run, &self.runbook.name, &self.engine);
        Status { pending: self.pending.clone(), ..status }
    }
}

impl Shared {
    /// Where the run stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.lock().status()
    }

    /// Looks at the run as it is.
    pub fn with<T>(&self, look: impl FnOnce(Standing<'_>) -> T) -> T {
        let board = self.lock();
        look(Standing { runbook: &board.runbook, status: &board.status(), now: clock::now() })
    }

    fn lock(&self) -> MutexGuard<'_, Board> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A view that keeps the board up to date before it shows anything.
#[derive(Debug)]
pub struct Mirrored<V> {
    view: V,
    board: Shared,
}

impl<V> Mirrored<V> {
    /// Both see the same records.
    pub const fn new(view: V, board: Shared) -> Self {
        Self { view, board }
    }
}

impl<V: View> View for Mirrored<V> {
    fn record(&mut self, record: &Record) {
        self.board.lock().take(record);
        self.view.record(record);
    }

    fn progress(&mut self, progress: &Progress) {
        self.view.progress(progress);
    }

    fn question(&mut self, question: &OpenQuestion) {
        self.view.question(question);
    }

    fn prompt(&mut self, prompt: &Prompt<'_>) {
        self.view.prompt(prompt);
    }

    fn typed(&mut self) {
        self.view.typed();
    }

    fn not_understood(&mut self, why: &str) {
        self.view.not_understood(why);
    }

    fn finished(&mut self, status: &Status) {
        self.view.finished(status);
    }
}
