//! Changing the world: an attempt is prepared, made known, and only then let go.

use std::future::Future;
use std::path::Path;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::artifacts::Kept;
use super::observe::Observer;
use super::reading::Reading;
use crate::model::call::{Call, Ticket};
use crate::model::event::Intent;
use crate::model::result::{Failure, OutputDigest, StepResult};

/// Looks and changes.
pub trait Executor: Observer {
    /// Something prepared that has had no effect yet. Dropping it has none either.
    type Prepared;

    /// Gets ready for one attempt without any effect: starts a supervisor that waits at its gate, opens a session,
    /// keeps a copy of the file that will be replaced. The intent has to be durable before [`Executor::carry_out`].
    ///
    /// # Errors
    ///
    /// Where the attempt cannot begin. Nothing has changed then.
    fn prepare(&self, call: &Call, ticket: &Ticket) -> impl Future<Output = Result<(Intent, Self::Prepared), Failure>>;

    /// Lets a prepared attempt go and waits for its end.
    fn carry_out(&self, prepared: Self::Prepared, control: &Control) -> impl Future<Output = Ended>;

    /// What a file is now, to be kept as evidence.
    ///
    /// # Errors
    ///
    /// Where it is not there or cannot be read.
    fn read_file(&self, path: &Path, ticket: &Ticket) -> impl Future<Output = Result<Reading, Failure>>;

    /// Copies the files that a step left and that match, into the run's folder. Never fails: what could not be copied is
    /// named. Relative patterns begin at `from`.
    fn keep(&self, from: &Path, patterns: &[String], ticket: &Ticket) -> impl Future<Output = Kept>;

    /// Finds out what became of an attempt whose executor is gone. Waits for one that is still going on, within its
    /// time limit. Never begins anything.
    fn recover(&self, intent: &Intent, call: &Call, ticket: &Ticket, control: &Control) -> impl Future<Output = Ended>;

    /// What can be seen at this moment of who acts in an attempt, one fact a line, without secrets. Changes nothing.
    fn trace(&self, intent: &Intent, call: Option<&Call>, ticket: &Ticket) -> impl Future<Output = Vec<String>>;
}

/// What goes in and out of an attempt while it runs.
#[derive(Debug, Clone)]
pub struct Control {
    /// Turns true when the operator wants this step ended now.
    pub cancel: watch::Receiver<bool>,
    /// Lines of output as they come, for the screen only. May be dropped.
    pub output: mpsc::UnboundedSender<String>,
}

/// How an attempt ended, before success criteria and `verify` are applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// In which way.
    pub end: End,
    /// What it gave.
    pub result: StepResult,
    /// The kept output.
    pub output: Option<OutputDigest>,
    /// From the gate to the end.
    pub duration: Duration,
}

/// The ways in which an attempt ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// By itself. A process may have any exit code.
    Returned,
    /// The database refused, the new file did not validate, a reload failed.
    Failed(Failure),
    /// A signal that nobody here sent.
    Signaled(i32),
    /// The time limit.
    TimedOut,
    /// The operator.
    Cancelled,
    /// It is over or not, and nobody recorded how.
    Lost {
        /// It could not be proven to be over.
        may_run: bool,
        /// What was looked at.
        evidence: String,
    },
    /// It is proven never to have begun.
    NotStarted {
        /// What shows it.
        evidence: String,
    },
}
