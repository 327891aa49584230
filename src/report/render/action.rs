//! How something is done: a step's action, or a probe's, as a reader has to see it.

use std::collections::BTreeMap;

use serde_json::Value;

use super::block::{Block, Fact, Line, code, join, join_with, length, strong, text};
use super::{front, part};
use crate::model::flow::Included;
use crate::model::http::{HttpAction, HttpBody};
use crate::model::runbook::Template;
use crate::model::step::{Action, ConfirmAction, ManualAction, Place, ProcessOptions, SqlAction, WaitAction};

/// What it does, in blocks.
pub fn how(action: &Action) -> Vec<Block> {
    how_within(action, None)
}

/// What a part of a step does. What it takes from the step is not said again.
pub fn how_within(action: &Action, step: Option<&Action>) -> Vec<Block> {
    match action {
        Action::Shell { script, interpreter, process } => {
            let mut blocks = vec![Block::code(language(interpreter), script)];
            blocks.extend(surroundings(process, step));
            blocks
        }
        Action::Command { argv, process } => {
            let mut blocks = vec![Block::code("sh", &command_line(argv))];
            blocks.extend(surroundings(process, step));
            blocks
        }
        Action::Sql(sql) | Action::Query(sql) => statements(sql, step),
        Action::File(file) => super::file::how(file),
        Action::Http(http) => request(http),
        Action::Wait(wait) => vec![Block::Paragraph(pause(wait))],
        Action::Confirm(confirm) => question(confirm),
        Action::Manual(manual) => person(manual),
        Action::Assert { conditions } => vec![Block::list(
            conditions.iter().map(|condition| part::with_message(code(&condition.that.0), condition.message.as_ref())),
        )],
        Action::Group { .. } | Action::Hold => Vec::new(),
        Action::Include(included) => self::included(included),
    }
}

/// The same in a line, where it is one of several.
pub fn in_short(action: &Action) -> Line {
    match action {
        Action::Shell { script, .. } => first(script),
        Action::Command { argv, .. } => first(&command_line(argv)),
        Action::Sql(SqlAction { file: Some(file), .. }) | Action::Query(SqlAction { file: Some(file), .. }) => {
            join([text("the statements of "), code(file)])
        }
        Action::Sql(sql) | Action::Query(sql) => first(&sql.text),
        Action::File(file) => join([text("the file "), code(&file.path.0)]),
        Action::Http(http) => code(&format!("{} {}", http.method, http.url.0)),
        Action::Wait(wait) => join([text("waits "), pause(wait)]),
        Action::Confirm(confirm) => join([text("a person: "), text(&confirm.message.0)]),
        Action::Manual(manual) => join([text("a person: "), text(&manual.instructions.0)]),
        Action::Assert { conditions } => join_with(conditions.iter().map(|condition| code(&condition.that.0)), " and "),
        Action::Group { steps, .. } => join_with(steps.iter().map(|step| in_short(&step.action)), ", then "),
        Action::Include(included) => join([text("the steps of "), code(&included.path)]),
        Action::Hold => text("only holds"),
    }
}

/// Whether all of it stands in a line.
pub fn is_short(action: &Action, step: &Action) -> bool {
    let is_line = |text: &str| text.trim().lines().count() <= 1;
    match action {
        Action::Shell { script, process, .. } => is_line(script) && surroundings(process, Some(step)).is_empty(),
        Action::Command { process, .. } => surroundings(process, Some(step)).is_empty(),
        Action::Sql(sql) | Action::Query(sql) => is_line(&sql.text) && statements(sql, Some(step)).len() == 1,
        Action::Http(http) => request(http).len() == 1,
        _ => false,
    }
}

/// Where it is done, unless that is the machine of exec.
pub fn place(action: &Action) -> Option<Line> {
    let on_machine = |place: &Place, user: Option<&Template>| {
        let place = match place {
            Place::Local => None,
            Place::Target(name) => Some(code(name)),
            Place::Host(host) => Some(join([text("the host "), code(&host.0)])),
        };
        let user = user.map(|user| join([text("as "), code(&user.0)]));
        (place.is_some() || user.is_some()).then(|| join_with(place.into_iter().chain(user), ", "))
    };
    match action {
        Action::Shell { process, .. } | Action::Command { process, .. } => {
            on_machine(&process.place, process.r#become.as_ref())
        }
        Action::File(file) => on_machine(&file.place, file.r#become.as_ref()),
        Action::Sql(sql) | Action::Query(sql) => Some(match &sql.database {
            Some(database) => join([code(&sql.target), text(", database "), code(&database.0)]),
            None => code(&sql.target),
        }),
        _ => None,
    }
}

fn language(interpreter: &[String]) -> &'static str {
    let program = interpreter.first().map(String::as_str).unwrap_or_default();
    match program.rsplit('/').next().unwrap_or_default() {
        "bash" => "bash",
        "sh" | "dash" => "sh",
        "python3" | "python" => "python",
        "psql" => "sql",
        _ => "",
    }
}

/// A command line that a shell would read as these arguments.
pub fn command_line(argv: &[Template]) -> String {
    let quoted = |argument: &Template| {
        let text = &argument.0;
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
        let is_template = text.starts_with("{{") && text.ends_with("}}") && !text.contains('\'');
        if is_template || !text.is_empty() && text.chars().all(is_plain) {
            text.clone()
        } else {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
    };
    argv.iter().map(quoted).collect::<Vec<_>>().join(" ")
}

fn surroundings(process: &ProcessOptions, step: Option<&Action>) -> Vec<Block> {
    let outer = match step {
        Some(Action::Shell { process, .. } | Action::Command { process, .. }) => process,
        _ => &ProcessOptions::default(),
    };
    let mut facts = Vec::new();
    facts.extend(values("Environment", &process.env).filter(|_| process.env != outer.env));
    let input = process.stdin.as_ref().map(|stdin| Fact::blocks("Input", vec![Block::code("", &stdin.0)]));
    facts.extend(input);
    let folder = process.cwd.as_ref().filter(|_| process.cwd != outer.cwd);
    facts.extend(folder.map(|cwd| Fact::new("In the folder", code(&cwd.0))));
    part::facts(facts)
}

/// Values by name, each as it is written.
fn values(label: &'static str, values: &BTreeMap<String, Value>) -> Option<Fact> {
    let entries = values.iter().map(|(name, value)| join([code(name), text(" = "), code(&plain(value))]));
    (!values.is_empty()).then(|| Fact::blocks(label, vec![Block::list(entries)]))
}

/// A value as the runbook has it.
pub fn plain(value: &Value) -> String {
    value.as_str().filter(|text| !text.is_empty()).map_or_else(|| value.to_string(), ToOwned::to_owned)
}

fn statements(sql: &SqlAction, step: Option<&Action>) -> Vec<Block> {
    let outer = match step {
        Some(Action::Sql(sql) | Action::Query(sql)) => Some(&sql.variables),
        _ => None,
    };
    let mut blocks = Vec::new();
    blocks.extend(sql.file.as_ref().map(|file| Block::Paragraph(join([text("From "), code(file), text(":")]))));
    blocks.push(Block::code("sql", &sql.text));
    let variables = values("Variables", &sql.variables).filter(|_| outer != Some(&sql.variables));
    let mut facts: Vec<Fact> = variables.into_iter().collect();
    if !sql.transaction {
        facts.push(Fact::new("Transaction", text("none: each statement by itself")));
    }
    blocks.extend(part::facts(facts));
    blocks
}

fn request(http: &HttpAction) -> Vec<Block> {
    let mut blocks = vec![Block::Paragraph(code(&format!("{} {}", http.method, http.url.0)))];
    let mut facts: Vec<Fact> = values("Headers", &http.headers).into_iter().collect();
    facts.extend(http.body.as_ref().map(|body| {
        let body = match body {
            HttpBody::Text(body) => Block::code("", &body.0),
            HttpBody::Json(body) => Block::code("json", &format!("{body:#}")),
        };
        Fact::blocks("Sends", vec![body])
    }));
    let mut wanted = Vec::new();
    let status: Vec<String> = http.expect.status.iter().map(u16::to_string).collect();
    wanted.extend((!status.is_empty()).then(|| text(&format!("the status {}", status.join(" or ")))));
    wanted.extend(http.expect.body.as_ref().map(|body| join([text("a body with "), code(&body.0)])));
    wanted.extend(http.expect.json.as_ref().map(|json| join([text("JSON with "), code(&json.to_string())])));
    if !wanted.is_empty() {
        facts.push(Fact::new("Wants", join_with(wanted, " and ")));
    }
    for (label, path) in [("Trusts", &http.ca), ("Certificate", &http.cert), ("Its key", &http.key)] {
        facts.extend(path.as_ref().map(|path| Fact::new(label, code(&path.0))));
    }
    blocks.extend(part::facts(facts));
    blocks
}

fn pause(wait: &WaitAction) -> Line {
    match wait {
        WaitAction::For(pause) => length(pause),
        WaitAction::Until(moment) => join([text("until "), code(&moment.0)]),
        WaitAction::Steps(steps) => join([text("for "), join_with(steps.iter().map(|step| code(step)), ", ")]),
    }
}

fn question(confirm: &ConfirmAction) -> Vec<Block> {
    let mut blocks = vec![Block::Paragraph(strong(&confirm.message.0))];
    let mut facts = Vec::new();
    if !confirm.show.is_empty() {
        let shown = confirm.show.iter().map(|shown| code(&shown.0));
        facts.push(Fact::blocks("Evidence", vec![Block::list(shown)]));
    }
    if !confirm.by.is_empty() {
        facts.push(Fact::new("Answered by", part::principals(&confirm.by)));
    }
    if confirm.second_person {
        facts.push(Fact::new("Second person", text("not the operator")));
    }
    blocks.extend(part::facts(facts));
    blocks
}

fn person(manual: &ManualAction) -> Vec<Block> {
    let mut blocks: Vec<Block> =
        manual.instructions.0.split("\n\n").map(|paragraph| Block::Paragraph(text(paragraph))).collect();
    let mut facts = Vec::new();
    if manual.evidence_required {
        facts.push(Fact::new("Evidence", text("a note is required")));
    }
    if !manual.inputs.is_empty() {
        let inputs = manual.inputs.iter().map(|(name, kind)| join([code(name), text(&format!(", {}", kind.as_str()))]));
        facts.push(Fact::blocks("Enters", vec![Block::list(inputs)]));
    }
    blocks.extend(part::facts(facts));
    blocks
}

fn included(included: &Included) -> Vec<Block> {
    let said = [
        text("The steps of the runbook "),
        code(&included.path),
        text("; its window, review, locks, hooks and follow-ups do not count."),
    ];
    let mut blocks = vec![Block::Paragraph(join(said))];
    let mut facts: Vec<Fact> = values("Parameters", &included.given).into_iter().collect();
    if !included.secrets.is_empty() {
        facts.push(Fact::blocks("Its secrets", vec![front::secrets(&included.secrets)]));
    }
    if !included.targets.is_empty() {
        facts.push(Fact::blocks("Its targets", vec![front::targets(&included.targets)]));
    }
    blocks.extend(part::facts(facts));
    blocks
}

/// The first line of a text, and whether there are more.
fn first(whole: &str) -> Line {
    let mut lines = whole.trim().lines();
    let first = code(lines.next().unwrap_or_default());
    match lines.count() {
        0 => first,
        more => join([first, text(&format!(" and {}", crate::report::text::count(more, "more line")))]),
    }
}
