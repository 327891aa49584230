//! Which words answer which question.

use crate::model::event::{Choice, Question};

/// The words that answer a question.
#[must_use]
pub const fn choices(question: Question) -> &'static [Choice] {
    match question {
        Question::Confirm => &[Choice::Yes, Choice::No],
        Question::Manual => &[Choice::Succeeded, Choice::Failed],
        Question::Unknown => &[Choice::Succeeded, Choice::Failed, Choice::NotStarted, Choice::RunAgain],
        Question::UndoUnknown => &[Choice::Succeeded, Choice::Failed, Choice::RunAgain],
        Question::Failure => &[Choice::Retry, Choice::Skip, Choice::Rollback, Choice::Stop],
    }
}
