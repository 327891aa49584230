//! `runbook watch`: the live view of a run, from another terminal.

use std::io::IsTerminal as _;

use clap::Args;

use super::environment::Environment;
use super::exit::{Exit, STOPPED, damaged};
use super::{control, open, runtime};
use crate::journal::chain::ChainError;
use crate::report::human::Human;
use crate::report::json::Json;
use crate::report::terminal;
use crate::report::view::View;
use crate::run::clock;
use crate::run::control::keyboard::Keyboard;
use crate::run::control::watching::{Left, WatchError, Watching};

/// The exit code of a watch that was left while its run goes on: what a shell gives where Ctrl-C ended a program.
const LEFT: u8 = 130;

#[derive(Debug, Args)]
#[command(
    after_help = "Questions are answered here too. Ctrl-C leaves the run alone, with exit code 130; else the exit code is\nthat of the run."
)]
pub struct Watch {
    /// The run, or the beginning of its id.
    run: Option<String>,
    /// The records as they are, one a line; the status last.
    #[arg(long)]
    json: bool,
}

impl Watch {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        if self.json {
            return self.watch(environment, |_, _| Json, None);
        }
        let keyboard = std::io::stdin().is_terminal().then(|| Keyboard::open().ok()).flatten();
        let zone = clock::local().time_zone().clone();
        let looks = environment.looks();
        self.watch(environment, |runbook, folder| Human::new(runbook, folder, looks, zone), keyboard)
    }

    fn watch<V: View>(
        &self,
        environment: &Environment,
        view: impl FnOnce(&crate::model::runbook::Runbook, std::path::PathBuf) -> V,
        keyboard: Option<Keyboard>,
    ) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        let folder = control::find(&store, self.run.as_deref())?;
        let run = folder.id.clone();
        let (runbook, _) = folder.read_runbook()?;
        let view = view(&runbook, folder.path.clone());
        let watching = Watching::new(folder, runbook, view, keyboard);
        let runtime = runtime()?;
        let left = runtime.block_on(async {
            let interrupted = tokio::signal::ctrl_c();
            let leave = async {
                // Without a handler Ctrl-C ends the program, which is as good.
                if interrupted.await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            watching.watch(&store, leave).await
        });
        runtime.shutdown_background();
        match left.map_err(|error| failed(error, &run))? {
            Left::Over(status) => Ok(status.state.exit_code()),
            Left::Early => {
                terminal::err(&format!("\nleft {run}, which goes on; look again with: runbook watch {run}\n"));
                Ok(LEFT)
            }
        }
    }
}

fn failed(error: WatchError, run: &str) -> Exit {
    match error {
        WatchError::Chain(error @ ChainError::Tampered(_)) => damaged(&error, run),
        WatchError::Lock(error) => error.into(),
        error => Exit::of(STOPPED, &error).help(format!("look at it with: runbook audit verify {run}")),
    }
}
