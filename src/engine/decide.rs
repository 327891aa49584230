//! What can be done now, and what comes first in either direction.

use super::program::{Kind, Node, Role};
use super::state::{Direction, Standing, StepFold};
use super::walk::{Decisions, Fault, Mode, Walk};
use super::{Decision, Engine};
use crate::model::event::{Event, Outcome, Remaining, RunOutcome};
use crate::model::question::Question;
use crate::model::runbook::Hook;
use crate::model::step::OnFailure;

impl Engine {
    /// Everything that can be done now. What is under way already is named again for as long as it is. Empty where only
    /// a person who was asked can bring it further. The same state always gives the same decisions.
    #[must_use]
    pub fn next(&self) -> Vec<Decision> {
        if let Some(outcome) = self.state.ended {
            return vec![Decision::End(outcome)];
        }
        let mut out = Vec::new();
        if self.state.question.is_some() && !self.state.stopping {
            out.push(Decision::Answer);
        }
        match &self.state.direction {
            Direction::Forward => self.forward(&mut out),
            Direction::Back { to, .. } => self.back(*to, &mut out),
        }
        out
    }

    /// What becomes of an attempt, or an undo, that is under way.
    pub(super) fn under_way(&self, index: usize, out: &mut Decisions) {
        let (node, fold) = self.both(index);
        let step = node.name.clone();
        let answered = self.is_answered(index);
        if fold.state == Standing::Started {
            let attempt = fold.attempts;
            if node.by_person && !answered {
                let question = if node.is_confirm { Question::Confirm } else { Question::Manual };
                self.put(Decision::Ask { step, question }, out);
                self.lapses(index, out);
            } else if fold.lost && !node.by_person {
                out.push(Decision::Recover { step, attempt });
            } else {
                out.push(Decision::Await { step, attempt });
            }
            return;
        }
        let (part, attempt) = (fold.undo.part, fold.undo.attempts);
        let by_person = fold.undo.is_by_person();
        if by_person && !answered {
            self.put(Decision::Ask { step, question: Question::Manual }, out);
            self.lapses(index, out);
            return;
        }
        out.push(if fold.lost && !by_person {
            Decision::RecoverUndo { step, part, attempt }
        } else {
            Decision::AwaitUndo { step, part, attempt }
        });
    }

    /// Whether a person answered about a step, and nothing has followed from it yet.
    pub(super) fn is_answered(&self, index: usize) -> bool {
        self.state.decision.as_ref().is_some_and(|decided| decided.step == index)
    }

    /// The open question about a step is not waited for longer than it says.
    fn lapses(&self, index: usize, out: &mut Decisions) {
        let step = &self.program.steps[index].name;
        let open = self.state.question.as_ref().filter(|open| open.step == *step);
        if !self.state.stopping && open.is_some_and(|open| open.until.is_some()) {
            out.push(Decision::Lapse { step: step.clone() });
        }
    }

    fn forward(&self, out: &mut Decisions) {
        let mode = match (self.state.stopping, &self.state.question) {
            (true, _) => Mode::Stop,
            (false, Some(_)) => Mode::Wait,
            (false, None) => Mode::Begin,
        };
        if mode == Mode::Begin && self.hook(Hook::OnStart, out) {
            return;
        }
        if self.hooks_go_on(out) {
            return;
        }
        let first = out.len();
        match self.walk(self.program.root, mode, out) {
            Walk::Idle | Walk::Through if mode == Mode::Stop => self.end(RunOutcome::Stopped, out),
            Walk::Busy | Walk::Idle => {}
            Walk::Through => {
                if !self.hook(Hook::OnSuccess, out) && !self.hook(Hook::Always, out) {
                    self.end(RunOutcome::Succeeded, out);
                }
            }
            Walk::Failed(fault) => {
                // What was ended by the rollback is still under way until it says so.
                out.truncate(first);
                self.failed_whole(&fault, mode, out);
            }
        }
    }

    fn failed_whole(&self, fault: &Fault, mode: Mode, out: &mut Decisions) {
        if mode == Mode::Stop {
            self.end(RunOutcome::Stopped, out);
        } else if self.hook(Hook::OnFailure, out) {
        } else if fault.back {
            let reason = format!("{} failed: {}", fault.step, fault.reason);
            out.push(Decision::Append(Event::RollbackStarted { reason, to: None }));
        } else if !self.hook(Hook::Always, out) {
            self.end(RunOutcome::Failed, out);
        }
    }

    /// Whether a step of a hook is under way, which is seen to its end whatever else is wanted.
    fn hooks_go_on(&self, out: &mut Decisions) -> bool {
        let of_hook = |index: &&usize| self.program.steps[**index].role == Role::Hook;
        let found = self.state.in_flight.iter().find(of_hook);
        if let Some(index) = found {
            self.under_way(*index, out);
        }
        found.is_some()
    }

    /// Adds the next decision of a hook; false when it is through or there is none.
    pub(super) fn hook(&self, hook: Hook, out: &mut Decisions) -> bool {
        let Some(members) = self.program.hooks.get(&hook).filter(|members| !members.is_empty()) else { return false };
        if self.state.hooks.contains_key(&hook) {
            return false;
        }
        for index in members {
            let (node, fold) = self.both(*index);
            let failed = match fold.state {
                Standing::Succeeded | Standing::Skipped | Standing::InPlace => continue,
                Standing::Started => {
                    self.under_way(*index, out);
                    return true;
                }
                Standing::Pending => {
                    out.push(self.attempt(*index));
                    return true;
                }
                Standing::Failed | Standing::TimedOut if self.may_retry(*index) => {
                    out.push(self.attempt(*index));
                    return true;
                }
                Standing::Failed | Standing::TimedOut => fold.reason.clone().unwrap_or_default(),
                Standing::Unknown if (node.read_only || node.idempotent) && !fold.may_run => {
                    out.push(self.run_again(*index));
                    return true;
                }
                // A hook never holds a run up: what nobody knows counts as failed, and is not run again.
                Standing::Unknown => "interrupted, and not run again".to_owned(),
            };
            let detail = Some(format!("{}: {failed}", node.name));
            out.push(Decision::Append(Event::HookFinished { hook, outcome: Outcome::Failed, detail }));
            return true;
        }
        out.push(Decision::Append(Event::HookFinished { hook, outcome: Outcome::Succeeded, detail: None }));
        true
    }

    fn attempt(&self, index: usize) -> Decision {
        let (node, fold) = self.both(index);
        let delay = if fold.has_failed() { node.retry.delay_before(fold.tries + 1) } else { std::time::Duration::ZERO };
        Decision::Attempt { step: node.name.clone(), attempt: fold.attempts + 1, delay }
    }

    pub(super) fn both(&self, index: usize) -> (&Node, &StepFold) {
        (&self.program.steps[index], &self.state.steps[index])
    }

    /// Ends the run, once nothing is under way any more that acts by itself.
    fn end(&self, outcome: RunOutcome, out: &mut Decisions) {
        if self.waits_for_people() {
            out.clear();
            out.push(self.finished(outcome));
            return;
        }
        for index in &self.state.in_flight {
            self.under_way(*index, out);
        }
    }

    fn finished(&self, outcome: RunOutcome) -> Decision {
        let mut remaining = self.passed_over(outcome == RunOutcome::Succeeded);
        if outcome != RunOutcome::Succeeded {
            remaining.extend(self.loops_left());
        }
        remaining.extend(self.still_held());
        Decision::Append(Event::RunFinished { outcome, remaining })
    }

    /// Steps that failed and were passed over. Of a run that succeeds these are all that failed.
    fn passed_over(&self, succeeded: bool) -> Vec<Remaining> {
        let is_passed = |node: &Node, fold: &StepFold| {
            let continues = node.on_failure == OnFailure::Continue && !fold.was_cancelled();
            fold.has_failed() && node.role != Role::Hook && (succeeded || fold.passed_over || continues)
        };
        let steps = self.program.steps_within(self.program.root).into_iter().map(|index| self.both(index));
        let steps = steps.filter(|(node, fold)| is_passed(node, fold)).map(|(node, fold)| Remaining {
            step: node.name.clone(),
            reason: format!("failed and passed over: {}", fold.reason.clone().unwrap_or_default()),
        });
        let blocks = self.program.blocks.iter().zip(&self.state.blocks);
        let blocks = blocks.filter(|(_, fold)| succeeded || fold.passed_over).filter_map(|(block, fold)| {
            let reason = fold.failure.as_ref().or_else(|| fold.limit_reached.then_some(&block.name))?;
            Some(Remaining { step: block.name.clone(), reason: format!("failed and passed over: {reason}") })
        });
        steps.chain(blocks).collect()
    }

    /// Of each loop that did not come to its end: what became of its items.
    fn loops_left(&self) -> Vec<Remaining> {
        let mut left = Vec::new();
        for (at, block) in self.program.blocks.iter().enumerate() {
            let Kind::Loop(each) = &block.kind else { continue };
            let fold = &self.state.blocks[at];
            if !fold.entered || self.is_through(at) {
                continue;
            }
            let mut groups: [(&str, Vec<&str>); 4] =
                [("done", vec![]), ("failed", vec![]), ("begun", vec![]), ("untouched", vec![])];
            for item in each.batches.iter().flat_map(|batch| &batch.1) {
                let place = each.known.iter().position(|known| known == item);
                let Some(label) = place.and_then(|place| fold.items.get(place)).map(|item| item.label.as_str()) else {
                    continue;
                };
                let failed =
                    self.program.steps_within(*item).into_iter().any(|index| self.state.steps[index].has_failed());
                let group = match self.is_through(*item) {
                    true => 0,
                    false if failed => 1,
                    false if self.is_begun(*item) => 2,
                    false => 3,
                };
                groups[group].1.push(label);
            }
            let said = groups.iter().filter(|(_, labels)| !labels.is_empty());
            let said: Vec<String> = said.map(|(what, labels)| format!("{what}: {}", labels.join(", "))).collect();
            left.push(Remaining { step: block.name.clone(), reason: said.join("; ") });
        }
        left
    }

    /// Holds that nobody gave back.
    pub(super) fn still_held(&self) -> Vec<Remaining> {
        let mut left = Vec::new();
        for (at, block) in self.program.blocks.iter().enumerate() {
            let Some(hold) = self.hold_at(at) else { continue };
            let reason = match &self.state.blocks[at] {
                fold if fold.held => "it is still held",
                fold if fold.unclean || self.is_partly_taken(hold) => "it may still be held: its release failed",
                _ => continue,
            };
            left.push(Remaining { step: block.name.clone(), reason: reason.to_owned() });
        }
        left
    }
}
