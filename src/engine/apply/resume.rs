//! What taking a run up again does to its state.

use super::{Applied, allowed};
use crate::engine::Engine;
use crate::engine::state::{Standing, StepFold, UndoStanding};
use crate::model::event::{Answer, RunOutcome};
use crate::model::question::{Choice, Question};
use crate::model::runbook::Hook;

impl Engine {
    /// Taking up again. Where the run had halted, or was about to, a person gives what failed a new beginning; after a
    /// crash the run goes on as if nothing had been.
    pub(super) fn resumed(&mut self) -> Applied {
        let state = &mut self.state;
        allowed(!state.is_over(), "the run has ended for good")?;
        let halted = state.ended.take();
        state.remaining.clear();
        state.stopping = false;
        state.lost = true;
        self.look_again();
        let state = &mut self.state;
        let asked = state.question.as_ref().and_then(|open| self.program.index(&open.step));
        for (index, fold) in state.steps.iter_mut().enumerate() {
            if asked != Some(index) && fold.is_tried_anew(halted) {
                fold.verdict = None;
                fold.tries = 0;
                fold.granted = 0;
            }
            // A check that had no answer may have one now.
            fold.answer.take_if(|answer| *answer == Answer::Unknown);
            if fold.undo.state == UndoStanding::Failed && halted == Some(RunOutcome::Stuck) {
                fold.undo.state = UndoStanding::Pending;
                fold.undo.tries = 0;
            }
        }
        if halted.is_some() {
            self.hooks_of_an_end_run_anew();
        }
        Ok(())
    }

    fn hooks_of_an_end_run_anew(&mut self) {
        let state = &mut self.state;
        for hook in [Hook::OnFailure, Hook::OnRollback, Hook::Always] {
            if state.hooks.remove(&hook).is_some() {
                for index in self.program.hooks.get(&hook).into_iter().flatten() {
                    let fold = &mut state.steps[*index];
                    if fold.state != Standing::Unknown {
                        fold.state = Standing::Pending;
                        fold.tries = 0;
                    }
                }
            }
        }
    }

    /// What could not be found out may be known by now, so whoever acted is asked again, and a person only after that.
    fn look_again(&mut self) {
        let state = &mut self.state;
        let decided = state.decision.as_ref().map(|decided| decided.step);
        state.question.take_if(|open| matches!(open.question, Question::Unknown | Question::UndoUnknown));
        for (index, fold) in state.steps.iter_mut().enumerate().take(self.program.own) {
            if decided == Some(index) {
                continue;
            }
            if fold.state == Standing::Unknown {
                fold.answer = None;
                if fold.may_run {
                    fold.state = Standing::Started;
                    state.in_flight = Some(index);
                }
            }
            if fold.undo.state == UndoStanding::Unknown && fold.undo.may_run {
                fold.undo.state = UndoStanding::Started;
                state.in_flight = Some(index);
            }
        }
    }
}

impl StepFold {
    /// Whether taking a run up that halted so grants a failed step its attempts anew. An executor that died, and an
    /// answer that nothing has followed from yet, leave owed what was owed.
    fn is_tried_anew(&self, halted: Option<RunOutcome>) -> bool {
        let owed = match self.verdict {
            Some(Choice::Rollback) => true,
            Some(_) => halted != Some(RunOutcome::Failed),
            None => false,
        };
        self.has_failed() && !self.passed_over && !owed && (halted.is_some() || self.was_cancelled())
    }
}
