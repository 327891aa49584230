//! Indexes that a text builds concurrently and that are INVALID, found for the evidence of its attempt.

use std::time::Duration;

use tokio::time::timeout;

use super::presence::RECOVERING;
use super::rules;
use super::session::rows_of;
use crate::action::target::Environment;
use crate::action::target::postgres;
use crate::model::call::SqlCall;
use crate::model::result::Failure;
use crate::model::sql::index;

/// How long the question may take. It is about what went wrong already.
const LIMIT: Duration = Duration::from_secs(5);

/// In words: which of the indexes that the call builds concurrently are INVALID. Empty where none is, and where it
/// builds none.
///
/// # Errors
///
/// Why the server does not say.
pub async fn invalid_indexes(environment: &Environment, call: &SqlCall) -> Result<String, String> {
    let Some(question) = index::invalid(call) else { return Ok(String::new()) };
    let statement = rules::one(&question.text, &question.variables).map_err(|failure| failure.message)?;
    let asking = async {
        let opened = postgres::connect(environment, &call.connection, RECOVERING, |_| ()).await;
        let session = opened.map_err(|error| Failure::from(error).message)?;
        rows_of(&session.client, &statement.text.0).await.map_err(|error| error.to_string())
    };
    let unanswered = |_| Err(format!("no answer within {} s", LIMIT.as_secs()));
    timeout(LIMIT, asking).await.unwrap_or_else(unanswered).map(|rows| index::in_words(&rows))
}
