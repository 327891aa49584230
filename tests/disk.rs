//! Disks that are full, have no inodes left, are read-only, or fail: nothing is acknowledged that is not durable, nothing
//! further begins, the exit code and the message are right, and once the fault is gone the run comes to its end.
//!
//! Calls of the system are made to fail by strace, one after the other: once, and from then on for ever. Without
//! `RUNBOOK_TEST_LONG=1` not every file that is opened is met.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;
#[path = "disk/small.rs"]
mod small;

use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

use runbook::cli::environment::Environment;
use runbook::run::clock;
use scenario::{Scenario, command, kind};
use serde_json::Value;

const PLAIN: &str = r#"
runbook: 1
name: plain
defaults: { timeout: 30s }
steps:
  - id: first
    shell: echo first >> effects
    verify: { command: [test, -s, effects] }
    rollback: { command: ["true"] }
  - id: config
    file: { path: config, content: "new\n" }
  - id: last
    command: [sh, -c, "echo last >> effects"]
    verify: { command: ["true"] }
    rollback: { command: ["true"] }
"#;

/// The same command line behind other programs, each of which may go elsewhere.
fn behind(words: &[&str], inner: &Command) -> Command {
    let folder = inner.get_current_dir().unwrap();
    let mut outer = command("env");
    outer
        .args(words)
        .args(["sh", "-c", "cd \"$0\" && exec \"$@\""])
        .arg(folder)
        .arg(inner.get_program())
        .args(inner.get_args())
        .stdin(Stdio::null())
        .env_clear();
    outer.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    outer.current_dir(folder);
    outer
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// One call that fails, once or for ever, in the executor alone or in all that it starts.
#[derive(Debug, Clone)]
struct Fault {
    call: &'static str,
    error: &'static str,
    number: usize,
    for_ever: bool,
    everywhere: bool,
}

impl Fault {
    /// The program under this fault, and whether it came about.
    fn strike(&self, scenario: &Scenario, arguments: &[&str]) -> (Output, bool) {
        let Self { call, error, number, for_ever, everywhere } = self;
        let trace = scenario.path("trace").display().to_string();
        let until = if *for_ever { "+" } else { "" };
        let (traced, injected) = (format!("trace={call}"), format!("inject={call}:error={error}:when={number}{until}"));
        let mut words = vec!["strace", "-qq", "-o", &trace, "-e", &traced, "-e", &injected];
        if *everywhere {
            words.push("-f");
        }
        let journals = journals(scenario);
        if *call == "write" {
            // Other files that are written are pipes, and counters within the program.
            words.extend(journals.iter().flat_map(|journal| ["-P", journal]));
        }
        let output = behind(&words, &scenario.command(arguments)).output().unwrap();
        (output, scenario.read("trace").contains("(INJECTED)"))
    }
}

/// Where the journal of a run is that begins now, or a minute later.
fn journals(scenario: &Scenario) -> Vec<String> {
    let stamp = |minute: i64| (clock::now() + jiff::SignedDuration::from_mins(minute)).strftime("%Y%m%d-%H%M");
    let path = |minute| scenario.path(&format!("state/runs/{}-plain/journal.jsonl", stamp(minute)));
    [0, 1].map(|minute| path(minute).display().to_string()).to_vec()
}

/// The records that were shown are those of the journal, none more.
#[track_caller]
fn shown_is_recorded(stdout: &[u8], records: &[Value]) {
    for line in String::from_utf8_lossy(stdout).lines() {
        // A line whose writing failed is not whole.
        let Ok(shown) = serde_json::from_str::<Value>(line) else { continue };
        if shown.get("seq").is_some() {
            assert!(records.contains(&shown), "shown but not recorded: {line}");
        }
    }
}

fn lines(scenario: &Scenario, name: &str, wanted: &str) -> usize {
    scenario.read(name).lines().filter(|line| *line == wanted).count()
}

/// The exit code fits what was recorded, and the message says what to do.
#[track_caller]
fn code_is_right(ran: &Output, records: &[Value]) {
    let code = ran.status.code().unwrap_or_else(|| panic!("it died of {}: {}", ran.status, told(ran)));
    let Some(last) = records.last() else {
        // 127: the loader of programs itself found no library.
        assert!(matches!(code, 2 | 3 | 6 | 127), "{code}, and nothing was recorded: {}", told(ran));
        return;
    };
    match (kind(last), last["outcome"].as_str()) {
        // Its record may stand there although it was never acknowledged.
        ("run_started", _) => assert!(matches!(code, 3 | 6), "{code} {}", told(ran)),
        // So may that of the end.
        ("run_finished", _) if code == 6 => {}
        ("run_finished", outcome) => {
            let wanted = i32::from(outcome != Some("succeeded"));
            assert_eq!(code, wanted, "{}", told(ran));
        }
        ("question_asked", _) => assert!(matches!(code, 6 | 7), "{code} {}", told(ran)),
        _ => assert_eq!(code, 6, "{}", told(ran)),
    }
    if code == 6 {
        assert!(told(ran).contains("runbook resume"), "{}", told(ran));
    }
}

/// Goes on, without faults, until the run succeeded.
#[track_caller]
fn go_to_the_end(scenario: &Scenario) {
    for _ in 0..6 {
        let records = scenario.records();
        let last = records.last();
        if last.is_some_and(|last| kind(last) == "run_finished" && last["outcome"] == "succeeded") {
            return;
        }
        let ran = match last {
            None => scenario.exec(&["--yes"]),
            Some(last) if kind(last) == "question_asked" => {
                let step = last["step"].as_str().unwrap();
                let word = if lines(scenario, "effects", step) == 1 { "succeeded" } else { "not-started" };
                scenario.answer(step, word, &["--reason", "seen"])
            }
            Some(_) => scenario.resume(),
        };
        let code = ran.output.status.code();
        assert!(matches!(code, Some(0 | 1 | 6 | 7)), "{code:?}: {}", told(&ran.output));
    }
    panic!("it comes to no end: {:#?}", scenario.journal());
}

/// Whether the fault came about. Then all promises were kept.
#[track_caller]
fn is_borne(fault: &Fault) -> bool {
    let scenario = Scenario::new(PLAIN);
    let (ran, struck) = fault.strike(&scenario, &["exec", "runbook.yaml", "--yes", "--json"]);
    let records = scenario.records();
    shown_is_recorded(&ran.stdout, &records);
    code_is_right(&ran, &records);
    for step in ["first", "last"] {
        let begun = records.iter().any(|record| kind(record) == "attempt_started" && record["step"] == step);
        assert!(lines(&scenario, "effects", step) <= usize::from(begun), "{step} has an effect without an intent");
    }
    if !records.is_empty() {
        scenario.run(&["audit", "verify"]).exits(0);
    }
    go_to_the_end(&scenario);
    assert_eq!(scenario.read("config"), "new\n");
    for step in ["first", "last"] {
        let effects = lines(&scenario, "effects", step);
        assert!((1..=allowed(&scenario.records(), step)).contains(&effects), "{step}: {:#?}", scenario.journal());
    }
    struck
}

/// How often a step may have had its effect: once, and again each time somebody went on after it was called failed.
fn allowed(records: &[Value], step: &str) -> usize {
    let failed =
        |record: &&Value| kind(record) == "attempt_finished" && record["step"] == step && record["outcome"] == "failed";
    1 + records.iter().filter(failed).count()
}

/// How often an undisturbed run makes each of these calls; writes are those of its records.
fn counts(calls: &[&'static str]) -> Vec<(&'static str, usize)> {
    let scenario = Scenario::new(PLAIN);
    let trace = scenario.path("trace").display().to_string();
    let traced = format!("trace={}", calls.join(","));
    let words = ["strace", "-qq", "-o", &trace, "-e", &traced];
    let ran = behind(&words, &scenario.command(&["exec", "runbook.yaml", "--yes", "--json"])).output().unwrap();
    assert_eq!(ran.status.code(), Some(0), "{}", told(&ran));
    let trace = scenario.read("trace");
    let count = |call: &str| {
        trace.lines().filter(|line| line.strip_prefix(call).is_some_and(|rest| rest.starts_with('('))).count()
    };
    calls.iter().map(|call| (*call, if *call == "write" { scenario.records().len() } else { count(call) })).collect()
}

/// Strikes with all of them, several at a time; how many came about.
fn all_are_borne(faults: &[Fault]) -> usize {
    let (next, struck) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        while let Some(fault) = faults.get(next.fetch_add(1, Ordering::Relaxed)) {
            let borne = std::panic::catch_unwind(|| is_borne(fault)).unwrap_or_else(|_| panic!("at {fault:?}"));
            struck.fetch_add(usize::from(borne), Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        for worker in [(); 4].map(|()| scope.spawn(work)) {
            worker.join().unwrap();
        }
    });
    struck.into_inner()
}

fn is_long() -> bool {
    Environment::read().get("RUNBOOK_TEST_LONG").is_some()
}

/// Every call of these by number, of an error each, of the executor alone.
fn faults(calls: &[(&'static str, &'static str)], step: usize) -> Vec<Fault> {
    let names: Vec<&'static str> = calls.iter().map(|(call, _)| *call).collect();
    let mut faults = Vec::new();
    for ((call, error), (_, count)) in calls.iter().zip(counts(&names)) {
        for number in (1..=count).step_by(step) {
            for for_ever in [false, true] {
                faults.push(Fault { call, error, number, for_ever, everywhere: false });
            }
        }
    }
    faults
}

#[test]
fn a_sync_that_fails_acknowledges_nothing_and_begins_nothing() {
    let faults = faults(&[("fdatasync", "EIO"), ("fsync", "EIO")], 1);
    assert!(faults.len() >= 30, "{faults:?}");
    assert_eq!(all_are_borne(&faults), faults.len());
}

#[test]
fn a_write_that_fails_acknowledges_nothing_and_begins_nothing() {
    let faults = faults(&[("write", "EIO"), ("write", "ENOSPC"), ("write", "EROFS")], 1);
    assert!(faults.len() >= 3 * 2 * 8, "{faults:?}");
    assert_eq!(all_are_borne(&faults), faults.len());
}

#[test]
fn a_file_that_cannot_be_made_named_or_cut_stops_the_run_in_good_order() {
    let mut faults = faults(
        &[
            ("rename", "EIO"),
            ("fallocate", "EIO"),
            ("fallocate", "ENOSPC"),
            ("ftruncate", "EIO"),
            ("mkdir", "ENOSPC"),
            ("fstatfs", "EIO"),
        ],
        1,
    );
    faults.extend(self::faults(&[("openat", "EIO"), ("openat", "ENOSPC")], if is_long() { 1 } else { 5 }));
    assert_eq!(all_are_borne(&faults), faults.len());
}

#[test]
fn a_call_that_fails_in_the_supervisor_or_the_step_is_borne() {
    let calls =
        [("openat", "ENOSPC"), ("fallocate", "ENOSPC"), ("rename", "EIO"), ("fdatasync", "EIO"), ("fsync", "EIO")];
    let mut faults = Vec::new();
    for (call, error) in calls {
        let most = if is_long() { 24 } else { 4 };
        faults.extend((1..=most).map(|number| Fault { call, error, number, for_ever: false, everywhere: true }));
    }
    assert!(all_are_borne(&faults) >= faults.len() / 2);
}

#[test]
fn a_resume_whose_syncs_fail_can_be_resumed_again() {
    for number in 1..=4 {
        let scenario = Scenario::new(PLAIN);
        let fault = Fault { call: "fdatasync", error: "EIO", number: 3, for_ever: true, everywhere: false };
        assert_eq!(fault.strike(&scenario, &["exec", "runbook.yaml", "--yes"]).0.status.code(), Some(6));
        let (ran, struck) = Fault { number, ..fault }.strike(&scenario, &["resume", "--yes", "--json"]);
        assert!(struck);
        code_is_right(&ran, &scenario.records());
        shown_is_recorded(&ran.stdout, &scenario.records());
        go_to_the_end(&scenario);
        assert_eq!(scenario.read("effects"), "first\nlast\n");
    }
}
