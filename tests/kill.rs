//! Processes killed and signalled while a step runs. A step says through a pipe that it runs, and waits at another,
//! so nothing here depends on time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Child;
use std::sync::mpsc;
use std::time::Duration;

use runbook::action::proc;
use runbook::model::event::ProcessIdentity;
use rustix::process::{Pid, Signal, kill_process};
use scenario::{Ran, Scenario, user};

const WHOLE: &str = r#"
runbook: 1
name: whole
defaults: { timeout: 1m }
hooks:
  on_start: [{ id: announce, command: [./held] }]
  on_failure: [{ id: page, command: [./held] }]
  on_rollback: [{ id: tell, command: [./held] }]
  always: [{ id: close, command: [./held] }]
steps:
  - id: script
    shell: ./held
    verify: { command: ["true"] }
    rollback: { shell: ./held }
  - id: program
    command: [./held]
    verify: { command: ["true"] }
    rollback: { command: [./held] }
  - id: config
    file: { path: config, content: "new\n", reload: [./held] }
  - id: break
    shell: ./held; exit 3
    verify: { command: ["true"] }
    rollback: { command: [./held] }
    on_failure: rollback
"#;

/// A scenario in which one step waits, and the program that came to it.
struct Held {
    scenario: Scenario,
    executor: Option<Child>,
    step: ProcessIdentity,
}

fn prepared(runbook: &str) -> Scenario {
    use std::os::unix::fs::PermissionsExt as _;
    let scenario = Scenario::new(runbook).file("held", include_str!("support/held.sh"));
    fs::set_permissions(scenario.path("held"), fs::Permissions::from_mode(0o755)).unwrap();
    scenario.fifo("running");
    scenario.fifo("go");
    scenario
}

/// Runs the runbook until that step waits, given as `do STEP` or `undo STEP`.
fn held(runbook: &str, step: &str) -> Held {
    let scenario = prepared(runbook).file("hold", step);
    let executor = scenario.start(&["exec", "runbook.yaml", "--yes", "--json"]);
    let step = proc::identify(in_time(&scenario, "running").trim().parse().unwrap()).unwrap();
    Held { scenario, executor: Some(executor), step }
}

/// What somebody writes to a pipe. A test that waits in vain fails instead of hanging.
fn in_time(scenario: &Scenario, pipe: &str) -> String {
    let path = scenario.path(pipe);
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || sender.send(fs::read_to_string(path).unwrap()));
    receiver.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| panic!("nothing came: {:#?}", scenario.journal()))
}

impl Held {
    fn executor(&mut self) -> &mut Child {
        self.executor.as_mut().unwrap()
    }

    fn signal(&mut self, signal: Signal) {
        send(self.executor().id().cast_signed(), signal);
    }

    /// Reads what the executor prints up to a line with that text.
    fn prints(&mut self, text: &str) {
        let mut lines = BufReader::new(self.executor().stdout.as_mut().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains(text)), "`{text}` is never printed");
    }

    fn kill_executor(&mut self) -> &mut Self {
        let mut executor = self.executor.take().unwrap();
        executor.kill().unwrap();
        executor.wait().unwrap();
        self
    }

    /// Kills the supervisor of what is held, as the last intent names it.
    fn kill_supervisor(&mut self) -> &mut Self {
        let records = self.scenario.records();
        let intent = records.iter().rev().find_map(|record| record["intent"].get("process")).unwrap();
        kill(&serde_json::from_value(intent.clone()).unwrap());
        self
    }

    fn kill_step(&mut self) -> &mut Self {
        kill(&self.step);
        self
    }

    /// The step goes on.
    fn release(&self) {
        fs::write(self.scenario.path("go"), "\n").unwrap();
    }

    /// The end of the executor.
    fn ends(&mut self) -> Ran {
        let executor = self.executor.take().unwrap();
        self.scenario.wait(executor)
    }
}

fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Kills a process and waits until it is gone.
fn kill(process: &ProcessIdentity) {
    send(process.pid, Signal::KILL);
    while proc::is_alive(process) {
        std::thread::yield_now();
    }
}

#[test]
fn killing_the_executor_during_any_step_leaves_the_step_alone_and_its_supervisor_tells_how_it_ended() {
    let undisturbed = prepared(WHOLE);
    undisturbed.exec(&[]).exits(4);
    let steps = undisturbed.witness();
    for step in &steps {
        let step = step.rsplit_once(' ').unwrap().0;
        let mut held = held(WHOLE, step);
        held.kill_executor().release();
        held.scenario.resume().exits(4);
        let mut effects = held.scenario.witness();
        // The reload of a file is done again when nobody knows whether it was done.
        effects.dedup_by(|later, earlier| later == earlier && later.contains("config"));
        assert_eq!(effects, steps, "{step}");
        assert_eq!(held.scenario.steps(), undisturbed.steps(), "{step}");
    }
}

#[test]
fn a_step_that_still_runs_when_the_run_is_taken_up_is_waited_for() {
    let mut held = held(WHOLE, "do program");
    held.kill_executor();
    held.executor = Some(held.scenario.start(&["resume", "--json"]));
    held.prints("run_resumed");
    held.release();
    held.ends().exits(4);
    assert_eq!(held.scenario.witness().iter().filter(|line| *line == "do program 1").count(), 1);
    assert_eq!(held.scenario.witness().iter().filter(|line| line.starts_with("do program")).count(), 1);
}

/// One step with these fields, then another.
fn lost(fields: &str) -> String {
    format!(
        r#"
runbook: 1
name: lost
defaults: {{ timeout: 1m }}
steps:
  - id: act
    command: [./held]
    {fields}
    rollback: {{ command: [./held] }}
  - id: later
    command: [./witness]
    verify: {{ command: ["true"] }}
    rollback: {{ command: [./witness] }}
"#
    )
}

const ATTESTED: &str = "verify: { command: [\"true\"] }";

/// The executor, the supervisor and the step are gone, and nobody wrote down how the step ended.
fn all_killed(runbook: &str, step: &str) -> Held {
    let mut held = held(runbook, step);
    held.kill_executor().kill_supervisor().kill_step();
    held
}

#[test]
fn an_unknown_outcome_is_settled_by_the_check_that_holds() {
    let held = all_killed(&lost("check: { command: [test, -e, witness.log] }"), "do act");
    held.scenario.resume().exits(0).says("settled as succeeded");
    assert_eq!(held.scenario.witness(), ["do act 1", "do later 1"]);
}

#[test]
fn an_unknown_outcome_is_settled_by_the_check_that_does_not_hold_and_the_step_runs_again() {
    let held = all_killed(&lost(&format!("check: {{ command: [test, -e, nothing] }}\n    {ATTESTED}")), "do act");
    held.scenario.resume().exits(0).says("settled as not started");
    assert_eq!(held.scenario.witness(), ["do act 1", "do act 2", "do later 1"]);
}

#[test]
fn an_unknown_outcome_of_an_idempotent_step_is_run_again() {
    let held = all_killed(&lost(&format!("idempotent: true\n    {ATTESTED}")), "do act");
    held.scenario.resume().exits(0).says("it is idempotent");
    assert_eq!(held.scenario.witness(), ["do act 1", "do act 2", "do later 1"]);
}

#[test]
fn an_unknown_outcome_that_nothing_settles_is_asked_about_and_each_word_of_the_answer_counts() {
    let words = [
        ("succeeded", 0, "succeeded", ["do act 1", "do later 1"].as_slice()),
        ("failed", 1, "failed", &["do act 1"]),
        ("not-started", 0, "succeeded", &["do act 1", "do act 2", "do later 1"]),
        ("run-again", 0, "succeeded", &["do act 1", "do act 2", "do later 1"]),
    ];
    for (word, code, state, witness) in words {
        let held = all_killed(&lost(ATTESTED), "do act");
        let scenario = &held.scenario;
        scenario.resume().exits(7).says("nothing of its session is left");
        assert_eq!(scenario.state(), "blocked");
        scenario.answer("act", word, &[]).exits(2).warns("this answer needs a reason");
        answered(scenario, word, code, state, witness);
    }
}

/// Answers with that word and goes on, to that exit code, state and witness.
#[track_caller]
fn answered(scenario: &Scenario, word: &str, code: i32, state: &str, witness: &[&str]) {
    scenario.answer("act", word, &["--reason", "looked"]).exits(0);
    scenario.resume().exits(code);
    assert_eq!(scenario.state(), state, "{word}");
    assert_eq!(scenario.witness(), witness, "{word}");
}

#[test]
fn a_step_that_lost_its_supervisor_and_still_runs_is_never_settled_without_a_person() {
    let fields = "idempotent: true\n    check: { command: [test, -e, witness.log] }";
    let mut held = held(&lost(fields), "do act");
    held.kill_supervisor();
    held.ends().exits(7).says("It may still be running: make sure that it is over.");
    assert!(proc::is_alive(&held.step), "the step was not to be touched");
    held.kill_step();
    held.scenario.answer("act", "succeeded", &["--reason", "ended it and looked"]).exits(0);
    held.scenario.resume().exits(0);
    assert_eq!(held.scenario.witness(), ["do act 1", "do later 1"]);
}

/// A step that fails and is undone.
fn fails() -> String {
    format!("success: {{ exit_codes: [9] }}\n    on_failure: rollback\n    {ATTESTED}")
}

#[test]
fn an_undo_that_was_lost_and_is_over_is_run_again() {
    let held = all_killed(&lost(&fails()), "undo act");
    held.scenario.resume().exits(4).says("an undo may be run twice, and the earlier attempt is over");
    assert_eq!(held.scenario.witness(), ["do act 1", "undo act 1", "undo act 2"]);
}

#[test]
fn an_undo_that_was_lost_and_may_still_run_is_asked_about_and_each_word_of_the_answer_counts() {
    let words = [
        ("succeeded", 4, "rolled_back", ["do act 1", "undo act 1"].as_slice()),
        ("failed", 5, "stuck", &["do act 1", "undo act 1"]),
        ("run-again", 4, "rolled_back", &["do act 1", "undo act 1", "undo act 2"]),
    ];
    for (word, code, state, witness) in words {
        let mut held = held(&lost(&fails()), "undo act");
        held.kill_supervisor();
        held.ends().exits(7);
        held.scenario
            .run(&["status"])
            .exits(0)
            .says("act asks:\n    Nobody recorded how attempt 1 of the undo of act ended; it began at TIME.\n")
            .says("\n    it ran on local, in FOLDER:\n    | ./held\n")
            .says("it is gone, and of the step these still run: ")
            .says("\n          runs its undo again; only if you are sure that the earlier one is over\n");
        held.kill_step();
        answered(&held.scenario, word, code, state, witness);
    }
}

#[test]
fn one_interrupt_lets_the_step_finish_and_stops_before_the_next() {
    let mut held = held(&lost(ATTESTED), "do act");
    held.signal(Signal::INT);
    held.prints("stop_requested");
    held.release();
    held.ends().exits(6);
    assert_eq!((held.scenario.state().as_str(), held.scenario.witness()), ("stopped", vec!["do act 1".to_owned()]));
    held.scenario.resume().exits(0);
    assert_eq!(held.scenario.witness(), ["do act 1", "do later 1"]);
}

#[test]
fn a_second_interrupt_ends_the_step_itself() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut held = held(&lost(ATTESTED), "do act");
        held.signal(Signal::INT);
        held.prints("stop_requested");
        held.signal(signal);
        held.ends().exits(6).says("the operator ended it");
        assert!(!proc::is_alive(&held.step), "the step goes on");
        assert_eq!(held.scenario.state(), "stopped");
        held.scenario.resume().exits(0);
        assert_eq!(held.scenario.witness(), ["do act 1", "do act 2", "do later 1"]);
    }
}

#[test]
fn a_terminal_that_goes_away_stops_nothing() {
    let mut held = held(&lost(ATTESTED), "do act");
    held.signal(Signal::HUP);
    held.release();
    held.ends().exits(0);
    assert!(!held.scenario.journal().contains(&"stop_requested".to_owned()));
    assert_eq!(held.scenario.witness(), ["do act 1", "do later 1"]);
}

#[test]
fn a_second_executor_of_the_same_runbook_is_refused_and_told_who_holds_it_where_and_since_when() {
    let mut held = held(&lost(ATTESTED), "do act");
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    let who = format!("is held by {} on {} since TIME: run RUN, process {}", user(), host.trim(), held.executor().id());
    held.scenario.exec(&[]).exits(3).warns(&who).warns("wait for it, or look at it with: runbook status RUN");
    held.scenario.resume().exits(3).warns(&who);
    held.scenario.run(&["rollback"]).exits(3).warns(&who);
    held.scenario.answer("act", "failed", &["--reason", "no"]).exits(3).warns("RUN does not ask about act");
    held.scenario.run(&["status"]).exits(0).says(&format!("executed by {} on ", user()));
    held.release();
    held.ends().exits(0);
    assert_eq!(held.scenario.runs().len(), 1, "a run that was refused leaves nothing");
}
