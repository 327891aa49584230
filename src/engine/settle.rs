//! Unknown outcomes: by what they are settled, in which order, and when only a person can.

use super::program::Role;
use super::{Decision, Engine};
use crate::model::event::{Answer, Event, SettledBy, Settlement};
use crate::model::question::{Choice, Question};

impl Engine {
    /// The next decision about a step whose outcome nobody knows.
    ///
    /// The order is that of the promise: the supervisor's record was asked already; then the step's own check; then
    /// that it is idempotent, so that going forward it is run again and going back it is undone; then a person. All but
    /// a person's word count only where the earlier attempt is proven to be over.
    ///
    /// Where the executor died, the step begins anew. Where it was there all the while and lost only what acted for it,
    /// as when a server goes down, that was a failed attempt: else a step that takes its server down is run for ever.
    pub(super) fn settle(&self, index: usize) -> Decision {
        let (node, fold) = self.both(index);
        let step = node.name.clone();
        if let Some(decided) = self.state.decision.as_ref().filter(|decided| decided.step == index) {
            let settlement = settlement_of(decided.choice);
            let reason = format!("{}: {}", decided.by, decided.reason);
            return self.settled(index, settlement, SettledBy::Person, reason);
        }
        if fold.may_run {
            return Decision::Ask { step, question: Question::Unknown };
        }
        let said = fold.reason.clone().unwrap_or_default();
        match fold.answer {
            None if node.has_check => return Decision::AskCheck { step },
            Some(Answer::Holds) => return self.settled(index, Settlement::Succeeded, SettledBy::Check, said),
            Some(Answer::DoesNotHold) => {
                let settlement = if fold.lost { Settlement::NotStarted } else { Settlement::Failed };
                return self.settled(index, settlement, SettledBy::Check, said);
            }
            Some(Answer::Unknown) | None => {}
        }
        let back = self.state.is_going_back();
        if back && self.leaves_nothing(index) && node.role == Role::Own {
            let reason = "there is nothing to undo whatever became of it".to_owned();
            return self.settled(index, Settlement::Failed, SettledBy::Rule, reason);
        }
        if back && node.idempotent {
            let reason = "it is idempotent, and its undo bears that there is nothing to undo".to_owned();
            return self.settled(index, Settlement::Failed, SettledBy::Idempotent, reason);
        }
        if !back && (node.idempotent || node.read_only) {
            if !fold.lost {
                return self.settled(index, Settlement::Failed, SettledBy::Idempotent, said);
            }
            return self.run_again(index);
        }
        if node.role == Role::Release {
            let reason = "a release may be run twice, and the earlier attempt is over".to_owned();
            return self.settled(index, Settlement::RunAgain, SettledBy::Rule, reason);
        }
        if node.role == Role::Acquire {
            let reason = "it is released before it is taken again".to_owned();
            return self.settled(index, Settlement::RunAgain, SettledBy::Rule, reason);
        }
        Decision::Ask { step, question: Question::Unknown }
    }

    /// An unknown that is over and may simply be run again.
    pub(super) fn run_again(&self, index: usize) -> Decision {
        let reason = if self.program.steps[index].read_only { "it only reads" } else { "it is idempotent" };
        self.settled(index, Settlement::RunAgain, SettledBy::Idempotent, reason.to_owned())
    }

    fn settled(&self, index: usize, settlement: Settlement, by: SettledBy, reason: String) -> Decision {
        let (node, fold) = self.both(index);
        Decision::Append(Event::StepSettled {
            step: node.name.clone(),
            attempt: fold.attempts,
            r#as: settlement,
            by,
            reason,
        })
    }
}

/// What a person's word about an unknown means.
pub(super) const fn settlement_of(choice: Choice) -> Settlement {
    match choice {
        Choice::Succeeded | Choice::Yes => Settlement::Succeeded,
        Choice::NotStarted => Settlement::NotStarted,
        Choice::RunAgain | Choice::Retry => Settlement::RunAgain,
        Choice::Failed | Choice::No | Choice::Skip | Choice::Rollback | Choice::Stop => Settlement::Failed,
    }
}
