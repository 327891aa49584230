//! The crash matrix: the program stops at every boundary of its journal, is taken up again, stops again at every boundary
//! of that, and once more, and comes to the end that it would have come to without. Needs the feature `crash-points`.
//!
//! What a crash leaves behind is kept and put back, so that no way to it is gone twice. Two crashes count as one where
//! they are at the same point of the same record, with every step standing alike, after as many crashes. What was left
//! alike is gone on from once, but after each number of crashes from every kind of record at every point. From the
//! second crash on, points that leave the same bytes behind count as one, and so do crashes for which other steps than
//! the record's own stand otherwise; `RUNBOOK_TEST_LONG=1` tries these too.
//!
//! The runbooks of steps that stand alone are crashed three times. Those of loops, holds and what people ask for are
//! crashed twice, the second time at what only they have; `RUNBOOK_TEST_LONG=1` has no such bound here either.

#![cfg(feature = "crash-points")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write as _;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

use regex::Regex;
use runbook::action::proc;
use runbook::cli::environment::Environment;
use runbook::journal::chain;
use runbook::model::event::{Event, ProcessIdentity};
use scenario::{Ran, Scenario, kind, step, steps};
use serde_json::Value;

const TURNS_BACK: &str = include_str!("crash/turns-back.yaml");
const TRIES_AGAIN: &str = include_str!("crash/tries-again.yaml");
const GETS_THROUGH: &str = include_str!("crash/gets-through.yaml");
const STOPS: &str = include_str!("crash/stops.yaml");
const STICKS: &str = include_str!("crash/sticks.yaml");
const GIVES_UP: &str = include_str!("crash/gives-up.yaml");
const GOES_ROUND: &str = include_str!("crash/goes-round.yaml");
const HOLDS: &str = include_str!("crash/holds.yaml");
const ASKED: &str = include_str!("crash/asked.yaml");
const ALL: [&str; 9] = [TURNS_BACK, TRIES_AGAIN, GETS_THROUGH, STOPS, STICKS, GIVES_UP, GOES_ROUND, HOLDS, ASKED];

/// Where the program can stop: four points that every record has, two that a record has when an effect follows it.
const POINTS: [&str; 6] = ["before_write", "torn_write", "after_write", "after_sync", "after_spawn", "after_effect"];

/// Those that leave something else behind than the one before them.
const APART: [&str; 4] = ["torn_write", "after_sync", "after_spawn", "after_effect"];

/// Kinds that the runbooks of steps that stand alone have too: the second crash at one of them is left to those.
const PLAIN: [&str; 10] = [
    "attempt_finished",
    "attempt_started",
    "journal_recovered",
    "rollback_started",
    "run_finished",
    "run_started",
    "step_settled",
    "stop_requested",
    "undo_finished",
    "undo_started",
];

/// How many crashes one run lives through at most.
const DEEP: usize = 3;

/// How many turns an operator takes at most.
const TURNS: usize = 12;

const ABORTED: i32 = 6;

/// One crash: at the n-th record that a turn appends, at that point. A turn is one call of the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Crash {
    record: u64,
    point: &'static str,
}

/// A run between two turns.
struct Kept {
    folder: tempfile::TempDir,
    last: Option<i32>,
    /// What it lived through.
    crashes: Vec<Crash>,
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (path, to) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            fs::create_dir(&to).unwrap();
            fs::set_permissions(&to, fs::metadata(&path).unwrap().permissions()).unwrap();
            copy(&path, &to);
        } else if path.is_file() {
            // The socket of an executor that is gone is no part of what is taken up.
            fs::copy(path, to).unwrap();
        }
    }
}

/// A run in the hands of an operator who takes it up again until it is over.
struct Operator {
    scenario: Scenario,
    runbook: &'static str,
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
    fn new(runbook: &'static str) -> Self {
        // Nothing here is about what a disk does, and memory syncs at once.
        if Path::new("/dev/shm").is_dir() {
            let _earlier = tempfile::env::override_temp_dir(Path::new("/dev/shm"));
        }
        let scenario = Scenario::new(runbook).file("included.yaml", include_str!("crash/included.yaml"));
        let clock = scenario.path("clock").display().to_string();
        Self { scenario: scenario.env("RUNBOOK_TEST_CLOCK", &clock), runbook, last: None, turns: Vec::new() }
    }

    /// All that is there, to be put back later.
    fn keep(&self, crashes: &[Crash]) -> Kept {
        let folder = tempfile::tempdir().unwrap();
        copy(&self.scenario.path(""), folder.path());
        Kept { folder, last: self.last, crashes: crashes.to_vec() }
    }

    /// Everything is as it was.
    fn put_back(&mut self, kept: &Kept) {
        for entry in fs::read_dir(self.scenario.path("")).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() { fs::remove_dir_all(entry).unwrap() } else { fs::remove_file(entry).unwrap() }
        }
        copy(kept.folder.path(), &self.scenario.path(""));
        self.last = kept.last;
        self.turns.clear();
    }

    /// What a person types next.
    fn turn(&mut self) -> Ran {
        let before = self.scenario.records();
        let ran = self.types(&before);
        self.last = ran.output.status.code();
        self.turns.push(self.scenario.records().split_off(before.len()));
        ran
    }

    fn types(&self, records: &[Value]) -> Ran {
        let scenario = &self.scenario;
        let count = |wanted: &str| records.iter().filter(|record| kind(record) == wanted).count();
        let last = records.iter().rfind(|record| kind(record) != "journal_recovered");
        let is_stuck = last.is_some_and(|last| last["outcome"] == "stuck");
        match (self.runbook, self.last) {
            (ASKED, _) if records.is_empty() => scenario.exec(&["--outside-window", "it cannot wait"]),
            _ if records.is_empty() => scenario.exec(&["--yes"]),
            (ASKED, _) => match (count("skip_requested"), count("request_withdrawn")) {
                (0, 0) | (1, 1) => scenario.run(&["skip", "unwanted", "--reason", "not today"]),
                (1, 0) => scenario.run(&["skip", "unwanted", "--cancel"]),
                _ => scenario.run(&["resume", "--outside-window", "it cannot wait"]),
            },
            (GIVES_UP, _) if is_stuck => scenario.run(&["skip", "kept", "--reason", "it may stay"]),
            (_, Some(7)) => scenario.answer("call", "succeeded", &["--value", "ticket=42"]),
            (_, Some(5)) => {
                fs::write(scenario.path("key"), "open sesame\n").unwrap();
                scenario.run(&["rollback"])
            }
            _ => scenario.resume(),
        }
    }

    /// Takes turns until the run is over, well or not. What each of them began with is given out before.
    #[track_caller]
    fn go_to_the_end(&mut self, mut before: impl FnMut(&Self)) -> Seen {
        for _ in 0..TURNS {
            before(self);
            let ran = self.turn();
            let last = self.scenario.records().pop().unwrap();
            let is_over = matches!(last["outcome"].as_str(), Some("succeeded" | "rolled_back" | "partly_rolled_back"));
            if is_over && kind(&last) == "run_finished" {
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
        if self.goes_side_by_side() {
            effects.sort();
        }
        let mut steps = steps(&status);
        // Whether the time limit of its group found it begun anew after a crash is not said.
        steps.retain(|step| !step.starts_with("long "));
        Seen {
            code: self.last.unwrap(),
            state: status["state"].as_str().unwrap().to_owned(),
            steps,
            remaining: status["remaining"].clone(),
            files: files.to_vec(),
            effects,
        }
    }

    /// Whether steps go on beside each other, so that nobody knows which of them is recorded first.
    fn goes_side_by_side(&self) -> bool {
        self.runbook == GOES_ROUND
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
fn undisturbed(runbook: &'static str) -> (Seen, Vec<Vec<Value>>) {
    let mut operator = Operator::new(runbook);
    let seen = operator.go_to_the_end(|_| {});
    operator.witness_agrees();
    (seen, operator.turns)
}

/// Whether the program comes by that point of a record, which another follows or none.
fn occurs(record: &Value, next: Option<&Value>, point: &str) -> bool {
    let meanwhile = matches!(kind(record), "stop_requested" | "watch_tripped" | "limit_reached");
    let begins = meanwhile || matches!(kind(record), "attempt_started" | "undo_started");
    let ends = next.is_some_and(|next| {
        matches!(kind(next), "attempt_finished" | "undo_finished" | "artifacts_kept") || next["moment"] == "after"
    });
    match point {
        "after_spawn" => record["intent"].is_object(),
        "after_effect" => begins && ends,
        _ => true,
    }
}

/// All places where a turn can crash at one point.
fn crashes(records: &[Value], point: &'static str) -> Vec<Crash> {
    let places = records.iter().enumerate();
    let places = places.filter(|(at, record)| occurs(record, records.get(at + 1), point));
    places.map(|(at, _)| Crash { record: at as u64 + 1, point }).collect()
}

/// Whether steps that stand alone have no such record.
fn is_their_own(record: &Value) -> bool {
    let of_a_hold = [".acquire", ".release"].iter().any(|half| step(record).ends_with(half));
    of_a_hold || !PLAIN.contains(&kind(record))
}

/// How everything stands after these records, as far as what happens next depends on them.
fn standing(records: &[Value]) -> BTreeMap<String, String> {
    let mut standing = BTreeMap::new();
    for record in records {
        let text = |key: &str| record[key].as_str().unwrap_or_default();
        let (subject, state) = match kind(record) {
            "run_started" | "run_resumed" | "journal_recovered" => continue,
            // However it became known, it ended so.
            "attempt_finished" => (step(record).to_owned(), format!("ended {}", text("outcome"))),
            "step_settled" => (step(record).to_owned(), format!("ended {}", text("as"))),
            kind @ ("undo_started" | "undo_finished" | "undo_refused" | "undo_settled") => {
                let state = format!("{kind} {}{}", text("outcome"), text("as"));
                (format!("undo {} {}", step(record), record["part"]), state)
            }
            "decision_made" => (format!("answer {}", step(record)), text("choice").to_owned()),
            "hook_finished" => (format!("hook {}", text("hook")), text("outcome").to_owned()),
            kind @ ("rollback_started" | "stop_requested" | "clock_jumped" | "override_given") => {
                (kind.to_owned(), String::new())
            }
            "observed" => (format!("observed {} {}", step(record), text("moment")), String::new()),
            "artifacts_kept" => (format!("kept {}", step(record)), String::new()),
            kind @ ("hold_taken" | "hold_released") => (format!("hold {}", step(record)), kind.to_owned()),
            kind @ ("watch_tripped" | "limit_reached") => (format!("{kind} {}", step(record)), String::new()),
            "round_finished" => (format!("rounds {}", step(record)), record["round"].to_string()),
            kind @ ("skip_requested" | "request_withdrawn") => (format!("wish {}", step(record)), kind.to_owned()),
            other => (step(record).to_owned(), format!("{other} {}", text("outcome"))),
        };
        standing.insert(subject, state);
    }
    let last = records.last().map_or_else(String::new, |last| format!("{} {}", kind(last), step(last)));
    standing.insert("last".to_owned(), last);
    standing
}

/// Whether what happens next to a step depends on it.
fn is_about(subject: &str, step: &str) -> bool {
    let run = ["last", "rollback_started", "stop_requested"];
    run.contains(&subject) || (!step.is_empty() && subject.split(' ').any(|word| word == step))
}

/// What tells one crash from another: how often it crashed before, how everything stood, at which record, where.
type Place = (usize, BTreeMap<String, String>, String, &'static str);

/// What tells what one crash left from what another left: how everything stands, and what the steps did.
type Left = (BTreeMap<String, String>, bool, BTreeSet<String>, Vec<String>);

/// All crashes of one runbook.
struct Matrix {
    operator: Operator,
    deep: usize,
    /// The end that it has to come to.
    seen: Seen,
    tried: BTreeSet<Place>,
    left: BTreeSet<Left>,
    /// The kinds of records at which it crashed, by how many crashes there had been, and where.
    met: BTreeSet<(usize, String, &'static str)>,
}

impl Matrix {
    fn of(runbook: &'static str, deep: usize) -> Self {
        let (seen, _) = undisturbed(runbook);
        let (tried, left, met) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { operator: Operator::new(runbook), deep, seen, tried, left, met }
    }

    /// Crashes everywhere, as often as it is to, and goes to the end from all that was left.
    fn survives(mut self) -> Self {
        let mut begins = vec![self.operator.keep(&[])];
        let mut ways = Vec::new();
        for depth in 0..=self.deep {
            ways.push(begins.len());
            begins = begins.iter().flat_map(|kept| self.survives_from(kept, depth)).collect();
        }
        let (name, mut says) = (self.operator.scenario.id(), std::io::stderr());
        let crashes = self.tried.len();
        writeln!(says, "{name}: {crashes} crashes; gone on from, by their number: {ways:?}").unwrap();
        self
    }

    /// Goes to the end from there, then crashes at every place on that way. What that left is given out.
    fn survives_from(&mut self, kept: &Kept, depth: usize) -> Vec<Kept> {
        let Self { operator, deep, seen, .. } = self;
        operator.put_back(kept);
        let mut ways = Vec::new();
        let end = operator.go_to_the_end(|operator| {
            if depth < *deep {
                ways.push((operator.keep(&kept.crashes), operator.scenario.records()));
            }
        });
        assert_eq!(end, *seen, "{:?}: {:#?}", kept.crashes, operator.scenario.journal());
        operator.witness_agrees();
        let turns = std::mem::take(&mut operator.turns);
        let mut left = Vec::new();
        for ((begin, before), records) in ways.iter().zip(&turns) {
            left.extend(self.crashes_in(begin, before, records, depth));
        }
        left
    }

    /// Crashes at every place of one turn that was not met alike before.
    fn crashes_in(&mut self, begin: &Kept, before: &[Value], records: &[Value], depth: usize) -> Vec<Kept> {
        let is_long = Environment::read().get("RUNBOOK_TEST_LONG").is_some();
        let all = depth == 0 || is_long;
        let alone = self.deep == DEEP;
        let points = if is_long || all && alone { &POINTS[..] } else { &APART };
        let mut new = Vec::new();
        for crash in points.iter().flat_map(|point| crashes(records, point)) {
            let at = usize::try_from(crash.record - 1).unwrap();
            let record = &records[at];
            if !(all || alone || is_their_own(record)) {
                continue;
            }
            let mut stood = standing(&[before, &records[..at]].concat());
            if !all {
                let torn = crash.point == "torn_write";
                stood.retain(|subject, _| !torn && is_about(subject, step(record)));
            }
            if !self.tried.insert((depth, stood, format!("{} {}", kind(record), step(record)), crash.point)) {
                continue;
            }
            let is_first = self.met.insert((depth, kind(record).to_owned(), crash.point));
            let crashes = [&begin.crashes[..], &[crash]].concat();
            let operator = &mut self.operator;
            operator.put_back(begin);
            operator.scenario.crash_at(crash.record, crash.point);
            let ran = operator.turn();
            // What goes on beside it may have been recorded first.
            if operator.goes_side_by_side() && ran.output.status.code().is_some() {
                continue;
            }
            ran.dies_of(ABORTED);
            operator.is_left_alone();
            let left = operator.left(crash);
            let is_new = self.left.insert(left);
            if is_new || is_first {
                new.push(operator.keep(&crashes));
            }
        }
        new
    }
}

impl Operator {
    /// Waits until every supervisor is gone: what one still writes would not be kept.
    fn is_left_alone(&self) {
        let records = self.scenario.records();
        for process in records.iter().filter_map(|record| record["intent"].get("process")) {
            let process: ProcessIdentity = serde_json::from_value(process.clone()).unwrap();
            let ends = (0..30_000).any(|_| {
                let ends = !proc::is_alive(&process);
                if !ends {
                    std::thread::sleep(Duration::from_millis(1));
                }
                ends
            });
            assert!(ends, "it does not end: {process:?}");
        }
    }

    /// What a crash left.
    fn left(&self, crash: Crash) -> Left {
        let scenario = &self.scenario;
        let effects = scenario.witness();
        let effects = effects.iter().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect();
        let files = ["made", "second", "config", "ticket"].map(|name| scenario.read(name)).to_vec();
        (standing(&scenario.records()), crash.point == "torn_write", effects, files)
    }
}

/// What stands for a kind that a later version writes. No version writes it.
const NOT_WRITTEN: [&str; 1] = ["unknown"];

/// The kinds that `Event` has, read from its source, so that a new one is noticed.
fn declared_kinds() -> BTreeSet<String> {
    let source = include_str!("../src/model/event.rs");
    let body = source.split("pub enum Event {").nth(1).unwrap().split("\n}").next().unwrap();
    let variants = Regex::new(r"(?m)^    ([A-Z]\w*)").unwrap();
    let letters = Regex::new("(.)([A-Z])").unwrap();
    let names = variants.captures_iter(body).map(|found| letters.replace_all(&found[1], "${1}_$2").to_lowercase());
    names.collect()
}

/// The kinds that are written only because of a crash.
const RECOVERED: [&str; 4] = ["check_answered", "journal_recovered", "run_resumed", "step_settled"];

#[test]
fn a_run_that_rolls_back_survives_three_crashes_at_any_boundary() {
    let met = Matrix::of(TURNS_BACK, DEEP).survives().met;
    for kind in RECOVERED {
        assert!(met.contains(&(DEEP - 1, kind.to_owned(), "after_sync")), "no {kind} in a third crash: {met:?}");
    }
}

#[test]
fn a_run_that_tries_again_survives_three_crashes_at_any_boundary() {
    Matrix::of(TRIES_AGAIN, DEEP).survives();
}

#[test]
fn a_run_that_succeeds_survives_three_crashes_at_any_boundary() {
    Matrix::of(GETS_THROUGH, DEEP).survives();
}

#[test]
fn a_run_that_is_stopped_survives_three_crashes_at_any_boundary() {
    Matrix::of(STOPS, DEEP).survives();
}

#[test]
fn a_run_whose_rollback_sticks_survives_three_crashes_at_any_boundary() {
    Matrix::of(STICKS, DEEP).survives();
}

#[test]
fn a_run_whose_undo_is_given_up_survives_two_crashes_at_any_boundary() {
    Matrix::of(GIVES_UP, 2).survives();
}

#[test]
fn a_run_with_loops_an_included_runbook_and_steps_side_by_side_survives_two_crashes_at_any_boundary() {
    Matrix::of(GOES_ROUND, 2).survives();
}

#[test]
fn a_run_with_a_hold_a_watch_and_a_time_limit_survives_two_crashes_at_any_boundary() {
    Matrix::of(HOLDS, 2).survives();
}

#[test]
fn a_run_of_which_something_is_asked_survives_two_crashes_at_any_boundary() {
    Matrix::of(ASKED, 2).survives();
}

/// A program of its own leaves a core file first. Then the supervisor dies of the same signal, with a secret in its hands.
const CORES: &str = r#"
runbook: 1
name: cores
defaults: { timeout: 30s }
secrets:
  key: { file: key }
steps:
  - id: own
    shell: cd own && sh -c 'kill -ABRT $$' || true
    verify: { command: ["true"] }
    rollback: { not_needed: it is a test }
  - id: dies
    shell: kill -ABRT $PPID; until test ! -e /proc/$PPID/fd/0; do :; done
    env: { KEY: "{{ secrets.key }}" }
    verify: { command: ["true"] }
    rollback: { not_needed: it is a test }
"#;

#[test]
fn no_core_file_is_made_of_an_executor_or_a_supervisor_that_holds_secrets() {
    let scenario = Scenario::new(CORES).file("key", "open sesame\n");
    fs::create_dir(scenario.path("own")).unwrap();
    scenario.crash_at(4, "after_effect");
    let inner = scenario.command(&["exec", "runbook.yaml"]);
    let mut outer = scenario::command("sh");
    outer.args(["-c", "ulimit -c \"$(ulimit -H -c)\" && exec \"$@\"", "sh", env!("CARGO_BIN_EXE_runbook")]);
    outer.args(inner.get_args().skip(1)).current_dir(scenario.path("")).env_clear();
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let ended = outer.output().unwrap().status;
    assert_eq!((ended.signal(), ended.core_dumped()), (Some(ABORTED), false));
    let records = scenario.records();
    assert_eq!(records.last().map(|last| (kind(last), step(last))), Some(("attempt_started", "dies")));
    let process: ProcessIdentity = serde_json::from_value(records[3]["intent"]["process"].clone()).unwrap();
    assert!(!proc::is_alive(&process));
    let cores = |folder: &str| {
        let names = fs::read_dir(scenario.path(folder)).unwrap().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_string_lossy().starts_with("core")).count()
    };
    assert_eq!(cores(""), 0, "of the executor, or of the supervisor, which has the same folder");
    if cores("own") == 0 {
        let mut says = std::io::stderr();
        writeln!(says, "NOT TESTED: this machine leaves no core files beside what dies").unwrap();
    }
}

#[test]
fn every_kind_of_record_is_met_by_a_crash() {
    let mut met: BTreeSet<String> = RECOVERED.map(str::to_owned).into();
    met.insert("undo_settled".to_owned());
    for runbook in ALL {
        met.extend(undisturbed(runbook).1.iter().flatten().map(|record| kind(record).to_owned()));
    }
    assert!(NOT_WRITTEN.iter().all(|kind| !met.contains(*kind)), "it is written now: {met:?}");
    met.extend(NOT_WRITTEN.map(str::to_owned));
    assert_eq!(met, declared_kinds(), "a kind of record that no runbook here writes");
}
