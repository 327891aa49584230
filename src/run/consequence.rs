//! What each answer to a question brings about, as the engine will have it. Shown wherever the question is.

use crate::engine::Engine;
use crate::engine::program::{Node, NodeUndo};
use crate::engine::state::StepFold;
use crate::model::question::{Choice, Consequence, OpenQuestion, Question};
use crate::model::step::OnFailure;

/// The question with what follows from each word that answers it.
#[must_use]
pub fn with_answers(engine: &Engine, open: &OpenQuestion) -> OpenQuestion {
    OpenQuestion { answers: consequences(engine, open), ..open.clone() }
}

fn consequences(engine: &Engine, open: &OpenQuestion) -> Vec<Consequence> {
    let step = engine.program.index(&open.step);
    let step = step.map(|index| (&engine.program.steps[index], &engine.state.steps[index]));
    let back = engine.state.is_going_back();
    let does = |choice: Choice| match (open.question, step) {
        (Question::Unknown, Some((node, _))) if back => unknown_going_back(choice, &node.undo),
        (Question::Unknown, Some((node, fold))) => unknown(choice, node, fold),
        (Question::UndoUnknown, _) => undo_unknown(choice),
        (Question::Failure, _) => failure(choice),
        (Question::Canary, _) => goes_on(choice, "goes on with the other items"),
        (Question::Watch, _) => goes_on(choice, "goes on, and is not asked about it again"),
        (Question::Manual, _) if back => undo_by_person(choice),
        (Question::Confirm | Question::Manual, Some((node, fold))) => by_person(choice, node, fold),
        _ => String::new(),
    };
    open.choices.iter().map(|choice| Consequence { choice: *choice, does: does(*choice) }).collect()
}

fn unknown(choice: Choice, node: &Node, fold: &StepFold) -> String {
    let later = later(&node.undo);
    match choice {
        Choice::Succeeded => format!("it had its effect: the run goes on after it; {later}"),
        Choice::Failed if node.on_failure == OnFailure::Rollback => {
            format!("it counts as failed: {}, this step too", after_failure(node, fold))
        }
        Choice::Failed => format!("it counts as failed: {}; {later}", after_failure(node, fold)),
        Choice::NotStarted => "it had no effect: it is run now".to_owned(),
        _ => {
            let once = if matches!(node.undo, NodeUndo::Parts(_)) { ", once" } else { "" };
            format!("runs it again; only if you are sure that it is over; {later}{once}")
        }
    }
}

/// Once a run undoes, nothing is run forward any more, whatever the word.
fn unknown_going_back(choice: Choice, undo: &NodeUndo) -> String {
    let undone = match undo {
        NodeUndo::NotNeeded => "there is nothing to undo of it",
        NodeUndo::Parts(_) => "it is undone now",
        NodeUndo::Irreversible(_) => "it stays in place, and is named at the end",
        NodeUndo::PointOfNoReturn(_) => "the rollback ends at it",
    };
    match choice {
        Choice::Succeeded => format!("it had its effect: {undone}"),
        Choice::Failed => format!("it may have had a part of its effect: {undone}"),
        Choice::NotStarted => "it had no effect: the rollback goes on with what came before it".to_owned(),
        _ => format!("it is not run any more, for the run undoes; {undone}"),
    }
}

fn undo_unknown(choice: Choice) -> String {
    let does = match choice {
        Choice::Succeeded => "it is undone: the rollback goes on",
        Choice::Failed => "it is not undone: the rollback is stuck at it until it is tried again or given up",
        _ => "runs its undo again; only if you are sure that the earlier one is over",
    };
    does.to_owned()
}

fn failure(choice: Choice) -> String {
    let does = match choice {
        Choice::Retry => "tries the step once more",
        Choice::Skip => "leaves it failed and goes on; a later rollback undoes what it may have left",
        Choice::Rollback => "undoes what was done, newest first, this step too",
        _ => "ends the run here; it can be resumed or rolled back",
    };
    does.to_owned()
}

fn goes_on(choice: Choice, yes: &str) -> String {
    let does = match choice {
        Choice::Yes => yes,
        Choice::Rollback => "undoes what was done, newest first",
        _ => "ends the run here; it can be resumed or rolled back",
    };
    does.to_owned()
}

fn by_person(choice: Choice, node: &Node, fold: &StepFold) -> String {
    match choice {
        Choice::Yes => "go".to_owned(),
        Choice::No => format!("no-go: the step fails, and {}", after_failure(node, fold)),
        Choice::Succeeded => "it is done".to_owned(),
        _ => format!("it could not be done: the step fails, and {}", after_failure(node, fold)),
    }
}

/// A part of an undo.
fn undo_by_person(choice: Choice) -> String {
    let does = match choice {
        Choice::Succeeded => "it is undone: the rollback goes on",
        _ => "it is not undone: the rollback is stuck at it until it is tried again or given up",
    };
    does.to_owned()
}

/// What follows when this attempt has failed.
const fn after_failure(node: &Node, fold: &StepFold) -> &'static str {
    let attempts = if node.retry.max_attempts == 0 { 1 } else { node.retry.max_attempts };
    if fold.tries < attempts + fold.granted {
        return "it is tried again, as its retry says";
    }
    match node.on_failure {
        OnFailure::Stop => "the run ends as failed, to be resumed or rolled back",
        OnFailure::Rollback => "what was done is undone",
        OnFailure::Continue => "the run goes on without it",
        OnFailure::Ask => "you are asked what to do about it",
    }
}

/// What a rollback that comes later does with the step.
const fn later(undo: &NodeUndo) -> &'static str {
    match undo {
        NodeUndo::NotNeeded => "a later rollback has nothing to undo of it",
        NodeUndo::Parts(_) => "a later rollback undoes it",
        NodeUndo::Irreversible(_) => "a later rollback leaves it in place",
        NodeUndo::PointOfNoReturn(_) => "a later rollback ends at it",
    }
}
