//! From a run's name to its folder, its records and their fold.

use std::path::PathBuf;

use super::environment::Environment;
use super::exit::{Exit, STOPPED};
use crate::engine::Engine;
use crate::journal::chain;
use crate::journal::format::timestamp;
use crate::journal::lock::executor_of;
use crate::journal::store::{RunFolder, Store};
use crate::model::event::Record;
use crate::model::runbook::Runbook;
use crate::model::status::Status;
use crate::report::status::About;
use crate::run::clock;
use crate::run::status::status;

/// A run as its folder holds it.
pub struct Opened {
    /// Where it lies.
    pub folder: RunFolder,
    /// What it executes.
    pub runbook: Runbook,
    /// What happened.
    pub engine: Engine,
    /// The records.
    pub records: Vec<Record>,
}

impl Opened {
    /// Where it stands.
    pub fn status(&self) -> Status {
        status(&self.folder.id, &self.runbook.name, &self.engine)
    }

    /// By whom and when.
    pub fn about(&self, store: &Store) -> Result<About, Exit> {
        let executor = executor_of(store, &self.folder)?;
        let (first, last) = (self.records.first(), self.records.last());
        Ok(About {
            by: first.map_or_else(String::new, |record| format!("{} on {}", record.actor, record.host)),
            started: first.map_or_else(String::new, |record| record.at.clone()),
            last: match last.filter(|_| executor.is_none()) {
                Some(record) => record.at.clone(),
                None => timestamp(clock::now()),
            },
            executor: executor.map(|holder| format!("{} on {}, process {}", holder.actor, holder.host, holder.pid)),
        })
    }
}

/// The store of this environment.
pub fn store(environment: &Environment) -> Result<Store, Exit> {
    Ok(Store::open(environment.state())?)
}

/// The run that is meant.
pub fn find(store: &Store, run: Option<&str>) -> Result<RunFolder, Exit> {
    let is_finished = |folder: &RunFolder| open(folder.clone()).is_ok_and(|opened| opened.engine.state.is_over());
    Ok(store.find_run(run, is_finished)?)
}

/// Reads and folds a run's records.
pub fn open(folder: RunFolder) -> Result<Opened, Exit> {
    let records = chain::read(&folder.path)?.records;
    let runbook = folder.read_runbook()?;
    let engine = fold(&runbook, &records)?;
    Ok(Opened { folder, runbook, engine, records })
}

/// The fold over records.
pub fn fold(runbook: &Runbook, records: &[Record]) -> Result<Engine, Exit> {
    let mut engine = Engine::new(runbook);
    for record in records {
        engine.apply(&record.event, &record.at).map_err(|error| {
            Exit::new(STOPPED, format!("record {} of the run is not possible", record.seq))
                .help(format!("{error}; look at it with: runbook audit verify"))
        })?;
    }
    Ok(engine)
}

/// This program as it runs, also after its file was replaced: what supervisors are started with.
pub fn executable() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}
