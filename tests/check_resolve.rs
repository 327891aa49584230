//! What a runbook is once every default is applied, every inherited field filled in and every file read.

use std::fmt::Write as _;
use std::io;
use std::path::Path;
use std::time::Duration;

use runbook::check::check;
use runbook::check::source::Source;
use runbook::model::length::Length;
use runbook::model::runbook::{Expression, Hook, Runbook, Template};
use runbook::model::step::{Action, Effect, FileContent, OnFailure, Step, Undo, WaitAction};
use serde_json::json;

fn runbook(steps: &str) -> Runbook {
    let header =
        "runbook: 1\nname: example\ntargets: { db: { postgres: \"service=db\" } }\ndefaults: { timeout: 5m }\n";
    let source = Source::new("example.yaml", format!("{header}{steps}"));
    let files = |path: &Path| match path.to_str() {
        Some("/runbooks/a.sql") => Ok(b"select 1".to_vec()),
        Some("/runbooks/a.txt") => Ok(b"hello".to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let checked = check(&source, Path::new("/runbooks"), &files);
    checked.runbook.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics))
}

fn only(steps: &str) -> Step {
    let mut steps = runbook(&format!("steps:\n{steps}")).steps;
    assert_eq!(steps.len(), 1);
    steps.remove(0)
}

#[test]
fn a_shell_step_has_an_interpreter_that_takes_the_script_last() {
    let interpreter = |more: &str| match only(&format!("- {{ id: a, shell: x, effect: read_only{more} }}\n")).action {
        Action::Shell { interpreter, .. } => interpreter,
        other => panic!("{other:?}"),
    };
    assert_eq!(interpreter(""), ["bash", "-eo", "pipefail", "-c"]);
    assert_eq!(interpreter(", interpreter: python3"), ["python3", "-c"]);
    assert_eq!(interpreter(", interpreter: [perl, -we]"), ["perl", "-we"]);
}

#[test]
fn arguments_are_taken_as_they_are_typed() {
    let step = only("- { id: a, command: [psql, -p, 5432, 1.10, true, 0x1F], effect: read_only }\n");
    let Action::Command { argv, .. } = step.action else { panic!("{:?}", step.action) };
    let argv: Vec<&str> = argv.iter().map(|Template(text)| text.as_str()).collect();
    assert_eq!(argv, ["psql", "-p", "5432", "1.10", "true", "0x1F"]);
}

#[test]
fn members_of_a_group_take_its_condition_target_environment_and_on_failure() {
    let group = only(
        "
- id: phase
  when: 1 == 1
  target: db
  env: { A: group, B: group }
  on_failure: ask
  steps:
    - { id: ask, query: select true, when: 2 == 2 }
    - { id: run, shell: x, effect: read_only, target: local, env: { B: own }, on_failure: continue }
",
    );
    let Action::Group { steps, parallel: None } = &group.action else { panic!("{:?}", group.action) };
    let [ask, run] = steps.as_slice() else { panic!("{steps:?}") };
    assert_eq!(ask.when, [Expression("1 == 1".into()), Expression("2 == 2".into())]);
    assert_eq!((ask.on_failure, run.on_failure), (OnFailure::Ask, OnFailure::Continue));
    assert!(matches!(&ask.action, Action::Query(query) if query.target == "db"));
    let Action::Shell { process, .. } = &run.action else { panic!("{:?}", run.action) };
    assert_eq!(json!(process.env), json!({ "A": "group", "B": "own" }));
}

#[test]
fn parts_run_where_their_step_runs_unless_they_say_otherwise() {
    let step = only(
        "
- id: insert
  sql: insert into t values (:'x')
  target: db
  database: orders
  variables: { x: 1 }
  check: { query: \"select :'x' is null\", variables: { y: 2 }, timeout: 3s }
  rollback:
    - { sql: delete from t }
    - { id: told, shell: x, target: local, timeout: 9s }
",
    );
    let check = step.check.clone().unwrap();
    let Action::Query(query) = check.action.as_ref() else { panic!("{check:?}") };
    assert_eq!((query.target.as_str(), &query.database), ("db", &Some(Template("orders".into()))));
    assert_eq!(json!(query.variables), json!({ "x": 1, "y": 2 }));
    assert_eq!(check.limit(), Some(Duration::from_secs(3)));
    assert_eq!(step.verify, step.check, "a check that holds is what is wanted afterwards");

    let Undo::Steps(undo) = &step.undo else { panic!("{:?}", step.undo) };
    let ids: Vec<&str> = undo.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["insert.undo0", "told"]);
    assert!(matches!(&undo[0].action, Action::Sql(sql) if sql.target == "db" && sql.transaction));
    assert_eq!(undo[1].limit(), Some(Duration::from_secs(9)));
}

#[test]
fn a_part_with_a_target_of_its_own_does_not_take_the_folder() {
    let step = only(
        "
- id: run
  shell: x
  cwd: /srv
  verify: { shell: y }
  rollback: { shell: z, target: local }
",
    );
    let cwd = |action: &Action| match action {
        Action::Shell { process, .. } => process.cwd.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(cwd(&step.verify.unwrap().action), Some(Template("/srv".into())));
    let Undo::Steps(undo) = step.undo else { panic!("{:?}", step.undo) };
    assert_eq!(cwd(&undo[0].action), None);
}

#[test]
fn how_a_step_is_undone_follows_from_what_it_says_and_what_it_does() {
    let undo = |step: &str| only(&format!("- {{ id: a, {step} }}\n")).undo;
    assert_eq!(undo("query: select true, target: db"), Undo::NotNeeded { why: None });
    assert_eq!(undo("file: { path: /x, content: y }"), Undo::Steps(Vec::new()));
    assert_eq!(
        undo("shell: x, rollback: { not_needed: statistics }"),
        Undo::NotNeeded { why: Some("statistics".into()) }
    );
    assert_eq!(undo("shell: x, irreversible: gone"), Undo::Irreversible { why: "gone".into() });
    assert_eq!(
        undo("confirm: { message: go? }, estimate: 1m, point_of_no_return: moved"),
        Undo::PointOfNoReturn { why: "moved".into() }
    );
}

#[test]
fn limits_come_from_the_defaults_and_estimates_from_the_limits() {
    let step = only("- { id: a, query: select true, target: db }\n");
    let five = Some(Duration::from_mins(5));
    assert_eq!((step.limit(), step.estimate, step.effect), (five, five, Effect::ReadOnly));
    let step = only("- { id: a, confirm: { message: go? }, estimate: 1m }\n");
    assert_eq!((step.limit(), step.estimate), (None, Some(Duration::from_mins(1))));
    let step = only("- { id: a, wait: 2m }\n");
    assert_eq!((step.limit(), step.estimate), (None, Some(Duration::from_mins(2))));
    assert_eq!(step.action, Action::Wait(WaitAction::For(Length::Known(Duration::from_mins(2)))));
}

#[test]
fn files_that_are_named_are_read_once_and_digested() {
    let runbook = runbook(
        "
steps:
  - { id: a, file: { path: /x, template: a.txt, mode: \"0640\" } }
  - { id: b, file: { path: /x, source: a.txt } }
  - { id: c, sql: { file: a.sql }, target: db, verify: { query: select true }, rollback: { not_needed: x } }
",
    );
    let content = |at: usize| match &runbook.steps[at].action {
        Action::File(file) => (file.content.clone().unwrap(), file.mode),
        other => panic!("{other:?}"),
    };
    let template = FileContent::Template { path: "a.txt".into(), text: Template("hello".into()) };
    assert_eq!(content(0), (template, Some(0o640)));
    let sha256 = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824".to_owned();
    assert_eq!(content(1), (FileContent::Source { path: "a.txt".into(), sha256 }, None));
    let Action::Sql(sql) = &runbook.steps[2].action else { panic!("{:?}", runbook.steps[2]) };
    assert_eq!((sql.text.as_str(), sql.file.as_deref()), ("select 1", Some("a.sql")));
    assert_eq!(runbook.folder, "/runbooks");
}

#[test]
fn groups_in_hooks_and_rollbacks_are_opened() {
    let runbook = runbook(
        "
steps:
  - id: a
    shell: x
    verify: { shell: x }
    rollback: { steps: [{ shell: y }, { shell: z }], when: 1 == 1 }
hooks:
  always: [{ id: all, steps: [{ id: one, shell: x }, { id: two, shell: y }] }]
",
    );
    let ids: Vec<&str> = runbook.hooks[&Hook::Always].iter().map(|step| step.id.as_str()).collect();
    assert_eq!(ids, ["one", "two"]);
    let Undo::Steps(undo) = &runbook.steps[0].undo else { panic!("{:?}", runbook.steps[0].undo) };
    let ids: Vec<(&str, usize)> = undo.iter().map(|step| (step.id.as_str(), step.when.len())).collect();
    assert_eq!(ids, [("a.undo0", 1), ("a.undo1", 1)]);
}

#[test]
fn ten_thousand_steps_are_one_runbook() {
    let mut steps = "steps:\n".to_owned();
    for number in 0..10_000 {
        let _ =
            writeln!(steps, "- {{ id: s{number}, shell: x, effect: read_only, env: {{ A: \"{{{{ run.id }}}}\" }} }}");
    }
    assert_eq!(runbook(&steps).leaves().len(), 10_000);
}
