//! From a run's name to its folder, its records and their fold.

use std::path::PathBuf;

use super::environment::Environment;
use super::exec::{author, crash_plan, holder};
use super::exit::{Exit, REFUSED, STOPPED, TAMPERED, damaged};
use super::load::digest;
use crate::engine::{Engine, Illegal};
use crate::journal::chain;
use crate::journal::file::Journal;
use crate::journal::format::timestamp;
use crate::journal::lock::{Locks, executor_of, lock_run};
use crate::journal::store::{RunFolder, Store};
use crate::model::event::{Event, Record};
use crate::model::runbook::Runbook;
use crate::model::status::{Pending, Status};
use crate::report::status::About;
use crate::report::terminal;
use crate::run::clock;
use crate::run::control::pending;
use crate::run::status::status_in;

/// A run as its folder holds it.
pub struct Opened {
    /// Where it lies.
    pub folder: RunFolder,
    /// What it executes.
    pub runbook: Runbook,
    /// What happened.
    pub engine: Engine,
    /// How it began; `None` where nothing of it was recorded.
    pub first: Option<Record>,
    /// When something was recorded last; empty where nothing was.
    pub last: String,
    /// What people asked of it and nothing came of yet.
    pub pending: Vec<Pending>,
}

impl Opened {
    /// Where it stands.
    pub fn status(&self) -> Status {
        let status = status_in(&self.folder, &self.runbook.name, &self.engine);
        Status { pending: self.pending.clone(), ..status }
    }

    /// By whom and when.
    pub fn about(&self, store: &Store) -> Result<About, Exit> {
        let executor = executor_of(store, &self.folder)?;
        let first = self.first.as_ref();
        Ok(About {
            by: first.map_or_else(String::new, |record| format!("{} on {}", record.actor, record.host)),
            started: first.map_or_else(String::new, |record| record.at.clone()),
            last: if executor.is_none() && first.is_some() { self.last.clone() } else { timestamp(clock::now()) },
            executor: executor.map(|holder| format!("{} on {}, process {}", holder.actor, holder.host, holder.pid)),
        })
    }

    /// What was approved is what runs: the runbook as it is kept has to be the one that the run began with.
    fn is_approved(&self, kept: &[u8]) -> Result<(), Exit> {
        let now = digest(kept, &self.engine.state.parameters);
        match self.first.as_ref().map(|record| &record.event) {
            Some(Event::RunStarted { digest, .. }) if *digest != now => {
                let path = self.folder.path.join("runbook.json");
                let message = format!("{} is not what this run began with, so nothing is done", path.display());
                Err(Exit::new(TAMPERED, message)
                    .help("put it back as it was; runbook.yaml beside it is the text that was read"))
            }
            _ => Ok(()),
        }
    }
}

/// A run of which this process is the one executor.
pub struct Taken {
    /// The run.
    pub opened: Opened,
    /// Its journal, open for writing.
    pub journal: Journal,
    /// Held until this process ends.
    pub lock: Locks,
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
    let (runbook, _) = folder.read_runbook()?;
    let mut fold = Fold::new(&runbook);
    chain::read_each(&folder.path, |record| fold.take(record)).map_err(|error| damaged(&error, &folder.id))?;
    let Fold { engine, first, last, pending, .. } = fold.end()?;
    Ok(Opened { folder, runbook, engine, first, last, pending })
}

/// Takes a run for this process. It is read only once it is locked: somebody may have gone on with it until then.
pub fn take(store: &Store, folder: RunFolder, environment: &Environment) -> Result<Taken, Exit> {
    let lock = lock_run(store, &folder, &holder(&folder, environment))?;
    let (runbook, kept) = folder.read_runbook()?;
    let mut fold = Fold::new(&runbook);
    let author = author(&folder, environment);
    let (mut journal, cut) = Journal::open(&folder.path, author, crash_plan(environment)?, |record| fold.take(record))?;
    if let Some(cut) = cut {
        let what =
            format!("a torn last record of {} bytes was cut from the journal, and that is recorded\n", cut.bytes);
        journal.append(clock::now(), Event::JournalRecovered { cut_bytes: cut.bytes, sha256: cut.sha256 })?;
        terminal::err(&what);
    }
    let Fold { engine, first, last, pending, .. } = fold.end()?;
    let opened = Opened { folder, runbook, engine, first, last, pending };
    opened.is_approved(&kept)?;
    Ok(Taken { opened, journal, lock })
}

/// The fold over records as they are read: of a long run not all are held.
struct Fold {
    engine: Engine,
    first: Option<Record>,
    last: String,
    pending: Vec<Pending>,
    /// The first record that is not possible after those before it. Told only once all records were found genuine.
    refused: Option<(u64, Illegal)>,
}

impl Fold {
    fn new(runbook: &Runbook) -> Self {
        Self { engine: Engine::new(runbook), first: None, last: String::new(), pending: Vec::new(), refused: None }
    }

    fn take(&mut self, record: Record) {
        if self.refused.is_none() {
            self.refused = self.engine.apply(&record.event, &record.at).err().map(|why| (record.seq, why));
        }
        pending::fold(&mut self.pending, &record);
        self.last.clone_from(&record.at);
        self.first.get_or_insert(record);
    }

    fn end(mut self) -> Result<Self, Exit> {
        match self.refused.take() {
            None => Ok(self),
            Some((record, why)) => Err(Exit::new(STOPPED, format!("record {record} of the run is not possible"))
                .help(format!("{why}; look at it with: runbook audit verify"))),
        }
    }
}

/// This program as it runs, also after its file was replaced: what supervisors are started with.
pub fn executable() -> PathBuf {
    PathBuf::from("/proc/self/exe")
}
