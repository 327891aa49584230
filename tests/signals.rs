//! Signals and terminals: what ends a run, what only ends a step, and what neither may mind. Real terminals, real
//! processes, and conditions instead of times.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;
#[path = "support/screen.rs"]
mod screen;
#[path = "support/until.rs"]
mod until;

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Child;

use rustix::process::{Pid, Signal, kill_process};
use scenario::{Scenario, command};
use screen::Screen;
use until::until;

/// The first step waits for the file `go`.
const HELD: &str = r"
runbook: 1
name: held
defaults: { timeout: 1m }
steps:
  - id: slow
    shell: touch running; until [ -e go ]; do sleep 0.02; done; ./witness
    rollback: { command: [./witness] }
  - id: two
    command: [./witness]
    rollback: { command: [./witness] }
";

fn runs(scenario: &Scenario) -> bool {
    scenario.path("running").exists()
}

fn go(scenario: &Scenario) {
    fs::write(scenario.path("go"), "").unwrap();
}

/// The run, with its first step under way.
fn held(arguments: &[&str]) -> (Scenario, Child) {
    let scenario = Scenario::new(HELD);
    let executor = scenario.start(&[&["exec", "runbook.yaml"], arguments].concat());
    until("the first step", || runs(&scenario));
    (scenario, executor)
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_raw(child.id().cast_signed()).unwrap(), signal).unwrap();
}

#[test]
fn each_signal_that_ends_something_once_stops_after_the_step_and_twice_ends_it() {
    for signal in [Signal::INT, Signal::TERM] {
        let (scenario, executor) = held(&["--json"]);
        send(&executor, signal);
        until("the wish to stop", || scenario.journal().contains(&"stop_requested".to_owned()));
        go(&scenario);
        scenario.wait(executor).exits(6);
        assert_eq!(scenario.steps(), ["slow succeeded", "two pending"], "{signal:?} once");

        let (scenario, executor) = held(&["--json"]);
        send(&executor, signal);
        until("the wish to stop", || scenario.journal().contains(&"stop_requested".to_owned()));
        send(&executor, signal);
        scenario.wait(executor).exits(6);
        assert_eq!(scenario.witness().len(), 0, "{signal:?} twice");
    }
}

#[test]
fn quit_ends_the_step_at_once_and_leaves_no_core() {
    let (scenario, executor) = held(&["--json"]);
    send(&executor, Signal::QUIT);
    scenario.wait(executor).exits(6);
    assert_eq!((scenario.state().as_str(), scenario.witness().len()), ("stopped", 0));
    assert!(scenario.journal().contains(&"stop_requested".to_owned()));
}

#[test]
fn signals_that_ask_for_nothing_are_passed_over() {
    let (scenario, executor) = held(&["--json"]);
    for signal in [Signal::HUP, Signal::USR1, Signal::USR2, Signal::PIPE, Signal::CONT, Signal::WINCH] {
        send(&executor, signal);
    }
    go(&scenario);
    scenario.wait(executor).exits(0);
    assert_eq!(scenario.witness(), ["do slow 1", "do two 1"]);
}

#[test]
fn a_signal_whose_wish_was_taken_back_is_a_first_one_again() {
    let (scenario, executor) = held(&["--json"]);
    let stops = |count| scenario.journal().iter().filter(|line| *line == "stop_requested").count() == count;
    send(&executor, Signal::INT);
    // A wish is durable a moment before the executor hears of it at its socket.
    let taken_back = || scenario.run(&["pause", "--cancel"]).output.status.success();
    until("the wish to stop", || stops(1));
    until("its end", taken_back);
    send(&executor, Signal::INT);
    until("the second wish", || stops(2));
    until("its end", taken_back);
    go(&scenario);
    scenario.wait(executor).exits(0);
    assert_eq!(scenario.witness(), ["do slow 1", "do two 1"]);
}

#[test]
fn ctrl_c_at_the_terminal_once_and_twice() {
    let scenario = Scenario::new(HELD);
    let mut screen = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    until("the first step", || runs(&scenario));
    screen.type_in("\u{3}");
    screen.wait_for("stopping after this step; Ctrl-C once more ends the step itself");
    screen.type_in("\u{3}");
    let (lines, _) = screen.end();
    assert!(lines.iter().any(|line| line.contains("the operator ended it")), "{lines:#?}");
    // On a line of its own it would have what was drawn before stay.
    let echoed: Vec<usize> =
        lines.iter().filter(|line| line.ends_with("^C")).map(|line| line.chars().count()).collect();
    assert!(!echoed.is_empty() && echoed.iter().all(|columns| *columns <= 80), "{echoed:?}");
    assert_eq!((scenario.state().as_str(), scenario.witness().len()), ("stopped", 0));
}

#[test]
fn a_closed_terminal_leaves_the_run_going_to_its_end() {
    let scenario = Scenario::new(HELD);
    let screen = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    until("the first step", || runs(&scenario));
    screen.hang_up();
    go(&scenario);
    until("the end of the run", || scenario.state() == "succeeded");
    assert_eq!(scenario.witness(), ["do slow 1", "do two 1"]);
}

#[test]
fn a_run_that_never_had_a_terminal_ends_at_a_question_and_one_that_lost_it_waits() {
    let asks = "runbook: 1\nname: ask\nsteps:\n  - id: go\n    confirm: { message: go on? }\n    estimate: 1m\n";
    let scenario = Scenario::new(asks);
    scenario.exec(&[]).exits(7);

    let scenario = Scenario::new(asks);
    let mut screen = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    screen.wait_for("yes / no? ");
    screen.hang_up();
    scenario.run(&["answer", "go", "yes"]).exits(0).says("Recorded: go yes.");
    until("the end of the run", || scenario.state() == "succeeded");

    let scenario = Scenario::new(asks);
    let mut screen = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    screen.wait_for("yes / no? ");
    screen.hang_up();
    scenario.run(&["pause"]).exits(0);
    until("the executor's end", || scenario.run(&["pause"]).output.status.code() == Some(3));
    scenario.run(&["answer", "go", "yes"]).exits(0).says("Next: runbook resume RUN");
    scenario.resume().exits(0);
}

#[test]
fn output_that_nobody_reads_any_more_holds_nothing_up() {
    let many = (0..400).fold(String::new(), |steps, at| {
        steps + &format!("  - {{ id: s{at}, assert: [{{ that: true, message: \"{}\" }}] }}\n", "m".repeat(200))
    });
    let scenario = Scenario::new(&format!("{HELD}{many}"));
    // The pipe is never read, and far too small for what comes.
    let mut unread = scenario.start(&["exec", "runbook.yaml", "--json"]);
    go(&scenario);
    until("the end of the run", || scenario.journal().last().is_some_and(|last| last == "run_finished"));
    until("its lock", || scenario.run(&["pause"]).output.status.code() == Some(3));
    assert!(unread.try_wait().unwrap().is_none(), "it ended without what it has to say");
    let mut text = String::new();
    unread.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text.lines().count(), scenario.records().len() + 1);
    assert_eq!(unread.wait().unwrap().code(), Some(0));
}

#[test]
fn a_signal_ends_a_program_that_waits_only_for_its_reader() {
    let many = (0..400).fold(String::new(), |steps, at| {
        steps + &format!("  - {{ id: s{at}, assert: [{{ that: true, message: \"{}\" }}] }}\n", "m".repeat(200))
    });
    let scenario = Scenario::new(&format!("{HELD}{many}"));
    let mut unread = scenario.start(&["exec", "runbook.yaml", "--json"]);
    go(&scenario);
    until("the end of the run", || scenario.journal().last().is_some_and(|last| last == "run_finished"));
    until("its lock", || scenario.run(&["pause"]).output.status.code() == Some(3));
    until("its end", || {
        let ended = unread.try_wait().unwrap().is_some();
        if !ended {
            send(&unread, Signal::INT);
        }
        ended
    });
    assert_eq!(scenario.state(), "succeeded");
}

#[test]
fn closed_pipes_and_closed_streams_end_the_showing_and_never_the_run() {
    for arguments in [&["--json"][..], &[]] {
        let (scenario, mut executor) = held(arguments);
        drop(executor.stdout.take());
        drop(executor.stderr.take());
        go(&scenario);
        assert_eq!(executor.wait().unwrap().code(), Some(0));
        assert_eq!(scenario.witness(), ["do slow 1", "do two 1"]);
    }
    let scenario = Scenario::new(HELD);
    go(&scenario);
    let line = format!("exec {} exec runbook.yaml <&- >&- 2>&-", env!("CARGO_BIN_EXE_runbook"));
    let mut shell = command("sh");
    shell.args(["-c", &line]).current_dir(scenario.path(".")).env("RUNBOOK_STATE", scenario.path("state"));
    assert_eq!(shell.status().unwrap().code(), Some(0));
    assert_eq!(scenario.witness(), ["do slow 1", "do two 1"]);
}

#[test]
fn a_terminal_that_was_stopped_does_not_stop_the_run() {
    let scenario = Scenario::new(HELD);
    let mut screen = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    until("the first step", || runs(&scenario));
    screen.type_in("\u{13}");
    go(&scenario);
    until("the end of the run", || scenario.state() == "succeeded");
    screen.type_in("\u{11}");
    let (lines, code) = screen.end();
    assert_eq!(code, Some(0));
    assert!(lines.iter().any(|line| line.contains("Succeeded: 2 steps done.")), "{lines:#?}");
}

#[test]
fn ctrl_z_stops_the_executor_and_not_the_step_and_the_run_goes_on_with_fg() {
    let scenario = Scenario::new(HELD);
    let mut screen = Screen::of(&scenario.path("."), "PS1='ready> ' bash --norc -i", "C.UTF-8");
    screen.wait_for("ready> ");
    screen.type_in("runbook exec runbook.yaml; echo ended with $?\n");
    until("the first step", || runs(&scenario));
    screen.type_in("\u{1a}");
    screen.wait_for("Stopped");
    go(&scenario);
    until("the step's own end", || scenario.witness() == ["do slow 1"]);
    assert!(!scenario.journal().contains(&"attempt_finished slow".to_owned()));
    screen.wait_for("ready> ");
    screen.type_in("fg; echo and $?\n");
    screen.wait_for("Succeeded: 2 steps done.");
    screen.wait_for("and 0");
    screen.type_in("exit\n");
    screen.end();
    assert_eq!(scenario.witness(), ["do slow 1", "do two 1"]);
}

#[test]
fn in_the_background_a_question_waits_and_can_be_answered_from_elsewhere() {
    let asks = "runbook: 1\nname: ask\nsteps:\n  - id: go\n    confirm: { message: go on? }\n    estimate: 1m\n";
    let scenario = Scenario::new(asks);
    let mut screen = Screen::of(&scenario.path("."), "PS1='ready> ' bash --norc -i", "C.UTF-8");
    screen.wait_for("ready> ");
    screen.type_in("runbook exec runbook.yaml & \n");
    screen.wait_for("yes / no? ");
    // What is typed is the shell's.
    screen.type_in("echo no-$((3 + 4))\n");
    screen.wait_for("no-7");
    scenario.run(&["answer", "go", "yes"]).exits(0);
    until("the end of the run", || scenario.state() == "succeeded");
    screen.type_in("exit\n");
    screen.end();
}

#[test]
fn a_step_that_wants_a_terminal_finds_none() {
    let scenario = Scenario::new(
        "runbook: 1\nname: tty\nsteps:\n  - id: it\n    shell: read -r answer </dev/tty; echo got it\n    timeout: 1m\n    \
         rollback: { not_needed: it is a test }\n",
    );
    let (lines, code) = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8").end();
    assert_eq!(code, Some(1), "{lines:#?}");
    let records = scenario.records();
    let finished = records.iter().find(|record| record["event"] == "attempt_finished").unwrap();
    assert!(finished["result"]["stderr"].as_str().unwrap().contains("/dev/tty"), "{finished}");
    assert!(!finished["result"]["stdout"].as_str().unwrap_or_default().contains("got it"), "{finished}");
}

#[test]
fn lines_are_read_as_they_come_although_they_are_written_behind() {
    let (scenario, mut executor) = held(&["--json"]);
    let mut lines = BufReader::new(executor.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("attempt_started")));
    go(&scenario);
    assert!(lines.any(|line| line.unwrap().contains("run_finished")));
    assert_eq!(executor.wait().unwrap().code(), Some(0));
}
