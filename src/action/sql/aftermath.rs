//! What became of an attempt whose connection is gone, with its executor or without.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::broken::Broken;
use super::limit::Cause;
use super::marker::Row;
use super::presence::{self, Place, Seen, terminate};
use super::secrets::Secrets;
use super::settle::{Settled, settle};
use super::statement::Statement;
use super::validity::invalid_indexes;
use crate::action::execute::End;
use crate::model::call::SqlCall;
use crate::model::result::{Failure, StepResult};

/// How long a session that was given up may take to go away before it counts as still there, and how long a server may
/// be away at least.
const AFTERMATH: Duration = Duration::from_secs(5);

/// How long a server may be away, as after a crash, where nobody else sets a limit.
const PATIENCE: Duration = Duration::from_secs(30);

/// An attempt without a connection.
pub struct Lost<'a> {
    /// Its session.
    pub place: Place,
    /// Its marker.
    pub row: Option<Row>,
    /// What it carries out.
    pub call: &'a SqlCall,
    /// What nobody may see.
    pub secrets: Secrets,
}

/// How it was lost, where its executor saw it.
pub struct Witnessed<'a> {
    /// Its statements.
    pub statements: &'a [Statement],
    /// What the connection said; `None` where it said nothing to the end.
    pub broken: Option<Broken>,
    /// Whether `COMMIT` was sent.
    pub committing: bool,
    /// Why it was to end.
    pub cause: Option<Cause>,
    /// When its time limit is over.
    pub until: Option<Instant>,
}

impl Lost<'_> {
    /// The end of a transaction that its executor lost.
    pub async fn transaction(&self, seen: &Witnessed<'_>) -> End {
        // Without COMMIT its work is in vain, and its locks are in the way of others.
        if !seen.committing {
            terminate(&self.place).await;
        }
        let until = Instant::now() + AFTERMATH;
        let until = if seen.cause.is_some() || !seen.committing { Some(until) } else { later(seen.until, until) };
        let left = seen.until.map_or(PATIENCE, |limit| limit.saturating_duration_since(Instant::now()));
        let patience = if seen.committing { left } else { left.min(PATIENCE) }.max(AFTERMATH);
        let failure = |consequence: &str| {
            seen.broken.as_ref().map(|broken| broken.failure(seen.statements, consequence, &self.secrets))
        };
        let Some(row) = &self.row else {
            let gone = presence::wait(&self.place, until, patience, &mut never()).await.without(&self.secrets);
            return match gone {
                Seen::Gone { .. } if !seen.committing => nothing_done(failure("nothing was committed"), seen.cause),
                gone => said(failure("").as_ref(), gone.lost()),
            };
        };
        match self.settled(row, until, patience, &mut never()).await {
            Settled::Done(_) => End::Returned,
            Settled::Void => nothing_done(failure("nothing was committed"), seen.cause),
            settled => said(failure("").as_ref(), self.unsettled(&settled)),
        }
    }

    /// The end of statements without a transaction that their executor lost. What the server still does, it may do
    /// until the time limit is over.
    pub async fn statements(&self, seen: &Witnessed<'_>) -> End {
        let until = if seen.cause.is_some() { Some(Instant::now() + AFTERMATH) } else { seen.until };
        let failure = seen.broken.as_ref().map(|broken| broken.failure(seen.statements, "", &self.secrets));
        let gone = self.gone(until, &mut never()).await;
        self.with_indexes(said(failure.as_ref(), gone.lost())).await
    }

    /// The end of an attempt whose executor is gone, with what it gave where that was kept.
    pub async fn found(&self, limit: Option<Duration>, cancel: &mut watch::Receiver<bool>) -> (End, StepResult) {
        let until = limit.map(|limit| Instant::now() + limit);
        let nothing = StepResult::default();
        let Some(row) = &self.row else {
            let patience = limit.map_or(AFTERMATH, |limit| limit.min(AFTERMATH));
            let gone = presence::wait(&self.place, until, patience, cancel).await;
            return (self.with_indexes(gone.without(&self.secrets).lost()).await, nothing);
        };
        let patience = limit.map_or(PATIENCE, |limit| limit.clamp(AFTERMATH, PATIENCE));
        match self.settled(row, until, patience, cancel).await {
            Settled::Done(result) => (End::Returned, result),
            Settled::Void => {
                let evidence = "its marker was not in the database, and now nothing of it can be committed".to_owned();
                (End::NotStarted { evidence }, nothing)
            }
            Settled::Begun(statement) => {
                let reached = format!("statement {statement} was begun, and nothing after it is recorded");
                let gone = self.gone(until, cancel).await.lost();
                // Its last word may have been under way until now.
                match settle(&self.place, row, None, Duration::ZERO, &mut never()).await {
                    Settled::Done(result) => (End::Returned, result),
                    _ => (self.with_indexes(after(&reached, gone)).await, nothing),
                }
            }
            settled => (self.unsettled(&settled), nothing),
        }
    }

    /// Settles; a session that still has its transaction open when its time is over is ended.
    async fn settled(
        &self,
        row: &Row,
        until: Option<Instant>,
        patience: Duration,
        cancel: &mut watch::Receiver<bool>,
    ) -> Settled {
        let settled = settle(&self.place, row, until, patience, cancel).await;
        if settled != Settled::Open || *cancel.borrow() {
            return settled;
        }
        terminate(&self.place).await;
        settle(&self.place, row, Some(Instant::now() + AFTERMATH), AFTERMATH, &mut never()).await
    }

    /// Waits for the session to go away by itself, and ends it when its time is over.
    async fn gone(&self, until: Option<Instant>, cancel: &mut watch::Receiver<bool>) -> Seen {
        let mut seen = presence::wait(&self.place, until, AFTERMATH, cancel).await;
        if matches!(seen, Seen::There { .. }) && !*cancel.borrow() {
            terminate(&self.place).await;
            seen = presence::wait(&self.place, Some(Instant::now() + AFTERMATH), AFTERMATH, &mut never()).await;
        }
        seen.without(&self.secrets)
    }

    fn unsettled(&self, settled: &Settled) -> End {
        let evidence = match settled {
            Settled::Unclear(reason) => format!("the server could not be asked: {}", self.secrets.remove(reason)),
            _ => format!("the transaction of session {} is still open", self.place.who.name),
        };
        End::Lost { may_run: true, evidence }
    }

    async fn with_indexes(&self, end: End) -> End {
        match (end, invalid_indexes(&self.place.environment, self.call).await) {
            (End::Lost { may_run, evidence }, Ok(invalid)) if !invalid.is_empty() => {
                End::Lost { may_run, evidence: format!("{evidence}; {}", self.secrets.remove(&invalid)) }
            }
            (end, _) => end,
        }
    }
}

/// The end of an attempt that is proven to have committed nothing.
fn nothing_done(failure: Option<Failure>, cause: Option<Cause>) -> End {
    match (failure, cause) {
        (Some(failure), _) => End::Failed(failure),
        (None, Some(Cause::Operator)) => End::Cancelled,
        (None, _) => End::TimedOut,
    }
}

/// What the connection said comes before what was seen later.
fn said(failure: Option<&Failure>, end: End) -> End {
    failure.map_or(end.clone(), |failure| after(&failure.message, end))
}

fn after(first: &str, end: End) -> End {
    match end {
        End::Lost { may_run, evidence } => End::Lost { may_run, evidence: format!("{first}; {evidence}") },
        end => end,
    }
}

fn later(limit: Option<Instant>, at_least: Instant) -> Option<Instant> {
    limit.map(|limit| limit.max(at_least))
}

/// A control that nobody uses.
fn never() -> watch::Receiver<bool> {
    watch::channel(false).1
}
