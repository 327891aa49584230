//! Processes that a step leaves behind: named wherever the step is, and never joined by another attempt unasked.

#![cfg(feature = "crash-points")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/until.rs"]
mod until;

use std::fs;

use scenario::Scenario;
use serde_json::Value;
use until::until;

/// A step that leaves a process behind, which waits for somebody to write to `end`, and ends with that code. Once `well`
/// is there it ends well.
fn leaves(code: u8, more: &str) -> Scenario {
    verified(code, "\"true\"", more)
}

fn verified(code: u8, verify: &str, more: &str) -> Scenario {
    let scenario = Scenario::new(&format!(
        "
runbook: 1
name: leaves
defaults: {{ timeout: 1m }}
steps:
  - id: starts
    shell: |
      ./witness
      if [ -e well ]; then exit 0; fi
      setsid sh -c 'echo $$ >up; read x <end' >/dev/null 2>&1 &
      read pid <up; echo $pid >pid
      exit {code}
    verify: {{ shell: {verify} }}
    rollback: {{ command: [\"true\"] }}
    {more}
"
    ));
    scenario.fifo("up");
    scenario.fifo("end");
    scenario
}

fn pid(scenario: &Scenario) -> String {
    scenario.read("pid").trim().to_owned()
}

/// Ends what was left.
fn end(scenario: &Scenario) {
    fs::write(scenario.path("end"), "x\n").unwrap();
    let stat = format!("/proc/{}/stat", pid(scenario));
    until("the end of what was left", || fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z ")));
}

fn left(scenario: &Scenario) -> Value {
    scenario.status()["steps"][0]["left_behind"].clone()
}

#[test]
fn what_a_step_left_running_is_said_when_it_ends_and_in_every_account_of_it() {
    let scenario = leaves(0, "");
    let ran = scenario.exec(&[]).exits(0);
    let said = format!("left running: {} sh", pid(&scenario));
    ran.says(&format!("note starts: {said}"));
    scenario.run(&["status"]).exits(0).says(&said);
    scenario.run(&["audit", "show"]).exits(0).says(&said);
    assert_eq!(left(&scenario)[0]["pid"].to_string(), pid(&scenario));
    end(&scenario);
}

#[test]
fn a_failed_attempt_that_goes_on_in_part_is_not_joined_by_another_until_a_person_says_so() {
    let scenario = leaves(3, "idempotent: true\n    retry: { max_attempts: 2 }");
    let ran = scenario.exec(&[]).exits(7);
    let left = format!("attempt 1 failed, exit 3, and processes that it left still run: {} sh", pid(&scenario));
    ran.says(&left).says("end them first, or be sure that they do no harm");
    assert_eq!(scenario.witness(), ["do starts 1"]);
    assert_eq!(scenario.status()["question"]["question"], "unknown");
    scenario.run(&["resume"]).exits(7).says(&left);
    assert_eq!(scenario.witness(), ["do starts 1"], "whoever goes on looks at them too");
    fs::write(scenario.path("well"), "").unwrap();
    scenario.answer("starts", "run-again", &["--reason", "it only listens"]).exits(0);
    scenario.resume().exits(0);
    assert_eq!(scenario.witness(), ["do starts 1", "do starts 2"]);
    end(&scenario);
}

#[test]
fn a_failed_attempt_is_followed_by_another_once_what_it_left_is_gone() {
    let scenario = leaves(3, "idempotent: true\n    retry: { max_attempts: 2 }");
    scenario.exec(&[]).exits(7);
    fs::write(scenario.path("well"), "").unwrap();
    end(&scenario);
    scenario.resume().exits(0);
    assert_eq!(scenario.witness(), ["do starts 1", "do starts 2"]);
}

#[test]
fn an_executor_that_died_before_it_heard_of_the_failure_looks_at_what_was_left_too() {
    let scenario = leaves(3, "idempotent: true\n    retry: { max_attempts: 2 }");
    scenario.crash_at(3, "before_write");
    scenario.exec(&[]);
    assert_eq!(scenario.journal().last().unwrap(), "attempt_started starts");
    scenario.resume().exits(7).says("processes that it left still run");
    assert_eq!(scenario.witness(), ["do starts 1"]);
    fs::write(scenario.path("well"), "").unwrap();
    end(&scenario);
    scenario.resume().exits(0);
    assert_eq!(scenario.witness(), ["do starts 1", "do starts 2"]);
}

#[test]
fn what_was_left_by_an_attempt_that_ended_as_wanted_was_left_on_purpose() {
    let verify = "test \"$(grep -c starts witness.log)\" -gt 1";
    let scenario = verified(0, verify, "idempotent: true\n    retry: { max_attempts: 2 }");
    scenario.exec(&[]).exits(0);
    assert_eq!(scenario.witness(), ["do starts 1", "do starts 2"]);
    end(&scenario);
}
