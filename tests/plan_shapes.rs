//! What a plan says of everything that a step can be: groups side by side, holds, loops, repetition, the background,
//! watches, handlers, included runbooks and windows. Whole screens, with a world that is made up.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;

use runbook::action::observe::{FilePreview, Observer};
use runbook::check::check;
use runbook::check::source::Source;
use runbook::model::call::{Call, FileCall, Ticket};
use runbook::model::plan::Plan;
use runbook::model::result::{Failure, FailureKind, StepResult};
use runbook::plan::{Given, plan};
use runbook::report::plan::human;
use runbook::report::terminal::Looks;
use serde_json::{Value, json};

const OTHER: &str = "\
runbook: 1
name: node
parameters: { host: { type: string }, grace: { type: duration, default: 30s } }
vars: { unit: \"db@{{ parameters.host }}\" }
steps:
  - { id: look, command: [systemctl, status, \"{{ vars.unit }}\"], effect: read_only, timeout: 5s }
  - id: stop
    command: [systemctl, stop, \"{{ vars.unit }}\"]
    timeout: 1m
    verify: { command: [\"false\"], timeout: 5s }
    rollback: { command: [systemctl, start, \"{{ vars.unit }}\"], timeout: 40s }
";

/// Answers by the last argument or by the text of a query; what it does not know is out of reach.
struct World(BTreeMap<&'static str, Value>);

impl Observer for World {
    async fn look(&self, call: &Call, _ticket: &Ticket) -> Result<StepResult, Failure> {
        let text = match call {
            Call::Query(query) => query.text.clone(),
            Call::Process(process) => process.argv.last().unwrap().clone(),
            other => panic!("a plan looked at {other:?}"),
        };
        match self.0.get(text.as_str()) {
            Some(Value::Array(rows)) => {
                let rows: Vec<_> = rows.iter().map(|row| row.as_object().unwrap().clone()).collect();
                Ok(StepResult { row_count: Some(rows.len() as u64), rows: Some(rows), ..StepResult::default() })
            }
            Some(code) => {
                let exit_code = code.as_i64().map(|code| i32::try_from(code).unwrap());
                Ok(StepResult { exit_code, ..StepResult::default() })
            }
            None => Err(Failure::new(FailureKind::Connection, "no connection")),
        }
    }

    async fn preview_file(&self, _call: &FileCall) -> Result<FilePreview, Failure> {
        Err(Failure::new(FailureKind::File, "no file"))
    }
}

fn planned(rest: &str) -> Plan {
    let text = format!("runbook: 1\nname: trial\ntargets: {{ db: {{ postgres: service=db }} }}\n{rest}");
    let files = |path: &Path| match path.to_str() {
        Some("/books/node.yaml") => Ok(OTHER.as_bytes().to_vec()),
        _ => Err(io::ErrorKind::NotFound.into()),
    };
    let checked = check(&Source::new("/books/runbook.yaml", text.as_str()), Path::new("/books"), &files);
    let runbook = checked.runbook.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let world = World(BTreeMap::from([
        ("select name, leader from members", json!([{"name": "a", "leader": true}, {"name": "b", "leader": false}])),
        ("it is there", json!(0)),
        ("it is not there", json!(1)),
    ]));
    let (parameters, secrets) =
        (BTreeMap::from([("on".to_owned(), json!(true)), ("nobody".to_owned(), json!([]))]), BTreeMap::new());
    let now = "2026-01-30T12:00:00Z".parse().unwrap();
    let given = Given { parameters: &parameters, secrets: &secrets, digest: "sha256:0123456789abcdef", now };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let plan = runtime.block_on(plan(&runbook, given, &world));
    let names: BTreeSet<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(names.len(), plan.steps.len(), "every acting step stands there once");
    plan
}

/// The screen below its first line.
#[track_caller]
fn shows(rest: &str, screen: &str) {
    let text = human(&planned(rest), Looks { color: false, unicode: true, width: 96, is_terminal: true });
    let text = text.split_once('\n').unwrap().1;
    assert_eq!(text, screen, "shows something else:\n{text}");
}

const ONE: &str = "{ id: one, command: [one], timeout: 3m, verify: { command: [x], timeout: 1s }, \
                   rollback: { command: [eno], timeout: 1m } }";

#[test]
fn members_side_by_side_are_said_to_be_so() {
    let two = "{ id: two, command: [two], timeout: 2m, effect: read_only }";
    let steps = format!("steps:\n  - id: both\n    parallel: 2\n    steps: [ {ONE}, {two} ]\n");
    shows(&steps, include_str!("plan_shapes/parallel.txt"));
}

#[test]
fn a_hold_is_taken_and_given_back_and_taken_again_for_the_way_back() {
    let steps = format!(
        "steps:
  - id: before
    command: [before]
    timeout: 1m
    verify: {{ command: [x], timeout: 1s }}
    rollback: {{ command: [erofeb], timeout: 30s }}
  - id: traffic
    hold:
      acquire: {{ command: [psql, -c, PAUSE], timeout: 2s }}
      release: {{ command: [psql, -c, RESUME], timeout: 5s }}
      expires: 10m
    release_on: [success, rollback]
    steps: [ {ONE} ]
  - id: rule
    hold: {{ acquire: {{ command: [deny], timeout: 2s }}, release: {{ command: [allow], timeout: 5s }} }}
    retake: false
  - id: two
    command: [two]
    timeout: 1m
    verify: {{ command: [x], timeout: 1s }}
    rollback: {{ command: [owt], timeout: 20s }}
"
    );
    shows(&steps, include_str!("plan_shapes/hold.txt"));
}

#[test]
fn a_hold_whose_group_is_left_out_is_not_taken() {
    let steps = format!(
        "parameters: {{ on: {{ type: boolean, default: true }} }}
steps:
  - id: traffic
    when: not parameters.on
    hold: {{ acquire: {{ command: [take], timeout: 2s }}, release: {{ command: [give], timeout: 5s }} }}
    steps: [ {ONE} ]
"
    );
    shows(&steps, include_str!("plan_shapes/hold-skipped.txt"));
}

#[test]
fn each_item_that_is_known_has_its_own_steps() {
    let steps = "
steps:
  - { id: members, query: 'select name, leader from members', target: db, timeout: 5s }
  - id: roll
    for_each: \"{{ steps.members.rows | sort(attribute='leader') }}\"
    as: member
    serial: 2
    canary: 1
    between: [{ wait: 30s }]
    max_failures: 1
    steps:
      - id: drain
        command: [drain, \"{{ member.name }}\"]
        timeout: 1m
        check: { command: [\"{{ 'it is there' if member.leader else 'it is not there' }}\"], timeout: 5s }
        rollback: { command: [fill, \"{{ member.name }}\"], timeout: 40s }
      - { id: seen, query: 'select name, leader from members', target: db, timeout: 5s }
  - { id: sure, assert: [{ that: \"steps.drain['items'] is defined\" }] }
";
    shows(steps, include_str!("plan_shapes/loop.txt"));
}

#[test]
fn a_loop_over_what_is_found_later_stands_there_once() {
    let steps = "
parameters: { nobody: { type: list, default: [] } }
steps:
  - { id: find, command: [find], effect: read_only, timeout: 5s }
  - id: roll
    for_each: \"{{ steps.find.stdout | split(',') }}\"
    steps:
      - { id: drain, command: [drain, \"{{ item }}\"], timeout: 1m, verify: { command: [x], timeout: 1s }, rollback: { command: [fill, \"{{ item }}\"], timeout: 40s } }
      - { id: rest, command: [rest], timeout: 1m, effect: read_only }
  - { id: none, for_each: \"{{ parameters.nobody }}\", command: [never], timeout: 1m, effect: read_only }
";
    shows(steps, include_str!("plan_shapes/loop-later.txt"));
}

#[test]
fn rounds_the_background_watches_and_handlers_are_told() {
    let steps = "
steps:
  - id: backfill
    repeat: { until: row_count == 0, max: 50, delay: 200ms }
    sql: \"update orders set a = 1 where a is null\"
    target: db
    timeout: 10s
    verify: { query: select true, timeout: 1s }
    rollback: { not_needed: the column goes }
  - id: analyze
    background: true
    command: [vacuumdb]
    timeout: 10m
    verify: { command: [x], timeout: 1s }
    rollback: { not_needed: statistics only }
  - { id: tail, background: true, until_end: true, command: [tail], timeout: 1h, effect: read_only }
  - id: watched
    watch:
      - { query: \"select count(*) as n from locks\", target: db, every: 5s, trip_when: \"rows[0].n > 20\", action: ask }
      - { command: [look], trip_when: exit_code > 0, action: rollback, do: [{ command: [tell], timeout: 1s }] }
    steps:
      - id: one
        command: [one]
        timeout: 3m
        verify: { command: [x], timeout: 1s }
        rollback: { command: [eno], timeout: 1m }
        on_failure: { do: [{ command: [reset], timeout: 1s }], then: retry }
  - { id: analyzed, wait: { for: [analyze] }, timeout: 1h }
";
    shows(steps, include_str!("plan_shapes/around.txt"));
}

#[test]
fn an_included_runbook_is_planned_with_its_own_names() {
    let steps = "
parameters: { on: { type: boolean, default: true } }
steps:
  - { id: first, runbook: { path: node.yaml, parameters: { host: db-1 } } }
  - { id: find, command: [find], effect: read_only, timeout: 5s }
  - { id: second, runbook: { path: node.yaml, parameters: { host: \"{{ steps.find.stdout }}\" } } }
";
    shows(steps, include_str!("plan_shapes/include.txt"));
}

#[test]
fn each_step_says_until_when_it_can_begin() {
    let steps = format!(
        "timezone: America/New_York
window: {{ every: Sunday 22:00, duration: 4h, overrun: rollback }}
steps:
  - {ONE}
  - id: traffic
    hold: {{ acquire: {{ command: [take], timeout: 2s }}, release: {{ command: [give], timeout: 8s }} }}
    steps:
      - {{ id: two, command: [two], timeout: 10m, verify: {{ command: [x], timeout: 1s }}, rollback: {{ command: [owt], timeout: 5m }} }}
  - {{ id: go, confirm: {{ message: Over? }}, estimate: 5m, point_of_no_return: traffic has moved }}
  - {{ id: three, command: [three], timeout: 1m, verify: {{ command: [x], timeout: 1s }}, rollback: {{ command: [eerht], timeout: 2m }} }}
"
    );
    shows(&steps, include_str!("plan_shapes/window.txt"));
}
