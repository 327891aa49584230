//! Decisions going forward, and those that come first in either direction.

use super::program::Node;
use super::state::{Direction, Standing, StepFold};
use super::{Decision, Engine};
use crate::model::event::{Event, Outcome, Remaining, RunOutcome};
use crate::model::question::{Choice, Question};
use crate::model::runbook::Hook;
use crate::model::step::OnFailure;

impl Engine {
    /// What has to happen next. The same state always gives the same decision.
    #[must_use]
    pub fn next(&self) -> Decision {
        if let Some(outcome) = self.state.ended {
            return Decision::End(outcome);
        }
        if self.state.stopping && self.waits_for_a_person() {
            return finished(RunOutcome::Stopped, self.passed_over());
        }
        if self.state.question.is_some() {
            return Decision::Answer;
        }
        if let Some(index) = self.state.in_flight {
            return self.under_way(index);
        }
        match &self.state.direction {
            Direction::Forward => self.forward(),
            Direction::Back { to, .. } => self.back(*to),
        }
    }

    fn under_way(&self, index: usize) -> Decision {
        let (node, fold) = self.both(index);
        let step = node.name.clone();
        if fold.state == Standing::Started {
            let attempt = fold.attempts;
            if node.by_person && self.state.decision.is_none() {
                let question = if node.is_confirm { Question::Confirm } else { Question::Manual };
                return Decision::Ask { step, question };
            }
            return if self.state.lost && !node.by_person {
                Decision::Recover { step, attempt }
            } else {
                Decision::Await { step, attempt }
            };
        }
        let (part, attempt) = (fold.undo.part, fold.undo.attempts);
        if self.state.lost {
            Decision::RecoverUndo { step, part, attempt }
        } else {
            Decision::AwaitUndo { step, part, attempt }
        }
    }

    fn forward(&self) -> Decision {
        if let Some(decision) = self.hook(Hook::OnStart) {
            return decision;
        }
        let index = self.state.cursor;
        if index >= self.program.own {
            return self
                .hook(Hook::OnSuccess)
                .or_else(|| self.hook(Hook::Always))
                .unwrap_or_else(|| finished(RunOutcome::Succeeded, self.passed_over()));
        }
        let fold = &self.state.steps[index];
        match fold.state {
            Standing::Unknown => self.settle(index),
            Standing::Failed | Standing::TimedOut if !self.may_retry(index) => self.after_failure(index),
            _ => self.attempt(index),
        }
    }

    fn after_failure(&self, index: usize) -> Decision {
        let (node, fold) = self.both(index);
        let wish = match node.on_failure {
            OnFailure::Ask if fold.verdict.is_none() => {
                return Decision::Ask { step: node.name.clone(), question: Question::Failure };
            }
            OnFailure::Ask => fold.verdict == Some(Choice::Rollback),
            other => other == OnFailure::Rollback,
        };
        if let Some(decision) = self.hook(Hook::OnFailure) {
            return decision;
        }
        if wish {
            let why = fold.reason.clone().unwrap_or_default();
            return Decision::Append(Event::RollbackStarted {
                reason: format!("{} failed: {why}", node.name),
                to: None,
            });
        }
        self.hook(Hook::Always).unwrap_or_else(|| finished(RunOutcome::Failed, self.passed_over()))
    }

    fn attempt(&self, index: usize) -> Decision {
        let (node, fold) = self.both(index);
        let delay = if fold.has_failed() { node.retry.delay_before(fold.tries + 1) } else { std::time::Duration::ZERO };
        Decision::Attempt { step: node.name.clone(), attempt: fold.attempts + 1, delay }
    }

    /// The next decision of a hook, `None` when it is through or there is none.
    pub(super) fn hook(&self, hook: Hook) -> Option<Decision> {
        let members = self.program.hooks.get(&hook).filter(|members| !members.is_empty())?;
        if self.state.hooks.contains_key(&hook) {
            return None;
        }
        for index in members {
            let (node, fold) = self.both(*index);
            let failed = match fold.state {
                Standing::Succeeded | Standing::Skipped | Standing::InPlace => continue,
                Standing::Pending => return Some(self.attempt(*index)),
                Standing::Failed | Standing::TimedOut if self.may_retry(*index) => return Some(self.attempt(*index)),
                Standing::Failed | Standing::TimedOut => fold.reason.clone().unwrap_or_default(),
                Standing::Unknown if (node.read_only || node.idempotent) && !fold.may_run => {
                    return Some(self.run_again(*index));
                }
                // A hook never holds a run up: what nobody knows counts as failed, and is not run again.
                Standing::Unknown | Standing::Started => "interrupted, and not run again".to_owned(),
            };
            let detail = Some(format!("{}: {failed}", node.name));
            return Some(Decision::Append(Event::HookFinished { hook, outcome: Outcome::Failed, detail }));
        }
        Some(Decision::Append(Event::HookFinished { hook, outcome: Outcome::Succeeded, detail: None }))
    }

    /// Whether another attempt follows a failed one by itself.
    pub(super) fn may_retry(&self, index: usize) -> bool {
        let (node, fold) = self.both(index);
        fold.tries < node.retry.max_attempts.max(1) + fold.granted
    }

    /// Whether the step failed for good and its runbook says to go on all the same.
    pub(super) fn gave_up_and_continues(&self, index: usize) -> bool {
        let (node, fold) = self.both(index);
        let given_up = fold.has_failed() && !fold.was_cancelled() && !self.may_retry(index);
        given_up && node.on_failure == OnFailure::Continue
    }

    pub(super) fn both(&self, index: usize) -> (&Node, &StepFold) {
        (&self.program.steps[index], &self.state.steps[index])
    }

    /// Steps that failed and were passed over.
    pub(super) fn passed_over(&self) -> Vec<Remaining> {
        (0..self.program.own.min(self.state.cursor))
            .map(|index| self.both(index))
            .filter(|(_, fold)| fold.has_failed())
            .map(|(node, fold)| Remaining {
                step: node.name.clone(),
                reason: format!("failed and passed over: {}", fold.reason.clone().unwrap_or_default()),
            })
            .collect()
    }
}

pub(super) const fn finished(outcome: RunOutcome, remaining: Vec<Remaining>) -> Decision {
    Decision::Append(Event::RunFinished { outcome, remaining })
}
