//! From the end of an attempt to its outcome: success criteria, `verify`, outputs.

use std::collections::BTreeMap;
use std::time::Duration;

use regex::Regex;
use serde_json::Value;

use super::session::Session;
use super::task::Task;
use crate::action::execute::{End, Ended, Executor};
use crate::engine::program::Kind;
use crate::expression::duration::written;
use crate::expression::{render_text, render_value, truth};
use crate::model::event::{Answer, Event, Moment, Outcome, SettledBy, Settlement};
use crate::model::question::Choice;
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::step::{Step, Success};
use crate::report::view::View;

/// The most that a record keeps of what a step gave, in bytes of JSON. Values are for later steps, and no store.
const RESULT_LIMIT: usize = 4 << 20;

/// How an attempt ended, with the reason where it did not succeed.
pub(super) type Concluded = (Outcome, Option<Failure>);

/// The event of an attempt that is proven never to have begun.
pub(super) fn settled_as_not_started(name: &str, attempt: u32, evidence: String) -> Event {
    let step = name.to_owned();
    Event::StepSettled { step, attempt, r#as: Settlement::NotStarted, by: SettledBy::Supervisor, reason: evidence }
}

/// The end of an attempt that nobody saw.
pub(super) fn nothing_known(evidence: String, may_run: bool) -> Ended {
    let end = End::Lost { may_run, evidence };
    Ended { end, result: StepResult::default(), output: None, duration: Duration::ZERO }
}

/// Whole milliseconds, as records have them.
pub(super) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl<H: Executor, V: View> Session<H, V> {
    /// The end of a forward attempt.
    pub(super) async fn conclude(&self, task: &Task, attempt: u32, step: &Step, ended: Ended) -> Event {
        let Ended { end, mut result, output, duration } = ended;
        let ticket = self.ticket(&task.step, attempt, None, step);
        self.keep_artifacts(task, step, &ticket).await;
        self.observed(task, attempt, step, Moment::After).await;
        let (mut outcome, mut failure) = self.judge(&task.step, step, &end, &result).await;
        // What is repeated is verified once, after its last round.
        if outcome == Outcome::Succeeded && step.repeat.is_none() {
            (outcome, failure) = self.verify(task, step).await;
        }
        if outcome == Outcome::Succeeded {
            match self.outputs(&task.step, step, &result).await {
                Ok(outputs) => result.outputs.extend(outputs),
                Err(error) => (outcome, failure) = (Outcome::Failed, Some(error)),
            }
        }
        if step.sensitive {
            let StepResult { exit_code, status, outputs, .. } = result;
            result = StepResult { exit_code, status, outputs, ..StepResult::default() };
        }
        if serde_json::to_vec(&result).map_or(usize::MAX, |bytes| bytes.len()) > RESULT_LIMIT {
            let StepResult { exit_code, status, .. } = result;
            result = StepResult { exit_code, status, truncated: true, ..StepResult::default() };
            let message = format!("what it gave is larger than {RESULT_LIMIT} bytes and is not kept; let it give less");
            let too_large = Failure::new(FailureKind::Expression, message);
            (outcome, failure) = (Outcome::Failed, failure.or(Some(too_large)));
        }
        let duration_ms = millis(duration);
        let step = task.step.clone();
        Event::AttemptFinished { step, attempt, outcome, failure, duration_ms, output, result }
    }

    /// The end of a step that a person carried out: their word, then `verify` and outputs as ever.
    pub(super) async fn conclude_person(&self, task: &Task, attempt: u32, step: &Step) -> Event {
        let Some(decided) = self.log.read(|engine| engine.state.decision.clone()) else {
            let evidence = "nobody answered".to_owned();
            return settled_as_not_started(&task.step, attempt, evidence);
        };
        let end = match decided.choice {
            Choice::Yes | Choice::Succeeded => End::Returned,
            _ => {
                let why = if decided.reason.is_empty() { "no reason given" } else { &decided.reason };
                End::Failed(Failure::new(FailureKind::NoGo, format!("{} said no: {why}", decided.by)))
            }
        };
        let result = StepResult { outputs: decided.values, ..StepResult::default() };
        let ended = Ended { end, result, output: None, duration: Duration::ZERO };
        self.conclude(task, attempt, step, ended).await
    }

    /// What the end of an action means by the action's own rules and by `success`.
    pub(super) async fn judge(&self, name: &str, step: &Step, end: &End, result: &StepResult) -> Concluded {
        let fail = |kind, message: String| (Outcome::Failed, Some(Failure::new(kind, message)));
        match end {
            // What is polled is as wanted once its condition holds; `success` does not apply.
            End::Returned if step.until.is_some() => (Outcome::Succeeded, None),
            End::Returned => match self.success(name, &step.success, result).await {
                Ok(()) => (Outcome::Succeeded, None),
                Err(failure) => (Outcome::Failed, Some(failure)),
            },
            End::Failed(failure) => (Outcome::Failed, Some(failure.clone())),
            End::Signaled(signal) => fail(FailureKind::Signal, format!("signal {signal} ended it")),
            End::Cancelled => fail(FailureKind::Cancelled, format!("{} ended it", self.who_ended(name))),
            End::TimedOut if step.action.is_by_person() => {
                let limit = step.limit().map_or_else(String::new, |limit| format!(" of {}", written(limit)));
                let failure = Failure::new(FailureKind::Timeout, format!("nobody answered within its timeout{limit}"));
                (Outcome::TimedOut, Some(failure))
            }
            End::TimedOut => {
                let limit = step.limit().map_or_else(String::new, |limit| format!(" of {limit:?}"));
                let what = step.until.as_ref().map_or_else(
                    || "it did not end".to_owned(),
                    |until| format!("`{}` did not come true", until.that.0),
                );
                let failure = Failure::new(FailureKind::Timeout, format!("{what} within its timeout{limit}"));
                (Outcome::TimedOut, Some(failure))
            }
            End::Lost { may_run, evidence } => {
                let outcome = if *may_run { Outcome::UnknownMayRun } else { Outcome::Unknown };
                (outcome, Some(Failure::new(FailureKind::Interrupted, evidence.clone())))
            }
            End::NotStarted { evidence } => fail(FailureKind::Interrupted, evidence.clone()),
        }
    }

    /// Who wanted an end of what was under way.
    fn who_ended(&self, name: &str) -> &'static str {
        self.log.read(|engine| {
            let (program, state) = (&engine.program, &engine.state);
            let block = program.index(name).and_then(|index| program.block_of(index));
            let around: Vec<_> = block.into_iter().flat_map(|block| program.above(block)).collect();
            let ends_with_list = |block: &usize| matches!(program.blocks[*block].kind, Kind::Background(_, true));
            match () {
                () if state.stopping => "the operator",
                () if state.is_going_back() => "the rollback",
                () if around.iter().any(|block| state.blocks[*block].limit_reached) => "the time limit of its group",
                () if around.iter().any(ends_with_list) => "the end of its list",
                () => "the operator",
            }
        })
    }

    async fn success(&self, name: &str, success: &Success, result: &StepResult) -> Result<(), Failure> {
        let said = match &success.message {
            Some(message) => {
                Some(self.log.values.evaluate(name, Some(result), |scope| render_text(&message.0, scope)).await)
            }
            None => None,
        };
        let fail = |kind, message: String| match &said {
            Some(Ok(said)) => Failure::new(kind, format!("{said} ({message})")),
            _ => Failure::new(kind, message),
        };
        if let Some(code) = result.exit_code {
            let counts = success.exit_codes.contains(&code) || (success.exit_codes.is_empty() && code == 0);
            if !counts {
                return Err(fail(FailureKind::Exit, format!("exit {code}")));
            }
        }
        let texts = [
            (&success.stdout, &result.stdout, true, "stdout"),
            (&success.stdout_not, &result.stdout, false, "stdout"),
            (&success.stderr, &result.stderr, true, "stderr"),
            (&success.stderr_not, &result.stderr, false, "stderr"),
        ];
        for (pattern, text, wanted, stream) in texts {
            let Some(pattern) = pattern else { continue };
            let regex = Regex::new(pattern).map_err(|error| fail(FailureKind::Success, error.to_string()))?;
            if regex.is_match(text.as_deref().unwrap_or_default()) != wanted {
                let verb = if wanted { "does not match" } else { "matches" };
                return Err(fail(FailureKind::Success, format!("{stream} {verb} `{pattern}`")));
            }
        }
        if let Some(that) = &success.that
            && !self.log.values.evaluate(name, Some(result), |scope| truth(&that.0, scope)).await?
        {
            return Err(fail(FailureKind::Success, format!("{} is false", that.0)));
        }
        Ok(())
    }

    /// Whether `verify` holds, with the failure where it does not.
    pub(super) async fn verify(&self, task: &Task, step: &Step) -> Concluded {
        let Some(verify) = &step.verify else { return (Outcome::Succeeded, None) };
        match self.probe(task, step, verify).await {
            (Answer::Holds, _) => (Outcome::Succeeded, None),
            (Answer::DoesNotHold | Answer::Unknown, detail) => {
                let kind = if task.is_cancelled() { FailureKind::Cancelled } else { FailureKind::Verify };
                let message = format!("it ran, but verify does not hold: {detail}");
                (Outcome::Failed, Some(Failure::new(kind, message)))
            }
        }
    }

    async fn outputs(&self, name: &str, step: &Step, result: &StepResult) -> Result<BTreeMap<String, Value>, Failure> {
        let mut outputs = BTreeMap::new();
        for (output, template) in &step.outputs {
            let value = self.log.values.evaluate(name, Some(result), |scope| render_value(template, scope)).await;
            let value = value
                .map_err(|failure| Failure { message: format!("output {output}: {}", failure.message), ..failure })?;
            outputs.insert(output.clone(), value);
        }
        Ok(outputs)
    }
}
