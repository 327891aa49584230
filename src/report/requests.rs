//! What people asked of a run from outside of it, in words for the screen.

use super::text::escape;
use crate::model::status::{Pending, Wanted};

/// The reason of a wish to stop that came with a signal.
pub(super) const BY_SIGNAL: &str = "asked for by a signal";

/// Somebody wants the run to stop.
pub(super) fn stop(by: &str, reason: &str) -> String {
    if reason == BY_SIGNAL {
        return "stopping after this step; Ctrl-C once more ends the step itself".to_owned();
    }
    format!("stopping after this step: {by}: {reason}; runbook abort ends the step itself")
}

/// Somebody wants it no more.
pub(super) fn withdrawn(step: Option<&str>, by: &str) -> String {
    match step {
        None => format!("{by} took the wish to stop back: going on"),
        Some(step) => format!("{by} took the wish to leave {step} out back"),
    }
}

/// What is pending, one a line, with what takes it back.
pub(super) fn pending(run: &str, pending: &[Pending]) -> String {
    pending.iter().fold(String::new(), |text, asked| {
        let by = escape(&asked.by);
        let reason = escape(&asked.reason);
        let (what, back) = match (&asked.request, &asked.step) {
            (Wanted::Skip, Some(step)) => {
                (format!("leave {} out", escape(step)), format!("runbook skip {run} {} --cancel", escape(step)))
            }
            _ => ("stop after the running step".to_owned(), format!("runbook pause {run} --cancel")),
        };
        text + &format!("pending: {what}, asked for by {by}: {reason}\n          take it back: {back}\n")
    })
}
