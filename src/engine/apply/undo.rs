//! What the events of an undo do to the state.

use super::{Applied, allowed};
use crate::engine::Engine;
use crate::engine::state::{Standing, StepFold, UndoStanding};
use crate::model::event::{Event, Intent, Outcome, SettledBy, Settlement};
use crate::model::result::Failure;

impl Engine {
    pub(super) fn undo_started(&mut self, step: &str, part: usize, attempt: u32, intent: &Intent, at: &str) -> Applied {
        let fold = self.may_undo(step, part)?;
        allowed(attempt == fold.undo.attempts + 1, "it is not the next attempt")?;
        fold.undo.attempts += 1;
        fold.undo.tries += 1;
        fold.undo.state = UndoStanding::Started;
        fold.undo.intent = Some(intent.clone());
        fold.began = Some(at.to_owned());
        fold.lost = false;
        self.state.in_flight.extend(self.program.index(step));
        Ok(())
    }

    pub(super) fn undo_refused(&mut self, step: &str, part: usize, failure: &Failure) -> Applied {
        let fold = self.may_undo(step, part)?;
        fold.undo.tries += 1;
        fold.undo.state = UndoStanding::Failed;
        fold.undo.reason = Some(failure.message.clone());
        Ok(())
    }

    pub(super) fn undo_finished(&mut self, event: &Event, at: &str) -> Applied {
        let Event::UndoFinished { step, part, attempt, outcome, failure, output, .. } = event else {
            return Ok(());
        };
        let index = self.known(step)?;
        let parts = self.parts(index);
        let fold = &mut self.state.steps[index];
        let undo = &mut fold.undo;
        allowed(
            undo.state == UndoStanding::Started && undo.part == *part && undo.attempts == *attempt,
            "that undo is not under way",
        )?;
        undo.reason = failure.as_ref().map(|failure| failure.message.clone());
        undo.may_run = *outcome == Outcome::UnknownMayRun;
        match outcome {
            Outcome::Succeeded => fold.part_undone(parts),
            Outcome::Failed | Outcome::TimedOut => undo.state = UndoStanding::Failed,
            Outcome::Unknown | Outcome::UnknownMayRun => undo.state = UndoStanding::Unknown,
        }
        fold.left_behind = output.as_ref().map(|output| output.left_behind.clone()).unwrap_or_default();
        fold.finished = Some(at.to_owned());
        self.state.in_flight.remove(&index);
        self.state.decision.take_if(|decided| decided.step == index);
        // Nobody answered in time.
        self.state.question.take_if(|open| open.step == *step);
        Ok(())
    }

    pub(super) fn undo_settled(&mut self, event: &Event, at: &str) -> Applied {
        let Event::UndoSettled { step, part, r#as: settlement, by, reason } = event else {
            return Ok(());
        };
        let index = self.known(step)?;
        let parts = self.parts(index);
        let fold = &mut self.state.steps[index];
        let asked = fold.undo.is_by_person() && *settlement == Settlement::NotStarted;
        let lost = self.state.in_flight.contains(&index) && (fold.lost || asked);
        // Where an undo failed, a person may have done by hand what it was to do.
        let by_hand = *by == SettledBy::Person && *settlement == Settlement::Succeeded;
        let settles = fold.undo.state == UndoStanding::Unknown || fold.undo.state == UndoStanding::Failed && by_hand;
        allowed(lost || settles, "there is nothing to settle")?;
        allowed(fold.undo.part == *part, "it is not that part's turn")?;
        fold.undo.reason = Some(reason.clone());
        fold.undo.may_run = false;
        match settlement {
            Settlement::Succeeded => fold.part_undone(parts),
            Settlement::Failed => fold.undo.state = UndoStanding::Failed,
            Settlement::NotStarted | Settlement::RunAgain => {
                fold.undo.state = UndoStanding::Pending;
                fold.undo.tries = fold.undo.tries.saturating_sub(1);
            }
        }
        fold.finished = Some(at.to_owned());
        if lost {
            self.state.in_flight.remove(&index);
        }
        self.state.decision.take_if(|decided| decided.step == index);
        if asked {
            self.state.question.take_if(|open| open.step == *step);
        }
        Ok(())
    }

    pub(super) fn undo_skipped(&mut self, step: &str, reason: &str) -> Applied {
        let fold = self.may_undo(step, 0)?;
        fold.undo.state = UndoStanding::Skipped;
        fold.undo.reason = Some(reason.to_owned());
        Ok(())
    }

    pub(super) fn undo_abandoned(&mut self, step: &str, by: &str, reason: &str) -> Applied {
        let index = self.known(step)?;
        let undo = &mut self.state.steps[index].undo;
        let open = matches!(undo.state, UndoStanding::Failed | UndoStanding::Unknown);
        allowed(open, "its undo has not failed")?;
        undo.state = UndoStanding::Abandoned;
        undo.reason = Some(format!("{by}: {reason}"));
        self.state.question.take_if(|question| question.step == step);
        Ok(())
    }

    /// The step, if that part of it may be undone now.
    fn may_undo(&mut self, step: &str, part: usize) -> Result<&mut StepFold, String> {
        let index = self.known(step)?;
        allowed(self.state.ended.is_none(), "the run has ended")?;
        allowed(self.state.is_going_back(), "the run is not rolling back")?;
        allowed(self.state.in_flight.is_empty(), "another attempt is under way")?;
        let fold = &mut self.state.steps[index];
        allowed(fold.maybe_in_place, "nothing of it can be in place")?;
        allowed(fold.state != Standing::Unknown, "its outcome is not settled")?;
        allowed(matches!(fold.undo.state, UndoStanding::Pending | UndoStanding::Failed), "it is not to be undone")?;
        allowed(fold.undo.part == part, "it is not that part's turn")?;
        Ok(fold)
    }
}

impl StepFold {
    fn part_undone(&mut self, parts: usize) {
        self.undo.part += 1;
        self.undo.attempts = 0;
        self.undo.tries = 0;
        self.undo.state = if self.undo.part >= parts { UndoStanding::Undone } else { UndoStanding::Pending };
    }
}
