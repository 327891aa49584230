//! Fields that go with some actions and not with others.

use super::Findings;
use crate::check::context::Context;
use crate::check::steps::Kind;

const PROCESS: &[&str] = &["shell", "command"];
const SERVER: &[&str] = &["sql", "query"];
const RUNS: &[&str] = &["shell", "command", "sql", "query"];
const CHANGES: &[&str] = &["shell", "command", "sql", "file", "manual"];

/// A field, and the actions that it goes with.
const BELONGS: &[(&str, &[&str])] = &[
    ("interpreter", &["shell"]),
    ("transaction", &["sql"]),
    ("variables", SERVER),
    ("database", SERVER),
    ("env", &["shell", "command", "steps"]),
    ("stdin", PROCESS),
    ("cwd", PROCESS),
    ("until", &["shell", "command", "query"]),
    ("every", &["shell", "command", "query"]),
    ("success", RUNS),
    ("outputs", RUNS),
    ("sensitive", RUNS),
    ("check", CHANGES),
    ("verify", &["shell", "command", "sql", "query", "file", "manual"]),
    ("effect", &["shell", "command", "sql", "manual"]),
    ("idempotent", CHANGES),
    ("retry", &["shell", "command", "sql", "query", "file", "assert"]),
    ("preconditions", &["shell", "command", "sql", "query", "file", "confirm", "manual", "assert", "wait"]),
    ("timeout", &["shell", "command", "sql", "query", "file", "confirm", "manual", "wait"]),
    ("estimate", &["shell", "command", "sql", "query", "file", "confirm", "manual", "wait", "assert"]),
];

/// An option beside an action that does not take it.
pub fn misplaced(context: &Context, findings: &mut Findings) {
    for step in context.decoded() {
        let Some(action) = step.actions.first() else { continue };
        for (option, actions) in BELONGS {
            if actions.contains(action) || context.field(step.node, option).is_none() {
                continue;
            }
            let help = if step.kind == Some(Kind::Group) {
                "say it on the members of the group".to_owned()
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
