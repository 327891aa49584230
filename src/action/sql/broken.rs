//! A statement that did not go well: what it means, and how that is said.

use tokio_postgres::error::{DbError, ErrorPosition, Severity, SqlState};

use super::marker::is_taken;
use super::secrets::Secrets;
use super::statement::Statement;
use crate::model::result::{Failure, FailureKind};

/// What to do where a lock was not to be had in time. The server does not say who holds it.
const LOCKED: &str = "another session holds a lock that it needs, most likely the oldest of: select pid, usename, \
                      state, xact_start, left(query, 60) from pg_stat_activity where xact_start is not null order by \
                      xact_start; let it end, or end it with pg_terminate_backend(pid), then try again";

/// What it means that an attempt's marker is there before the attempt.
const TAKEN: &str = "the marker of this attempt is there already: another executor of this run has settled it";

/// What went wrong at which statement.
#[derive(Debug)]
pub enum Broken {
    /// The server's answer, or a connection that broke, at the statement of that index; `COMMIT` comes after the last.
    At(usize, tokio_postgres::Error),
    /// The same at the marker, before the first statement.
    Marker(tokio_postgres::Error),
    /// The server closed the session before the statement of that index was sent, and said this.
    Closed(usize, String),
    /// Nothing more was sent from the statement of that index on, because an end was wanted.
    Stopped(usize),
}

impl Broken {
    /// Whether the connection broke: what the server did last is not known from it.
    #[must_use]
    pub fn is_lost(&self) -> bool {
        match self {
            Self::Stopped(_) => false,
            Self::Closed(..) => true,
            Self::At(_, error) | Self::Marker(error) => error.as_db_error().is_none_or(|server| {
                let code = server.code().code();
                matches!(server.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) || code.starts_with("57P")
            }),
        }
    }

    /// Whether an end was asked for and this is its answer.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        match self {
            Self::Stopped(_) => true,
            Self::Closed(..) => false,
            Self::At(_, error) | Self::Marker(error) => error.code() == Some(&SqlState::QUERY_CANCELED),
        }
    }

    /// The same with what the server said before it closed the session, where it was not asked anything then.
    #[must_use]
    pub fn with_last_words(self, said: Option<String>) -> Self {
        match (self, said) {
            (Self::At(index, error), Some(said)) if error.as_db_error().is_none() => Self::Closed(index, said),
            (Self::Marker(error), Some(said)) if error.as_db_error().is_none() => Self::Closed(0, said),
            (broken, _) => broken,
        }
    }

    /// How many statements came before.
    #[must_use]
    pub const fn statement(&self) -> usize {
        match self {
            Self::At(index, _) | Self::Closed(index, _) | Self::Stopped(index) => *index,
            Self::Marker(_) => 0,
        }
    }

    /// In words: which statement, what the server said, and what that means (`consequence`, may be empty).
    #[must_use]
    pub fn failure(&self, statements: &[Statement], consequence: &str, secrets: &Secrets) -> Failure {
        let place = |line: Option<usize>| match statements.get(self.statement()) {
            _ if matches!(self, Self::Marker(_)) => "its marker".to_owned(),
            None => "COMMIT".to_owned(),
            Some(statement) => {
                let number = self.statement() + 1;
                format!("statement {number} of {} (line {})", statements.len(), line.unwrap_or(statement.line))
            }
        };
        let (what, chain) = match self {
            Self::Stopped(_) => (format!("{} was not sent", place(None)), Vec::new()),
            Self::Closed(_, said) => (format!("{}: the connection was lost: {said}", place(None)), Vec::new()),
            Self::Marker(error) if is_taken(error) => (TAKEN.to_owned(), causes(error, secrets)),
            Self::At(_, error) | Self::Marker(error) => match error.as_db_error() {
                None => (format!("{}: the connection was lost", place(None)), causes(error, secrets)),
                Some(server) => {
                    let line = statements.get(self.statement()).and_then(|statement| line(statement, server));
                    let said = format!("{} {}: {}", server.severity(), server.code().code(), server.message());
                    (format!("{}: {said}", place(line)), causes(error, secrets))
                }
            },
        };
        let message = if consequence.is_empty() { what } else { format!("{what}; {consequence}") };
        Failure { kind: FailureKind::Sql, message: secrets.remove(&message), chain }
    }
}

/// What the server added to its error: detail, hint and where; or why the connection broke.
#[must_use]
pub fn causes(error: &tokio_postgres::Error, secrets: &Secrets) -> Vec<String> {
    let Some(server) = error.as_db_error() else {
        let source = std::error::Error::source(error);
        return source.map(|source| secrets.remove(&source.to_string())).into_iter().collect();
    };
    let parts = [("detail", server.detail()), ("hint", server.hint()), ("where", server.where_())];
    let said = parts.into_iter().filter_map(|(name, text)| text.map(|text| format!("{name}: {text}")));
    let advice = (server.code() == &SqlState::LOCK_NOT_AVAILABLE).then(|| LOCKED.to_owned());
    said.chain(advice).map(|text| secrets.remove(&text)).collect()
}

fn line(statement: &Statement, server: &DbError) -> Option<usize> {
    match server.position() {
        Some(ErrorPosition::Original(character)) => Some(statement.line_at(*character)),
        _ => None,
    }
}
