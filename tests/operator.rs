//! What the screen says at the moments at which somebody reads it in a hurry: that it is so, and what to type next.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;
#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/screen.rs"]
mod screen;
#[path = "support/until.rs"]
mod until;

use std::fs;

use rustix::process::{Pid, Signal, kill_process};
use scenario::{Scenario, user};
use screen::Screen;
use until::until;

/// The first step waits for the file `go`, and so does what undoes it.
const HELD: &str = r"
runbook: 1
name: held
defaults: { timeout: 1m }
steps:
  - id: slow
    name: Load the orders
    shell: touch running; until test -e go; do sleep 0.02; done; rm go
    estimate: 10s
    rollback: { shell: touch undoing; until test -e go; do sleep 0.02; done }
  - id: two
    shell: exit 3
    rollback: { not_needed: it does nothing }
";

fn go(scenario: &Scenario) {
    fs::write(scenario.path("go"), "").unwrap();
}

#[test]
fn a_run_whose_step_was_ended_says_who_did_it_and_that_it_tries_that_step_again() {
    let scenario = Scenario::new(HELD);
    let executor = scenario.start(&["exec", "runbook.yaml"]);
    until("the first step", || scenario.path("running").exists());
    scenario.run(&["abort", "--reason", "wrong server"]).exits(0);
    let ended = scenario.wait(executor).exits(6).says("ending what runs now: a program gets TERM, and KILL after SOME");
    let by = format!("Stopped after slow failed. Nothing was undone.\n  by {}: wrong server\n", user());
    for ran in [ended, scenario.run(&["status"]).exits(0)] {
        ran.says(&by).says("next: runbook resume RUN\n          tries slow again, and goes on\n");
    }
    go(&scenario);
    scenario.resume().exits(1).says("slow: attempt 2 begins");
}

#[test]
fn a_rollback_that_was_stopped_never_says_that_it_goes_forward() {
    let scenario = Scenario::new(HELD);
    go(&scenario);
    scenario.exec(&[]).exits(1);
    let rollback = scenario.start(&["rollback"]);
    until("the undo", || scenario.path("undoing").exists());
    scenario.run(&["abort"]).exits(0);
    let ended = scenario.wait(rollback).exits(6);
    for ran in [ended, scenario.run(&["status"]).exits(0)] {
        let ran = ran.says("Stopped while rolling back, at slow. Nothing is undone yet.\n");
        ran.says("next: runbook resume RUN\n          goes on undoing, with slow\n");
    }
    go(&scenario);
    scenario.resume().exits(4).says("Rolled back whole");
}

#[test]
fn an_open_question_is_in_the_status_and_one_that_is_answered_elsewhere_leaves_its_line() {
    let scenario = Scenario::new(
        "runbook: 1\nname: asks\nsteps:\n  - { id: ask, confirm: { message: Switch now? }, estimate: 1m }\n",
    );
    let mut screen = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    screen.wait_for("yes / no? ");
    scenario
        .run(&["status"])
        .exits(0)
        .says("  ask asks:\n    Switch now?\n  next: ")
        .says("runbook answer RUN ask yes\n          go\n");
    scenario.run(&["answer", "ask", "yes"]).exits(0);
    let (lines, code) = screen.end();
    assert_eq!(code, Some(0));
    assert!(lines.iter().any(|line| line == "  yes / no?"), "{lines:#?}");
    assert!(lines.iter().any(|line| line.starts_with(" ✓   1  ask  confirm")), "{lines:#?}");
}

#[test]
fn a_failed_item_and_a_failed_release_say_where_they_stand_in_the_runbook() {
    let scenario = Scenario::new(
        r"runbook: 1
name: roll
defaults: { timeout: 1m }
steps:
  - id: held
    hold:
      acquire: { shell: exit 0 }
      release: { shell: exit 5 }
    steps:
      - id: roll
        for_each: [web-1, web-2]
        steps:
          - { id: deploy, shell: exit 3, rollback: { not_needed: it does nothing } }
",
    );
    let ran = scenario.exec(&[]).exits(1);
    for said in ["FAILED deploy[web-1]: failed", "shell at line 13 of the runbook", "shell at line 8 of the runbook"] {
        assert!(ran.shown().contains(said), "no `{said}` in\n{}", ran.shown());
    }
}

#[test]
fn what_a_person_has_to_say_of_an_item_is_asked_for_at_the_terminal_too() {
    let scenario = Scenario::new(
        r"runbook: 1
name: calls
steps:
  - id: all
    for_each: [ana]
    steps:
      - id: call
        manual: { instructions: Call them., evidence: required }
        estimate: 1m
        rollback: { not_needed: it was only a call }
",
    );
    let mut screen = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    for (prompt, answer) in
        [("succeeded / failed? ", "succeeded\n"), ("why (needed)? ", "\n"), ("a reason is needed", "spoke to her\n")]
    {
        screen.wait_for(prompt);
        screen.type_in(answer);
    }
    assert_eq!(screen.end().1, Some(0));
}

#[test]
fn a_step_that_went_on_without_its_executor_is_named_while_it_is_waited_for() {
    let scenario = Scenario::new(HELD);
    let mut executor = scenario.start(&["exec", "runbook.yaml"]);
    until("the first step", || scenario.path("running").exists());
    let mut screen = {
        kill_process(Pid::from_child(&executor), Signal::KILL).unwrap();
        executor.wait().unwrap();
        Screen::of(&scenario.path("."), "runbook resume", "C.UTF-8")
    };
    screen.wait_for("slow  Load the orders");
    screen.wait_for("of about 10 s");
    go(&scenario);
    assert_eq!(screen.end().1, Some(1));
}

#[test]
fn a_log_that_cannot_be_believed_is_named_by_its_run_where_there_are_others() {
    let scenario = Scenario::new(
        "runbook: 1\nname: short\nsteps:\n  - { id: one, shell: exit 3, timeout: 1m, rollback: { not_needed: nothing } }\n",
    );
    scenario.exec(&[]).exits(1);
    let journal = scenario.runs()[0].join("journal.jsonl");
    let id = scenario.id();
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("exit 3", "exit 4", 1)).unwrap();
    let _second = scenario.exec(&[]);
    for command in [&["status", &id][..], &["resume", &id], &["rollback", &id], &["audit", "show", &id], &["list"]] {
        let ran = scenario.run(command);
        let said = ran.stderr();
        assert!(said.contains(&id) && said.contains(&format!("runbook audit verify {id}\n")), "{command:?}: {said}");
    }
}

#[test]
fn a_question_says_what_is_held_and_what_runs_meanwhile_is_shown_again_after_it() {
    let scenario = Scenario::new(
        r"runbook: 1
name: guarded
defaults: { timeout: 1m }
steps:
  - id: traffic
    hold:
      acquire: { shell: exit 0 }
      release: { shell: exit 0 }
      expires: 10m
    steps:
      - id: guarded
        watch:
          - { shell: test -e running && echo 1 || echo 0, every: 10ms, trip_when: stdout == '1', action: ask }
        steps:
          - id: slow
            shell: echo 12 of 100 rows; touch running; until test -e go; do sleep 0.02; done; echo 13 of 100 rows; until test -e end; do sleep 0.02; done
            rollback: { not_needed: it only waits }
",
    );
    let mut screen = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    screen.wait_for("traffic is held meanwhile; it lets go by itself at ");
    screen.wait_for(", in 9m");
    screen.wait_for("yes / rollback / stop? ");
    screen.type_in("yes\n");
    screen.wait_for("answered yes");
    go(&scenario);
    screen.wait_for("slow");
    screen.wait_for("13 of 100 rows");
    fs::write(scenario.path("end"), "").unwrap();
    assert_eq!(screen.end().1, Some(0));
}
