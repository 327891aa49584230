//! What a step or a group is beside its action, in lines: a loop, a repetition, a hold, watched, in the background.

use super::items;
use super::undo::line;
use crate::expression::Scope;
use crate::expression::duration::written;
use crate::model::flow::{Background, Hold, Loop, Repeat, Trip, Watch, Way};
use crate::model::length::Length;
use crate::model::step::{Action, OnFailure, Probe, Step, WaitAction};

/// Every line about a step, without the one about the items of its loop. `beside` are the steps of its list.
pub(super) fn lines(step: &Step, beside: &[Step], scope: &Scope) -> Vec<String> {
    let mut lines = Vec::new();
    match &step.action {
        Action::Group { parallel: Some(abreast), .. } if *abreast > 1 => {
            lines.push(format!("side by side, {abreast} at a time"));
        }
        Action::Include(included) => {
            lines.push(format!("the steps of {}", included.path));
            lines.push("its own window, review, locks, hooks and followups do not count".to_owned());
        }
        _ => {}
    }
    lines.extend(step.repeat.as_ref().map(repeated));
    lines.extend(step.background.map(|background| goes_on(background, &step.id, beside)));
    lines.extend(step.hold.as_deref().and_then(expires));
    lines.extend(step.hold.as_deref().and_then(stays));
    lines.extend(step.watches.iter().map(|watch| watched(watch, scope)));
    lines
}

/// What is done when a step failed, before what its `on_failure` says.
pub(super) fn handled(step: &Step, scope: &Scope) -> Option<String> {
    let handler = step.handler.as_ref()?;
    let done: Vec<String> = handler.steps.iter().map(|step| line(step, scope)).collect();
    let then = match step.on_failure {
        _ if handler.retry => "it is tried once more",
        OnFailure::Stop => "the run stops",
        OnFailure::Rollback => "it is rolled back",
        OnFailure::Continue => "the run goes on",
        OnFailure::Ask => "a person chooses",
    };
    Some(format!("on failure: {}; then {then}", done.join(" · ")))
}

/// How a loop goes over its items. `known` says which, or that they are not known.
pub(super) fn looped(each: &Loop, known: &str, scope: &Scope) -> String {
    let mut parts = vec![format!("for each of {known}"), items::at_a_time(each.serial)];
    parts.extend(each.canary.map(|canary| match canary {
        1 => "asks after the first".to_owned(),
        count => format!("asks after the first {count}"),
    }));
    if !each.between.is_empty() {
        let between: Vec<String> = each.between.iter().map(|step| line(step, scope)).collect();
        parts.push(format!("between them {}", between.join(" · ")));
    }
    parts.push(match each.max_failures {
        0 => "ends at the first that fails".to_owned(),
        1 => "bears 1 that fails".to_owned(),
        most => format!("bears {most} that fail"),
    });
    parts.join(", ")
}

fn repeated(repeat: &Repeat) -> String {
    let mut text = "again and again".to_owned();
    if let Some(until) = &repeat.until {
        text = format!("{text} until `{}`", until.0);
    }
    if let Some(max) = repeat.max {
        text = format!("{text}, {max} times at most");
    }
    match &repeat.delay {
        Length::Known(pause) if pause.is_zero() => text,
        pause => format!("{text}, with a pause of {}", length(pause)),
    }
}

fn goes_on(background: Background, id: &str, beside: &[Step]) -> String {
    let joins = |step: &&Step| matches!(&step.action, Action::Wait(WaitAction::Steps(ids)) if ids.iter().any(|wanted| wanted == id));
    match (background, beside.iter().find(joins)) {
        (Background::UntilEnd, _) => "goes on beside the steps that follow, and is ended with their list".to_owned(),
        (Background::Joined, Some(join)) => format!("goes on beside the steps that follow, until {}", join.id),
        (Background::Joined, None) => "goes on beside the steps that follow".to_owned(),
    }
}

fn expires(hold: &Hold) -> Option<String> {
    let expires = hold.expires.as_ref()?;
    Some(format!("release by: {} after it was taken, when it lets go by itself", length(expires)))
}

/// The ways out on which it stays held.
fn stays(hold: &Hold) -> Option<String> {
    let word = |way: Way| match way {
        Way::Success => "success",
        Way::Failure => "a failure",
        Way::Stop => "a stop",
        Way::Rollback => "a rollback",
    };
    let kept: Vec<&str> = Way::ALL.into_iter().filter(|way| !hold.release_on.contains(way)).map(word).collect();
    (!kept.is_empty()).then(|| format!("stays held on {}", kept.join(" and ")))
}

fn watched(watch: &Watch, scope: &Scope) -> String {
    let then = match watch.action {
        Trip::Warn => "it is shown",
        Trip::Ask => "a person chooses",
        Trip::Stop => "the run stops",
        Trip::Rollback => "it is rolled back",
    };
    let done: Vec<String> = watch.steps.iter().map(|step| line(step, scope)).collect();
    let first = if done.is_empty() { String::new() } else { format!("{}, then ", done.join(" · ")) };
    let asked = asked(&watch.probe, scope);
    format!("watched every {}: {asked}; when `{}`: {first}{then}", length(&watch.every), watch.trip_when.0)
}

fn asked(probe: &Probe, scope: &Scope) -> String {
    super::undo::action_line(&probe.action, scope)
}

fn length(length: &Length) -> String {
    match length {
        Length::Known(duration) => written(*duration),
        Length::Template(template) => template.0.clone(),
    }
}
