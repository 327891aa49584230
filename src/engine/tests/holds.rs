//! Holds in a rollback.

use std::collections::BTreeSet;

use super::*;
use crate::model::flow::Way;

fn leaf(node: Node) -> Shape {
    Shape::Step { node: Box::new(node), handler: Vec::new() }
}

fn part(role: Role, name: &str) -> Shape {
    leaf(Node { role, undo: NodeUndo::NotNeeded, ..node(name) })
}

fn done(step: &str, attempt: u32) -> [Event; 2] {
    [started(step, attempt), ended(step, attempt, Outcome::Succeeded)]
}

fn taken() -> Event {
    Event::HoldTaken { step: "hold".to_owned(), expires: None }
}

/// A hold of two parts around `member`, and `last`, whose failure rolls back.
fn held() -> Engine {
    let hold = Shape::Hold {
        name: "hold".to_owned(),
        acquire: vec![part(Role::Acquire, "take"), part(Role::Acquire, "take-more")],
        members: vec![leaf(node("member"))],
        release: vec![part(Role::Release, "release")],
        release_on: BTreeSet::from(Way::ALL),
        retake: true,
    };
    let last = Node { on_failure: OnFailure::Rollback, undo: NodeUndo::NotNeeded, ..node("last") };
    let program = Program::new(vec![hold, leaf(last)], BTreeMap::new());
    let state = State::new(&program);
    Engine { program, state }
}

#[test]
fn what_takes_a_hold_for_the_first_time_in_a_rollback_is_not_given_back_before_what_it_was_taken_for_is_undone() {
    let mut engine = held();
    let skipped = Event::StepSkipped { step: "take-more".to_owned(), reason: String::new() };
    let released = Event::HoldReleased { step: "hold".to_owned() };
    let failed = [started("last", 1), ended("last", 1, Outcome::Failed)];
    let back = Event::RollbackStarted { reason: String::new(), to: None };
    let events = [run_started()].into_iter().chain(done("take", 1)).chain([skipped, taken()]).chain(done("member", 1));
    let events = events.chain(done("release", 1)).chain([released]).chain(failed).chain([back]);
    assert_eq!(engine.after(events), attempt("take", 2));
    assert_eq!(engine.after(done("take", 2)), attempt("take-more", 1));
    assert_eq!(engine.after(done("take-more", 1)), Decision::Held { step: "hold".to_owned() });
    let undo = Decision::Undo { step: "member".to_owned(), part: 0, attempt: 1, delay: Duration::ZERO };
    assert_eq!(engine.after([taken()]), undo);
}
