//! What a run promises, read from its records and from what is true.

use std::collections::{BTreeMap, BTreeSet};

use super::drive::Drive;
use super::places::nothing_runs_that_its_place_does_not_allow;
use crate::engine::program::{Kind, Node, NodeUndo, Role};
use crate::engine::state::Standing;
use crate::model::event::{Event, Outcome, RunOutcome, SettledBy, Settlement};
use crate::model::flow::Way;
use crate::model::parts::written;
use crate::model::question::Choice;

/// What the promises say about a finished run, read from its records and from what is true.
pub(super) fn violations(drive: &Drive) -> Result<(), String> {
    nothing_unsafe_starts_twice(drive)?;
    a_run_that_goes_back_never_goes_forward(drive)?;
    a_wish_to_roll_back_is_followed(drive)?;
    undos_come_newest_first(drive)?;
    nothing_runs_that_its_place_does_not_allow(drive)?;
    what_is_held_is_given_back(drive)?;
    an_end_says_what_is_true(drive)
}

impl Drive<'_> {
    /// Whether a step is part of the runbook's work, and so undone in a rollback.
    fn is_own(&self, step: &str) -> bool {
        self.engine.program.index(step).is_some_and(|index| self.engine.program.steps[index].role == Role::Own)
    }
}

/// Whatever was taken, whole or in part, is given back before the run ends, or its end names it.
fn what_is_held_is_given_back(drive: &Drive) -> Result<(), String> {
    let program = &drive.engine.program;
    let hold_of = |step: &str| {
        let index = program.index(step).filter(|index| program.steps[*index].role == Role::Acquire)?;
        let around =
            program.above(program.block_of(index)?).find(|at| matches!(program.blocks[*at].kind, Kind::Hold(_)))?;
        Some((program.blocks[around].name.as_str(), index))
    };
    let mut taken: BTreeSet<(&str, usize)> = BTreeSet::new();
    // What nobody knows of is settled before it is given back.
    let mut unknown: BTreeSet<&str> = BTreeSet::new();
    for event in &drive.records {
        match event {
            Event::AttemptFinished { step, outcome: Outcome::Unknown | Outcome::UnknownMayRun, .. } => {
                unknown.extend(hold_of(step).map(|(name, _)| name));
            }
            Event::StepSettled { step, .. } => {
                hold_of(step).map(|(name, _)| unknown.remove(name));
            }
            _ => {}
        }
        let left: BTreeSet<&str> = taken.iter().map(|(name, _)| *name).collect();
        match event {
            Event::AttemptStarted { step, .. } => taken.extend(hold_of(step)),
            // Found in place before, it is the run's own from here on.
            Event::HoldTaken { step, .. } => {
                taken.insert((step, usize::MAX));
            }
            Event::StepSettled { step, r#as: Settlement::NotStarted, .. } => {
                hold_of(step).map(|of| taken.remove(&of));
            }
            Event::HoldReleased { step } => taken.retain(|(name, _)| name != step),
            Event::RunFinished { outcome, remaining } => {
                if let Some(name) = left.iter().find(|name| !remaining.iter().any(|other| other.step == **name)) {
                    return Err(format!("{name} is still held, and the end does not say so"));
                }
                for name in &left {
                    let place = program.block(name, |kind| matches!(kind, Kind::Hold(_)));
                    let Some(Kind::Hold(hold)) = place.map(|place| &program.blocks[place].kind) else {
                        continue;
                    };
                    let failed = drive.engine.program.steps_within(hold.release).into_iter().any(|step| {
                        let name = &drive.engine.program.steps[step].name;
                        drive.records.iter().any(|event| match event {
                            Event::AttemptFinished { step, outcome, .. } => {
                                step == name && *outcome != Outcome::Succeeded
                            }
                            Event::StepRefused { step, .. } | Event::StepSettled { step, .. } => step == name,
                            _ => false,
                        })
                    });
                    let way = match outcome {
                        RunOutcome::Succeeded => Way::Success,
                        RunOutcome::Failed => Way::Failure,
                        RunOutcome::Stopped => Way::Stop,
                        _ => Way::Rollback,
                    };
                    // A hold that is left held on one way out may still be so on another.
                    if !failed && !unknown.contains(name) && hold.release_on.len() == Way::ALL.len() {
                        return Err(format!("{name} was not released at the end ({way:?})"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn nothing_unsafe_starts_twice(drive: &Drive) -> Result<(), String> {
    let mut open: BTreeMap<&str, &str> = BTreeMap::new();
    let mut may_run: BTreeMap<&str, bool> = BTreeMap::new();
    for event in &drive.records {
        match event {
            Event::RoundFinished { step, done: false, .. } => {
                let program = &drive.engine.program;
                let block = program.block(step, |kind| matches!(kind, Kind::Repeat(..)));
                // Also items that a later round had not: it finds its own.
                let stands_in = |step: &str| {
                    let around = program.block_of(drive.index(step)).map(|at| program.above(at).collect::<Vec<_>>());
                    block.is_some_and(|block| around.is_some_and(|around| around.contains(&block)))
                };
                open.retain(|step, state| *state != "done" || !stands_in(step));
            }
            // What stands beside the work is done as often as it is due, but never twice at a time.
            Event::AttemptStarted { step, .. } if !drive.is_own(step) && open.get(step.as_str()) == Some(&"done") => {
                open.insert(step, "under way");
            }
            Event::AttemptStarted { step, .. } => {
                if let Some(why) = open.get(step.as_str()) {
                    return Err(format!("{step} starts again although its last attempt is {why}"));
                }
                if may_run.get(step.as_str()) == Some(&true) {
                    return Err(format!("{step} starts again while it may still run"));
                }
                open.insert(step, "under way");
            }
            Event::AttemptFinished { step, outcome, .. } => match outcome {
                Outcome::Failed | Outcome::TimedOut => {
                    may_run.remove(step.as_str());
                    open.remove(step.as_str());
                }
                Outcome::Succeeded => {
                    may_run.remove(step.as_str());
                    open.insert(step, "done");
                }
                Outcome::Unknown | Outcome::UnknownMayRun => {
                    may_run.insert(step, *outcome == Outcome::UnknownMayRun);
                    open.insert(step, "unknown");
                }
            },
            Event::StepSettled { step, r#as, by, .. } => {
                let node = &drive.engine.program.steps[drive.index(step)];
                let proves_it = matches!(by, SettledBy::Person | SettledBy::Supervisor);
                if !proves_it && may_run.get(step.as_str()) == Some(&true) {
                    return Err(format!("{step} is settled by {by:?} while it may still run"));
                }
                if *by == SettledBy::Idempotent && !node.idempotent && !node.read_only {
                    return Err(format!("{step} is settled as idempotent, and is not"));
                }
                may_run.remove(step.as_str());
                match r#as {
                    Settlement::Succeeded => open.insert(step, "done"),
                    _ => open.remove(step.as_str()),
                };
            }
            Event::RollbackStarted { .. } | Event::LimitReached { .. } => {
                open.retain(|step, _| !drive.engine.program.steps[drive.index(step)].by_person);
            }
            // A hook that is through runs anew when the run ends anew.
            Event::HookFinished { hook, .. } => open.retain(|step, _| !step.starts_with(hook.as_str())),
            _ => {}
        }
    }
    Ok(())
}

fn a_run_that_goes_back_never_goes_forward(drive: &Drive) -> Result<(), String> {
    let mut back = false;
    for event in &drive.records {
        match event {
            Event::RollbackStarted { .. } => back = true,
            Event::AttemptStarted { step, .. } if back && drive.is_own(step) => {
                return Err(format!("{step} starts after the rollback began"));
            }
            Event::RunFinished { outcome: RunOutcome::Succeeded | RunOutcome::Failed, .. } if back => {
                return Err("a rolled back run ends as if it had not been".to_owned());
            }
            _ => {}
        }
    }
    Ok(())
}

fn a_wish_to_roll_back_is_followed(drive: &Drive) -> Result<(), String> {
    let mut wished = false;
    for event in &drive.records {
        match event {
            Event::DecisionMade { choice: Choice::Rollback, .. } => wished = true,
            Event::RollbackStarted { .. } => wished = false,
            Event::AttemptStarted { step, .. } if wished && drive.is_own(step) => {
                return Err(format!("{step} starts although a person answered with a rollback"));
            }
            _ => {}
        }
    }
    Ok(())
}

fn undos_come_newest_first(drive: &Drive) -> Result<(), String> {
    let mut started: Vec<&str> = Vec::new();
    let mut last = usize::MAX;
    for event in &drive.records {
        match event {
            Event::AttemptStarted { step, .. } if drive.is_own(step) && !started.contains(&step.as_str()) => {
                started.push(step);
            }
            Event::UndoStarted { step, .. } => {
                let Some(place) = started.iter().position(|name| name == step) else {
                    return Err(format!("{step} is undone although it never began"));
                };
                if place > last {
                    return Err(format!("{step} is undone after an older step"));
                }
                last = place;
                let confirmed = |node: &Node, index: usize| {
                    !node.is_confirm || drive.engine.state.steps[index].state == Standing::Succeeded
                };
                let mut lines: Vec<usize> = started.iter().map(|name| drive.index(name)).collect();
                lines.retain(|index| {
                    let node = &drive.engine.program.steps[*index];
                    matches!(node.undo, NodeUndo::PointOfNoReturn(_))
                        && (drive.truth[*index].in_place || (node.is_confirm && confirmed(node, *index)))
                });
                // Of one with several items the first counts.
                let mut names = BTreeSet::new();
                lines.retain(|index| names.insert(written(&drive.engine.program.steps[*index].name)));
                let passed =
                    lines.into_iter().find(|index| started[place + 1..].iter().any(|name| drive.index(name) == *index));
                if let Some(index) = passed {
                    let name = &drive.engine.program.steps[index].name;
                    return Err(format!("{step} is undone although {name} was a point of no return"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether something around a step was left out, or failed and was passed over, so that the step was not reached.
fn lies_behind_something_named(drive: &Drive, index: usize) -> bool {
    let (program, state) = (&drive.engine.program, &drive.engine.state);
    let named = |name: &str| state.remaining.iter().any(|remaining| remaining.step == name);
    let failed = |step: usize| state.steps[step].has_failed() && named(&program.steps[step].name);
    let broke = |block: usize| {
        let fold = &state.blocks[block];
        (fold.failure.is_some() || fold.limit_reached) && named(&program.blocks[block].name)
    };
    let Some(block) = program.block_of(index) else { return false };
    let chain: Vec<usize> = program.above(block).collect();
    chain.windows(2).any(|pair| {
        let (inner, outer) = (pair[0], pair[1]);
        let fold = &state.blocks[outer];
        let tolerates = matches!(program.blocks[outer].kind, Kind::Loop(_) | Kind::Background(..));
        let beside = || {
            program.steps_within(inner).into_iter().any(failed) || program.blocks_within(inner).into_iter().any(broke)
        };
        // An item of an earlier round that is none any more.
        let gone = || !program.within(outer).contains(&inner);
        fold.skipped.is_some() || broke(outer) || tolerates && (beside() || gone())
    })
}

fn an_end_says_what_is_true(drive: &Drive) -> Result<(), String> {
    let Some(outcome) = drive.engine.state.ended else {
        return Err("the run has no end".to_owned());
    };
    for (index, node) in drive.engine.program.steps.iter().enumerate().filter(|(_, node)| node.role == Role::Own) {
        let truth = &drive.truth[index];
        let name = &node.name;
        let named = drive.engine.state.remaining.iter().any(|remaining| remaining.step == *name);
        let stays = truth.in_place && node.undo != NodeUndo::NotNeeded;
        match outcome {
            RunOutcome::RolledBack if stays => return Err(format!("{name} is left although all is rolled back")),
            RunOutcome::PartlyRolledBack | RunOutcome::Stuck if stays && !named => {
                return Err(format!("{name} is left and not named"));
            }
            RunOutcome::Succeeded => {
                let fold = &drive.engine.state.steps[index];
                let ends = matches!(fold.state, Standing::Succeeded | Standing::Skipped | Standing::InPlace);
                if !ends && !named && !lies_behind_something_named(drive, index) {
                    return Err(format!("{name} did not succeed, and the end does not say so"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
