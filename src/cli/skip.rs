//! `runbook skip`: a step is left out, or what failed is left as it is.

use clap::Args;

use super::environment::Environment;
use super::exit::Exit;
use super::{control, open};
use crate::run::control::protocol::Request;

#[derive(Debug, Args)]
#[command(
    override_usage = "runbook skip [RUN] <STEP> --reason <WHY>\n       runbook skip [RUN] <STEP> --cancel",
    after_help = "Leaves out a step that has not begun; goes on after a step that failed and is asked about; goes on with\na rollback after an undo that failed, and names what stays in place.\nExample: runbook skip reindex --reason \"done last night\""
)]
pub struct Skip {
    /// The run, or the beginning of its id, where it is not the only one; then the step.
    #[arg(required = true, num_args = 1..=2, value_names = ["RUN", "STEP"])]
    words: Vec<String>,
    /// Why; needed.
    #[arg(long, value_name = "WHY", default_value = "", hide_default_value = true)]
    reason: String,
    /// Take the wish back, as long as it is not the step's turn.
    #[arg(long, conflicts_with = "reason")]
    cancel: bool,
}

impl Skip {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        let (run, step) = control::run_and_step(&self.words);
        let folder = control::find(&store, run)?;
        let step = step.to_owned();
        let request = if self.cancel {
            Request::Withdraw { step: Some(step) }
        } else {
            Request::Skip { step, reason: self.reason }
        };
        match control::ask(&store, &folder, &request)? {
            Some(code) => Ok(code),
            None => control::record(&store, folder, environment, request),
        }
    }
}
