//! Where a run stands, for people.

use std::fmt::Write as _;

use super::ending::ending;
use super::text::escape;
use crate::model::status::{RunState, Status};

/// The run, each step with its state, and what to type next. `executor` is who is at it now.
#[must_use]
pub fn human(status: &Status, executor: Option<&str>) -> String {
    let mut text = format!("{}  ·  {}\n", status.run, status.state.as_str());
    let going = matches!(status.state, RunState::Running | RunState::RollingBack | RunState::Blocked);
    match executor {
        Some(executor) => {
            let _infallible = writeln!(text, "executed by {}", escape(executor));
        }
        None if going => text.push_str("no executor is at it\n"),
        None => {}
    }
    let width = status.steps.iter().map(|step| step.id.len()).max().unwrap_or(0).min(32);
    for (number, step) in status.steps.iter().enumerate() {
        let tries = if step.attempts > 1 { format!("  {} attempts", step.attempts) } else { String::new() };
        let reason = step.reason.as_ref().map_or_else(String::new, |reason| format!("  {}", escape(reason)));
        let line = format!("  {:>3}  {:<width$}  {:<11}{tries}{reason}", number + 1, step.id, step.state.as_str());
        let _infallible = writeln!(text, "{}", line.trim_end());
    }
    if executor.is_none() {
        text.push_str(&ending(status));
    }
    text
}
