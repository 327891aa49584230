//! What people asked of a run ahead and nothing came of yet: a fold over its records.

use crate::model::event::{Event, Record};
use crate::model::status::{Pending, Wanted};

/// Takes one record in.
pub fn fold(pending: &mut Vec<Pending>, record: &Record) {
    let ask = |request, step: Option<&String>, by: &str, reason: &str| Pending {
        request,
        step: step.cloned(),
        by: by.to_owned(),
        reason: reason.to_owned(),
        at: record.at.clone(),
    };
    match &record.event {
        // Who asked first is who stops it.
        Event::StopRequested { by, reason } if !is_stopping(pending) => {
            pending.push(ask(Wanted::Stop, None, by, reason));
        }
        Event::SkipRequested { step, by, reason } => {
            pending.retain(|asked| asked.step.as_ref() != Some(step));
            pending.push(ask(Wanted::Skip, Some(step), by, reason));
        }
        Event::RequestWithdrawn { step, .. } => pending.retain(|asked| asked.step != *step),
        Event::StepSkipped { step, .. }
        | Event::StepInPlace { step, .. }
        | Event::StepRefused { step, .. }
        | Event::AttemptStarted { step, .. } => pending.retain(|asked| asked.step.as_ref() != Some(step)),
        // What stopped has stopped, and what goes back leaves nothing out.
        Event::RunResumed { .. } => pending.retain(|asked| asked.request != Wanted::Stop),
        Event::RunFinished { outcome, .. } if outcome.is_for_good() => pending.clear(),
        Event::RunFinished { .. } => pending.retain(|asked| asked.request != Wanted::Stop),
        Event::RollbackStarted { .. } => pending.retain(|asked| asked.request != Wanted::Skip),
        _ => {}
    }
}

/// Whether the run is to stop after what runs.
#[must_use]
pub fn is_stopping(pending: &[Pending]) -> bool {
    pending.iter().any(|asked| asked.request == Wanted::Stop)
}

/// Whether that step is to be left out.
#[must_use]
pub fn is_skipped(pending: &[Pending], step: &str) -> bool {
    pending.iter().any(|asked| asked.step.as_deref() == Some(step))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::event::RunOutcome;

    fn after(events: &[Event]) -> Vec<String> {
        let mut pending = Vec::new();
        for (at, event) in events.iter().enumerate() {
            let record = Record {
                seq: at as u64 + 1,
                at: format!("T{at}"),
                run: String::new(),
                epoch: 1,
                actor: String::new(),
                host: String::new(),
                event: event.clone(),
                prev: None,
                hash: String::new(),
            };
            fold(&mut pending, &record);
        }
        pending
            .iter()
            .map(|asked| format!("{} {} {}", asked.step.as_deref().unwrap_or("-"), asked.by, asked.at))
            .collect()
    }

    fn stop(by: &str) -> Event {
        Event::StopRequested { by: by.to_owned(), reason: String::new() }
    }

    fn skip(step: &str) -> Event {
        Event::SkipRequested { step: step.to_owned(), by: "ana".to_owned(), reason: "r".to_owned() }
    }

    #[test]
    fn what_is_asked_is_pending_until_it_came_about_or_was_taken_back() {
        let withdrawn =
            |step: Option<&str>| Event::RequestWithdrawn { step: step.map(str::to_owned), by: String::new() };
        let skipped = Event::StepSkipped { step: "a".to_owned(), reason: String::new() };
        let stopped = Event::RunFinished { outcome: RunOutcome::Stopped, remaining: Vec::new() };
        let back = Event::RollbackStarted { reason: String::new(), to: None };
        assert_eq!(after(&[stop("ana"), stop("bo"), skip("a")]), ["- ana T0", "a ana T2"]);
        assert_eq!(after(&[stop("ana"), skip("a"), withdrawn(None)]), ["a ana T1"]);
        assert_eq!(after(&[stop("ana"), skip("a"), skip("b"), withdrawn(Some("a"))]), ["- ana T0", "b ana T2"]);
        assert_eq!(after(&[skip("a"), skip("b"), skipped]), ["b ana T1"]);
        assert_eq!(after(&[stop("ana"), skip("a"), stopped]), ["a ana T1"]);
        assert_eq!(after(&[stop("ana"), skip("a"), back]), ["- ana T0"]);
    }
}
