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
    pub(super) inner: Option<Arc<Inner>>,
    pub(super) own: Option<Arc<StepResult>>,
}

/// What one item of a loop sees beside what surrounds the loop.
#[derive(Debug)]
pub(super) struct Inner {
    pub outer: Option<Arc<Self>>,
    /// What the item is called.
    pub name: String,
    pub value: Value,
    pub steps: Arc<BTreeMap<String, Seen>>,
}

/// What an item sees of one of its own steps.
#[derive(Debug, Clone, PartialEq)]
pub enum Seen {
    /// It has not run.
    Unknown,
    /// It was skipped.
    Absent,
    /// It has an end.
    Step(Arc<SeenStep>),
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
    /// Seen from outside of its loop: each item, and what it was there.
    pub items: Option<Vec<(Value, Arc<Self>)>>,
    /// Of an included runbook: its steps.
    pub members: BTreeMap<String, Arc<Self>>,
}

impl Scope {
    /// The roots `parameters` and `vars`. A var's texts are templates, which are read when the var is.
    #[must_use]
    pub fn new(parameters: &BTreeMap<String, Value>, vars: &BTreeMap<String, Value>) -> Self {
        let base = Base { parameters: parameters.clone(), vars: vars.clone(), ..Base::default() };
        Self { base: Arc::new(base), inner: None, own: None }
    }

    /// Gives all parameters their values anew.
    pub fn set_parameters(&mut self, parameters: &BTreeMap<String, Value>) {
        Arc::make_mut(&mut self.base).parameters.clone_from(parameters);
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
    pub fn set_step(&mut self, id: &str, step: Arc<SeenStep>) {
        let base = Arc::make_mut(&mut self.base);
        let name = identifier(id);
        base.unknown.remove(&name);
        base.steps.insert(name, step);
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
        Self { base: Arc::clone(&self.base), inner: self.inner.clone(), own: Some(Arc::new(result)) }
    }

    /// The same for one item of a loop, which is called `name` there and has steps of its own by their identifiers.
    #[must_use]
    pub fn within(&self, name: &str, value: Value, steps: Arc<BTreeMap<String, Seen>>) -> Self {
        let inner = Inner { outer: self.inner.clone(), name: name.to_owned(), value, steps };
        Self { base: Arc::clone(&self.base), inner: Some(Arc::new(inner)), own: self.own.clone() }
    }

    /// What is known of the steps by their identifiers, without those of items.
    #[must_use]
    pub fn steps(&self) -> &BTreeMap<String, Arc<SeenStep>> {
        &self.base.steps
    }
}

impl Inner {
    /// This item and those that it is within, the innermost first.
    pub fn outward(&self) -> impl Iterator<Item = &Self> {
        std::iter::successors(Some(self), |inner| inner.outer.as_deref())
    }
}

/// A step's id as expressions write it.
#[must_use]
pub fn identifier(id: &str) -> String {
    id.replace('-', "_")
}
