//! `runbook abort`: the running step is ended, and the run stops.

use clap::Args;

use super::environment::Environment;
use super::exit::Exit;
use super::{control, open};
use crate::run::control::protocol::Request;

#[derive(Debug, Args)]
#[command(
    after_help = "The same as Ctrl-C twice at the terminal of the run: the step gets TERM, and KILL after 10 s.\nrunbook resume goes on with the run, runbook rollback undoes it."
)]
pub struct Abort {
    /// The run, or the beginning of its id.
    run: Option<String>,
    /// Why.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
}

impl Abort {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        let folder = control::find(&store, self.run.as_deref())?;
        match control::ask(&store, &folder, &Request::Abort { reason: self.reason })? {
            Some(code) => Ok(code),
            None => control::nobody(folder),
        }
    }
}
