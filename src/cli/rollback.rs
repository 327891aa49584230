//! `runbook rollback`: undoes a run. Always allowed while it is not over.

use clap::Args;

use super::environment::Environment;
use super::exit::{Exit, USAGE};
use super::open;
use super::resume::{How, ended, take_up};
use crate::engine::Engine;
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
        let opened = open::open(open::find(&store, self.run.as_deref())?)?;
        let state = opened.status().state;
        if state == RunState::Succeeded {
            let exit =
                Exit::new(USAGE, format!("{} succeeded; only a run that did not is rolled back", opened.folder.id));
            return Err(exit.help("write a runbook for the way back, or undo it by hand"));
        }
        if opened.engine.state.is_over() {
            return Ok(ended(&opened, self.how.json));
        }
        let by = environment.user();
        let to = self.to;
        take_up(opened, self.how, environment, |engine| Ok((ResumeIntent::Rollback, begin(engine, to, &by)?)))
    }
}

fn begin(engine: &Engine, to: Option<String>, by: &str) -> Result<Vec<Event>, Exit> {
    if let Some(step) = &to
        && engine.program.index(step).is_none_or(|index| index >= engine.program.own)
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
