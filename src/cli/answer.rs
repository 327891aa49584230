//! `runbook answer`: a person's recorded decision about a run that waits for one.

use std::collections::BTreeMap;

use clap::Args;

use super::environment::Environment;
use super::exit::{Exit, USAGE};
use super::open::{self, Opened, Taken};
use crate::engine::Engine;
use crate::engine::state::UndoStanding;
use crate::journal::file::Journal;
use crate::model::event::{Event, SettledBy, Settlement};
use crate::model::question::{Choice, OpenQuestion};
use crate::model::runbook::Runbook;
use crate::model::step::Action;
use crate::report::terminal;
use crate::run::clock;
use crate::run::question::typed;

#[derive(Debug, Args)]
#[command(after_help = "Example: runbook answer 20260201 switch-traffic yes\nThen runbook resume goes on with it.")]
pub struct Answer {
    /// The run, or the beginning of its id.
    run: String,
    /// The step that the question is about.
    step: String,
    /// One of the words of the question, such as succeeded, failed, not-started, run-again, yes, no.
    choice: String,
    /// Why; the note of an attestation.
    #[arg(long, default_value = "")]
    reason: String,
    /// A value of a manual step.
    #[arg(long = "value", value_name = "NAME=VALUE")]
    values: Vec<String>,
}

impl Answer {
    pub fn run(self, environment: &Environment) -> Result<u8, Exit> {
        let store = open::store(environment)?;
        let taken = open::take(&store, open::find(&store, Some(&self.run))?, environment)?;
        let Taken { opened, mut journal, lock: _held } = taken;
        let Opened { folder, runbook, mut engine, .. } = opened;
        let by = environment.user();
        if let Some(event) = self.undone_by_hand(&engine, &by)? {
            return self.record(&mut engine, &mut journal, event, Choice::Succeeded, &folder.id);
        }
        let Some(open) = engine.state.question.clone().filter(|open| open.step == self.step) else {
            let exit = Exit::new(USAGE, format!("{} does not ask about {}", folder.id, self.step));
            return Err(exit.help(match &engine.state.question {
                Some(open) => format!("it asks about {}; runbook status {} shows the question", open.step, folder.id),
                None => format!("it asks nothing now; runbook resume {} goes on with it", folder.id),
            }));
        };
        let choice = self.choice(&open)?;
        let values = self.values(&runbook, &open, choice)?;
        let (step, reason) = (open.step, self.reason.clone());
        let event = Event::DecisionMade { step, choice, by, reason, values };
        self.record(&mut engine, &mut journal, event, choice, &folder.id)
    }

    fn record(
        &self,
        engine: &mut Engine,
        journal: &mut Journal,
        event: Event,
        choice: Choice,
        run: &str,
    ) -> Result<u8, Exit> {
        engine.apply(&event, "").map_err(|error| Exit::of(USAGE, &error))?;
        journal.append(clock::now(), event)?;
        terminal::out(&format!("Recorded: {} {}. Next: runbook resume {run}\n", self.step, choice.as_str()));
        Ok(0)
    }

    /// The answer to a rollback that is stuck: a person did by hand what the undo was to do.
    fn undone_by_hand(&self, engine: &Engine, by: &str) -> Result<Option<Event>, Exit> {
        let undo = engine.fold(&self.step).map(|fold| &fold.undo);
        let Some(undo) = undo.filter(|undo| undo.state == UndoStanding::Failed) else {
            return Ok(None);
        };
        if self.choice != Choice::Succeeded.as_str() {
            let exit = Exit::new(USAGE, format!("`{}` does not answer that the undo failed", self.choice));
            return Err(exit.help("type succeeded once it is undone by hand; runbook rollback tries it again"));
        }
        if self.reason.trim().is_empty() {
            return Err(Exit::new(USAGE, "this answer needs a reason").help("add --reason \"what you did\""));
        }
        let (step, reason) = (self.step.clone(), format!("{by}: {}", self.reason));
        let r#as = Settlement::Succeeded;
        Ok(Some(Event::UndoSettled { step, part: undo.part, r#as, by: SettledBy::Person, reason }))
    }

    fn choice(&self, open: &OpenQuestion) -> Result<Choice, Exit> {
        let words: Vec<&str> = open.choices.iter().map(|choice| choice.as_str()).collect();
        let meant = open.choices.iter().find(|choice| choice.as_str() == self.choice);
        meant.copied().ok_or_else(|| {
            Exit::new(USAGE, format!("`{}` does not answer that question", self.choice))
                .help(format!("type one of: {}", words.join(", ")))
        })
    }

    /// Checks the reason, and types the values of a manual step.
    fn values(
        &self,
        runbook: &Runbook,
        open: &OpenQuestion,
        choice: Choice,
    ) -> Result<BTreeMap<String, serde_json::Value>, Exit> {
        let manual = runbook.step(&open.step).and_then(|step| match &step.action {
            Action::Manual(manual) => Some(manual),
            _ => None,
        });
        let evidence_required = manual.is_some_and(|manual| manual.evidence_required);
        if open.question.needs_reason(choice, evidence_required) && self.reason.trim().is_empty() {
            return Err(Exit::new(USAGE, "this answer needs a reason").help("add --reason \"what you saw\""));
        }
        let mut values = BTreeMap::new();
        for pair in &self.values {
            let (name, text, kind) = pair
                .split_once('=')
                .and_then(|(name, text)| Some((name, text, *manual?.inputs.get(name)?)))
                .ok_or_else(|| Exit::new(USAGE, format!("`--value {pair}` is not an input of {}", open.step)))?;
            let value = typed(kind, text).map_err(|why| Exit::new(USAGE, format!("{name}: {why}")))?;
            values.insert(name.to_owned(), value);
        }
        let missing = manual.filter(|_| choice == Choice::Succeeded);
        let missing = missing.and_then(|manual| manual.inputs.keys().find(|name| !values.contains_key(*name)));
        match missing {
            Some(name) => {
                Err(Exit::new(USAGE, format!("the step needs a value for {name}"))
                    .help(format!("add --value {name}=…")))
            }
            None => Ok(values),
        }
    }
}
