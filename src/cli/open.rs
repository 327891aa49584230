//! From a run's name to its folder, its records and their fold.

use std::path::PathBuf;

use super::environment::Environment;
use super::exit::{Exit, REFUSED, STOPPED};
use crate::engine::Engine;
use crate::journal::chain;
use crate::journal::store::{RunFolder, Store};
use crate::model::event::Record;
use crate::model::runbook::Runbook;
use crate::model::status::Status;
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
}

/// The store of this environment.
pub fn store(environment: &Environment) -> Result<Store, Exit> {
    let state = environment.state().ok_or_else(|| {
        Exit::new(REFUSED, "there is no place to keep runs: HOME is not set")
            .help("name a folder with RUNBOOK_STATE=FOLDER")
    })?;
    Ok(Store::open(state)?)
}

/// The run that is meant.
pub fn find(store: &Store, run: Option<&str>) -> Result<RunFolder, Exit> {
    Ok(store.find_run(run, RunFolder::seems_over)?)
}

/// Reads and folds a run's records.
pub fn open(folder: RunFolder) -> Result<Opened, Exit> {
    let records = chain::read(&folder.path)
        .map_err(|error| Exit::of(REFUSED, &error).help("look at it with: runbook audit verify"))?
        .records;
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
