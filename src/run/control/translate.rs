//! From what somebody wants of a run to the event that says so, or to what stands against it. The same for a run that
//! goes on and for one that has halted. Whether the event may come now is the engine's word; what is told here is
//! meant for people.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::pending::{is_skipped, is_stopping};
use super::protocol::{Refusal, Request, Response};
use crate::model::event::Event;
use crate::model::question::{Choice, OpenQuestion};
use crate::model::runbook::{ParameterType, Runbook};
use crate::model::status::{RunState, Status, StepState};
use crate::model::step::ManualAction;
use crate::run::lapse::is_late;
use crate::run::question::{manual, typed};

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// To be recorded; `None` where it is so already.
    pub event: Option<Event>,
    /// The running step is to be ended.
    pub end_now: bool,
    /// What that means, for who asked.
    pub said: String,
}

/// A run as a request finds it.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// What it executes.
    pub runbook: &'a Runbook,
    /// Where it stands.
    pub status: &'a Status,
    /// When it does.
    pub now: Timestamp,
}

/// What a request asks for, by whom.
///
/// # Errors
///
/// What stands against it, and what is possible instead.
pub fn translate(request: Request, at: Standing<'_>, by: &str) -> Result<Wish, Response> {
    let by = by.to_owned();
    match request {
        Request::Pause { reason } => at.stop(by, reason, false),
        Request::Abort { reason } => at.stop(by, reason, true),
        Request::Skip { step, reason } => at.skip(step, by, reason),
        Request::Retry { step, reason } => at.retry(step, by, reason),
        Request::Answer { step, choice, reason, values } => at.answer(step, &choice, by, reason, values),
        Request::Withdraw { step } => at.withdraw(step, by),
        Request::Status => Ok(Wish { event: None, end_now: false, said: String::new() }),
    }
}

impl<'a> Standing<'a> {
    fn stop(self, by: String, reason: String, end_now: bool) -> Result<Wish, Response> {
        let run = &self.status.run;
        if !matches!(self.status.state, RunState::Running | RunState::RollingBack | RunState::Blocked) {
            return Err(refused("the run is at its end already", format!("look at it with: runbook status {run}")));
        }
        if is_stopping(&self.status.pending) && !end_now {
            let said = format!("it stops after the running step already; runbook abort {run} ends that step");
            return Ok(Wish { event: None, end_now, said });
        }
        let said = if end_now {
            format!("the running step is ended, and the run stops; go on with: runbook resume {run}")
        } else {
            format!("it stops after the running step; take that back with: runbook pause {run} --cancel")
        };
        Ok(Wish { event: Some(Event::StopRequested { by, reason: or_asked(reason) }), end_now, said })
    }

    fn skip(self, step: String, by: String, reason: String) -> Result<Wish, Response> {
        let run = &self.status.run;
        let state = self.state(&step)?;
        if reason.trim().is_empty() {
            return Err(invalid("to leave a step out needs a reason", "add --reason \"WHY\""));
        }
        if self.asks(&step).is_some_and(|open| open.choices.contains(&Choice::Skip)) {
            return self.answer(step, Choice::Skip.as_str(), by, reason, BTreeMap::new());
        }
        let (event, said) = match state {
            StepState::Pending if is_skipped(&self.status.pending, &step) => {
                (None, format!("{step} is to be left out already"))
            }
            StepState::Pending => {
                let said = format!(
                    "{step} is left out once it is its turn; take that back with: runbook skip {run} {step} --cancel"
                );
                (Some(Event::SkipRequested { step, by, reason }), said)
            }
            StepState::UndoFailed => {
                let said = format!("the undo of {step} is left as it is, and what it was to undo stays in place");
                (Some(Event::UndoAbandoned { step, by, reason }), said)
            }
            StepState::Started => {
                let help = format!("runbook abort {run} ends it");
                return Err(refused(format!("{step} is running, so it is too late to leave it out"), help));
            }
            other => {
                let message = format!("{step} is {}, so there is nothing to leave out", word(other));
                return Err(refused(message, self.help()));
            }
        };
        Ok(Wish { event, end_now: false, said })
    }

    fn retry(self, step: String, by: String, reason: String) -> Result<Wish, Response> {
        let run = &self.status.run;
        let state = self.state(&step)?;
        if self.asks(&step).is_some_and(|open| open.choices.contains(&Choice::Retry)) {
            return self.answer(step, Choice::Retry.as_str(), by, reason, BTreeMap::new());
        }
        let help = match state {
            StepState::Failed | StepState::TimedOut if !self.is_going() => {
                format!("runbook resume {run} tries it again, and goes on")
            }
            StepState::UndoFailed => format!("runbook rollback {run} tries its undo again"),
            _ => self.help(),
        };
        Err(refused(format!("nothing asks whether {step} is to be tried again: it is {}", word(state)), help))
    }

    fn answer(
        self,
        step: String,
        choice: &str,
        by: String,
        reason: String,
        values: BTreeMap<String, Value>,
    ) -> Result<Wish, Response> {
        let Some(open) = self.asks(&step) else {
            return Err(refused(format!("{} does not ask about {step}", self.status.run), self.help()));
        };
        if is_late(open, self.now) {
            let message = format!("the time to answer about {step} is over");
            return Err(refused(message, format!("runbook resume {} ends it as timed out", self.status.run)));
        }
        let Some(choice) = open.choices.iter().copied().find(|known| known.as_str() == choice) else {
            let words: Vec<&str> = open.choices.iter().map(|choice| choice.as_str()).collect();
            let message = format!("`{choice}` does not answer that question");
            return Err(invalid(message, format!("type one of: {}", words.join(", "))));
        };
        let manual = manual(self.runbook, open);
        let evidence = manual.is_some_and(|manual| manual.evidence_required);
        if open.question.needs_reason(choice, evidence) && reason.trim().is_empty() {
            return Err(invalid("this answer needs a reason", "add --reason \"what you saw\""));
        }
        let values = entered(manual.filter(|_| choice == Choice::Succeeded), &step, values)?;
        let said = format!("{step} {}", choice.as_str());
        Ok(Wish { event: Some(Event::DecisionMade { step, choice, by, reason, values }), end_now: false, said })
    }

    fn withdraw(self, step: Option<String>, by: String) -> Result<Wish, Response> {
        let pending = &self.status.pending;
        let (is_asked, what) = match &step {
            None => (is_stopping(pending), "the wish to stop".to_owned()),
            Some(step) => (is_skipped(pending, step), format!("the wish to leave {step} out")),
        };
        if !is_asked {
            let message = format!("{what} cannot be taken back: nobody asked for it, or it came about already");
            return Err(refused(message, self.help()));
        }
        let event = Some(Event::RequestWithdrawn { step, by });
        Ok(Wish { event, end_now: false, said: format!("{what} is taken back") })
    }

    fn state(self, step: &str) -> Result<StepState, Response> {
        let known = self.status.steps.iter().find(|known| known.id == step);
        known.map(|known| known.state).ok_or_else(|| {
            let help = format!("runbook status {} shows its steps", self.status.run);
            invalid(format!("the run has no step {step}"), help)
        })
    }

    fn asks(self, step: &str) -> Option<&'a OpenQuestion> {
        self.status.question.as_ref().filter(|open| open.step == step)
    }

    const fn is_going(self) -> bool {
        matches!(self.status.state, RunState::Running | RunState::RollingBack)
    }

    /// What is possible now.
    fn help(self) -> String {
        let run = &self.status.run;
        match (&self.status.question, self.status.state) {
            (Some(open), _) => format!("it asks about {}; runbook status {run} shows the question", open.step),
            (None, RunState::Running | RunState::RollingBack) => {
                format!("it asks nothing now; runbook watch {run} shows what it does")
            }
            (None, RunState::Failed | RunState::Stopped) => {
                format!("it asks nothing now; runbook resume {run} goes on with it")
            }
            (None, _) => format!("it asks nothing now; runbook status {run} shows where it stands"),
        }
    }
}

/// The values of a manual step by their types. What was typed is a text.
fn entered(
    manual: Option<&ManualAction>,
    step: &str,
    values: BTreeMap<String, Value>,
) -> Result<BTreeMap<String, Value>, Response> {
    let mut entered = BTreeMap::new();
    for (name, value) in values {
        let Some(kind) = manual.and_then(|manual| manual.inputs.get(&name)) else {
            return Err(invalid(format!("`{name}` is not an input of {step}"), format!("leave {name} out")));
        };
        let value = match value {
            Value::String(text) => typed(*kind, &text),
            value if is_of(*kind, &value) => Ok(value),
            value => Err(format!("`{value}` is not of the type {}", kind.as_str())),
        };
        let value = value.map_err(|why| invalid(format!("{name}: {why}"), format!("add --value {name}=…")))?;
        entered.insert(name, value);
    }
    match manual.and_then(|manual| manual.inputs.keys().find(|name| !entered.contains_key(*name))) {
        Some(name) => Err(invalid(format!("the step needs a value for {name}"), format!("add --value {name}=…"))),
        None => Ok(entered),
    }
}

fn is_of(kind: ParameterType, value: &Value) -> bool {
    match kind {
        ParameterType::String | ParameterType::Duration => false,
        ParameterType::Integer => value.is_i64(),
        ParameterType::Number => value.is_number(),
        ParameterType::Boolean => value.is_boolean(),
        ParameterType::List => value.is_array(),
    }
}

fn or_asked(reason: String) -> String {
    if reason.trim().is_empty() { "asked for from another terminal".to_owned() } else { reason }
}

fn word(state: StepState) -> String {
    state.as_str().replace('_', " ")
}

/// It is not possible now.
fn refused(message: impl Into<String>, help: impl Into<String>) -> Response {
    Response::Refused(Refusal::new(message, help))
}

/// It is not a whole request.
fn invalid(message: impl Into<String>, help: impl Into<String>) -> Response {
    Response::Invalid(Refusal::new(message, help))
}
