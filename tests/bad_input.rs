//! What people and machines get wrong: each with its exit code, a message that says what to do, and never a panic.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use scenario::{Scenario, command};

const FINE: &str = r#"
runbook: 1
name: fine
defaults: { timeout: 1m }
parameters:
  lag: { type: integer, default: 0, maximum: 9 }
  where: { type: string, default: here, enum: [here, there] }
steps:
  - id: one
    command: [./witness]
    verify: { command: ["true"] }
    rollback: { command: [./witness] }
  - id: two
    command: [./witness]
    verify: { command: ["true"] }
    rollback: { command: [./witness] }
"#;

const NOTHING: [&str; 0] = [];

#[test]
fn what_is_no_runbook_is_refused_with_its_place() {
    let texts = [
        ("a: [b", "runbook.yaml:1:"),
        ("", "runbook.yaml"),
        ("\u{0}\u{1}", "runbook.yaml"),
        ("- 1\n- 2\n", "runbook.yaml:1:1"),
        ("just some words\n", "runbook.yaml:1:1"),
        ("runbook: 2\nname: later\nsteps: []\n", "runbook.yaml:1:10"),
    ];
    for (text, place) in texts {
        let scenario = Scenario::new(text);
        let ran =
            scenario.exec(&[]).exits(2).warns(place).warns("runbook.yaml is not a valid runbook, and nothing was run");
        ran.warns("help: mend the runbook; runbook validate runbook.yaml shows warnings too");
        assert_eq!(scenario.runs().len(), 0);
    }
}

#[test]
fn bytes_that_are_no_text_are_refused() {
    let scenario = Scenario::new("");
    fs::write(scenario.path("runbook.yaml"), b"name: \xff\xfe\n").unwrap();
    scenario.exec(&[]).exits(2).warns("runbook.yaml is not a valid runbook, and nothing was run");
}

#[test]
fn a_path_that_is_no_file_is_answered_with_what_to_give() {
    let scenario = Scenario::new(FINE);
    fs::create_dir(scenario.path("empty")).unwrap();
    scenario
        .run(&["exec", "nothing.yaml"])
        .exits(2)
        .warns("cannot read nothing.yaml")
        .warns("give the path of a runbook");
    scenario.run(&["exec", "empty"]).exits(2).warns("give one file; runbook validate takes folders");
    scenario.run(&["validate", "empty"]).exits(2).warns("empty");
    scenario.run(&["validate", "nothing.yaml"]).exits(2).warns("nothing.yaml");
    scenario.run(&["exec"]).exits(2).warns("<FILE>");
    scenario.run(&["resum"]).exits(2).warns("resume");
}

#[test]
fn parameters_are_refused_before_anything_runs() {
    let needs = FINE.replace("default: 0, ", "");
    let cases = [
        (FINE, ["-p", "lag=much"].as_slice(), "lag"),
        (FINE, &["-p", "lag=10"], "lag"),
        (FINE, &["-p", "where=nowhere"], "where"),
        (FINE, &["-p", "lga=1"], "lga"),
        (FINE, &["-p", "lag=1", "-p", "lag=2"], "parameter `lag` is given twice"),
        (FINE, &["-p", "lag"], "type -p lag=VALUE"),
        (&needs, &[], "lag"),
    ];
    for (runbook, arguments, message) in cases {
        let scenario = Scenario::new(runbook);
        scenario.exec(arguments).exits(2).warns(message).warns("help: ");
        assert_eq!((scenario.runs().len(), scenario.witness()), (0, Vec::new()), "{arguments:?}");
    }
}

#[test]
fn a_run_that_is_not_there_or_could_be_several_is_answered_with_those_there_are() {
    let scenario = Scenario::new(FINE);
    for arguments in [["status"].as_slice(), &["resume"], &["rollback"], &["audit", "show"], &["audit", "verify"]] {
        scenario.run(arguments).exits(2).warns("there is no run yet: `runbook exec FILE` starts one");
    }
    scenario.exec(&[]).exits(0);
    scenario.exec(&[]).exits(0);
    for arguments in
        [["status", "nope"].as_slice(), &["resume", "nope"], &["rollback", "nope"], &["answer", "nope", "one", "yes"]]
    {
        scenario.run(arguments).exits(2).warns("there is no run `nope`").warns("`runbook list` shows all");
    }
    scenario
        .run(&["status", "20"])
        .exits(2)
        .warns("2 runs can be meant; name one, or as much of its id as no other has:\n  RUN\n  RUN");
    scenario
        .run(&["answer", &scenario.id(), "one", "yes"])
        .exits(3)
        .warns("RUN does not ask about one")
        .warns("it asks nothing now");
}

#[test]
fn a_database_that_is_not_there_fails_the_step_and_names_the_target() {
    let scenario = Scenario::new(
        r#"
runbook: 1
name: absent
targets: { orders: { postgres: "host=/nonexistent dbname=orders" } }
steps:
  - { id: ask, query: select 1, target: orders, timeout: 5s }
"#,
    );
    scenario
        .exec(&[])
        .exits(1)
        .says("orders")
        .says("/nonexistent")
        .says("next: runbook resume RUN\n          tries ask again, and goes on");
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skipped(why: &str) {
    eprintln!("skipped: {why}");
}

/// The program as a user who may write nothing but what everybody may; `None` where that cannot be done.
fn as_nobody(scenario: &Scenario, arguments: &[&str]) -> Option<std::process::Output> {
    if !rustix::process::getuid().is_root() {
        skipped("only root can become another user");
        return None;
    }
    fs::set_permissions(scenario.path("."), fs::Permissions::from_mode(0o755)).unwrap();
    let program = scenario.path("runbook");
    fs::copy(env!("CARGO_BIN_EXE_runbook"), &program).unwrap();
    let mut nobody = command("setpriv");
    nobody.args(["--reuid=65534", "--regid=65534", "--clear-groups", "setsid"]).arg(program).args(arguments);
    nobody.current_dir(scenario.path(".")).env("RUNBOOK_STATE", scenario.path("closed/state")).stdin(Stdio::null());
    Some(nobody.output().unwrap())
}

#[test]
fn a_state_folder_that_may_not_be_written_is_refused_before_anything_runs() {
    let scenario = Scenario::new(FINE);
    fs::create_dir(scenario.path("closed")).unwrap();
    let Some(output) = as_nobody(&scenario, &["exec", "runbook.yaml"]) else { return };
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("make the folder writable, or name another with RUNBOOK_STATE=FOLDER"), "{said}");
    assert!(said.contains("because: Permission denied"), "{said}");
    assert_eq!(scenario.witness(), NOTHING);
}

/// A disk of eight mebibytes at `state`, taken off when this is dropped.
struct SmallDisk<'a>(&'a Scenario);

impl<'a> SmallDisk<'a> {
    /// `None` where no disk can be mounted.
    fn mount(scenario: &'a Scenario) -> Option<Self> {
        fs::create_dir(scenario.path("state")).unwrap();
        let mut mount = command("mount");
        mount.args(["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs"]).arg(scenario.path("state"));
        if !mount.output().is_ok_and(|mounted| mounted.status.success()) {
            skipped("no disk can be mounted here");
            return None;
        }
        Some(Self(scenario))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _gone = command("umount").arg(self.0.path("state")).output();
    }
}

#[test]
fn a_disk_that_is_full_before_the_start_refuses_the_run() {
    let scenario = Scenario::new(FINE);
    let Some(_disk) = SmallDisk::mount(&scenario) else { return };
    fs::write(scenario.path("state/filler"), vec![0; 16 << 20]).unwrap_err();
    scenario.exec(&[]).exits(3).warns("RUNBOOK_STATE=FOLDER");
    assert_eq!(scenario.witness(), NOTHING);
    fs::remove_file(scenario.path("state/filler")).unwrap();
    scenario.exec(&[]).exits(0);
    assert_eq!(scenario.runs().len(), 1, "what was refused is no run");
}

#[test]
fn a_disk_that_a_step_fills_stops_the_run_and_room_lets_it_go_on() {
    let filling = FINE.replace("  - id: two", "  - id: fill\n    shell: ./witness; head -c 16M /dev/zero > state/filler || true\n    verify: { command: [\"true\"] }\n    rollback: { command: [./witness] }\n  - id: two");
    let scenario = Scenario::new(&filling);
    let Some(_disk) = SmallDisk::mount(&scenario) else { return };
    scenario.exec(&[]).exits(6).says("make room, then: runbook resume");
    let before = scenario.witness();
    assert_eq!(before, ["do one 1", "do fill 1"]);
    scenario.resume().exits(6);
    assert_eq!(scenario.witness(), before, "nothing begins on a full disk");
    fs::remove_file(scenario.path("state/filler")).unwrap();
    scenario.resume().exits(0);
    assert_eq!(scenario.witness(), ["do one 1", "do fill 1", "do two 1"]);
}

#[test]
fn a_standard_output_that_nobody_reads_stops_nothing() {
    let redirections = [">&-", "2>&-", ">&- 2>&- <&-", ">/dev/full", "| true"];
    for redirection in redirections {
        for options in ["", "--json"] {
            let scenario = Scenario::new(FINE);
            let line = format!(
                "set -o pipefail; '{}' exec runbook.yaml {options} {redirection}",
                env!("CARGO_BIN_EXE_runbook")
            );
            let mut shell = command("setsid");
            shell.args(["bash", "-c", &line]).current_dir(scenario.path("."));
            shell.env("RUNBOOK_STATE", scenario.path("state")).stdin(Stdio::null());
            let output = shell.output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!((output.status.code(), said.contains("panicked")), (Some(0), false), "{redirection}: {said}");
            assert_eq!(scenario.witness(), ["do one 1", "do two 1"], "{redirection}");
        }
    }
}

#[test]
fn without_home_the_state_folder_has_to_be_named() {
    let scenario = Scenario::new(FINE).without_env("HOME").without_env("RUNBOOK_STATE");
    scenario.exec(&[]).exits(3).warns("RUNBOOK_STATE=FOLDER");
    assert_eq!(scenario.witness(), NOTHING);
    let elsewhere = scenario.path("elsewhere").display().to_string();
    let scenario = scenario.env("XDG_STATE_HOME", &elsewhere);
    scenario.exec(&[]).exits(0);
    assert!(scenario.path("elsewhere/runbook/runs").is_dir());
}

#[test]
fn a_journal_that_was_tampered_with_is_not_gone_on_with() {
    let scenario = Scenario::new(
        &FINE.replace("  - id: two\n    command: [./witness]", "  - id: two\n    shell: ./witness; exit 1"),
    );
    scenario.exec(&[]).exits(1);
    let journal = scenario.runs()[0].join("journal.jsonl");
    let text = fs::read_to_string(&journal).unwrap();
    fs::write(&journal, text.replacen("\"outcome\":\"succeeded\"", "\"outcome\":\"timed_out\"", 1)).unwrap();
    for arguments in [["resume"].as_slice(), &["rollback"], &["status"], &["answer", &scenario.id(), "two", "retry"]] {
        let ran = scenario.run(arguments).exits(1).warns("record 3 was damaged or tampered with");
        ran.warns("help: look at it with: runbook audit verify");
    }
    scenario.run(&["audit", "verify"]).exits(1).says("NOT INTACT. record 3");
    scenario.run(&["list"]).exits(0).says("unreadable");
    assert_eq!(scenario.witness(), ["do one 1", "do two 1"]);
}

#[test]
fn a_run_whose_runbook_was_damaged_is_not_gone_on_with() {
    let scenario = Scenario::new(
        &FINE.replace("  - id: two\n    command: [./witness]", "  - id: two\n    shell: ./witness; exit 1"),
    );
    scenario.exec(&[]).exits(1);
    fs::write(scenario.runs()[0].join("runbook.json"), "{").unwrap();
    scenario.resume().exits(2).warns("runbook.json");
    assert_eq!(scenario.witness(), ["do one 1", "do two 1"]);
}
