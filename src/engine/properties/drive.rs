//! A scenario carried out against a world that knows what is true.

use std::collections::BTreeMap;

use super::promises::violations;
use super::{Bug, Scenario, Truth};
use serde_json::Value;

use crate::engine::program::{Kind, NodeUndo};
use crate::engine::state::describe;
use crate::engine::{Decision, Engine};
use crate::model::event::{Answer, Event, Intent, Item, Outcome, ResumeIntent, SettledBy, Settlement};
use crate::model::question::{Choice, Question};
use crate::model::result::{Failure, FailureKind, StepResult};

pub(super) struct Drive<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) bug: &'a Bug,
    pub(super) engine: Engine,
    pub(super) truth: Vec<Truth>,
    pub(super) records: Vec<Event>,
    pub(super) chances: std::slice::Iter<'a, u8>,
}

impl Drive<'_> {
    fn chance(&mut self, of: u8) -> u8 {
        self.chances.next().copied().unwrap_or(0) % of
    }

    fn append(&mut self, event: Event) -> Result<(), String> {
        self.engine.apply(&event, "").map_err(|illegal| illegal.to_string())?;
        (self.bug.after)(&mut self.engine, &event);
        self.truth.resize_with(self.engine.program.steps.len(), Truth::default);
        if let Event::AttemptStarted { step, .. } | Event::UndoStarted { step, .. } = &event {
            let index = self.index(step);
            (self.truth[index].begun_here, self.truth[index].cancelled) = (true, false);
        }
        self.records.push(event);
        Ok(())
    }

    /// Whoever takes the run up has only its records.
    fn replay(&self) -> Result<(), String> {
        let mut replayed = self.scenario.engine();
        for event in &self.records {
            replayed.apply(event, "").map_err(|illegal| format!("replay: {illegal}"))?;
            if !self.bug.live_only {
                (self.bug.after)(&mut replayed, event);
            }
        }
        if replayed.state != self.engine.state {
            return Err("replay differs from the live state".to_owned());
        }
        Ok(())
    }

    pub(super) fn index(&self, step: &str) -> usize {
        self.engine.program.index(step).expect("a step of the program")
    }

    /// One of the things that can be done now, by chance; nothing where only a person who is not there could.
    fn choose(&mut self) -> Result<Option<Event>, String> {
        let mut decisions: Vec<Decision> =
            self.engine.next().into_iter().map(|decision| (self.bug.decide)(&self.engine, decision)).collect();
        for decision in &decisions {
            if let Decision::Cancel { step } = decision {
                let index = self.index(step);
                if self.engine.program.steps[index].role == super::Role::Release {
                    return Err(format!("{step} is to be ended, which gives back what is held"));
                }
                self.truth[index].cancelled = true;
            }
        }
        decisions.retain(|decision| !matches!(decision, Decision::Cancel { .. }));
        if self.chance(32) == 31 && !self.engine.state.stopping && self.engine.state.ended.is_none() {
            return Ok(Some(Event::StopRequested { by: String::new(), reason: String::new() }));
        }
        // An eye that is kept open sees something at times.
        if self.chance(8) != 7 {
            let eyes = |decision: &Decision| {
                matches!(decision, Decision::Watch { .. } | Decision::Limit { .. } | Decision::Lapse { .. })
            };
            decisions.retain(|decision| !eyes(decision));
        }
        while !decisions.is_empty() {
            let chosen = usize::from(self.chance(u8::MAX)) % decisions.len();
            if let Some(event) = self.act(decisions.remove(chosen))? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    fn act(&mut self, decision: Decision) -> Result<Option<Event>, String> {
        let event = match decision {
            Decision::Enter { step } => self.enter(step),
            Decision::Judge { step, round } => {
                let (done, detail) = (self.chance(3) == 0, String::new());
                Event::RoundFinished { step, round, done, detail, failure: None }
            }
            Decision::Held { step } => Event::HoldTaken { step, expires: None },
            Decision::Watch { step, watch } => Event::WatchTripped { step, watch, detail: String::new() },
            Decision::Limit { step } => Event::LimitReached { step },
            Decision::Lapse { step } => self.lapse(step),
            Decision::Append(event) => event,
            Decision::Attempt { step, attempt, .. } => self.begin(step, attempt),
            Decision::Await { step, attempt } => self.finish(step, attempt)?,
            Decision::Recover { step, attempt } => self.recover(step, attempt),
            Decision::AskCheck { step } => self.check(step),
            Decision::Undo { step, part, attempt, .. } => {
                if self.chance(6) == 5 {
                    Event::UndoRefused { step, part, attempt, failure: failure(FailureKind::Connection) }
                } else {
                    let intent = if self.chance(3) == 2 { Intent::Person } else { Intent::Program };
                    Event::UndoStarted { step, part, attempt, intent }
                }
            }
            Decision::AwaitUndo { step, part, attempt } if self.by_person(&step) => {
                let choice = self.engine.state.decision.as_ref().map(|decided| decided.choice);
                let outcome = if choice == Some(Choice::Succeeded) { Outcome::Succeeded } else { Outcome::Failed };
                self.undo_ended(step, part, attempt, outcome)
            }
            Decision::AwaitUndo { step, part, attempt } => {
                if !self.truth[self.index(&step)].begun_here {
                    return Err(format!("an undo of {step} goes on without its intent"));
                }
                self.undo_finished(step, part, attempt)
            }
            Decision::RecoverUndo { step, part, attempt } => {
                let index = self.index(&step);
                self.truth[index].still_runs = self.chance(8) == 7;
                let outcome = if self.truth[index].still_runs { Outcome::UnknownMayRun } else { Outcome::Unknown };
                Event::UndoFinished { step, part, attempt, outcome, failure: None, duration_ms: 0, output: None }
            }
            Decision::Ask { step, question } => {
                let choices = question.choices().to_vec();
                let by_person = matches!(question, Question::Confirm | Question::Manual);
                let until = (by_person && self.chance(2) == 1).then(String::new);
                Event::QuestionAsked { step, question, text: String::new(), choices, until }
            }
            Decision::Answer => return Ok(self.answer()),
            Decision::Cancel { .. } | Decision::End(_) => return Ok(None),
        };
        Ok(Some(event))
    }

    /// Nobody answered in time.
    fn lapse(&mut self, step: String) -> Event {
        let index = self.index(&step);
        let fold = &self.engine.state.steps[index];
        if fold.undo.is_by_person() {
            let (part, attempt) = (fold.undo.part, fold.undo.attempts);
            return self.undo_ended(step, part, attempt, Outcome::TimedOut);
        }
        let (effect, attempt) = (!self.engine.program.steps[index].read_only, fold.attempts);
        self.truth[index].in_place |= effect && self.chance(2) == 1;
        finished(step, attempt, Outcome::TimedOut, Some(FailureKind::Timeout))
    }

    fn check(&mut self, step: String) -> Event {
        let honest = self.chance(4) > 0;
        let answer = match self.truth[self.index(&step)].in_place {
            _ if !honest => Answer::Unknown,
            true => Answer::Holds,
            false => Answer::DoesNotHold,
        };
        Event::CheckAnswered { step, answer, detail: String::new() }
    }

    fn enter(&mut self, step: String) -> Event {
        let reason = String::new();
        match (self.chance(8), self.engine.program.block(&step, |kind| matches!(kind, Kind::Loop(_)))) {
            (6, _) => Event::StepSkipped { step, reason },
            (7, _) => Event::StepRefused { step, attempt: 1, failure: failure(FailureKind::Expression) },
            (_, None) => Event::IncludeStarted { step, parameters: BTreeMap::new() },
            (_, Some(_)) => {
                let items = (0..self.chance(4)).map(|item| Item { label: format!("i{item}"), value: Value::Null });
                let items = items.collect();
                Event::LoopStarted { step, items, serial: 1 + u32::from(self.chance(2)) }
            }
        }
    }

    fn begin(&mut self, step: String, attempt: u32) -> Event {
        let index = self.index(&step);
        let fold = self.engine.state.steps[index].clone();
        let node = self.engine.program.steps[index].clone();
        if node.has_check && (self.truth[index].in_place || self.truth[index].was_there_before) {
            let reason = String::new();
            return if fold.maybe_in_place {
                Event::StepSettled { step, attempt, r#as: Settlement::Succeeded, by: SettledBy::Check, reason }
            } else {
                Event::StepInPlace { step, reason }
            };
        }
        match self.chance(8) {
            6 if fold.attempts == 0 => Event::StepSkipped { step, reason: String::new() },
            7 => {
                let by_server = self.engine.program.steps[index].atomic && self.chance(2) == 1;
                let goes_on = fold.has_failed() && fold.attempts > 0 && !node.by_person && self.chance(2) == 1;
                let kind = match (goes_on, by_server) {
                    (true, _) => FailureKind::LeftBehind,
                    (false, true) => FailureKind::Sql,
                    (false, false) => FailureKind::Precondition,
                };
                self.truth[index].still_runs |= goes_on;
                Event::StepRefused { step, attempt, failure: failure(kind) }
            }
            _ => {
                let intent = if node.by_person { Intent::Person } else { Intent::Program };
                Event::AttemptStarted { step, attempt, intent }
            }
        }
    }

    fn finish(&mut self, step: String, attempt: u32) -> Result<Event, String> {
        let index = self.index(&step);
        let node = self.engine.program.steps[index].clone();
        if node.by_person {
            let choice = self.engine.state.decision.as_ref().map(|decided| decided.choice);
            let yes = choice == Some(Choice::Yes) || choice == Some(Choice::Succeeded);
            self.truth[index].in_place = !node.read_only && (yes || self.chance(2) == 1);
            let outcome = if yes { Outcome::Succeeded } else { Outcome::Failed };
            return Ok(finished(step, attempt, outcome, None));
        }
        if !self.truth[index].begun_here {
            return Err(format!("{step} goes on without its intent"));
        }
        Ok(self.attempt_ended(step, attempt))
    }

    fn attempt_ended(&mut self, step: String, attempt: u32) -> Event {
        let index = self.index(&step);
        if std::mem::take(&mut self.truth[index].cancelled) && self.chance(4) > 0 {
            self.truth[index].in_place |= !self.engine.program.steps[index].read_only && self.chance(2) == 1;
            return finished(step, attempt, Outcome::Failed, Some(FailureKind::Cancelled));
        }
        let node = self.engine.program.steps[index].clone();
        let (outcome, kind, effect) = match self.chance(8) {
            0..=4 => (Outcome::Succeeded, None, true),
            5 if node.atomic => (Outcome::Failed, Some(FailureKind::Sql), false),
            5 => (Outcome::Failed, Some(FailureKind::Exit), self.chance(2) == 1),
            6 => (Outcome::TimedOut, Some(FailureKind::Timeout), self.chance(2) == 1),
            _ => (Outcome::Failed, Some(FailureKind::Verify), true),
        };
        self.truth[index].in_place |= effect && !node.read_only;
        finished(step, attempt, outcome, kind)
    }

    fn recover(&mut self, step: String, attempt: u32) -> Event {
        let index = self.index(&step);
        let before = self.truth[index].in_place;
        // Looked for once more, it may be proven over, but not never to have begun where it had its effect.
        let had_effect = before && !self.engine.state.steps[index].was_in_place;
        self.truth[index].still_runs = false;
        match self.chance(4) {
            0 if !had_effect => {
                let r#as = Settlement::NotStarted;
                Event::StepSettled { step, attempt, r#as, by: SettledBy::Supervisor, reason: String::new() }
            }
            // What was committed was not refused by the server.
            1 if had_effect && self.engine.program.steps[index].atomic => {
                finished(step, attempt, Outcome::Succeeded, None)
            }
            1 => self.attempt_ended(step, attempt),
            chance => {
                self.truth[index].in_place =
                    before || (self.chance(2) == 1 && !self.engine.program.steps[index].read_only);
                self.truth[index].still_runs = chance == 3;
                let outcome = if chance == 3 { Outcome::UnknownMayRun } else { Outcome::Unknown };
                finished(step, attempt, outcome, None)
            }
        }
    }

    fn undo_finished(&mut self, step: String, part: usize, attempt: u32) -> Event {
        let outcome = if self.chance(8) == 7 { Outcome::Failed } else { Outcome::Succeeded };
        self.undo_ended(step, part, attempt, outcome)
    }

    fn undo_ended(&mut self, step: String, part: usize, attempt: u32, outcome: Outcome) -> Event {
        let index = self.index(&step);
        if outcome == Outcome::Succeeded {
            self.truth[index].undone_parts = part + 1;
            if part + 1 == self.parts(index) {
                self.truth[index].in_place = false;
            }
        }
        Event::UndoFinished { step, part, attempt, outcome, failure: None, duration_ms: 0, output: None }
    }

    fn by_person(&self, step: &str) -> bool {
        self.engine.state.steps[self.index(step)].undo.is_by_person()
    }

    fn parts(&self, index: usize) -> usize {
        match &self.engine.program.steps[index].undo {
            NodeUndo::Parts(parts) => parts.len(),
            _ => 0,
        }
    }

    /// A person answers, truthfully where it is about what happened; or nobody is there.
    fn answer(&mut self) -> Option<Event> {
        let open = self.engine.state.question.clone()?;
        if self.chance(6) == 5 {
            return None;
        }
        let index = self.engine.program.index(&open.step).unwrap_or_default();
        let choice = match open.question {
            Question::Unknown => {
                self.truth[index].still_runs = false;
                match (self.truth[index].in_place, self.chance(3)) {
                    (_, 0) => Choice::RunAgain,
                    (true, _) => Choice::Succeeded,
                    (false, _) => Choice::Failed,
                }
            }
            Question::UndoUnknown => {
                self.truth[index].still_runs = false;
                Choice::RunAgain
            }
            _ => {
                let chance = usize::from(self.chance(4)) % open.choices.len();
                open.choices[chance]
            }
        };
        let values = BTreeMap::new();
        Some(Event::DecisionMade { step: open.step, choice, by: String::new(), reason: String::new(), values })
    }
}

pub(super) fn failure(kind: FailureKind) -> Failure {
    Failure::new(kind, "chance")
}

fn finished(step: String, attempt: u32, outcome: Outcome, kind: Option<FailureKind>) -> Event {
    let failure = kind.map(failure);
    let result = StepResult::default();
    Event::AttemptFinished { step, attempt, outcome, failure, duration_ms: 0, output: None, result }
}

/// Runs a scenario to its end and holds it against the promises.
pub(super) fn run(scenario: &Scenario, bug: &Bug) -> Result<(), String> {
    let mut drive = Drive {
        scenario,
        bug,
        engine: scenario.engine(),
        truth: Vec::new(),
        records: Vec::new(),
        chances: scenario.chances.iter(),
    };
    drive.truth.resize_with(drive.engine.program.steps.len(), Truth::default);
    drive.go().map_err(|broken| format!("{broken}, after:\n{}", drive.story()))
}

impl Drive<'_> {
    /// The last records and what would follow, for whoever looks for the cause of a broken promise.
    fn story(&self) -> String {
        let mut lines: Vec<String> = self.records.iter().map(describe).collect();
        lines.dedup();
        let from = lines.len().saturating_sub(60);
        format!("  {}\n  next: {:?}\n", lines[from..].join("\n  "), self.engine.next())
    }

    fn go(&mut self) -> Result<(), String> {
        let scenario = self.scenario;
        let drive = self;
        for index in 0..drive.truth.len() {
            drive.truth[index].was_there_before = drive.chance(8) == 7;
        }
        drive.append(Event::RunStarted {
            format: 1,
            program: String::new(),
            runbook: String::new(),
            digest: String::new(),
            parameters: BTreeMap::new(),
            previous: None,
        })?;
        let mut turns = scenario.crashes.iter().copied().map(usize::from).chain(std::iter::repeat(usize::MAX));
        for turn in 0..200_u8 {
            let mut left = turns.next().unwrap_or(usize::MAX);
            if turn > 0 {
                if drive.engine.state.is_over() {
                    break;
                }
                drive.truth.iter_mut().for_each(|truth| truth.begun_here = false);
                let back = scenario.rollback_at == Some(turn);
                let intent = if back { ResumeIntent::Rollback } else { ResumeIntent::Continue };
                drive.append(Event::RunResumed { program: String::new(), intent })?;
                if back && !drive.engine.state.is_going_back() {
                    drive.append(Event::RollbackStarted { reason: "asked for".to_owned(), to: None })?;
                }
            }
            for steps in 0.. {
                if steps > 2_000 {
                    return Err("the run does not end".to_owned());
                }
                let Some(event) = drive.choose()? else { break };
                drive.append(event)?;
                left -= 1;
                if left == 0 {
                    break;
                }
            }
            drive.replay()?;
        }
        violations(drive)
    }
}
