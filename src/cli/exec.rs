//! `runbook exec`: starts a run and carries it out.

use std::path::{Path, PathBuf};

use clap::Args;

use super::Given;
use super::admission::{Admitted, Outside, locks};
use super::environment::Environment;
use super::exit::{Exit, REFUSED};
use super::load::{Loaded, load};
use super::open;
use super::turn::{Turn, take};
use crate::engine::Engine;
use crate::journal::crash::CrashPlan;
use crate::journal::file::{Author, Journal};
use crate::journal::format::timestamp;
use crate::journal::lock::{Holder, Locks, lock, lock_run};
use crate::journal::store::{RunFolder, Store, StoreError};
use crate::model::event::{Event, FORMAT};
use crate::model::parts;
use crate::model::runbook::Runbook;
use crate::model::step::{Action, FileContent, Step, Undo};
use crate::run::clock;

/// What to do where a run's folder cannot be written.
pub const NO_PLACE: &str = "nothing was run; make room, or name another folder with RUNBOOK_STATE=FOLDER";

#[derive(Debug, Args)]
#[command(
    after_help = "Example: runbook exec upgrade.yaml -p lag_limit=0 -p hosts=web-1,web-2\nCtrl-C once stops after the running step, twice ends that step; either can be resumed.\nA terminal that goes away stops nothing: the run waits at its next question for runbook watch or answer."
)]
pub struct Exec {
    /// The runbook.
    file: PathBuf,
    #[command(flatten)]
    given: Given,
    /// Answer plain go/no-go questions with yes.
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    outside: Outside,
    /// Plan only, and change nothing.
    #[arg(long)]
    dry_run: bool,
    /// The records as they become durable, one a line; the status last.
    #[arg(long)]
    json: bool,
}

impl Exec {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        if self.dry_run {
            return super::plan::plan(&self.file, &self.given, self.json, false, environment);
        }
        let loaded = load(&self.file, &self.given, environment)?;
        let again = self.again();
        let Admitted { gate, allowed } = self.outside.admit(&loaded.runbook, None, &environment.user(), &again)?;
        let store = open::store(environment)?;
        let started = clock::local();
        let folder = store.create_run(&loaded.runbook.name, &started)?;
        let (locks, journal) = begin(&store, &folder, &loaded, environment).inspect_err(|_| {
            let _leftover = std::fs::remove_dir_all(&folder.path);
        })?;
        let first = Event::RunStarted {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            runbook: loaded.runbook.name.clone(),
            digest: loaded.digest,
            parameters: loaded.parameters.clone(),
            previous: store.previous_head(&folder.id)?,
        };
        let turn = Turn {
            engine: Engine::new(&loaded.runbook),
            runbook: loaded.runbook,
            parameters: loaded.parameters,
            pending: Vec::new(),
            folder,
            journal,
            locks,
            gate,
            yes: self.yes,
            json: self.json,
        };
        take(turn, [first].into_iter().chain(allowed).collect(), environment)
    }
}

impl Exec {
    /// The same command as it was typed, but for what was said of the window.
    fn again(&self) -> String {
        let mut words = vec!["runbook".to_owned(), "exec".to_owned(), quoted(&self.file.to_string_lossy())];
        words.extend(self.given.parameters.iter().flat_map(|given| ["-p".to_owned(), quoted(given)]));
        words.extend(self.yes.then(|| "--yes".to_owned()));
        words.extend(self.json.then(|| "--json".to_owned()));
        words.join(" ")
    }
}

/// A word as a shell reads it.
fn quoted(word: &str) -> String {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./,:=@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// The run's locks and its journal, or who holds them. A run that is refused leaves nothing.
fn begin(
    store: &Store,
    folder: &RunFolder,
    loaded: &Loaded,
    environment: &Environment,
) -> Result<(Vec<Locks>, Journal), Exit> {
    let holder = holder(folder, environment);
    let names = lock(store, &locks(&loaded.runbook, &loaded.parameters)?, &holder)?;
    let locks = vec![names, lock_run(store, folder, &holder)?];
    keep(folder, loaded)?;
    let journal = Journal::create(&folder.path, author(folder, environment), crash_plan(environment)?)
        .map_err(|error| Exit::of(REFUSED, &error).help(NO_PLACE))?;
    Ok((locks, journal))
}

/// Keeps what the run executes: later turns read nothing else.
fn keep(folder: &RunFolder, loaded: &Loaded) -> Result<(), Exit> {
    let refused = |message: String| Exit::new(REFUSED, message).help("nothing was run");
    for (home, step) in acting(&loaded.runbook) {
        if let Action::File(file) = &step.action
            && let Some(FileContent::Source { path, sha256 }) = &file.content
        {
            let full = home.join(path);
            let bytes =
                std::fs::read(&full).map_err(|error| refused(format!("cannot read {}: {error}", full.display())))?;
            if folder.write_input(&bytes).map_err(|error| no_place(&error))? != *sha256 {
                return Err(refused(format!("{} changed while it was read", full.display())));
            }
        }
    }
    folder.write_runbook(&loaded.bytes, &loaded.runbook).map_err(|error| no_place(&error))
}

fn no_place(error: &StoreError) -> Exit {
    Exit::of(REFUSED, &error).help(NO_PLACE)
}

/// Every step that may act, with the folder of the runbook that it is written in: the runbook's own and those of its
/// hooks, what belongs to each, and the parts of all undos.
fn acting(runbook: &Runbook) -> Vec<(&Path, &Step)> {
    let mut found = Vec::new();
    let mut open: Vec<(&Path, &Step)> = Vec::new();
    let home = Path::new(&runbook.folder);
    open.extend(runbook.steps.iter().chain(runbook.hooks.values().flatten()).map(|step| (home, step)));
    while let Some((home, step)) = open.pop() {
        found.push((home, step));
        let undo = if let Undo::Steps(parts) = &step.undo { parts.as_slice() } else { &[] };
        let parts = parts::lists(step).flat_map(|(_, steps)| steps).chain(undo);
        open.extend(parts.map(|step| (home, step)));
        match &step.action {
            Action::Group { steps, .. } => open.extend(steps.iter().map(|step| (home, step))),
            Action::Include(included) => {
                open.extend(included.steps.iter().map(|step| (Path::new(&included.folder), step)));
            }
            _ => {}
        }
    }
    found
}

/// Who holds a run's locks.
pub fn holder(folder: &RunFolder, environment: &Environment) -> Holder {
    Holder {
        run: folder.id.clone(),
        pid: std::process::id(),
        host: environment.host(),
        actor: environment.user(),
        since: timestamp(clock::now()),
    }
}

/// Who writes a run's records.
pub fn author(folder: &RunFolder, environment: &Environment) -> Author {
    Author { run: folder.id.clone(), actor: environment.user(), host: environment.host() }
}

/// Where to stop for tests; nowhere in a program that is not built for them.
pub fn crash_plan(environment: &Environment) -> Result<CrashPlan, Exit> {
    CrashPlan::from_text(environment.get("RUNBOOK_CRASH_AT")).map_err(|error| Exit::of(super::exit::USAGE, &error))
}
