//! Secrets that earlier turns used, got again before a run goes on.
//!
//! What a step left behind may show a secret in the output of a later one, so whoever takes a run up has to recognise
//! the same values as the executor that is gone. The rest is got when it is first needed, as ever.

use super::session::Session;
use crate::action::execute::Executor;
use crate::engine::Engine;
use crate::engine::state::Standing;
use crate::model::flow::Observe;
use crate::model::step::{Action, Step, Undo};
use crate::report::view::View;

impl<H: Executor, V: View> Session<H, V> {
    /// Gets the secrets of every step that was begun. One that cannot be had any more is left: it fails the step that
    /// needs it.
    pub async fn remember_secrets(&self) {
        if self.runbook.secrets.is_empty() {
            return;
        }
        for (name, action) in self.begun() {
            if let Err(failure) = self.call(&name, &action).await {
                tracing::debug!(?failure, "the secrets of an earlier step could not be had");
            }
        }
    }

    /// What was carried out or asked so far, as far as it can be told.
    fn begun(&self) -> Vec<(String, Action)> {
        self.log.read(|engine| self.begun_in(engine))
    }

    fn begun_in(&self, engine: &Engine) -> Vec<(String, Action)> {
        let steps = engine.program.steps.iter().zip(&engine.state.steps);
        let mut actions = Vec::new();
        for (node, fold) in steps.filter(|(_, fold)| fold.attempts > 0 || fold.state != Standing::Pending) {
            let step = self.step(&node.name);
            if engine.state.is_going_back()
                && fold.maybe_in_place
                && let Undo::Steps(parts) = &step.undo
            {
                actions.extend(parts.iter().flat_map(actions_of).map(|action| (node.name.clone(), action)));
            }
            actions.extend(actions_of(&step).into_iter().map(|action| (node.name.clone(), action)));
        }
        actions
    }
}

fn actions_of(step: &Step) -> Vec<Action> {
    let asked = step.preconditions.iter().filter_map(|precondition| precondition.probe.as_ref());
    let observed = match &step.observe {
        Some(Observe::Probe(probe)) => Some(probe),
        Some(Observe::File(_)) | None => None,
    };
    let probes = step.check.iter().chain(&step.verify).chain(asked).chain(observed);
    std::iter::once(&step.action).chain(probes.map(|probe| &*probe.action)).cloned().collect()
}
