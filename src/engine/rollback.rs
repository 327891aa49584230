//! Decisions going back: newest first, over what stays, to the point of no return.

use super::decide::finished;
use super::program::NodeUndo;
use super::settle::settlement_of;
use super::state::{Standing, UndoStanding};
use super::{Decision, Engine};
use crate::model::event::{Answer, Event, Remaining, RunOutcome, SettledBy, Settlement};
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
    Do(Decision),
    /// Its undo failed for good.
    Stuck(String),
}

impl Engine {
    pub(super) fn back(&self, to: Option<usize>) -> Decision {
        let mut remaining = Vec::new();
        let mut own: Vec<usize> = self.state.order.iter().copied().filter(|index| *index < self.program.own).collect();
        own.reverse();
        let end = own.iter().position(|index| to.is_some_and(|to| *index < to)).unwrap_or(own.len());
        for (place, index) in own.iter().enumerate().take(end) {
            let name = || self.program.steps[*index].name.clone();
            match self.look(*index) {
                Look::Through => {}
                Look::Stays(reason) => remaining.push(Remaining { step: name(), reason }),
                Look::Do(decision) => return decision,
                Look::Ends(reason) => {
                    remaining.push(Remaining { step: name(), reason });
                    remaining.extend(self.still_there(&own[place + 1..], "it lies before the point of no return"));
                    return self.ended(RunOutcome::PartlyRolledBack, remaining);
                }
                Look::Stuck(reason) => {
                    remaining.push(Remaining { step: name(), reason: format!("its undo failed: {reason}") });
                    remaining.extend(self.still_there(&own[place + 1..], "the rollback did not come to it"));
                    return self.ended(RunOutcome::Stuck, remaining);
                }
            }
        }
        remaining.extend(self.still_there(&own[end..], "the rollback was asked to end before it"));
        let outcome = if remaining.is_empty() { RunOutcome::RolledBack } else { RunOutcome::PartlyRolledBack };
        self.ended(outcome, remaining)
    }

    fn ended(&self, outcome: RunOutcome, remaining: Vec<Remaining>) -> Decision {
        self.hook(Hook::OnRollback).or_else(|| self.hook(Hook::Always)).unwrap_or_else(|| finished(outcome, remaining))
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
        if !fold.maybe_in_place || matches!(fold.undo.state, UndoStanding::Undone | UndoStanding::Skipped) {
            return Look::Through;
        }
        if fold.state == Standing::Unknown {
            return Look::Do(self.settle(index));
        }
        let nothing_happened = || fold.answer == Some(Answer::DoesNotHold);
        match &node.undo {
            NodeUndo::NotNeeded => Look::Through,
            NodeUndo::Parts(retries) => self.look_at_parts(index, retries),
            NodeUndo::Irreversible(_) | NodeUndo::PointOfNoReturn(_) if self.was_taken_back(index) => Look::Through,
            NodeUndo::Irreversible(_) | NodeUndo::PointOfNoReturn(_) if self.wants_check(index) => {
                Look::Do(Decision::AskCheck { step: node.name.clone() })
            }
            NodeUndo::Irreversible(_) | NodeUndo::PointOfNoReturn(_) if nothing_happened() => Look::Through,
            NodeUndo::PointOfNoReturn(_) if node.is_confirm && fold.state != Standing::Succeeded => Look::Through,
            NodeUndo::PointOfNoReturn(why) => Look::Ends(format!("point of no return: {why}")),
            NodeUndo::Irreversible(why) => Look::Stays(format!("irreversible: {why}")),
        }
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
            return Look::Do(Decision::Append(Event::UndoSkipped { step, reason }));
        }
        if fresh && self.wants_check(index) {
            return Look::Do(Decision::AskCheck { step });
        }
        if fresh && fold.answer == Some(Answer::DoesNotHold) {
            let reason = "its check says that nothing is in place".to_owned();
            return Look::Do(Decision::Append(Event::UndoSkipped { step, reason }));
        }
        match undo.state {
            UndoStanding::Unknown => Look::Do(self.settle_undo(index)),
            UndoStanding::Failed if undo.tries >= retry.max_attempts.max(1) => {
                Look::Stuck(undo.reason.clone().unwrap_or_default())
            }
            _ => {
                let delay = if undo.state == UndoStanding::Failed {
                    retry.delay_before(undo.tries + 1)
                } else {
                    std::time::Duration::ZERO
                };
                Look::Do(Decision::Undo { step, part, attempt: undo.attempts + 1, delay })
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
