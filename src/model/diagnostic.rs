//! What is wrong with a user's file: where, what, and what to type instead.

use std::path::PathBuf;

/// A half-open range of bytes of a file's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Span {
    /// Offset of the first byte.
    pub start: usize,
    /// Offset behind the last byte.
    pub end: usize,
}

/// How much a finding matters: an error would fail or harm, a warning is for a reviewer's eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The runbook cannot be run as it is.
    Error,
    /// The runbook can be run; somebody should look.
    Warning,
}

impl Severity {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// A second place that matters to a finding, such as "first defined here".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What that place has to do with it.
    pub text: String,
}

/// One finding about one file. Not an error of the program: findings are collected, never thrown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// The rule, such as `RB0201`. Stable across versions.
    pub code: &'static str,
    /// Fixed for each rule.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The file as the person named it.
    pub file: PathBuf,
    /// The place the carets point at.
    pub span: Span,
    /// Further places.
    pub labels: Vec<Label>,
    /// What to do about it.
    pub help: Option<String>,
}

/// A finding that is not reported because the file says why it may stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silenced {
    /// What would be reported.
    pub diagnostic: Diagnostic,
    /// Why it is not.
    pub reason: String,
}
