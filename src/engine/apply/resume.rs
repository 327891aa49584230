//! What taking a run up again does to its state.

use super::{Applied, allowed};
use crate::engine::program::{Kind, Role};
use crate::engine::state::{Standing, StepFold, UndoStanding};
use crate::engine::{Decision, Engine};
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
        state.stopped = None;
        for (index, fold) in state.steps.iter_mut().enumerate() {
            fold.lost |= state.in_flight.contains(&index) || fold.state == Standing::Unknown;
            fold.lost |= fold.undo.state == UndoStanding::Unknown;
        }
        self.look_again();
        let state = &mut self.state;
        let asked = state.question.as_ref().and_then(|open| self.program.index(&open.step));
        let mut anew = Vec::new();
        // Whoever answered with a rollback wants nothing tried before it.
        let of_steps = state.steps.iter().map(|fold| fold.verdict);
        let goes_back = of_steps
            .chain(state.blocks.iter().map(|fold| fold.verdict))
            .any(|verdict| verdict == Some(Choice::Rollback));
        let left_behind: Vec<bool> = (0..self.program.steps.len()).map(|index| self.is_left_behind(index)).collect();
        let state = &mut self.state;
        for (index, fold) in state.steps.iter_mut().enumerate() {
            if !goes_back && asked != Some(index) && !left_behind[index] && fold.is_tried_anew(halted) {
                fold.verdict = None;
                fold.tries = 0;
                fold.granted = 0;
                anew.push(index);
            }
            // A check that had no answer may have one now.
            fold.answer.take_if(|answer| *answer == Answer::Unknown);
            if fold.undo.state == UndoStanding::Failed && halted.is_some() {
                fold.undo.state = UndoStanding::Pending;
                fold.undo.tries = 0;
            }
        }
        for index in anew {
            self.handler_is_due_again(index);
        }
        if halted.is_some() {
            self.hooks_of_an_end_run_anew();
            let asked = self.state.question.as_ref().map(|open| open.step.clone());
            for block in 0..self.program.blocks.len() {
                let fold = &self.state.blocks[block];
                let is_asked = asked.as_ref() == Some(&self.program.blocks[block].name);
                if !fold.has_trouble() || fold.verdict == Some(Choice::Rollback) || is_asked {
                    continue;
                }
                // What was passed over stays so, and what stands in it.
                if !self.program.above(block).any(|around| self.is_through(around)) {
                    self.try_block_anew(block);
                }
            }
        }
        Ok(())
    }

    /// The step that is begun, undone or found out about first where a run that halted is taken up again; `None` where
    /// that is not known before.
    #[must_use]
    pub fn goes_on_with(&self) -> Option<String> {
        let mut again = self.clone();
        again.resumed().ok()?;
        loop {
            let mut wanted = again.next();
            let fact = wanted.iter().position(|decision| matches!(decision, Decision::Append(_)));
            match fact.map(|place| wanted.swap_remove(place)) {
                Some(Decision::Append(event)) => again.apply(&event, "").ok()?,
                _ => return wanted.into_iter().find_map(acts_on),
            }
        }
    }

    /// Whether a step failed in a loop that went on to a later batch without it, or is about to ask whether it does.
    fn is_left_behind(&self, index: usize) -> bool {
        if !self.state.steps[index].has_failed() {
            return false;
        }
        let chain: Vec<_> =
            self.program.block_of(index).into_iter().flat_map(|block| self.program.above(block)).collect();
        let asked = self.state.question.as_ref().filter(|open| open.question == Question::Canary);
        if asked.is_some_and(|open| chain.iter().any(|block| open.step == self.program.blocks[*block].name)) {
            return true;
        }
        chain.windows(2).any(|pair| {
            let Kind::Loop(each) = &self.program.blocks[pair[1]].kind else { return false };
            let mut later = each.batches.iter().skip_while(|(_, items)| !items.contains(&pair[0])).skip(1);
            later.any(|(before, items)| items.iter().chain(before).any(|block| self.is_begun(*block)))
        })
    }

    /// What is done about a failure is done again where it fails again.
    fn handler_is_due_again(&mut self, index: usize) {
        let Some(block) = self.program.block_of(index) else { return };
        if let Kind::Step(_, Some(handler)) = self.program.blocks[block].kind {
            self.pending_again(handler, |state| state != Standing::Unknown && state != Standing::Started);
        }
    }

    /// What was settled of a handler whose step is tried anew was about the failure before.
    pub(super) fn handled_before(&mut self, index: usize) {
        let Some(step) = self.handled_by(index) else { return };
        if self.state.steps[step].has_failed() && self.may_retry(step) {
            self.handler_is_due_again(step);
        }
    }

    /// The step about whose failure a step does something.
    fn handled_by(&self, index: usize) -> Option<usize> {
        let block = self.program.block_of(index)?;
        self.program.above(block).find_map(|block| match self.program.blocks[block].kind {
            Kind::Step(step, Some(_)) if step != index => Some(step),
            _ => None,
        })
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
        for (index, fold) in state.steps.iter_mut().enumerate() {
            if decided == Some(index) || self.program.steps[index].role == Role::Hook {
                continue;
            }
            if fold.state == Standing::Unknown {
                fold.answer = None;
                if fold.may_run {
                    fold.state = Standing::Started;
                    state.in_flight.insert(index);
                }
            }
            if fold.undo.state == UndoStanding::Unknown && fold.undo.may_run {
                fold.undo.state = UndoStanding::Started;
                state.in_flight.insert(index);
            }
        }
    }
}

/// The step that a decision does something about.
fn acts_on(decision: Decision) -> Option<String> {
    match decision {
        Decision::Attempt { step, .. }
        | Decision::Recover { step, .. }
        | Decision::AskCheck { step }
        | Decision::Undo { step, .. }
        | Decision::RecoverUndo { step, .. } => Some(step),
        _ => None,
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
