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
use runbook::model::plan::{Plan, PlanStatus};
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
    let checked = check(&Source::new("/books/runbook.yaml", text), Path::new("/books"), &files);
    let runbook = checked.runbook.unwrap_or_else(|| panic!("{:#?}", checked.diagnostics));
    let world = World(BTreeMap::from([
        ("select name, leader from members", json!([{"name": "a", "leader": true}, {"name": "b", "leader": false}])),
        ("it is there", json!(0)),
        ("it is not there", json!(1)),
    ]));
    let (parameters, secrets) = (BTreeMap::from([("on".to_owned(), json!(true))]), BTreeMap::new());
    let now = "2026-01-30T12:00:00Z".parse().unwrap();
    let given = Given { parameters: &parameters, secrets: &secrets, digest: "sha256:0123456789abcdef", now };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let plan = runtime.block_on(plan(&runbook, given, &world));
    let names: BTreeSet<&str> = plan.steps.iter().map(|step| step.id.as_str()).collect();
    assert_eq!(names.len(), plan.steps.len(), "every acting step stands there once");
    plan
}

/// The screen without its first line, which is always the same.
#[track_caller]
fn shows(rest: &str, screen: &str) {
    let text = human(&planned(rest), Looks { color: false, unicode: true, width: 96, is_terminal: true });
    let text = text.split_once("\n\n").unwrap().1;
    assert_eq!(text, screen, "shows something else:\n{text}");
}

#[test]
fn members_side_by_side_are_said_to_be_so() {
    shows(
        "steps:
  - id: both
    parallel: 2
    steps:
      - { id: one, command: [one], timeout: 3m, verify: { command: [x], timeout: 1s }, rollback: { command: [eno], timeout: 1m } }
      - { id: two, command: [two], timeout: 2m, effect: read_only }
",
        "",
    );
}
