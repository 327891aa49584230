//! The values that expressions see.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use crate::model::call::Hidden;
use crate::model::result::StepResult;

/// The values that expressions see. Cheap to clone; knows nothing of where the values come from.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    pub(super) base: Arc<Base>,
    pub(super) own: Option<Arc<StepResult>>,
}

/// What all expressions of a run see.
#[derive(Debug, Clone, Default)]
pub(super) struct Base {
    pub parameters: BTreeMap<String, Value>,
    pub vars: BTreeMap<String, Value>,
    pub secrets: BTreeMap<String, Hidden<String>>,
    pub run: BTreeMap<String, Value>,
    pub window: BTreeMap<String, Value>,
    /// Items of loops by the names that the loops give them; `None` where it is not known.
    pub items: BTreeMap<String, Option<Value>>,
    pub steps: BTreeMap<String, Arc<SeenStep>>,
    /// Parameters without a value that will have one.
    pub unknown_parameters: BTreeSet<String>,
    pub unknown: BTreeSet<String>,
}

/// What expressions see of another step.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SeenStep {
    /// What it gave.
    pub result: StepResult,
    /// The word for where it stands, as `succeeded`.
    pub state: String,
    /// When it began, as the journal writes it.
    pub started: Option<String>,
    /// When it ended, as the journal writes it.
    pub finished: Option<String>,
}

impl Scope {
    /// The roots `parameters` and `vars`. A var's texts are templates, which are read when the var is.
    #[must_use]
    pub fn new(parameters: &BTreeMap<String, Value>, vars: &BTreeMap<String, Value>) -> Self {
        let base = Base { parameters: parameters.clone(), vars: vars.clone(), ..Base::default() };
        Self { base: Arc::new(base), own: None }
    }

    /// Says that a parameter has no value yet, so that whatever reads it is unknown.
    pub fn set_unknown_parameter(&mut self, name: &str) {
        let base = Arc::make_mut(&mut self.base);
        base.parameters.remove(name);
        base.unknown_parameters.insert(name.to_owned());
    }

    /// Gives a secret its value. One that has none is unknown to whatever reads it.
    pub fn set_secret(&mut self, name: &str, value: Hidden<String>) {
        Arc::make_mut(&mut self.base).secrets.insert(name.to_owned(), value);
    }

    /// The values of all secrets that have one.
    #[must_use]
    pub fn secrets(&self) -> Vec<String> {
        self.base.secrets.values().map(|secret| secret.0.clone()).collect()
    }

    /// Gives `run.<name>` a value: `id`, `operator`, `started`.
    pub fn set_run(&mut self, name: &str, value: &str) {
        Arc::make_mut(&mut self.base).run.insert(name.to_owned(), Value::from(value));
    }

    /// Gives `window.<name>` a value: `opens`, `closes`.
    pub fn set_window(&mut self, name: &str, value: &str) {
        Arc::make_mut(&mut self.base).window.insert(name.to_owned(), Value::from(value));
    }

    /// Gives the item of a loop its name. Without a value, whatever reads it is unknown.
    pub fn set_item(&mut self, name: &str, value: Option<Value>) {
        Arc::make_mut(&mut self.base).items.insert(name.to_owned(), value);
    }

    /// Takes the name away from the item of a loop that is over.
    pub fn forget_item(&mut self, name: &str) {
        Arc::make_mut(&mut self.base).items.remove(name);
    }

    /// Makes a step known. Its id may have `-`, which expressions write `_`.
    pub fn set_step(&mut self, id: &str, step: SeenStep) {
        let base = Arc::make_mut(&mut self.base);
        let name = identifier(id);
        base.unknown.remove(&name);
        base.steps.insert(name, Arc::new(step));
    }

    /// Says that a step has not run, so that whatever reads it is unknown.
    pub fn set_unknown(&mut self, id: &str) {
        let base = Arc::make_mut(&mut self.base);
        let name = identifier(id);
        base.steps.remove(&name);
        base.unknown.insert(name);
    }

    /// Makes a step undefined, as one that was skipped is.
    pub fn forget(&mut self, id: &str) {
        let base = Arc::make_mut(&mut self.base);
        let name = identifier(id);
        base.steps.remove(&name);
        base.unknown.remove(&name);
    }

    /// The same with a step's own result at the root: `stdout`, `stderr`, `exit_code`, `rows`, `row_count`, `json`.
    #[must_use]
    pub fn with_result(&self, result: StepResult) -> Self {
        Self { base: Arc::clone(&self.base), own: Some(Arc::new(result)) }
    }
}

/// A step's id as expressions write it.
#[must_use]
pub fn identifier(id: &str) -> String {
    id.replace('-', "_")
}
