//! Questions to a person: their text with its evidence, and their answers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::clock;
use super::consequence::with_answers;
use super::lapse::is_late;
use super::session::Session;
use super::undo::{Part, own_part};
use crate::action::execute::Executor;
use crate::expression::duration::written as written_length;
use crate::expression::{evaluate, render_text};
use crate::model::event::Event;
use crate::model::parts::written;
use crate::model::question::{Choice, OpenQuestion, Question};
use crate::model::runbook::{ParameterType, Runbook};
use crate::model::step::{Action, ManualAction, Step};
use crate::report::view::{Prompt, View};

impl<H: Executor, V: View> Session<H, V> {
    /// Puts a question.
    pub(super) async fn question(&self, name: &str, question: Question) -> Event {
        let step = self.asked_about(name).await;
        let mut text = match question {
            Question::Confirm | Question::Manual => self.asked_by(name, &step).await,
            Question::Unknown => self.unknown(name).await,
            Question::UndoUnknown => self.undo_unknown(name).await,
            Question::Failure => self.failed(name).await,
            Question::Canary => self.canary(name),
            Question::Watch => self.tripped(name),
        };
        if question != Question::UndoUnknown
            && let Some(until) = self.answer_in_time(name)
        {
            text = format!("{text}\n{until}");
        }
        let by_person = matches!(question, Question::Confirm | Question::Manual);
        let until = self.answer_until(&step).filter(|_| by_person).map(|(until, line)| {
            text = format!("{text}\n{line}");
            until
        });
        for held in self.held_meanwhile() {
            text = format!("{text}\n{held}");
        }
        let choices = question.choices().to_vec();
        Event::QuestionAsked { step: name.to_owned(), question, text, choices, until }
    }

    /// What a question is about: the part of an undo that a person is to carry out, else the step itself.
    async fn asked_about(&self, name: &str) -> Arc<Step> {
        let undo = self.log.read(|engine| engine.fold(name).map(|fold| fold.undo.clone())).unwrap_or_default();
        match self.part(name, undo.part) {
            Part::Own(step) if undo.is_by_person() => Arc::new(*step),
            _ => self.timed(name).await.unwrap_or_else(|_| self.step(name)),
        }
    }

    /// What stays held while a question is open, and when it lets go by itself.
    fn held_meanwhile(&self) -> Vec<String> {
        let (now, here) = (clock::now(), clock::local());
        self.log.read(|engine| {
            let blocks = engine.program.blocks.iter().zip(&engine.state.blocks).filter(|(_, fold)| fold.held);
            let said = blocks.map(|(block, fold)| {
                let expires = fold.expires.as_ref().and_then(|at| at.parse::<Timestamp>().ok());
                let Some(expires) = expires else { return format!("{} is held meanwhile", block.name) };
                let apart = Duration::from_secs(expires.duration_since(now).unsigned_abs().as_secs());
                let at = expires.to_zoned(here.time_zone().clone()).strftime("%H:%M:%S");
                if expires > now {
                    format!(
                        "{} is held meanwhile; it lets go by itself at {at}, in {}",
                        block.name,
                        written_length(apart)
                    )
                } else {
                    format!("{} has let go by itself at {at}, {} ago", block.name, written_length(apart))
                }
            });
            said.collect()
        })
    }

    async fn asked_by(&self, name: &str, step: &Step) -> String {
        let (template, show) = match &step.action {
            Action::Confirm(confirm) => (&confirm.message, confirm.show.as_slice()),
            Action::Manual(manual) => (&manual.instructions, [].as_slice()),
            _ => return String::new(),
        };
        let text = self.log.values.evaluate(name, None, |scope| render_text(&template.0, scope)).await;
        let mut lines = vec![text.unwrap_or_else(|failure| format!("{} ({})", template.0, failure.message))];
        for expression in show {
            let value = self.log.values.evaluate(name, None, |scope| evaluate(&expression.0, scope)).await;
            let value = value.map_or_else(|failure| failure.message, |value| evidence(&value));
            lines.push(format!("{} = {value}", expression.0));
        }
        if let Action::Manual(manual) = &step.action
            && !manual.inputs.is_empty()
        {
            let inputs = manual.inputs.iter().map(|(name, kind)| format!("{name} ({})", kind.as_str()));
            lines.push(format!("To be entered afterwards: {}", inputs.collect::<Vec<_>>().join(", ")));
        }
        lines.join("\n")
    }

    fn canary(&self, name: &str) -> String {
        use crate::engine::program::Kind;
        self.log.read(|engine| {
            let block = engine.program.block(name, |kind| matches!(kind, Kind::Loop(_)));
            let count = block.map_or(0, |block| match &engine.program.blocks[block].kind {
                Kind::Loop(each) => each.batches.iter().map(|batch| batch.1.len()).sum(),
                _ => 0,
            });
            format!("The first of the {count} items of {name} are done. Do the others follow?")
        })
    }

    fn tripped(&self, name: &str) -> String {
        self.log.read(|engine| {
            let folds = engine.program.blocks_named(name).iter().map(|block| &engine.state.blocks[*block]);
            let seen: Vec<&str> = folds.flat_map(|fold| fold.tripped.values()).map(String::as_str).collect();
            format!("What {name} is watched for has come about: {}. Does it go on?", seen.join("; "))
        })
    }

    /// Waits for the answer to the open question. `None` where nobody can give one.
    pub(super) async fn answer(&self) -> Option<Event> {
        let open = self.log.read(|engine| engine.state.question.clone())?;
        if is_late(&open, clock::now()) {
            return None;
        }
        let by = self.person.name.clone();
        if open.question == Question::Confirm && self.person.yes {
            let (step, choice, reason) = (open.step, Choice::Yes, "--yes".to_owned());
            return Some(Event::DecisionMade { step, choice, by, reason, values: BTreeMap::new() });
        }
        let (choice, reason) = self.choose(&open).await?;
        let values = match manual(&self.runbook, &open) {
            Some(manual) if choice == Choice::Succeeded => self.values(&manual.inputs).await?,
            _ => BTreeMap::new(),
        };
        Some(Event::DecisionMade { step: open.step, choice, by, reason, values })
    }

    async fn choose(&self, open: &OpenQuestion) -> Option<(Choice, String)> {
        if !self.person.is_there() {
            return None;
        }
        let _turn = self.person.turn().await;
        let shown = self.log.read(|engine| with_answers(engine, open));
        self.log.view(|view| view.question(&shown));
        self.person.forget_typed();
        let choice = loop {
            self.log.view(|view| view.prompt(&Prompt::Choice(&open.choices)));
            let line = self.line().await?;
            match open.choices.iter().find(|choice| is_meant(**choice, line.trim())) {
                Some(choice) => break *choice,
                None => self.log.view(|view| view.not_understood("type one of the words")),
            }
        };
        let evidence = manual(&self.runbook, open).is_some_and(|manual| manual.evidence_required);
        let required = open.question.needs_reason(choice, evidence);
        if !required && matches!(choice, Choice::Yes | Choice::Retry | Choice::Rollback | Choice::Stop) {
            return Some((choice, String::new()));
        }
        loop {
            self.log.view(|view| view.prompt(&Prompt::Reason { required }));
            let reason = self.line().await?.trim().to_owned();
            if !required || !reason.is_empty() {
                return Some((choice, reason));
            }
            self.log.view(|view| view.not_understood("a reason is needed"));
        }
    }

    async fn line(&self) -> Option<String> {
        let line = self.person.line(&self.stop).await?;
        self.log.view(View::typed);
        Some(line)
    }

    async fn values(&self, inputs: &BTreeMap<String, ParameterType>) -> Option<BTreeMap<String, Value>> {
        let mut values = BTreeMap::new();
        for (name, kind) in inputs {
            let value = loop {
                self.log.view(|view| view.prompt(&Prompt::Value { name, kind: *kind }));
                let line = self.line().await?;
                match typed(*kind, line.trim()) {
                    Ok(value) => break value,
                    Err(why) => self.log.view(|view| view.not_understood(&why)),
                }
            };
            values.insert(name.clone(), value);
        }
        Some(values)
    }
}

/// What a person has to do and to enter where a question is about a `manual` step, or about such a part of an undo.
#[must_use]
pub fn manual<'r>(runbook: &'r Runbook, open: &OpenQuestion) -> Option<&'r ManualAction> {
    if open.question != Question::Manual {
        return None;
    }
    let step = runbook.steps_by_name().remove(written(&open.step))?;
    let step = open.undo.map_or(Some(step), |part| own_part(step, part))?;
    match &step.action {
        Action::Manual(manual) => Some(manual),
        _ => None,
    }
}

/// A value as a person reads it: lists and mappings as YAML below their name.
fn evidence(value: &Value) -> String {
    match value {
        Value::Array(_) | Value::Object(_) => match serde_yaml::to_string(value) {
            Ok(text) => text.lines().fold(String::new(), |block, line| block + "\n  " + line),
            Err(_) => value.to_string(),
        },
        _ => value.to_string(),
    }
}

fn is_meant(choice: Choice, line: &str) -> bool {
    line.eq_ignore_ascii_case(choice.as_str())
        || match choice {
            Choice::Yes => line.eq_ignore_ascii_case("y"),
            Choice::No => line.eq_ignore_ascii_case("n"),
            _ => false,
        }
}

/// A typed value of what somebody entered.
///
/// # Errors
///
/// Says what was wanted.
pub fn typed(kind: ParameterType, text: &str) -> Result<Value, String> {
    match kind {
        ParameterType::String | ParameterType::Duration => Ok(Value::from(text)),
        ParameterType::Integer => {
            text.parse::<i64>().map(Value::from).map_err(|_| format!("`{text}` is not a whole number"))
        }
        ParameterType::Number => text
            .parse::<f64>()
            .ok()
            .and_then(serde_json::Number::from_f64)
            .map(Value::Number)
            .ok_or_else(|| format!("`{text}` is not a number")),
        ParameterType::Boolean => text.parse::<bool>().map(Value::from).map_err(|_| "type true or false".to_owned()),
        ParameterType::List => Ok(text.split(',').map(|item| Value::from(item.trim())).collect()),
    }
}
