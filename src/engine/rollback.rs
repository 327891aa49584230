//! Decisions going back: newest first, over what stays, to the point of no return.

use super::program::{BlockId, Held, NodeUndo, Role};
use super::settle::settlement_of;
use super::state::{Standing, UndoStanding};
use super::walk::{Decisions, Mode, Walk};
use super::{Decision, Engine};
use crate::model::event::{Answer, Event, Remaining, RunOutcome, SettledBy, Settlement};
use crate::model::flow::Way;
use crate::model::parts::written;
use crate::model::question::Question;
use crate::model::result::FailureKind;
use crate::model::runbook::Hook;
use crate::model::step::Retry;

/// How far a look at one step brought a rollback.
enum Look {
    /// Nothing more to do about it.
    Through,
    /// It stays, and why.
    Stays(String),
    /// The rollback ends here, and why.
    Ends(String),
    /// This first.
    Do(Decisions),
    /// It failed for good.
    Stuck(String),
}

impl Look {
    fn first(decision: Decision) -> Self {
        Self::Do(vec![decision])
    }
}

impl Engine {
    pub(super) fn back(&self, to: Option<usize>, out: &mut Decisions) {
        if self.is_under_way(out) {
            return;
        }
        if let Some(unsaid) = self.unsaid_of_holds() {
            out.push(unsaid);
            return;
        }
        if self.state.stopping {
            if self.all_released(Way::Stop, out) != Walk::Busy {
                out.clear();
                let remaining = self.still_held();
                out.push(Decision::Append(Event::RunFinished { outcome: RunOutcome::Stopped, remaining }));
            }
            return;
        }
        if self.state.question.is_some() {
            return;
        }
        let mut remaining = Vec::new();
        let order = self.undone_in_order();
        let end = order.iter().position(|index| to.is_some_and(|to| self.is_before(*index, to))).unwrap_or(order.len());
        for (place, index) in order.iter().enumerate().take(end) {
            let name = || self.program.steps[*index].name.clone();
            match self.look(*index) {
                Look::Through => {}
                Look::Stays(reason) => remaining.push(Remaining { step: name(), reason }),
                Look::Do(decisions) => {
                    for decision in decisions {
                        self.put(decision, out);
                    }
                    return;
                }
                Look::Ends(reason) => {
                    remaining.push(Remaining { step: name(), reason });
                    remaining.extend(self.still_there(&order[place + 1..], "it lies before the point of no return"));
                    return self.ended(RunOutcome::PartlyRolledBack, remaining, out);
                }
                Look::Stuck(reason) => {
                    remaining.push(Remaining { step: name(), reason });
                    remaining.extend(self.still_there(&order[place + 1..], "the rollback did not come to it"));
                    return self.ended(RunOutcome::Stuck, remaining, out);
                }
            }
        }
        remaining.extend(self.still_there(&order[end..], "the rollback was asked to end before it"));
        let outcome = if remaining.is_empty() { RunOutcome::RolledBack } else { RunOutcome::PartlyRolledBack };
        self.ended(outcome, remaining, out);
    }

    /// What began, newest first, as far as a rollback has to do with it.
    fn undone_in_order(&self) -> Vec<usize> {
        let is_undone = |index: &usize| matches!(self.program.steps[*index].role, Role::Own | Role::Acquire);
        self.state.order.iter().rev().copied().filter(is_undone).collect()
    }

    /// Whether a step comes before the one that a rollback was asked to undo last.
    fn is_before(&self, index: usize, to: usize) -> bool {
        let began = |index: usize| self.state.order.iter().position(|other| *other == index);
        match (began(index), began(to)) {
            (Some(index), Some(to)) => index < to,
            _ => index < to,
        }
    }

    /// Whether anything is under way still. What goes forward is ended first.
    fn is_under_way(&self, out: &mut Decisions) -> bool {
        for index in &self.state.in_flight {
            let (node, fold) = self.both(*index);
            if self.state.stopping && fold.undo.is_by_person() && !self.is_answered(*index) {
                let reason = "the run was stopped before anybody answered".to_owned();
                let (step, part, r#as) = (node.name.clone(), fold.undo.part, Settlement::NotStarted);
                out.push(Decision::Append(Event::UndoSettled { step, part, r#as, by: SettledBy::Rule, reason }));
                continue;
            }
            if fold.state == Standing::Started && node.role == Role::Own && !node.by_person {
                out.push(Decision::Cancel { step: node.name.clone() });
            }
            self.under_way(*index, out);
        }
        !self.state.in_flight.is_empty()
    }

    /// The end, once nothing is held any more and the hooks are through.
    fn ended(&self, outcome: RunOutcome, mut remaining: Vec<Remaining>, out: &mut Decisions) {
        let mut outcome = outcome;
        match self.all_released(Way::Rollback, out) {
            Walk::Busy => return,
            Walk::Failed(_) => outcome = RunOutcome::Stuck,
            Walk::Through | Walk::Idle => {}
        }
        remaining.extend(self.still_held());
        if outcome == RunOutcome::RolledBack && !remaining.is_empty() {
            outcome = RunOutcome::PartlyRolledBack;
        }
        if !self.hook(Hook::OnRollback, out) && !self.hook(Hook::Always, out) {
            out.push(Decision::Append(Event::RunFinished { outcome, remaining }));
        }
    }

    /// Gives back what is held, as far as it is given back on that way out.
    fn all_released(&self, way: Way, out: &mut Decisions) -> Walk {
        let mut walk = Walk::Through;
        for (block, hold) in self.holds_held().into_iter().filter(|(_, hold)| hold.release_on.contains(&way)) {
            match self.give_back(block, hold, out) {
                Walk::Busy => return Walk::Busy,
                Walk::Failed(fault) => walk = Walk::Failed(fault),
                Walk::Through | Walk::Idle => {}
            }
        }
        walk
    }

    /// What became of a hold and is not said yet, because the executor died in between: its release is through, or what
    /// takes it is. Nothing can be undone before it is known which holds are held.
    fn unsaid_of_holds(&self) -> Option<Decision> {
        (0..self.program.blocks.len()).find_map(|block| {
            let hold = self.hold_at(block)?;
            let step = self.program.blocks[block].name.clone();
            if self.state.blocks[block].held {
                let released = self.is_begun(hold.release) && self.is_through(hold.release);
                return released.then_some(Decision::Append(Event::HoldReleased { step }));
            }
            let taken = !self.has_to_be_given_back(block, hold) && self.is_taken(hold) && self.is_through(hold.acquire);
            taken.then_some(Decision::Held { step })
        })
    }

    /// Holds that are held, or may be, the innermost first.
    fn holds_held(&self) -> Vec<(BlockId, &Held)> {
        let blocks = (0..self.program.blocks.len()).rev();
        let holds = blocks.filter_map(|block| Some((block, self.hold_at(block)?)));
        let may_be = |hold: &Held| self.is_partly_taken(hold) && self.unknown_within(hold.acquire).is_none();
        let is_held = |at: BlockId, hold: &Held| self.state.blocks[at].held || self.has_to_be_given_back(at, hold);
        holds.filter(|(at, hold)| is_held(*at, hold) || may_be(hold)).collect()
    }

    /// Steps of these that changed something, with the reason why it was left.
    fn still_there(&self, steps: &[usize], reason: &str) -> Vec<Remaining> {
        let mut remaining = Vec::new();
        for index in steps {
            let (node, fold) = self.both(*index);
            if fold.maybe_in_place && node.undo != NodeUndo::NotNeeded {
                remaining.push(Remaining { step: node.name.clone(), reason: reason.to_owned() });
            }
        }
        remaining
    }

    fn look(&self, index: usize) -> Look {
        let (node, fold) = self.both(index);
        if node.role == Role::Acquire {
            return self.look_at_hold(index);
        }
        if !fold.maybe_in_place || matches!(fold.undo.state, UndoStanding::Undone | UndoStanding::Skipped) {
            return Look::Through;
        }
        if fold.state == Standing::Unknown {
            return Look::first(self.settle(index));
        }
        let nothing_happened = || fold.answer == Some(Answer::DoesNotHold);
        match &node.undo {
            NodeUndo::NotNeeded => Look::Through,
            NodeUndo::Parts(retries) => self.look_at_parts(index, retries),
            NodeUndo::Irreversible(_) | NodeUndo::PointOfNoReturn(_) if self.was_taken_back(index) => Look::Through,
            NodeUndo::Irreversible(_) | NodeUndo::PointOfNoReturn(_) if self.wants_check(index) => {
                Look::first(Decision::AskCheck { step: node.name.clone() })
            }
            NodeUndo::Irreversible(_) | NodeUndo::PointOfNoReturn(_) if nothing_happened() => Look::Through,
            NodeUndo::PointOfNoReturn(_) if node.is_confirm && fold.state != Standing::Succeeded => Look::Through,
            NodeUndo::PointOfNoReturn(why) => self.look_at_line(index, why),
            NodeUndo::Irreversible(why) => Look::Stays(format!("irreversible: {why}")),
        }
    }

    /// A point of no return. Of one with several items the first that began is the line, and the others stay.
    fn look_at_line(&self, index: usize, why: &str) -> Look {
        let name = written(&self.program.steps[index].name);
        let before = self.state.order.iter().copied().take_while(|other| *other != index);
        for other in before.filter(|other| written(&self.program.steps[*other].name) == name) {
            let (node, fold) = self.both(other);
            let refused = node.is_confirm && fold.state != Standing::Succeeded;
            if !fold.maybe_in_place || refused || self.was_taken_back(other) {
                continue;
            }
            if fold.state == Standing::Unknown {
                return Look::first(self.settle(other));
            }
            if self.wants_check(other) {
                return Look::first(Decision::AskCheck { step: node.name.clone() });
            }
            if fold.answer != Some(Answer::DoesNotHold) {
                return Look::Stays(format!("point of no return: {why}"));
            }
        }
        Look::Ends(format!("point of no return: {why}"))
    }

    /// What took a hold: it is given back where it is held.
    fn look_at_hold(&self, index: usize) -> Look {
        let Some((block, hold)) = self.taken_by(index) else { return Look::Through };
        let (_, fold) = self.both(index);
        if fold.state == Standing::Unknown {
            return Look::first(self.settle(index));
        }
        let step = self.program.blocks[block].name.clone();
        let is_held = self.state.blocks[block].held;
        if !is_held && !self.has_to_be_given_back(block, hold) {
            let waits = matches!(fold.state, Standing::Succeeded | Standing::InPlace);
            return if waits { Look::first(Decision::Held { step }) } else { Look::Through };
        }
        if !hold.release_on.contains(&Way::Rollback) {
            return Look::Through;
        }
        let mut out = Vec::new();
        match self.give_back(block, hold, &mut out) {
            Walk::Failed(fault) => Look::Stuck(fault.reason),
            _ => Look::Do(out),
        }
    }

    /// Takes again what was held while a step was done, around its undo.
    fn retaken(&self, index: usize) -> Option<Look> {
        for (block, hold) in self.holds_around(index) {
            let fold = &self.state.blocks[block];
            let mut out = Vec::new();
            // A release that was begun is seen to its end: from then on it is not held. One that fails leaves it held.
            if fold.held && self.is_begun(hold.release) && self.give_back(block, hold, &mut out) == Walk::Busy {
                return Some(Look::Do(out));
            }
            if fold.held || !fold.was_held || !hold.retake {
                continue;
            }
            if self.is_unclean(block) {
                return Some(match self.give_back(block, hold, &mut out) {
                    Walk::Failed(fault) => Look::Stuck(fault.reason),
                    _ => Look::Do(out),
                });
            }
            // What has failed for good is not begun once more for what stands before it.
            let failed = self.failed_for_good(hold).map(|failed| self.walk(failed, Mode::Begin, &mut out));
            let taken = match failed {
                Some(walk) if walk != Walk::Through => walk,
                _ => self.walk(hold.acquire, Mode::Begin, &mut out),
            };
            return Some(match taken {
                Walk::Through => Look::first(Decision::Held { step: self.program.blocks[block].name.clone() }),
                Walk::Failed(fault) => Look::Stuck(format!("what was held cannot be taken again: {}", fault.reason)),
                Walk::Busy | Walk::Idle => Look::Do(out),
            });
        }
        None
    }

    /// Whether the step's own check has to be asked before anything is undone or left.
    fn wants_check(&self, index: usize) -> bool {
        let (node, fold) = self.both(index);
        node.has_check && fold.answer.is_none()
    }

    /// Whether the server refused its transaction, and no earlier attempt of it may have left anything.
    fn was_taken_back(&self, index: usize) -> bool {
        let (node, fold) = self.both(index);
        let refused = fold.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::Sql);
        node.atomic && fold.has_failed() && refused && !fold.was_in_place
    }

    fn look_at_parts(&self, index: usize, retries: &[Retry]) -> Look {
        let (node, fold) = self.both(index);
        let step = node.name.clone();
        let undo = &fold.undo;
        let part = undo.part;
        let retry = retries.get(part).cloned().unwrap_or_default();
        let fresh = undo.state == UndoStanding::Pending && part == 0 && undo.attempts == 0;
        if fresh && self.was_taken_back(index) {
            let reason = "its transaction was rolled back by the server".to_owned();
            return Look::first(Decision::Append(Event::UndoSkipped { step, reason }));
        }
        if fresh && self.wants_check(index) {
            return Look::first(Decision::AskCheck { step });
        }
        if fresh && fold.answer == Some(Answer::DoesNotHold) {
            let reason = "its check says that nothing is in place".to_owned();
            return Look::first(Decision::Append(Event::UndoSkipped { step, reason }));
        }
        match undo.state {
            UndoStanding::Unknown => Look::first(self.settle_undo(index)),
            UndoStanding::Abandoned => {
                Look::Stays(format!("its undo was given up: {}", undo.reason.clone().unwrap_or_default()))
            }
            UndoStanding::Failed if undo.tries >= retry.max_attempts.max(1) => {
                Look::Stuck(format!("its undo failed: {}", undo.reason.clone().unwrap_or_default()))
            }
            _ => {
                if let Some(first) = self.retaken(index) {
                    return first;
                }
                let delay = if undo.state == UndoStanding::Failed {
                    retry.delay_before(undo.tries + 1)
                } else {
                    std::time::Duration::ZERO
                };
                Look::first(Decision::Undo { step, part, attempt: undo.attempts + 1, delay })
            }
        }
    }

    /// An undo has to bear to run twice, so an unknown one that is over is simply run again.
    fn settle_undo(&self, index: usize) -> Decision {
        let (node, fold) = self.both(index);
        let step = node.name.clone();
        let part = fold.undo.part;
        if let Some(decided) = self.state.decision.as_ref().filter(|decided| decided.step == index) {
            let reason = format!("{}: {}", decided.by, decided.reason);
            let r#as = settlement_of(decided.choice);
            return Decision::Append(Event::UndoSettled { step, part, r#as, by: SettledBy::Person, reason });
        }
        if fold.undo.may_run {
            return Decision::Ask { step, question: Question::UndoUnknown };
        }
        let reason = "an undo may be run twice, and the earlier attempt is over".to_owned();
        let r#as = Settlement::RunAgain;
        Decision::Append(Event::UndoSettled { step, part, r#as, by: SettledBy::Rule, reason })
    }

    /// In how many parts a step is undone.
    pub(super) fn parts(&self, index: usize) -> usize {
        match &self.program.steps[index].undo {
            NodeUndo::Parts(retries) => retries.len(),
            NodeUndo::NotNeeded | NodeUndo::Irreversible(_) | NodeUndo::PointOfNoReturn(_) => 0,
        }
    }
}
