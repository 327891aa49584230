//! `runbook pause`: the run stops after the running step.

use clap::Args;

use super::environment::Environment;
use super::exit::Exit;
use super::{control, open};
use crate::run::control::protocol::Request;

#[derive(Debug, Args)]
#[command(
    after_help = "The same as Ctrl-C once at the terminal of the run. runbook resume goes on with it.\nExample: runbook pause --reason \"the network team calls\""
)]
pub struct Pause {
    /// The run, or the beginning of its id.
    run: Option<String>,
    /// Why.
    #[arg(long, default_value = "", hide_default_value = true)]
    reason: String,
    /// Take the wish to stop back, as long as the run has not stopped.
    #[arg(long, conflicts_with = "reason")]
    cancel: bool,
}

impl Pause {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        let folder = control::find(&store, self.run.as_deref())?;
        let request =
            if self.cancel { Request::Withdraw { step: None } } else { Request::Pause { reason: self.reason } };
        match control::ask(&store, &folder, &request)? {
            Some(code) => Ok(code),
            None => control::nobody(folder),
        }
    }
}
