//! The one transition function: what an event does to the state, and whether it may come now.

mod resume;
mod undo;

use super::state::{Decided, Direction, Standing, describe};
use super::{Engine, Illegal};
use crate::model::event::{Answer, Event, Intent, Outcome, SettledBy, Settlement};
use crate::model::question::{Choice, OpenQuestion, Question};
use crate::model::result::Failure;
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
        self.advance();
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
            Event::UndoAbandoned { .. }
            | Event::LoopStarted { .. }
            | Event::IncludeStarted { .. }
            | Event::RoundFinished { .. }
            | Event::HoldTaken { .. }
            | Event::HoldReleased { .. }
            | Event::WatchTripped { .. }
            | Event::LimitReached { .. }
            | Event::SkipRequested { .. }
            | Event::RequestWithdrawn { .. } => Err("no such thing goes on in this run".to_owned()),
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
            Event::StopRequested { .. } => {
                self.state.stopping = true;
                Ok(())
            }
            Event::RollbackStarted { reason, to } => self.rollback_started(reason, to.as_deref()),
            Event::UndoStarted { step, part, attempt, intent } => self.undo_started(step, *part, *attempt, intent, at),
            Event::UndoFinished { .. } => self.undo_finished(event, at),
            Event::UndoRefused { step, part, failure, .. } => self.undo_refused(step, *part, failure),
            Event::UndoSettled { .. } => self.undo_settled(event, at),
            Event::UndoSkipped { step, reason } => self.undo_skipped(step, reason),
            Event::HookFinished { hook, outcome, .. } => self.hook_finished(*hook, *outcome),
            Event::RunFinished { outcome, remaining } => {
                allowed(self.state.ended.is_none(), "the run has ended")?;
                allowed(self.waits_for_a_person(), "an attempt is under way")?;
                self.state.ended = Some(*outcome);
                self.state.remaining.clone_from(remaining);
                Ok(())
            }
        }
    }

    fn passed(&mut self, step: &str, reason: &str, standing: Standing) -> Applied {
        let index = self.may_begin(step)?;
        let fold = &mut self.state.steps[index];
        allowed(fold.attempts == 0 || !fold.maybe_in_place, "an attempt of it may have had an effect")?;
        fold.state = standing;
        fold.reason = Some(reason.to_owned());
        Ok(())
    }

    fn refused(&mut self, step: &str, attempt: u32, failure: &Failure) -> Applied {
        let index = self.may_begin(step)?;
        let fold = &mut self.state.steps[index];
        allowed(attempt == fold.attempts + 1, "it is not the next attempt")?;
        fold.tries += 1;
        // What an earlier attempt left is there still, whatever this refusal says.
        fold.was_in_place = fold.maybe_in_place;
        fold.state = Standing::Failed;
        fold.reason = Some(failure.message.clone());
        fold.failure = Some(failure.clone());
        Ok(())
    }

    fn attempt_started(&mut self, step: &str, attempt: u32, intent: &Intent, at: &str) -> Applied {
        let index = self.may_begin(step)?;
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
        self.state.in_flight = Some(index);
        self.state.lost = false;
        if attempt == 1 {
            self.state.order.push(index);
        }
        Ok(())
    }

    fn attempt_finished(&mut self, event: &Event, at: &str) -> Applied {
        let Event::AttemptFinished { step, attempt, outcome, failure, result, .. } = event else {
            return Ok(());
        };
        let index = self.known(step)?;
        allowed(self.state.in_flight == Some(index), "no attempt of it is under way")?;
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
        fold.finished = Some(at.to_owned());
        self.state.in_flight = None;
        self.state.decision.take_if(|decided| decided.step == index);
        Ok(())
    }

    fn step_settled(&mut self, step: &str, settlement: Settlement, by: SettledBy, reason: &str, at: &str) -> Applied {
        let index = self.known(step)?;
        let lost = self.state.in_flight == Some(index) && self.state.lost;
        let fold = &mut self.state.steps[index];
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
        fold.answer = None;
        fold.reason = Some(reason.to_owned());
        fold.finished = Some(at.to_owned());
        if lost {
            self.state.in_flight = None;
        }
        self.state.decision.take_if(|decided| decided.step == index);
        Ok(())
    }

    fn check_answered(&mut self, step: &str, answer: Answer, detail: &str) -> Applied {
        let index = self.known(step)?;
        allowed(self.state.in_flight.is_none(), "an attempt is under way")?;
        let fold = &mut self.state.steps[index];
        fold.answer = Some(answer);
        if fold.state == Standing::Unknown {
            let lost = fold.failure.as_ref().map_or("", |failure| failure.message.as_str());
            fold.reason = Some(format!("{lost}; its check says: {detail}").trim_start_matches("; ").to_owned());
        }
        Ok(())
    }

    fn question_asked(&mut self, event: &Event) -> Applied {
        let Event::QuestionAsked { step, question, text, choices } = event else {
            return Ok(());
        };
        self.known(step)?;
        allowed(self.state.question.is_none(), "another question is open")?;
        allowed(self.state.ended.is_none(), "the run has ended")?;
        self.state.question = Some(OpenQuestion {
            step: step.clone(),
            question: *question,
            text: text.clone(),
            choices: choices.clone(),
            answers: Vec::new(),
        });
        Ok(())
    }

    fn decision_made(&mut self, event: &Event) -> Applied {
        let Event::DecisionMade { step, choice, by, reason, values } = event else {
            return Ok(());
        };
        let index = self.known(step)?;
        let open = self.state.question.take_if(|open| open.step == *step && open.choices.contains(choice));
        let Some(open) = open else {
            return Err("no open question has that answer".to_owned());
        };
        let fold = &mut self.state.steps[index];
        match (open.question, choice) {
            (Question::Failure, Choice::Retry) => fold.granted += 1,
            (Question::Failure, Choice::Skip) => fold.passed_over = true,
            (Question::Failure, _) => fold.verdict = Some(*choice),
            _ => {
                let (by, reason, values) = (by.clone(), reason.clone(), values.clone());
                self.state.decision = Some(Decided { step: index, choice: *choice, by, reason, values });
            }
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
        if self.waits_for_a_person() {
            // Nobody has to answer any more; what the person may have done is undone.
            if let Some(index) = self.state.in_flight.take() {
                let yes = decided.is_some_and(|decided| decided.step == index && decided.choice == Choice::Yes);
                let fold = &mut self.state.steps[index];
                let otherwise = "rolled back before it was answered";
                (fold.state, fold.reason) =
                    if yes { (Standing::Succeeded, None) } else { (Standing::Failed, Some(otherwise.to_owned())) };
            }
        }
        for fold in &mut self.state.steps {
            fold.answer = None;
        }
        Ok(())
    }

    fn hook_finished(&mut self, hook: Hook, outcome: Outcome) -> Applied {
        allowed(!self.state.hooks.contains_key(&hook), "that hook is through")?;
        allowed(self.state.in_flight.is_none(), "an attempt is under way")?;
        self.state.hooks.insert(hook, outcome);
        Ok(())
    }

    /// The cursor passes every step that going forward has nothing more to do with.
    fn advance(&mut self) {
        while self.state.cursor < self.program.own {
            let fold = &self.state.steps[self.state.cursor];
            if !(fold.is_through() || self.gave_up_and_continues(self.state.cursor)) {
                break;
            }
            self.state.cursor += 1;
        }
    }

    /// Nothing is under way that acts by itself.
    pub(super) fn waits_for_a_person(&self) -> bool {
        self.state.in_flight.is_none_or(|index| self.program.steps[index].by_person && !self.state.is_undoing(index))
    }

    fn known(&self, step: &str) -> Result<usize, String> {
        self.program.index(step).ok_or_else(|| format!("the runbook has no step {step}"))
    }

    /// The step's place, if an attempt of it may begin now.
    fn may_begin(&self, step: &str) -> Result<usize, String> {
        let index = self.known(step)?;
        allowed(self.state.ended.is_none(), "the run has ended")?;
        allowed(self.state.in_flight.is_none(), "another attempt is under way")?;
        allowed(self.state.question.is_none(), "a question is open")?;
        allowed(!self.state.is_going_back() || index >= self.program.own, "the run is rolling back")?;
        let fold = &self.state.steps[index];
        allowed(matches!(fold.state, Standing::Pending) || fold.has_failed(), "it is not to be run")?;
        Ok(index)
    }
}

fn allowed(condition: bool, otherwise: &str) -> Applied {
    if condition { Ok(()) } else { Err(otherwise.to_owned()) }
}
