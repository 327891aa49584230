//! The world as one pair of eyes and one pair of hands: what kind of call goes to which file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::artifacts::{self, Kept};
use super::execute::{Control, End, Ended, Executor};
use super::file::Shelf;
use super::observe::{FilePreview, Observer};
use super::process::Launch;
use super::reading::{self, Reading};
use super::supervisor::Limits;
use super::target::Environment;
use super::{file, http, probe, process, sql};
use crate::model::call::{Call, FileCall, Ticket};
use crate::model::event::Intent;
use crate::model::result::{Failure, FailureKind, StepResult};

/// Eyes without hands: all that a dry run is given. They need no run folder.
#[derive(Debug, Clone)]
pub struct Eyes {
    /// The program's own environment.
    pub environment: Environment,
}

/// Eyes and hands of one run.
#[derive(Debug, Clone)]
pub struct World {
    eyes: Eyes,
    folder: PathBuf,
    launch: Launch,
    shelf: Shelf,
}

impl World {
    /// The world of the run that is kept in `run_folder`. `executable` is this program, which is started again for
    /// supervisors; `environment` is its own.
    #[must_use]
    pub fn new(run_folder: &Path, executable: PathBuf, environment: Environment) -> Self {
        Self {
            folder: run_folder.to_owned(),
            launch: Launch {
                executable,
                output: run_folder.join("output"),
                environment: environment.clone(),
                limits: Limits::default(),
            },
            shelf: Shelf { backup: run_folder.join("backup"), environment: environment.clone() },
            eyes: Eyes { environment },
        }
    }
}

/// An attempt that is ready, by its kind.
pub enum Prepared {
    /// Behind the gate of a supervisor.
    Process(process::Prepared),
    /// Beside its place.
    File(file::Prepared),
    /// In a session.
    Sql(sql::Prepared),
    /// Connected.
    Http(http::Prepared),
}

impl Observer for Eyes {
    async fn look(&self, call: &Call, ticket: &Ticket) -> Result<StepResult, Failure> {
        match call {
            Call::Process(call) => probe::look(&self.environment, call, ticket).await,
            Call::Sql(call) | Call::Query(call) => sql::look(&self.environment, call, ticket).await,
            Call::Http(call) => http::look(call, ticket).await,
            Call::File(_) | Call::Restore(_) => {
                Err(Failure::new(FailureKind::Check, "a file action cannot be asked as a question"))
            }
        }
    }

    async fn preview_file(&self, call: &FileCall) -> Result<FilePreview, Failure> {
        file::preview(call)
    }
}

impl Observer for World {
    async fn look(&self, call: &Call, ticket: &Ticket) -> Result<StepResult, Failure> {
        self.eyes.look(call, ticket).await
    }

    async fn preview_file(&self, call: &FileCall) -> Result<FilePreview, Failure> {
        self.eyes.preview_file(call).await
    }
}

impl Executor for World {
    type Prepared = Prepared;

    async fn prepare(&self, call: &Call, ticket: &Ticket) -> Result<(Intent, Prepared), Failure> {
        match call {
            Call::Process(call) => process::prepare(&self.launch, call, ticket).map(wrap(Prepared::Process)),
            Call::File(call) => file::prepare(&self.shelf, call, ticket).map(wrap(Prepared::File)),
            Call::Restore(call) => file::prepare_restore(&self.shelf, call, ticket).map(wrap(Prepared::File)),
            Call::Sql(call) => sql::prepare(&self.eyes.environment, call, ticket).await.map(wrap(Prepared::Sql)),
            Call::Http(call) => http::prepare(&self.launch.output, call, ticket).await.map(wrap(Prepared::Http)),
            Call::Query(_) => Err(Failure::new(FailureKind::Sql, "a query is looked at, and never carried out")),
        }
    }

    async fn carry_out(&self, prepared: Prepared, control: &Control) -> Ended {
        match prepared {
            Prepared::Process(prepared) => process::carry_out(prepared, control).await,
            Prepared::File(prepared) => file::carry_out(prepared, control).await,
            Prepared::Sql(prepared) => sql::carry_out(prepared, control).await,
            Prepared::Http(prepared) => http::carry_out(prepared, control).await,
        }
    }

    async fn read_file(&self, path: &Path, ticket: &Ticket) -> Result<Reading, Failure> {
        let (path, ticket) = (path.to_owned(), ticket.clone());
        let read = tokio::task::spawn_blocking(move || reading::file(&path, &ticket)).await;
        read.unwrap_or_else(|error| Err(Failure::of(FailureKind::File, &error)))
    }

    async fn keep(&self, from: &Path, patterns: &[String], ticket: &Ticket) -> Kept {
        let (folder, from, patterns, ticket) =
            (self.folder.clone(), from.to_owned(), patterns.to_vec(), ticket.clone());
        let kept = tokio::task::spawn_blocking(move || artifacts::keep(&folder, &from, &patterns, &ticket)).await;
        kept.unwrap_or_else(|error| Kept { files: Vec::new(), missing: vec![error.to_string()] })
    }

    async fn recover(&self, intent: &Intent, call: &Call, ticket: &Ticket, control: &Control) -> Ended {
        match (intent, call) {
            (Intent::Process(identity), Call::Process(_)) => {
                process::recover(&self.launch, identity, ticket, control).await
            }
            (Intent::File(intent), Call::File(call)) => {
                let reload = (call.reload.as_ref(), call.cwd.as_path());
                file::recover(&self.shelf, intent, reload, ticket, control).await
            }
            (Intent::File(intent), Call::Restore(call)) => {
                let reload = (call.reload.as_ref(), call.cwd.as_path());
                file::recover(&self.shelf, intent, reload, ticket, control).await
            }
            (Intent::Session { application_name, backend, marker }, Call::Sql(call)) => {
                let session = (application_name.as_str(), backend.as_ref(), marker.as_ref());
                sql::recover(&self.eyes.environment, session, call, ticket, control).await
            }
            (Intent::Request { .. }, Call::Http(_)) => http::recover(intent),
            _ => mismatch(),
        }
    }

    async fn trace(&self, intent: &Intent, call: Option<&Call>, ticket: &Ticket) -> Vec<String> {
        match (intent, call) {
            (Intent::Process(identity), _) => vec![process::trace(&self.launch, identity, ticket)],
            (Intent::Session { application_name, backend, .. }, Some(Call::Sql(call))) => {
                let who = (application_name.as_str(), backend.as_ref());
                vec![sql::trace(&self.eyes.environment, who, call, ticket).await]
            }
            (Intent::Session { application_name, .. }, _) => vec![format!("its session was {application_name}")],
            (Intent::File(intent), _) => file::trace(intent),
            (Intent::Request { method, url, user_agent }, _) => {
                vec![format!("its request was {method} {url}, sent by {user_agent}; ask whoever serves it")]
            }
            (Intent::Program | Intent::Person, _) => Vec::new(),
        }
    }
}

fn wrap<P>(kind: fn(P) -> Prepared) -> impl FnOnce((Intent, P)) -> (Intent, Prepared) {
    move |(intent, prepared)| (intent, kind(prepared))
}

/// The runbook is the one that was approved, so this comes only from a damaged record.
fn mismatch() -> Ended {
    let evidence = "the recorded intent is of another kind than the step".to_owned();
    let end = End::Lost { may_run: true, evidence };
    Ended { end, result: StepResult::default(), output: None, duration: Duration::ZERO }
}
