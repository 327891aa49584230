//! What is done about steps that hold others: the items of a loop, the rounds of a repeat, watches, limits, holds.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::clock;
use super::session::Session;
use super::task::{Done, Task};
use crate::action::execute::Executor;
use crate::expression::fits::fits;
use crate::expression::{render_text, render_value, truth};
use crate::journal::format::timestamp;
use crate::model::event::{Event, Item};
use crate::model::flow::{Items, Loop, Serial};
use crate::model::length::Length;
use crate::model::result::{Failure, FailureKind};
use crate::model::step::{Action, Step};
use crate::report::view::{Progress, View};

impl<H: Executor, V: View> Session<H, V> {
    /// Finds the items of a loop, or the parameters of an included runbook.
    pub(super) async fn enter(&self, task: &Task) -> Event {
        let name = task.step.as_str();
        let step = self.step(name);
        let failure = match self.false_when(name, &step).await {
            Ok(Some(expression)) => {
                let reason = format!("when: {} is false", expression.0);
                return Event::StepSkipped { step: name.to_owned(), reason };
            }
            Ok(None) => match self.entered(name, &step).await {
                Ok(event) => return event,
                Err(failure) => failure,
            },
            Err(failure) => failure,
        };
        Event::StepRefused { step: name.to_owned(), attempt: 1, failure }
    }

    async fn entered(&self, name: &str, step: &Step) -> Result<Event, Failure> {
        if let Some(each) = step.each.as_ref().filter(|_| self.is_loop(name)) {
            let values = self.items(name, each).await?;
            let serial = at_a_time(each.serial, values.len());
            let items = labelled(values)?;
            return Ok(Event::LoopStarted { step: name.to_owned(), items, serial });
        }
        let Action::Include(included) = &step.action else {
            return Err(Failure::new(FailureKind::Expression, "there is nothing to enter"));
        };
        let mut parameters = std::collections::BTreeMap::new();
        for (parameter, declared) in &included.parameters {
            let value = match (included.given.get(parameter), &declared.default) {
                (Some(given), _) => self.log.values.evaluate(name, None, |scope| render_value(given, scope)).await?,
                (None, Some(default)) => default.clone(),
                (None, None) => {
                    let message = format!("parameter {parameter} of {} is not given", included.path);
                    return Err(Failure::new(FailureKind::Expression, message));
                }
            };
            fits(declared, &value).map_err(|reason| {
                let message = format!("the parameter {parameter} of {} does not take this: {reason}", included.path);
                Failure::new(FailureKind::Expression, message)
            })?;
            parameters.insert(parameter.clone(), value);
        }
        Ok(Event::IncludeStarted { step: name.to_owned(), parameters })
    }

    /// Whether what is entered under that name is a loop that has no items yet. A loop over included runbooks is
    /// entered once as a loop, and under the names of its items as what they include.
    fn is_loop(&self, name: &str) -> bool {
        use crate::engine::program::Kind;
        self.log.read(|engine| engine.program.block(name, |kind| matches!(kind, Kind::Loop(_))).is_some())
    }

    async fn items(&self, name: &str, each: &Loop) -> Result<Vec<Value>, Failure> {
        match &each.items {
            Items::List(items) => {
                let mut values = Vec::new();
                for item in items {
                    values.push(self.log.values.evaluate(name, None, |scope| render_value(item, scope)).await?);
                }
                Ok(values)
            }
            Items::Template(template) => {
                let template = Value::from(template.0.clone());
                match self.log.values.evaluate(name, None, |scope| render_value(&template, scope)).await? {
                    Value::Array(values) => Ok(values),
                    other => {
                        let message = format!("for_each needs a list, and this is {other}");
                        Err(Failure::new(FailureKind::Expression, message))
                    }
                }
            }
            Items::Hosts(target) => {
                let message = format!("this version cannot go over the hosts of {target}");
                Err(Failure::new(FailureKind::Expression, message))
            }
        }
    }

    /// Asks whether what is repeated has come to its end; where it has not, waits before the next round.
    pub(super) async fn judge_round(&self, task: &Task, round: u32) -> Event {
        let name = task.step.clone();
        let step = self.step(&name);
        let (done, detail, mut failure) = match self.round_is_last(&name, &step).await {
            Ok((done, detail)) => (done, detail, None),
            Err(failure) => (false, failure.message.clone(), Some(failure)),
        };
        let repeat = step.repeat.as_ref();
        let is_last = done || repeat.is_some_and(|repeat| repeat.until.is_none() && repeat.max == Some(round));
        if is_last {
            failure = failure.or(self.verify(task, &step).await.1);
        } else if failure.is_none()
            && let Some(repeat) = repeat
        {
            self.log.show(&Progress::Waiting(format!("round {} of {name}: {detail}", round + 1)));
            match self.length(&name, &repeat.delay).await {
                Ok(delay) => clock::sleep(delay).await,
                Err(error) => failure = Some(error),
            }
        }
        Event::RoundFinished { step: name, round, done, detail, failure }
    }

    async fn round_is_last(&self, name: &str, step: &Step) -> Result<(bool, String), Failure> {
        let Some(until) = step.repeat.as_ref().and_then(|repeat| repeat.until.as_ref()) else {
            return Ok((false, String::new()));
        };
        let result = self.log.read(|engine| engine.fold(name).and_then(|fold| fold.result.clone()));
        let done = self.log.values.evaluate(name, result.as_ref(), |scope| truth(&until.0, scope)).await?;
        Ok((done, format!("{} is {done}", until.0)))
    }

    /// Says that a hold is held, and until when.
    pub(super) async fn held(&self, task: &Task) -> Event {
        let step = self.step(&task.step);
        let expires = step.hold.as_ref().and_then(|hold| hold.expires.clone());
        let expires = match expires {
            Some(length) => self.length(&task.step, &length).await.ok().and_then(|length| moment(clock::now(), length)),
            None => None,
        };
        Event::HoldTaken { step: task.step.clone(), expires }
    }

    /// Looks at something until it trips. Never comes back where it does not.
    pub(super) async fn watch(&self, task: &Task, watch: usize) -> Done<H::Prepared> {
        let step = self.step(&task.step);
        let Some(watched) = step.watches.get(watch) else { return Done::nothing() };
        let every = self.length(&task.step, &watched.every).await.unwrap_or(crate::model::step::DEFAULT_EVERY);
        loop {
            let seen = match self.look_once(task, &step, &watched.probe).await {
                Ok(result) => {
                    let scope = Some(&result);
                    self.log.values.evaluate(&task.step, scope, |scope| truth(&watched.trip_when.0, scope)).await
                }
                Err(failure) => Err(failure),
            };
            match seen {
                Ok(true) => {
                    let detail = format!("{} is true", watched.trip_when.0);
                    return Done::of(Event::WatchTripped { step: task.step.clone(), watch, detail });
                }
                Ok(false) => {}
                // What cannot be seen does not trip: it is shown, and looked at again.
                Err(failure) => {
                    let line = format!("its watch sees nothing: {}", failure.message);
                    self.log.show(&Progress::Output { step: task.step.clone(), line });
                }
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Waits until the time limit of a group, or of a step that waits for others, is over.
    pub(super) async fn limit(&self, task: &Task) -> Event {
        let name = task.step.clone();
        let step = self.step(&name);
        let limit = match &step.timeout {
            Some(length) => self.length(&name, length).await.ok(),
            None => None,
        };
        match limit {
            Some(limit) => clock::sleep(limit).await,
            None => std::future::pending().await,
        }
        let waits = self.log.read(|engine| engine.fold(&name).map(|fold| fold.attempts + 1));
        match waits.filter(|_| matches!(step.action, Action::Wait(_))) {
            Some(attempt) => {
                let message = format!("what it waits for did not end within {:?}", limit.unwrap_or_default());
                Event::StepRefused { step: name, attempt, failure: Failure::new(FailureKind::Timeout, message) }
            }
            None => Event::LimitReached { step: name },
        }
    }

    /// A length of time, as it is written out or as its template gives it.
    pub(super) async fn length(&self, name: &str, length: &Length) -> Result<Duration, Failure> {
        let template = match length {
            Length::Known(duration) => return Ok(*duration),
            Length::Template(template) => template,
        };
        let text = self.log.values.evaluate(name, None, |scope| render_text(&template.0, scope)).await?;
        crate::expression::duration::parse(&text)
            .map_err(|error| Failure::new(FailureKind::Expression, format!("`{text}`: {error}")))
    }
}

/// That long after a moment, as records have it.
fn moment(now: Timestamp, length: Duration) -> Option<String> {
    Some(timestamp(now.checked_add(jiff::SignedDuration::try_from(length).ok()?).ok()?))
}

fn at_a_time(serial: Serial, count: usize) -> u32 {
    match serial {
        Serial::Count(count) => count.max(1),
        Serial::Percent(share) => {
            let count = u64::try_from(count).unwrap_or(u64::MAX);
            u32::try_from(count.saturating_mul(u64::from(share)) / 100).unwrap_or(u32::MAX).max(1)
        }
    }
}

/// Items with what they are called: their text, else their `name`, else their number.
fn labelled(values: Vec<Value>) -> Result<Vec<Item>, Failure> {
    let mut items: Vec<Item> = Vec::with_capacity(values.len());
    for (at, value) in values.into_iter().enumerate() {
        let named = value.as_str().or_else(|| value.get("name").and_then(Value::as_str));
        let label = named.map_or_else(|| (at + 1).to_string(), ToOwned::to_owned);
        if items.iter().any(|item| item.label == label) {
            let message = format!("two items are called {label}, so their records could not be told apart");
            return Err(Failure::new(FailureKind::Expression, message));
        }
        items.push(Item { label, value });
    }
    Ok(items)
}
