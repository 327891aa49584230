//! Queries that look and statements that change, on a PostgreSQL target.
//!
//! An attempt is a session of its own under a name that no other attempt has, so that a later run of the program can
//! find out whether it is over. The text is cut into statements, each sent as a message of its own, `COMMIT` too: what
//! was committed is known from which message was sent and which was answered. [`statement`] reads the text, [`session`]
//! talks, [`limit`] ends what takes too long, [`presence`] looks for a session that was lost.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use self::broken::Broken;
use self::limit::Cause;
use self::secrets::Secrets;
use self::session::Session;
use self::statement::Statement;
use super::execute::{Control, End, Ended};
use super::target::Environment;
use crate::model::call::{Connection, SqlCall, Ticket};
use crate::model::event::Intent;
use crate::model::result::{Failure, FailureKind, StepResult};

pub mod broken;
pub mod limit;
pub mod notices;
pub mod presence;
pub mod quote;
pub mod rows;
pub mod rules;
pub mod secrets;
pub mod session;
pub mod statement;

/// How long a session that was given up may take to go away before it counts as still there.
const AFTERMATH: Duration = Duration::from_secs(5);

/// An open session and the statements for it. Nothing was sent yet; dropping it closes the session.
pub struct Prepared {
    session: Session,
    statements: Vec<Statement>,
    transaction: bool,
    timeout: Option<Duration>,
    environment: Environment,
    connection: Connection,
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

/// Opens the session of an attempt and reads its statements.
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
    let prepared = Prepared {
        session,
        statements,
        transaction: call.transaction,
        timeout: ticket.timeout,
        environment: environment.clone(),
        connection: call.connection.clone(),
    };
    Ok((Intent::Session { application_name }, prepared))
}

/// Sends the statements and waits for their end.
///
/// In a transaction, [`End::Failed`], [`End::TimedOut`] and [`End::Cancelled`] say that nothing was committed. Without
/// one, what came before the failed statement is in place. [`End::Lost`] is a connection that broke where the server
/// may have gone either way.
pub async fn carry_out(prepared: Prepared, control: &Control) -> Ended {
    let started = Instant::now();
    let Prepared { mut session, statements, transaction, timeout, environment, connection } = prepared;
    session.forward_notices(control);
    let mut cancel = control.cancel.clone();
    let remote = session.remote();
    let waited = {
        let work = session.run(&statements, transaction, remote.stop());
        limit::bounded(&remote, work, timeout, &mut cancel).await
    };
    let late = timeout.is_some_and(|limit| started.elapsed() >= limit);
    let cause = waited.cause.or(late.then_some(Cause::Timeout));
    let result = session.result();
    let end = match waited.outcome {
        Some(Ok(())) => End::Returned,
        Some(Err(broken)) if !broken.is_lost() => refused(&session, &broken, &statements, transaction, cause),
        unknown => {
            let (name, secrets) = (session.name().to_owned(), session.secrets().clone());
            let broken = unknown.and_then(Result::err);
            let committing = session.is_committing();
            let failure = broken.map(|broken| {
                let consequence = if transaction && !committing { "nothing was committed" } else { "" };
                broken.failure(&statements, consequence, &secrets)
            });
            drop(session);
            let seen = presence::wait(&environment, &connection, &name, Some(AFTERMATH), &mut never()).await;
            lost(failure, &seen.without(&secrets), transaction && !committing, cause)
        }
    };
    Ended { end, result, output: None, duration: started.elapsed() }
}

/// What became of an attempt whose executor is gone: waits until the session of that name is gone too. Whether its
/// statements took effect is not known from here.
pub async fn recover(
    environment: &Environment,
    application_name: &str,
    call: &SqlCall,
    ticket: &Ticket,
    control: &Control,
) -> Ended {
    let started = Instant::now();
    let mut cancel = control.cancel.clone();
    let seen = presence::wait(environment, &call.connection, application_name, ticket.timeout, &mut cancel).await;
    let end = seen.without(&Secrets(ticket.secrets.0.clone())).lost();
    Ended { end, result: StepResult::default(), output: None, duration: started.elapsed() }
}

/// What the server says at this moment about the session of an attempt.
pub async fn trace(
    environment: &Environment,
    connection: &Connection,
    application_name: &str,
    secrets: &[String],
) -> String {
    let now = Some(Duration::ZERO);
    let seen = presence::wait(environment, connection, application_name, now, &mut never()).await;
    seen.without(&Secrets(secrets.to_vec())).to_string()
}

/// The end of an attempt that the server answered.
fn refused(
    session: &Session,
    broken: &Broken,
    statements: &[Statement],
    transaction: bool,
    cause: Option<Cause>,
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
        _ => End::Failed(broken.failure(statements, &consequence, session.secrets())),
    }
}

/// The end of an attempt whose connection broke or was given up.
fn lost(failure: Option<Failure>, seen: &presence::Seen, nothing_committed: bool, cause: Option<Cause>) -> End {
    match (seen, failure, cause) {
        (presence::Seen::Gone { .. }, Some(failure), _) if nothing_committed => End::Failed(failure),
        (presence::Seen::Gone { .. }, None, Some(Cause::Operator)) if nothing_committed => End::Cancelled,
        (presence::Seen::Gone { .. }, None, _) if nothing_committed => End::TimedOut,
        (_, failure, _) => match seen.lost() {
            End::Lost { may_run, evidence } => {
                let evidence = failure.map_or(evidence.clone(), |failure| format!("{}; {evidence}", failure.message));
                End::Lost { may_run, evidence }
            }
            other => other,
        },
    }
}

fn overdue(timeout: Option<Duration>) -> Failure {
    let limit = timeout.map_or_else(String::new, |limit| format!(" of {limit:?}"));
    Failure::new(FailureKind::Timeout, format!("the query did not end within its time limit{limit}"))
}

/// A control that nobody uses.
fn never() -> watch::Receiver<bool> {
    watch::channel(false).1
}
