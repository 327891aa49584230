//! From a connection string to a session: what libpq does for psql, over `tokio_postgres`.
//!
//! [`conninfo`] reads the text, [`service`] and [`passfile`] the files beside it, [`settings`] puts them together with
//! the environment, [`tls`] maps `sslmode`. This file opens the connection and says what was tried when it fails.

use std::future::poll_fn;
use std::time::Duration;

use tokio_postgres::{AsyncMessage, CancelToken, Client, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use self::settings::{Settings, SettingsError};
use super::Environment;
use crate::model::call::Connection;
use crate::model::result::{Failure, FailureKind};

pub mod conninfo;
pub mod passfile;
pub mod service;
pub mod settings;
pub mod tls;

/// Why there is no session.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The connection string, the service or the certificates are not usable.
    #[error("target {target}: {source}")]
    Settings {
        /// Name of the target.
        target: String,
        /// What is wrong with them.
        source: SettingsError,
    },
    /// The server did not let us in, or did not answer.
    #[error("target {target}: {tried}: {reason}")]
    Refused {
        /// Name of the target.
        target: String,
        /// Host, port, database and user.
        tried: String,
        /// In the server's or the system's words.
        reason: String,
        /// What to look at or type next.
        advice: Vec<String>,
    },
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let mut failure = Self::new(FailureKind::Connection, error.to_string());
        if let ConnectError::Refused { advice, .. } = error {
            failure.chain = advice;
        }
        failure
    }
}

/// An open session.
///
/// Its socket is served by a task of its own, which ends when this is dropped. Dropping it ends the session on the
/// server too, and with it a transaction that was not committed.
pub struct Session {
    /// To send statements with.
    pub client: Client,
    tls: MakeRustlsConnect,
}

impl Session {
    /// A way to reach the session's server beside the session.
    #[must_use]
    pub fn remote(&self) -> Remote {
        Remote { token: self.client.cancel_token(), tls: self.tls.clone() }
    }
}

/// Asks a server to end what runs in a session, over a connection of its own.
#[derive(Clone)]
pub struct Remote {
    token: CancelToken,
    tls: MakeRustlsConnect,
}

impl Remote {
    /// Asks once. The server does not say whether there was anything to end.
    ///
    /// # Errors
    ///
    /// Where the server could not be asked.
    pub async fn cancel_statement(&self) -> Result<(), tokio_postgres::Error> {
        self.token.cancel_query(self.tls.clone()).await
    }
}

/// Opens a session under the given application name. `on_notice` is called for each notice that the server
/// sends, and for the error with which it closes a session that waits for nothing.
///
/// # Errors
///
/// [`ConnectError`] names the target, what was tried and what to do next; never a password.
pub async fn connect(
    environment: &Environment,
    connection: &Connection,
    application_name: &str,
    on_notice: impl FnMut(&tokio_postgres::error::DbError) + Send + 'static,
) -> Result<Session, ConnectError> {
    let unusable = |source| ConnectError::Settings { target: connection.name.clone(), source };
    let settings = settings::resolve(environment, connection).map_err(unusable)?;
    let tls = tls::connector(&settings).map_err(unusable)?;
    let mut config = settings.config.clone();
    config.application_name(application_name);
    let opening = config.connect(tls.clone());
    let opened = match settings.limit() {
        Some(limit) => match tokio::time::timeout(limit, opening).await {
            Ok(opened) => opened,
            Err(_) => return Err(refused(connection, &settings, &no_answer(limit))),
        },
        None => opening.await,
    };
    let (client, wire) = opened.map_err(|error| refused(connection, &settings, &reason(&error)))?;
    tokio::spawn(serve(wire, on_notice));
    Ok(Session { client, tls })
}

async fn serve<S>(
    mut wire: tokio_postgres::Connection<Socket, S>,
    mut on_notice: impl FnMut(&tokio_postgres::error::DbError),
) where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    // An error of the wire reaches whoever waits for an answer. Where nobody does, what the server said before it closed
    // the connection is told nowhere else.
    while let Some(received) = poll_fn(|context| wire.poll_message(context)).await {
        match received {
            Ok(AsyncMessage::Notice(notice)) => on_notice(&notice),
            Ok(_) => {}
            Err(error) => return error.as_db_error().into_iter().for_each(on_notice),
        }
    }
}

fn no_answer(limit: Duration) -> String {
    format!("no answer within {} s", limit.as_secs())
}

/// The innermost cause in words: the wrapper's own "error connecting to server" says nothing new.
fn reason(error: &tokio_postgres::Error) -> String {
    if let Some(server) = error.as_db_error() {
        return format!("{} ({})", server.message(), server.code().code());
    }
    std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string)
}

fn refused(connection: &Connection, settings: &Settings, reason: &str) -> ConnectError {
    let mut advice = settings.warnings.clone();
    advice.push(format!("to try it by hand: {}", settings.psql()));
    ConnectError::Refused {
        target: connection.name.clone(),
        tried: settings.to_string(),
        reason: reason.to_owned(),
        advice,
    }
}
