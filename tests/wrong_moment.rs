//! The executor is killed or told to stop at a moment that random killing came upon and nobody had thought of. Needs
//! the feature `crash-points`.

#![cfg(feature = "crash-points")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![expect(clippy::disallowed_methods, reason = "a test waits for so long")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fs::{self, File};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use scenario::{Scenario, kind, step};

/// A hold around one step, and a step after it.
const HELD: &str = r#"
runbook: 1
name: held
defaults: { timeout: 1m }
steps:
  - id: traffic
    hold: { acquire: { command: [./witness] }, release: { command: [./witness] } }
    steps:
      - { id: inside, command: [./witness], verify: { command: ["true"] }, rollback: { command: [./witness] } }
  - { id: later, command: ["false"], verify: { command: ["true"] }, rollback: { not_needed: it does nothing } }
"#;

/// What happened, in order, without the numbers of attempts.
fn seen(scenario: &Scenario) -> Vec<String> {
    scenario.witness().iter().map(|line| line.rsplit_once(' ').unwrap().0.to_owned()).collect()
}

/// The places of all records of an undisturbed run, with what they are of.
fn records() -> Vec<(u64, String)> {
    let scenario = Scenario::new(HELD);
    scenario.exec(&[]).exits(1);
    let records = scenario.records();
    (1..).zip(records.iter().map(|record| format!("{} {}", kind(record), step(record)))).collect()
}

/// Held or not, by what the witness saw last of it.
fn is_held(seen: &[String]) -> bool {
    seen.iter().rfind(|line| line.contains("traffic.")).is_some_and(|line| line == "do traffic.acquire")
}

#[test]
fn a_rollback_leaves_nothing_held_and_undoes_within_the_hold_wherever_the_executor_died() {
    for (record, what) in records() {
        for point in ["after_sync", "after_effect"] {
            for to in [&["rollback"][..], &["rollback", "--to", "later"]] {
                let scenario = Scenario::new(HELD);
                scenario.crash_at(record, point);
                let crashed = scenario.exec(&[]);
                if crashed.output.status.code().is_some() {
                    continue;
                }
                scenario.run(to);
                let seen = seen(&scenario);
                assert!(!is_held(&seen), "{what}, {point}, {to:?}: it is still held: {seen:#?}");
                let undone = seen.iter().position(|line| line == "undo inside");
                let alone = undone.filter(|place| !is_held(&seen[..*place]));
                assert_eq!(alone, None, "{what}, {point}, {to:?}: undone while nothing is held: {seen:#?}");
            }
        }
    }
}

#[test]
fn a_run_that_is_told_to_stop_while_a_failure_is_handled_stops_when_that_is_done() {
    let runbook = r#"
runbook: 1
name: handled
defaults: { timeout: 1m }
steps:
  - id: breaks
    command: ["false"]
    verify: { command: ["true"] }
    rollback: { not_needed: it does nothing }
    on_failure:
      do:
        - id: tells
          shell: |
            ./witness
            executor=$(grep -o '"pid":[0-9]*' state/locks/handled.lock | cut -d: -f2)
            kill -INT "$executor"
            while kill -0 "$executor" && ! grep -q stop_requested state/runs/*/journal.jsonl; do :; done
      then: stop
"#;
    let scenario = Scenario::new(runbook);
    scenario.exec(&[]).exits(6);
    let journal = scenario.journal();
    assert_eq!(scenario.state(), "stopped", "{journal:#?}");
    assert_eq!(scenario.witness().len(), 1, "{journal:#?}");
}

#[test]
fn a_lock_that_a_killed_executor_leaves_to_what_it_was_about_to_start_is_waited_for() {
    let scenario = Scenario::new(HELD);
    scenario.exec(&[]).exits(1);
    let run = scenario.runs().pop().unwrap();
    let (lock, guard) =
        (File::open(run.join("lock")).unwrap(), File::open(scenario.path("state/locks/guard")).unwrap());
    // The executor that is written there is gone; this process has its lock, as a copy of it would.
    flock(&lock, FlockOperation::LockExclusive).unwrap();
    let mut resume = scenario.start(&["resume"]);
    // Whoever takes a lock has the guard: held for so long, it waits.
    let mut waits = Instant::now();
    while waits.elapsed() < Duration::from_millis(200) && resume.try_wait().unwrap().is_none() {
        if flock(&guard, FlockOperation::NonBlockingLockExclusive).is_ok() {
            flock(&guard, FlockOperation::Unlock).unwrap();
            waits = Instant::now();
        }
        std::thread::yield_now();
    }
    drop(lock);
    scenario.wait(resume).exits(1);
    assert!(fs::read_to_string(run.join("journal.jsonl")).unwrap().contains("run_resumed"));
}
