//! Undos that a person carries out: asked about like any step, and answered from anywhere.

#![cfg(feature = "crash-points")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/until.rs"]
mod until;

use scenario::Scenario;
use serde_json::{Value, json};
use until::until;

/// The undo of the second step is a person's, and the third fails.
fn undone(manual: &str) -> Scenario {
    Scenario::new(&format!(
        "
runbook: 1
name: undone
defaults: {{ timeout: 1m }}
steps:
  - {{ id: first, command: [./witness], verify: {{ command: [\"true\"] }}, rollback: {{ command: [./witness] }} }}
  - id: by-hand
    command: [./witness]
    verify: {{ command: [\"true\"] }}
    rollback:
      - {{ command: [./witness] }}
      - {{ manual: {{ instructions: \"Take {{{{ steps.first.state }}}} out of the list\", evidence: required }}{manual} }}
  - {{ id: fails, command: [\"false\"], effect: read_only, on_failure: rollback }}
"
    ))
}

fn question(scenario: &Scenario) -> Value {
    scenario.status()["question"].clone()
}

#[test]
fn what_a_person_has_to_undo_is_asked_and_the_answer_may_come_from_anywhere() {
    let scenario = undone("");
    scenario.exec(&[]).exits(7).says("Take succeeded out of the list");
    let open = question(&scenario);
    assert_eq!((&open["step"], &open["question"], &open["undo"]), (&json!("by-hand"), &json!("manual"), &json!(1)));
    assert_eq!(open["answers"][0]["does"], "it is undone: the rollback goes on");
    scenario.answer("by-hand", "succeeded", &[]).exits(2).warns("this answer needs a reason");
    scenario.answer("by-hand", "succeeded", &["--reason", "gone from the list"]).exits(0).says("Next: runbook resume");
    assert_eq!(scenario.state(), "rolling_back");
    scenario.resume().exits(4);
    assert_eq!(scenario.witness(), ["do first 1", "do by-hand 1", "undo by-hand 1", "undo first 1"]);
    let decided = scenario.records().into_iter().find(|record| record["event"] == "decision_made").unwrap();
    assert_eq!(decided["reason"], "gone from the list");
}

#[test]
fn one_that_could_not_be_undone_leaves_the_rollback_stuck_and_is_asked_about_again() {
    let scenario = undone("");
    scenario.exec(&[]).exits(7);
    scenario.answer("by-hand", "failed", &["--reason", "the list is locked"]).exits(0);
    scenario.resume().exits(5).says("it is not undone: the list is locked");
    scenario.run(&["rollback"]).exits(7);
    scenario.answer("by-hand", "succeeded", &["--reason", "unlocked"]).exits(0);
    scenario.resume().exits(4);
    assert_eq!(scenario.witness(), ["do first 1", "do by-hand 1", "undo by-hand 1", "undo first 1"]);
}

#[test]
fn an_answer_is_taken_while_the_run_waits_and_a_limit_ends_the_waiting() {
    let scenario = undone(", timeout: 1h");
    let executor = scenario.start(&["exec", "runbook.yaml"]);
    until("the question", || scenario.journal().contains(&"question_asked by-hand".to_owned()));
    scenario.answer("by-hand", "succeeded", &["--reason", "gone"]).exits(0);
    scenario.wait(executor).exits(4).says("without one the step times out");
    let scenario = undone(", timeout: 200ms");
    scenario.exec(&[]).exits(5).says("its undo failed: nobody answered within its timeout of 200ms");
    assert_eq!((scenario.state(), question(&scenario)), ("stuck".to_owned(), Value::Null));
}

#[test]
fn the_question_outlives_an_executor_that_dies_or_is_stopped_while_it_is_open() {
    let scenario = undone("");
    scenario.exec(&[]).exits(7);
    let records = scenario.records();
    let place = records.iter().position(|record| record["event"] == "question_asked").unwrap() as u64 + 1;
    for record in [place - 1, place] {
        let scenario = undone("");
        scenario.crash_at(record, "after_sync");
        scenario.exec(&[]);
        scenario.resume().exits(7);
        assert_eq!(question(&scenario)["undo"], 1, "record {record}");
        scenario.answer("by-hand", "succeeded", &["--reason", "gone"]).exits(0);
        scenario.crash_at(2, "after_sync");
        scenario.resume();
        scenario.resume().exits(4);
        assert_eq!(scenario.witness(), ["do first 1", "do by-hand 1", "undo by-hand 1", "undo first 1"]);
    }
    let scenario = undone(", timeout: 1h");
    let executor = scenario.start(&["exec", "runbook.yaml"]);
    until("the question", || scenario.journal().contains(&"question_asked by-hand".to_owned()));
    scenario.run(&["pause", &scenario.id()]).exits(0);
    scenario.wait(executor).exits(6);
    assert_eq!((scenario.state(), question(&scenario)), ("stopped".to_owned(), Value::Null));
    let executor = scenario.start(&["resume"]);
    until("the question again", || question(&scenario)["undo"] == 1);
    scenario.answer("by-hand", "succeeded", &["--reason", "gone"]).exits(0);
    scenario.wait(executor).exits(4);
}
