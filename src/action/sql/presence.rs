//! Whether the session of an attempt is still there, asked over another connection.

use std::fmt;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, interval};

use super::limit::asked;
use super::secrets::Secrets;
use crate::action::execute::End;
use crate::action::target::Environment;
use crate::action::target::postgres::{self, ConnectError};
use crate::model::call::Connection;
use crate::model::result::Failure;

/// Time between two looks.
const EVERY: Duration = Duration::from_millis(200);

/// How long a server may be away, as after a crash, before the search is given up.
const PATIENCE: Duration = Duration::from_secs(5);

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

/// Waits until no session of that name is left, at most so long, or until the operator
/// has enough of it.
pub async fn wait(
    environment: &Environment,
    connection: &Connection,
    name: &str,
    limit: Option<Duration>,
    cancel: &mut watch::Receiver<bool>,
) -> Seen {
    let started = Instant::now();
    let mut ticks = interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut session = None;
    loop {
        ticks.tick().await;
        let seen = look(environment, connection, name, &mut session).await;
        let patience = match &seen {
            Seen::Gone { .. } => return seen,
            Seen::There { .. } => limit,
            Seen::Unreachable { .. } => Some(limit.map_or(PATIENCE, |limit| limit.min(PATIENCE))),
        };
        if patience.is_some_and(|patience| started.elapsed() >= patience) {
            return seen;
        }
        tokio::select! {
            biased;
            () = asked(cancel) => return seen,
            () = std::future::ready(()) => {}
        }
    }
}

async fn look(
    environment: &Environment,
    connection: &Connection,
    name: &str,
    session: &mut Option<postgres::Session>,
) -> Seen {
    if session.is_none() {
        match postgres::connect(environment, connection, "runbook-recover", |_| ()).await {
            Ok(opened) => *session = Some(opened),
            Err(error) => return Seen::Unreachable { reason: reason(error) },
        }
    }
    let Some(open) = session else { return Seen::Unreachable { reason: "no session".to_owned() } };
    let question = "select pid, coalesce(state, '?'), coalesce(left(query, 200), '?') \
                    from pg_stat_activity where application_name = $1 and pid <> pg_backend_pid() limit 1";
    match open.client.query_opt(question, &[&name]).await {
        Ok(None) => Seen::Gone { name: name.to_owned() },
        Ok(Some(row)) => {
            let (pid, state, query): (i32, String, String) = (row.get(0), row.get(1), row.get(2));
            Seen::There { name: name.to_owned(), what: format!("process {pid}, {state}"), query }
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
