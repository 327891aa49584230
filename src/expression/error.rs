//! Why an expression has no value.

use std::fmt;

/// How much of a text is repeated in a message.
const SHOWN: usize = 80;

/// Why there is no value. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionError {
    /// It reads something that is not known yet. Only planning meets this.
    #[error("depends on {path}")]
    Unknown {
        /// What it reads, as `steps.measure_lag.outputs.bytes` or `secrets.token`.
        path: String,
    },
    /// It cannot be evaluated.
    #[error("{message}, in `{}`", Excerpt(.expression))]
    Failed {
        /// The expression or template as it is written.
        expression: String,
        /// What is wrong, in one sentence without a full stop.
        message: String,
    },
}

impl ExpressionError {
    /// A failure of the given text.
    #[must_use]
    pub fn failed(expression: &str, message: impl Into<String>) -> Self {
        Self::Failed { expression: expression.to_owned(), message: message.into() }
    }

    /// Whether it has no value only because something has not run yet.
    #[must_use]
    pub const fn is_unknown(&self) -> bool {
        matches!(self, Self::Unknown { .. })
    }
}

/// A text that is not an expression or template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct SyntaxError {
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// Where, in bytes from the start of the text.
    pub offset: usize,
}

/// The first line of a text, cut where it is long.
struct Excerpt<'a>(&'a str);

impl fmt::Display for Excerpt<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.0.trim().lines().next().unwrap_or_default();
        let cut = line.char_indices().nth(SHOWN).map(|(at, _)| at);
        let whole = cut.is_none() && line.len() == self.0.trim().len();
        write!(formatter, "{}{}", &line[..cut.unwrap_or(line.len())], if whole { "" } else { "…" })
    }
}
