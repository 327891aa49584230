//! A run reached from another terminal: paused, aborted, steps left out, and whatever else comes to its socket.

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
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Child;

use scenario::{Scenario, user};
use screen::Screen;
use serde_json::{Value, json};
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
  - id: three
    command: [./witness]
    rollback: { command: [./witness] }
";

/// The run, with its first step under way.
fn held() -> (Scenario, Child) {
    let scenario = Scenario::new(HELD);
    let executor = scenario.start(&["exec", "runbook.yaml", "--json"]);
    until("the first step", || scenario.path("running").exists());
    (scenario, executor)
}

fn go(scenario: &Scenario) {
    fs::write(scenario.path("go"), "").unwrap();
}

fn socket(scenario: &Scenario) -> PathBuf {
    scenario.runs().pop().unwrap().join("control.sock")
}

/// What comes back for these bytes.
fn ask(socket: &Path, bytes: &[u8]) -> Value {
    let mut stream = UnixStream::connect(socket).unwrap();
    // Whoever says too much is cut off.
    let _cut = stream.write_all(bytes);
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

#[test]
fn a_wish_to_stop_is_seen_taken_back_and_carried_out() {
    let (scenario, executor) = held();
    scenario
        .run(&["pause", "--reason", "the network team calls"])
        .exits(0)
        .says("take that back with: runbook pause RUN");
    let pending = scenario.status()["pending"].clone();
    assert_eq!((&pending[0]["request"], &pending[0]["by"]), (&json!("stop"), &json!(user())));
    assert_eq!(pending[0]["reason"], "the network team calls");
    assert_eq!(pending[0]["at"], scenario.records().last().unwrap()["at"]);
    let status = scenario.run(&["status"]).exits(0);
    status.says("pending: stop after the running step").says("take it back: runbook pause RUN --cancel");
    scenario.run(&["pause"]).exits(0).says("it stops after the running step already");
    scenario.run(&["pause", "--cancel"]).exits(0).says("the wish to stop is taken back");
    assert_eq!(scenario.status()["pending"], json!([]));
    scenario
        .run(&["pause", "--cancel"])
        .exits(3)
        .warns("nobody asked for it")
        .warns("runbook watch RUN shows what it does");
    scenario.run(&["pause", &scenario.id()]).exits(0);
    go(&scenario);
    scenario.wait(executor).exits(6);
    assert_eq!(scenario.steps(), ["slow succeeded", "two pending", "three pending"]);
    assert_eq!(scenario.witness(), ["do slow 1"]);
    let journal = scenario.journal();
    let asked: Vec<&String> = journal.iter().filter(|line| line.contains("request")).collect();
    assert_eq!(asked, ["stop_requested", "request_withdrawn", "stop_requested"]);
    assert!(!socket(&scenario).exists(), "the socket stays");
    for command in [&["pause"][..], &["pause", "--cancel"], &["abort"]] {
        let ran = scenario.run(command).exits(3).warns("nobody executes RUN, so nothing is running: it is stopped");
        ran.warns("runbook status RUN");
    }
    scenario.resume().exits(0);
}

#[test]
fn to_abort_ends_the_running_step() {
    let (scenario, executor) = held();
    scenario.run(&["abort", "--reason", "wrong server"]).exits(0).says("the running step is ended");
    scenario.wait(executor).exits(6);
    assert_eq!((scenario.state().as_str(), scenario.witness().len()), ("stopped", 0));
    let finished = scenario.records().into_iter().find(|record| record["event"] == "attempt_finished").unwrap();
    assert_eq!(finished["failure"]["kind"], "cancelled");
    go(&scenario);
    scenario.resume().exits(0);
    assert_eq!(scenario.witness(), ["do slow 2", "do two 1", "do three 1"]);
}

#[test]
fn what_is_not_possible_now_is_refused_with_what_is() {
    let (scenario, executor) = held();
    for (command, code, why, help) in [
        (&["skip", "two"][..], 2, "needs a reason", "add --reason"),
        (&["skip", "none", "--reason", "x"], 2, "the run has no step none", "runbook status RUN shows its steps"),
        (&["skip", "slow", "--reason", "x"], 3, "slow is running", "runbook abort RUN ends it"),
        (&["skip", "two", "--cancel"], 3, "the wish to leave two out cannot be taken back", "runbook watch RUN"),
        (&["retry", "slow"], 3, "nothing asks whether slow is to be tried again: it is started", "runbook watch RUN"),
        (&["answer", "slow", "yes"], 3, "RUN does not ask about slow", "it asks nothing now"),
        (&["pause", "nope"], 2, "there is no run `nope`", ""),
        (&["resume"], 3, "the run RUN is held by", "runbook status RUN"),
    ] {
        scenario.run(command).exits(code).warns(why).warns(help);
    }
    go(&scenario);
    scenario.wait(executor).exits(0);
    assert_eq!(scenario.witness(), ["do slow 1", "do two 1", "do three 1"]);
    let asked = scenario.journal().into_iter().filter(|line| line.contains("request") || line.contains("decision"));
    assert_eq!(asked.count(), 0, "something that was refused was recorded");
}

#[test]
fn only_the_owner_reaches_the_socket() {
    let (scenario, executor) = held();
    let found = fs::metadata(socket(&scenario)).unwrap();
    assert!(found.file_type().is_socket());
    assert_eq!(found.mode() & 0o777, 0o600);
    assert_eq!(fs::metadata(socket(&scenario).parent().unwrap()).unwrap().mode() & 0o777, 0o700);
    go(&scenario);
    scenario.wait(executor).exits(0);
}

#[test]
fn bad_input_is_answered_and_harms_nothing() {
    let (scenario, executor) = held();
    let long = vec![b'x'; 1 << 20];
    let deep = [b"{\"format\":1,\"request\":".as_slice(), &vec![b'['; 60_000], b"\n"].concat();
    for (bytes, why) in [
        (b"\n".as_slice(), "not a line of JSON"),
        (b"\xff\xfe\x00\n", "not a line of JSON"),
        (b"{\"format\":1,\"request\":\"erase\"}\n", "no such request"),
        (b"{\"format\":9,\"request\":\"status\"}\n", "format 1 of the protocol"),
        (&deep, "not a line of JSON"),
    ] {
        let answer = ask(&socket(&scenario), bytes);
        assert_eq!((&answer["result"], &answer["format"]), (&json!("invalid"), &json!(1)));
        assert!(answer["message"].as_str().unwrap().contains(why), "{answer}");
    }
    // One that says too much may be cut off before it hears why.
    let mut stream = UnixStream::connect(socket(&scenario)).unwrap();
    let _cut = stream.write_all(&long);
    drop(stream);
    let status = ask(&socket(&scenario), b"{\"format\":1,\"request\":\"status\"}\n");
    assert_eq!((&status["result"], &status["status"]["state"]), (&json!("status"), &json!("running")));
    go(&scenario);
    scenario.wait(executor).exits(0);
    assert_eq!(scenario.state(), "succeeded");
}

#[test]
fn hundreds_at_once_and_silent_ones_hold_nothing_up() {
    let (scenario, executor) = held();
    let path = socket(&scenario);
    let silent: Vec<UnixStream> = (0..100).map(|_| UnixStream::connect(&path).unwrap()).collect();
    let mut slow = UnixStream::connect(&path).unwrap();
    slow.write_all(b"{\"format\":").unwrap();
    let answers = std::thread::scope(|scope| {
        let ask = || ask(&path, b"{\"format\":1,\"request\":\"status\"}\n");
        let asked: Vec<_> = (0..300).map(|_| scope.spawn(ask)).collect();
        asked.into_iter().map(|asked| asked.join().unwrap()).collect::<Vec<Value>>()
    });
    assert!(answers.iter().all(|answer| answer["status"]["state"] == "running"));
    go(&scenario);
    scenario.wait(executor).exits(0);
    drop(silent);
}

#[test]
fn a_socket_that_a_killed_executor_left_is_replaced() {
    let (scenario, mut executor) = held();
    executor.kill().unwrap();
    executor.wait().unwrap();
    assert!(socket(&scenario).exists());
    scenario.run(&["pause"]).exits(3).warns("nobody executes RUN");
    let executor = scenario.start(&["resume", "--json"]);
    until("an executor that listens", || UnixStream::connect(socket(&scenario)).is_ok());
    scenario.run(&["pause"]).exits(0);
    go(&scenario);
    scenario.wait(executor).exits(6);
    assert!(!socket(&scenario).exists());
}

#[test]
fn a_folder_whose_path_is_too_long_for_a_socket_has_one() {
    let scenario = Scenario::new(HELD);
    let state = scenario.path(&"s".repeat(200)).display().to_string();
    let scenario = scenario.env("RUNBOOK_STATE", &state);
    let executor = scenario.start(&["exec", "runbook.yaml", "--json"]);
    until("the first step", || scenario.path("running").exists());
    scenario.run(&["pause"]).exits(0);
    go(&scenario);
    scenario.wait(executor).exits(6);
}

#[test]
fn without_a_run_that_is_meant_the_one_that_goes_on_is() {
    let scenario = Scenario::new(HELD).file("other.yaml", &HELD.replace("name: held", "name: other"));
    go(&scenario);
    scenario.exec(&["--json"]).exits(0);
    fs::remove_file(scenario.path("go")).unwrap();
    fs::remove_file(scenario.path("running")).unwrap();
    let executor = scenario.start(&["exec", "other.yaml", "--json"]);
    until("the first step", || scenario.path("running").exists());
    scenario.run(&["pause"]).exits(0);
    go(&scenario);
    scenario.wait(executor).exits(6);
}

/// A step that fails until `mended` is there, and asks.
const ASKING: &str = r"
runbook: 1
name: asking
defaults: { timeout: 1m, on_failure: ask }
steps:
  - id: bad
    shell: ./witness; test -e mended
    rollback: { command: [./witness] }
  - id: after
    command: [./witness]
    rollback: { command: [./witness] }
";

#[test]
fn a_step_that_failed_is_tried_again_or_left_out_from_another_terminal() {
    let scenario = Scenario::new(ASKING);
    let mut screen = Screen::of(&scenario.path("."), "runbook exec runbook.yaml", "C.UTF-8");
    screen.wait_for("retry / skip / rollback / stop? ");
    scenario.run(&["skip", "bad"]).exits(2).warns("needs a reason");
    scenario.run(&["retry", "after"]).exits(3).warns("it is pending").warns("it asks about bad");
    scenario.run(&["answer", "bad", "perhaps"]).exits(2).warns("type one of: retry, skip, rollback, stop");
    scenario.run(&["retry", "bad", "--reason", "once more"]).exits(0).says("Recorded: bad retry.");
    screen.wait_for("retry / skip / rollback / stop? ");
    scenario.run(&["skip", &scenario.id(), "bad", "--reason", "by hand"]).exits(0).says("Recorded: bad skip.");
    let (lines, code) = screen.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains(&format!("{} answered skip: by hand", user()))), "{lines:#?}");
    assert_eq!(scenario.witness(), ["do bad 1", "do bad 2", "do after 1"]);
}

#[test]
fn a_run_that_has_halted_at_its_question_records_what_is_typed_for_when_it_goes_on() {
    let scenario = Scenario::new(ASKING);
    scenario.exec(&[]).exits(7);
    scenario.run(&["pause"]).exits(3).warns("nobody executes RUN, so nothing is running: it is blocked");
    scenario.run(&["retry", "after"]).exits(3).warns("it asks about bad");
    scenario.run(&["skip", "bad"]).exits(2).warns("needs a reason");
    scenario.run(&["retry", "bad"]).exits(0).says("Recorded: bad retry. Next: runbook resume RUN");
    scenario.run(&["resume"]).exits(7);
    scenario.run(&["skip", "bad", "--reason", "by hand"]).exits(0).says("Next: runbook resume RUN");
    scenario.resume().exits(0);
    assert_eq!(scenario.witness(), ["do bad 1", "do bad 2", "do after 1"]);
}

#[test]
fn a_step_that_has_not_begun_is_left_out_once_it_is_its_turn() {
    let (scenario, executor) = held();
    scenario.run(&["skip", "two", "--reason", "done last night"]).exits(0).says("two is left out once it is its turn");
    scenario.run(&["skip", "three", "--reason", "too"]).exits(0);
    let pending = scenario.status()["pending"].clone();
    assert_eq!(
        (&pending[0]["request"], &pending[0]["step"], &pending[1]["step"]),
        (&json!("skip"), &json!("two"), &json!("three"))
    );
    scenario.run(&["skip", "three", "--reason", "again"]).exits(0).says("to be left out already");
    scenario.run(&["status"]).exits(0).says("take it back: runbook skip RUN three --cancel");
    scenario.run(&["skip", "three", "--cancel"]).exits(0).says("the wish to leave three out is taken back");
    go(&scenario);
    scenario.wait(executor).exits(0);
    assert_eq!(scenario.steps(), ["slow succeeded", "two skipped", "three succeeded"]);
    assert_eq!(scenario.witness(), ["do slow 1", "do three 1"]);
    assert_eq!(scenario.status()["pending"], json!([]));
    scenario.run(&["audit", "show"]).exits(0).says("skip_requested two  by=").says("done last night");
}

#[test]
fn an_undo_that_failed_is_left_as_it_is_for_a_reason() {
    let scenario = Scenario::new(
        "runbook: 1\nname: stuck\ndefaults: { timeout: 1m }\nsteps:\n  - id: one\n    command: [./witness]\n    \
         rollback: { command: [./witness] }\n  - id: two\n    command: [./witness]\n    rollback: { shell: exit 4 }\n  - id: \
         three\n    shell: exit 3\n    on_failure: rollback\n    rollback: { not_needed: nothing is kept }\n",
    );
    scenario.exec(&[]).exits(5);
    scenario.run(&["skip", "two"]).exits(2).warns("needs a reason");
    scenario.run(&["retry", "two"]).exits(3).warns("runbook rollback RUN tries its undo again");
    scenario.run(&["skip", "two", "--reason", "it may stay"]).exits(0).says("Next: runbook rollback RUN");
    scenario.run(&["rollback"]).exits(5).says("two");
    assert_eq!(scenario.witness(), ["do one 1", "do two 1", "undo one 1"]);
    assert_eq!(scenario.state(), "partly_rolled_back");
}
