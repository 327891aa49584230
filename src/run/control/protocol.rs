//! What goes over a run's socket: one line of JSON in, one line of JSON back, then the connection ends.
//!
//! ```text
//! {"format":1,"request":"skip","step":"reindex","reason":"done last night"}
//! {"format":1,"result":"done","said":"reindex is left out once it is its turn"}
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::model::status::Status;

/// The version of the protocol.
pub const FORMAT: u32 = 1;

/// The most bytes that a request may have, its newline included.
pub const MAX_REQUEST: usize = 64 * 1024;

/// What somebody wants of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// To stop after the running step.
    Pause {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// To end the running step, then stop.
    Abort {
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// To leave a step out: one that has not begun, one that failed and is asked about, one whose undo failed.
    Skip {
        /// Which.
        step: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// To try a failed step once more.
    Retry {
        /// Which.
        step: String,
        /// Why.
        #[serde(default)]
        reason: String,
    },
    /// To answer the open question about a step.
    Answer {
        /// Which.
        step: String,
        /// With which word.
        choice: String,
        /// Why, or the note of an attestation.
        #[serde(default)]
        reason: String,
        /// Values of a manual step, of their type or as they were typed.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        values: BTreeMap<String, Value>,
    },
    /// To take back what nothing came of yet.
    Withdraw {
        /// The step that was to be left out; without one the wish to stop.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        step: Option<String>,
    },
    /// To know where the run stands.
    Status,
}

/// What comes back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "result", rename_all = "snake_case")]
pub enum Response {
    /// It is recorded.
    Done {
        /// What that means.
        said: String,
    },
    /// It is not possible now.
    Refused(Refusal),
    /// It is no request, or not a whole one.
    Invalid(Refusal),
    /// Where the run stands.
    Status {
        /// The same as of `status --json`.
        status: Box<Status>,
    },
}

/// Why something was not done, and what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What stands against it.
    pub message: String,
    /// What is possible.
    #[serde(default)]
    pub help: String,
}

impl Refusal {
    /// With what is possible instead.
    pub fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}

#[derive(Serialize, Deserialize)]
struct Line<T> {
    format: u32,
    #[serde(flatten)]
    body: T,
}

/// One line, its newline included.
pub fn encode<T: Serialize>(body: &T) -> Vec<u8> {
    // Plain data with text as its keys always has its JSON.
    let mut line = serde_json::to_vec(&Line { format: FORMAT, body }).unwrap_or_default();
    line.push(b'\n');
    line
}

/// A request from its line.
///
/// # Errors
///
/// What is wrong with it.
pub fn request(line: &[u8]) -> Result<Request, Refusal> {
    const HELP: &str = "a request is one line such as {\"format\":1,\"request\":\"status\"}";
    let object: Value = serde_json::from_slice(line)
        .map_err(|error| Refusal::new(format!("the request is not a line of JSON: {error}"), HELP))?;
    match object.get("format").and_then(Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => {
            let message = format!("this run speaks format {FORMAT} of the protocol, and the request has {format}");
            return Err(Refusal::new(message, "use the same version of runbook as the run's executor"));
        }
        None => return Err(Refusal::new("the request has no format", HELP)),
    }
    serde_json::from_value(object).map_err(|error| Refusal::new(format!("no such request: {error}"), HELP))
}

/// A response from its line. `None` where it is none.
#[must_use]
pub fn response(line: &[u8]) -> Option<Response> {
    let line: Line<Response> = serde_json::from_slice(line).ok()?;
    (line.format == FORMAT).then_some(line.body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_request_and_response_comes_back_from_its_line() {
        let (step, reason) = ("load".to_owned(), "seen\n\u{1b}[2J".to_owned());
        let values = BTreeMap::from([("port".to_owned(), Value::from(5432))]);
        let requests = [
            Request::Pause { reason: reason.clone() },
            Request::Abort { reason: String::new() },
            Request::Skip { step: step.clone(), reason: reason.clone() },
            Request::Retry { step: step.clone(), reason: String::new() },
            Request::Answer { step: step.clone(), choice: "run-again".to_owned(), reason, values },
            Request::Withdraw { step: Some(step) },
            Request::Withdraw { step: None },
            Request::Status,
        ];
        for wanted in requests {
            let line = encode(&wanted);
            assert_eq!(line.iter().position(|byte| *byte == b'\n'), Some(line.len() - 1));
            assert_eq!(request(&line), Ok(wanted));
        }
        let refused = Response::Refused(Refusal::new("no", "yes"));
        assert_eq!(response(&encode(&refused)), Some(refused));
    }

    #[test]
    fn what_is_no_request_is_told_what_one_is() {
        let deep = format!("{{\"format\":1,\"request\":{}", "[".repeat(10_000));
        for (line, why) in [
            ("", "not a line of JSON"),
            ("pause", "not a line of JSON"),
            (deep.as_str(), "not a line of JSON"),
            ("[]", "has no format"),
            ("{\"request\":\"status\"}", "has no format"),
            ("{\"format\":\"1\",\"request\":\"status\"}", "has no format"),
            ("{\"format\":2,\"request\":\"status\"}", "format 1 of the protocol, and the request has 2"),
            ("{\"format\":1}", "no such request"),
            ("{\"format\":1,\"request\":\"stop\"}", "no such request"),
            ("{\"format\":1,\"request\":\"skip\"}", "no such request: missing field `step`"),
            ("{\"format\":1,\"request\":\"pause\",\"reason\":7}", "no such request"),
        ] {
            let refusal = request(line.as_bytes()).unwrap_err();
            assert!(refusal.message.contains(why) && !refusal.help.is_empty(), "{line}: {refusal:?}");
        }
    }
}
