//! What a step or a probe gave back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A result as expressions see it. Text comes without trailing newlines and with secrets removed.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct StepResult {
    /// Standard output, cut to its head when `truncated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stdout: Option<String>,
    /// Standard error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stderr: Option<String>,
    /// Exit status of a process.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// Rows of a query, each a mapping from column to value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<Vec<serde_json::Map<String, Value>>>,
    /// Rows returned or changed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub row_count: Option<u64>,
    /// Status of a response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Headers of a response by their names in lower case; the values of one that came several times joined by `, `.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<BTreeMap<String, String>>,
    /// Body of a response, cut to its head when `truncated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// What of a response is not as wanted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub unmet: Option<String>,
    /// Whether something was changed, where the action can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<bool>,
    /// Declared outputs, and the inputs of a `manual` step.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub outputs: BTreeMap<String, Value>,
    /// Whether text or rows were cut.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub truncated: bool,
}

/// All output of an attempt, as it is kept beside the journal, and what the attempt left behind.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct OutputDigest {
    /// Bytes written by the step to both streams, before anything was removed or cut.
    pub bytes: u64,
    /// SHA-256 of all that was written, secrets removed, lower-case hex. Of a process that is the SHA-256 of the
    /// digests of its two streams as they stand here, standard output's first.
    pub sha256: String,
    /// Standard output of a process, when it wrote any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stdout: Option<StreamDigest>,
    /// Its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stderr: Option<StreamDigest>,
    /// Processes that still held the output open some time after the step's own process had ended.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_open: Vec<Leftover>,
    /// Processes of the step that went on after it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_behind: Vec<Leftover>,
}

/// One stream of an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamDigest {
    /// Bytes written by the step, before anything was removed or cut.
    pub bytes: u64,
    /// SHA-256 of all that was written, secrets removed, lower-case hex: of the stored file where nothing is left out.
    pub sha256: String,
    /// How many bytes are left out of the stored file, between its head and its tail.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
    /// Why not all of it could be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_stored: Option<String>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// A process that was there when a step was over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Leftover {
    /// Its id.
    pub pid: i32,
    /// What it calls itself, at most 15 bytes.
    pub name: String,
    /// When it was started, in clock ticks since boot; 0 where that is not known.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub start_time: u64,
}

impl Leftover {
    /// Some of them in a line.
    #[must_use]
    pub fn listed(processes: &[Self]) -> String {
        processes.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

impl std::fmt::Display for Leftover {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} {}", self.pid, self.name)
    }
}

/// Why something failed, as data.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What sort of failure.
    pub kind: FailureKind,
    /// One sentence.
    pub message: String,
    /// Causes, outermost first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
}

impl FailureKind {
    /// Whether a process ended otherwise than its step wants, so that what it left behind was not left on purpose.
    #[must_use]
    pub const fn is_of_process(self) -> bool {
        matches!(self, Self::Exit | Self::Signal | Self::Success)
    }
}

impl Failure {
    /// A failure without further causes.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), chain: Vec::new() }
    }

    /// A failure with the causes of an error behind it.
    #[must_use]
    pub fn of(kind: FailureKind, error: &dyn std::error::Error) -> Self {
        let mut chain = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            chain.push(cause.to_string());
            source = cause.source();
        }
        Self { kind, message: error.to_string(), chain }
    }
}

/// Sorts of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// The process ended with a code that does not count as success.
    Exit,
    /// A signal ended the process.
    Signal,
    /// The time limit ended it.
    Timeout,
    /// An operator ended it.
    Cancelled,
    /// `success` was not met.
    Success,
    /// `verify` does not hold.
    Verify,
    /// A precondition does not hold.
    Precondition,
    /// The `check` could not be answered.
    Check,
    /// An assertion does not hold.
    Assertion,
    /// A person said no.
    NoGo,
    /// An expression or template could not be evaluated.
    Expression,
    /// The database refused.
    Sql,
    /// The target could not be reached.
    Connection,
    /// The response to a request is not as wanted.
    Response,
    /// A file could not be read or written.
    File,
    /// A program could not be started.
    Spawn,
    /// A secret could not be had.
    Secret,
    /// It was interrupted, and nobody may run it again.
    Interrupted,
    /// Something in the background that it waited for failed.
    Background,
    /// Processes of an earlier attempt that failed go on.
    LeftBehind,
}
