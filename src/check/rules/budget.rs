//! The work and its rollback against the window.

use std::time::Duration;

use super::Findings;
use crate::check::context::Context;
use crate::check::window::part;
use crate::expression::duration::written;
use crate::model::diagnostic::Span;
use crate::model::fit::{self, Point};
use crate::model::runbook::Runbook;
use crate::model::step::Step;

/// What the rules of this family look at.
struct Fit<'r> {
    points: Vec<Point<'r>>,
    window: Duration,
}

impl<'r> Fit<'r> {
    fn new(runbook: &'r Runbook) -> Option<Self> {
        let window = runbook.window.as_ref()?.length();
        Some(Self { points: fit::points(runbook), window })
    }

    /// The steps that could not even begin at the very opening of the window.
    fn stillborn(&self) -> impl Iterator<Item = &Point<'r>> {
        self.points.iter().filter(|point| point.limit.saturating_add(point.undo) > self.window)
    }

    /// How much longer than the window it takes to come to a point and to undo everything from there.
    fn excess(&self, point: &Point<'_>) -> Option<Duration> {
        let needed = point.over.saturating_add(point.undo);
        needed.checked_sub(self.window).filter(|excess| !excess.is_zero())
    }

    /// The longest of what has to be done and undone up to a point, first the longest.
    fn longest(&self, last: usize) -> Vec<(Duration, String)> {
        let up_to = self.points.iter().take(last + 1);
        let work = up_to.clone().map(|point| (point.normal, format!("`{}`", point.step.id)));
        let undone = self.points.iter().take(last + 1).rposition(|point| point.ends_rollback).unwrap_or(0);
        let undo = up_to.skip(undone).map(|point| (point.own_undo, format!("the rollback of `{}`", point.step.id)));
        let mut longest: Vec<_> = work.chain(undo).filter(|(time, _)| !time.is_zero()).collect();
        longest.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        longest
    }
}

/// Where a step stands; one of another file, at the step that includes it.
fn place(context: &Context, step: &Step) -> Option<Span> {
    let id = step.id.split('/').next().unwrap_or_default();
    context.step_named(id).map(|at| context.action_span(&context.steps[at]))
}

/// What says how long the window is.
fn window_span(context: &Context) -> Span {
    let said = part(context, "closes").or_else(|| part(context, "duration"));
    said.map_or_else(|| context.entry_key_span(context.root, "window"), |node| context.span(node))
}

fn listed<'a>(longest: impl Iterator<Item = &'a (Duration, String)>) -> String {
    longest.map(|(time, name)| format!("{name} {}", written(*time))).collect::<Vec<_>>().join(", ")
}

/// A step whose limit and rollback are longer than the whole window.
pub fn could_never_begin(context: &Context, runbook: &Runbook, findings: &mut Findings) {
    let Some(fit) = Fit::new(runbook) else { return };
    for point in fit.stillborn() {
        let Some(span) = place(context, point.step) else { continue };
        let (limit, undo, window) = (written(point.limit), written(point.undo), written(fit.window));
        let undoing = if point.undo.is_zero() { String::new() } else { format!(" and a rollback from there {undo}") };
        let message =
            format!("step `{}` can never begin: it may take {limit}{undoing}, in a window of {window}", point.step.id);
        let help = match fit.window.checked_sub(point.undo).filter(|left| !left.is_zero()) {
            Some(left) => {
                format!("limit it to {} at most, with all its attempts, or lengthen the window", written(left))
            }
            None => "shorten the rollback of what comes before, or lengthen the window".to_owned(),
        };
        findings.report_with(span, message, help, (window_span(context), "the window"));
    }
}

/// By the estimates, the work and the rollback from some point on do not fit the window.
pub fn does_not_fit(context: &Context, runbook: &Runbook, findings: &mut Findings) {
    let Some(fit) = Fit::new(runbook) else { return };
    if fit.stillborn().next().is_some() {
        return;
    }
    let over = |point: &&Point<'_>| fit.excess(point).is_some();
    let Some(first) = fit.points.iter().find(over) else { return };
    let Some(span) = place(context, first.step) else { return };
    let Some((most, worst)) = fit
        .points
        .iter()
        .enumerate()
        .filter_map(|(at, point)| Some((at, fit.excess(point)?)))
        .max_by_key(|(at, excess)| (*excess, *at))
    else {
        return;
    };
    let (done, window) = (written(first.over), written(fit.window));
    let undoing = if first.undo.is_zero() {
        String::new()
    } else {
        format!(" and a rollback from there may take {}", written(first.undo))
    };
    let message = format!(
        "step `{}` does not fit the window of {window}: by the estimates it is over after {done}{undoing}",
        first.step.id
    );
    let longest = fit.longest(most);
    let mut gained = Duration::ZERO;
    let needed = longest.iter().take_while(|(time, _)| {
        let wanted = gained < worst;
        gained = gained.saturating_add(*time);
        wanted
    });
    let named = needed.count().clamp(3, 5);
    let help =
        format!("cut or shorten {} in all; the longest are {}", written(worst), listed(longest.iter().take(named)));
    findings.report_with(span, message, help, (window_span(context), "the window"));
}

/// With every limit reached and every attempt needed, the work is longer than the window.
pub fn may_not_fit(context: &Context, runbook: &Runbook, findings: &mut Findings) {
    let Some(fit) = Fit::new(runbook) else { return };
    if fit.stillborn().next().is_some() || fit.points.iter().any(|point| fit.excess(point).is_some()) {
        return;
    }
    let worst = fit::worst(runbook);
    if worst <= fit.window {
        return;
    }
    let mut longest: Vec<_> = fit.points.iter().map(|point| (point.worst, format!("`{}`", point.step.id))).collect();
    longest.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
    findings.report(
        window_span(context),
        format!("at worst the work takes {}, and the window is {}", written(worst), written(fit.window)),
        format!("lower the timeouts or the attempts; at worst the longest are {}", listed(longest.iter().take(3))),
    );
}
