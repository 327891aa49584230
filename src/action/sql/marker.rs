//! The marker: one row that is inserted first in an attempt's transaction, so that it is there exactly where the
//! attempt's effect is. A text that is not one transaction leaves one too, which says how far it came.
//!
//! `runbook.marker` is made when it is missing. A row is done (its transaction was committed), void (nobody may commit
//! it any more), or begun (a text that is not one transaction, and at which statement). Rows of runs that are long over
//! serve nobody; whoever wants to may delete those older than the longest run.

use serde_json::json;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::broken::causes;
use super::secrets::Secrets;
use super::session::rows_of;
use crate::model::call::Ticket;
use crate::model::digest::sha256;
use crate::model::event::{Backend, Marker};
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::sql::marker::{RIGHTS, Rights};

/// Keeps two that make the table at once apart. Any number does that nobody else uses.
const LOCK: i64 = 0x0072_756e_626f_6f6b;

/// The most that is kept of a result, in bytes of JSON. A row is no store.
const MOST_KEPT: usize = 64 * 1024;

/// What a row says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its transaction was committed, or its last statement has ended well.
    Done,
    /// Nothing was done under this key, and nothing will be.
    Void,
    /// That statement, from 1, was sent.
    Begun(usize),
}

/// The row of one attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    schema: String,
    id: String,
    run: String,
    step: String,
    direction: String,
    attempt: u32,
}

impl Row {
    /// The row of an attempt in that schema. The id of a run is unique on its own machine only, the session is on the
    /// server.
    #[must_use]
    pub fn new(schema: &str, ticket: &Ticket, backend: Option<&Backend>) -> Self {
        let direction = ticket.undo.map_or_else(|| "do".to_owned(), |part| format!("undo {part}"));
        let session = backend.map_or_else(String::new, |backend| format!("{} {}", backend.pid, backend.started));
        let parts = [&ticket.run, &ticket.step, &direction, &ticket.attempt.to_string(), &session];
        let id = sha256(&[parts.map(String::as_str).join("\0").as_bytes()]);
        Self {
            schema: schema.to_owned(),
            id,
            run: ticket.run.clone(),
            step: ticket.step.clone(),
            direction,
            attempt: ticket.attempt,
        }
    }

    /// The row that an intent names.
    #[must_use]
    pub fn recorded(marker: &Marker, ticket: &Ticket) -> Option<Self> {
        match marker {
            Marker::Held { schema, id } => Some(Self { id: id.clone(), ..Self::new(schema, ticket, None) }),
            Marker::Denied { .. } => None,
        }
    }

    /// As an intent names it.
    #[must_use]
    pub fn held(&self) -> Marker {
        Marker::Held { schema: self.schema.clone(), id: self.id.clone() }
    }

    fn table(&self) -> String {
        format!("\"{}\".marker", self.schema.replace('"', "\"\""))
    }

    /// Puts the row there. Waits for a transaction that has done so; fails where one has committed it.
    #[must_use]
    pub fn insert(&self, state: State) -> String {
        let (state, statement) = words(state);
        format!(
            "insert into {} (id, run, step, direction, attempt, state, statement) \
             values ({}, {}, {}, {}, {}, {state}, {statement}) returning ctid",
            self.table(),
            quoted(&self.id),
            quoted(&plain(&self.run)),
            quoted(&plain(&self.step)),
            quoted(&self.direction),
            self.attempt,
        )
    }

    /// Changes the row that stands at `place`. By its place and not by its key: a serializable transaction that looks
    /// into the index is in the way of others that do.
    #[must_use]
    pub fn update(&self, place: &str, state: State, kept: Option<&str>) -> String {
        let (state, statement) = words(state);
        let kept = kept.map_or_else(|| "null".to_owned(), quoted);
        let (table, place) = (self.table(), quoted(place));
        format!(
            "update {table} set state = {state}, statement = {statement}, result = {kept} \
             where ctid operator(pg_catalog.=) {place} returning ctid"
        )
    }

    /// Reads what the row says.
    #[must_use]
    pub fn read(&self) -> String {
        let (table, id) = (self.table(), quoted(&self.id));
        format!("select state, statement, result from {table} where id operator(pg_catalog.=) {id}")
    }

    /// Makes sure that rows of this attempt can be there.
    async fn make(client: &Client, rights: &Rights) -> Result<(), tokio_postgres::Error> {
        let schema = rights.schema.replace('"', "\"\"");
        let new = if rights.new_schema { format!("create schema if not exists \"{schema}\"; ") } else { String::new() };
        client
            .batch_execute(&format!(
                "begin; set local search_path = pg_catalog; select pg_advisory_xact_lock({LOCK}); {new}\
                 create table if not exists \"{schema}\".marker (id text primary key, run text not null, \
                 step text not null, direction text not null, attempt integer not null, state text not null, \
                 statement integer, result text, at timestamptz not null default pg_catalog.clock_timestamp()); commit"
            ))
            .await
    }
}

/// The row that an attempt can have on this server, or why it can have none. Makes the table where it is missing.
///
/// # Errors
///
/// Where the server cannot be asked.
pub async fn arrange(
    client: &Client,
    ticket: &Ticket,
    backend: Option<&Backend>,
    secrets: &Secrets,
) -> Result<Result<Row, String>, Failure> {
    let failed = |error: tokio_postgres::Error| {
        let message = format!("whether a marker can be held could not be found out: {error}");
        Failure { kind: FailureKind::Connection, message, chain: causes(&error, secrets) }
    };
    let mut rights = rights(client).await.map_err(failed)?;
    if let Some(missing) = rights.as_ref().filter(|rights| !rights.usable && rights.creatable) {
        if let Err(error) = Row::make(client, missing).await {
            if error.as_db_error().is_none() {
                return Err(failed(error));
            }
            // Somebody may forbid it by other means; what counts is what is there afterwards.
            client.batch_execute("rollback").await.map_err(failed)?;
            let reason = secrets.remove(&format!("the marker table could not be made: {error}"));
            return Ok(Err(reason));
        }
        rights = self::rights(client).await.map_err(failed)?;
    }
    Ok(match rights {
        Some(rights) if rights.usable => Ok(Row::new(&rights.schema, ticket, backend)),
        Some(rights) => Err(rights.why),
        None => Err("the server did not say whether a marker can be held".to_owned()),
    })
}

async fn rights(client: &Client) -> Result<Option<Rights>, tokio_postgres::Error> {
    Ok(Rights::of(&rows_of(client, RIGHTS).await?))
}

/// Whether the server says that there is such a row already.
#[must_use]
pub fn is_taken(error: &tokio_postgres::Error) -> bool {
    error.code() == Some(&SqlState::UNIQUE_VIOLATION)
}

/// The place of the row that a statement put somewhere.
#[must_use]
pub fn place(messages: &[SimpleQueryMessage]) -> Option<String> {
    messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    })
}

/// The part of a result, which has no secrets any more, that is worth a row.
#[must_use]
pub fn kept(result: &StepResult, sensitive: bool) -> String {
    let count = json!({ "row_count": result.row_count, "truncated": true });
    if sensitive {
        return count.to_string();
    }
    let whole = json!({ "row_count": result.row_count, "rows": result.rows, "stdout": result.stdout,
                        "truncated": result.truncated });
    Some(whole.to_string()).filter(|whole| whole.len() <= MOST_KEPT).unwrap_or_else(|| count.to_string())
}

/// The result that a row kept.
#[must_use]
pub fn result(kept: Option<&str>) -> StepResult {
    kept.and_then(|kept| serde_json::from_str(kept).ok()).unwrap_or_default()
}

/// What the row's two columns mean.
#[must_use]
pub fn state(state: &str, statement: Option<&str>) -> Option<State> {
    match state {
        "done" => Some(State::Done),
        "void" => Some(State::Void),
        "begun" => statement?.parse().ok().map(State::Begun),
        _ => None,
    }
}

fn words(state: State) -> (&'static str, String) {
    match state {
        State::Done => ("'done'", "null".to_owned()),
        State::Void => ("'void'", "null".to_owned()),
        State::Begun(statement) => ("'begun'", statement.to_string()),
    }
}

/// A literal, however the session reads backslashes.
fn quoted(text: &str) -> String {
    format!("E'{}'", text.replace('\\', "\\\\").replace('\'', "''"))
}

/// What every encoding of a database can hold.
fn plain(text: &str) -> String {
    text.chars().map(|letter| if letter == ' ' || letter.is_ascii_graphic() { letter } else { '?' }).collect()
}
