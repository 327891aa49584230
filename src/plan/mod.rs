//! Runbook, parameters and observations to a plan. Has no way to act.
//!
//! The planner is handed an [`Observer`], which can only look: `check`, preconditions and queries are really asked,
//! everything else is only described. The same world gives the same bytes.

pub mod budget;
mod file;
mod look;
mod request;
mod steps;
pub mod undo;

use std::collections::BTreeMap;

use serde_json::Value;

use crate::action::observe::Observer;
use crate::expression::Scope;
use crate::model::call::Hidden;
use crate::model::plan::{Plan, PlanStatus, PlannedFollowup, PlannedHook, PlannedStep};
use crate::model::runbook::Runbook;
use crate::model::step::{Action, Step};
use crate::model::time::Reckoner;

/// What a run of this runbook would do, as the world is now.
///
/// `secrets` are those whose values could be had; what reads another one is unknown. None of their values is in the
/// plan.
pub async fn plan(
    runbook: &Runbook,
    parameters: &BTreeMap<String, Value>,
    secrets: &BTreeMap<String, Hidden<String>>,
    digest: &str,
    observer: &impl Observer,
) -> Plan {
    let mut scope = Scope::new(parameters, &runbook.vars);
    for (name, value) in secrets {
        scope.set_secret(name, value.clone());
    }
    let mut looker = steps::Planner::new(runbook, scope, observer);
    let mut planned = Vec::new();
    for (groups, step) in leaves(&runbook.steps, &[]) {
        planned.push((step, looker.step(step, groups).await));
    }
    let (scope, context) = looker.known();
    let reckoner = Reckoner::new(runbook);
    let rollback = undo::rollback(&planned, scope, context, reckoner);
    let budget = budget::budget(&planned, &rollback, reckoner);
    let mut plan = Plan {
        runbook: runbook.name.clone(),
        title: runbook.title.clone(),
        digest: digest.to_owned(),
        steps: planned.into_iter().map(|(_, step)| step).collect(),
        rollback,
        budget,
        hooks: hooks(runbook, scope),
        followups: followups(runbook),
    };
    hide(&mut plan, secrets.values());
    plan
}

fn hooks(runbook: &Runbook, scope: &Scope) -> Vec<PlannedHook> {
    let lists = runbook.hooks.iter().filter(|(_, steps)| !steps.is_empty());
    let lines = |steps: &[Step]| steps.iter().map(|step| format!("{}: {}", step.id, undo::line(step, scope))).collect();
    lists.map(|(hook, steps)| PlannedHook { hook: hook.as_str().to_owned(), steps: lines(steps) }).collect()
}

fn followups(runbook: &Runbook) -> Vec<PlannedFollowup> {
    let followups = runbook.followups.iter();
    followups
        .map(|followup| PlannedFollowup {
            due_s: followup.due.as_secs_f64(),
            title: followup.title.clone(),
            owner: followup.owner.clone(),
        })
        .collect()
}

/// Whether a run would begin this step.
fn acts(step: &PlannedStep) -> bool {
    !matches!(step.status, PlanStatus::InPlace | PlanStatus::Skipped)
}

fn leaves<'a>(steps: &'a [Step], groups: &[String]) -> Vec<(Vec<String>, &'a Step)> {
    let mut found = Vec::new();
    for step in steps {
        if let Action::Group { steps, .. } = &step.action {
            let mut inner = groups.to_vec();
            inner.push(step.id.clone());
            found.extend(leaves(steps, &inner));
        } else {
            found.push((groups.to_vec(), step));
        }
    }
    found
}

/// Takes the values of secrets out of all that comes from the world.
fn hide<'a>(plan: &mut Plan, secrets: impl Iterator<Item = &'a Hidden<String>>) {
    for secret in secrets.map(|secret| secret.0.as_str()).filter(|secret| !secret.is_empty()) {
        let clean = |text: &mut String| {
            if text.contains(secret) {
                *text = text.replace(secret, "***");
            }
        };
        for step in &mut plan.steps {
            step.reason.iter_mut().chain(&mut step.diff).chain(&mut step.detail).for_each(clean);
        }
        plan.rollback.iter_mut().flat_map(|undo| &mut undo.detail).for_each(clean);
        plan.hooks.iter_mut().flat_map(|hook| &mut hook.steps).for_each(clean);
    }
}

#[cfg(test)]
mod tests;
