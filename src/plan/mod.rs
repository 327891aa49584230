//! Runbook, parameters and observations to a plan. Has no way to act.
//!
//! The planner is handed an [`Observer`], which can only look: `check`, preconditions and queries are really asked,
//! everything else is only described. The same world at the same moment gives the same bytes.

pub mod budget;
mod file;
mod items;
mod look;
mod request;
mod shape;
mod steps;
pub mod undo;
mod walk;
mod window;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use crate::action::observe::Observer;
use crate::expression::Scope;
use crate::model::call::Hidden;
use crate::model::plan::{Plan, PlanStatus, PlannedFollowup, PlannedHook, PlannedStep};
use crate::model::runbook::Runbook;
use crate::model::step::Step;
use crate::model::time::Reckoner;
use walk::Walk;

/// What a runbook is planned with.
#[derive(Debug, Clone, Copy)]
pub struct Given<'a> {
    /// The parameters' values.
    pub parameters: &'a BTreeMap<String, Value>,
    /// The secrets whose values could be had; what reads another one is unknown. None of their values is in the plan.
    pub secrets: &'a BTreeMap<String, Hidden<String>>,
    /// Digest of runbook, files, parameters and targets.
    pub digest: &'a str,
    /// The moment: a weekly window is the one that is open then, or the next.
    pub now: Timestamp,
}

/// What a run of this runbook would do, as the world is now.
pub async fn plan(runbook: &Runbook, given: Given<'_>, observer: &impl Observer) -> Plan {
    let mut scope = Scope::new(given.parameters, &runbook.vars);
    for (name, value) in given.secrets {
        scope.set_secret(name, value.clone());
    }
    let window = window::planned(runbook, given.now);
    if let Some(window) = &window {
        window::tell(&mut scope, &window.occasion);
    }
    let mut walk = Walk::new(runbook, scope, observer);
    walk.runbook(runbook).await;
    let acting = walk.acting();
    let mut rows = walk.rows;
    if let Some(window) = &window {
        window::latest_starts(runbook, &window.occasion, &mut rows);
    }
    let kept = budget::kept(&runbook.steps, &acting, &walk.items);
    let rollback = undo::rollback(&rows);
    let budget = budget::budget(&kept, &rollback, Reckoner::new(runbook), window.as_ref());
    let mut plan = Plan {
        runbook: runbook.name.clone(),
        title: runbook.title.clone(),
        digest: given.digest.to_owned(),
        window,
        steps: rows.into_iter().map(|row| row.planned).collect(),
        groups: walk.groups,
        rollback,
        budget,
        hooks: hooks(runbook, &walk.scope),
        followups: followups(runbook),
    };
    hide(&mut plan, given.secrets.values());
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
const fn acts(step: &PlannedStep) -> bool {
    !matches!(step.status, PlanStatus::InPlace | PlanStatus::Skipped)
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
            step.groups.iter_mut().chain([&mut step.id]).for_each(clean);
        }
        plan.groups.iter_mut().flat_map(|group| group.path.iter_mut().chain(&mut group.detail)).for_each(clean);
        plan.rollback.iter_mut().flat_map(|undo| undo.detail.iter_mut().chain([&mut undo.step])).for_each(clean);
        plan.hooks.iter_mut().flat_map(|hook| &mut hook.steps).for_each(clean);
    }
}

#[cfg(test)]
mod tests;
