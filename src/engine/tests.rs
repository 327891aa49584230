//! Single decisions, by name: what the engine asks for after a few events.

mod holds;

use std::collections::BTreeMap;
use std::time::Duration;

use super::program::{Node, NodeUndo, Program, Role};
use super::shape::Shape;
use super::state::State;
use super::{Decision, Engine};
use crate::model::event::{
    Answer, Event, Intent, Item, Outcome, Remaining, ResumeIntent, RunOutcome, SettledBy, Settlement,
};
use crate::model::flow::{Trip, Way};
use crate::model::question::{Choice, Question};
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::runbook::Hook;
use crate::model::step::{OnFailure, Retry};

fn node(name: &str) -> Node {
    Node {
        name: name.to_owned(),
        role: Role::Own,
        by_person: false,
        is_confirm: false,
        read_only: false,
        idempotent: false,
        has_check: false,
        atomic: false,
        joins: Vec::new(),
        limited: false,
        retry: Retry::default(),
        tries_after_handler: false,
        on_failure: OnFailure::Stop,
        undo: NodeUndo::Parts(vec![Retry::default()]),
    }
}

fn run(nodes: Vec<Node>) -> Engine {
    shaped(nodes.into_iter().map(|node| acts(node, Vec::new())).collect())
}

fn acts(node: Node, handler: Vec<Shape>) -> Shape {
    Shape::Step { node: Box::new(node), handler }
}

fn shaped(shapes: Vec<Shape>) -> Engine {
    let program = Program::new(shapes, BTreeMap::new());
    let state = State::new(&program);
    let mut engine = Engine { program, state };
    engine.apply(&run_started(), "").expect("a first record");
    engine
}

impl Engine {
    /// Folds events in, and gives the decision that follows.
    fn after(&mut self, events: impl IntoIterator<Item = Event>) -> Decision {
        for event in events {
            self.apply(&event, "").expect("an event that may come");
        }
        let mut decisions = self.next();
        assert_eq!(decisions.len(), 1, "one thing after the other: {decisions:?}");
        decisions.remove(0)
    }
}

fn run_started() -> Event {
    Event::RunStarted {
        format: 1,
        program: "0".to_owned(),
        runbook: "r".to_owned(),
        digest: String::new(),
        parameters: BTreeMap::new(),
        previous: None,
    }
}

fn started(step: &str, attempt: u32) -> Event {
    Event::AttemptStarted { step: step.to_owned(), attempt, intent: Intent::Program }
}

fn ended(step: &str, attempt: u32, outcome: Outcome) -> Event {
    let failed = outcome != Outcome::Succeeded;
    let failure = failed.then(|| Failure::new(FailureKind::Exit, "exit 1"));
    let result = StepResult::default();
    Event::AttemptFinished { step: step.to_owned(), attempt, outcome, failure, duration_ms: 0, output: None, result }
}

fn resumed() -> Event {
    Event::RunResumed { program: "0".to_owned(), intent: ResumeIntent::Continue }
}

fn attempt(step: &str, attempt: u32) -> Decision {
    Decision::Attempt { step: step.to_owned(), attempt, delay: Duration::ZERO }
}

fn finished(outcome: RunOutcome) -> Decision {
    Decision::Append(Event::RunFinished { outcome, remaining: Vec::new() })
}

#[test]
fn steps_follow_each_other_and_the_run_succeeds() {
    let mut engine = run(vec![node("a"), node("b")]);
    assert_eq!(engine.next(), [attempt("a", 1)]);
    assert_eq!(engine.after([started("a", 1)]), Decision::Await { step: "a".to_owned(), attempt: 1 });
    assert_eq!(engine.after([ended("a", 1, Outcome::Succeeded)]), attempt("b", 1));
    let last = engine.after([started("b", 1), ended("b", 1, Outcome::Succeeded)]);
    assert_eq!(last, finished(RunOutcome::Succeeded));
}

#[test]
fn a_question_that_is_open_in_the_background_does_not_keep_the_hooks_of_a_failure_from_running() {
    let leaf = |node| Shape::Step { node: Box::new(node), handler: Vec::new() };
    let asks = leaf(Node { by_person: true, ..node("asks") });
    let background = Shape::Background { name: "beside".to_owned(), body: Box::new(asks), until_end: false };
    let told = leaf(Node { role: Role::Hook, undo: NodeUndo::NotNeeded, ..node("told") });
    let fails = leaf(Node { on_failure: OnFailure::Rollback, ..node("a") });
    let program = Program::new(vec![background, fails], BTreeMap::from([(Hook::OnFailure, vec![told])]));
    let state = State::new(&program);
    let mut engine = Engine { program, state };
    let asked = Event::QuestionAsked {
        step: "asks".to_owned(),
        question: Question::Manual,
        text: String::new(),
        choices: Question::Manual.choices().to_vec(),
        until: None,
    };
    for event in [run_started(), started("asks", 1), started("a", 1), asked, ended("a", 1, Outcome::Failed)] {
        engine.apply(&event, "").expect("an event that may come");
    }
    assert_eq!(engine.next(), [Decision::Answer, attempt("told", 1)]);
    engine.apply(&started("told", 1), "").expect("a hook begins");
    engine.apply(&ended("told", 1, Outcome::Succeeded), "").expect("a hook ends");
    let through = Event::HookFinished { hook: Hook::OnFailure, outcome: Outcome::Succeeded, detail: None };
    assert_eq!(engine.next(), [Decision::Answer, Decision::Append(through.clone())]);
    engine.apply(&through, "").expect("the hooks are through");
    let back = Event::RollbackStarted { reason: "a failed: exit 1".to_owned(), to: None };
    assert_eq!(engine.next(), [Decision::Answer, Decision::Append(back)]);
}

#[test]
fn no_more_members_of_a_group_are_tried_anew_at_once_than_are_allowed_side_by_side() {
    let leaf = |node| Shape::Step { node: Box::new(node), handler: Vec::new() };
    let passed = Node { on_failure: OnFailure::Continue, ..node("passed") };
    let group = Shape::Parallel { members: vec![leaf(passed), leaf(node("fails"))], at_once: 1 };
    let program = Program::new(vec![group], BTreeMap::new());
    let state = State::new(&program);
    let mut engine = Engine { program, state };
    let failed = |step| [started(step, 1), ended(step, 1, Outcome::Failed)];
    for event in [run_started()].into_iter().chain(failed("passed")).chain(failed("fails")) {
        engine.apply(&event, "").expect("an event that may come");
    }
    let end = Event::RunFinished { outcome: RunOutcome::Failed, remaining: Vec::new() };
    assert_eq!(engine.after([end, resumed()]), attempt("passed", 2));
}

#[test]
fn a_failed_step_is_tried_again_after_a_growing_delay_and_then_stops_the_run() {
    let seconds = Duration::from_secs;
    let retry = Retry { max_attempts: 3, delay: seconds(5).into(), backoff: 2.0, max_delay: None };
    let mut engine = run(vec![Node { retry, ..node("a") }]);
    let again = |attempt, delay| Decision::Attempt { step: "a".to_owned(), attempt, delay };
    assert_eq!(engine.after([started("a", 1), ended("a", 1, Outcome::Failed)]), again(2, seconds(5)));
    assert_eq!(engine.after([started("a", 2), ended("a", 2, Outcome::TimedOut)]), again(3, seconds(10)));
    assert_eq!(engine.after([started("a", 3), ended("a", 3, Outcome::Failed)]), finished(RunOutcome::Failed));
}

#[test]
fn what_was_in_flight_when_the_executor_died_is_recovered_and_not_awaited() {
    let mut engine = run(vec![node("a")]);
    let decision = engine.after([started("a", 1), resumed()]);
    assert_eq!(decision, Decision::Recover { step: "a".to_owned(), attempt: 1 });
}

#[test]
fn an_unknown_step_is_settled_by_its_check_first() {
    let mut engine = run(vec![Node { has_check: true, idempotent: true, ..node("a") }]);
    let decision = engine.after([started("a", 1), resumed(), ended("a", 1, Outcome::Unknown)]);
    assert_eq!(decision, Decision::AskCheck { step: "a".to_owned() });
    let answered = Event::CheckAnswered { step: "a".to_owned(), answer: Answer::Holds, detail: "exit 0".to_owned() };
    let Decision::Append(Event::StepSettled { r#as, by, .. }) = engine.after([answered]) else {
        panic!("it is to be settled");
    };
    assert_eq!((r#as, by), (Settlement::Succeeded, SettledBy::Check));
}

#[test]
fn an_unknown_step_that_may_still_run_is_asked_about_whatever_it_declares() {
    let mut engine = run(vec![Node { has_check: true, idempotent: true, ..node("a") }]);
    let decision = engine.after([started("a", 1), resumed(), ended("a", 1, Outcome::UnknownMayRun)]);
    assert_eq!(decision, Decision::Ask { step: "a".to_owned(), question: Question::Unknown });
}

#[test]
fn what_may_still_run_is_looked_for_again_when_the_run_is_taken_up_again() {
    let mut engine = run(vec![node("a")]);
    engine.after([started("a", 1), ended("a", 1, Outcome::UnknownMayRun)]);
    let choices = Question::Unknown.choices().to_vec();
    let (step, question) = ("a".to_owned(), Question::Unknown);
    let asked = Event::QuestionAsked { step: step.clone(), question, text: String::new(), choices, until: None };
    assert_eq!(engine.after([asked]), Decision::Answer);
    assert_eq!(engine.after([resumed()]), Decision::Recover { step: step.clone(), attempt: 1 });
    assert_eq!(engine.after([ended("a", 1, Outcome::UnknownMayRun)]), Decision::Ask { step, question });
}

#[test]
fn what_its_executor_saw_get_lost_without_effect_has_failed_and_is_not_run_for_ever() {
    let mut engine = run(vec![Node { has_check: true, ..node("a") }]);
    let answer = Answer::DoesNotHold;
    let check = Event::CheckAnswered { step: "a".to_owned(), answer, detail: "false".to_owned() };
    let events = [started("a", 1), ended("a", 1, Outcome::Unknown), check];
    let Decision::Append(settled) = engine.after(events) else { panic!("the check settles it") };
    let reason = "exit 1; its check says: false".to_owned();
    let (r#as, by) = (Settlement::Failed, SettledBy::Check);
    assert_eq!(settled, Event::StepSettled { step: "a".to_owned(), attempt: 1, r#as, by, reason });
    assert_eq!(engine.after([settled]), finished(RunOutcome::Failed));
}

#[test]
fn an_unknown_step_that_is_idempotent_is_undone_without_a_question() {
    let mut engine = run(vec![Node { idempotent: true, ..node("a") }]);
    let back = Event::RollbackStarted { reason: String::new(), to: None };
    let events = [started("a", 1), resumed(), back, ended("a", 1, Outcome::Unknown)];
    let Decision::Append(settled) = engine.after(events) else { panic!("it is settled") };
    let undo = Decision::Undo { step: "a".to_owned(), part: 0, attempt: 1, delay: Duration::ZERO };
    assert_eq!(engine.after([settled]), undo);
}

#[test]
fn an_unknown_step_that_declares_nothing_is_asked_about() {
    let mut engine = run(vec![node("a")]);
    let decision = engine.after([started("a", 1), resumed(), ended("a", 1, Outcome::Unknown)]);
    assert_eq!(decision, Decision::Ask { step: "a".to_owned(), question: Question::Unknown });
}

#[test]
fn a_rollback_undoes_the_newest_first_and_the_failed_step_too() {
    let rollback = OnFailure::Rollback;
    let mut engine = run(vec![node("a"), Node { on_failure: rollback, ..node("b") }]);
    let events = [started("a", 1), ended("a", 1, Outcome::Succeeded), started("b", 1), ended("b", 1, Outcome::Failed)];
    let Decision::Append(began) = engine.after(events) else { panic!("a rollback is to begin") };
    assert_eq!(began, Event::RollbackStarted { reason: "b failed: exit 1".to_owned(), to: None });
    let undo = |step: &str| Decision::Undo { step: step.to_owned(), part: 0, attempt: 1, delay: Duration::ZERO };
    assert_eq!(engine.after([began]), undo("b"));
    assert_eq!(engine.after(undone("b")), undo("a"));
    assert_eq!(engine.after(undone("a")), finished(RunOutcome::RolledBack));
}

fn undone(step: &str) -> [Event; 2] {
    let step = step.to_owned();
    [
        Event::UndoStarted { step: step.clone(), part: 0, attempt: 1, intent: Intent::Program },
        Event::UndoFinished {
            step,
            part: 0,
            attempt: 1,
            outcome: Outcome::Succeeded,
            failure: None,
            duration_ms: 0,
            output: None,
        },
    ]
}

#[test]
fn a_rollback_ends_at_a_point_of_no_return_and_names_what_stays() {
    let line = Node { undo: NodeUndo::PointOfNoReturn("traffic moved".to_owned()), ..node("line") };
    let mut engine = run(vec![node("a"), line, Node { on_failure: OnFailure::Rollback, ..node("b") }]);
    let mut events = Vec::new();
    for (step, outcome) in [("a", Outcome::Succeeded), ("line", Outcome::Succeeded), ("b", Outcome::Failed)] {
        events.extend([started(step, 1), ended(step, 1, outcome)]);
    }
    events.push(Event::RollbackStarted { reason: String::new(), to: None });
    events.extend(undone("b"));
    let Decision::Append(Event::RunFinished { outcome, remaining }) = engine.after(events) else {
        panic!("the run is to end");
    };
    let names: Vec<&str> = remaining.iter().map(|remaining| remaining.step.as_str()).collect();
    assert_eq!((outcome, names), (RunOutcome::PartlyRolledBack, vec!["line", "a"]));
}

#[test]
fn a_transaction_that_the_server_refused_needs_no_undo() {
    let mut engine = run(vec![Node { atomic: true, on_failure: OnFailure::Rollback, ..node("a") }]);
    let mut refused = ended("a", 1, Outcome::Failed);
    if let Event::AttemptFinished { failure, .. } = &mut refused {
        *failure = Some(Failure::new(FailureKind::Sql, "23505"));
    }
    let back = Event::RollbackStarted { reason: String::new(), to: None };
    let decision = engine.after([started("a", 1), refused, back]);
    assert!(matches!(decision, Decision::Append(Event::UndoSkipped { .. })), "{decision:?}");
}

#[test]
fn a_person_chooses_what_follows_a_failure() {
    let ask = Node { on_failure: OnFailure::Ask, ..node("a") };
    let answers = [
        (Choice::Retry, attempt("a", 2)),
        (Choice::Skip, attempt("b", 1)),
        (Choice::Stop, finished(RunOutcome::Failed)),
    ];
    for (choice, follows) in answers {
        let mut engine = run(vec![ask.clone(), node("b")]);
        let failed = engine.after([started("a", 1), ended("a", 1, Outcome::Failed)]);
        assert_eq!(failed, Decision::Ask { step: "a".to_owned(), question: Question::Failure });
        let choices = Question::Failure.choices().to_vec();
        let (step, text, question) = ("a".to_owned(), String::new(), Question::Failure);
        let asked = Event::QuestionAsked { step: step.clone(), question, text, choices, until: None };
        assert_eq!(engine.after([asked]), Decision::Answer);
        let (by, reason, values) = (String::new(), String::new(), BTreeMap::new());
        let decided = Event::DecisionMade { step, choice, by, reason, values };
        assert_eq!(engine.after([decided]), follows, "after {choice:?}");
    }
}

#[test]
fn an_event_that_cannot_follow_is_refused_and_changes_nothing() {
    let mut engine = run(vec![node("a"), node("b")]);
    engine.after([started("a", 1)]);
    let before = engine.state.clone();
    let refused = engine.apply(&started("b", 1), "").expect_err("one attempt is under way");
    assert_eq!(refused.to_string(), "attempt_started of b cannot follow: it is not its turn");
    assert_eq!(engine.state, before);
}

/// A step that failed, was asked about, and got that answer.
fn asked_and_answered(step: &str, choice: Choice) -> [Event; 2] {
    let question = Question::Failure;
    let choices = question.choices().to_vec();
    let (text, by, reason, values) = (String::new(), String::new(), String::new(), BTreeMap::new());
    [
        Event::QuestionAsked { step: step.to_owned(), question, text, choices, until: None },
        Event::DecisionMade { step: step.to_owned(), choice, by, reason, values },
    ]
}

#[test]
fn an_answer_that_was_given_before_the_run_is_taken_up_is_followed_and_the_step_not_tried_again() {
    let ask = Node { on_failure: OnFailure::Ask, ..node("a") };
    let failed = [started("a", 1), ended("a", 1, Outcome::Failed)];
    let mut engine = run(vec![ask.clone()]);
    let [asked, decided] = asked_and_answered("a", Choice::Rollback);
    let decision = engine.after(failed.clone().into_iter().chain([asked.clone(), decided.clone(), resumed()]));
    let Decision::Append(Event::RollbackStarted { .. }) = decision else { panic!("{decision:?}") };

    let mut engine = run(vec![ask.clone()]);
    let decision = engine.after(failed.clone().into_iter().chain([asked, resumed(), decided]));
    let Decision::Append(Event::RollbackStarted { .. }) = decision else { panic!("{decision:?}") };

    let mut engine = run(vec![ask]);
    let decision = engine.after(failed.into_iter().chain(asked_and_answered("a", Choice::Stop)).chain([resumed()]));
    assert_eq!(decision, finished(RunOutcome::Failed));
    let Decision::Append(end) = decision else { return };
    assert_eq!(engine.after([end, resumed()]), attempt("a", 2), "once it has ended, it may be tried again");
}

#[test]
fn a_rollback_that_was_due_when_the_executor_died_begins_when_the_run_is_taken_up() {
    let mut engine = run(vec![Node { on_failure: OnFailure::Rollback, ..node("a") }]);
    let decision = engine.after([started("a", 1), ended("a", 1, Outcome::Failed), resumed()]);
    let Decision::Append(Event::RollbackStarted { .. }) = decision else { panic!("{decision:?}") };
}

#[test]
fn a_step_that_the_operator_ended_is_tried_again_and_never_passed_over() {
    let mut engine = run(vec![Node { on_failure: OnFailure::Continue, ..node("a") }, node("b")]);
    let mut cancelled = ended("a", 1, Outcome::Failed);
    if let Event::AttemptFinished { failure, .. } = &mut cancelled {
        *failure = Some(Failure::new(FailureKind::Cancelled, "the operator ended it"));
    }
    let stop = Event::StopRequested { by: String::new(), reason: String::new() };
    let stopped = engine.after([started("a", 1), stop, cancelled]);
    assert_eq!(stopped, finished(RunOutcome::Stopped));
    let Decision::Append(end) = stopped else { return };
    assert_eq!(engine.after([end, resumed()]), attempt("a", 2));
}

#[test]
fn what_a_committed_attempt_left_is_undone_although_a_later_one_was_refused_by_the_server() {
    let retry = Retry { max_attempts: 2, ..Retry::default() };
    let mut engine = run(vec![Node { atomic: true, retry, on_failure: OnFailure::Rollback, ..node("a") }]);
    let mut unverified = ended("a", 1, Outcome::Failed);
    if let Event::AttemptFinished { failure, .. } = &mut unverified {
        *failure = Some(Failure::new(FailureKind::Verify, "it ran, but verify does not hold"));
    }
    let failure = Failure::new(FailureKind::Sql, "its precondition has an error");
    let refused = Event::StepRefused { step: "a".to_owned(), attempt: 2, failure };
    let back = Event::RollbackStarted { reason: String::new(), to: None };
    let decision = engine.after([started("a", 1), unverified, refused, back]);
    assert_eq!(decision, Decision::Undo { step: "a".to_owned(), part: 0, attempt: 1, delay: Duration::ZERO });
}

#[test]
fn nothing_remains_of_an_irreversible_transaction_that_was_not_committed() {
    let undo = NodeUndo::Irreversible("data are gone".to_owned());
    let mut engine = run(vec![Node { atomic: true, undo, on_failure: OnFailure::Rollback, ..node("a") }]);
    let mut refused = ended("a", 1, Outcome::Failed);
    if let Event::AttemptFinished { failure, .. } = &mut refused {
        *failure = Some(Failure::new(FailureKind::Sql, "23505"));
    }
    let back = Event::RollbackStarted { reason: String::new(), to: None };
    assert_eq!(engine.after([started("a", 1), refused, back]), finished(RunOutcome::RolledBack));
}

#[test]
fn a_yes_at_a_point_of_no_return_counts_also_when_the_rollback_comes_right_after_it() {
    let undo = NodeUndo::PointOfNoReturn("traffic moves".to_owned());
    let line = Node { by_person: true, is_confirm: true, undo, ..node("line") };
    let mut engine = run(vec![node("a"), line]);
    let choices = Question::Confirm.choices().to_vec();
    let (step, by, reason, values) = ("line".to_owned(), String::new(), String::new(), BTreeMap::new());
    let decision = engine.after([
        started("a", 1),
        ended("a", 1, Outcome::Succeeded),
        started("line", 1),
        Event::QuestionAsked {
            step: step.clone(),
            question: Question::Confirm,
            text: String::new(),
            choices,
            until: None,
        },
        Event::DecisionMade { step, choice: Choice::Yes, by, reason, values },
        Event::RollbackStarted { reason: String::new(), to: None },
    ]);
    let Decision::Append(Event::RunFinished { outcome, .. }) = decision else { panic!("{decision:?}") };
    assert_eq!(outcome, RunOutcome::PartlyRolledBack);
}

#[test]
fn a_time_limit_does_not_end_the_release_of_what_is_held_nor_pass_over_its_failure() {
    let leaf = |node| Shape::Step { node: Box::new(node), handler: Vec::new() };
    let part = |role, name| leaf(Node { role, undo: NodeUndo::NotNeeded, ..node(name) });
    let hold = Shape::Hold {
        name: "hold".to_owned(),
        acquire: vec![part(Role::Acquire, "hold.acquire")],
        members: vec![leaf(node("inside"))],
        release: vec![part(Role::Release, "hold.release")],
        release_on: [Way::Failure].into_iter().collect(),
        retake: false,
    };
    let (name, on_failure) = ("group".to_owned(), OnFailure::Continue);
    let group = Shape::Guard { name, body: Box::new(hold), limited: true, watches: Vec::new(), on_failure };
    let program = Program::new(vec![group, leaf(node("later"))], BTreeMap::new());
    let state = State::new(&program);
    let mut engine = Engine { program, state };
    for event in [
        run_started(),
        started("hold.acquire", 1),
        ended("hold.acquire", 1, Outcome::Succeeded),
        Event::HoldTaken { step: "hold".to_owned(), expires: None },
    ] {
        engine.apply(&event, "").expect("an event that may come");
    }
    let late = Event::LimitReached { step: "group".to_owned() };
    assert_eq!(engine.after([late]), attempt("hold.release", 1));
    let releasing = Decision::Await { step: "hold.release".to_owned(), attempt: 1 };
    assert_eq!(engine.after([started("hold.release", 1)]), releasing);
    let remaining = vec![Remaining { step: "hold".to_owned(), reason: "it is still held".to_owned() }];
    let end = Event::RunFinished { outcome: RunOutcome::Failed, remaining };
    assert_eq!(engine.after([ended("hold.release", 1, Outcome::Failed)]), Decision::Append(end));
}

#[test]
fn nobody_is_asked_before_all_that_follows_from_an_answer_is_known() {
    let person = |name| acts(Node { by_person: true, ..node(name) }, Vec::new());
    let mut engine = shaped(vec![Shape::Parallel { members: vec![person("a"), person("b")], at_once: 2 }]);
    let events = [started("a", 1), started("b", 1)].into_iter().chain(manual("a"));
    let decision = engine.after(events);
    assert_eq!(decision, Decision::Await { step: "a".to_owned(), attempt: 1 }, "its verify may take long");
    let decision = engine.after([ended("a", 1, Outcome::Succeeded)]);
    assert_eq!(decision, Decision::Ask { step: "b".to_owned(), question: Question::Manual });
}

fn manual(step: &str) -> [Event; 2] {
    let choices = Question::Manual.choices().to_vec();
    let (step, by, reason, values) = (step.to_owned(), String::new(), String::new(), BTreeMap::new());
    [
        Event::QuestionAsked {
            step: step.clone(),
            question: Question::Manual,
            text: String::new(),
            choices,
            until: None,
        },
        Event::DecisionMade { step, choice: Choice::Succeeded, by, reason, values },
    ]
}

#[test]
fn an_answer_whose_step_ran_out_of_time_is_in_nobodys_way() {
    let person = |name| acts(Node { by_person: true, on_failure: OnFailure::Continue, ..node(name) }, Vec::new());
    let name = "group".to_owned();
    let group = Shape::Guard {
        name: name.clone(),
        body: Box::new(person("a")),
        limited: true,
        watches: Vec::new(),
        on_failure: OnFailure::Continue,
    };
    let mut engine = shaped(vec![group, person("b")]);
    let events = [started("a", 1)].into_iter().chain(manual("a"));
    let decision = engine.after(events.chain([Event::LimitReached { step: name }, started("b", 1)]));
    assert_eq!(decision, Decision::Ask { step: "b".to_owned(), question: Question::Manual });
}

#[test]
fn a_group_runs_out_of_time_also_while_a_person_is_asked() {
    let members = vec![acts(node("slow"), Vec::new()), acts(Node { by_person: true, ..node("go") }, Vec::new())];
    let body = Box::new(Shape::Parallel { members, at_once: 2 });
    let name = "group".to_owned();
    let (watches, on_failure) = (vec![(Trip::Warn, Vec::new())], OnFailure::Stop);
    let mut engine = shaped(vec![Shape::Guard { name: name.clone(), body, limited: true, watches, on_failure }]);
    let [asked, _] = manual("go");
    for event in [started("slow", 1), started("go", 1), asked] {
        engine.apply(&event, "").expect("an event that may come");
    }
    let seen = engine.next();
    let step = || name.clone();
    assert!(seen.contains(&Decision::Limit { step: step() }), "{seen:?}");
    assert!(seen.contains(&Decision::Watch { step: step(), watch: 0 }), "{seen:?}");
    engine.apply(&Event::LimitReached { step: step() }, "").expect("an event that may come");
    let seen = engine.next();
    let slow = || "slow".to_owned();
    assert_eq!(seen, [Decision::Await { step: slow(), attempt: 1 }, Decision::Cancel { step: slow() }]);
}

#[test]
fn what_is_done_about_a_failure_is_done_also_where_something_beside_it_failed() {
    let handler = acts(Node { role: Role::Aside, ..node("a.failure") }, Vec::new());
    let members = vec![acts(node("a"), vec![handler]), acts(node("b"), Vec::new())];
    let mut engine = shaped(vec![Shape::Parallel { members, at_once: 2 }]);
    let both = [started("a", 1), started("b", 1), ended("b", 1, Outcome::Failed), ended("a", 1, Outcome::Failed)];
    assert_eq!(engine.after(both), attempt("a.failure", 1));
    let decision = engine.after([started("a.failure", 1), ended("a.failure", 1, Outcome::Succeeded)]);
    assert_eq!(decision, finished(RunOutcome::Failed));
}

#[test]
fn an_undo_that_failed_is_tried_again_when_a_run_is_taken_up_that_was_stopped() {
    let mut engine = run(vec![node("a")]);
    let back = Event::RollbackStarted { reason: String::new(), to: None };
    let [undo, mut undone] = undone("a");
    if let Event::UndoFinished { outcome, failure, .. } = &mut undone {
        (*outcome, *failure) = (Outcome::Failed, Some(Failure::new(FailureKind::Cancelled, "the operator ended it")));
    }
    let stop = Event::StopRequested { by: String::new(), reason: String::new() };
    let stopped = engine.after([started("a", 1), ended("a", 1, Outcome::Succeeded), back, undo, stop, undone]);
    assert_eq!(stopped, finished(RunOutcome::Stopped));
    let Decision::Append(end) = stopped else { return };
    let again = Decision::Undo { step: "a".to_owned(), part: 0, attempt: 2, delay: Duration::ZERO };
    assert_eq!(engine.after([end, resumed()]), again);
}

#[test]
fn a_part_of_a_hold_that_is_carried_out_only_when_it_is_taken_again_is_given_back_in_its_place() {
    let mut engine = holds(&["left-out", "take"]);
    let hold = || "hold".to_owned();
    let done = |step, attempt| [started(step, attempt), ended(step, attempt, Outcome::Succeeded)];
    let skipped = Event::StepSkipped { step: "left-out".to_owned(), reason: String::new() };
    let taken = || Event::HoldTaken { step: hold(), expires: None };
    let stop = Event::StopRequested { by: String::new(), reason: String::new() };
    let back = Event::RollbackStarted { reason: String::new(), to: None };
    let before = [skipped].into_iter().chain(done("take", 1)).chain([taken()]);
    let released = done("give", 1).into_iter().chain([Event::HoldReleased { step: hold() }]);
    let end = Event::RunFinished { outcome: RunOutcome::Stopped, remaining: Vec::new() };
    let stopped = before.chain(done("a", 1)).chain([stop]).chain(released).chain([end, resumed(), back]);
    assert_eq!(engine.after(stopped), attempt("left-out", 1));
    assert_eq!(engine.after(done("left-out", 1)), attempt("take", 2));
    assert_eq!(engine.after(done("take", 2)), Decision::Held { step: hold() });
    let undo = Decision::Undo { step: "a".to_owned(), part: 0, attempt: 1, delay: Duration::ZERO };
    assert_eq!(engine.after([taken()]), undo);
}

#[test]
fn after_an_answer_with_a_rollback_no_item_is_tried_anew_when_the_run_is_taken_up() {
    let name = "each".to_owned();
    let mut engine = shaped(vec![Shape::Loop {
        name: name.clone(),
        body: Box::new(acts(node("a"), Vec::new())),
        between: Vec::new(),
        canary: Some(1),
        max_failures: 1,
        on_failure: OnFailure::Stop,
    }]);
    let item = |label: &str| Item { label: label.to_owned(), value: serde_json::Value::Null };
    let items = vec![item("x"), item("y")];
    let choices = Question::Canary.choices().to_vec();
    let (by, reason, values) = (String::new(), String::new(), BTreeMap::new());
    let stop = Event::StopRequested { by: String::new(), reason: String::new() };
    let stopped = engine.after([
        Event::LoopStarted { step: name.clone(), items, serial: 1 },
        started("a[x]", 1),
        ended("a[x]", 1, Outcome::Failed),
        Event::QuestionAsked {
            step: name.clone(),
            question: Question::Canary,
            text: String::new(),
            choices,
            until: None,
        },
        Event::DecisionMade { step: name.clone(), choice: Choice::Rollback, by, reason, values },
        stop,
    ]);
    let Decision::Append(end) = stopped else { panic!("{stopped:?}") };
    let decision = engine.after([end, resumed()]);
    assert!(matches!(decision, Decision::Append(Event::RollbackStarted { .. })), "{decision:?}");
}

/// One step `a` within a hold that these take and `give` gives back.
fn holds(acquire: &[&str]) -> Engine {
    let part = |name, role| acts(Node { role, undo: NodeUndo::NotNeeded, ..node(name) }, Vec::new());
    shaped(vec![Shape::Hold {
        name: "hold".to_owned(),
        acquire: acquire.iter().map(|name| part(name, Role::Acquire)).collect(),
        members: vec![acts(node("a"), Vec::new())],
        release: vec![part("give", Role::Release)],
        release_on: Way::ALL.into_iter().collect(),
        retake: true,
    }])
}

#[test]
fn a_rollback_is_stuck_where_what_it_took_again_in_part_cannot_be_given_back() {
    let mut engine = holds(&["take"]);
    let hold = || "hold".to_owned();
    let done = |step, attempt| [started(step, attempt), ended(step, attempt, Outcome::Succeeded)];
    let failed = |step, attempt| [started(step, attempt), ended(step, attempt, Outcome::Failed)];
    let stop = Event::StopRequested { by: String::new(), reason: String::new() };
    let back = Event::RollbackStarted { reason: String::new(), to: None };
    let begun = done("take", 1).into_iter().chain([Event::HoldTaken { step: hold(), expires: None }]);
    let released = done("give", 1).into_iter().chain([Event::HoldReleased { step: hold() }]);
    let end = Event::RunFinished { outcome: RunOutcome::Stopped, remaining: Vec::new() };
    let stopped = begun.chain(done("a", 1)).chain([stop]).chain(released).chain([end, resumed(), back]);
    assert_eq!(engine.after(stopped), attempt("take", 2));
    let last = engine.after(failed("take", 2).into_iter().chain(failed("give", 2)));
    let Decision::Append(Event::RunFinished { outcome: RunOutcome::Stuck, .. }) = &last else { panic!("{last:?}") };
    let Decision::Append(end) = last else { return };
    assert_eq!(engine.after([end, resumed()]), attempt("give", 3), "once what stands in its way is mended");
}
