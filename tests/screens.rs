//! What an operator sees: the program on a terminal of 80 columns, made by `script` of util-linux.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/screen.rs"]
mod screen;

use std::fs;

use regex::Regex;
use screen::Screen;

/// The lines that stay: without the live line, and with times and ids that are always the same.
fn kept(lines: &[String]) -> String {
    let spinner = Regex::new("^ [⠁-⣿|/\\\\-]( |$)").expect("a pattern");
    let run = Regex::new(r"\d{8}-\d{4}-([a-z]+)").expect("a pattern");
    let took = Regex::new(r"\b\d+ (ms|s)\b").expect("a pattern");
    let lines = lines.iter().filter(|line| !spinner.is_match(line)).map(|line| {
        let line = run.replace_all(line, "RUN-$1").into_owned();
        took.replace_all(&line, "TIME").into_owned()
    });
    lines.fold(String::new(), |text, line| text + &line + "\n")
}

fn scratch(runbook: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a scratch folder");
    fs::write(folder.path().join("a.yaml"), runbook).expect("a runbook");
    folder
}

const FAILING: &str = r#"runbook: 1
name: load
title: Load the orders
defaults: { timeout: 1m }
steps:
  - id: look
    shell: echo 42
    effect: read_only
    outputs: { free: "{{ stdout }}" }
  - id: a-step-with-a-name-that-is-far-too-long-for-any-column
    name: A name that goes on and on for a person who reads it on a small screen of eighty columns
    shell: for i in 1 2 3; do printf 'line %0200d\n' $i; done
    effect: read_only
  - id: load
    name: Load {{ steps.look.outputs.free }} orders
    shell: |
      for i in $(seq 22); do echo "row $i"; done
      echo "duplicate key" >&2
      exit 3
    rollback: { not_needed: nothing is kept }
    check: { command: [test, -e, loaded] }
"#;

#[test]
fn a_failed_step_shows_what_it_was_its_last_lines_and_every_way_on() {
    let folder = scratch(FAILING);
    let (lines, code) = Screen::of(folder.path(), "runbook exec a.yaml", "C.UTF-8").end();
    let rows = (4..=22).fold(String::new(), |rows, row| format!("{rows}      | row {row}\n"));
    let state = folder.path().join("state").display().to_string();
    let wanted = format!(
        "Run RUN-load  ·  Load the orders\n \
         ✓   1  look  shell     TIME  free = \"42\"\n \
         ✓   2  a-step-with-a-name-that-is-far-too-long-for-any-column  shell     TIME\n \
         ✗   3  load  shell     failed after TIME: exit 3\n        \
         Load 42 orders, shell at line 14 of the runbook\n        \
         the last 20 of 23 lines:\n\
         {rows}      | duplicate key\n  \
         all of it: {state}/runs/RUN-load/output/load.1.std*\n\
         Failed at step 3, load: exit 3\n\
         Nothing was undone.\n  \
         next: runbook resume RUN-load\n          tries load again, and goes on\n        \
         runbook rollback RUN-load\n          undoes what was done, newest first\n"
    );
    assert_eq!(kept(&lines), wanted);
    assert_eq!(code, Some(1));
    let wide: Vec<&String> =
        lines.iter().filter(|line| line.chars().count() > 80 && !line.contains("all of it")).collect();
    assert!(wide.is_empty(), "{wide:?}");
}

#[test]
fn a_screen_without_unicode_gets_ascii_from_the_plan_the_run_and_the_status() {
    let folder = scratch(FAILING);
    let commands = "runbook plan a.yaml; runbook exec a.yaml; runbook status; runbook list; runbook audit show";
    let (lines, _) = Screen::of(folder.path(), commands, "C").end();
    let foreign: Vec<&String> = lines.iter().filter(|line| !line.is_ascii()).collect();
    assert!(lines.len() > 60 && foreign.is_empty(), "{foreign:?}");
    assert!(lines.iter().any(|line| line.starts_with(" FAILED    3  load  shell     failed after")), "{lines:#?}");
}

const ASKING: &str = r#"runbook: 1
name: ask
defaults: { timeout: 1m }
steps:
  - id: slow
    shell: until [ -e go ]; do sleep 0.05; done; echo 7
    effect: read_only
    outputs: { lag: "{{ stdout }}" }
  - id: switch
    confirm: { message: Switch the traffic now?, show: [steps.slow.outputs.lag] }
    estimate: 1m
  - id: call
    manual: { instructions: Call the network team., evidence: required, inputs: { port: integer } }
    estimate: 1m
    rollback: { not_needed: it was only a call }
"#;

#[test]
fn a_question_shows_its_evidence_and_is_not_answered_by_what_was_typed_before_it() {
    let folder = scratch(ASKING);
    let mut screen = Screen::of(folder.path(), "runbook exec a.yaml", "C.UTF-8");
    screen.wait_for("slow");
    screen.type_in("no\n");
    screen.wait_for("no");
    fs::write(folder.path().join("go"), "").expect("the file that it waits for");
    for (prompt, answer) in [
        ("yes / no? ", "y\n"),
        ("succeeded / failed? ", "succeeded\n"),
        ("why (needed)? ", "spoke to Ana\n"),
        ("port (integer)? ", "many\n"),
        ("port (integer)? ", "5432\n"),
    ] {
        screen.wait_for(prompt);
        screen.type_in(answer);
    }
    let (lines, code) = screen.end();
    let text = kept(&lines);
    let asked = "  switch (go or no-go)\n    Switch the traffic now?\n    steps.slow.outputs.lag = \"7\"\n    \
                 yes          go\n    \
                 no           no-go: the step fails, and the run ends as failed, to be\n                 \
                 resumed or rolled back\n    \
                 Ctrl-C leaves it open; then:\n      runbook answer RUN-ask switch yes\n      \
                 runbook answer RUN-ask switch no\n  \
                 yes / no? y\n";
    assert!(text.contains(asked), "{text}");
    let ended = " ✓   3  call    manual    root answered succeeded: spoke to Ana  port = 5432\n\
                 Succeeded: 3 steps done.\n  next: runbook audit show RUN-ask\n";
    let who = Regex::new(r"\S+ answered").expect("a pattern").replace_all(&text, "root answered").into_owned();
    assert!(who.ends_with(ended), "{text}");
    assert!(text.contains("`many` is not a whole number"), "{text}");
    assert_eq!(code, Some(0));
}
