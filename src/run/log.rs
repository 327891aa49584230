//! Folds an event in, makes it durable, shows it. In that order: what cannot follow is never written, and nothing is
//! shown, or begun because of it, before it is durable. While a run goes nothing else writes its journal.

use crate::engine::{Engine, Illegal};
use crate::journal::file::{Journal, JournalError};
use crate::journal::format::timestamp;
use crate::model::event::Event;
use crate::report::view::View;

use super::clock;
use super::values::Values;

/// A run's journal with its fold and its view.
pub struct Log<V> {
    /// The fold.
    pub engine: Engine,
    /// What expressions see of it.
    pub values: Values,
    /// Where it is shown.
    pub view: V,
    journal: Journal,
}

/// Why an event could not be recorded. No further step may begin then.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It could not be made durable.
    #[error("what happened could not be recorded, so nothing further was begun")]
    Journal(#[from] JournalError),
    /// It cannot follow what is there.
    #[error("the run cannot go on: its records do not allow the next one")]
    Illegal(#[from] Illegal),
}

impl<V: View> Log<V> {
    /// Over a journal whose records the engine has already folded in.
    pub fn new(engine: Engine, values: Values, view: V, journal: Journal) -> Self {
        let mut log = Self { engine, values, view, journal };
        log.values.refresh_all(&log.engine);
        log
    }

    /// Records one event. It is durable and shown when this returns.
    ///
    /// # Errors
    ///
    /// Where it could not be made durable, or must not come now.
    pub fn append(&mut self, event: Event) -> Result<(), LogError> {
        // An event that must not come now is not written: the fold is asked first.
        let at = clock::now();
        self.engine.apply(&event, &timestamp(at))?;
        let record = self.journal.append(at, event)?;
        self.values.refresh(&self.engine, &record.event);
        self.view.record(&record);
        Ok(())
    }

    /// How many records this process appended.
    pub const fn appended(&self) -> u64 {
        self.journal.appended()
    }
}
