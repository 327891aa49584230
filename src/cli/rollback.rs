//! `runbook rollback`: undoes a run. Always allowed while it is not over.

use clap::Args;

use super::admission::Admitted;
use super::environment::Environment;
use super::exit::{Exit, USAGE};
use super::open;
use super::resume::{How, take_up};
use crate::engine::Engine;
use crate::engine::program::Role;
use crate::model::event::{Event, ResumeIntent};
use crate::model::status::RunState;

#[derive(Debug, Args)]
pub struct Rollback {
    /// The run, or the beginning of its id.
    run: Option<String>,
    /// The step that is undone last; all steps where it is not given.
    #[arg(long, value_name = "STEP")]
    to: Option<String>,
    #[command(flatten)]
    how: How,
}

impl Rollback {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        let taken = open::take(&store, open::find(&store, self.run.as_deref())?, environment)?;
        let status = taken.opened.status();
        if status.state == RunState::Succeeded {
            let exit = Exit::new(USAGE, format!("{} succeeded; only a run that did not is rolled back", status.run));
            return Err(exit.help("write a runbook for the way back, or undo it by hand"));
        }
        let more = if taken.opened.engine.state.is_over() {
            Vec::new()
        } else {
            begin(&taken.opened.engine, self.to, &environment.user())?
        };
        take_up(&store, taken, self.how, environment, ResumeIntent::Rollback, more, Admitted::default())
    }
}

fn begin(engine: &Engine, to: Option<String>, by: &str) -> Result<Vec<Event>, Exit> {
    if let Some(step) = &to
        && engine.program.index(step).is_none_or(|index| engine.program.steps[index].role != Role::Own)
    {
        return Err(
            Exit::new(USAGE, format!("the runbook has no step {step}")).help("runbook status RUN shows its steps")
        );
    }
    if !engine.state.is_going_back() {
        return Ok(vec![Event::RollbackStarted { reason: format!("asked for by {by}"), to }]);
    }
    if to.is_some() {
        let exit = Exit::new(USAGE, "the run is rolling back already, and how far was decided when that began");
        return Err(exit.help("leave out --to"));
    }
    Ok(Vec::new())
}
