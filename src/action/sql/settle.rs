//! What became of an attempt that has a marker: the same row is inserted once more, from a new connection.
//!
//! That waits for a transaction that has inserted it and is still open. Where the row is there, it says what was done.
//! Where it could be inserted nothing was committed, and now nothing can be: the row stays, void, so whatever of the
//! attempt is still under way meets it. Looking instead would prove nothing, and neither would the transaction's
//! number, which is handed out again after a crash.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::limit::asked;
use super::marker::{self, Row, State};
use super::presence::{Place, RECOVERING};
use super::session::DURABLE;
use crate::action::target::postgres;
use crate::model::result::{Failure, StepResult};

/// How long one try waits for an open transaction. There may be many tries: the connection of one may be dead too.
const SLICE: Duration = Duration::from_secs(2);

/// How long one try may take as a whole.
const TRY: Duration = Duration::from_secs(5);

/// Time between two tries.
const PAUSE: Duration = Duration::from_millis(100);

/// What is known now.
#[derive(Debug, Clone, PartialEq)]
pub enum Settled {
    /// It was done, and gave this.
    Done(StepResult),
    /// Nothing was done, and nothing will be.
    Void,
    /// Statements that are no transaction: that one, from 1, was sent, and no other after it.
    Begun(usize),
    /// Its transaction is still open.
    Open,
    /// The server could not be asked.
    Unclear(String),
}

/// Finds out: while its transaction is open until that moment, or for ever; while the server is away for so long; or
/// until the operator has enough of it.
pub async fn settle(
    place: &Place,
    row: &Row,
    until: Option<Instant>,
    patience: Duration,
    cancel: &mut watch::Receiver<bool>,
) -> Settled {
    let impatient = Instant::now() + patience;
    loop {
        let settled = timeout(TRY, once(place, row)).await.unwrap_or_else(|_| {
            let reason = format!("no answer within {} s", TRY.as_secs());
            Settled::Unclear(reason)
        });
        let end = match &settled {
            Settled::Done(_) | Settled::Void | Settled::Begun(_) => return settled,
            Settled::Open => until,
            Settled::Unclear(_) => Some(impatient),
        };
        if end.is_some_and(|end| Instant::now() >= end) {
            return settled;
        }
        tokio::select! {
            biased;
            () = asked(cancel) => return settled,
            () = sleep(PAUSE) => {}
        }
    }
}

async fn once(place: &Place, row: &Row) -> Settled {
    let opened = postgres::connect(&place.environment, &place.connection, RECOVERING, |_| ()).await;
    let session = match opened {
        Ok(session) => session,
        Err(error) => return Settled::Unclear(Failure::from(error).message),
    };
    let client = &session.client;
    match insert(client, row).await {
        Ok(()) => Settled::Void,
        Err(error) if marker::is_taken(&error) => match read(client, row).await {
            Ok(Some(settled)) => settled,
            Ok(None) => Settled::Unclear("the marker was there and is not any more".to_owned()),
            Err(error) => Settled::Unclear(said(&error)),
        },
        Err(error) if is_open(&error) => Settled::Open,
        Err(error) => Settled::Unclear(said(&error)),
    }
}

async fn insert(client: &Client, row: &Row) -> Result<(), tokio_postgres::Error> {
    let (slice, whole) = (SLICE.as_millis(), TRY.as_millis());
    let limits = format!(
        "set search_path = pg_catalog; set lock_timeout = {slice}; set statement_timeout = {whole}; \
         set idle_in_transaction_session_timeout = {whole}; {DURABLE}"
    );
    client.batch_execute(&limits).await?;
    client.batch_execute(&format!("begin; {}", row.insert(State::Void))).await?;
    client.batch_execute("commit").await
}

async fn read(client: &Client, row: &Row) -> Result<Option<Settled>, tokio_postgres::Error> {
    client.batch_execute("rollback").await?;
    let messages = client.simple_query(&row.read()).await?;
    let found = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(found) => Some(found),
        _ => None,
    });
    Ok(found.and_then(|found| match marker::state(found.get(0)?, found.get(1))? {
        State::Done => Some(Settled::Done(marker::result(found.get(2)))),
        State::Void => Some(Settled::Void),
        State::Begun(statement) => Some(Settled::Begun(statement)),
    }))
}

/// Whether somebody else holds the key and has not said yet whether for good.
fn is_open(error: &tokio_postgres::Error) -> bool {
    error.code().is_some_and(|code| [SqlState::LOCK_NOT_AVAILABLE, SqlState::QUERY_CANCELED].contains(code))
}

fn said(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(server) => format!("{} ({})", server.message(), server.code().code()),
        None => error.to_string(),
    }
}
