//! `runbook resume`: takes a run up again. The same path as starting, with more records.

use clap::Args;

use super::admission::{Admitted, Outside, locks};
use super::environment::Environment;
use super::exec::holder;
use super::exit::Exit;
use super::open::{self, Opened, Taken};
use super::turn::{Turn, take};
use crate::journal::lock::lock;
use crate::journal::store::Store;
use crate::model::event::{Event, ResumeIntent};
use crate::model::status::Status;
use crate::report::ending::ending;
use crate::report::{json, terminal};

#[derive(Debug, Args)]
pub struct Resume {
    /// The run, or the beginning of its id.
    run: Option<String>,
    #[command(flatten)]
    outside: Outside,
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
        let folder = open::find(&store, self.run.as_deref())?;
        if folder.seems_over() {
            let opened = open::open(folder.clone())?;
            if opened.engine.state.is_over() {
                return Ok(ended(&opened.status(), self.how.json));
            }
        }
        let taken = open::take(&store, folder, environment)?;
        let admitted = self.admitted(&taken.opened, environment)?;
        take_up(&store, taken, self.how, environment, ResumeIntent::Continue, Vec::new(), admitted)
    }
}

impl Resume {
    /// Going forward is bound by the window that the run began in; going back is not.
    fn admitted(&self, opened: &Opened, environment: &Environment) -> Result<Admitted, Exit> {
        let state = &opened.engine.state;
        if state.is_going_back() || state.is_over() {
            return Ok(Admitted::default());
        }
        let began = state.started.parse().ok();
        let again = format!("runbook resume {}", opened.folder.id);
        self.outside.admit(&opened.runbook, began, &environment.user(), &again)
    }
}

/// Prints how a run ended; its exit code.
pub fn ended(status: &Status, as_json: bool) -> u8 {
    if as_json {
        json::line(status);
    } else {
        terminal::out(&format!("{} has ended.\n{}", status.run, ending(status)));
    }
    status.state.exit_code()
}

/// Goes on with a run, after the events that this turn begins with.
pub fn take_up(
    store: &Store,
    taken: Taken,
    how: How,
    environment: &Environment,
    intent: ResumeIntent,
    more: Vec<Event>,
    admitted: Admitted,
) -> Result<u8, Exit> {
    let Taken { opened, journal, lock: run_lock } = taken;
    if opened.engine.state.is_over() {
        return Ok(ended(&opened.status(), how.json));
    }
    let Opened { folder, runbook, engine, pending, .. } = opened;
    let held = lock(store, &locks(&runbook, &engine.state.parameters)?, &holder(&folder, environment))?;
    let mut first = vec![Event::RunResumed { program: env!("CARGO_PKG_VERSION").to_owned(), intent }];
    first.extend(admitted.allowed);
    first.extend(more);
    let parameters = engine.state.parameters.clone();
    let locks = vec![run_lock, held];
    let How { yes, json } = how;
    let turn = Turn { engine, runbook, parameters, pending, folder, journal, locks, gate: admitted.gate, yes, json };
    take(turn, first, environment)
}
