//! Where a run stands: the fold as people and programs read it.

use super::consequence::with_answers;
use crate::engine::Engine;
use crate::model::event::RunOutcome;
use crate::model::status::{RunState, Status, StepStatus};

/// The status of a run.
#[must_use]
pub fn status(run: &str, runbook: &str, engine: &Engine) -> Status {
    let steps = engine.program.steps.iter().zip(&engine.state.steps).enumerate();
    let steps = steps
        .filter(|(index, (_, fold))| *index < engine.program.own || fold.attempts > 0)
        .map(|(_, (node, fold))| StepStatus {
            id: node.name.clone(),
            state: fold.shown(),
            attempts: fold.attempts,
            started: fold.started.clone(),
            finished: fold.finished.clone(),
            reason: fold.undo.reason.clone().or_else(|| fold.reason.clone()),
        })
        .collect();
    Status {
        format: 1,
        run: run.to_owned(),
        runbook: runbook.to_owned(),
        state: state(engine),
        steps,
        question: engine.state.question.as_ref().map(|open| with_answers(engine, open)),
        remaining: engine.state.remaining.clone(),
    }
}

/// Where a run stands, in one word.
#[must_use]
pub const fn state(engine: &Engine) -> RunState {
    match engine.state.ended {
        Some(RunOutcome::Succeeded) => RunState::Succeeded,
        Some(RunOutcome::Failed) => RunState::Failed,
        Some(RunOutcome::Stopped) => RunState::Stopped,
        Some(RunOutcome::RolledBack) => RunState::RolledBack,
        Some(RunOutcome::PartlyRolledBack) => RunState::PartlyRolledBack,
        Some(RunOutcome::Stuck) => RunState::Stuck,
        None if engine.state.question.is_some() => RunState::Blocked,
        None if engine.state.is_going_back() => RunState::RollingBack,
        None => RunState::Running,
    }
}
