//! What is held, and when the held system lets go by itself.

use std::time::Duration;

use super::Findings;
use crate::check::context::Context;
use crate::expression::duration::written;
use crate::model::diagnostic::Span;
use crate::model::flow::Hold;
use crate::model::length::Length;
use crate::model::runbook::Runbook;
use crate::model::step::{Action, Step};
use crate::model::time::{Kind, Reckoner};

/// A hold that expires, and the steps it is held for.
struct Held<'r> {
    step: &'r Step,
    hold: &'r Hold,
    expires: Duration,
    members: &'r [Step],
    /// How many of them run side by side.
    lanes: u32,
}

/// Every hold of the runbook's own file that says when it expires.
fn holds<'r>(steps: &'r [Step], found: &mut Vec<Held<'r>>) {
    for (at, step) in steps.iter().enumerate() {
        let (members, lanes) = match &step.action {
            Action::Group { steps, parallel } => (steps.as_slice(), parallel.unwrap_or(1)),
            Action::Hold => (&steps[at + 1..], 1),
            _ => continue,
        };
        if let Some(hold) = &step.hold
            && let Some(expires) = hold.expires.as_ref().and_then(Length::known).filter(|expires| !expires.is_zero())
        {
            found.push(Held { step, hold, expires, members, lanes });
        }
        if let Action::Group { steps, .. } = &step.action {
            holds(steps, found);
        }
    }
}

fn all(runbook: &Runbook) -> Vec<Held<'_>> {
    let mut found = Vec::new();
    for steps in std::iter::once(&runbook.steps).chain(runbook.hooks.values()) {
        holds(steps, &mut found);
    }
    found
}

impl Held<'_> {
    /// How long the steps inside take.
    fn inside(&self, reckoner: Reckoner<'_>, kind: Kind) -> Duration {
        reckoner.members(self.members, self.lanes, kind).unwrap_or_default()
    }

    /// The longest steps inside, as the end of a sentence.
    fn longest(&self, reckoner: Reckoner<'_>, kind: Kind) -> String {
        let times = self.members.iter().map(|step| (reckoner.time(step, kind).unwrap_or_default(), &step.id));
        let mut times: Vec<_> = times.filter(|(time, _)| !time.is_zero()).collect();
        times.sort_by_key(|(time, _)| std::cmp::Reverse(*time));
        times.iter().take(3).map(|(time, id)| format!("`{id}` {}", written(*time))).collect::<Vec<_>>().join(", ")
    }

    fn place(&self, context: &Context) -> Option<Span> {
        let node = context.steps[context.step_named(&self.step.id)?].node;
        Some(context.field_span(context.field(node, "hold")?, "expires"))
    }
}

/// The work inside normally takes longer than it is held.
pub fn expires_within(context: &Context, runbook: &Runbook, findings: &mut Findings) {
    let reckoner = Reckoner::new(runbook);
    for held in all(runbook) {
        let inside = held.inside(reckoner, Kind::Normal);
        let Some(span) = held.place(context).filter(|_| inside >= held.expires) else { continue };
        let (inside, expires) = (written(inside), written(held.expires));
        findings.report(
            span,
            format!("`{}` lets go after {expires}, and the steps inside normally take {inside}", held.step.id),
            format!("let it expire later, or take steps out; the longest are {}", held.longest(reckoner, Kind::Normal)),
        );
    }
}

/// The work inside and the release may take longer than it is held.
pub fn may_expire_within(context: &Context, runbook: &Runbook, findings: &mut Findings) {
    let reckoner = Reckoner::new(runbook);
    for held in all(runbook) {
        let release = reckoner.list(&held.hold.release, Kind::WorstKnown).unwrap_or_default();
        let worst = held.inside(reckoner, Kind::WorstKnown).saturating_add(release);
        let said = held.inside(reckoner, Kind::Normal) >= held.expires;
        let Some(span) = held.place(context).filter(|_| worst > held.expires && !said) else { continue };
        let (worst, release, expires) = (written(worst), written(release), written(held.expires));
        let longest = held.longest(reckoner, Kind::WorstKnown);
        findings.report(
            span,
            format!("`{}` lets go after {expires}, and at worst it is given back only after {worst}", held.step.id),
            format!("lower the timeouts inside: at worst the longest are {longest}, and the release {release}"),
        );
    }
}
