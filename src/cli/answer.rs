//! `runbook answer`: a person's recorded decision about a run that waits for one.

use std::collections::BTreeMap;

use clap::Args;
use serde_json::Value;

use super::control;
use super::environment::Environment;
use super::exit::{Exit, USAGE};
use super::open::{self, Opened};
use crate::engine::state::UndoStanding;
use crate::model::event::{Event, SettledBy, Settlement};
use crate::model::question::Choice;
use crate::run::control::protocol::Request;
use crate::run::control::translate::Wish;

#[derive(Debug, Args)]
#[command(
    override_usage = "runbook answer [RUN] <STEP> <CHOICE> [--reason <WHY>] [--value <NAME=VALUE>]...",
    after_help = "Example: runbook answer 20260201 switch-traffic yes\nA run that waits goes on at once; one that has halted goes on with runbook resume."
)]
pub struct Answer {
    /// The run, or the beginning of its id, where it is not the only one; the step that the question is about; one of
    /// the words of the question, such as succeeded, failed, not-started, run-again, yes, no.
    #[arg(required = true, num_args = 2..=3, value_names = ["RUN", "STEP", "CHOICE"])]
    words: Vec<String>,
    /// Why; the note of an attestation.
    #[arg(long, value_name = "WHY", default_value = "", hide_default_value = true)]
    reason: String,
    /// A value of a manual step.
    #[arg(long = "value", value_name = "NAME=VALUE")]
    values: Vec<String>,
}

impl Answer {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let (choice, others) = self.words.split_last().ok_or_else(|| Exit::new(USAGE, "there is no answer"))?;
        let (run, step) = control::run_and_step(others);
        let (step, choice) = (step.to_owned(), choice.clone());
        let request = Request::Answer { step, choice, reason: self.reason.clone(), values: self.values()? };
        let store = open::store(environment)?;
        let folder = control::find(&store, run)?;
        if let Some(code) = control::ask(&store, &folder, &request)? {
            return Ok(code);
        }
        let taken = open::take(&store, folder, environment)?;
        match undone_by_hand(&taken.opened, &request, &environment.user())? {
            Some(wish) => control::append(taken, wish),
            None => control::write(taken, request, environment),
        }
    }

    fn values(&self) -> Result<BTreeMap<String, Value>, Exit> {
        let pairs = self.values.iter().map(|pair| {
            let (name, text) = pair.split_once('=').ok_or_else(|| {
                Exit::new(USAGE, format!("`--value {pair}` names no value")).help("type it as --value NAME=VALUE")
            })?;
            Ok((name.to_owned(), Value::from(text)))
        });
        pairs.collect()
    }
}

/// The answer to a rollback that is stuck: a person did by hand what the undo was to do, or gives it up.
fn undone_by_hand(opened: &Opened, request: &Request, by: &str) -> Result<Option<Wish>, Exit> {
    let Request::Answer { step, choice, reason, .. } = request else { return Ok(None) };
    let undo = opened.engine.fold(step).map(|fold| &fold.undo);
    let Some(undo) = undo.filter(|undo| undo.state == UndoStanding::Failed) else {
        return Ok(None);
    };
    let is_given_up = choice == Choice::Skip.as_str();
    if !is_given_up && choice != Choice::Succeeded.as_str() {
        let exit = Exit::new(USAGE, format!("`{choice}` does not answer that the undo failed"));
        return Err(exit.help(
            "type succeeded once it is undone by hand, or skip to leave it in place; runbook rollback tries it again",
        ));
    }
    if reason.trim().is_empty() {
        return Err(Exit::new(USAGE, "this answer needs a reason").help("add --reason \"what you did\""));
    }
    let said = format!("{step} {choice}");
    if is_given_up {
        let (step, by, reason) = (step.clone(), by.to_owned(), reason.clone());
        return Ok(Some(Wish { event: Some(Event::UndoAbandoned { step, by, reason }), end_now: false, said }));
    }
    let (step, reason) = (step.clone(), format!("{by}: {reason}"));
    let r#as = Settlement::Succeeded;
    let event = Event::UndoSettled { step, part: undo.part, r#as, by: SettledBy::Person, reason };
    Ok(Some(Wish { event: Some(event), end_now: false, said }))
}
