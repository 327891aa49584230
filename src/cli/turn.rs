//! One executor's turn with a run: everything is put together, and the loop goes.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::mpsc;

use super::environment::Environment;
use super::exec::{NO_PLACE, crash_plan};
use super::exit::{Exit, REFUSED, STOPPED};
use super::{open, runtime};
use crate::action::secret::Secrets;
use crate::action::world::World;
use crate::engine::Engine;
use crate::journal::file::Journal;
use crate::journal::lock::Locks;
use crate::journal::store::RunFolder;
use crate::model::event::Event;
use crate::model::runbook::Runbook;
use crate::model::status::Pending;
use crate::report::human::{self, Human};
use crate::report::json::{self, Json};
use crate::report::terminal;
use crate::report::view::View;
use crate::run::control::board::{Board, Mirrored};
use crate::run::control::server::{Owner, Server};
use crate::run::log::Log;
use crate::run::person::Person;
use crate::run::session::Session;
use crate::run::signals;
use crate::run::values::Values;
use crate::run::window::Gate;
use crate::run::window_turn::WindowTurn;

/// A run, and how it is to be shown and answered.
pub struct Turn {
    /// What happened so far.
    pub engine: Engine,
    /// What is executed.
    pub runbook: Runbook,
    /// Typed values.
    pub parameters: BTreeMap<String, Value>,
    /// What people asked of it and nothing came of yet.
    pub pending: Vec<Pending>,
    /// Where it lies.
    pub folder: RunFolder,
    /// Where it is recorded.
    pub journal: Journal,
    /// Held until the turn is over.
    pub locks: Vec<Locks>,
    /// What its steps have to fit into.
    pub gate: Option<Gate>,
    /// Plain go/no-go questions are answered with yes.
    pub yes: bool,
    /// Records instead of text.
    pub json: bool,
}

/// Takes the turn: records the first events, then goes on until the run ends or halts. The exit code.
pub fn take(turn: Turn, first: Vec<Event>, environment: &Environment) -> Result<u8, Exit> {
    let runtime = runtime()?;
    terminal::write_behind(if turn.json { json::dropped } else { human::dropped });
    let code = if turn.json {
        runtime.block_on(go(turn, first, Json, environment))
    } else {
        let zone = crate::run::clock::local().time_zone().clone();
        let view = Human::new(&turn.runbook, turn.folder.path.clone(), environment.looks(), zone);
        runtime.block_on(go(turn, first, view, environment))
    };
    // A thread may still wait for a line from the terminal, and never gets one.
    runtime.shutdown_background();
    code
}

async fn go<V: View>(turn: Turn, first: Vec<Event>, view: V, environment: &Environment) -> Result<u8, Exit> {
    let stop = signals::listen().map_err(|error| Exit::new(STOPPED, format!("cannot listen to signals: {error}")))?;
    let name = environment.user();
    let owner = Owner { uid: rustix::process::getuid().as_raw(), name: name.clone() };
    let person = if turn.json { Person::absent(name, turn.yes) } else { Person::at_terminal(name, turn.yes) };
    let board = Board::new(&turn.folder.id, &turn.runbook, &turn.engine, turn.pending).shared();
    let view = Mirrored::new(view, board.clone());
    let (sender, commands) = mpsc::unbounded_channel();
    let path = turn.folder.path.clone();
    let variables = environment.variables.clone();
    let secrets = move |sources, folder: &str| Secrets::new(sources, folder.into(), variables.clone());
    let values = Values::new(&turn.runbook, &turn.parameters, secrets);
    values.set_run("id", &turn.folder.id);
    values.set_run("operator", &environment.user());
    if let Some(gate) = &turn.gate {
        values.set_window(&gate.occasion);
    }
    let session = Session {
        hands: World::new(&turn.folder.path, open::executable(), environment.variables.clone()),
        folder: turn.folder,
        crash: crash_plan(environment)?,
        log: Log::new(turn.engine, values, view, turn.journal),
        steps: turn.runbook.steps_by_name().into_iter().map(|(name, step)| (name, Arc::new(step.clone()))).collect(),
        window: WindowTurn::new(turn.gate, &turn.runbook),
        runbook: turn.runbook,
        person,
        stop,
        prepared: RefCell::default(),
    };
    // Without its first record nothing of a run has happened.
    let has_begun = session.log.read(|engine| engine.state.begun);
    for event in first {
        session.log.append(event).map_err(|error| {
            let exit = Exit::from(error);
            if has_begun { exit } else { exit.with_code(REFUSED).help(NO_PLACE) }
        })?;
    }
    let started = session.log.read(|engine| engine.state.started.clone());
    session.log.values.set_run("started", &started);
    session.remember_secrets().await;
    let server = Server::open(&path, board, sender, owner);
    if let Err(error) = &server {
        terminal::err(&format!("this run cannot be reached from other terminals: {error}\n"));
    }
    let state = session.drive(commands).await?;
    drop(server);
    drop(turn.locks);
    Ok(state.exit_code())
}
