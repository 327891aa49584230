//! Queries that look and statements that change, on a PostgreSQL target.
//!
//! An attempt is a session of its own under a name that no other attempt has, so that a later run of the program can
//! find out whether it is over. The text is cut into statements, each sent as a message of its own, `COMMIT` too.
//! [`statement`] reads the text, [`session`] and [`protocol`] talk, [`limit`] ends what takes too long.
//!
//! A transaction happens exactly once: it begins with a [`marker`], and where the answer to `COMMIT` was lost [`settle`]
//! finds out. [`presence`] looks for a session that was lost, [`aftermath`] says what all of it means.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use self::aftermath::{Lost, Witnessed};
use self::broken::Broken;
use self::limit::Cause;
use self::marker::Row;
use self::presence::{Place, Who};
use self::secrets::Secrets;
use self::session::Session;
use self::statement::Statement;
use super::execute::{Control, End, Ended};
use super::target::Environment;
use crate::model::call::{SqlCall, Ticket};
use crate::model::event::{Backend, Intent, Marker};
use crate::model::result::{Failure, FailureKind, StepResult};

pub mod aftermath;
pub mod broken;
pub mod limit;
pub mod marker;
pub mod notices;
pub mod presence;
pub mod protocol;
pub mod quote;
pub mod rows;
pub mod rules;
pub mod secrets;
pub mod session;
pub mod settle;
pub mod statement;
pub mod validity;

/// An open session and the statements for it. Nothing was sent yet; dropping it closes the session.
pub struct Prepared {
    session: Session,
    statements: Vec<Statement>,
    row: Option<Row>,
    timeout: Option<Duration>,
    environment: Environment,
    call: SqlCall,
}

/// Carries out one statement in a read-only transaction, which is rolled back. At most [`rows::MOST_ROWS`] rows are
/// given back; `row_count` counts all.
///
/// # Errors
///
/// A [`Failure`] of kind `Connection`, `Sql` or `Timeout`.
pub async fn look(environment: &Environment, call: &SqlCall, ticket: &Ticket) -> Result<StepResult, Failure> {
    let statement = rules::one(&call.text, &call.variables)?;
    let name = session::look_name(ticket);
    let mut session = Session::open(environment, &call.connection, &name, ticket).await?;
    let (_open, mut never) = watch::channel(false);
    let remote = session.remote();
    let waited = limit::bounded(&remote, session.look(&statement), ticket.timeout, &mut never).await;
    match (waited.outcome, waited.cause) {
        (Some(Ok(())), _) => Ok(session.result()),
        (None, _) | (Some(Err(_)), Some(_)) => Err(overdue(ticket.timeout)),
        (Some(Err(broken)), None) => Err(broken.failure(&[statement], "", session.secrets())),
    }
}

/// Opens the session of an attempt and reads its statements. Makes the marker table where it is missing and may be made;
/// it is part of the run's own state.
///
/// # Errors
///
/// Where the text cannot be sent or the server not be reached. Nothing has changed then.
pub async fn prepare(
    environment: &Environment,
    call: &SqlCall,
    ticket: &Ticket,
) -> Result<(Intent, Prepared), Failure> {
    let statements = rules::all(&call.text, &call.variables, call.transaction)?;
    let application_name = session::attempt_name(ticket);
    let session = Session::open(environment, &call.connection, &application_name, ticket).await?;
    let arranging = marker::arrange(session.client(), ticket, session.backend(), session.secrets());
    let arranged = session::in_time(&call.connection, ticket.timeout, arranging).await?;
    let marker = match &arranged {
        Ok(row) => row.held(),
        Err(reason) => Marker::Denied { reason: reason.clone() },
    };
    let intent = Intent::Session { application_name, backend: session.backend().cloned(), marker: Some(marker) };
    let prepared = Prepared {
        session,
        statements,
        row: arranged.ok(),
        timeout: ticket.timeout,
        environment: environment.clone(),
        call: call.clone(),
    };
    Ok((intent, prepared))
}

/// Sends the statements and waits for their end.
///
/// In a transaction, [`End::Failed`], [`End::TimedOut`] and [`End::Cancelled`] say that nothing was committed. Without
/// one, what came before the failed statement is in place. [`End::Lost`] is a connection that broke where the server
/// may have gone either way, and could not be asked.
pub async fn carry_out(prepared: Prepared, control: &Control) -> Ended {
    let started = Instant::now();
    let Prepared { mut session, statements, row, timeout, environment, call } = prepared;
    session.forward_notices(control);
    let mut cancel = control.cancel.clone();
    let remote = session.remote();
    let waited = {
        let work = async {
            if call.transaction {
                session.transact(&statements, row.as_ref(), remote.stop()).await
            } else {
                session.one_by_one(&statements, row.as_ref(), remote.stop()).await
            }
        };
        limit::bounded(&remote, work, timeout, &mut cancel).await
    };
    let late = timeout.is_some_and(|limit| started.elapsed() >= limit);
    let cause = waited.cause.or(late.then_some(Cause::Timeout));
    let result = session.result();
    let end = match waited.outcome {
        Some(Ok(())) => End::Returned,
        Some(Err(broken)) if !broken.is_lost() => {
            refused(&broken, &statements, call.transaction, cause, session.secrets())
        }
        unknown => {
            let who = Who { name: session.name().to_owned(), backend: session.backend().cloned() };
            let place = Place { environment: environment.clone(), connection: call.connection.clone(), who };
            let lost = Lost { place, row, call: &call, secrets: session.secrets().clone() };
            let committing = session.is_committing();
            let broken = unknown.and_then(Result::err).map(|broken| broken.with_last_words(session.last_words()));
            let until = timeout.map(|limit| started + limit);
            drop(session);
            let seen = Witnessed { statements: &statements, broken, committing, cause, until };
            if call.transaction { lost.transaction(&seen).await } else { lost.statements(&seen).await }
        }
    };
    let end = if call.transaction { end } else { with_indexes(end, &environment, &call).await };
    Ended { end, result, output: None, duration: started.elapsed() }
}

/// What became of an attempt whose executor is gone. With a marker that is known as soon as the server can be asked and
/// its transaction is over. Without one it waits until the session is gone too, and whether the statements took effect
/// is not known from here.
pub async fn recover(
    environment: &Environment,
    (name, backend, marker): (&str, Option<&Backend>, Option<&Marker>),
    call: &SqlCall,
    ticket: &Ticket,
    control: &Control,
) -> Ended {
    let started = Instant::now();
    let mut cancel = control.cancel.clone();
    let who = Who { name: name.to_owned(), backend: backend.cloned() };
    let place = Place { environment: environment.clone(), connection: call.connection.clone(), who };
    let row = marker.and_then(|marker| Row::recorded(marker, ticket));
    let lost = Lost { place, row, call, secrets: Secrets(ticket.secrets.0.clone()) };
    let (end, result) = lost.found(ticket.timeout, &mut cancel).await;
    Ended { end, result, output: None, duration: started.elapsed() }
}

/// What the server says at this moment about the session of an attempt.
pub async fn trace(
    environment: &Environment,
    (name, backend): (&str, Option<&Backend>),
    call: &SqlCall,
    ticket: &Ticket,
) -> String {
    let who = Who { name: name.to_owned(), backend: backend.cloned() };
    let place = Place { environment: environment.clone(), connection: call.connection.clone(), who };
    let seen = presence::wait(&place, Some(Instant::now()), Duration::ZERO, &mut watch::channel(false).1).await;
    format!("its session on {}: {}", call.connection.name, seen.without(&Secrets(ticket.secrets.0.clone())))
}

/// The end of an attempt that the server answered.
fn refused(
    broken: &Broken,
    statements: &[Statement],
    transaction: bool,
    cause: Option<Cause>,
    secrets: &Secrets,
) -> End {
    let consequence = match (transaction, broken.statement()) {
        (true, _) => "nothing was committed".to_owned(),
        (false, 0) => "no statement took effect before it".to_owned(),
        (false, 1) => "statement 1 took effect before it".to_owned(),
        (false, before) => format!("statements 1 to {before} took effect before it"),
    };
    match cause {
        Some(Cause::Timeout) if broken.is_cancelled() => End::TimedOut,
        Some(Cause::Operator) if broken.is_cancelled() => End::Cancelled,
        _ => End::Failed(broken.failure(statements, &consequence, secrets)),
    }
}

/// An index that was to be built and is INVALID: `if not exists` takes the remains of a broken build for the index.
async fn with_indexes(end: End, environment: &Environment, call: &SqlCall) -> End {
    if !matches!(end, End::Returned | End::Failed(_)) {
        return end;
    }
    match (end, validity::invalid_indexes(environment, call).await) {
        (End::Returned, Err(reason)) => {
            let evidence = format!("every statement ended well; whether the index is valid is not known: {reason}");
            End::Lost { may_run: false, evidence }
        }
        (End::Returned, Ok(invalid)) if !invalid.is_empty() => {
            let message = format!("every statement ended well, but {invalid}");
            let advice = "what is left of a build that broke: drop it, or reindex it, and run the step again";
            End::Failed(Failure { chain: vec![advice.to_owned()], ..Failure::new(FailureKind::Sql, message) })
        }
        (End::Failed(mut failure), Ok(invalid)) if !invalid.is_empty() => {
            failure.chain.push(invalid);
            End::Failed(failure)
        }
        (end, _) => end,
    }
}

fn overdue(timeout: Option<Duration>) -> Failure {
    let limit = timeout.map_or_else(String::new, |limit| format!(" of {limit:?}"));
    Failure::new(FailureKind::Timeout, format!("the query did not end within its time limit{limit}"))
}
