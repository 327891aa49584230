//! Durations from templates, found when their step begins.

use std::sync::Arc;
use std::time::Duration;

use super::session::Session;
use crate::action::execute::Executor;
use crate::model::length::Length;
use crate::model::result::Failure;
use crate::model::step::{Action, Probe, Step, Until, WaitAction};
use crate::report::view::View;

impl<H: Executor, V: View> Session<H, V> {
    /// A step by its name in the journal, with all of its durations written out.
    pub(super) async fn timed(&self, name: &str) -> Result<Arc<Step>, Failure> {
        let step = self.step(name);
        let mut timed = Step::clone(&step);
        let mut found = false;
        for length in lengths(&mut timed) {
            if matches!(length, Length::Template(_)) {
                *length = Length::Known(self.length(name, length).await?);
                found = true;
            }
        }
        Ok(if found { Arc::new(timed) } else { step })
    }

    /// The pause before an attempt, where only the template of it was known before.
    pub(super) fn late_delay(&self, name: &str, timed: &Step) -> Duration {
        if matches!(self.step(name).retry.delay, Length::Known(_)) {
            return Duration::ZERO;
        }
        let tries = self.log.read(|engine| engine.fold(name).map_or(0, |fold| fold.tries));
        timed.retry.delay_before(tries + 1)
    }
}

/// Every duration of a step that counts in an attempt of it.
fn lengths(step: &mut Step) -> Vec<&mut Length> {
    let mut found: Vec<&mut Length> = step.timeout.iter_mut().collect();
    found.extend(step.until.iter_mut().map(|until| &mut until.every));
    found.push(&mut step.retry.delay);
    found.extend(&mut step.retry.max_delay);
    let asked = step.preconditions.iter_mut().filter_map(|precondition| precondition.probe.as_mut());
    for probe in step.check.iter_mut().chain(&mut step.verify).chain(asked) {
        let Probe { timeout, until, .. } = probe;
        found.extend(timeout);
        found.extend(until.iter_mut().map(|Until { every, .. }| every));
    }
    if let Action::Wait(WaitAction::For(pause)) = &mut step.action {
        found.push(pause);
    }
    found
}
