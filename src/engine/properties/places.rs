//! Where a step stands decides what may run beside it, and what has to be held while it does.

use std::collections::BTreeSet;

use super::drive::Drive;
use crate::engine::program::{Kind, Role};
use crate::model::event::{Event, Outcome};

/// Lists go one after the other, groups only so many at a time, loops batch by batch; what a hold is for runs only
/// while it is held.
pub(super) fn nothing_runs_that_its_place_does_not_allow(drive: &Drive) -> Result<(), String> {
    let mut places = Places::of(drive);
    drive.records.iter().try_for_each(|event| places.follow(event))
}

/// What is under way and what is held, as far as the records were read.
struct Places<'d> {
    drive: &'d Drive<'d>,
    running: BTreeSet<usize>,
    held: BTreeSet<&'d str>,
    /// Was held at some time.
    ever: BTreeSet<&'d str>,
    releasing: BTreeSet<&'d str>,
    /// What takes a hold was carried out or found done, and not left out since.
    acquired: BTreeSet<usize>,
    /// A rollback has begun.
    back: bool,
}

impl<'d> Places<'d> {
    fn of(drive: &'d Drive<'d>) -> Self {
        Self {
            drive,
            running: BTreeSet::new(),
            held: BTreeSet::new(),
            ever: BTreeSet::new(),
            releasing: BTreeSet::new(),
            acquired: BTreeSet::new(),
            back: false,
        }
    }

    fn follow(&mut self, event: &'d Event) -> Result<(), String> {
        let drive = self.drive;
        let steps = &drive.engine.program.steps;
        match event {
            Event::HoldTaken { step, .. } => {
                self.held.insert(step);
                self.ever.insert(step);
            }
            Event::HoldReleased { step } => {
                self.releasing.remove(step.as_str());
                self.held.remove(step.as_str());
            }
            Event::StepInPlace { step, .. } => {
                self.acquired.insert(drive.index(step));
            }
            Event::StepRefused { step, .. } if drive.engine.program.index(step).is_some() => {
                self.left_held(drive.index(step));
            }
            Event::StepSkipped { step, .. } => self.acquired.retain(|index| steps[*index].name != *step),
            Event::AttemptFinished { step, .. }
            | Event::UndoFinished { step, .. }
            | Event::StepSettled { step, .. }
            | Event::UndoSettled { step, .. } => {
                self.running.remove(&drive.index(step));
                if !matches!(event, Event::AttemptFinished { outcome: Outcome::Succeeded, .. }) {
                    self.left_held(drive.index(step));
                }
            }
            Event::RollbackStarted { .. } | Event::LimitReached { .. } => {
                self.back |= matches!(event, Event::RollbackStarted { .. });
                self.running.retain(|index| !steps[*index].by_person);
            }
            Event::AttemptStarted { step, .. } | Event::UndoStarted { step, .. } => {
                return self.begins(drive.index(step));
            }
            _ => {}
        }
        Ok(())
    }

    fn begins(&mut self, index: usize) -> Result<(), String> {
        let program = &self.drive.engine.program;
        self.running.insert(index);
        self.acquired.insert(index);
        let releases = program.steps[index].role == Role::Release;
        // From the first attempt to release it on nobody can count on it.
        if releases && let Some(hold) = self.hold_of(index) {
            self.held.remove(hold);
            self.releasing.insert(hold);
        }
        // What is given back late, because that failed before, is given back as things are.
        if !releases && let Some(name) = self.missing(index) {
            return Err(format!("{} begins although {name} is not held", program.steps[index].name));
        }
        if self.back { Ok(()) } else { self.beside_it(index) }
    }

    /// A hold around a step that has to be held when it begins, and is not.
    fn missing(&self, index: usize) -> Option<&'d str> {
        let program = &self.drive.engine.program;
        holds_around(self.drive, index).into_iter().find_map(|hold| {
            let name = program.blocks[hold].name.as_str();
            let Kind::Hold(hold) = &program.blocks[hold].kind else { return None };
            let needed = if self.back {
                hold.retake && self.ever.contains(name)
            } else {
                program.steps_within(hold.acquire).iter().any(|at| self.acquired.contains(at))
            };
            (needed && !self.held.contains(name)).then_some(name)
        })
    }

    /// A release that did not succeed leaves held what was held.
    fn left_held(&mut self, index: usize) {
        let releases = self.drive.engine.program.steps[index].role == Role::Release;
        let hold = self.hold_of(index).filter(|hold| releases && self.releasing.contains(hold));
        self.held.extend(hold);
    }

    /// The hold that a step takes or gives back.
    fn hold_of(&self, index: usize) -> Option<&'d str> {
        let program = &self.drive.engine.program;
        let block = program.block_of(index)?;
        let hold = program.above(block).find(|at| matches!(program.blocks[*at].kind, Kind::Hold(_)))?;
        Some(program.blocks[hold].name.as_str())
    }

    fn beside_it(&self, index: usize) -> Result<(), String> {
        let program = &self.drive.engine.program;
        let name = &program.steps[index].name;
        let Some(block) = program.block_of(index) else { return Ok(()) };
        let chain: Vec<usize> = program.above(block).collect();
        let runs = |member: usize| {
            program.steps_within(member).into_iter().any(|step| step != index && self.running.contains(&step))
        };
        for pair in chain.windows(2) {
            let (inner, outer) = (pair[0], pair[1]);
            match &program.blocks[outer].kind {
                Kind::List(members) => {
                    let apart = |member: &usize| !matches!(program.blocks[*member].kind, Kind::Background(..));
                    let others = members.iter().filter(|member| **member != inner && apart(member));
                    if apart(&inner)
                        && let Some(other) = others.copied().find(|member| runs(*member))
                    {
                        let other = program.steps_within(other);
                        return Err(format!("{name} begins while {other:?} of the same list runs"));
                    }
                }
                Kind::Parallel(members, at_once) => {
                    let count = members.iter().filter(|member| **member != inner && runs(**member)).count() + 1;
                    if count > *at_once {
                        return Err(format!("{name} is one of {count} side by side, {at_once} are allowed"));
                    }
                }
                // Each round has items and batches of its own, and only those of the last are known here.
                Kind::Loop(each)
                    if !program.above(outer).any(|at| matches!(program.blocks[at].kind, Kind::Repeat(..))) =>
                {
                    let batch = each.batches.iter().position(|(_, items)| items.contains(&inner));
                    let others = each.batches.iter().enumerate().filter(|(at, _)| Some(*at) != batch);
                    if others.flat_map(|(_, (_, items))| items).any(|item| runs(*item)) {
                        return Err(format!("{name} begins while an item of another batch runs"));
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn holds_around(drive: &Drive, index: usize) -> Vec<usize> {
    let program = &drive.engine.program;
    let Some(block) = program.block_of(index) else { return Vec::new() };
    let chain: Vec<usize> = program.above(block).collect();
    let inner = |hold: &usize| matches!(&program.blocks[*hold].kind, Kind::Hold(hold) if chain.contains(&hold.inner));
    chain.iter().copied().filter(inner).collect()
}
