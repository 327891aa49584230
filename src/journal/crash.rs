//! Stops the program at a chosen point, for tests of recovery. Does nothing without the feature `crash-points`.

/// A text that names no point.
#[derive(Debug, thiserror::Error)]
#[error("`{text}` is no crash point: it is a number from 1, a colon and a name, as `3:after_sync`")]
pub struct CrashPlanError {
    /// The text.
    pub text: String,
}

/// Where the program is to stop: at the n-th record that this process appends, at a named point.
///
/// The journal knows `before_write`, `torn_write` (half the line is written), `after_write` and `after_sync`; other
/// names belong to whoever calls [`CrashPlan::at`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CrashPlan {
    #[cfg(feature = "crash-points")]
    point: Option<(u64, String)>,
}

#[cfg(feature = "crash-points")]
impl CrashPlan {
    /// Reads `<n>:<point>`, the text of `RUNBOOK_CRASH_AT`; without a text nothing ever stops.
    ///
    /// # Errors
    ///
    /// [`CrashPlanError`], so that a mistyped test does not pass.
    pub fn from_text(text: Option<&str>) -> Result<Self, CrashPlanError> {
        let Some(text) = text else { return Ok(Self::default()) };
        let point = text
            .split_once(':')
            .filter(|(_, name)| !name.is_empty())
            .and_then(|(count, name)| Some((count.parse().ok().filter(|count| *count > 0)?, name.to_owned())))
            .ok_or_else(|| CrashPlanError { text: text.to_owned() })?;
        Ok(Self { point: Some(point) })
    }

    /// Whether the program is to stop at this point.
    #[must_use]
    pub fn is_at(&self, count: u64, point: &str) -> bool {
        self.point.as_ref().is_some_and(|(wanted, name)| *wanted == count && name == point)
    }

    /// Aborts the process when this point was chosen.
    pub fn at(&self, count: u64, point: &str) {
        if self.is_at(count, point) {
            std::process::abort();
        }
    }
}

#[cfg(not(feature = "crash-points"))]
impl CrashPlan {
    /// A plan that never stops.
    ///
    /// # Errors
    ///
    /// None: the text is not looked at.
    pub const fn from_text(_text: Option<&str>) -> Result<Self, CrashPlanError> {
        Ok(Self {})
    }

    /// Never.
    #[must_use]
    pub const fn is_at(&self, _count: u64, _point: &str) -> bool {
        false
    }

    /// Does nothing.
    pub const fn at(&self, _count: u64, _point: &str) {}
}
