//! What a second turn, a second attempt or a rollback finds: the same care that the first one had.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a test says what it expects, and runs programs")]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

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
        "steps:
  - id: it
    shell: exit 3
    on_failure: rollback
    rollback:
      - { assert: [ { that: 1 == 1 } ] }
      - { shell: \"echo again >> polls; cat polls\", effect: read_only, until: \"'again\\nagain' in stdout\", every: 10ms }
      - { wait: { time: \"2020-01-01T00:00:00Z\" } }
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
