//! Random runbooks, outcomes, crashes after any record and operators' answers against the promises of a run.
//!
//! A [`Scenario`] drives the engine against a simulated world that knows the truth. [`violations`] reads only the
//! records and that truth. The planted bugs at the end show that each promise is really watched.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::program::{Node, NodeUndo, Program};
use super::state::{Direction, Standing, State};
use super::{Decision, Engine};
use crate::model::event::{
    Answer, Choice, Event, Intent, Outcome, Question, ResumeIntent, RunOutcome, SettledBy, Settlement,
};
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::runbook::Hook;
use crate::model::step::{OnFailure, Retry};

#[derive(Debug, Clone)]
struct Scenario {
    nodes: Vec<Node>,
    hooks: BTreeMap<Hook, Vec<usize>>,
    own: usize,
    /// Bytes that settle every chance in order; zeros after the last.
    chances: Vec<u8>,
    /// After how many records of its own each executor dies.
    crashes: Vec<u8>,
    /// The operator asks for a rollback when the run is taken up for the n-th time.
    rollback_at: Option<u8>,
}

/// What is true, whatever the records say.
#[derive(Debug, Clone, Default, PartialEq)]
struct Truth {
    in_place: bool,
    still_runs: bool,
    undone_parts: usize,
    was_there_before: bool,
}

struct Bug {
    name: &'static str,
    after: fn(&mut Engine, &Event),
    decide: fn(&Engine, Decision) -> Decision,
    /// Only the live state has it, not the replayed one.
    live_only: bool,
}

const NONE: Bug = Bug { name: "none", after: |_, _| {}, decide: |_, decision| decision, live_only: false };

struct Drive<'a> {
    scenario: &'a Scenario,
    bug: &'a Bug,
    engine: Engine,
    truth: Vec<Truth>,
    records: Vec<Event>,
    chances: std::slice::Iter<'a, u8>,
}

impl Scenario {
    fn engine(&self) -> Engine {
        let program = Program::new(self.nodes.clone(), self.own, self.hooks.clone());
        let state = State::new(program.steps.len());
        Engine { program, state }
    }
}

impl Drive<'_> {
    fn chance(&mut self, of: u8) -> u8 {
        self.chances.next().copied().unwrap_or(0) % of
    }

    fn append(&mut self, event: Event) -> Result<(), String> {
        self.engine.apply(&event, "").map_err(|illegal| illegal.to_string())?;
        (self.bug.after)(&mut self.engine, &event);
        self.records.push(event);
        let mut replayed = self.scenario.engine();
        for event in &self.records {
            replayed.apply(event, "").map_err(|illegal| format!("replay: {illegal}"))?;
            if !self.bug.live_only {
                (self.bug.after)(&mut replayed, event);
            }
        }
        if replayed.state != self.engine.state {
            return Err("replay differs from the live state".to_owned());
        }
        Ok(())
    }

    fn index(&self, step: &str) -> usize {
        self.engine.program.index(step).expect("a step of the program")
    }

    fn act(&mut self, decision: Decision) -> Result<Option<Event>, String> {
        let event = match decision {
            Decision::Append(event) => event,
            Decision::Attempt { step, attempt, .. } => self.begin(step, attempt),
            Decision::Await { step, attempt } => self.finish(step, attempt)?,
            Decision::Recover { step, attempt } => self.recover(step, attempt),
            Decision::AskCheck { step } => {
                let honest = self.chance(4) > 0;
                let holds = self.truth[self.index(&step)].in_place;
                let answer = if !honest {
                    Answer::Unknown
                } else if holds {
                    Answer::Holds
                } else {
                    Answer::DoesNotHold
                };
                Event::CheckAnswered { step, answer, detail: String::new() }
            }
            Decision::Undo { step, part, attempt, .. } => {
                if self.chance(6) == 5 {
                    Event::UndoRefused { step, part, attempt, failure: failure(FailureKind::Connection) }
                } else {
                    Event::UndoStarted { step, part, attempt, intent: Intent::Program }
                }
            }
            Decision::AwaitUndo { step, part, attempt } => {
                if !matches!(self.records.last(), Some(Event::UndoStarted { step: of, .. }) if *of == step) {
                    return Err(format!("an undo of {step} goes on without its intent"));
                }
                self.undo_finished(step, part, attempt)
            }
            Decision::RecoverUndo { step, part, attempt } => {
                let index = self.index(&step);
                self.truth[index].still_runs = self.chance(8) == 7;
                let outcome = if self.truth[index].still_runs { Outcome::UnknownMayRun } else { Outcome::Unknown };
                Event::UndoFinished { step, part, attempt, outcome, failure: None, duration_ms: 0, output: None }
            }
            Decision::Ask { step, question } => {
                let choices = super::questions::choices(question).to_vec();
                Event::QuestionAsked { step, question, text: String::new(), choices }
            }
            Decision::Answer => return Ok(self.answer()),
            Decision::End(_) => return Ok(None),
        };
        Ok(Some(event))
    }

    fn begin(&mut self, step: String, attempt: u32) -> Event {
        let index = self.index(&step);
        let fold = self.engine.state.steps[index].clone();
        let node = &self.scenario.nodes[index];
        if node.has_check && (self.truth[index].in_place || self.truth[index].was_there_before) {
            let reason = String::new();
            return if fold.maybe_in_place {
                Event::StepSettled { step, attempt, r#as: Settlement::Succeeded, by: SettledBy::Check, reason }
            } else {
                Event::StepInPlace { step, reason }
            };
        }
        match self.chance(8) {
            6 if fold.attempts == 0 => Event::StepSkipped { step, reason: String::new() },
            7 => Event::StepRefused { step, attempt, failure: failure(FailureKind::Precondition) },
            _ => {
                let intent = if node.by_person { Intent::Person } else { Intent::Program };
                Event::AttemptStarted { step, attempt, intent }
            }
        }
    }

    fn finish(&mut self, step: String, attempt: u32) -> Result<Event, String> {
        let index = self.index(&step);
        let node = self.scenario.nodes[index].clone();
        if node.by_person {
            let choice = self.engine.state.decision.as_ref().map(|decided| decided.choice);
            let yes = choice == Some(Choice::Yes) || choice == Some(Choice::Succeeded);
            self.truth[index].in_place = !node.read_only && (yes || self.chance(2) == 1);
            let outcome = if yes { Outcome::Succeeded } else { Outcome::Failed };
            return Ok(finished(step, attempt, outcome, None));
        }
        if !matches!(self.records.last(), Some(Event::AttemptStarted { step: of, .. }) if *of == step) {
            return Err(format!("{step} goes on without its intent"));
        }
        Ok(self.attempt_ended(step, attempt))
    }

    fn attempt_ended(&mut self, step: String, attempt: u32) -> Event {
        let index = self.index(&step);
        let node = self.scenario.nodes[index].clone();
        let (outcome, kind, effect) = match self.chance(8) {
            0..=4 => (Outcome::Succeeded, None, true),
            5 if node.atomic => (Outcome::Failed, Some(FailureKind::Sql), false),
            5 => (Outcome::Failed, Some(FailureKind::Exit), self.chance(2) == 1),
            6 => (Outcome::TimedOut, Some(FailureKind::Timeout), self.chance(2) == 1),
            _ => (Outcome::Failed, Some(FailureKind::Verify), true),
        };
        self.truth[index].in_place |= effect && !node.read_only;
        finished(step, attempt, outcome, kind)
    }

    fn recover(&mut self, step: String, attempt: u32) -> Event {
        let index = self.index(&step);
        let before = self.truth[index].in_place;
        match self.chance(4) {
            0 => {
                let r#as = Settlement::NotStarted;
                Event::StepSettled { step, attempt, r#as, by: SettledBy::Supervisor, reason: String::new() }
            }
            1 => self.attempt_ended(step, attempt),
            chance => {
                self.truth[index].in_place = before || (self.chance(2) == 1 && !self.scenario.nodes[index].read_only);
                self.truth[index].still_runs = chance == 3;
                let outcome = if chance == 3 { Outcome::UnknownMayRun } else { Outcome::Unknown };
                finished(step, attempt, outcome, None)
            }
        }
    }

    fn undo_finished(&mut self, step: String, part: usize, attempt: u32) -> Event {
        let index = self.index(&step);
        let outcome = if self.chance(8) == 7 { Outcome::Failed } else { Outcome::Succeeded };
        if outcome == Outcome::Succeeded {
            self.truth[index].undone_parts = part + 1;
            if part + 1 == self.parts(index) {
                self.truth[index].in_place = false;
            }
        }
        Event::UndoFinished { step, part, attempt, outcome, failure: None, duration_ms: 0, output: None }
    }

    fn parts(&self, index: usize) -> usize {
        match &self.scenario.nodes[index].undo {
            NodeUndo::Parts(parts) => parts.len(),
            _ => 0,
        }
    }

    /// A person answers, truthfully where it is about what happened; or nobody is there.
    fn answer(&mut self) -> Option<Event> {
        let open = self.engine.state.question.clone()?;
        if self.chance(6) == 5 {
            return None;
        }
        let index = self.index(&open.step);
        let choice = match open.question {
            Question::Unknown => {
                self.truth[index].still_runs = false;
                match (self.truth[index].in_place, self.chance(3)) {
                    (_, 0) => Choice::RunAgain,
                    (true, _) => Choice::Succeeded,
                    (false, _) => Choice::Failed,
                }
            }
            Question::UndoUnknown => {
                self.truth[index].still_runs = false;
                Choice::RunAgain
            }
            _ => {
                let chance = usize::from(self.chance(4)) % open.choices.len();
                open.choices[chance]
            }
        };
        let values = BTreeMap::new();
        Some(Event::DecisionMade { step: open.step, choice, by: String::new(), reason: String::new(), values })
    }
}

fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "chance")
}

fn finished(step: String, attempt: u32, outcome: Outcome, kind: Option<FailureKind>) -> Event {
    let failure = kind.map(failure);
    let result = StepResult::default();
    Event::AttemptFinished { step, attempt, outcome, failure, duration_ms: 0, output: None, result }
}

/// Runs a scenario to its end and holds it against the promises.
fn run(scenario: &Scenario, bug: &Bug) -> Result<(), String> {
    let mut drive = Drive {
        scenario,
        bug,
        engine: scenario.engine(),
        truth: vec![Truth::default(); scenario.nodes.len()],
        records: Vec::new(),
        chances: scenario.chances.iter(),
    };
    for index in 0..scenario.nodes.len() {
        drive.truth[index].was_there_before = drive.chance(8) == 7;
    }
    drive.append(Event::RunStarted {
        format: 1,
        program: String::new(),
        runbook: String::new(),
        digest: String::new(),
        parameters: BTreeMap::new(),
        previous: None,
    })?;
    let mut turns = scenario.crashes.iter().copied().map(usize::from).chain(std::iter::repeat(usize::MAX));
    for turn in 0..200_u8 {
        let mut left = turns.next().unwrap_or(usize::MAX);
        if turn > 0 {
            if drive.engine.state.is_over() {
                break;
            }
            let back = scenario.rollback_at == Some(turn);
            let intent = if back { ResumeIntent::Rollback } else { ResumeIntent::Continue };
            drive.append(Event::RunResumed { program: String::new(), intent })?;
            if back && !drive.engine.state.is_going_back() {
                drive.append(Event::RollbackStarted { reason: "asked for".to_owned(), to: None })?;
            }
        }
        for steps in 0.. {
            if steps > 2_000 {
                return Err("the run does not end".to_owned());
            }
            let decision = (bug.decide)(&drive.engine, drive.engine.next());
            let Some(event) = drive.act(decision)? else { break };
            drive.append(event)?;
            left -= 1;
            if left == 0 {
                break;
            }
        }
    }
    violations(&drive)
}

/// What the promises say about a finished run, read from its records and from what is true.
fn violations(drive: &Drive) -> Result<(), String> {
    nothing_unsafe_starts_twice(drive)?;
    a_run_that_goes_back_never_goes_forward(drive)?;
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
                    open.remove(step.as_str());
                }
                Outcome::Succeeded => {
                    open.insert(step, "done");
                }
                Outcome::Unknown | Outcome::UnknownMayRun => {
                    may_run.insert(step, *outcome == Outcome::UnknownMayRun);
                    open.insert(step, "unknown");
                }
            },
            Event::StepSettled { step, r#as, by, .. } => {
                let node = &drive.scenario.nodes[drive.index(step)];
                if *by != SettledBy::Person && may_run.get(step.as_str()) == Some(&true) {
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

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let node = (any::<[bool; 4]>(), 0..12_u8, 1..3_u32, 0..4_u8).prop_map(|(flags, undo, max_attempts, policy)| {
        let [read_only, idempotent, has_check, atomic] = flags;
        let is_confirm = undo == 11;
        let by_person = undo >= 10;
        let read_only = is_confirm || (read_only && undo < 4);
        let retry = Retry { max_attempts: if by_person { 1 } else { max_attempts }, ..Retry::default() };
        let undo = match undo {
            _ if read_only && !is_confirm => NodeUndo::NotNeeded,
            0..=2 => NodeUndo::Parts(vec![Retry::default()]),
            3..=5 | 10 => NodeUndo::Parts(vec![Retry { max_attempts: 2, ..Retry::default() }, Retry::default()]),
            6 => NodeUndo::NotNeeded,
            7 => NodeUndo::Irreversible("chance".to_owned()),
            11 if idempotent => NodeUndo::NotNeeded,
            _ => NodeUndo::PointOfNoReturn("chance".to_owned()),
        };
        Node {
            name: String::new(),
            by_person,
            is_confirm,
            read_only,
            idempotent: idempotent && !by_person,
            has_check: has_check && !by_person,
            atomic: atomic && !by_person,
            retry,
            on_failure: [OnFailure::Stop, OnFailure::Rollback, OnFailure::Continue, OnFailure::Ask]
                [usize::from(policy)],
            undo,
        }
    });
    prop::collection::vec(node, 1..7)
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let chances = prop::collection::vec(any::<u8>(), 0..80);
    let crashes = prop::collection::vec(1..12_u8, 0..5);
    (nodes(), 0..3_usize, chances, crashes, prop::option::weighted(0.2, 1..3_u8)).prop_map(
        |(mut nodes, hooks, chances, crashes, rollback_at)| {
            let own = nodes.len();
            for (index, node) in nodes.iter_mut().enumerate() {
                node.name = format!("s{index}");
            }
            let kinds = [Hook::OnFailure, Hook::OnRollback, Hook::Always];
            let mut members = BTreeMap::new();
            for hook in kinds.into_iter().take(hooks) {
                let mut node = nodes[0].clone();
                node.name = format!("{}/h", hook.as_str());
                node.undo = NodeUndo::NotNeeded;
                (node.by_person, node.is_confirm, node.has_check) = (false, false, false);
                members.insert(hook, vec![nodes.len()]);
                nodes.push(node);
            }
            Scenario { nodes, hooks: members, own, chances, crashes, rollback_at }
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 3_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn every_run_keeps_every_promise(scenario in scenarios()) {
        if let Err(broken) = run(&scenario, &NONE) {
            prop_assert!(false, "{broken}");
        }
    }
}

/// Bugs that somebody could make, and that the properties have to see.
const BUGS: &[Bug] = &[
    Bug {
        name: "a step that began is not remembered as maybe in place",
        after: |engine, event| {
            if let Event::AttemptStarted { step, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].maybe_in_place = false;
            }
        },
        ..NONE
    },
    Bug {
        name: "an unknown step is simply run again",
        after: |engine, event| {
            if let Event::AttemptFinished { step, outcome: Outcome::Unknown, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].state = Standing::Pending;
            }
        },
        ..NONE
    },
    Bug {
        name: "an attempt that may still run is taken for over",
        after: |engine, event| {
            if let Event::AttemptFinished { step, outcome: Outcome::UnknownMayRun, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].may_run = false;
            }
        },
        ..NONE
    },
    Bug {
        name: "a resumed executor takes a lost attempt for its own",
        after: |engine, event| {
            if matches!(event, Event::RunResumed { .. }) {
                engine.state.lost = false;
            }
        },
        ..NONE
    },
    Bug {
        name: "resuming turns a rollback round",
        after: |engine, event| {
            if matches!(event, Event::RunResumed { .. }) {
                engine.state.direction = Direction::Forward;
            }
        },
        ..NONE
    },
    Bug {
        name: "the oldest step is undone first",
        after: |engine, event| {
            if matches!(event, Event::RollbackStarted { .. }) {
                engine.state.order.reverse();
            }
        },
        ..NONE
    },
    Bug {
        name: "the failed step itself is not undone",
        after: |engine, event| {
            if let Event::AttemptFinished { step, outcome: Outcome::Failed, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].maybe_in_place = false;
            }
        },
        ..NONE
    },
    Bug {
        name: "a rollback goes past a point of no return",
        after: |engine, _| {
            for node in &mut engine.program.steps {
                if matches!(node.undo, NodeUndo::PointOfNoReturn(_)) {
                    node.undo = NodeUndo::NotNeeded;
                }
            }
        },
        ..NONE
    },
    Bug {
        name: "a rescued failure is green",
        decide: |_, decision| match decision {
            Decision::Append(Event::RunFinished { outcome: RunOutcome::RolledBack, remaining }) => {
                Decision::Append(Event::RunFinished { outcome: RunOutcome::Succeeded, remaining })
            }
            other => other,
        },
        ..NONE
    },
    Bug {
        name: "what is left is not named",
        decide: |_, decision| match decision {
            Decision::Append(Event::RunFinished { outcome, .. }) => {
                Decision::Append(Event::RunFinished { outcome, remaining: Vec::new() })
            }
            other => other,
        },
        ..NONE
    },
    Bug {
        name: "a stuck rollback is called whole",
        decide: |_, decision| match decision {
            Decision::Append(Event::RunFinished { outcome: RunOutcome::Stuck, .. }) => {
                Decision::Append(Event::RunFinished { outcome: RunOutcome::RolledBack, remaining: Vec::new() })
            }
            other => other,
        },
        ..NONE
    },
    Bug {
        name: "a check without an answer is read as nothing to undo",
        after: |engine, event| {
            if let Event::CheckAnswered { step, answer: Answer::Unknown, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].answer = Some(Answer::DoesNotHold);
            }
        },
        ..NONE
    },
    Bug {
        name: "a step found in place is undone",
        after: |engine, event| {
            if let Event::StepInPlace { step, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].maybe_in_place = true;
                engine.state.order.push(index);
            }
        },
        ..NONE
    },
    Bug {
        name: "half an undo counts as a whole one",
        after: |engine, event| {
            if let Event::UndoFinished { step, outcome: Outcome::Succeeded, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].undo.state = super::state::UndoStanding::Undone;
            }
        },
        ..NONE
    },
    Bug {
        name: "something is remembered that no record says",
        after: |engine, event| {
            if let Event::StepRefused { step, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].granted += 1;
            }
        },
        live_only: true,
        ..NONE
    },
    Bug {
        name: "a failed step is tried for ever",
        after: |engine, event| {
            if let Event::StepRefused { step, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].tries = 0;
            }
        },
        decide: |_, decision| match decision {
            Decision::Attempt { step, attempt, .. } => {
                let failure = failure(FailureKind::Precondition);
                Decision::Append(Event::StepRefused { step, attempt, failure })
            }
            other => other,
        },
        ..NONE
    },
];

#[test]
fn every_planted_bug_is_caught_by_the_properties() {
    for bug in BUGS {
        let config = Config { cases: 20_000, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
        let mut runner = TestRunner::new_with_rng(
            config,
            proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
        );
        let outcome = runner.run(&scenarios(), |scenario| run(&scenario, bug).map_err(TestCaseError::fail));
        assert!(outcome.is_err(), "the properties do not see this bug: {}", bug.name);
    }
}
