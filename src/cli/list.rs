//! `runbook list`: all runs, the newest last.

use clap::Args;

use super::environment::Environment;
use super::exit::Exit;
use super::open;
use crate::report::{json, status, terminal};
use crate::run::clock;

#[derive(Debug, Args)]
pub struct List {
    /// One JSON document a run.
    #[arg(long)]
    json: bool,
}

impl List {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        let runs = store.list()?;
        if runs.is_empty() && !self.json {
            terminal::err(&format!("There is no run in {}.\n", store.path().display()));
        }
        let mut shown = Vec::new();
        for folder in runs {
            let id = folder.id.clone();
            match open::open(folder) {
                Ok(opened) if self.json => json::line(&opened.status()),
                Ok(opened) => shown.push((id, Some((opened.status().state, opened.about(&store)?)))),
                Err(exit) => {
                    shown.push((id, None));
                    exit.show();
                }
            }
        }
        if !self.json {
            terminal::out(&status::list(&shown, environment.looks(), clock::local().time_zone()));
        }
        Ok(0)
    }
}
