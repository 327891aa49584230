//! The session of one attempt: its limits, its notices, what its last statement gave.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::Stream;
use serde_json::{Map, Value};
use tokio::time::timeout;
use tokio_postgres::error::DbError;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, SimpleQueryMessage, SimpleQueryRow};

use super::broken::{Broken, causes};
use super::notices::Notices;
use super::rows;
use super::secrets::Secrets;
use super::statement::Statement;
use crate::action::execute::Control;
use crate::action::target::Environment;
use crate::action::target::postgres::{self, Remote as Wire};
use crate::model::call::{Connection, Ticket};
use crate::model::digest::sha256;
use crate::model::event::Backend;
use crate::model::result::{Failure, FailureKind, StepResult};

/// How long a statement may wait for a lock, unless its whole limit is shorter: others queue behind it. A text may set
/// another `lock_timeout` for itself, as a concurrent index build has to, which waits for every older transaction.
const LOCK_TIMEOUT: Duration = Duration::from_secs(10);

/// How much later than ours the server's limit ends a statement. Ours knows why it ended; the server's is for a
/// statement whose executor is gone.
const SERVERS_GRACE: Duration = Duration::from_secs(1);

/// How long a step without a time limit waits for what has to be done before it, and how long the server waits for the
/// next statement of its transaction.
const READY: Duration = Duration::from_mins(1);

/// What a server may acknowledge before it is on disk would be forgotten in a crash, and was recorded here.
pub(super) const DURABLE: &str = "select pg_catalog.set_config('synchronous_commit', 'on', false) \
                                  where pg_catalog.current_setting('synchronous_commit') = 'off'";

const WHO: &str = "select pid, extract(epoch from backend_start) from pg_catalog.pg_stat_activity \
                   where pid = pg_catalog.pg_backend_pid()";

/// The name of an attempt's session. No other attempt of any run has it.
#[must_use]
pub fn attempt_name(ticket: &Ticket) -> String {
    format!("runbook/{}", unique(ticket))
}

/// The name of a session that only looks.
#[must_use]
pub fn look_name(ticket: &Ticket) -> String {
    format!("runbook-look/{}", unique(ticket))
}

fn unique(ticket: &Ticket) -> String {
    let mut name = sha256(&[ticket.run.as_bytes(), b"\0", ticket.label().as_bytes()]);
    name.truncate(24);
    name
}

/// Reaches a session's server from beside it.
pub struct Remote {
    wire: Wire,
    stop: Arc<AtomicBool>,
}

impl Remote {
    /// Set when nothing more may be sent.
    #[must_use]
    pub fn stop(&self) -> &AtomicBool {
        &self.stop
    }

    /// Asks the server to end the statement that runs.
    ///
    /// # Errors
    ///
    /// Where the server could not be asked.
    pub async fn cancel(&self) -> Result<(), tokio_postgres::Error> {
        self.wire.cancel_statement().await
    }
}

/// What the last statement gave.
#[derive(Debug, Clone, Default)]
struct Answer {
    rows: Option<Vec<Map<String, Value>>>,
    count: u64,
    truncated: bool,
}

/// An open session with its limits set.
pub struct Session {
    wire: postgres::Session,
    stop: Arc<AtomicBool>,
    name: String,
    secrets: Secrets,
    sensitive: bool,
    notices: Notices,
    answer: Answer,
    backend: Option<Backend>,
    pub(super) committing: bool,
}

impl Session {
    /// Opens one under the given name.
    ///
    /// # Errors
    ///
    /// Where the server cannot be reached, does not take the limits, or does not answer in time.
    pub async fn open(
        environment: &Environment,
        connection: &Connection,
        name: &str,
        ticket: &Ticket,
    ) -> Result<Self, Failure> {
        in_time(connection, ticket.timeout, Self::opened(environment, connection, name, ticket)).await
    }

    async fn opened(
        environment: &Environment,
        connection: &Connection,
        name: &str,
        ticket: &Ticket,
    ) -> Result<Self, Failure> {
        let (notices, secrets) = (Notices::default(), Secrets(ticket.secrets.0.clone()));
        let (list, hidden) = (notices.clone(), secrets.clone());
        let keep = move |notice: &DbError| list.keep(notice, &hidden);
        let wire = postgres::connect(environment, connection, name, keep).await?;
        let mut session = Self {
            wire,
            stop: Arc::default(),
            name: name.to_owned(),
            secrets,
            sensitive: ticket.sensitive,
            notices,
            answer: Answer::default(),
            backend: None,
            committing: false,
        };
        let setting = format!("{}; {DURABLE}; {WHO}", limits(ticket.timeout));
        let said = session.wire.client.simple_query(&setting).await.map_err(|error| {
            let message = format!("target {}: the session's limits could not be set: {error}", connection.name);
            Failure { kind: FailureKind::Connection, message, chain: causes(&error, &session.secrets) }
        })?;
        session.backend = said.iter().rev().find_map(backend);
        Ok(session)
    }

    /// To send statements with.
    pub(super) const fn client(&self) -> &Client {
        &self.wire.client
    }

    /// The server's process behind it.
    #[must_use]
    pub const fn backend(&self) -> Option<&Backend> {
        self.backend.as_ref()
    }

    /// Whether its output may not be stored.
    #[must_use]
    pub const fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    /// Its application name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What may not be seen of what it gives.
    #[must_use]
    pub const fn secrets(&self) -> &Secrets {
        &self.secrets
    }

    /// Whether `COMMIT` was sent.
    #[must_use]
    pub const fn is_committing(&self) -> bool {
        self.committing
    }

    /// A way to reach its server while it works.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote { wire: self.wire.remote(), stop: self.stop.clone() }
    }

    /// From now on notices are shown as they come, unless the step's output is sensitive.
    pub fn forward_notices(&self, control: &Control) {
        if !self.sensitive {
            self.notices.show(control.output.clone());
        }
    }

    /// One statement in a read-only transaction that is rolled back.
    ///
    /// # Errors
    ///
    /// [`Broken`] with what the server said.
    pub async fn look(&mut self, statement: &Statement) -> Result<(), Broken> {
        let at = |error| Broken::At(0, error);
        self.wire.client.batch_execute("begin read only").await.map_err(at)?;
        self.answer = execute(&self.wire.client, &statement.text.0, true).await.map_err(at)?;
        self.wire.client.batch_execute("rollback").await.map_err(at)
    }

    /// One statement; what it gives takes the place of what was there.
    pub(super) async fn execute(&mut self, statement: &Statement) -> Result<(), tokio_postgres::Error> {
        self.answer = execute(&self.wire.client, &statement.text.0, statement.may_return_rows()).await?;
        Ok(())
    }

    /// What the server said when it closed the session while nothing was asked of it.
    #[must_use]
    pub fn last_words(&self) -> Option<String> {
        self.notices.last_words()
    }

    /// What the last statement gave, with all notices so far as standard output.
    #[must_use]
    pub fn result(&self) -> StepResult {
        let answer = self.answer.clone();
        let (notices, cut) = self.notices.all();
        let clean = |rows: Vec<_>| rows.into_iter().map(|row| self.secrets.remove_from_row(row)).collect();
        StepResult {
            stdout: Some(notices),
            rows: answer.rows.map(clean),
            row_count: Some(answer.count),
            truncated: answer.truncated || cut,
            ..StepResult::default()
        }
    }
}

/// Does within the time limit, or in a minute where there is none, what has to be done before an attempt begins.
pub(super) async fn in_time<T>(
    connection: &Connection,
    limit: Option<Duration>,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let limit = limit.unwrap_or(READY);
    timeout(limit, work).await.unwrap_or_else(|_| {
        let message = format!("target {}: the server did not answer within {limit:?}", connection.name);
        Err(Failure::new(FailureKind::Connection, message))
    })
}

/// The rows of a query of the program's own.
pub(super) async fn rows_of(client: &Client, text: &str) -> Result<Vec<Map<String, Value>>, tokio_postgres::Error> {
    Ok(execute(client, text, true).await?.rows.unwrap_or_default())
}

fn backend(message: &SimpleQueryMessage) -> Option<Backend> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    Some(Backend { pid: row.get(0)?.parse().ok()?, started: row.get(1)?.to_owned() })
}

/// Settings that bound every statement of a session. Quoting is fixed too: the text was read with it.
fn limits(timeout: Option<Duration>) -> String {
    let milliseconds = |limit: Duration| i32::try_from(limit.as_millis()).unwrap_or(i32::MAX).max(1);
    let whole = timeout.map_or(0, |timeout| milliseconds(timeout.saturating_add(SERVERS_GRACE)));
    let idle = timeout.map_or_else(|| milliseconds(READY), |_| whole);
    let lock = milliseconds(timeout.map_or(LOCK_TIMEOUT, |timeout| timeout.min(LOCK_TIMEOUT)));
    format!(
        "set standard_conforming_strings = on; set lock_timeout = {lock}; set statement_timeout = {whole}; \
         set idle_in_transaction_session_timeout = {idle}"
    )
}

/// Sends one statement. Types of columns are asked for first, which the server refuses for more than one statement.
async fn execute(client: &Client, text: &str, types: bool) -> Result<Answer, tokio_postgres::Error> {
    let types: Vec<Type> = if types {
        client.prepare(text).await?.columns().iter().map(|column| column.type_().clone()).collect()
    } else {
        Vec::new()
    };
    let mut messages = pin!(client.simple_query_raw(text).await?);
    let (mut answer, mut bytes) = (Answer::default(), 0);
    while let Some(message) = poll_fn(|context| messages.as_mut().poll_next(context)).await {
        match message? {
            SimpleQueryMessage::RowDescription(_) => answer.rows = Some(Vec::new()),
            SimpleQueryMessage::Row(row) => {
                let rows = answer.rows.get_or_insert_default();
                bytes += (0..row.len()).filter_map(|column| row.get(column)).map(str::len).sum::<usize>();
                if rows.len() < rows::MOST_ROWS && bytes <= rows::MOST_BYTES {
                    rows.push(mapping(&row, &types));
                } else {
                    answer.truncated = true;
                }
            }
            SimpleQueryMessage::CommandComplete(count) => answer.count = count,
            _ => {}
        }
    }
    Ok(answer)
}

fn mapping(row: &SimpleQueryRow, types: &[Type]) -> Map<String, Value> {
    let columns = row.columns().iter().enumerate();
    rows::row(columns.map(|(index, column)| {
        let kind = types.get(index).unwrap_or(&Type::TEXT);
        (column.name(), rows::value(kind, row.get(index)))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_server_ends_a_statement_only_after_the_executor_would_have() {
        assert_eq!(
            limits(Some(Duration::from_millis(300))),
            "set standard_conforming_strings = on; set lock_timeout = 300; set statement_timeout = 1300; \
             set idle_in_transaction_session_timeout = 1300"
        );
    }

    #[test]
    fn without_a_time_limit_waiting_for_locks_and_for_the_executor_is_bounded() {
        assert_eq!(
            limits(None),
            "set standard_conforming_strings = on; set lock_timeout = 10000; set statement_timeout = 0; \
             set idle_in_transaction_session_timeout = 60000"
        );
    }
}
