//! Looking at the world without changing it.

use std::future::Future;

use crate::model::call::{Call, FileCall, Ticket};
use crate::model::event::{Answer, FileState};
use crate::model::http::HttpExpect;
use crate::model::result::{Failure, FailureKind, StepResult};
use crate::model::sql::index;
use crate::model::step::Action;

/// How many characters of a body stand in a failure.
const QUOTED: usize = 300;

/// Looks, and cannot do anything else.
pub trait Observer {
    /// Carries out one read-only call: a query in a read-only transaction, or a process that its author declares
    /// to be read-only. Bounded by the ticket's timeout.
    ///
    /// # Errors
    ///
    /// Where it could not be carried out: no connection, no such program, a timeout. A process that ends with
    /// another code than 0 is a result, not an error.
    fn look(&self, call: &Call, ticket: &Ticket) -> impl Future<Output = Result<StepResult, Failure>>;

    /// What a file is and what the call would make of it.
    ///
    /// # Errors
    ///
    /// Where the file cannot be read, an edit does not match, a user does not exist, or a source has changed.
    fn preview_file(&self, call: &FileCall) -> impl Future<Output = Result<FilePreview, Failure>>;
}

/// The answer of a step's check, as far as it may be believed. That an index is there says nothing where the step builds
/// it concurrently: a build that breaks leaves it behind, INVALID. Going forward that is not the effect; going `back` it
/// is something to be undone.
pub async fn believed(
    said: (Answer, String),
    back: bool,
    action: Option<&Call>,
    ticket: &Ticket,
    observer: &impl Observer,
) -> (Answer, String) {
    let (doubtful, instead) =
        if back { (Answer::DoesNotHold, Answer::Holds) } else { (Answer::Holds, Answer::DoesNotHold) };
    let question = match action {
        Some(Call::Sql(call)) if said.0 == doubtful => index::invalid(call),
        _ => None,
    };
    let Some(question) = question else { return said };
    match observer.look(&Call::Query(question), ticket).await.map(|result| result.rows.unwrap_or_default()) {
        Ok(rows) if rows.is_empty() => said,
        Ok(rows) => (instead, index::in_words(&rows)),
        Err(failure) => (Answer::Unknown, format!("whether its index is valid is not known: {}", failure.message)),
    }
}

/// A file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilePreview {
    /// As it is; `None` is no file.
    pub before: Option<FileSnapshot>,
    /// As it would be; `None` is no file.
    pub after: Option<FileSnapshot>,
}

impl FilePreview {
    /// Whether anything would change.
    #[must_use]
    pub fn changes(&self) -> bool {
        self.before.as_ref().map(|file| &file.state) != self.after.as_ref().map(|file| &file.state)
    }
}

/// A file's bytes and state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSnapshot {
    /// All of them.
    pub bytes: Vec<u8>,
    /// Digest and permissions.
    pub state: FileState,
}

/// What of a response is not as its own `expect` says, where an expression decides: without one any response will do.
#[must_use]
pub fn differs<'r>(action: &Action, result: &'r StepResult) -> Option<&'r str> {
    match action {
        Action::Http(http) if http.expect != HttpExpect::default() => result.unmet.as_deref(),
        _ => None,
    }
}

/// The failure of a response that is not as wanted, with the beginning of its body unless that must not be shown.
#[must_use]
pub fn unmet(result: &StepResult, sensitive: bool) -> Option<Failure> {
    let failure = Failure::new(FailureKind::Response, result.unmet.clone()?);
    let said = result.body.as_deref().map(str::trim).filter(|body| !body.is_empty() && !sensitive);
    let said = said.map(|body| format!("it answered: {}", body.chars().take(QUOTED).collect::<String>()));
    Some(Failure { chain: said.into_iter().collect(), ..failure })
}

/// How the result of a probe without `that` or `until` is read: exit 0, or one row whose first column is true, holds;
/// exit 1, false, null or no row does not hold; a response is as wanted or is not; anything else is unknown. The text
/// says what was seen.
#[must_use]
pub fn answer(looked: &Result<StepResult, Failure>) -> (Answer, String) {
    let result = match looked {
        Ok(result) => result,
        Err(failure) if failure.kind == FailureKind::Precondition => {
            return (Answer::DoesNotHold, failure.message.clone());
        }
        Err(failure) => return (Answer::Unknown, failure.message.clone()),
    };
    if let Some(code) = result.exit_code {
        let answer = match code {
            0 => Answer::Holds,
            1 => Answer::DoesNotHold,
            _ => Answer::Unknown,
        };
        return (answer, format!("exit {code}"));
    }
    if let Some(status) = result.status {
        return match &result.unmet {
            None => (Answer::Holds, format!("status {status}")),
            Some(unmet) => (Answer::DoesNotHold, unmet.clone()),
        };
    }
    match result.rows.as_deref() {
        Some([]) => (Answer::DoesNotHold, "no row".to_owned()),
        Some([row]) => {
            let first = row.values().next();
            match first {
                Some(serde_json::Value::Bool(true)) => (Answer::Holds, "true".to_owned()),
                None | Some(serde_json::Value::Bool(false) | serde_json::Value::Null) => {
                    (Answer::DoesNotHold, first.map_or_else(|| "no column".to_owned(), ToString::to_string))
                }
                Some(other) => (Answer::Unknown, format!("first column is {other}, not true or false")),
            }
        }
        Some(rows) => (Answer::Unknown, format!("{} rows, one was wanted", rows.len())),
        None => (Answer::Unknown, "no result".to_owned()),
    }
}
