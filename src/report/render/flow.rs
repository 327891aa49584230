//! What makes of a step more than one attempt after the other, in words.

use super::action;
use super::block::{Block, Fact, Line, code, join, join_with, length, text};
use super::part;
use crate::model::flow::{Background, Hold, Items, Loop, Repeat, Serial, Trip, Watch, Way};
use crate::model::step::{Action, OnFailure, Step};
use crate::report::text::count;

/// All of it that a step has.
pub fn facts(step: &Step) -> Vec<Fact> {
    let mut facts = Vec::new();
    facts.extend(step.each.as_deref().map(each));
    facts.extend(step.repeat.as_ref().map(|repeat| Fact::new("Repeated", self::repeat(repeat))));
    facts.extend(step.background.map(|background| {
        let goes_on = match background {
            Background::Joined => "goes on beside the steps that follow, until one waits for it",
            Background::UntilEnd => "goes on beside the steps that follow, and is ended with them",
        };
        Fact::new("Meanwhile", text(goes_on))
    }));
    facts.extend(step.hold.as_deref().map(hold));
    facts.extend(step.watches.iter().map(|watch| self::watch(watch, &step.action)));
    facts
}

/// Steps that are a part of another, each in a line.
fn steps(steps: &[Step]) -> Line {
    join_with(steps.iter().map(|step| action::in_short(&step.action)), ", then ")
}

fn each(each: &Loop) -> Fact {
    let name = join([code(&each.name), text(" of ")]);
    let items = match &each.items {
        Items::List(items) => join([name, join_with(items.iter().map(|item| code(&action::plain(item))), ", ")]),
        Items::Template(template) => join([name, code(&template.0)]),
        Items::Hosts(target) => join([text("host of "), code(target)]),
    };
    let at_a_time = match each.serial {
        Serial::Count(1) => text("one after the other"),
        Serial::Count(number) => text(&format!("{number} at a time")),
        Serial::Percent(percent) => text(&format!("{percent} % at a time")),
    };
    let mut rules = Vec::new();
    rules.extend(each.canary.map(|first| match first {
        1 => text("a person is asked after the first"),
        several => text(&format!("a person is asked after the first {several}")),
    }));
    if !each.between.is_empty() {
        rules.push(join([text("between two: "), steps(&each.between)]));
    }
    if each.max_failures > 0 {
        let most = count(usize::try_from(each.max_failures).unwrap_or(usize::MAX), "item");
        rules.push(text(&format!("{most} may fail")));
    }
    let below = (!rules.is_empty()).then(|| Block::list(rules));
    Fact::new("For each", join([items, text(", "), at_a_time])).with(below)
}

fn repeat(repeat: &Repeat) -> Line {
    let until = repeat.until.as_ref().map(|until| join([text("until "), code(&until.0)]));
    let most = repeat.max.map(|most| text(&format!("{most} times at most")));
    let pause = join([length(&repeat.delay), text(" between two")]);
    join_with(until.into_iter().chain(most).chain([pause]), ", ")
}

fn hold(hold: &Hold) -> Fact {
    let mut rules =
        vec![join([text("taken by "), steps(&hold.acquire)]), join([text("given back by "), steps(&hold.release)])];
    if hold.release_on.len() < Way::ALL.len() {
        let ways = hold.release_on.iter().map(|way| match way {
            Way::Success => text("success"),
            Way::Failure => text("failure"),
            Way::Stop => text("a stop"),
            Way::Rollback => text("rollback"),
        });
        rules.push(join([text("given back only on "), join_with(ways, ", ")]));
    }
    rules.extend(hold.expires.as_ref().map(|expires| join([text("lets go by itself after "), length(expires)])));
    if !hold.retake {
        rules.push(text("not taken again for a rollback"));
    }
    Fact::blocks("Holds", vec![Block::list(rules)])
}

fn watch(watch: &Watch, step: &Action) -> Fact {
    let asked = part::probe("Watched", &watch.probe, step);
    let trips = match watch.action {
        Trip::Warn => "it is shown",
        Trip::Ask => "a person is asked",
        Trip::Stop => "the run stops",
        Trip::Rollback => "the run is rolled back",
    };
    let first = if watch.steps.is_empty() { Line::new() } else { join([steps(&watch.steps), text(", then ")]) };
    let rule = join([
        text("every "),
        length(&watch.every),
        text("; when "),
        code(&watch.trip_when.0),
        text(": "),
        first,
        text(trips),
    ]);
    asked.with([Block::list([rule])])
}

/// What happens when a step failed, where it is not what happens to every other.
pub fn failure(step: &Step) -> Option<Fact> {
    let handler = step.handler.as_deref();
    let then = match (step.on_failure, handler.is_some_and(|handler| handler.retry)) {
        (_, true) => "it is tried once more",
        (OnFailure::Stop, _) if handler.is_none() => return None,
        (OnFailure::Stop, _) => "the run stops",
        (OnFailure::Rollback, _) => "the run is rolled back",
        (OnFailure::Continue, _) => "the run goes on, and the step stays failed",
        (OnFailure::Ask, _) => "a person is asked",
    };
    let first = handler.map(|handler| join([steps(&handler.steps), text(", then ")])).unwrap_or_default();
    Some(Fact::new("If it fails", join([first, text(then)])))
}
