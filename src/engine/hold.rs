//! Holds, and what is watched or limited while its steps run.

use super::program::{BlockId, Guarded, Held, Kind, Role};
use super::state::Standing;
use super::walk::{Decisions, Fault, Mode, Walk};
use super::{Decision, Engine};
use crate::model::event::Event;
use crate::model::flow::{Trip, Way};
use crate::model::question::{Choice, Question};
use crate::model::step::OnFailure;

impl Engine {
    pub(super) fn walk_hold(&self, block: BlockId, hold: &Held, mode: Mode, out: &mut Decisions) -> Walk {
        let fold = &self.state.blocks[block];
        if fold.closed {
            return Walk::Through;
        }
        if !fold.held {
            return self.take(block, hold, mode, out);
        }
        if self.is_begun(hold.release) {
            return self.give_back(block, hold, out);
        }
        let before = out.len();
        let inner = self.walk(hold.inner, mode, out);
        let way = match (&inner, mode) {
            (Walk::Through, _) => Way::Success,
            (Walk::Failed(fault), _) if !fault.back => Way::Failure,
            (Walk::Failed(fault), _) if !fault.ordered && self.is_tolerated(block) => Way::Failure,
            (Walk::Idle, Mode::Stop) => Way::Stop,
            (Walk::Idle, Mode::Fail { back: false }) => Way::Failure,
            _ => return inner,
        };
        if !hold.release_on.contains(&way) {
            return inner;
        }
        out.truncate(before);
        self.give_back(block, hold, out)
    }

    /// Whether the failure of something does not reach the run, because its loop goes on with the other items. No rollback
    /// follows then.
    fn is_tolerated(&self, block: BlockId) -> bool {
        let failed = |block: &BlockId| {
            let mut steps = self.program.steps_within(*block).into_iter().map(|index| self.both(index));
            steps.any(|(node, fold)| fold.has_failed() && node.on_failure != OnFailure::Continue)
        };
        self.program.above(block).any(|above| match &self.program.blocks[above].kind {
            Kind::Loop(each) => {
                let items = each.batches.iter().flat_map(|(_, items)| items);
                items.filter(|item| failed(item)).count() <= usize::try_from(each.max_failures).unwrap_or(usize::MAX)
            }
            _ => false,
        })
    }

    /// A hold that is not held: it is taken first, unless what it is for does not go on.
    fn take(&self, block: BlockId, hold: &Held, mode: Mode, out: &mut Decisions) -> Walk {
        // A release that was begun is seen to its end before it is taken once more.
        if self.has_to_be_given_back(block, hold) {
            return self.give_back(block, hold, out);
        }
        if self.state.blocks[block].was_held && !self.is_begun(hold.acquire) {
            match self.walk(hold.inner, mode, &mut Vec::new()) {
                Walk::Busy => {}
                other => return other,
            }
        }
        // What has failed for good is not begun once more for what stands before it.
        if let Some(failed) = self.failed_for_good(hold) {
            match self.walk(failed, mode, out) {
                Walk::Through => {}
                other => return other,
            }
        }
        match self.walk(hold.acquire, mode, out) {
            Walk::Through if self.is_taken(hold) => {
                out.push(Decision::Held { step: self.program.blocks[block].name.clone() });
                Walk::Busy
            }
            // Left out: what it is for has a `when` of its own.
            Walk::Through => self.walk(hold.inner, mode, out),
            // What nobody knows is settled first.
            Walk::Idle
                if mode != Mode::Wait && self.is_partly_taken(hold) && self.unknown_within(hold.acquire).is_none() =>
            {
                self.give_back(block, hold, out)
            }
            other => other,
        }
    }

    /// Releases, whatever else goes on.
    pub(super) fn give_back(&self, block: BlockId, hold: &Held, out: &mut Decisions) -> Walk {
        let step = self.program.blocks[block].name.clone();
        match self.walk(hold.release, Mode::Begin, out) {
            Walk::Through => {
                out.push(Decision::Append(Event::HoldReleased { step }));
                Walk::Busy
            }
            Walk::Failed(fault) => {
                let reason = format!("it is still held: {}", fault.reason);
                Walk::Failed(Fault { step, reason, back: false, ordered: true })
            }
            other => other,
        }
    }

    /// Whether any of what takes a hold was done.
    pub(super) fn is_taken(&self, hold: &Held) -> bool {
        let standing = |index: usize| self.state.steps[index].state;
        let mut steps = self.program.steps_within(hold.acquire).into_iter();
        steps.any(|index| matches!(standing(index), Standing::Succeeded | Standing::InPlace))
    }

    /// The part of what takes a hold that failed and is not tried again.
    pub(super) fn failed_for_good(&self, hold: &Held) -> Option<BlockId> {
        let mut steps = self.program.steps_within(hold.acquire).into_iter();
        let failed = steps.find(|index| self.state.steps[*index].has_failed() && !self.may_retry(*index))?;
        self.program.block_of(failed)
    }

    /// A step of a block of which nobody knows how it ended.
    pub(super) fn unknown_within(&self, block: BlockId) -> Option<usize> {
        let mut steps = self.program.steps_within(block).into_iter();
        steps.find(|index| self.state.steps[*index].state == Standing::Unknown)
    }

    /// Whether something of what takes a hold may be in place.
    pub(super) fn is_partly_taken(&self, hold: &Held) -> bool {
        let steps = self.program.steps_within(hold.acquire);
        steps.into_iter().any(|index| self.state.steps[index].maybe_in_place)
    }

    /// Whether taking a hold went wrong, so that it has to be released before it is taken again.
    pub(super) fn is_unclean(&self, block: BlockId) -> bool {
        self.state.blocks[block].unclean
    }

    /// Whether a hold that is not held has to be released before anything else is done about it.
    pub(super) fn has_to_be_given_back(&self, block: BlockId, hold: &Held) -> bool {
        self.is_unclean(block) || self.is_begun(hold.release) && self.is_partly_taken(hold)
    }

    /// The holds that a step stands in, the outermost first, with their blocks.
    pub(super) fn holds_around(&self, index: usize) -> Vec<(BlockId, &Held)> {
        let Some(block) = self.program.block_of(index) else { return Vec::new() };
        let mut holds: Vec<_> =
            self.program.above(block).filter_map(|block| Some((block, self.hold_at(block)?))).collect();
        holds.retain(|(_, hold)| self.program.above(block).any(|above| above == hold.inner));
        holds.reverse();
        holds
    }

    pub(super) fn hold_at(&self, block: BlockId) -> Option<&Held> {
        match &self.program.blocks[block].kind {
            Kind::Hold(hold) => Some(hold),
            _ => None,
        }
    }

    /// The hold that a step takes.
    pub(super) fn taken_by(&self, index: usize) -> Option<(BlockId, &Held)> {
        let of = |role| self.program.steps[index].role == role;
        if !of(Role::Acquire) && !of(Role::Release) {
            return None;
        }
        let block = self.program.block_of(index)?;
        self.program.above(block).find_map(|block| Some((block, self.hold_at(block)?)))
    }

    pub(super) fn walk_guard(&self, block: BlockId, guard: &Guarded, mode: Mode, out: &mut Decisions) -> Walk {
        if self.state.blocks[block].limit_reached {
            return self.walk_ended(block, guard, mode, out);
        }
        let answer = self.tripped(block, guard, mode, out);
        let inner_mode = match &answer {
            Some(Walk::Failed(fault)) if mode == Mode::Begin => Mode::Fail { back: fault.back },
            Some(_) if mode == Mode::Begin => Mode::Wait,
            _ => mode,
        };
        match (self.walk(guard.inner, inner_mode, out), answer) {
            (Walk::Busy, _) => {
                self.guards(block, guard, mode, out);
                Walk::Busy
            }
            (_, Some(answer @ (Walk::Busy | Walk::Failed(_)))) => answer,
            (inner, _) => inner,
        }
    }

    /// What has used up its time: all that is under way is ended, and then it has failed.
    fn walk_ended(&self, block: BlockId, guard: &Guarded, mode: Mode, out: &mut Decisions) -> Walk {
        let quiet = if mode == Mode::Begin { Mode::Fail { back: false } } else { mode };
        match self.walk(guard.inner, quiet, out) {
            Walk::Busy => {
                self.cancel(guard.inner, out);
                Walk::Busy
            }
            Walk::Idle if mode == Mode::Stop => Walk::Idle,
            Walk::Through => Walk::Through,
            // What is still held nothing around it may pass over.
            Walk::Failed(fault) if fault.ordered => Walk::Failed(fault),
            Walk::Idle | Walk::Failed(_) => self.block_failed(block, guard.on_failure, "its time limit is over", out),
        }
    }

    /// Keeps the eyes open while something goes on, also while a person is asked.
    fn guards(&self, block: BlockId, guard: &Guarded, mode: Mode, out: &mut Decisions) {
        let fold = &self.state.blocks[block];
        let step = &self.program.blocks[block].name;
        if !matches!(mode, Mode::Begin | Mode::Wait) {
            return;
        }
        if guard.limited && !fold.limit_reached {
            out.push(Decision::Limit { step: step.clone() });
        }
        for watch in (0..guard.watches.len()).filter(|watch| !fold.tripped.contains_key(watch)) {
            out.push(Decision::Watch { step: step.clone(), watch });
        }
    }

    /// What the watches that tripped bring about; `None` where that is nothing, or nothing any more.
    fn tripped(&self, block: BlockId, guard: &Guarded, mode: Mode, out: &mut Decisions) -> Option<Walk> {
        let fold = &self.state.blocks[block];
        for (watch, seen) in &fold.tripped {
            let (trip, first) = guard.watches.get(*watch)?;
            let step = self.program.blocks[block].name.clone();
            match self.walk(*first, mode, out) {
                Walk::Busy => return Some(Walk::Busy),
                Walk::Idle | Walk::Through | Walk::Failed(_) => {}
            }
            let back = match (trip, fold.verdict) {
                (Trip::Warn, _) | (Trip::Ask, Some(Choice::Yes)) => continue,
                (Trip::Ask, None) if mode == Mode::Stop => return Some(Walk::Idle),
                (Trip::Ask, None) => {
                    self.put(Decision::Ask { step, question: Question::Watch }, out);
                    return Some(Walk::Busy);
                }
                (Trip::Ask, Some(choice)) => choice == Choice::Rollback,
                (Trip::Stop, _) => false,
                (Trip::Rollback, _) => true,
            };
            return Some(Walk::Failed(Fault {
                step,
                reason: format!("its watch tripped: {seen}"),
                back,
                ordered: true,
            }));
        }
        None
    }
}
