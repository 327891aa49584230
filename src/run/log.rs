//! Folds an event in, makes it durable, shows it. In that order: what cannot follow is never written, and nothing is
//! shown, or begun because of it, before it is durable. While a run goes nothing else writes its journal.

use std::cell::RefCell;

use crate::engine::{Engine, Illegal};
use crate::journal::file::{Journal, JournalError};
use crate::journal::format::timestamp;
use crate::model::event::Event;
use crate::report::view::{Progress, View};

use super::clock;
use super::values::Values;

/// A run's journal with its fold and its view. Shared by all that goes on at once; what is lent out of it is given back
/// before anything waits.
pub struct Log<V> {
    /// What expressions see of it.
    pub values: Values,
    engine: RefCell<Engine>,
    view: RefCell<V>,
    journal: RefCell<Journal>,
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
        values.refresh_all(&engine);
        let (engine, view, journal) = (RefCell::new(engine), RefCell::new(view), RefCell::new(journal));
        Self { values, engine, view, journal }
    }

    /// Records one event. It is durable and shown when this returns.
    ///
    /// # Errors
    ///
    /// Where it could not be made durable, or must not come now.
    pub fn append(&self, event: Event) -> Result<(), LogError> {
        // An event that must not come now is not written: the fold is asked first.
        let at = clock::now();
        self.engine.borrow_mut().apply(&event, &timestamp(at))?;
        let record = self.journal.borrow_mut().append(at, event)?;
        self.values.refresh(&self.engine.borrow(), &record.event);
        self.view.borrow_mut().record(&record);
        Ok(())
    }

    /// Whether an attempt may begin, as far as its records need room.
    ///
    /// # Errors
    ///
    /// Why not. What ends the run can be recorded still.
    pub fn may_begin(&self) -> Result<(), JournalError> {
        self.journal.borrow_mut().may_begin()
    }

    /// Asks the fold something.
    pub fn read<T>(&self, ask: impl FnOnce(&Engine) -> T) -> T {
        ask(&self.engine.borrow())
    }

    /// Shows what is going on.
    pub fn show(&self, progress: &Progress) {
        self.view.borrow_mut().progress(progress);
    }

    /// Shows something else.
    pub fn view(&self, show: impl FnOnce(&mut V)) {
        show(&mut self.view.borrow_mut());
    }

    /// How many records this process appended.
    pub fn appended(&self) -> u64 {
        self.journal.borrow().appended()
    }
}
