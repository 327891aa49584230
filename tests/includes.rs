//! Runbooks that include others: what they become, and where what is wrong with them is shown.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/scenario.rs"]
mod scenario;

use std::fmt::Write as _;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use runbook::check::source::Source;
use runbook::check::{Checked, check};
use runbook::model::flow::Included;
use runbook::model::runbook::Target;
use runbook::model::step::{Action, Step, Undo};
use scenario::Scenario;
use serde_json::{Value, json};

const MAIN: &str = "\
runbook: 1
name: main
vars: { here: outside }
steps:
  - id: drain
    runbook: { path: sub/drain.yaml, parameters: { host: web-1 } }
  - id: sure
    assert: [{ that: steps.drain.look.outputs.count == \"0\" }]
";

const DRAIN: &str = "\
runbook: 1
name: drain
parameters: { host: { type: string } }
vars: { here: inside }
targets: { db: { postgres: \"service=db\" } }
defaults: { timeout: 7s, on_failure: ask }
locks: [a, b]
steps:
  - { id: look, shell: uptime, effect: read_only, outputs: { count: \"{{ stdout }}\" } }
  - id: change
    file: { path: /etc/x, source: x.conf }
    rollback: { shell: x }
  - { id: deeper, runbook: { path: ./deeper.yaml } }
hooks: { always: [{ id: never, shell: x }] }
";

const DEEPER: &str = "\
runbook: 1
name: deeper
steps:
  - { id: group, steps: [{ id: inner, wait: 1s }] }
";

fn look(main: &str, drain: &str) -> Checked {
    let files = |path: &Path| match path.to_str() {
        Some("/runbooks/sub/drain.yaml") => Ok(drain.as_bytes().to_vec()),
        Some("/runbooks/sub/x.conf") => Ok(b"x".to_vec()),
        Some("/runbooks/sub/./deeper.yaml") => Ok(DEEPER.as_bytes().to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    check(&Source::new("books/main.yaml", main), Path::new("/runbooks"), &files)
}

fn included(step: &Step) -> &Included {
    match &step.action {
        Action::Include(included) => included,
        other => panic!("{other:?}"),
    }
}

fn places(steps: &[Step]) -> Vec<(&str, Option<&str>, usize)> {
    steps.iter().map(|step| (step.id.as_str(), step.file.as_deref(), step.line)).collect()
}

#[test]
fn an_included_runbook_has_a_scope_of_its_own() {
    let runbook = look(MAIN, DRAIN).runbook.unwrap();
    let drain = included(&runbook.steps[0]);
    assert_eq!((drain.path.as_str(), drain.folder.as_str()), ("sub/drain.yaml", "/runbooks/sub"));
    assert_eq!(json!(drain.given), json!({ "host": "web-1" }));
    assert_eq!((json!(runbook.vars), json!(drain.vars)), (json!({ "here": "outside" }), json!({ "here": "inside" })));
    assert_eq!(drain.parameters.keys().collect::<Vec<_>>(), ["host"]);
    assert!(matches!(&drain.targets["db"], Target::Postgres { .. }));
    assert!(runbook.targets.is_empty());
    let limits: Vec<Option<u64>> = drain.steps.iter().map(|step| step.limit().map(|limit| limit.as_secs())).collect();
    assert_eq!(limits, [Some(7), Some(7), None], "the defaults are its own");
}

#[test]
fn its_steps_are_named_after_the_one_that_includes_it_and_keep_their_places() {
    let runbook = look(MAIN, DRAIN).runbook.unwrap();
    assert_eq!(places(&runbook.steps), [("drain", None, 5), ("sure", None, 7)]);
    let drain = included(&runbook.steps[0]);
    let file = Some("books/sub/drain.yaml");
    assert_eq!(places(&drain.steps), [("drain/look", file, 9), ("drain/change", file, 10), ("drain/deeper", file, 13)]);
    let Undo::Steps(undo) = &drain.steps[1].undo else { panic!("{:?}", drain.steps[1].undo) };
    assert_eq!(places(undo), [("drain/change.undo0", file, 12)]);
    let deeper = included(&drain.steps[2]);
    assert_eq!(places(&deeper.steps), [("drain/deeper/group", Some("books/sub/deeper.yaml"), 4)]);
    let leaves: Vec<&str> = runbook.leaves().into_iter().map(|step| step.id.as_str()).collect();
    assert_eq!(leaves, ["drain/look", "drain/change", "drain/deeper/inner", "sure"]);
    assert_eq!(runbook.step("drain/deeper/inner").map(|step| step.line), Some(4));
    assert!(runbook.hooks.is_empty() && runbook.locks.is_empty());
}

#[test]
fn what_is_included_changes_what_was_approved() {
    let text = |drain: &str| serde_json::to_string(&look(MAIN, drain).runbook.unwrap()).unwrap();
    assert_eq!(text(DRAIN), text(DRAIN));
    assert_ne!(text(DRAIN), text(&DRAIN.replace("uptime", "uptime -p")));
}

#[test]
fn one_that_is_included_twice_is_told_of_once() {
    let twice = format!("{MAIN}  - id: again\n    runbook: {{ path: sub/drain.yaml, parameters: {{ host: a }} }}\n");
    let checked = look(&twice, &DRAIN.replace("timeout: 7s", "timeout: 7"));
    let found: Vec<(&str, &Path)> =
        checked.diagnostics.iter().map(|found| (found.code, found.file.as_path())).collect();
    assert_eq!(found, [("RB0401", Path::new("books/sub/drain.yaml"))]);
    let sources: Vec<&Path> = checked.sources.iter().map(|source| source.path.as_path()).collect();
    assert_eq!(sources, [Path::new("books/sub/deeper.yaml"), Path::new("books/sub/drain.yaml")]);
    assert_eq!(checked.runbook, None);
}

#[test]
fn small_files_do_not_become_any_number_of_steps() {
    let files = |path: &Path| {
        let number = path.file_stem().and_then(|stem| stem.to_str()?.strip_prefix('n')?.parse::<u32>().ok());
        let number = number.ok_or(io::ErrorKind::NotFound)?;
        let mut text = format!("runbook: 1\nname: n{number}\nsteps:\n  - {{ id: one, wait: 1s }}\n");
        for include in 0..50 {
            let _ = writeln!(text, "  - {{ id: i{include}, runbook: {{ path: n{}.yaml }} }}", number + 1);
        }
        Ok(text.into_bytes())
    };
    let main = "runbook: 1\nname: many\nsteps:\n  - { id: all, runbook: { path: n1.yaml } }\n";
    let checked = check(&Source::new("main.yaml", main), Path::new("/runbooks"), &files);
    let messages: Vec<(&str, &str)> =
        checked.diagnostics.iter().map(|found| (found.code, found.message.as_str())).collect();
    assert!(messages.iter().all(|(code, _)| *code == "RB0705"), "{messages:?}");
    assert!(messages.contains(&("RB0705", "with this runbook there are more than 100000 steps")), "{messages:?}");
}

#[test]
fn a_finding_in_an_included_runbook_is_shown_with_its_own_line() {
    let scenario = Scenario::new("runbook: 1\nname: main\nsteps:\n  - { id: a, runbook: { path: other.yaml } }\n");
    let other = "runbook: 1\nname: other\nsteps:\n  - { id: pause, wait: 5 }\n";
    std::fs::write(scenario.path("other.yaml"), other).unwrap();
    scenario.run(&["validate", "runbook.yaml"]).exits(1).shows(
        "\
error[RB0401]: `5` has no unit
 --> other.yaml:4:24
  |
4 |   - { id: pause, wait: 5 }
  |                        ^
  |
  = help: write 5s for seconds, 5m for minutes, 5h for hours

for more: runbook explain RB0401
2 files, 1 error, 0 warnings",
    );
    let said = scenario.run(&["validate", "--format", "json", "."]).exits(1).stdout();
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!(found["files"], 2);
    let places: Vec<&Value> = found["diagnostics"].as_array().unwrap().iter().map(|found| &found["start"]).collect();
    assert_eq!(places, [&json!({ "line": 4, "column": 24 })], "one that is included and named is told of once");
}

/// Runs `sub/part.yaml`, included by a step.
fn include(given: &str, part: &str) -> Scenario {
    let main = format!(
        "runbook: 1\nname: main\nparameters: {{ n: {{ type: list, items: string, default: [x] }} }}\nsteps:\n  - id: \
         part\n    runbook: {{ path: sub/part.yaml, parameters: {{ {given} }} }}\n"
    );
    let scenario = Scenario::new(&main);
    std::fs::create_dir(scenario.path("sub")).unwrap();
    let part = format!("runbook: 1\nname: part\ndefaults: {{ timeout: 30s }}\n{part}");
    std::fs::write(scenario.path("sub/part.yaml"), part).unwrap();
    scenario
}

fn of(scenario: &Scenario, event: &str) -> Vec<Value> {
    scenario.records().into_iter().filter(|record| scenario::kind(record) == event).collect()
}

#[test]
fn what_an_included_step_keeps_and_reads_is_named_from_its_own_folder() {
    let scenario = include(
        "",
        "steps:
  - id: change
    for_each: [a, b]
    shell: printf new >state; mkdir -p out; printf \"$ITEM\" >\"out/$ITEM.log\"
    env: { ITEM: \"{{ item }}\" }
    observe: state
    artifacts: [\"out/{{ item }}.log\"]
    verify: { command: [\"true\"] }
    rollback: { not_needed: a trial }
",
    );
    std::fs::write(scenario.path("sub/state"), "old").unwrap();
    scenario.exec(&[]).exits(0);
    let read: Vec<Value> = of(&scenario, "observed").iter().map(|record| record["text"].clone()).collect();
    let text = |bytes: &str| read[0].as_str().unwrap().replace("old", bytes);
    assert!(read[0].as_str().is_some_and(|text| text.ends_with("\nold")), "{read:?}");
    assert_eq!(read, [json!(text("old")), json!(text("new")), json!(text("new")), json!(text("new"))]);
    let sub = scenario.path("sub").canonicalize().unwrap();
    let kept: Vec<Value> =
        of(&scenario, "artifacts_kept").iter().map(|record| record["files"][0]["path"].clone()).collect();
    let wanted = ["a", "b"].map(|item| json!(sub.join(format!("out/{item}.log")).display().to_string()));
    assert_eq!(kept, wanted);
}

#[test]
fn the_source_of_a_file_is_read_from_the_folder_of_the_runbook_that_names_it() {
    let copy =
        |path: &str| format!("file: {{ path: \"{path}\", source: x.conf }}, verify: {{ shell: test -e {path} }}");
    let scenario = include(
        "",
        &format!(
            "steps:
  - {{ id: copy, {} }}
  - id: around
    hold: {{ acquire: {{ {} }}, release: {{ command: [\"true\"] }} }}
    steps: [{{ id: inside, wait: 1ms }}]
",
            copy("one"),
            copy("two").replace(", verify: { shell: test -e two }", ""),
        ),
    );
    std::fs::write(scenario.path("x.conf"), "of another runbook").unwrap();
    std::fs::write(scenario.path("sub/x.conf"), "its own").unwrap();
    scenario.exec(&[]).exits(0);
    assert_eq!((scenario.read("sub/one"), scenario.read("sub/two")), ("its own".to_owned(), "its own".to_owned()));
}

#[test]
fn a_value_that_is_given_to_an_included_runbook_has_to_fit_its_declaration() {
    let part = "parameters: { count: { type: integer, maximum: 3 } }
steps: [{ id: say, command: [echo, \"{{ parameters.count }}\"], effect: read_only }]
";
    let fails = |given: &str, reason: &str| {
        let scenario = include(given, part);
        let said = format!("the parameter count of sub/part.yaml does not take this: {reason}");
        scenario.exec(&[]).exits(1);
        assert_eq!(of(&scenario, "step_refused")[0]["failure"]["message"], json!(said), "{given}");
        assert!(of(&scenario, "attempt_started").is_empty(), "nothing of it began");
    };
    fails("count: \"{{ parameters.n[0] }}\"", "`x` is not an integer");
    fails("count: \"{{ 2 + 2 }}\"", "4 is above the maximum 3");
    include("count: \"{{ 1 + 2 }}\"", part).exec(&[]).exits(0);
}

/// A loop in each round of which there are other items: what the file `list` names then.
const ROUNDS: &str = r#"
runbook: 1
name: rounds
defaults: { timeout: 30s }
steps:
  - id: all
    repeat: { max: 4 }
    steps:
      - { id: seen, command: [cat, list], effect: read_only, outputs: { left: "{{ stdout }}" } }
      - id: each
        for_each: "{{ steps.seen.outputs.left | split(',') }}"
        command: [./witness, "{{ item }}"]
        verify: { command: ["true"] }
        rollback: { command: [./witness, "{{ item }}"] }
      - { id: next, shell: ./next, effect: read_only }
  - { id: end, shell: "test ! -e fail", effect: read_only, on_failure: rollback }
"#;

fn rounds() -> Scenario {
    let scenario = Scenario::new(ROUNDS).file("list", "a,b").file(
        "next",
        "#!/bin/sh\ncase $(cat list) in a,b) printf b,c >list ;; b,c) printf a >list ;; *) printf none >list ;; esac\n",
    );
    std::fs::set_permissions(scenario.path("next"), std::fs::Permissions::from_mode(0o755)).unwrap();
    scenario
}

/// The items of each round, as they were recorded.
fn items(scenario: &Scenario) -> Vec<String> {
    let labels = |record: &Value| {
        let items = record["items"].as_array().unwrap().iter();
        items.map(|item| item["label"].as_str().unwrap()).collect::<Vec<_>>().join(",")
    };
    of(scenario, "loop_started").iter().map(labels).collect()
}

#[test]
fn each_round_finds_the_items_of_its_loops_anew() {
    let scenario = rounds();
    scenario.exec(&[]).exits(0);
    assert_eq!(items(&scenario), ["a,b", "b,c", "a", "none"]);
    let did = ["do each[a] 1", "do each[b] 1", "do each[b] 2", "do each[c] 1", "do each[a] 2", "do each[none] 1"];
    assert_eq!(scenario.witness(), did);
    assert_eq!(scenario.steps(), ["seen succeeded", "each[none] succeeded", "next succeeded", "end succeeded"]);
}

#[test]
fn a_rollback_undoes_the_items_of_all_rounds() {
    let scenario = rounds().file("fail", "");
    scenario.exec(&[]).exits(4);
    let undone: Vec<String> = scenario.witness().into_iter().filter(|line| line.starts_with("undo")).collect();
    assert_eq!(undone, ["undo each[none] 1", "undo each[c] 1", "undo each[b] 1", "undo each[a] 1"]);
}
