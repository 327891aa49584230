//! The crash matrix: the program stops at every boundary of its journal, is taken up again, and comes to the end that
//! it would have come to without. Needs the feature `crash-points`.
//!
//! `RUNBOOK_TEST_LONG=1 cargo nextest run --features crash-points --test crash` tries every second crash after every
//! first one; without it the second crashes are a choice that meets every kind of record at every point.

#![cfg(feature = "crash-points")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::collections::BTreeSet;
use std::fs;

use regex::Regex;
use runbook::cli::environment::Environment;
use runbook::journal::chain;
use runbook::model::event::Event;
use scenario::{Ran, Scenario, kind, steps};
use serde_json::Value;

const TURNS_BACK: &str = include_str!("crash/turns-back.yaml");
const TRIES_AGAIN: &str = include_str!("crash/tries-again.yaml");
const GETS_THROUGH: &str = include_str!("crash/gets-through.yaml");
const STOPS: &str = include_str!("crash/stops.yaml");
const STICKS: &str = include_str!("crash/sticks.yaml");
const ALL: [&str; 5] = [TURNS_BACK, TRIES_AGAIN, GETS_THROUGH, STOPS, STICKS];

/// Where the program can stop: four points that every record has, two that a record has when an effect follows it.
const POINTS: [&str; 6] = ["before_write", "torn_write", "after_write", "after_sync", "after_spawn", "after_effect"];

const ABORTED: i32 = 6;

/// Stop in the n-th turn, at the n-th record that it appends, at that point. A turn is one call of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Crash {
    turn: usize,
    record: u64,
    point: &'static str,
}

impl Crash {
    /// The record's place among those of its turn.
    fn at(self) -> usize {
        usize::try_from(self.record - 1).unwrap()
    }
}

/// A run in the hands of an operator who takes it up again until it is over.
struct Operator {
    scenario: Scenario,
    last: Option<i32>,
    /// The records that each turn wrote.
    turns: Vec<Vec<Value>>,
}

/// All that can be seen of a run that is over, but for what a crash may change: times, and the numbers of attempts.
#[derive(Debug, PartialEq)]
struct Seen {
    code: i32,
    state: String,
    steps: Vec<String>,
    remaining: Value,
    files: Vec<(String, String)>,
    effects: Vec<String>,
}

impl Operator {
    fn new(runbook: &str) -> Self {
        Self { scenario: Scenario::new(runbook), last: None, turns: Vec::new() }
    }

    /// What a person types next.
    fn turn(&mut self) -> Ran {
        let scenario = &self.scenario;
        let before = scenario.records().len();
        let ran = if before == 0 {
            scenario.exec(&["--yes"])
        } else if self.last == Some(7) {
            scenario.answer("call", "succeeded", &["--value", "ticket=42"])
        } else if self.last == Some(5) {
            fs::write(scenario.path("key"), "open sesame\n").unwrap();
            scenario.run(&["rollback"])
        } else {
            scenario.resume()
        };
        self.last = ran.output.status.code();
        self.turns.push(scenario.records().split_off(before));
        ran
    }

    /// Takes turns until one of them crashes.
    #[track_caller]
    fn crash(&mut self, crash: Crash) {
        while self.turns.len() + 1 < crash.turn {
            self.turn();
        }
        self.scenario.crash_at(crash.record, crash.point);
        self.turn().dies_of(ABORTED);
    }

    /// Takes turns until the run is over, well or not.
    #[track_caller]
    fn go_to_the_end(&mut self) -> Seen {
        for _ in 0..6 {
            let ran = self.turn();
            let last = self.scenario.records().pop().unwrap();
            if matches!(last["outcome"].as_str(), Some("succeeded" | "rolled_back")) && kind(&last) == "run_finished" {
                return self.seen();
            }
            assert!(matches!(self.last, Some(0 | 5 | 6 | 7)), "{:?}: {}{}", self.last, ran.stdout(), ran.stderr());
        }
        panic!("it does not come to an end: {:#?}", self.scenario.journal());
    }

    fn seen(&self) -> Seen {
        let scenario = &self.scenario;
        let status = scenario.status();
        let files = ["made", "second", "config", "ticket"].map(|name| (name.to_owned(), scenario.read(name)));
        let effects = scenario.witness();
        let mut effects: Vec<String> = effects.iter().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect();
        effects.dedup_by(|later, earlier| later == earlier && is_reload(later));
        Seen {
            code: self.last.unwrap(),
            state: status["state"].as_str().unwrap().to_owned(),
            steps: steps(&status),
            remaining: status["remaining"].clone(),
            files: files.to_vec(),
            effects,
        }
    }

    /// Every effect has its intent in the journal, every attempt at most one effect, and the journal is intact.
    #[track_caller]
    fn witness_agrees(&self) {
        let run = self.scenario.runs().pop().unwrap();
        let records = chain::read(&run).unwrap().records;
        let mut intents: Vec<String> = Vec::new();
        for record in &records {
            match &record.event {
                Event::AttemptStarted { step, attempt, .. } => intents.push(format!("do {step} {attempt}")),
                Event::UndoStarted { step, attempt, .. } => intents.push(format!("undo {step} {attempt}")),
                _ => {}
            }
        }
        for effect in self.scenario.witness() {
            let intent = intents.iter().position(|intent| *intent == effect);
            let intent = intent.unwrap_or_else(|| panic!("`{effect}` has no intent of its own: {intents:#?}"));
            if !is_reload(&effect) {
                intents.remove(intent);
            }
        }
    }
}

/// Whether an effect is the reload of a file. Nobody can know whether it was done, so it may be done again.
fn is_reload(effect: &str) -> bool {
    effect.split(' ').nth(1) == Some("config")
}

/// The run that never crashed: what is seen of it, and the records of each of its turns.
fn undisturbed(runbook: &str) -> (Seen, Vec<Vec<Value>>) {
    let mut operator = Operator::new(runbook);
    let seen = operator.go_to_the_end();
    operator.witness_agrees();
    (seen, operator.turns)
}

/// Whether the program comes by that point of a record, which another follows or none.
fn occurs(record: &Value, next: Option<&Value>, point: &str) -> bool {
    let begins = matches!(kind(record), "attempt_started" | "undo_started" | "stop_requested");
    let ends = next.is_some_and(|next| matches!(kind(next), "attempt_finished" | "undo_finished"));
    match point {
        "after_spawn" => record["intent"].is_object(),
        "after_effect" => begins && ends,
        _ => true,
    }
}

/// All places where a turn can crash at one point.
fn crashes(turn: usize, records: &[Value], point: &'static str) -> Vec<Crash> {
    let places = records.iter().enumerate();
    let places = places.filter(|(at, record)| occurs(record, records.get(at + 1), point));
    places.map(|(at, _)| Crash { turn, record: at as u64 + 1, point }).collect()
}

/// Crashes in these turns, goes on to the end, and sees that it is the end of the run that never crashed.
#[track_caller]
fn comes_through(runbook: &str, crashes: &[Crash], seen: &Seen) -> Operator {
    let mut operator = Operator::new(runbook);
    for crash in crashes {
        operator.crash(*crash);
    }
    assert_eq!(operator.go_to_the_end(), *seen, "{crashes:?}: {:#?}", operator.scenario.journal());
    operator.witness_agrees();
    operator
}

/// Crashes every turn of the runbook at these points of every record.
#[track_caller]
fn is_survived(runbook: &str, points: &[&'static str]) {
    let (seen, turns) = undisturbed(runbook);
    let turns = || (1..).zip(&turns);
    for crash in points.iter().flat_map(|point| turns().flat_map(|(turn, records)| crashes(turn, records, point))) {
        comes_through(runbook, &[crash], &seen);
    }
}

/// Crashes once, then again in the turn that took the run up; every kind of record of these second turns is met.
/// With `RUNBOOK_TEST_LONG` that is every record at every point after every first crash.
fn is_survived_twice(runbook: &str) -> BTreeSet<String> {
    let long = Environment::read().get("RUNBOOK_TEST_LONG").is_some();
    let points = if long { &POINTS[..] } else { &["torn_write", "after_sync", "after_effect"] };
    let (seen, turns) = undisturbed(runbook);
    let (mut firsts, mut seconds) = (BTreeSet::new(), BTreeSet::new());
    for (turn, records) in (1..).zip(&turns) {
        for first in points.iter().flat_map(|point| crashes(turn, records, point)) {
            if !firsts.insert((kind(&records[first.at()]).to_owned(), first.point)) && !long {
                continue;
            }
            let taken_up = comes_through(runbook, &[first], &seen).turns.swap_remove(turn);
            for second in points.iter().flat_map(|point| crashes(turn + 1, &taken_up, point)) {
                if seconds.insert((kind(&taken_up[second.at()]).to_owned(), second.point)) || long {
                    comes_through(runbook, &[first, second], &seen);
                }
            }
        }
    }
    seconds.into_iter().map(|(kind, _)| kind).collect()
}

/// The kinds of records that a run can write.
const KINDS: [&str; 21] = [
    "attempt_finished",
    "attempt_started",
    "check_answered",
    "decision_made",
    "hook_finished",
    "journal_recovered",
    "question_asked",
    "rollback_started",
    "run_finished",
    "run_resumed",
    "run_started",
    "step_in_place",
    "step_refused",
    "step_settled",
    "step_skipped",
    "stop_requested",
    "undo_finished",
    "undo_refused",
    "undo_settled",
    "undo_skipped",
    "undo_started",
];

/// Kinds that no command writes yet, and the one that stands for what is not known.
const NOT_WRITTEN: [&str; 2] = ["override_given", "unknown"];

/// The kinds that `Event` has, read from its source, so that a new one is noticed.
fn declared_kinds() -> BTreeSet<String> {
    let source = include_str!("../src/model/event.rs");
    let body = source.split("pub enum Event {").nth(1).unwrap().split("\n}").next().unwrap();
    let variants = Regex::new(r"(?m)^    ([A-Z]\w*)").unwrap();
    let letters = Regex::new("(.)([A-Z])").unwrap();
    let names = variants.captures_iter(body).map(|found| letters.replace_all(&found[1], "${1}_$2").to_lowercase());
    names.collect()
}

#[test]
fn a_run_that_rolls_back_survives_a_crash_before_any_write_and_a_torn_one() {
    is_survived(TURNS_BACK, &["before_write", "torn_write"]);
}

#[test]
fn a_run_that_rolls_back_survives_a_crash_after_any_write_and_sync() {
    is_survived(TURNS_BACK, &["after_write", "after_sync"]);
}

#[test]
fn a_run_that_rolls_back_survives_a_crash_before_and_after_any_effect() {
    is_survived(TURNS_BACK, &["after_spawn", "after_effect"]);
}

#[test]
fn a_run_that_tries_again_survives_a_crash_before_any_write_and_a_torn_one() {
    is_survived(TRIES_AGAIN, &["before_write", "torn_write"]);
}

#[test]
fn a_run_that_tries_again_survives_a_crash_after_any_write_and_sync() {
    is_survived(TRIES_AGAIN, &["after_write", "after_sync"]);
}

#[test]
fn a_run_that_tries_again_survives_a_crash_before_and_after_any_effect() {
    is_survived(TRIES_AGAIN, &["after_spawn", "after_effect"]);
}

#[test]
fn a_run_that_succeeds_survives_a_crash_before_any_write_and_a_torn_one() {
    is_survived(GETS_THROUGH, &["before_write", "torn_write"]);
}

#[test]
fn a_run_that_succeeds_survives_a_crash_after_any_write_and_sync() {
    is_survived(GETS_THROUGH, &["after_write", "after_sync"]);
}

#[test]
fn a_run_that_succeeds_survives_a_crash_before_and_after_any_effect() {
    is_survived(GETS_THROUGH, &["after_spawn", "after_effect"]);
}

#[test]
fn a_run_that_is_stopped_survives_a_crash_at_any_boundary() {
    is_survived(STOPS, &POINTS);
}

#[test]
fn a_run_whose_rollback_sticks_survives_a_crash_at_any_boundary() {
    is_survived(STICKS, &POINTS);
}

#[test]
fn every_kind_of_record_is_met_by_a_crash_and_second_crashes_are_survived() {
    let mut met = is_survived_twice(TURNS_BACK);
    for runbook in ALL {
        met.extend(undisturbed(runbook).1.iter().flatten().map(|record| kind(record).to_owned()));
    }
    assert_eq!(met.iter().collect::<Vec<_>>(), KINDS);
    met.extend(NOT_WRITTEN.map(str::to_owned));
    assert_eq!(met, declared_kinds(), "a kind of record that no runbook here writes");
}

#[test]
fn second_crashes_of_a_run_that_succeeds_are_survived() {
    is_survived_twice(GETS_THROUGH);
}
