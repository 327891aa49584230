//! `runbook retry`: a failed step that is asked about is tried once more.

use clap::Args;

use super::environment::Environment;
use super::exit::Exit;
use super::{control, open};
use crate::run::control::protocol::Request;

#[derive(Debug, Args)]
#[command(
    override_usage = "runbook retry [RUN] <STEP> [--reason <WHY>]",
    after_help = "Example: runbook retry switch-traffic --reason \"the load balancer is back\""
)]
pub struct Retry {
    /// The run, or the beginning of its id, where it is not the only one; then the step.
    #[arg(required = true, num_args = 1..=2, value_names = ["RUN", "STEP"])]
    words: Vec<String>,
    /// Why.
    #[arg(long, value_name = "WHY", default_value = "", hide_default_value = true)]
    reason: String,
}

impl Retry {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        let (run, step) = control::run_and_step(&self.words);
        let folder = control::find(&store, run)?;
        let request = Request::Retry { step: step.to_owned(), reason: self.reason };
        match control::ask(&store, &folder, &request)? {
            Some(code) => Ok(code),
            None => control::record(&store, folder, environment, request),
        }
    }
}
