//! `runbook resume`: takes a run up again. The same path as starting, with more records.

use clap::Args;

use super::environment::Environment;
use super::exec::{author, crash_plan, holder};
use super::exit::Exit;
use super::open::{self, Opened, fold};
use super::turn::{Turn, take};
use crate::engine::Engine;
use crate::journal::file::{Cut, Journal};
use crate::journal::lock::{lock, lock_run};
use crate::model::event::{Event, ResumeIntent};
use crate::report::human::ending;
use crate::report::{json, terminal};
use crate::run::clock;

#[derive(Debug, Args)]
pub struct Resume {
    /// The run, or the beginning of its id.
    run: Option<String>,
    #[command(flatten)]
    how: How,
}

/// How a run is shown and answered.
#[derive(Debug, Clone, Copy, Args)]
pub struct How {
    /// Answer plain go/no-go questions with yes.
    #[arg(long)]
    pub yes: bool,
    /// The records as they become durable, one a line; the status last.
    #[arg(long)]
    pub json: bool,
}

impl Resume {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        let opened = open::open(open::find(&store, self.run.as_deref())?)?;
        if opened.engine.state.is_over() {
            return Ok(ended(&opened, self.how.json));
        }
        take_up(opened, self.how, environment, |_| Ok((ResumeIntent::Continue, Vec::new())))
    }
}

/// Prints how a run ended; its exit code.
pub fn ended(opened: &Opened, as_json: bool) -> u8 {
    let status = opened.status();
    if as_json {
        json::line(&status);
    } else {
        terminal::out(&format!("{} has ended.\n{}", status.run, ending(&status)));
    }
    status.state.exit_code()
}

/// Locks the run, opens its journal for writing, and goes on with what `begin` adds.
pub fn take_up(
    opened: Opened,
    how: How,
    environment: &Environment,
    begin: impl FnOnce(&Engine) -> Result<(ResumeIntent, Vec<Event>), Exit>,
) -> Result<u8, Exit> {
    let store = open::store(environment)?;
    opened.is_approved()?;
    let Opened { folder, runbook, .. } = opened;
    let holder = holder(&folder, environment);
    let run_lock = lock_run(&store, &folder, &holder)?;
    let locks = vec![run_lock, lock(&store, std::slice::from_ref(&runbook.name), &holder)?];
    let author = author(&folder, environment);
    let (mut journal, records, cut) = Journal::open(&folder.path, author, crash_plan(environment)?)?;
    // Only now is the journal ours: somebody may have gone on with it since it was looked at.
    let engine = fold(&runbook, &records)?;
    if engine.state.is_over() {
        return Ok(ended(&open::open(folder)?, how.json));
    }
    let mut first: Vec<Event> = cut.into_iter().map(recovered).collect();
    let (intent, more) = match begin(&engine) {
        Ok(both) => both,
        Err(exit) => {
            for event in first {
                journal.append(clock::now(), event)?;
            }
            return Err(exit);
        }
    };
    first.push(Event::RunResumed { program: env!("CARGO_PKG_VERSION").to_owned(), intent });
    first.extend(more);
    let parameters = engine.state.parameters.clone();
    let turn = Turn { engine, runbook, parameters, folder, journal, locks, yes: how.yes, json: how.json };
    take(turn, first, environment)
}

/// The record of a torn last line.
pub fn recovered(cut: Cut) -> Event {
    Event::JournalRecovered { cut_bytes: cut.bytes, sha256: cut.sha256 }
}
