//! Questions with a limit: what an answer in time does, and what none does. Needs the feature `crash-points`.

#![cfg(feature = "crash-points")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/until.rs"]
mod until;

use scenario::Scenario;
use serde_json::Value;
use until::until;

/// A step, a question about going on, and a step.
fn asks(action: &str) -> Scenario {
    Scenario::new(&format!(
        "
runbook: 1
name: asks
timezone: UTC
defaults: {{ timeout: 1m }}
steps:
  - {{ id: first, command: [./witness], verify: {{ command: [\"true\"] }}, rollback: {{ command: [./witness] }} }}
  - {{ id: go, {action} }}
  - {{ id: last, command: [./witness], verify: {{ command: [\"true\"] }}, rollback: {{ command: [./witness] }} }}
"
    ))
}

fn asked(scenario: &Scenario) -> Option<Value> {
    scenario.records().into_iter().find(|record| record["event"] == "question_asked")
}

#[test]
fn a_go_that_nobody_gives_in_time_times_out_and_what_follows_a_failure_follows() {
    let scenario = asks("confirm: { message: Go on? }, timeout: 400ms, on_failure: rollback");
    scenario.exec(&[]).exits(4).says("FAILED go: failed after SOME: nobody answered within its timeout of 400ms");
    assert_eq!(scenario.witness(), ["do first 1", "undo first 1"]);
    let ended = scenario.records().into_iter().find(|record| {
        record["event"] == "attempt_finished" && record["step"] == "go" && record["outcome"] == "timed_out"
    });
    assert!(ended.is_some(), "{:#?}", scenario.journal());
    assert_eq!(scenario.state(), "rolled_back");
}

#[test]
fn a_step_that_timed_out_is_asked_about_anew_with_the_whole_time_when_the_run_is_resumed() {
    let scenario = asks("confirm: { message: Go on? }, timeout: 300ms");
    scenario.exec(&[]).exits(1);
    scenario.run(&["resume"]).exits(1);
    let records = scenario.records();
    let untils: Vec<jiff::Timestamp> =
        records.iter().filter_map(|record| record["until"].as_str()).map(|until| until.parse().unwrap()).collect();
    assert_eq!((untils.len(), scenario.steps()[1].as_str()), (2, "go timed_out"));
    let resumed = records.iter().find(|record| record["event"] == "run_resumed").unwrap();
    let resumed: jiff::Timestamp = resumed["at"].as_str().unwrap().parse().unwrap();
    assert!((untils[1] - resumed).total(jiff::Unit::Millisecond).unwrap() >= 300.0, "{untils:?}");
    assert_eq!(scenario.witness(), ["do first 1"]);
}

#[test]
fn who_looks_sees_until_when_an_answer_is_waited_for_and_one_that_comes_in_time_counts() {
    let scenario = asks("confirm: { message: Go on? }, timeout: 1h, on_failure: rollback");
    let executor = scenario.start(&["exec", "runbook.yaml"]);
    until("the question", || asked(&scenario).is_some());
    let record = asked(&scenario).unwrap();
    let moment: jiff::Timestamp = record["until"].as_str().unwrap().parse().unwrap();
    let at: jiff::Timestamp = record["at"].as_str().unwrap().parse().unwrap();
    assert!((3_590..=3_600).contains(&moment.duration_since(at).as_secs()), "{record}");
    let shown = format!(
        "an answer is waited for until {}; without one the step times out",
        moment.strftime("%a %-d %b %H:%M:%S UTC")
    );
    assert!(record["text"].as_str().unwrap().ends_with(&shown), "{record}");
    scenario.run(&["status"]).exits(0).says(&shown).says("runbook answer RUN go yes");
    assert_eq!(scenario.status()["question"]["until"], record["until"]);
    scenario.answer("go", "yes", &[]).exits(0);
    scenario.wait(executor).exits(0).says(&shown);
    assert_eq!(scenario.witness(), ["do first 1", "do last 1"]);
}

#[test]
fn the_time_goes_on_while_nobody_executes_the_run_and_a_late_answer_does_not_count() {
    let scenario = asks("manual: { instructions: Do it }, timeout: 300ms, rollback: { not_needed: nothing }");
    scenario.crash_at(5, "after_sync");
    scenario.exec(&[]);
    let question = asked(&scenario).unwrap();
    let moment: jiff::Timestamp = question["until"].as_str().unwrap().parse().unwrap();
    until("the end of the time", || now() > moment);
    scenario
        .answer("go", "succeeded", &["--reason", "late"])
        .exits(3)
        .warns("the time to answer about go is over")
        .warns("runbook resume");
    scenario.resume().exits(1);
    assert_eq!((scenario.witness(), scenario.steps()[1].as_str()), (vec!["do first 1".to_owned()], "go timed_out"));
    let questions = scenario.journal().iter().filter(|line| *line == "question_asked go").count();
    assert_eq!(questions, 1, "it is not put again");
}

#[test]
fn a_question_that_is_left_open_is_waited_for_no_longer_than_its_time_by_whoever_goes_on() {
    let scenario = asks("manual: { instructions: Do it }, timeout: 1h, rollback: { not_needed: nothing }");
    scenario.crash_at(5, "after_sync");
    scenario.exec(&[]);
    let before = asked(&scenario).unwrap();
    let executor = scenario.start(&["resume"]);
    until("the other executor", || scenario.journal().contains(&"run_resumed".to_owned()));
    assert_eq!(scenario.status()["question"]["until"], before["until"], "its time is the same");
    until("an answer that is taken", || {
        scenario.answer("go", "succeeded", &["--reason", "done"]).output.status.success()
    });
    scenario.wait(executor).exits(0);
    assert_eq!(scenario.witness(), ["do first 1", "do last 1"]);
}

#[expect(clippy::disallowed_methods, reason = "the test waits for a moment of the wall clock")]
fn now() -> jiff::Timestamp {
    jiff::Timestamp::now()
}
