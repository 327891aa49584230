//! The one transition function: what an event does to the state, and whether it may come now.

mod blocks;
mod questions;
mod resume;
mod undo;

use super::program::{Batch, Kind, Role};
use super::state::{Direction, Standing, describe};
use super::{Decision, Engine, Illegal};
use crate::model::event::{Answer, Event, Intent, Outcome, SettledBy, Settlement};
use crate::model::question::Choice;
use crate::model::result::{Failure, FailureKind};
use crate::model::runbook::Hook;

type Applied = Result<(), String>;

impl Engine {
    /// Folds one event in. `at` is the record's time, kept for people only.
    ///
    /// # Errors
    ///
    /// Where the event cannot follow what is there; the state is as it was then.
    pub fn apply(&mut self, event: &Event, at: &str) -> Result<(), Illegal> {
        self.transition(event, at).map_err(|why| Illegal { event: describe(event), why })?;
        self.advance(event);
        Ok(())
    }

    fn transition(&mut self, event: &Event, at: &str) -> Applied {
        match event {
            Event::RunStarted { parameters, .. } => {
                allowed(!self.state.begun, "the run has started")?;
                self.state.begun = true;
                at.clone_into(&mut self.state.started);
                self.state.parameters.clone_from(parameters);
                return Ok(());
            }
            Event::Unknown => return Ok(()),
            _ => allowed(self.state.begun, "the run has not started")?,
        }
        match event {
            Event::RunStarted { .. }
            | Event::Unknown
            | Event::JournalRecovered { .. }
            | Event::Observed { .. }
            | Event::ArtifactsKept { .. }
            | Event::ClockJumped { .. }
            | Event::OverrideGiven { .. } => Ok(()),
            Event::RunResumed { .. } => self.resumed(),
            Event::StepSkipped { step, reason } => self.passed(step, reason, Standing::Skipped),
            Event::StepInPlace { step, reason } => self.passed(step, reason, Standing::InPlace),
            Event::StepRefused { step, attempt, failure } => self.refused(step, *attempt, failure),
            Event::AttemptStarted { step, attempt, intent } => self.attempt_started(step, *attempt, intent, at),
            Event::AttemptFinished { .. } => self.attempt_finished(event, at),
            Event::StepSettled { step, r#as, by, reason, .. } => self.step_settled(step, *r#as, *by, reason, at),
            Event::CheckAnswered { step, answer, detail } => self.check_answered(step, *answer, detail),
            Event::QuestionAsked { .. } => self.question_asked(event),
            Event::DecisionMade { .. } => self.decision_made(event),
            Event::StopRequested { by, reason } => {
                allowed(self.state.ended.is_none(), "the run has ended")?;
                self.state.stopping = true;
                self.state.stopped = Some((by.clone(), reason.clone()));
                Ok(())
            }
            Event::RollbackStarted { reason, to } => self.rollback_started(reason, to.as_deref()),
            Event::UndoStarted { step, part, attempt, intent } => self.undo_started(step, *part, *attempt, intent, at),
            Event::UndoFinished { .. } => self.undo_finished(event, at),
            Event::UndoRefused { step, part, failure, .. } => self.undo_refused(step, *part, failure),
            Event::UndoSettled { .. } => self.undo_settled(event, at),
            Event::UndoSkipped { step, reason } => self.undo_skipped(step, reason),
            Event::UndoAbandoned { step, by, reason } => self.undo_abandoned(step, by, reason),
            Event::LoopStarted { step, items, serial } => self.loop_started(step, items, *serial),
            Event::IncludeStarted { step, parameters } => self.include_started(step, parameters),
            Event::RoundFinished { .. } => self.round_finished(event),
            Event::HoldTaken { step, expires } => self.hold_taken(step, expires.as_deref()),
            Event::HoldReleased { step } => self.hold_released(step),
            Event::WatchTripped { step, watch, detail } => self.watch_tripped(step, *watch, detail),
            Event::LimitReached { step } => self.limit_reached(step),
            Event::SkipRequested { step, by, reason } => self.skip_requested(step, by, reason),
            Event::RequestWithdrawn { step, .. } => self.request_withdrawn(step.as_deref()),
            Event::HookFinished { hook, outcome, .. } => self.hook_finished(*hook, *outcome),
            Event::RunFinished { outcome, remaining } => {
                allowed(self.state.ended.is_none(), "the run has ended")?;
                allowed(self.waits_for_people(), "an attempt is under way")?;
                self.state.ended = Some(*outcome);
                self.state.remaining.clone_from(remaining);
                Ok(())
            }
        }
    }

    fn passed(&mut self, step: &str, reason: &str, standing: Standing) -> Applied {
        if self.program.index(step).is_none() {
            return self.block_skipped(step, reason);
        }
        let index = self.may_begin(step)?;
        let fold = &mut self.state.steps[index];
        allowed(fold.attempts == 0 || !fold.maybe_in_place, "an attempt of it may have had an effect")?;
        fold.state = standing;
        fold.reason = Some(reason.to_owned());
        // A hold that was found taken is given back all the same.
        if standing == Standing::InPlace && self.program.steps[index].role == Role::Acquire {
            self.comes_before_what_it_is_for(index);
        }
        Ok(())
    }

    /// What takes a hold comes before all that it is for, also where a part of it is carried out only later, or in a
    /// rollback: it is not to be given back before that is undone.
    fn comes_before_what_it_is_for(&mut self, index: usize) {
        let Some((_, hold)) = self.taken_by(index).filter(|_| !self.state.order.contains(&index)) else { return };
        let (inner, beside) = (self.program.steps_within(hold.inner), self.program.steps_within(hold.acquire));
        let order = &mut self.state.order;
        let first = order.iter().position(|other| inner.contains(other));
        let last = order.iter().rposition(|other| beside.contains(other)).map(|last| last + 1);
        order.insert(first.or(last).unwrap_or(order.len()), index);
    }

    fn refused(&mut self, step: &str, attempt: u32, failure: &Failure) -> Applied {
        if self.program.index(step).is_none() {
            return self.block_refused(step, failure);
        }
        let index = self.may_begin(step)?;
        let fold = &mut self.state.steps[index];
        allowed(attempt == fold.attempts + 1, "it is not the next attempt")?;
        if failure.kind == FailureKind::LeftBehind && fold.has_failed() && fold.attempts > 0 {
            // It may still be running, and is settled like that.
            (fold.state, fold.may_run) = (Standing::Unknown, true);
            fold.reason = Some(failure.message.clone());
            fold.failure = Some(failure.clone());
            return Ok(());
        }
        fold.tries += 1;
        // What an earlier attempt left is there still, whatever this refusal says.
        fold.was_in_place = fold.maybe_in_place;
        fold.state = Standing::Failed;
        fold.reason = Some(failure.message.clone());
        fold.failure = Some(failure.clone());
        self.seen_to_hold(index);
        Ok(())
    }

    /// Where taking a hold went wrong, its release is due.
    fn seen_to_hold(&mut self, index: usize) {
        let fold = &self.state.steps[index];
        let wrong = fold.has_failed() || fold.state == Standing::Pending && fold.maybe_in_place;
        if wrong && self.program.steps[index].role == Role::Acquire {
            self.taking_failed(index);
        }
    }

    fn attempt_started(&mut self, step: &str, attempt: u32, intent: &Intent, at: &str) -> Applied {
        let index = self.may_begin(step)?;
        allowed(self.is_its_turn(index), "it is not its turn")?;
        let fold = &mut self.state.steps[index];
        allowed(attempt == fold.attempts + 1, "it is not the next attempt")?;
        fold.attempts += 1;
        fold.tries += 1;
        fold.state = Standing::Started;
        fold.was_in_place = fold.maybe_in_place;
        if !fold.maybe_in_place {
            fold.first_intent = Some(intent.clone());
        }
        fold.maybe_in_place = true;
        fold.intent = Some(intent.clone());
        fold.started.get_or_insert_with(|| at.to_owned());
        fold.began = Some(at.to_owned());
        fold.answer = None;
        fold.reason = None;
        fold.failure = None;
        fold.left_behind.clear();
        fold.lost = false;
        self.state.in_flight.insert(index);
        if attempt == 1 && self.program.steps[index].role != Role::Acquire {
            self.state.order.push(index);
        } else if attempt == 1 {
            self.comes_before_what_it_is_for(index);
        }
        if self.program.steps[index].role == Role::Acquire {
            self.release_is_due_again(index);
        }
        Ok(())
    }

    fn attempt_finished(&mut self, event: &Event, at: &str) -> Applied {
        let Event::AttemptFinished { step, attempt, outcome, failure, output, result, .. } = event else {
            return Ok(());
        };
        let index = self.known(step)?;
        allowed(self.state.in_flight.contains(&index), "no attempt of it is under way")?;
        let fold = &mut self.state.steps[index];
        allowed(fold.state == Standing::Started && *attempt == fold.attempts, "that attempt is not under way")?;
        fold.state = match outcome {
            Outcome::Succeeded => Standing::Succeeded,
            Outcome::Failed => Standing::Failed,
            Outcome::TimedOut => Standing::TimedOut,
            Outcome::Unknown | Outcome::UnknownMayRun => Standing::Unknown,
        };
        fold.may_run = *outcome == Outcome::UnknownMayRun;
        fold.reason = failure.as_ref().map(|failure| failure.message.clone());
        fold.failure.clone_from(failure);
        fold.result = Some(result.clone());
        fold.left_behind = output.as_ref().map(|output| output.left_behind.clone()).unwrap_or_default();
        fold.finished = Some(at.to_owned());
        self.state.in_flight.remove(&index);
        self.state.decision.take_if(|decided| decided.step == index);
        // Nobody answered in time.
        self.state.question.take_if(|open| open.step == *step);
        self.seen_to_hold(index);
        Ok(())
    }

    fn step_settled(&mut self, step: &str, settlement: Settlement, by: SettledBy, reason: &str, at: &str) -> Applied {
        let index = self.known(step)?;
        let fold = &mut self.state.steps[index];
        let lost = self.state.in_flight.contains(&index) && fold.lost;
        let begun_before = fold.maybe_in_place && (fold.has_failed() || fold.state == Standing::Pending);
        let found_in_place = begun_before && settlement == Settlement::Succeeded && by == SettledBy::Check;
        allowed(lost || fold.state == Standing::Unknown || found_in_place, "there is nothing to settle")?;
        fold.state = match settlement {
            Settlement::Succeeded => Standing::Succeeded,
            Settlement::Failed => Standing::Failed,
            Settlement::NotStarted | Settlement::RunAgain => Standing::Pending,
        };
        if settlement == Settlement::NotStarted {
            // Only the check speaks about earlier attempts too.
            fold.maybe_in_place = by != SettledBy::Check && fold.was_in_place;
        }
        fold.tries = fold.tries.saturating_sub(u32::from(fold.state == Standing::Pending));
        fold.may_run = false;
        // Whoever settled it knew of them.
        fold.left_behind.clear();
        fold.answer = None;
        fold.reason = Some(reason.to_owned());
        fold.finished = Some(at.to_owned());
        if lost {
            self.state.in_flight.remove(&index);
        }
        self.state.decision.take_if(|decided| decided.step == index);
        self.seen_to_hold(index);
        self.handled_before(index);
        Ok(())
    }

    fn check_answered(&mut self, step: &str, answer: Answer, detail: &str) -> Applied {
        let index = self.known(step)?;
        allowed(!self.state.in_flight.contains(&index), "an attempt of it is under way")?;
        let fold = &mut self.state.steps[index];
        fold.answer = Some(answer);
        if fold.state == Standing::Unknown {
            let lost = fold.failure.as_ref().map_or("", |failure| failure.message.as_str());
            fold.reason = Some(format!("{lost}; its check says: {detail}").trim_start_matches("; ").to_owned());
        }
        Ok(())
    }

    fn rollback_started(&mut self, reason: &str, to: Option<&str>) -> Applied {
        allowed(!self.state.is_going_back(), "the run is rolling back")?;
        allowed(self.state.ended.is_none(), "the run has ended")?;
        let to = to.map(|step| self.known(step)).transpose()?;
        self.state.direction = Direction::Back { reason: reason.to_owned(), to };
        self.state.question = None;
        let decided = self.state.decision.take();
        // Nobody has to answer any more; what the person may have done is undone.
        let yes = decided.filter(|decided| decided.choice == Choice::Yes).map(|decided| decided.step);
        self.release_people(yes, "rolled back before it was answered", |_| true);
        for fold in &mut self.state.steps {
            fold.answer = None;
        }
        Ok(())
    }

    fn hook_finished(&mut self, hook: Hook, outcome: Outcome) -> Applied {
        allowed(!self.state.hooks.contains_key(&hook), "that hook is through")?;
        let of_hook = |index: &usize| self.program.steps[*index].role == Role::Hook;
        allowed(!self.state.in_flight.iter().any(of_hook), "an attempt is under way")?;
        self.state.hooks.insert(hook, outcome);
        Ok(())
    }

    /// The lists around what an event is about pass every member that going forward has nothing more to do with; loops
    /// every such batch before one that has begun.
    fn advance(&mut self, event: &Event) {
        let blocks: Vec<_> = match event.step().and_then(|step| self.program.innermost(step)) {
            Some(block) => self.program.above(block).collect(),
            None => Vec::new(),
        };
        for block in blocks {
            let from = self.state.blocks[block].cursor;
            let passed = match &self.program.blocks[block].kind {
                Kind::List(members) => members.iter().skip(from).take_while(|member| self.is_through(**member)).count(),
                Kind::Loop(each) => each.batches.windows(2).skip(from).take_while(|pair| self.is_passed(pair)).count(),
                _ => continue,
            };
            self.state.blocks[block].cursor = from + passed;
        }
    }

    /// Whether going forward has nothing more to do with the first of two batches, and has begun the other.
    fn is_passed(&self, pair: &[Batch]) -> bool {
        let all = |batch: &Batch| batch.0.iter().chain(&batch.1).copied().collect::<Vec<_>>();
        all(&pair[1]).into_iter().any(|block| self.is_begun(block))
            && all(&pair[0]).into_iter().all(|block| self.is_through(block))
    }

    /// Nothing is under way that acts by itself.
    pub(super) fn waits_for_people(&self) -> bool {
        self.state.in_flight.iter().all(|index| self.program.steps[*index].by_person && !self.state.is_undoing(*index))
    }

    /// What waits for a person, and is meant, waits no more: it succeeded where they said yes, and failed otherwise.
    fn release_people(&mut self, yes: Option<usize>, reason: &str, is_meant: impl Fn(usize) -> bool) {
        let waiting: Vec<usize> = self.state.in_flight.iter().copied().collect();
        for index in waiting.into_iter().filter(|index| self.program.steps[*index].by_person && is_meant(*index)) {
            let fold = &mut self.state.steps[index];
            if fold.state != Standing::Started {
                continue;
            }
            self.state.in_flight.remove(&index);
            self.state.decision.take_if(|decided| decided.step == index);
            (fold.state, fold.reason) = if yes == Some(index) {
                (Standing::Succeeded, None)
            } else {
                (Standing::Failed, Some(reason.to_owned()))
            };
        }
    }

    fn known(&self, step: &str) -> Result<usize, String> {
        self.program.index(step).ok_or_else(|| format!("the runbook has no step {step}"))
    }

    /// Whether everything that comes before an attempt of the step is through.
    fn is_its_turn(&self, index: usize) -> bool {
        let name = &self.program.steps[index].name;
        self.next().iter().any(|decision| matches!(decision, Decision::Attempt { step, .. } if step == name))
    }

    /// The step's place, if an attempt of it may begin now.
    fn may_begin(&self, step: &str) -> Result<usize, String> {
        let index = self.known(step)?;
        allowed(self.state.ended.is_none(), "the run has ended")?;
        let role = self.program.steps[index].role;
        // What was asked in the background keeps neither the hooks nor a hold waiting.
        let waits = !matches!(role, Role::Hook | Role::Release);
        allowed(self.state.question.is_none() || !waits, "a question is open")?;
        let goes_back = matches!(role, Role::Hook | Role::Acquire | Role::Release);
        allowed(!self.state.is_going_back() || goes_back, "the run is rolling back")?;
        let fold = &self.state.steps[index];
        allowed(matches!(fold.state, Standing::Pending) || fold.has_failed(), "it is not to be run")?;
        Ok(index)
    }
}

fn allowed(condition: bool, otherwise: &str) -> Applied {
    if condition { Ok(()) } else { Err(otherwise.to_owned()) }
}
