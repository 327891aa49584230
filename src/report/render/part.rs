//! What several parts of a page say in the same words: conditions, probes, people.

use super::action;
use super::block::{Block, Fact, Line, code, join, join_with, length, text};
use crate::model::runbook::Template;
use crate::model::step::{Action, Precondition, Probe, Step, Until};

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

/// What a probe of a step asks, and until when.
pub fn probe(label: &'static str, probe: &Probe, step: &Action) -> Fact {
    let place = action::place(&probe.action).filter(|place| action::place(step).as_ref() != Some(place));
    let place = place.map(|place| join([text(", on "), place])).unwrap_or_default();
    let patience = join([probe.until.as_ref().map(until).unwrap_or_default(), limit(probe)]);
    let short = action::is_short(&probe.action, step);
    let asked = if short { action::in_short(&probe.action) } else { text("this") };
    let below = if short { Vec::new() } else { action::how_within(&probe.action, Some(step)) };
    Fact::new(label, join([asked, place, patience])).with(below)
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

/// What has to hold right before each attempt.
pub fn preconditions(step: &Step) -> Option<Fact> {
    let entry = |precondition: &Precondition| {
        let asked = precondition.probe.as_ref().map(|probe| self::probe("", probe, &step.action));
        let that = precondition.that.as_ref().map(|that| code(&that.0));
        let (asked, below) = asked.map(|fact| (Some(fact.line), fact.below)).unwrap_or_default();
        let line = join_with(asked.into_iter().chain(that), ": ");
        (with_message(line, precondition.message.as_ref()), below)
    };
    let entries: Vec<(Line, Vec<Block>)> = step.preconditions.iter().map(entry).collect();
    (!entries.is_empty()).then(|| Fact::blocks("Only if", vec![Block::List(entries)]))
}
