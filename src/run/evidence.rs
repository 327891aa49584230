//! What is kept of a step beside its output: what it was to change before and after it, and files that it left.
//!
//! Neither decides anything. What cannot be had is recorded with its reason, and the step goes on.

use super::session::Session;
use super::task::Task;
use crate::action::execute::Executor;
use crate::action::reading::{self, Reading};
use crate::expression::render::folder_of;
use crate::expression::render_text;
use crate::model::call::Ticket;
use crate::model::event::{Event, Moment};
use crate::model::flow::Observe;
use crate::model::result::Failure;
use crate::model::step::Step;
use crate::report::view::View;

impl<H: Executor, V: View> Session<H, V> {
    /// Reads what a step is to change, where it says what that is, and records it.
    pub(super) async fn observed(&self, task: &Task, attempt: u32, step: &Step, moment: Moment) {
        let Some(observe) = &step.observe else { return };
        // What it reads may have the secrets that the step is about to use: they have to be known to be recognised.
        let _known = self.call(&task.step, &step.action).await;
        let (text, detail) = match self.reading(task, step, observe).await {
            Ok(reading) if step.sensitive => (None, format!("it is not shown; SHA-256 {}", reading.sha256)),
            Ok(reading) => (Some(reading.text), reading.sha256),
            Err(failure) => (None, failure.message),
        };
        self.fact(Event::Observed { step: task.step.clone(), attempt, moment, text, detail });
    }

    async fn reading(&self, task: &Task, step: &Step, observe: &Observe) -> Result<Reading, Failure> {
        match observe {
            Observe::Probe(probe) => Ok(reading::answer(&self.look_once(task, step, probe).await?)),
            Observe::File(template) => {
                let included = self.log.values.included(&task.step);
                let context = self.context(included.as_deref());
                let path = self.log.values.evaluate(&task.step, None, |scope| {
                    Ok(folder_of(&step.action, scope, &context)?.join(render_text(&template.0, scope)?))
                });
                self.hands.read_file(&path.await?, &self.ticket(&task.step, 0, None, step)).await
            }
        }
    }

    /// After a part of an undo: what the step changed is read once more, and what the part left is copied.
    pub(super) async fn undone(&self, task: &Task, part: usize, attempt: u32, own: Option<&Step>) {
        let step = self.step(&task.step);
        self.observed(task, attempt, &step, Moment::After).await;
        if let Some(undo) = own {
            self.keep_artifacts(task, undo, &self.ticket(&task.step, attempt, Some(part), undo)).await;
        }
    }

    /// Copies what a step left, where it says what that is, and records it.
    pub(super) async fn keep_artifacts(&self, task: &Task, step: &Step, ticket: &Ticket) {
        if step.artifacts.is_empty() {
            return;
        }
        let included = self.log.values.included(&task.step);
        let context = self.context(included.as_deref());
        let folder = self.log.values.evaluate(&task.step, None, |scope| folder_of(&step.action, scope, &context)).await;
        let (mut patterns, mut missing) = (Vec::new(), Vec::new());
        for artifact in &step.artifacts {
            match self.log.values.evaluate(&task.step, None, |scope| render_text(&artifact.0, scope)).await {
                Ok(pattern) => patterns.push(pattern),
                Err(failure) => missing.push(format!("{}: {}", artifact.0, failure.message)),
            }
        }
        let files = match folder {
            Ok(folder) => {
                let kept = self.hands.keep(&folder, &patterns, ticket).await;
                missing.extend(kept.missing);
                kept.files
            }
            Err(failure) => {
                missing.push(failure.message);
                Vec::new()
            }
        };
        self.fact(Event::ArtifactsKept { step: task.step.clone(), attempt: ticket.attempt, files, missing });
    }

    /// Records something that nothing waits for. Where that cannot be done the next record cannot either, and says so.
    fn fact(&self, event: Event) {
        if let Err(error) = self.log.append(event) {
            tracing::debug!(%error, "what was seen could not be recorded");
        }
    }
}
