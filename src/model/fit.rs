//! A runbook along its time: when each step is over by the estimates, and how long undoing everything takes from there.

use std::time::Duration;

use jiff::Timestamp;

use super::runbook::{Runbook, Template};
use super::step::{Action, Step, WaitAction};
use super::time::{Kind, Line, Reckoner, ends_rollback};
use super::window::Opening;

/// The moment at which a step is over. Steps that run side by side, and loops, are one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point<'r> {
    /// The step.
    pub step: &'r Step,
    /// What it normally takes.
    pub normal: Duration,
    /// What it takes at worst; what nothing limits takes what it normally does.
    pub worst: Duration,
    /// What one item and one round take at worst, with every attempt.
    pub limit: Duration,
    /// How long after the opening of the window it is over, by the estimates.
    pub over: Duration,
    /// What undoing it takes at worst.
    pub own_undo: Duration,
    /// What a rollback from there takes at worst.
    pub undo: Duration,
    /// Whether a rollback from there ends at it.
    pub ends_rollback: bool,
}

/// Every step along the time of a runbook, by the estimates.
#[must_use]
pub fn points(runbook: &Runbook) -> Vec<Point<'_>> {
    let mut walk = Walk::new(runbook, Kind::Normal);
    walk.list(Reckoner::new(runbook), &runbook.steps, Duration::ZERO);
    walk.points
}

/// How long after the opening of the window the work is over at worst. What nothing limits takes what it normally does.
#[must_use]
pub fn worst(runbook: &Runbook) -> Duration {
    Walk::new(runbook, Kind::WorstKnown).list(Reckoner::new(runbook), &runbook.steps, Duration::ZERO)
}

struct Walk<'r> {
    kind: Kind,
    /// When the window opens, where it does so only once.
    opens: Option<Timestamp>,
    points: Vec<Point<'r>>,
    /// What a rollback takes at worst from where the walk has come to.
    undo: Duration,
}

impl<'r> Walk<'r> {
    fn new(runbook: &Runbook, kind: Kind) -> Self {
        let opens = match runbook.window.as_ref().map(|window| &window.opening) {
            Some(Opening::Once(occasion)) => Some(occasion.opens.timestamp()),
            Some(Opening::Weekly { .. }) | None => None,
        };
        Self { kind, opens, points: Vec::new(), undo: Duration::ZERO }
    }

    /// Gives the time at which the list is over.
    fn list(&mut self, reckoner: Reckoner<'r>, steps: &'r [Step], begins: Duration) -> Duration {
        let mut line = Line::at(begins);
        let mut now = begins;
        for step in steps {
            let began = now;
            let open = members(step);
            let until = self.until(step);
            let time = || match (open, until) {
                (Some((within, members)), _) => {
                    Some(self.group(within.unwrap_or(reckoner), reckoner, step, members, began))
                }
                (None, Some(until)) => Some(until.saturating_sub(began)),
                (None, None) => reckoner.time(step, self.kind),
            };
            now = line.begin(step, time).unwrap_or(began);
            if open.is_none() {
                self.point(reckoner, step, now);
            }
        }
        line.end()
    }

    /// How long after the opening a step waits until, where it waits for a time that is written out.
    fn until(&self, step: &Step) -> Option<Duration> {
        let Action::Wait(WaitAction::Until(Template(time))) = &step.action else { return None };
        let until: Timestamp = time.parse().ok()?;
        Duration::try_from(until.duration_since(self.opens?)).ok()
    }

    /// A group whose members are looked at one by one; gives how long it takes.
    fn group(
        &mut self,
        within: Reckoner<'r>,
        reckoner: Reckoner<'r>,
        group: &'r Step,
        members: &'r [Step],
        begins: Duration,
    ) -> Duration {
        let known = |steps: &[Step]| reckoner.list(steps, self.kind).unwrap_or_default();
        let hold = group.hold.as_ref();
        let (acquire, release) =
            hold.map_or_else(Default::default, |hold| (known(&hold.acquire), known(&hold.release)));
        self.undo = self.undo.saturating_add(reckoner.retaken(group, Duration::MAX));
        let begins = begins.saturating_add(acquire);
        let took = self.list(within, members, begins).saturating_sub(begins);
        let limit = group.limit().filter(|_| self.kind != Kind::Normal).unwrap_or(took);
        took.min(limit).saturating_add(acquire).saturating_add(release)
    }

    fn point(&mut self, reckoner: Reckoner<'r>, step: &'r Step, over: Duration) {
        let own_undo = reckoner.undo(step);
        let ends_rollback = ends_rollback(step);
        self.undo = if ends_rollback { own_undo } else { self.undo.saturating_add(own_undo) };
        let time = |kind| reckoner.time(step, kind).unwrap_or_default();
        self.points.push(Point {
            step,
            normal: time(Kind::Normal),
            worst: time(Kind::WorstKnown),
            limit: reckoner.once(step, Kind::WorstKnown).unwrap_or_default(),
            over,
            own_undo,
            undo: self.undo,
            ends_rollback,
        });
    }
}

/// The members of a group that run one after the other, once; and what they are reckoned with, where that is another.
fn members(step: &Step) -> Option<(Option<Reckoner<'_>>, &[Step])> {
    let plain = step.each.is_none() && step.repeat.is_none() && step.background.is_none() && step.estimate.is_none();
    match &step.action {
        Action::Group { steps, parallel } if plain && parallel.is_none_or(|lanes| lanes <= 1) => Some((None, steps)),
        Action::Include(included) if plain => Some((Some(Reckoner::within(included)), &included.steps)),
        _ => None,
    }
}
