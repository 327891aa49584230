//! What a run asks a person, and the words that answer.

use serde::{Deserialize, Serialize};

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// Go or no-go.
    Confirm,
    /// Whether something was done elsewhere.
    Manual,
    /// How an attempt ended.
    Unknown,
    /// How an undo ended.
    UndoUnknown,
    /// What to do about a failed step.
    Failure,
    /// Whether a loop goes on after its first items.
    Canary,
    /// What to do about what a watch has seen.
    Watch,
}

impl Question {
    /// The words that answer it.
    #[must_use]
    pub const fn choices(self) -> &'static [Choice] {
        match self {
            Self::Confirm => &[Choice::Yes, Choice::No],
            Self::Manual => &[Choice::Succeeded, Choice::Failed],
            Self::Unknown => &[Choice::Succeeded, Choice::Failed, Choice::NotStarted, Choice::RunAgain],
            Self::UndoUnknown => &[Choice::Succeeded, Choice::Failed, Choice::RunAgain],
            Self::Failure => &[Choice::Retry, Choice::Skip, Choice::Rollback, Choice::Stop],
            Self::Canary | Self::Watch => &[Choice::Yes, Choice::Rollback, Choice::Stop],
        }
    }

    /// Whether an answer does not count without its reason.
    #[must_use]
    pub const fn needs_reason(self, choice: Choice, evidence_required: bool) -> bool {
        match self {
            Self::Unknown | Self::UndoUnknown => true,
            Self::Failure => matches!(choice, Choice::Skip),
            Self::Manual => evidence_required || matches!(choice, Choice::Failed),
            Self::Confirm | Self::Canary | Self::Watch => false,
        }
    }
}

/// The words that answer questions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Go.
    Yes,
    /// No-go.
    No,
    /// It was done; of an undo: it is undone.
    Succeeded,
    /// It was not done as wanted.
    Failed,
    /// It never began.
    NotStarted,
    /// Run it again, whatever became of it.
    RunAgain,
    /// Try the failed step once more.
    Retry,
    /// Leave it failed and go on.
    Skip,
    /// Undo what was done.
    Rollback,
    /// End here, to be resumed later.
    Stop,
}

impl Choice {
    /// The word as it is typed.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No => "no",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::NotStarted => "not-started",
            Self::RunAgain => "run-again",
            Self::Retry => "retry",
            Self::Skip => "skip",
            Self::Rollback => "rollback",
            Self::Stop => "stop",
        }
    }
}

/// A word that answers a question, and what it brings about there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consequence {
    /// The word.
    pub choice: Choice,
    /// What follows from it.
    pub does: String,
}

/// What a person has to answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenQuestion {
    /// About which step.
    pub step: String,
    /// What about.
    pub question: Question,
    /// The part of the step's undo that a person carries out, from 0; `None` where it is about the step itself.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub undo: Option<usize>,
    /// The text, with its evidence.
    pub text: String,
    /// The words that answer it.
    pub choices: Vec<Choice>,
    /// Until when an answer is waited for, in UTC with microseconds; without end when `None`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub until: Option<String>,
    /// What each of them brings about; put in wherever the question is shown.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub answers: Vec<Consequence>,
}
