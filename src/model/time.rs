//! How long steps take: normally, at worst, and to be undone.
//!
//! Only what is written out is reckoned with: a list that is found when the step runs counts as one item, and people,
//! who are seldom given a limit, count by their estimates.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use super::flow::{Background, Included, Items, Loop, Serial};
use super::length::Length;
use super::runbook::{Hosts, Parameter, Runbook, Target, Template};
use super::step::{Action, Probe, Step, Undo, WaitAction};

/// What putting a file back takes at worst.
pub const RESTORE: Duration = Duration::from_secs(1);

/// Which time of a step is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What it normally takes. Always known.
    Normal,
    /// With every limit reached and every attempt needed. Unknown where nothing limits it.
    Worst,
    /// The same, where what nothing limits takes what it normally does. Always known.
    WorstKnown,
}

/// Reckons with the lists that a runbook declares, so that loops count for all their items.
#[derive(Debug, Clone, Copy)]
pub struct Reckoner<'r> {
    parameters: &'r BTreeMap<String, Parameter>,
    targets: &'r BTreeMap<String, Target>,
    /// Values that are given to an included runbook.
    given: Option<&'r BTreeMap<String, Value>>,
}

impl<'r> Reckoner<'r> {
    /// For the steps of a runbook.
    #[must_use]
    pub const fn new(runbook: &'r Runbook) -> Self {
        Self { parameters: &runbook.parameters, targets: &runbook.targets, given: None }
    }

    /// For the steps of an included runbook, whose names are its own.
    #[must_use]
    pub const fn within(included: &'r Included) -> Self {
        Self { parameters: &included.parameters, targets: &included.targets, given: Some(&included.given) }
    }

    /// The time of a step with all its items, rounds and attempts, and of what it holds.
    #[must_use]
    pub fn time(&self, step: &Step, kind: Kind) -> Option<Duration> {
        let once = self.rounds(step, kind)?;
        let Some(each) = &step.each else { return Some(once) };
        let (count, batches) = self.batches(each);
        if count == 0 {
            return Some(Duration::ZERO);
        }
        let between = self.list(&each.between, kind)?;
        Some(once.saturating_mul(batches).saturating_add(between.saturating_mul(batches - 1)))
    }

    /// How many items a loop has, and how many times it takes some of them.
    fn batches(&self, each: &Loop) -> (u32, u32) {
        let count = self.count(&each.items).unwrap_or(1);
        let at_a_time = match each.serial {
            Serial::Count(count) => count,
            Serial::Percent(share) => count.saturating_mul(share) / 100,
        };
        (count, count.div_ceil(at_a_time.max(1)))
    }

    fn count(&self, items: &Items) -> Option<u32> {
        let count = match items {
            Items::List(items) => items.len(),
            Items::Template(template) => self.declared(template)?,
            Items::Hosts(target) => match self.targets.get(target)? {
                Target::Hosts { hosts: Hosts::List(hosts), .. } => hosts.len(),
                Target::Hosts { hosts: Hosts::Template(template), .. } => self.declared(template)?,
                Target::Postgres { .. } => return None,
            },
        };
        u32::try_from(count).ok()
    }

    /// The length of the list that a template reads, where that is a parameter with a default.
    fn declared(&self, template: &Template) -> Option<usize> {
        let inner = template.0.trim().strip_prefix("{{")?.strip_suffix("}}")?;
        let name = inner.trim().strip_prefix("parameters.")?;
        let given = self.given.and_then(|given| given.get(name)).filter(|given| given.is_array());
        given.or_else(|| self.parameters.get(name)?.default.as_ref())?.as_array().map(Vec::len)
    }

    /// A step for one item.
    fn rounds(&self, step: &Step, kind: Kind) -> Option<Duration> {
        let Some(repeat) = &step.repeat else { return self.once(step, kind) };
        let all = step.estimate.filter(|_| kind == Kind::Normal);
        if all.is_some() {
            return all;
        }
        let round = self.once(step, kind)?.saturating_add(repeat.delay.known().unwrap_or_default());
        match (repeat.max, kind) {
            (Some(max), _) => Some(round.saturating_mul(max)),
            (None, Kind::Worst) => None,
            (None, Kind::Normal | Kind::WorstKnown) => Some(step.estimate.unwrap_or(round)),
        }
    }

    /// A step for one item, in one round: every attempt, and what it holds.
    #[must_use]
    pub fn once(&self, step: &Step, kind: Kind) -> Option<Duration> {
        let held = match &step.hold {
            Some(hold) => self.list(&hold.acquire, kind)?.saturating_add(self.list(&hold.release, kind)?),
            None => Duration::ZERO,
        };
        let own = match &step.action {
            Action::Group { .. } | Action::Include(_) if kind == Kind::Normal && step.estimate.is_some() => {
                step.estimate
            }
            Action::Group { steps, parallel } => limited(step, self.members(steps, parallel.unwrap_or(1), kind), kind),
            Action::Include(included) => limited(step, Reckoner::within(included).list(&included.steps, kind), kind),
            _ => leaf(step, kind),
        };
        Some(own?.saturating_add(held))
    }

    /// Steps one after the other, some of them beside the others until they are waited for.
    #[must_use]
    pub fn list(&self, steps: &[Step], kind: Kind) -> Option<Duration> {
        let mut line = Line::default();
        for step in steps {
            line.begin(step, || self.time(step, kind))?;
        }
        Some(line.end())
    }

    /// Steps, so many of them side by side.
    #[must_use]
    pub fn members(&self, steps: &[Step], lanes: u32, kind: Kind) -> Option<Duration> {
        if lanes <= 1 {
            return self.list(steps, kind);
        }
        let lanes = usize::try_from(lanes).unwrap_or(usize::MAX).min(steps.len());
        let mut free = vec![Duration::ZERO; lanes];
        for step in steps {
            let time = self.time(step, kind)?;
            if let Some(first) = free.iter_mut().min() {
                *first = first.saturating_add(time);
            }
        }
        free.into_iter().max().or(Some(Duration::ZERO))
    }

    /// What undoing a step takes at worst, as far as it is known. From a point of no return on, only what came after
    /// it is undone.
    #[must_use]
    pub fn undo(&self, step: &Step) -> Duration {
        let once = self.undo_once(step);
        let count = step.each.as_ref().map_or(1, |each| self.count(&each.items).unwrap_or(1));
        once.saturating_add(self.retaken(step, once)).saturating_mul(count)
    }

    /// The same for one item, without what the step itself holds.
    #[must_use]
    pub fn undo_once(&self, step: &Step) -> Duration {
        match (&step.action, &step.undo) {
            (_, Undo::PointOfNoReturn { .. } | Undo::Irreversible { .. })
            | (Action::File(_), Undo::NotNeeded { why: Some(_) }) => Duration::ZERO,
            (Action::Group { steps, .. }, _) => self.undo_list(steps),
            (Action::Include(included), _) => Reckoner::within(included).undo_list(&included.steps),
            (Action::File(file), undo) => {
                let reload = file.reload.as_ref().and_then(|_| step.limit()).unwrap_or_default();
                RESTORE.saturating_add(reload).saturating_add(self.undo_steps(undo))
            }
            (_, undo) => self.undo_steps(undo),
        }
    }

    fn undo_steps(&self, undo: &Undo) -> Duration {
        match undo {
            Undo::Steps(steps) => self.known(steps),
            _ => Duration::ZERO,
        }
    }

    /// Taking what a step holds again, and giving it back, around the undo of its members.
    #[must_use]
    pub fn retaken(&self, step: &Step, undo: Duration) -> Duration {
        let hold = step.hold.as_ref().filter(|hold| hold.retake && !undo.is_zero());
        hold.map_or(Duration::ZERO, |hold| self.known(&hold.acquire).saturating_add(self.known(&hold.release)))
    }

    /// Steps one after the other at worst; what nothing limits takes what it normally does.
    #[must_use]
    pub fn known(&self, steps: &[Step]) -> Duration {
        self.list(steps, Kind::WorstKnown).unwrap_or_default()
    }

    fn undo_list(&self, steps: &[Step]) -> Duration {
        steps.iter().fold(Duration::ZERO, |before, step| {
            let own = self.undo(step);
            if ends_rollback(step) { own } else { before.saturating_add(own) }
        })
    }
}

/// Whether a rollback ends at a step, or within it.
#[must_use]
pub fn ends_rollback(step: &Step) -> bool {
    match (&step.action, &step.undo) {
        (_, Undo::PointOfNoReturn { .. }) => true,
        (Action::Group { steps, .. }, _) => steps.iter().any(ends_rollback),
        (Action::Include(included), _) => included.steps.iter().any(ends_rollback),
        _ => false,
    }
}

/// A list of steps as it goes on: the time, and what goes on beside.
#[derive(Debug, Default)]
pub struct Line<'s> {
    now: Duration,
    beside: Vec<(&'s str, Duration)>,
}

impl<'s> Line<'s> {
    /// A line that begins later.
    #[must_use]
    pub fn at(now: Duration) -> Self {
        Self { now, beside: Vec::new() }
    }

    /// Begins a step of which it is known, or found, how long it takes, and gives the time at which the next begins.
    pub fn begin(&mut self, step: &'s Step, time: impl FnOnce() -> Option<Duration>) -> Option<Duration> {
        match (&step.action, step.background) {
            (_, Some(Background::UntilEnd)) => {}
            (_, Some(Background::Joined)) => self.beside.push((&step.id, self.now.saturating_add(time()?))),
            (Action::Wait(WaitAction::Steps(ids)), None) => {
                let joined = self.beside.extract_if(.., |(id, _)| ids.iter().any(|wanted| wanted == id));
                let until = joined.map(|(_, end)| end).fold(self.now, Duration::max);
                self.now = step.limit().map_or(until, |limit| until.min(self.now.saturating_add(limit)));
            }
            (_, None) => self.now = self.now.saturating_add(time()?),
        }
        Some(self.now)
    }

    /// When the last of it is over.
    #[must_use]
    pub fn end(self) -> Duration {
        self.beside.into_iter().map(|(_, end)| end).fold(self.now, Duration::max)
    }
}

/// What the members of a group take, which its own limit may end.
fn limited(step: &Step, members: Option<Duration>, kind: Kind) -> Option<Duration> {
    match (kind, step.limit()) {
        (Kind::Worst | Kind::WorstKnown, Some(limit)) => Some(members.map_or(limit, |members| members.min(limit))),
        _ => members,
    }
}

/// What one attempt of a step that acts itself takes at worst, with what verifies it. What nothing limits takes what it
/// normally does; a wait for a moment or for other steps, nothing beside its limit.
#[must_use]
pub fn attempt(step: &Step) -> Duration {
    let normal = match &step.action {
        Action::Wait(WaitAction::For(Length::Known(pause))) => return step.limit().map_or(*pause, |l| l.min(*pause)),
        Action::Assert { .. } | Action::Hold => return Duration::ZERO,
        Action::Wait(WaitAction::Until(_) | WaitAction::Steps(_)) => None,
        _ => step.estimate,
    };
    let limit = step.limit().or(normal).unwrap_or_default();
    let verify = step.verify.as_ref().filter(|_| step.until.is_none()).and_then(Probe::limit);
    limit.saturating_add(verify.unwrap_or_default())
}

/// A step that acts itself.
fn leaf(step: &Step, kind: Kind) -> Option<Duration> {
    let normal = match &step.action {
        Action::Wait(WaitAction::For(Length::Known(pause))) => return Some(*pause),
        Action::Wait(WaitAction::Steps(_)) | Action::Assert { .. } | Action::Hold => return Some(Duration::ZERO),
        _ => step.estimate.or(step.limit()),
    };
    let by_person = step.action.is_by_person();
    let limit = match kind {
        Kind::Normal => return Some(normal.unwrap_or_default()),
        Kind::Worst if by_person => step.limit().or(step.estimate)?,
        Kind::Worst => step.limit()?,
        Kind::WorstKnown => step.limit().or(normal).unwrap_or_default(),
    };
    if step.until.is_some() {
        return Some(limit);
    }
    let verify = step.verify.as_ref().and_then(Probe::limit).unwrap_or_default();
    let attempts = step.retry.max_attempts.max(1);
    // Beyond so many, the pauses no longer grow, and nobody waits for them.
    let pauses = (2..=attempts.min(1000))
        .map(|attempt| step.retry.delay_before(attempt))
        .fold(Duration::ZERO, Duration::saturating_add);
    Some(limit.saturating_add(verify).saturating_mul(attempts).saturating_add(pauses))
}
