//! The live view of a run from another terminal, beside a run that goes on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/screen.rs"]
mod screen;
#[path = "support/until.rs"]
mod until;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use scenario::{Scenario, user};
use screen::Screen;
use until::until;

/// The first step waits for the file `go`.
const HELD: &str = r"
runbook: 1
name: held
defaults: { timeout: 1m }
steps:
  - id: slow
    name: Load the orders
    shell: echo 12 of 100 rows; touch running; until [ -e go ]; do sleep 0.02; done; ./witness
    estimate: 10s
    rollback: { command: [./witness] }
  - id: ask
    confirm: { message: Switch the traffic now? }
    estimate: 1m
  - id: call
    manual: { instructions: Call the network team., evidence: required, inputs: { port: integer } }
    estimate: 1m
    rollback: { not_needed: it was only a call }
";

/// The same without questions.
fn plain() -> String {
    HELD.split("  - id: ask").next().unwrap().to_owned()
}

fn started(scenario: &Scenario, arguments: &[&str]) -> Child {
    let child = scenario.start(arguments);
    until("the first step", || scenario.path("running").exists());
    child
}

fn go(scenario: &Scenario) {
    fs::write(scenario.path("go"), "").unwrap();
}

/// Reads what a program prints up to a line with that text.
fn prints(child: &mut Child, text: &str) {
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains(text)), "`{text}` is never printed");
}

#[test]
fn a_watch_shows_what_the_executor_shows_and_has_its_exit_code() {
    for (more, code) in [("", 0), ("  - { id: bad, shell: exit 3, rollback: { not_needed: it is a test } }\n", 1)] {
        let scenario = Scenario::new(&(plain() + more));
        let executor = started(&scenario, &["exec", "runbook.yaml"]);
        let watches = [scenario.start(&["watch"]), scenario.start(&["watch"])];
        go(&scenario);
        let shown = scenario.wait(executor).exits(code).stdout();
        for watch in watches {
            assert_eq!(scenario.wait(watch).exits(code).stdout(), shown);
        }
        assert_eq!(scenario.run(&["watch"]).exits(code).stdout(), shown, "a run that is over");
    }
}

#[test]
fn for_programs_a_watch_streams_the_records_and_the_status() {
    let scenario = Scenario::new(&plain());
    let executor = started(&scenario, &["exec", "runbook.yaml", "--json"]);
    let watch = scenario.start(&["watch", "--json"]);
    go(&scenario);
    let records = scenario.wait(executor).exits(0).stdout();
    assert_eq!(scenario.wait(watch).exits(0).stdout(), records);
}

#[test]
fn lines_are_shown_as_they_come_and_a_run_whose_executor_died_says_so() {
    let scenario = Scenario::new(&plain());
    let mut executor = started(&scenario, &["exec", "runbook.yaml", "--json"]);
    let mut watch = scenario.start(&["watch"]);
    prints(&mut watch, "slow: attempt 1 begins");
    executor.kill().unwrap();
    executor.wait().unwrap();
    let ran = scenario.wait(watch).exits(6).says("Not at its end: its executor is gone.");
    ran.says("next: runbook resume RUN");
    go(&scenario);
    scenario.resume().exits(0);
    assert_eq!(scenario.witness(), ["do slow 1"]);
}

#[test]
fn ctrl_c_and_a_closed_pipe_end_the_watch_and_never_the_run() {
    let scenario = Scenario::new(&plain());
    let executor = started(&scenario, &["exec", "runbook.yaml", "--json"]);
    let mut watch = scenario.start(&["watch"]);
    prints(&mut watch, "attempt 1 begins");
    kill_process(Pid::from_raw(watch.id().cast_signed()).unwrap(), Signal::INT).unwrap();
    scenario.wait(watch).exits(130).warns("left RUN, which goes on; look again with: runbook watch RUN");
    let mut unread = scenario.start(&["watch", "--json"]);
    prints(&mut unread, "attempt_started");
    drop(unread.stdout.take());
    go(&scenario);
    scenario.wait(executor).exits(0);
    let code = scenario.wait(unread).output.status.code();
    assert!(matches!(code, Some(0 | 130)), "{code:?}");
}

#[test]
fn at_a_terminal_a_watch_shows_what_runs_and_what_it_prints() {
    let scenario = Scenario::new(&plain());
    let executor = started(&scenario, &["exec", "runbook.yaml", "--json"]);
    let mut screen = Screen::of(&scenario.path("."), "runbook watch", "C.UTF-8");
    screen.wait_for("slow  Load the orders");
    screen.wait_for("of about 10 s");
    screen.wait_for("12 of 100 rows");
    go(&scenario);
    let (lines, code) = screen.end();
    assert_eq!(code, Some(0));
    assert!(lines.iter().any(|line| line.starts_with(" ✓   1  slow  shell")), "{lines:#?}");
    scenario.wait(executor).exits(0);
}

#[test]
fn a_run_that_lost_its_terminal_waits_and_is_answered_from_a_watch() {
    let scenario = Scenario::new(HELD);
    let mut screen = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    screen.wait_for("slow");
    until("the first step", || scenario.path("running").exists());
    screen.hang_up();
    go(&scenario);
    until("the question", || scenario.status()["question"]["step"] == "ask");
    let mut screen = Screen::of(&scenario.path("."), "runbook watch", "C.UTF-8");
    for (prompt, answer) in [
        ("yes / no? ", "perhaps\n"),
        ("type one of the words", "y\n"),
        ("succeeded / failed? ", "succeeded\n"),
        ("why (needed)? ", "spoke to Ana\n"),
        ("port (integer)? ", "many\n"),
        ("`many` is not a whole number", "5432\n"),
    ] {
        screen.wait_for(prompt);
        screen.type_in(answer);
    }
    let (lines, code) = screen.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    let said = format!("{} answered succeeded: spoke to Ana  port = 5432", user());
    assert!(lines.iter().any(|line| line.contains(&said)), "{lines:#?}");
    assert_eq!(scenario.state(), "succeeded");
}

#[test]
fn a_question_that_was_answered_elsewhere_is_not_asked_any_more() {
    let scenario = Scenario::new(HELD);
    let mut first = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    go(&scenario);
    first.wait_for("yes / no? ");
    let mut watch = Screen::of(&scenario.path("."), "runbook watch", "C.UTF-8");
    watch.wait_for("yes / no? ");
    scenario.run(&["answer", "ask", "yes"]).exits(0).says("Recorded: ask yes.");
    first.wait_for("succeeded / failed? ");
    watch.wait_for("succeeded / failed? ");
    let answer = ["answer", "call", "succeeded", "--reason", "done", "--value", "port=1"];
    scenario.run(&answer[..3]).exits(2).warns("this answer needs a reason");
    scenario.run(&[&answer[..3], &["--reason", "done"]].concat()).exits(2).warns("add --value port=…");
    scenario.run(&answer).exits(0);
    assert_eq!((first.end().1, watch.end().1), (Some(0), Some(0)));
}
