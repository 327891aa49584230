//! What is kept of a step beside its output: files that it left, what it changed, and what plan shows before it.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use runbook::model::digest::sha256;
use scenario::{Scenario, kind, step};
use serde_json::{Value, json};

fn runbook(steps: &str) -> String {
    format!("runbook: 1\nname: trial\ndefaults: {{ timeout: 30s }}\nsteps:\n{steps}")
}

const DONE: &str = "verify: { command: [\"true\"] }, rollback: { not_needed: a trial }";

fn of(scenario: &Scenario, event: &str) -> Vec<Value> {
    scenario.records().into_iter().filter(|record| kind(record) == event).collect()
}

fn kept(scenario: &Scenario) -> Value {
    of(scenario, "artifacts_kept").pop().unwrap()
}

/// The copies of the last record, by what stands at the end of their paths.
fn copies(scenario: &Scenario) -> Vec<(String, PathBuf)> {
    let run = scenario.runs().pop().unwrap();
    let base = scenario.path("").canonicalize().unwrap();
    let record = kept(scenario);
    let files = record["files"].as_array().unwrap().iter();
    files
        .map(|file| {
            let (path, kept) = (file["path"].as_str().unwrap(), run.join(file["kept"].as_str().unwrap()));
            let bytes = fs::read(&kept).unwrap();
            let digest = sha256(&[&bytes]);
            assert_eq!((&file["sha256"], &file["bytes"]), (&json!(digest), &json!(bytes.len())), "{path}");
            assert_eq!(fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600, "{path}");
            (path.strip_prefix(&format!("{}/", base.display())).unwrap_or(path).to_owned(), kept)
        })
        .collect()
}

fn names(scenario: &Scenario) -> Vec<String> {
    copies(scenario).into_iter().map(|(name, _)| name).collect()
}

#[test]
fn what_a_failed_step_left_is_copied_and_shown() {
    let scenario = Scenario::new(&runbook(
        "  - id: check
    shell: mkdir -p out/deep; echo one >out/1.log; printf 'a\\0b' >out/deep/2.bin; echo no >out/3.txt; exit 3
    artifacts: [\"out/**/*.log\", \"{{ 'out' }}/deep/*\", out/1.log, missing.log]
    verify: { command: [\"true\"] }
    rollback: { not_needed: a trial }\n",
    ));
    let ran = scenario.exec(&[]).exits(1);
    assert_eq!(names(&scenario), ["out/1.log", "out/deep/2.bin"]);
    assert_eq!(kept(&scenario)["missing"], json!(["missing.log: no such file"]));
    let order: Vec<String> = scenario.journal();
    let place = |name: &str| order.iter().position(|line| line == name).unwrap();
    assert!(place("attempt_started check") < place("artifacts_kept check"), "{order:?}");
    assert_eq!(place("artifacts_kept check") + 1, place("attempt_finished check"), "{order:?}");
    let ran = ran.says("2 files copied, 7 bytes; missing.log: no such file");
    ran.says("files that steps left: FOLDER/state/runs/RUN/artifacts");
    scenario.run(&["status"]).exits(0).says("files that steps left: FOLDER/state/runs/RUN/artifacts");
    let shown = scenario
        .run(&["audit", "show"])
        .exits(0)
        .says("artifacts_kept check attempt 1  2 files copied, 7 bytes; 1 not");
    let shown = shown.says("not copied: missing.log: no such file");
    let id = scenario.id();
    assert!(
        shown.stdout().contains("artifacts/check.1/") && shown.stdout().contains("/out/deep/2.bin  3 bytes"),
        "{id}"
    );
    scenario.run(&["audit", "verify"]).exits(0);
}

#[test]
fn every_attempt_has_its_own_copies() {
    let scenario = Scenario::new(&runbook(&format!(
        "  - {{ id: again, shell: \"echo $RUNBOOK_ATTEMPT >log; test $RUNBOOK_ATTEMPT = 2\", artifacts: [log], \
         retry: {{ max_attempts: 2 }}, idempotent: true, {DONE} }}\n"
    )));
    scenario.exec(&[]).exits(0);
    let texts: Vec<String> = of(&scenario, "artifacts_kept")
        .iter()
        .map(|record| {
            fs::read_to_string(scenario.runs()[0].join(record["files"][0]["kept"].as_str().unwrap())).unwrap()
        })
        .collect();
    assert_eq!(texts, ["1\n", "2\n"]);
}

#[test]
fn no_link_leads_out_and_nothing_that_is_no_file_is_opened() {
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("private"), "out of reach").unwrap();
    let scenario = Scenario::new(&runbook(&format!(
        "  - {{ id: links, shell: \"true\", artifacts: [\"out/**\", \"out/*/private\", link, out], {DONE} }}\n"
    )));
    fs::create_dir_all(scenario.path("out/real")).unwrap();
    fs::write(scenario.path("out/real/file"), "within").unwrap();
    symlink(outside.path().join("private"), scenario.path("out/leak")).unwrap();
    symlink(outside.path(), scenario.path("out/dir")).unwrap();
    symlink(scenario.path("out"), scenario.path("out/real/round")).unwrap();
    symlink(scenario.path("out/real/file"), scenario.path("out/again")).unwrap();
    symlink(outside.path().join("private"), scenario.path("link")).unwrap();
    symlink("nowhere", scenario.path("out/dangling")).unwrap();
    scenario.fifo("out/pipe");
    scenario.exec(&[]).exits(0);
    assert_eq!(names(&scenario), ["out/real/file"]);
    let missing = kept(&scenario)["missing"].to_string();
    for (what, why) in [
        ("out/leak", "a symbolic link leads out of"),
        ("out/dir/private", "a symbolic link leads out of"),
        ("/link", "a symbolic link leads out of"),
        ("out/pipe", "it is not a regular file"),
        ("out/dangling", "No such file"),
        ("/out", "it is a folder; write /** after it"),
    ] {
        assert!(missing.contains(what) && missing.contains(why), "{what}: {missing}");
    }
    for (_, bytes) in copies(&scenario) {
        assert_eq!(fs::read_to_string(bytes).unwrap(), "within");
    }
    assert!(!fs::read_to_string(scenario.runs()[0].join("journal.jsonl")).unwrap().contains("out of reach"));
}

#[test]
fn there_is_a_bound_to_what_is_copied_and_it_is_recorded() {
    let scenario = Scenario::new(&runbook(&format!(
        "  - {{ id: many, shell: \"mkdir many; for n in $(seq 1200); do echo $n >many/$n; done; truncate -s 300M huge\", \
         artifacts: [huge, \"many/*\"], {DONE} }}\n"
    )));
    scenario.exec(&[]).exits(0);
    assert_eq!(copies(&scenario).len(), 1000);
    let missing = kept(&scenario)["missing"].clone();
    let said: Vec<&str> = missing.as_array().unwrap().iter().map(|why| why.as_str().unwrap()).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].contains("huge: it has 314572800 bytes, and of the 268435456 for one attempt"), "{said:?}");
    assert!(said[1].starts_with("200 more files: only 1000 files are copied"), "{said:?}");
}

#[test]
fn what_cannot_be_read_is_named_and_the_step_succeeds() {
    let steps = format!(
        "  - {{ id: odd, shell: \"echo x >good; mkfifo pipe\", artifacts: [good, pipe, \"{{{{ parameters.names[3] }}}}\"], {DONE} }}\n"
    );
    let names_of = "parameters: { names: { type: list, items: string, default: [a] } }\nsteps:";
    let scenario = Scenario::new(&runbook(&steps).replace("steps:", names_of));
    scenario.exec(&[]).exits(0);
    assert_eq!(names(&scenario), ["good"]);
    assert_eq!(kept(&scenario)["missing"].as_array().unwrap().len(), 2, "{}", kept(&scenario));
}

fn observed(scenario: &Scenario) -> Vec<(String, Option<String>)> {
    let text = |record: &Value, key: &str| record[key].as_str().map(str::to_owned);
    let all = of(scenario, "observed");
    all.iter()
        .map(|record| (format!("{} {}", step(record), record["moment"].as_str().unwrap()), text(record, "text")))
        .collect()
}

#[test]
fn what_a_step_changed_is_read_before_and_after_it_and_after_its_undo() {
    let scenario = Scenario::new(&runbook(
        "  - id: change
    shell: printf 'one\\nthree\\n' >list
    observe: { command: [cat, list] }
    verify: { command: [\"true\"] }
    rollback: { shell: printf 'one\\ntwo\\n' >list }
  - id: break
    shell: exit 1
    verify: { command: [\"true\"] }
    rollback: { not_needed: it did nothing }
    on_failure: rollback\n",
    ))
    .file("list", "one\ntwo\n");
    scenario.exec(&["--yes"]).exits(4);
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        observed(&scenario),
        [
            ("change before".to_owned(), some("one\ntwo")),
            ("change after".to_owned(), some("one\nthree")),
            ("change after".to_owned(), some("one\ntwo")),
        ]
    );
    let order: Vec<String> = scenario.journal().into_iter().filter(|line| line.ends_with(" change")).collect();
    assert_eq!(
        order,
        [
            "observed change",
            "attempt_started change",
            "observed change",
            "attempt_finished change",
            "undo_started change",
            "observed change",
            "undo_finished change"
        ]
    );
    let shown = scenario.run(&["audit", "show"]).exits(0).stdout();
    for lines in ["-two\n", "+three\n", "-three\n", "+two\n"] {
        assert!(shown.contains(lines), "{lines}: {shown}");
    }
}

#[test]
fn a_file_is_observed_with_its_mode_and_without_secrets_also_where_it_is_not_there() {
    let scenario = Scenario::new(
        "runbook: 1\nname: trial\ndefaults: { timeout: 30s }\nsecrets: { token: { env: TOKEN } }\nsteps:
  - id: write
    shell: printf 'key=%s\\n' \"$TOKEN\" >conf; chmod 640 conf
    env: { TOKEN: \"{{ secrets.token }}\" }
    observe: conf
    verify: { command: [\"true\"] }
    rollback: { not_needed: a trial }
  - id: rewrite
    shell: printf 'key=%s\\nmore\\n' \"$TOKEN\" >conf
    env: { TOKEN: \"{{ secrets.token }}\" }
    observe: \"{{ 'conf' }}\"
    verify: { command: [\"true\"] }
    rollback: { not_needed: a trial }
  - id: quiet
    shell: echo again >conf
    sensitive: true
    observe: conf
    verify: { command: [\"true\"] }
    rollback: { not_needed: a trial }\n",
    )
    .env("TOKEN", "hunter2hunter2");
    scenario.exec(&[]).exits(0);
    let seen = observed(&scenario);
    assert_eq!(seen[0], ("write before".to_owned(), None));
    let after = seen[1].1.clone().unwrap();
    assert!(after.starts_with("mode 0640, owner ") && after.ends_with("\nkey=[secret]\n"), "{after}");
    assert!(seen[2].1.as_deref().unwrap().ends_with("\nkey=[secret]\n"), "{seen:?}");
    assert!(seen[3].1.as_deref().unwrap().ends_with("\nkey=[secret]\nmore\n"), "{seen:?}");
    assert_eq!((&seen[4].1, &seen[5].1), (&None, &None), "what is sensitive is not shown");
    let before = of(&scenario, "observed")[0]["detail"].as_str().unwrap().to_owned();
    assert!(before.contains("conf cannot be read: No such file"), "{before}");
    let journal = fs::read_to_string(scenario.runs()[0].join("journal.jsonl")).unwrap();
    assert!(!journal.contains("hunter2"), "{journal}");
    let digest = sha256(&[b"again\n"]);
    assert_eq!(of(&scenario, "observed")[5]["detail"], format!("it is not shown; SHA-256 {digest}"));
}

#[test]
fn plan_shows_what_a_preview_prints_as_the_change() {
    let scenario = Scenario::new(&runbook(&format!(
        "  - {{ id: apply, command: [./witness], preview: {{ shell: \"printf -- '-replicas: 1\\n+replicas: 3\\n'; exit 1\" }}, {DONE} }}
  - {{ id: silent, command: [./witness], preview: {{ shell: exit 2 }}, {DONE} }}\n"
    )));
    let planned = scenario.run(&["plan", "runbook.yaml"]).exits(0).says("-replicas: 1\n").says("+replicas: 3\n");
    planned.says("preview: exit 2, and it printed nothing");
    assert!(scenario.witness().is_empty());
}

#[cfg(feature = "crash-points")]
#[test]
fn after_a_crash_the_evidence_is_taken_when_the_attempt_is_recovered() {
    for (record, point) in [(3, "after_effect"), (4, "after_sync"), (5, "after_sync")] {
        let scenario = Scenario::new(&runbook(&format!(
            "  - {{ id: change, shell: echo new >list, observe: list, artifacts: [list], {DONE} }}\n"
        )))
        .file("list", "old\n");
        scenario.crash_at(record, point).exec(&[]).dies_of(6);
        scenario.resume().exits(0);
        assert_eq!(scenario.steps(), ["change succeeded"]);
        let last = observed(&scenario).pop().unwrap();
        assert!(last.0 == "change after" && last.1.as_deref().unwrap().ends_with("\nnew\n"), "{record}: {last:?}");
        for record in of(&scenario, "artifacts_kept") {
            let copy = scenario.runs()[0].join(record["files"][0]["kept"].as_str().unwrap());
            assert_eq!(fs::read_to_string(copy).unwrap(), "new\n", "a copy that is recorded is never written over");
        }
        scenario.run(&["audit", "verify"]).exits(0);
    }
}
