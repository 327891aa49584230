//! Fields that go with some actions and not with others.

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::Kind;

const PROCESS: &[&str] = &["shell", "command"];
const SERVER: &[&str] = &["sql", "query"];
const RUNS: &[&str] = &["shell", "command", "sql", "query", "http"];
const CHANGES: &[&str] = &["shell", "command", "sql", "file", "http", "manual"];
const GROUPS: &[&str] = &["steps", "runbook"];
/// What can go on by itself for long.
const LASTS: &[&str] = &["shell", "command", "sql", "query", "http", "wait", "steps", "runbook"];

/// A field, and the actions that it goes with.
const BELONGS: &[(&str, &[&str])] = &[
    ("interpreter", &["shell"]),
    ("transaction", &["sql"]),
    ("rehearse", &["sql"]),
    ("variables", SERVER),
    ("database", SERVER),
    ("env", &["shell", "command", "steps"]),
    ("become", &["shell", "command", "file", "steps"]),
    ("stdin", PROCESS),
    ("cwd", PROCESS),
    ("preview", PROCESS),
    ("artifacts", PROCESS),
    ("until", &["shell", "command", "query", "http"]),
    ("every", &["shell", "command", "query", "http"]),
    ("success", RUNS),
    ("outputs", RUNS),
    ("sensitive", RUNS),
    ("check", CHANGES),
    ("observe", CHANGES),
    ("verify", &["shell", "command", "sql", "query", "file", "http", "manual"]),
    ("effect", &["shell", "command", "sql", "http", "manual"]),
    ("idempotent", CHANGES),
    ("retry", &["shell", "command", "sql", "query", "file", "http", "assert"]),
    ("preconditions", &["shell", "command", "sql", "query", "file", "http", "confirm", "manual", "assert", "wait"]),
    ("timeout", &["shell", "command", "sql", "query", "file", "http", "confirm", "manual", "wait", "steps", "runbook"]),
    (
        "estimate",
        &[
            "shell", "command", "sql", "query", "file", "http", "confirm", "manual", "wait", "assert", "steps",
            "runbook",
        ],
    ),
    ("parallel", &["steps"]),
    ("hold", GROUPS),
    ("background", LASTS),
    ("watch", LASTS),
];

/// An option beside an action that does not take it.
pub fn misplaced(context: &Context, findings: &mut Findings) {
    for step in context.decoded() {
        let Some(action) = step.actions.first().copied().or_else(|| step.kind.map(|_| "hold")) else { continue };
        for (option, actions) in BELONGS {
            if actions.contains(&action) || *option == action || context.field(step.node, option).is_none() {
                continue;
            }
            let help = if step.kind == Some(Kind::Group) {
                "say it on the members of the group".to_owned()
            } else if *option == "hold" {
                "make a group of the step: `steps: […]` beside `hold`".to_owned()
            } else {
                format!("it goes with {}; remove it here", actions.join(", "))
            };
            findings.report(
                context.entry_key_span(step.node, option),
                format!("`{option}` does not go with `{action}`"),
                help,
            );
        }
    }
}
