//! Where a run stands: the fold as people and programs read it.

use super::consequence::with_answers;
use crate::engine::Engine;
use crate::engine::program::{BlockId, Kind, Role};
use crate::engine::state::Standing;
use crate::journal::store::RunFolder;
use crate::model::event::RunOutcome;
use crate::model::status::{RunState, Status, StepState, StepStatus, Stopped};

/// The status of the run in that folder.
#[must_use]
pub fn status_in(folder: &RunFolder, runbook: &str, engine: &Engine) -> Status {
    let artifacts = Some(folder.path.join("artifacts")).filter(|kept| kept.is_dir());
    let artifacts = artifacts.map(|kept| kept.display().to_string());
    Status { artifacts, ..status(&folder.id, runbook, engine) }
}

/// The status of a run, as far as its records tell it.
#[must_use]
pub fn status(run: &str, runbook: &str, engine: &Engine) -> Status {
    let mut steps = Vec::new();
    rows(engine, engine.program.root, &mut steps);
    let hooks = engine.program.hooks.values().flatten();
    steps.extend(hooks.filter(|index| engine.state.steps[**index].attempts > 0).map(|index| row(engine, *index)));
    Status {
        format: 1,
        run: run.to_owned(),
        runbook: runbook.to_owned(),
        state: state(engine),
        steps,
        question: engine.state.question.as_ref().map(|open| with_answers(engine, open)),
        remaining: engine.state.remaining.clone(),
        stopped: stopped(engine),
        pending: Vec::new(),
        artifacts: None,
    }
}

fn stopped(engine: &Engine) -> Option<Stopped> {
    let (by, reason) = engine.state.stopped.clone().filter(|_| engine.state.ended == Some(RunOutcome::Stopped))?;
    Some(Stopped { by, reason, rolling_back: engine.state.is_going_back(), next: engine.goes_on_with() })
}

/// Every step within a block in the order of the runbook. Of what stands beside the work only that which began; a loop
/// that has no items yet stands for all that is in it.
fn rows(engine: &Engine, block: BlockId, steps: &mut Vec<StepStatus>) {
    match &engine.program.blocks[block].kind {
        Kind::Step(index, _) => {
            let untouched =
                engine.state.steps[*index].state == Standing::Pending && engine.state.steps[*index].attempts == 0;
            if !untouched || engine.program.steps[*index].role != Role::Aside {
                steps.push(row(engine, *index));
            }
        }
        Kind::Loop(each) if each.batches.is_empty() => steps.push(loop_row(engine, block)),
        _ => {}
    }
    for within in engine.program.within(block) {
        rows(engine, within, steps);
    }
}

fn row(engine: &Engine, index: usize) -> StepStatus {
    let (node, fold) = (&engine.program.steps[index], &engine.state.steps[index]);
    let released = node.role == Role::Acquire && fold.state == Standing::Pending && fold.attempts > 0;
    StepStatus {
        id: node.name.clone(),
        // What took a hold that was given back since may take it again.
        state: if released { StepState::Succeeded } else { fold.shown() },
        attempts: fold.attempts,
        started: fold.started.clone(),
        finished: fold.finished.clone(),
        reason: fold.undo.reason.clone().or_else(|| fold.reason.clone()),
        left_behind: fold.left_behind.clone(),
    }
}

/// A loop whose items nobody knows yet, or which has none.
fn loop_row(engine: &Engine, block: BlockId) -> StepStatus {
    let fold = &engine.state.blocks[block];
    let (state, reason) = match (&fold.skipped, &fold.failure) {
        (Some(reason), _) => (StepState::Skipped, Some(reason.clone())),
        (_, Some(reason)) => (StepState::Failed, Some(reason.clone())),
        _ if fold.entered => (StepState::Succeeded, Some("its list is empty".to_owned())),
        _ => (StepState::Pending, None),
    };
    let id = engine.program.blocks[block].name.clone();
    StepStatus { id, state, attempts: 0, started: None, finished: None, reason, left_behind: Vec::new() }
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
