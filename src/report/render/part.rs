//! What several parts of a page say in the same words: conditions, probes, people.

use super::action;
use super::block::{Block, Fact, Line, code, join, join_with, length, text};
use crate::model::runbook::Template;
use crate::model::step::{Action, Precondition, Probe, Until};

/// Facts as a block, where there are any.
pub fn facts(facts: Vec<Fact>) -> Vec<Block> {
    if facts.is_empty() { Vec::new() } else { vec![Block::Facts(facts)] }
}

/// A condition with what is said when it does not hold.
pub fn with_message(condition: Line, message: Option<&Template>) -> Line {
    match message {
        Some(message) => join([condition, text(", else: "), text(&message.0)]),
        None => condition,
    }
}

/// People and groups by their names.
pub fn principals(names: &[String]) -> Line {
    join_with(names.iter().map(|name| code(name)), ", ")
}

/// What a probe asks, and until when.
pub fn probe(label: &'static str, probe: &Probe) -> Fact {
    let place = action::place(&probe.action).map(|place| join([text(" on "), place])).unwrap_or_default();
    let patience = join([probe.until.as_ref().map(until).unwrap_or_default(), limit(probe)]);
    if is_short(&probe.action) {
        return Fact::new(label, join([action::in_short(&probe.action), place, patience]));
    }
    Fact::new(label, join([place, patience])).with(action::how(&probe.action))
}

fn limit(probe: &Probe) -> Line {
    match (&probe.timeout, &probe.until) {
        (Some(limit), Some(_)) => join([text(", for "), length(limit), text(" at most")]),
        _ => Line::new(),
    }
}

/// How something is polled.
pub fn until(until: &Until) -> Line {
    join([text(", again every "), length(&until.every), text(" until "), code(&until.that.0)])
}

/// Whether all of it stands in a line.
fn is_short(action: &Action) -> bool {
    match action {
        Action::Shell { script, process, .. } => {
            script.trim().lines().count() <= 1 && process.env.is_empty() && process.stdin.is_none()
        }
        Action::Command { process, .. } => process.env.is_empty() && process.stdin.is_none(),
        Action::Sql(sql) | Action::Query(sql) => sql.text.trim().lines().count() <= 1 && sql.variables.is_empty(),
        Action::Http(http) => http.headers.is_empty() && http.body.is_none() && http.expect == Default::default(),
        _ => false,
    }
}

/// What has to hold right before each attempt.
pub fn preconditions(preconditions: &[Precondition]) -> Option<Fact> {
    let entry = |precondition: &Precondition| {
        let asked = precondition.probe.as_ref().map(|probe| self::probe("", probe));
        let that = precondition.that.as_ref().map(|that| code(&that.0));
        let (asked, below) = asked.map(|fact| (Some(fact.line), fact.below)).unwrap_or_default();
        let line = join_with(asked.into_iter().chain(that), ": ");
        (with_message(line, precondition.message.as_ref()), below)
    };
    let entries: Vec<(Line, Vec<Block>)> = preconditions.iter().map(entry).collect();
    (!entries.is_empty()).then(|| Fact::blocks("Only if", vec![Block::List(entries)]))
}
