//! The names of what an action gave: those known in its own step, and those that are read of another.

use super::steps::Kind;

/// What an action gives. What only a response has comes last.
const RESULT: [&str; 9] = ["stdout", "stderr", "exit_code", "rows", "row_count", "json", "status", "headers", "body"];

/// Where that begins.
const RESPONSE: usize = 6;

/// Which names of a step's own result are known in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Own {
    /// None: it has not run.
    #[default]
    Nothing,
    /// Those of a process or of statements.
    Result,
    /// Those of a response.
    Response,
}

impl Own {
    /// The names.
    #[must_use]
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Nothing => &[],
            Self::Result => &RESULT[..RESPONSE],
            Self::Response => &RESULT,
        }
    }
}

/// Whether a name is one of a result, of whatever action.
#[must_use]
pub fn is_result(name: &str) -> bool {
    RESULT.contains(&name)
}

/// Whether a name is one that only a response has.
#[must_use]
pub fn is_response(name: &str) -> bool {
    RESULT[RESPONSE..].contains(&name)
}

/// What can be read of another step.
#[must_use]
pub fn of_step() -> Vec<&'static str> {
    let (result, response) = RESULT.split_at(RESPONSE);
    [&["outputs"], result, &["changed", "state", "started", "finished"], response, &["items"]].concat()
}

/// The names of a result that an action of that kind gives; `None` where that is not certain.
#[must_use]
pub fn given_by(kind: Kind) -> Option<&'static [&'static str]> {
    match kind {
        Kind::Shell | Kind::Command => Some(&["stdout", "stderr", "exit_code", "json"]),
        Kind::Sql | Kind::Query => Some(&["stdout", "rows", "row_count"]),
        Kind::Http => Some(&["status", "headers", "body", "json"]),
        Kind::Wait | Kind::Confirm | Kind::Manual | Kind::Assert => Some(&[]),
        Kind::File | Kind::Group | Kind::Include | Kind::Hold => None,
    }
}
