//! What a run promises, read from its records and from what is true.

use std::collections::BTreeMap;

use super::drive::Drive;
use crate::engine::program::{Node, NodeUndo};
use crate::engine::state::Standing;
use crate::model::event::{Event, Outcome, RunOutcome, SettledBy, Settlement};
use crate::model::question::Choice;

/// What the promises say about a finished run, read from its records and from what is true.
pub(super) fn violations(drive: &Drive) -> Result<(), String> {
    nothing_unsafe_starts_twice(drive)?;
    a_run_that_goes_back_never_goes_forward(drive)?;
    a_wish_to_roll_back_is_followed(drive)?;
    undos_come_newest_first(drive)?;
    an_end_says_what_is_true(drive)
}

fn nothing_unsafe_starts_twice(drive: &Drive) -> Result<(), String> {
    let mut open: BTreeMap<&str, &str> = BTreeMap::new();
    let mut may_run: BTreeMap<&str, bool> = BTreeMap::new();
    for event in &drive.records {
        match event {
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
                let node = &drive.scenario.nodes[drive.index(step)];
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
            Event::AttemptStarted { step, .. } if back && drive.index(step) < drive.scenario.own => {
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
            Event::AttemptStarted { step, .. } if wished && drive.index(step) < drive.scenario.own => {
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
            Event::AttemptStarted { step, .. } if !started.contains(&step.as_str()) => started.push(step),
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
                let passed = started[place + 1..].iter().map(|name| drive.index(name)).find(|index| {
                    let node = &drive.scenario.nodes[*index];
                    matches!(node.undo, NodeUndo::PointOfNoReturn(_))
                        && (drive.truth[*index].in_place || (node.is_confirm && confirmed(node, *index)))
                });
                if let Some(index) = passed {
                    let name = &drive.scenario.nodes[index].name;
                    return Err(format!("{step} is undone although {name} was a point of no return"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

fn an_end_says_what_is_true(drive: &Drive) -> Result<(), String> {
    let Some(outcome) = drive.engine.state.ended else {
        return Err("the run has no end".to_owned());
    };
    for (index, node) in drive.scenario.nodes.iter().take(drive.scenario.own).enumerate() {
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
                if !ends && !named {
                    return Err(format!("{name} did not succeed, and the end does not say so"));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
