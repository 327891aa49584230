//! From a run's name to its folder, its records and their fold.

use std::path::PathBuf;

use super::environment::Environment;
use super::exit::{Exit, STOPPED, TAMPERED};
use super::load::digest;
use crate::engine::Engine;
use crate::journal::chain;
use crate::journal::store::{RunFolder, Store};
use crate::model::event::{Event, Record};
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
    /// The digest of the runbook as it is kept, with the recorded parameters.
    digest: String,
}

impl Opened {
    /// Where it stands.
    pub fn status(&self) -> Status {
        status(&self.folder.id, &self.runbook.name, &self.engine)
    }

    /// What was approved is what runs: the runbook that is kept has to be the one that the run began with.
    pub fn is_approved(&self) -> Result<(), Exit> {
        let begun = self.records.first().map(|record| &record.event);
        match begun {
            Some(Event::RunStarted { digest, .. }) if *digest != self.digest => {
                let path = self.folder.path.join("runbook.json");
                let message = format!("{} is not what this run began with, so nothing is done", path.display());
                Err(Exit::new(TAMPERED, message)
                    .help("put it back as it was; runbook.yaml beside it is the text that was read"))
            }
            _ => Ok(()),
        }
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
    let (runbook, kept) = folder.read_runbook()?;
    let engine = fold(&runbook, &records)?;
    let digest = digest(&kept, &engine.state.parameters);
    Ok(Opened { folder, runbook, engine, records, digest })
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
