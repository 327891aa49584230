//! How long something takes or may take.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::runbook::Template;

/// A duration of the format, or the template that gives it when the step runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Length {
    /// Written out.
    Known(Duration),
    /// Found when the step runs: a text such as `90s`.
    Template(Template),
}

impl Length {
    /// Nothing at all.
    pub const ZERO: Self = Self::Known(Duration::ZERO);

    /// The duration, where it is written out.
    #[must_use]
    pub const fn known(&self) -> Option<Duration> {
        match self {
            Self::Known(duration) => Some(*duration),
            Self::Template(_) => None,
        }
    }
}

impl From<Duration> for Length {
    fn from(duration: Duration) -> Self {
        Self::Known(duration)
    }
}
