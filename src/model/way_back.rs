//! How long it takes at worst to undo what was really done, step by step as it was done.
//!
//! [`super::time`] and [`super::fit`] reckon with all that a runbook would do; this with what a run did so far.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::flow::Hold;
use super::parts::{Part, written};
use super::runbook::Runbook;
use super::step::{Action, Step, Undo};
use super::time::Reckoner;

/// What of each step of a runbook counts for the way back.
#[derive(Debug, Clone, Default)]
pub struct WayBack {
    leaves: BTreeMap<String, Leaf>,
    holds: BTreeMap<String, Held>,
    /// The hold that each step gives back.
    releases: BTreeMap<String, String>,
}

/// A step that was begun, or is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Done<'a> {
    /// Its name in the journal.
    pub name: &'a str,
    /// Whether a question was answered with a go: only then nothing before it is undone. True for other steps.
    pub went: bool,
}

#[derive(Debug, Clone)]
struct Leaf {
    undo: Duration,
    /// A rollback ends here.
    ends: bool,
    /// It takes what the innermost of these holds.
    acquires: bool,
    /// The holds that it stands in, outermost first.
    holds: Vec<String>,
}

/// What was done so far, as it grows.
///
/// From a point of no return on, only what came after it is undone. What is held is given back, and where members of a
/// hold are undone, taken again before.
#[derive(Debug, Clone)]
pub struct Going<'w> {
    way: &'w WayBack,
    /// Whether a point of no return was passed.
    pub past_return: bool,
    members: Duration,
    again: Duration,
    back: Duration,
    taken: BTreeSet<(&'w str, String)>,
    given_back: BTreeSet<(&'w str, String)>,
}

impl<'w> Going<'w> {
    /// One step more was begun.
    pub fn add(&mut self, Done { name, went }: Done<'_>) {
        let (id, item) = split(name);
        if let Some(hold) = self.way.releases.get(id) {
            let hold = (hold.as_str(), item.to_owned());
            if !self.taken.contains(&hold) && self.given_back.remove(&hold) {
                self.back = self.back.saturating_sub(self.way.held(hold.0).release);
            }
        }
        let Some(leaf) = self.way.leaves.get(id) else { return };
        if leaf.ends && went {
            self.past_return = true;
            (self.members, self.again) = (Duration::ZERO, Duration::ZERO);
            self.taken.clear();
            return;
        }
        self.members = self.members.saturating_add(leaf.undo);
        if leaf.acquires {
            leaf.holds.last().into_iter().for_each(|hold| self.give_back(hold, item));
        } else if !leaf.undo.is_zero() {
            for hold in &leaf.holds {
                self.give_back(hold, item);
                if self.taken.insert((hold, item.to_owned())) {
                    self.again = self.again.saturating_add(self.way.held(hold).again());
                }
            }
        }
    }

    /// What undoing all of it takes at worst.
    #[must_use]
    pub const fn undo(&self) -> Duration {
        self.members.saturating_add(self.again).saturating_add(self.back)
    }

    fn give_back(&mut self, hold: &'w str, item: &str) {
        if self.given_back.insert((hold, item.to_owned())) {
            self.back = self.back.saturating_add(self.way.held(hold).release);
        }
    }
}

impl Held {
    const fn again(self) -> Duration {
        if self.retake { self.acquire } else { Duration::ZERO }
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Held {
    acquire: Duration,
    release: Duration,
    retake: bool,
}

impl WayBack {
    /// That of a runbook, with all that it includes.
    #[must_use]
    pub fn of(runbook: &Runbook) -> Self {
        let mut way = Self::default();
        way.list(Reckoner::new(runbook), &runbook.steps, &[]);
        way
    }

    /// Whether a step is one of those that do the work: a member of the runbook or of what it includes, what a hold
    /// takes, or what stands between the items of a loop. What gives back, clears up or runs around the steps is not.
    #[must_use]
    pub fn is_work(&self, name: &str) -> bool {
        self.leaves.contains_key(split(name).0)
    }

    /// What undoing these takes at worst, given in the order in which they began.
    #[must_use]
    pub fn undo<'a>(&self, done: impl IntoIterator<Item = Done<'a>>) -> Duration {
        let mut going = self.begin();
        done.into_iter().for_each(|done| going.add(done));
        going.undo()
    }

    /// Nothing is done yet.
    #[must_use]
    pub fn begin(&self) -> Going<'_> {
        let (taken, given_back) = (BTreeSet::new(), BTreeSet::new());
        let [members, again, back] = [Duration::ZERO; 3];
        Going { way: self, past_return: false, members, again, back, taken, given_back }
    }

    fn held(&self, name: &str) -> Held {
        self.holds.get(name).copied().unwrap_or_default()
    }

    fn list(&mut self, reckoner: Reckoner<'_>, steps: &[Step], outer: &[String]) {
        // What a step without members holds, it holds to the end of this list.
        let mut holds = outer.to_vec();
        for step in steps {
            let mut own = holds.clone();
            if let Some(hold) = &step.hold {
                own.push(step.id.clone());
                self.hold(reckoner, step, hold, &own);
            }
            if let Some(each) = &step.each {
                for (at, between) in each.between.iter().enumerate() {
                    self.leaf(
                        reckoner,
                        between,
                        Part::Between.step_name(&step.id, at, each.between.len()),
                        holds.clone(),
                        false,
                    );
                }
            }
            match &step.action {
                Action::Group { steps, .. } => self.list(reckoner, steps, &own),
                Action::Include(included) => self.list(Reckoner::within(included), &included.steps, &own),
                Action::Hold => holds = own,
                _ => self.leaf(reckoner, step, step.id.clone(), own, false),
            }
        }
    }

    fn hold(&mut self, reckoner: Reckoner<'_>, step: &Step, hold: &Hold, own: &[String]) {
        let (acquire, release) = (reckoner.known(&hold.acquire), reckoner.known(&hold.release));
        self.holds.insert(step.id.clone(), Held { acquire, release, retake: hold.retake });
        // It is given back when the last of it is done.
        let last = hold.release.len().saturating_sub(1);
        self.releases.insert(Part::Release.step_name(&step.id, last, hold.release.len()), step.id.clone());
        for (at, part) in hold.acquire.iter().enumerate() {
            self.leaf(reckoner, part, Part::Acquire.step_name(&step.id, at, hold.acquire.len()), own.to_vec(), true);
        }
    }

    fn leaf(&mut self, reckoner: Reckoner<'_>, step: &Step, name: String, holds: Vec<String>, acquires: bool) {
        let ends = matches!(step.undo, Undo::PointOfNoReturn { .. });
        let undo = if acquires { Duration::ZERO } else { reckoner.undo_once(step) };
        self.leaves.insert(name, Leaf { undo, ends, acquires, holds });
    }
}

/// A name of the journal as it is written, and the items in brackets that the journal adds.
fn split(name: &str) -> (&str, &str) {
    name.split_at(written(name).len())
}
