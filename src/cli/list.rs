//! `runbook list`: all runs.

use clap::Args;

use super::environment::Environment;
use super::exit::Exit;
use super::open;
use crate::report::{json, terminal};

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
        for folder in runs {
            let id = folder.id.clone();
            match open::open(folder) {
                Ok(opened) if self.json => json::line(&opened.status()),
                Ok(opened) => {
                    let started = opened.first.as_ref().map_or("", |record| record.at.get(..16).unwrap_or(""));
                    terminal::out(&format!("{id}  {:<18}  {started}\n", opened.status().state.as_str()));
                }
                Err(exit) => {
                    terminal::out(&format!("{id}  unreadable\n"));
                    exit.show();
                }
            }
        }
        Ok(0)
    }
}
