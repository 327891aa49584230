//! What `pause`, `abort`, `skip`, `retry` and `answer` have in common: which run is meant, who carries the request out,
//! and what is said then.

use std::time::Duration;

use super::environment::Environment;
use super::exit::{Exit, REFUSED, USAGE};
use super::open::{self, Taken};
use crate::journal::lock::executor_of;
use crate::journal::store::{RunFolder, Store};
use crate::model::event::Event;
use crate::report::terminal;
use crate::run::clock;
use crate::run::control::client;
use crate::run::control::protocol::{Refusal, Request, Response};
use crate::run::control::translate::{Standing, Wish, translate};

/// How often an executor that does not listen yet, or not any more, is looked for again, and how long between.
const LOOKS: u32 = 50;
const BETWEEN: Duration = Duration::from_millis(100);

/// The run that is meant, by its id or the beginning of it; without one the only run that somebody executes, else the
/// only one that is not over.
pub fn find(store: &Store, run: Option<&str>) -> Result<RunFolder, Exit> {
    if run.is_none() {
        let live: Vec<RunFolder> = store.list()?.into_iter().filter(|folder| is_live(store, folder)).collect();
        if !live.is_empty() {
            return Ok(store.find_run(None, |folder| !live.contains(folder))?);
        }
    }
    open::find(store, run)
}

/// `[RUN] STEP` from the words of a command line.
pub fn run_and_step(words: &[String]) -> (Option<&str>, &str) {
    match words {
        [run, step, ..] => (Some(run), step),
        [step] => (None, step),
        [] => (None, ""),
    }
}

/// Whether somebody executes the run. Who cannot find out takes it for so.
fn is_live(store: &Store, folder: &RunFolder) -> bool {
    executor_of(store, folder).is_ok_and(|executor| executor.is_some())
}

/// Has the executor of the run carry a request out. `None` where nobody executes it.
pub fn ask(store: &Store, folder: &RunFolder, request: &Request) -> Result<Option<u8>, Exit> {
    for _ in 0..LOOKS {
        let answered = client::ask(&folder.path, request).map_err(|error| {
            Exit::new(REFUSED, format!("{} cannot be reached: {error}", folder.id))
                .help(format!("look at it with: runbook status {}", folder.id))
        })?;
        if let Some(response) = answered {
            return told(response).map(Some);
        }
        if executor_of(store, folder)?.is_none() {
            return Ok(None);
        }
        // It has only just begun, is about to end, or does nothing but record an answer.
        std::thread::sleep(BETWEEN);
    }
    let holder = executor_of(store, folder)?;
    let who = holder.map_or_else(String::new, |holder| format!(" (process {} on {})", holder.pid, holder.host));
    Err(Exit::new(REFUSED, format!("the executor of {}{who} does not listen at its socket", folder.id))
        .help("press Ctrl-C at its terminal, or send it SIGTERM: it stops after the running step"))
}

fn told(response: Response) -> Result<u8, Exit> {
    match response {
        Response::Done { said } => {
            terminal::out(&format!("Recorded: {said}.\n"));
            Ok(0)
        }
        Response::Refused(refusal) => Err(refused(REFUSED, refusal)),
        Response::Invalid(refusal) => Err(refused(USAGE, refusal)),
        Response::Status { .. } => Ok(0),
    }
}

fn refused(code: u8, refusal: Refusal) -> Exit {
    let exit = Exit::new(code, refusal.message);
    if refusal.help.is_empty() { exit } else { exit.help(refusal.help) }
}

/// Nothing can be asked of a run that nobody executes, but this is how it stands.
pub fn nobody(folder: RunFolder) -> Result<u8, Exit> {
    let run = folder.id.clone();
    let state = open::open(folder)?.status().state.as_str().replace('_', " ");
    Err(Exit::new(REFUSED, format!("nobody executes {run}, so nothing is running: it is {state}"))
        .help(format!("runbook status {run} shows how it stands and what to type next")))
}

/// Carries a request out where nobody executes the run: records it under the run's lock.
pub fn record(store: &Store, folder: RunFolder, environment: &Environment, request: Request) -> Result<u8, Exit> {
    let taken = open::take(store, folder, environment)?;
    write(taken, request, environment)
}

/// The same of a run that is taken already.
pub fn write(taken: Taken, request: Request, environment: &Environment) -> Result<u8, Exit> {
    let standing = Standing { runbook: &taken.opened.runbook, status: &taken.opened.status(), now: clock::now() };
    match translate(request, standing, &environment.user()) {
        Ok(wish) => append(taken, wish),
        Err(response) => told(response),
    }
}

/// Records what is wished under the lock that is held, and says what to type next.
pub fn append(mut taken: Taken, wish: Wish) -> Result<u8, Exit> {
    let Wish { event, said, .. } = wish;
    let run = taken.opened.folder.id.clone();
    let mut next = format!("runbook resume {run}");
    if let Some(event) = event {
        taken.opened.engine.apply(&event, "").map_err(|error| Exit::of(REFUSED, &error))?;
        if matches!(event, Event::UndoAbandoned { .. }) {
            next = format!("runbook rollback {run}");
        }
        taken.journal.append(clock::now(), event)?;
    }
    terminal::out(&format!("Recorded: {said}. Next: {next}\n"));
    Ok(0)
}
