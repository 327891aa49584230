//! The names of a run's locks.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::expression::{Scope, render_text};
use crate::model::runbook::Runbook;

/// The runbook's own name, and those that it lists.
///
/// # Errors
///
/// Says which has none with these parameters, and why.
pub fn names(runbook: &Runbook, parameters: &BTreeMap<String, Value>) -> Result<Vec<String>, String> {
    let scope = Scope::new(parameters, &runbook.vars);
    let listed = runbook.locks.iter().map(|lock| {
        render_text(&lock.0, &scope).map_err(|error| format!("the lock `{}` has no name: {error}", lock.0))
    });
    std::iter::once(Ok(runbook.name.clone())).chain(listed).collect()
}
