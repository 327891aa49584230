//! What expressions see of a run: parameters, variables, secrets once they are needed, and finished steps.
//!
//! Each frame of the program has names of its own: the runbook, each runbook that it includes, each item of a loop. What
//! a step gave is told where it stands, and on outwards: as one of `items` outside of its loop, below the name of the
//! group outside of an included runbook.

mod frames;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::Mutex;

use crate::action::secret::Secrets;
use crate::engine::Engine;
use crate::expression::{ExpressionError, Scope};
use crate::model::event::Event;
use crate::model::flow::Included;
use crate::model::parts::written;
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::runbook::{Runbook, SecretSource};
use crate::model::step::Action;
use crate::model::window::Occasion;
use frames::Frames;

/// The values of a run, kept as its records grow.
pub struct Values {
    frames: RefCell<Frames>,
    secrets: Mutex<HashMap<usize, Secrets>>,
    make_secrets: MakeSecrets,
}

/// From where secrets are, and the folder that relative paths start at, to what finds them.
type MakeSecrets = Box<dyn Fn(BTreeMap<String, SecretSource>, &str) -> Secrets>;

/// What is written of a runbook that frames need.
struct Written {
    runbook: Runbook,
    /// What an item is called in each loop, by the step's name.
    items: HashMap<String, String>,
    included: HashMap<String, Arc<Included>>,
}

impl Values {
    /// At the start of a run: no step has run. `make_secrets` finds secrets by where they are and the folder that their
    /// relative paths start at.
    #[must_use]
    pub fn new(
        runbook: &Runbook,
        parameters: &BTreeMap<String, Value>,
        make_secrets: impl Fn(BTreeMap<String, SecretSource>, &str) -> Secrets + 'static,
    ) -> Self {
        let mut items = HashMap::new();
        let mut included = HashMap::new();
        for (name, step) in runbook.steps_by_name() {
            if let Some(each) = &step.each {
                items.insert(name.clone(), each.name.clone());
            }
            if let Action::Include(other) = &step.action {
                included.insert(name, Arc::new(Included::clone(other)));
            }
        }
        let secrets = make_secrets(runbook.secrets.clone(), &runbook.folder);
        let scope = Scope::new(parameters, &runbook.vars);
        let written = Written { runbook: runbook.clone(), items, included };
        Self {
            frames: RefCell::new(Frames::new(written, scope)),
            secrets: Mutex::new([(0, secrets)].into()),
            make_secrets: Box::new(make_secrets),
        }
    }

    /// Gives `run.<name>` a value.
    pub fn set_run(&self, name: &str, value: &str) {
        self.frames.borrow_mut().set_run(name, value);
    }

    /// Gives `window.opens` and `window.closes` their values.
    pub fn set_window(&self, occasion: &Occasion) {
        let mut frames = self.frames.borrow_mut();
        for (name, moment) in [("opens", &occasion.opens), ("closes", &occasion.closes)] {
            frames.set_window(name, &moment.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string());
        }
    }

    /// The values of all secrets that were needed so far.
    #[must_use]
    pub fn known_secrets(&self) -> Vec<String> {
        self.frames.borrow().known_secrets()
    }

    /// The included runbook that a step belongs to; `None` where that is the runbook itself.
    #[must_use]
    pub fn included(&self, step: &str) -> Option<Arc<Included>> {
        self.frames.borrow().included(step)
    }

    /// Evaluates something for a step, by its name in the journal, resolving each secret that it turns out to need.
    /// `own` is what the step gave.
    ///
    /// # Errors
    ///
    /// A secret that cannot be had, or what the evaluation says.
    pub async fn evaluate<T>(
        &self,
        step: &str,
        own: Option<&StepResult>,
        evaluate: impl Fn(&Scope) -> Result<T, ExpressionError>,
    ) -> Result<T, Failure> {
        loop {
            let mut scope = self.frames.borrow().scope(step);
            if let Some(result) = own {
                scope = scope.with_result(result.clone());
            }
            match evaluate(&scope) {
                Ok(value) => return Ok(value),
                Err(ExpressionError::Unknown { path }) if path.starts_with("secrets.") => {
                    // The clone has to go, else setting the secret would copy all values.
                    drop(scope);
                    self.get_secret(step, path.split('.').nth(1).unwrap_or_default()).await?;
                }
                Err(ExpressionError::Unknown { path }) => {
                    return Err(Failure::new(FailureKind::Expression, format!("{path} has no value: it did not run")));
                }
                Err(error) => return Err(Failure::new(FailureKind::Expression, error.to_string())),
            }
        }
    }

    async fn get_secret(&self, step: &str, name: &str) -> Result<(), Failure> {
        let (frame, included) = {
            let frames = self.frames.borrow();
            (frames.named_in(step), frames.included(step))
        };
        let mut all = self.secrets.lock().await;
        let secrets = all.entry(frame).or_insert_with(|| match included {
            Some(included) => (self.make_secrets)(included.secrets.clone(), &included.folder),
            None => (self.make_secrets)(BTreeMap::new(), ""),
        });
        let value = secrets.value(name).await.map_err(|error| Failure::of(FailureKind::Secret, &error))?;
        self.frames.borrow_mut().set_secret(frame, name, value.clone());
        Ok(())
    }

    /// Takes in everything that has an end.
    pub fn refresh_all(&self, engine: &Engine) {
        let mut frames = self.frames.borrow_mut();
        frames.grow(engine);
        for index in 0..engine.program.steps.len() {
            frames.refresh(engine, index);
        }
    }

    /// Takes in what an event is about.
    pub fn refresh(&self, engine: &Engine, event: &Event) {
        let mut frames = self.frames.borrow_mut();
        match event {
            Event::LoopStarted { step, .. } | Event::IncludeStarted { step, .. } => {
                frames.grow(engine);
                frames.entered(engine, step);
            }
            Event::StepSkipped { step, .. } if engine.program.index(step).is_none() => frames.skipped(engine, step),
            Event::StepSkipped { step, .. }
            | Event::StepInPlace { step, .. }
            | Event::StepRefused { step, .. }
            | Event::AttemptFinished { step, .. }
            | Event::StepSettled { step, .. } => {
                if let Some(index) = engine.program.index(step) {
                    frames.refresh(engine, index);
                }
            }
            _ => {}
        }
    }
}

/// A step's name within the runbook that it is written in: without the items of loops, and without the steps that
/// include that runbook.
fn local(name: &str) -> &str {
    let name = written(name);
    name.rsplit_once('/').map_or(name, |(_, local)| local)
}
