//! Whether the session of an attempt is still there, asked over another connection; and its end, where it has to end.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, interval, timeout};

use super::limit::asked;
use super::secrets::Secrets;
use crate::action::execute::End;
use crate::action::target::Environment;
use crate::action::target::postgres::{self, ConnectError};
use crate::model::call::Connection;
use crate::model::event::Backend;
use crate::model::result::Failure;

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(200);

/// How long a server may take to answer one question about its sessions.
const ANSWER: Duration = Duration::from_secs(5);

/// The application name of sessions that look after another one.
pub const RECOVERING: &str = "runbook-recover";

/// The session of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Its application name.
    pub name: String,
    /// The process that serves it, where it is known.
    pub backend: Option<Backend>,
}

impl Who {
    /// The condition that finds it. A statement may change the name of its session, so the process counts, unless it
    /// is idle under another name: then a pooler gave it to somebody else. What is to be `ended` has to be its own
    /// beyond doubt.
    fn condition(&self, ended: bool) -> String {
        let quoted = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let name = quoted(&self.name);
        let busy = if ended { "" } else { " or state is distinct from 'idle'" };
        match &self.backend {
            None => format!("application_name = {name} and pid <> pg_catalog.pg_backend_pid()"),
            Some(backend) => format!(
                "pid = {} and extract(epoch from backend_start)::text = {} \
                 and (application_name = {name}{busy})",
                backend.pid,
                quoted(&backend.started),
            ),
        }
    }
}

/// What was seen of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It is not there (any more).
    Gone {
        /// Its application name.
        name: String,
    },
    /// It is still there at the end of the limit.
    There {
        /// Its application name.
        name: String,
        /// Process and state.
        what: String,
        /// What it runs, as far as the server shows it.
        query: String,
    },
    /// The server could not be asked.
    Unreachable {
        /// Why.
        reason: String,
    },
}

impl Seen {
    /// The same without secrets. A server shows only the head of a statement, so a secret may be cut and no longer be
    /// recognised: where there are any, no statement is shown.
    #[must_use]
    pub fn without(self, secrets: &Secrets) -> Self {
        match self {
            Self::Gone { name } => Self::Gone { name },
            Self::There { name, what, query } if secrets.0.is_empty() => Self::There { name, what, query },
            Self::There { name, what, .. } => Self::There { name, what, query: "(hidden)".to_owned() },
            Self::Unreachable { reason } => Self::Unreachable { reason: secrets.remove(&reason) },
        }
    }

    /// As the end of an attempt of which nothing else is known.
    #[must_use]
    pub fn lost(&self) -> End {
        End::Lost { may_run: !matches!(self, Self::Gone { .. }), evidence: self.to_string() }
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone { name } => write!(formatter, "session {name} is gone"),
            Self::There { name, what, query } => write!(formatter, "session {name} is still there: {what}: {query}"),
            Self::Unreachable { reason } => write!(formatter, "the server could not be asked: {reason}"),
        }
    }
}

/// Where a session is to be looked for.
#[derive(Clone)]
pub struct Place {
    /// The program's own.
    pub environment: Environment,
    /// The server.
    pub connection: Connection,
    /// The session.
    pub who: Who,
}

/// Waits until it is gone: while it is there until that moment, or for ever; while the server is away for so long; or
/// until the operator has enough of it.
pub async fn wait(
    place: &Place,
    until: Option<Instant>,
    patience: Duration,
    cancel: &mut watch::Receiver<bool>,
) -> Seen {
    let impatient = Instant::now() + patience;
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut session = None;
    loop {
        ticks.tick().await;
        let seen = look(place, &mut session).await;
        let end = match &seen {
            Seen::Gone { .. } => return seen,
            Seen::There { .. } => until,
            Seen::Unreachable { .. } => Some(until.map_or(impatient, |until| until.min(impatient))),
        };
        if end.is_some_and(|end| Instant::now() >= end) {
            return seen;
        }
        tokio::select! {
            biased;
            () = asked(cancel) => return seen,
            () = std::future::ready(()) => {}
        }
    }
}

/// Ends the session, as far as the server can be reached. A transaction of it is rolled back. Whether it is gone is
/// another question.
pub async fn terminate(place: &Place) {
    let condition = place.who.condition(true);
    let text =
        format!("select pg_catalog.pg_terminate_backend(pid) from pg_catalog.pg_stat_activity where {condition}");
    let ending = async {
        if let Ok(session) = postgres::connect(&place.environment, &place.connection, RECOVERING, |_| ()).await {
            // What came of it is seen by who waits for the session to be gone.
            let _ = session.client.batch_execute(&text).await;
        }
    };
    let _ = timeout(ANSWER, ending).await;
}

async fn look(place: &Place, session: &mut Option<postgres::Session>) -> Seen {
    if let Ok(seen) = timeout(ANSWER, ask(place, session)).await {
        return seen;
    }
    *session = None;
    Seen::Unreachable { reason: format!("no answer within {} s", ANSWER.as_secs()) }
}

async fn ask(place: &Place, session: &mut Option<postgres::Session>) -> Seen {
    if session.is_none() {
        match postgres::connect(&place.environment, &place.connection, RECOVERING, |_| ()).await {
            Ok(opened) => *session = Some(opened),
            Err(error) => return Seen::Unreachable { reason: reason(error) },
        }
    }
    let Some(open) = session else { return Seen::Unreachable { reason: "no session".to_owned() } };
    let question = format!(
        "select pid, coalesce(state, '?'), coalesce(left(query, 200), '?') from pg_catalog.pg_stat_activity \
         where {} limit 1",
        place.who.condition(false)
    );
    let name = place.who.name.clone();
    match open.client.query_opt(&question, &[]).await {
        Ok(None) => Seen::Gone { name },
        Ok(Some(row)) => {
            let (pid, state, query): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
            Seen::There { name, what: format!("process {pid}, {state}"), query }
        }
        Err(error) => {
            *session = None;
            Seen::Unreachable { reason: error.to_string() }
        }
    }
}

fn reason(error: ConnectError) -> String {
    Failure::from(error).message
}
