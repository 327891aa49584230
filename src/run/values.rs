//! What expressions see of a run: parameters, variables, secrets once they are needed, and finished steps.

use std::cell::RefCell;
use std::collections::BTreeMap;

use tokio::sync::Mutex;

use crate::action::secret::Secrets;
use crate::engine::Engine;
use crate::expression::{ExpressionError, Scope, SeenStep};
use crate::model::event::Event;
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::runbook::Runbook;
use crate::model::status::StepState;

/// The scope of a run, kept as its records grow.
pub struct Values {
    scope: RefCell<Scope>,
    secrets: Mutex<Secrets>,
}

impl Values {
    /// At the start of a run: no step has run.
    #[must_use]
    pub fn new(runbook: &Runbook, parameters: &BTreeMap<String, serde_json::Value>, secrets: Secrets) -> Self {
        let mut scope = Scope::new(parameters, &runbook.vars);
        for step in runbook.leaves() {
            scope.set_unknown(&step.id);
        }
        Self { scope: RefCell::new(scope), secrets: Mutex::new(secrets) }
    }

    /// Gives `run.<name>` a value.
    pub fn set_run(&self, name: &str, value: &str) {
        self.scope.borrow_mut().set_run(name, value);
    }

    /// The values of all secrets that were needed so far.
    #[must_use]
    pub fn known_secrets(&self) -> Vec<String> {
        self.scope.borrow().secrets()
    }

    /// The scope of a step, by its name in the journal.
    fn scope(&self, _step: &str) -> Scope {
        self.scope.borrow().clone()
    }

    /// Evaluates something for a step, resolving each secret that it turns out to need. `own` is what the step gave.
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
            let mut scope = self.scope(step);
            if let Some(result) = own {
                scope = scope.with_result(result.clone());
            }
            match evaluate(&scope) {
                Ok(value) => return Ok(value),
                Err(ExpressionError::Unknown { path }) if path.starts_with("secrets.") => {
                    // The clone has to go, else setting the secret would copy all values.
                    drop(scope);
                    let name = path.split('.').nth(1).unwrap_or_default().to_owned();
                    let mut secrets = self.secrets.lock().await;
                    let value = secrets.value(&name).await;
                    let value = value.map_err(|error| Failure::of(FailureKind::Secret, &error))?;
                    self.scope.borrow_mut().set_secret(&name, value.clone());
                }
                Err(ExpressionError::Unknown { path }) => {
                    return Err(Failure::new(FailureKind::Expression, format!("{path} has no value: it did not run")));
                }
                Err(error) => return Err(Failure::new(FailureKind::Expression, error.to_string())),
            }
        }
    }

    /// Takes in all steps that have an end.
    pub fn refresh_all(&self, engine: &Engine) {
        for index in 0..engine.program.own {
            self.refresh_step(engine, index);
        }
    }

    /// Takes in the step that an event is about.
    pub fn refresh(&self, engine: &Engine, event: &Event) {
        let (Event::StepSkipped { step, .. }
        | Event::StepInPlace { step, .. }
        | Event::StepRefused { step, .. }
        | Event::AttemptFinished { step, .. }
        | Event::StepSettled { step, .. }) = event
        else {
            return;
        };
        if let Some(index) = engine.program.index(step).filter(|index| *index < engine.program.own) {
            self.refresh_step(engine, index);
        }
    }

    fn refresh_step(&self, engine: &Engine, index: usize) {
        let fold = &engine.state.steps[index];
        let state = fold.shown();
        if matches!(state, StepState::Pending | StepState::Started) {
            return;
        }
        if state == StepState::Skipped {
            // Absent, so that `is defined` and `default` can ask for it.
            self.scope.borrow_mut().forget(&engine.program.steps[index].name);
            return;
        }
        let seen = SeenStep {
            result: fold.result.clone().unwrap_or_default(),
            state: state.as_str().to_owned(),
            started: fold.started.clone(),
            finished: fold.finished.clone(),
        };
        self.scope.borrow_mut().set_step(&engine.program.steps[index].name, seen);
    }
}
