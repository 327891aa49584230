//! Durations that cannot have been meant: of nothing, of months, or longer than what they stand within.

use std::time::Duration;

use super::Findings;
use super::time::runs_something;
use crate::check::context::Context;
use crate::check::steps::{Kind, StepAt};
use crate::check::tree::NodeId;
use crate::check::window;
use crate::expression::duration;
use crate::model::step::DEFAULT_EVERY;

/// What a duration of zero would mean, by the key that it stands under, and one that would do.
const NOTHING: &[(&str, &str, &str)] = &[
    ("timeout", "a limit of no time at all ends everything before it begins", "5m"),
    ("every", "without a pause between two looks, what is asked is kept busy", "5s"),
    ("wait", "a wait of no time at all waits for nothing", "30s"),
    ("expires", "a hold that expires at once holds nothing", "2m"),
    ("duration", "a window of no time at all is never open", "4h"),
];

/// No time at all where some is needed.
pub fn zero(context: &Context, findings: &mut Findings) {
    for at in &context.durations {
        let Some((key, message, better)) = NOTHING.iter().find(|(key, ..)| *key == at.key) else { continue };
        if context.duration(at.node) == Some(Duration::ZERO) {
            let help = format!("write how long, such as `{key}: {better}`");
            findings.report(context.span(at.node), *message, help);
        }
    }
}

/// Months, where minutes were meant.
pub fn enormous(context: &Context, findings: &mut Findings) {
    for at in &context.durations {
        let (limit, name) = match at.key {
            "duration" => continue,
            "due" => (Duration::from_hours(24 * 366), "a year"),
            _ => (Duration::from_hours(24 * 30), "thirty days"),
        };
        if context.duration(at.node).is_some_and(|length| length > limit) {
            let message = format!("`{}` is more than {name}", context.text(at.node).unwrap_or_default());
            findings.report(context.span(at.node), message, "look at the unit: s, m, h or d");
        }
    }
}

/// A step of which nobody knows how long it takes before it runs: a duration is a template, or nobody knows how often
/// it is repeated.
pub fn unknown_without_estimate(context: &Context, findings: &mut Findings) {
    let told = from_template(context, findings);
    repeated(context, findings, &told);
}

/// Repeating matters where there is a window, and only where all the rounds that there may be do not fit it.
fn repeated(context: &Context, findings: &mut Findings, told: &[usize]) {
    if context.field(context.root, "window").is_none() {
        return;
    }
    let window = window::resolve(context).map(|window| window.length());
    let said: Vec<NodeId> = told.iter().map(|at| context.steps[*at].node).collect();
    for step in context.sound().filter(|step| !said.contains(&step.node)) {
        if context.field(step.node, "estimate").is_some() {
            continue;
        }
        let Some(repeat) = step.fields.as_ref().and_then(|fields| fields.repeat.as_ref()) else { continue };
        // What the members of a group take is reckoned later, and one round of them is known.
        let members = matches!(step.kind, Some(Kind::Group | Kind::Include)).then_some(Duration::ZERO);
        let round = limit(context, step).and_then(|limit| context.duration(limit)).or(members);
        let pause = repeat.delay.as_ref().and_then(|delay| duration::parse(&delay.0).ok()).unwrap_or_default();
        let rounds = repeat.max.zip(round).map(|(max, round)| round.saturating_add(pause).saturating_mul(max));
        if rounds.is_none_or(|rounds| window.is_some_and(|window| rounds > window)) {
            findings.report(
                context.entry_key_span(step.node, "repeat"),
                format!("how long {} takes is known only when it runs, and it has no estimate", context.title(step)),
                "add `estimate: 5m` to the step: what all its rounds normally take together",
            );
        }
    }
}

/// Gives the steps that it found.
fn from_template(context: &Context, findings: &mut Findings) -> Vec<usize> {
    let mut told = Vec::new();
    for at in context.durations.iter().filter(|at| at.may_be_template && context.is_template(at.node)) {
        let lacking =
            |step: &StepAt| step.sound && step.fields.as_ref().is_some_and(|fields| fields.estimate.is_none());
        let help = "add `estimate: 5m` to the step: what it normally takes";
        if let Some(index) = at.step {
            let step = &context.steps[index];
            if lacking(step) && !told.contains(&index) {
                told.push(index);
                let message = format!(
                    "how long {} takes is known only when it runs, and it has no estimate",
                    context.title(step)
                );
                findings.report(context.span(at.node), message, help);
            }
            continue;
        }
        let relies =
            |step: &&StepAt| context.field(step.node, "timeout").is_none() && runs_something(step) && lacking(step);
        if let Some(step) = context.decoded().find(relies) {
            let message =
                format!("how long {} takes is known only when it runs, and it has no estimate", context.title(step));
            findings.report_with(context.span(at.node), message, help, (context.action_span(step), "this step"));
        }
    }
    told
}

/// The limit of a step: its own, else the default one where it runs something.
fn limit(context: &Context, step: &StepAt) -> Option<NodeId> {
    let default =
        || context.field(context.field(context.root, "defaults")?, "timeout").filter(|_| runs_something(step));
    context.field(step.node, "timeout").or_else(default)
}

/// A step that is ended before it can normally be done.
pub fn longer_than_limit(context: &Context, findings: &mut Findings) {
    // The rounds of a repetition are limited one by one, and estimated together.
    for step in context.sound().filter(|step| context.field(step.node, "repeat").is_none()) {
        let (Some(estimate), Some(limit)) = (context.field(step.node, "estimate"), limit(context, step)) else {
            continue;
        };
        let (Some(normal), Some(most)) = (context.duration(estimate), context.duration(limit)) else { continue };
        if normal > most && !most.is_zero() {
            let [normal, most] = [normal, most].map(duration::written);
            findings.report_with(
                context.span(estimate),
                format!("{} normally takes {normal}, and is ended after {most}", context.title(step)),
                format!("write a timeout of more than {normal}, or a shorter estimate"),
                (context.span(limit), "its limit"),
            );
        }
    }
}

/// Polling that is over before the second look.
pub fn looks_once(context: &Context, findings: &mut Findings) {
    for step in context.sound() {
        let own = limit(context, step);
        if context.field(step.node, "until").is_some() {
            looks(context, findings, step.node, own);
        }
        if let Some(verify) = context.field(step.node, "verify").filter(|node| context.field(*node, "until").is_some())
        {
            let default = || context.field(context.field(context.root, "defaults")?, "timeout");
            looks(context, findings, verify, context.field(verify, "timeout").or_else(default).or(own));
        }
    }
}

fn looks(context: &Context, findings: &mut Findings, node: NodeId, limit: Option<NodeId>) {
    let Some((limit, most)) = limit.and_then(|limit| Some((limit, context.duration(limit)?))) else { return };
    let written = context.field(node, "every");
    let pause = match written {
        Some(every) => context.duration(every),
        None => Some(DEFAULT_EVERY),
    };
    let Some(pause) = pause.filter(|pause| *pause >= most && !most.is_zero()) else { return };
    let [pause, most] = [pause, most].map(duration::written);
    let message = format!("it looks every {pause} and gives up after {most}, so it looks only once");
    if let Some(every) = written {
        let help = format!("write `every` shorter than {most}, or a longer timeout");
        findings.report_with(context.span(every), message, help, (context.span(limit), "the limit"));
    } else {
        let help = format!("write `every: 1s`, or a timeout longer than {pause}");
        findings.report(context.span(limit), message, help);
    }
}
