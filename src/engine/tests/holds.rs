//! Holds in a rollback.

use super::*;
use crate::model::event::{Item, Remaining};
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

/// A hold of two parts around others.
fn hold(members: Vec<Shape>, release_on: impl IntoIterator<Item = Way>) -> Shape {
    Shape::Hold {
        name: "hold".to_owned(),
        acquire: vec![part(Role::Acquire, "take"), part(Role::Acquire, "take-more")],
        members,
        release: vec![part(Role::Release, "release")],
        release_on: release_on.into_iter().collect(),
        retake: true,
    }
}

/// A hold around `member`, and `last`, whose failure rolls back.
fn held() -> Engine {
    let last = Node { on_failure: OnFailure::Rollback, undo: NodeUndo::NotNeeded, ..node("last") };
    engine(vec![hold(vec![leaf(node("member"))], Way::ALL), leaf(last)])
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

fn engine(shapes: Vec<Shape>) -> Engine {
    let program = Program::new(shapes, BTreeMap::new());
    let state = State::new(&program);
    Engine { program, state }
}

fn round(round: u32, done: bool) -> Event {
    Event::RoundFinished { step: "rounds".to_owned(), round, done, detail: String::new(), failure: None }
}

#[test]
fn what_is_still_held_when_a_round_ends_is_held_in_the_next() {
    let hold = hold(vec![leaf(node("member"))], [Way::Failure]);
    let rounds = Shape::Repeat {
        name: "rounds".to_owned(),
        body: Box::new(hold),
        has_until: true,
        max: None,
        on_failure: OnFailure::Stop,
    };
    let mut engine = engine(vec![rounds]);
    let acquired = done("take", 1).into_iter().chain(done("take-more", 1)).chain([taken()]);
    let first = [run_started()].into_iter().chain(acquired).chain(done("member", 1));
    let judged = Decision::Judge { step: "rounds".to_owned(), round: 1 };
    assert_eq!(engine.after(first), judged);
    assert_eq!(engine.after([round(1, false)]), attempt("member", 2));
    let Decision::Append(Event::RunFinished { outcome: RunOutcome::Succeeded, remaining }) =
        engine.after(done("member", 2).into_iter().chain([round(2, true)]))
    else {
        panic!("the run has come to its end");
    };
    let held = Remaining { step: "hold".to_owned(), reason: "it is still held".to_owned() };
    assert_eq!(remaining, [held]);
}

#[test]
fn what_an_item_holds_is_given_back_where_its_failure_is_one_that_its_loop_tolerates() {
    let member = leaf(Node { on_failure: OnFailure::Rollback, ..node("member") });
    let each = Shape::Loop {
        name: "each".to_owned(),
        body: Box::new(hold(vec![member], Way::ALL)),
        between: Vec::new(),
        canary: None,
        max_failures: 1,
        on_failure: OnFailure::Stop,
    };
    let mut engine = engine(vec![each]);
    let items = ["a", "b"].map(|label| Item { label: label.to_owned(), value: serde_json::Value::Null });
    let begun = Event::LoopStarted { step: "each".to_owned(), items: items.to_vec(), serial: 1 };
    let of = |step: &str, item: &str| format!("{step}[{item}]");
    let acquire = |item: &str| done(&of("take", item), 1).into_iter().chain(done(&of("take-more", item), 1));
    let held = |item: &str| [Event::HoldTaken { step: of("hold", item), expires: None }];
    let failed = |item: &str| [started(&of("member", item), 1), ended(&of("member", item), 1, Outcome::Failed)];
    let first = [run_started(), begun].into_iter().chain(acquire("a")).chain(held("a")).chain(failed("a"));
    assert_eq!(engine.after(first), attempt("release[a]", 1), "the loop goes on, and no rollback follows");
    let released = [Event::HoldReleased { step: of("hold", "a") }];
    assert_eq!(engine.after(done("release[a]", 1).into_iter().chain(released)), attempt("take[b]", 1));
    let second = acquire("b").chain(held("b")).chain(failed("b"));
    let Decision::Append(Event::RollbackStarted { .. }) = engine.after(second) else {
        panic!("one failure too many is rolled back");
    };
}

#[test]
fn a_hold_that_can_be_taken_again_only_in_part_is_not_and_the_rollback_is_stuck() {
    let mut engine = held();
    let acquired = done("take", 1).into_iter().chain(done("take-more", 1)).chain([taken()]);
    let released = || Event::HoldReleased { step: "hold".to_owned() };
    let failed = [started("last", 1), ended("last", 1, Outcome::Failed)];
    let back = Event::RollbackStarted { reason: String::new(), to: None };
    let events = [run_started()].into_iter().chain(acquired).chain(done("member", 1)).chain(done("release", 1));
    let events = events.chain([released()]).chain(failed).chain([back]).chain(done("take", 2));
    let broken = [started("take-more", 2), ended("take-more", 2, Outcome::Failed)];
    assert_eq!(engine.after(events.chain(broken)), attempt("release", 2), "what was taken is given back");
    let last = engine.after(done("release", 2).into_iter().chain([released()]));
    let Decision::Append(Event::RunFinished { outcome: RunOutcome::Stuck, remaining }) = last else {
        panic!("it is not taken and given back for ever: {last:?}");
    };
    let reason = "what was held cannot be taken again: exit 1".to_owned();
    assert_eq!(remaining, [Remaining { step: "member".to_owned(), reason }]);
}
