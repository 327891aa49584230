//! What a second turn, a second attempt or a rollback finds: the same care that the first one had.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a test says what it expects, and runs programs")]

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

/// A folder with one runbook, its runs, and what its steps left.
struct Scene {
    folder: TempDir,
}

struct Turn {
    code: Option<i32>,
    shown: String,
}

impl Scene {
    /// `steps` and what else follows the head of the runbook; `@` in it is the folder.
    fn new(rest: &str) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let rest = rest.replace('@', &folder.path().display().to_string());
        let text = format!("runbook: 1\nname: scene\ndefaults: {{ timeout: 20s }}\n{rest}");
        fs::write(folder.path().join("scene.yaml"), text).expect("a runbook");
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).expect("a file");
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    fn type_in(&self, arguments: &[&str]) -> Turn {
        let output = Command::new(env!("CARGO_BIN_EXE_runbook"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env("RUNBOOK_STATE", self.path("state"))
            .env("TOKEN", "tr0ub4dor-and-3")
            .output()
            .expect("the program");
        let shown = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        Turn { code: output.status.code(), shown }
    }

    fn exec(&self) -> Turn {
        self.type_in(&["exec", "scene.yaml"])
    }

    /// The folder of the only run.
    fn run(&self) -> PathBuf {
        let runs = fs::read_dir(self.path("state/runs")).expect("runs");
        runs.last().expect("a run").expect("an entry").path()
    }

    fn journal(&self) -> String {
        fs::read_to_string(self.run().join("journal.jsonl")).expect("a journal")
    }
}

#[test]
fn a_reload_that_failed_is_run_again_and_the_step_does_not_succeed_without_it() {
    let scene = Scene::new(
        "steps:
  - id: conf
    file: { path: \"@/conf\", content: new, reload: [bash, -c, \"echo reloaded >> reloads; test -e @/mended\"] }
",
    );
    scene.put("conf", "old");
    assert_eq!(scene.exec().code, Some(1));
    assert_eq!(scene.type_in(&["resume"]).code, Some(1), "the service still refuses the file");
    scene.put("mended", "");
    assert_eq!(scene.type_in(&["resume"]).code, Some(0));
    assert_eq!(scene.text("reloads"), "reloaded\n".repeat(3));
}

#[test]
fn a_step_whose_verify_did_not_hold_does_not_succeed_by_its_check_or_its_bytes() {
    for action in [
        "shell: touch @/made
    check: { command: [test, -e, \"@/made\"] }
    rollback: { command: [rm, -f, \"@/made\"] }",
        "file: { path: \"@/made\", content: new }",
    ] {
        let scene = Scene::new(&format!(
            "steps:\n  - id: it\n    {action}\n    verify: {{ command: [test, -e, \"@/well\"] }}\n"
        ));
        assert_eq!(scene.exec().code, Some(1));
        let again = scene.type_in(&["resume"]);
        assert_eq!(again.code, Some(1), "{}", again.shown);
        scene.put("well", "");
        assert_eq!(scene.type_in(&["resume"]).code, Some(0));
    }
}

#[test]
fn an_undo_that_does_not_hold_what_it_verifies_is_stuck() {
    let scene = Scene::new(
        "steps:
  - id: it
    shell: exit 3
    on_failure: rollback
    rollback: { shell: \"true\", verify: { command: [test, -e, \"@/well\"] } }
",
    );
    assert_eq!(scene.exec().code, Some(5));
    scene.put("well", "");
    assert_eq!(scene.type_in(&["rollback"]).code, Some(4));
}

#[test]
fn an_undo_asserts_waits_and_polls_like_a_step() {
    let scene = Scene::new(
        "timezone: UTC
steps:
  - id: it
    shell: exit 3
    on_failure: rollback
    rollback:
      - { assert: [ { that: 1 == 1 } ] }
      - { shell: \"echo again >> polls; cat polls\", effect: read_only, until: \"'again\\nagain' in stdout\", every: 10ms }
      - { wait: { time: \"2020-01-01T00:00\" } }
",
    );
    let ended = scene.exec();
    assert_eq!((ended.code, scene.text("polls")), (Some(4), "again\nagain\n".to_owned()), "{}", ended.shown);
}

#[test]
fn a_rollback_has_the_files_that_it_puts_in_place() {
    let scene = Scene::new(
        "steps:
  - id: it
    shell: exit 3
    on_failure: rollback
    rollback: { file: { path: \"@/put\", source: safe.txt } }
hooks:
  on_rollback: [ { id: tell, file: { path: \"@/told\", source: safe.txt } } ]
",
    );
    scene.put("safe.txt", "safe\n");
    let ended = scene.exec();
    assert_eq!((ended.code, scene.text("put"), scene.text("told")), (Some(4), "safe\n".into(), "safe\n".into()));
}

#[test]
fn a_file_that_several_rounds_changed_is_put_back_as_it_was_before_the_first() {
    let scene = Scene::new(
        "steps:
  - { id: grow, file: { path: \"@/conf\", edits: [ { match: x, replace: xy } ] }, repeat: { max: 3 } }
  - { id: it, shell: \"test $(cat conf) = xyyy && exit 3\", on_failure: rollback, rollback: { not_needed: it only fails } }
",
    );
    scene.put("conf", "x\n");
    let ended = scene.exec();
    assert_eq!((ended.code, scene.text("conf")), (Some(4), "x\n".to_owned()), "{}", ended.shown);
    assert!(ended.shown.contains("exit 3"), "{}", ended.shown);
}

#[test]
fn a_secret_that_an_earlier_turn_used_is_removed_from_the_output_of_a_later_one() {
    let scene = Scene::new(
        "secrets: { token: { env: TOKEN } }
steps:
  - { id: keep, shell: 'echo \"$T\" > kept', env: { T: \"{{ secrets.token }}\" }, rollback: { not_needed: a note } }
  - { id: show, shell: cat kept; test -e mended, rollback: { not_needed: it looks } }
",
    );
    assert_eq!(scene.exec().code, Some(1));
    scene.put("mended", "");
    assert_eq!(scene.type_in(&["resume"]).code, Some(0));
    assert!(!scene.journal().contains("tr0ub4dor"), "{}", scene.journal());
    assert_eq!(scene.journal().matches("[secret]").count(), 2);
}

#[test]
fn a_runbook_that_was_changed_after_the_run_began_is_not_executed() {
    let scene = Scene::new("steps:\n  - { id: it, shell: exit 3, rollback: { shell: echo undone } }\n");
    assert_eq!(scene.exec().code, Some(1));
    let kept = scene.run().join("runbook.json");
    let text = fs::read_to_string(&kept).expect("the runbook as resolved");
    fs::write(&kept, text.replace("exit 3", "touch evil")).expect("a changed runbook");
    for command in ["resume", "rollback"] {
        let refused = scene.type_in(&[command]);
        assert_eq!(refused.code, Some(1), "{}", refused.shown);
        assert!(refused.shown.contains("is not what this run began with"), "{}", refused.shown);
    }
    assert!(!scene.path("evil").exists());
    fs::write(&kept, text).expect("the runbook put back");
    assert_eq!(scene.type_in(&["rollback"]).code, Some(4));
}

#[test]
fn an_interrupt_at_a_question_stops_the_run_and_says_so() {
    let scene = Scene::new("steps:\n  - { id: go, confirm: { message: go on }, estimate: 1m }\n");
    // `script` gives the program a terminal of its own, and takes over its exit code; its shell would be interrupted too.
    let mut terminal = Command::new("script")
        .args(["-qec", &format!("exec {} exec scene.yaml", env!("CARGO_BIN_EXE_runbook")), "/dev/null"])
        .current_dir(scene.folder.path())
        .env("RUNBOOK_STATE", scene.path("state"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a terminal");
    let (mut keys, mut screen) = (terminal.stdin.take().expect("keys"), terminal.stdout.take().expect("a screen"));
    let (mut shown, mut some) = (Vec::new(), [0; 256]);
    while !String::from_utf8_lossy(&shown).contains("yes / no?") {
        let read = screen.read(&mut some).expect("a question");
        assert!(read > 0, "{}", String::from_utf8_lossy(&shown));
        shown.extend_from_slice(&some[..read]);
    }
    keys.write_all(b"\x03").expect("an interrupt");
    screen.read_to_end(&mut shown).expect("the end");
    let code = terminal.wait().expect("an exit").code();
    assert_eq!(code, Some(6), "{}", String::from_utf8_lossy(&shown));
    assert!(scene.journal().contains("stop_requested"), "{}", scene.journal());
}

#[test]
fn a_second_interrupt_ends_a_look_however_long_it_would_take() {
    for step in [
        "{ id: it, shell: \"echo > looks; sleep 600\", effect: read_only, until: exit_code == 0, timeout: 20m }",
        "{ id: it, shell: \"true\", rollback: { not_needed: a look },
      verify: { shell: \"echo > looks; sleep 600\", timeout: 20m } }",
    ] {
        let scene = Scene::new(&format!("steps:\n  - {step}\n"));
        let made = Command::new("mkfifo").arg(scene.path("looks")).status().expect("mkfifo");
        assert!(made.success());
        let mut program = Command::new(env!("CARGO_BIN_EXE_runbook"))
            .args(["exec", "scene.yaml"])
            .current_dir(scene.folder.path())
            .env("RUNBOOK_STATE", scene.path("state"))
            .stdout(Stdio::null())
            .spawn()
            .expect("the program");
        fs::read(scene.path("looks")).expect("a look");
        let began = Instant::now();
        let pid = Pid::from_child(&program);
        let code = loop {
            // Two that come at once count as one.
            let _gone = kill_process(pid, Signal::INT);
            if let Some(status) = program.try_wait().expect("a status") {
                break status.code();
            }
            std::thread::yield_now();
        };
        assert_eq!(code, Some(6));
        assert!(began.elapsed() < Duration::from_mins(1));
    }
}

#[test]
fn one_interrupt_during_the_look_before_a_step_stops_the_run_and_the_step_never_begins() {
    let scene = Scene::new(
        "steps:
  - { id: it, shell: \"touch done\", check: { shell: \"echo > looks; sleep 600\", timeout: 20m }, rollback: { not_needed: a note } }
",
    );
    assert!(Command::new("mkfifo").arg(scene.path("looks")).status().expect("mkfifo").success());
    let program = Command::new(env!("CARGO_BIN_EXE_runbook"))
        .args(["exec", "scene.yaml"])
        .current_dir(scene.folder.path())
        .env("RUNBOOK_STATE", scene.path("state"))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program");
    fs::read(scene.path("looks")).expect("a look");
    let began = Instant::now();
    kill_process(Pid::from_child(&program), Signal::INT).expect("the program is there");
    let output = program.wait_with_output().expect("its end");
    assert!(began.elapsed() < Duration::from_mins(1), "the look was waited for");
    assert_eq!(output.status.code(), Some(6), "{}", String::from_utf8_lossy(&output.stdout));
    assert!(String::from_utf8_lossy(&output.stdout).contains("Stopped before it. Nothing was undone."));
    assert!(!scene.journal().contains("attempt_started") && !scene.path("done").exists());
}

#[test]
fn a_run_knows_the_same_beginning_in_every_turn() {
    let scene = Scene::new(
        "steps:
  - { id: it, shell: 'echo \"$S\" >> began; test -e mended', env: { S: \"{{ run.started }}\" }, rollback: { not_needed: a note } }
",
    );
    assert_eq!(scene.exec().code, Some(1));
    scene.put("mended", "");
    assert_eq!(scene.type_in(&["resume"]).code, Some(0));
    let began = scene.text("began");
    let lines: Vec<&str> = began.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, lines[1]));
}

#[test]
fn a_torn_last_line_that_is_cut_is_recorded_also_when_the_command_is_refused() {
    let scene = Scene::new("steps:\n  - { id: go, confirm: { message: go on }, estimate: 1m }\n");
    assert_eq!(scene.exec().code, Some(7));
    let path = scene.run().join("journal.jsonl");
    for refused in [&["answer", "2", "go", "perhaps"][..], &["rollback", "--to", "nowhere"]] {
        let whole = scene.journal();
        fs::write(&path, whole.clone() + "{\"seq\":").expect("a torn line");
        assert_eq!(scene.type_in(refused).code, Some(2));
        let records = whole.matches("journal_recovered").count();
        assert_eq!(scene.journal().matches("journal_recovered").count(), records + 1);
    }
}

#[test]
fn an_undo_that_nobody_could_carry_out_is_answered_for_with_a_reason() {
    let scene = Scene::new(
        "steps:
  - { id: first, shell: \"true\", rollback: { shell: touch @/undone } }
  - id: it
    shell: exit 3
    on_failure: rollback
    rollback: { manual: { instructions: put it back }, estimate: 1m }
",
    );
    // Without a terminal nobody can be asked.
    let alone = |arguments: &[&str]| {
        let mut all = vec!["--wait", env!("CARGO_BIN_EXE_runbook")];
        all.extend(arguments);
        let mut program = Command::new("setsid");
        program.args(all).current_dir(scene.folder.path()).env("RUNBOOK_STATE", scene.path("state"));
        program.output().expect("the program").status.code()
    };
    assert_eq!(alone(&["exec", "scene.yaml"]), Some(7), "it waits for an answer");
    assert_eq!(alone(&["answer", "2", "it", "failed"]), Some(2), "a reason is needed");
    assert_eq!(alone(&["answer", "2", "it", "succeeded", "--reason", "put back by hand"]), Some(0));
    assert_eq!(alone(&["rollback"]), Some(4));
    assert!(scene.path("undone").exists());
    assert!(scene.journal().contains("put back by hand"));
}
