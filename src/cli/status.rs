//! `runbook status`: where a run stands.

use clap::Args;

use super::environment::Environment;
use super::exit::Exit;
use super::{control, open};
use crate::report::{json, status as view, terminal};
use crate::run::clock;

#[derive(Debug, Args)]
pub struct StatusArguments {
    /// The run, or the beginning of its id.
    run: Option<String>,
    /// One JSON document.
    #[arg(long)]
    json: bool,
}

impl StatusArguments {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        let folder = control::find(&store, self.run.as_deref())?;
        let opened = open::open(folder)?;
        let status = opened.status();
        if self.json {
            json::line(&status);
        } else {
            let about = opened.about(&store)?;
            terminal::out(&view::human(&status, &about, environment.looks(), clock::local().time_zone()));
        }
        Ok(0)
    }
}
