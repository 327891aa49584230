//! What a run shows while it goes: one trait, with a human and a JSON view of the same records.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::event::Record;
use crate::model::question::OpenQuestion;
use crate::model::runbook::ParameterType;
use crate::model::status::Status;

/// Where a run is shown. Records come after they are durable, in their order; progress may be dropped.
pub trait View {
    /// Something happened, and is durable.
    fn record(&mut self, record: &Record);
    /// What is going on; never kept.
    fn progress(&mut self, progress: &Progress);
    /// A question is put to the person at this terminal.
    fn question(&mut self, question: &OpenQuestion);
    /// The next thing that the person has to type.
    fn prompt(&mut self, prompt: &Prompt<'_>);
    /// It was typed, and the terminal is on a new line.
    fn typed(&mut self) {}
    /// What was typed does not do.
    fn not_understood(&mut self, why: &str);
    /// The run halted or ended.
    fn finished(&mut self, status: &Status);
}

/// What is going on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step runs.
    Running {
        /// Its name in the journal.
        step: String,
        /// What people call it.
        name: String,
        /// What it normally takes.
        estimate: Option<Duration>,
    },
    /// It began so long ago.
    Began(Duration),
    /// A line that a step printed.
    Output {
        /// Its name in the journal.
        step: String,
        /// The line.
        line: String,
    },
    /// It waits for something.
    Waiting(String),
    /// Time went by.
    Tick,
    /// What is left of the window.
    Window(Countdown),
    /// What runs is told to end, since this moment.
    Ending(Timestamp),
    /// Nothing runs.
    Idle,
}

/// What is left of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Countdown {
    /// This moment.
    pub now: Timestamp,
    /// When it closes.
    pub closes: Timestamp,
    /// The last moment at which a rollback of all that was done can begin; none where nothing would be undone.
    pub rollback_by: Option<Timestamp>,
}

/// What a person is asked to type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prompt<'a> {
    /// One of the words of the question.
    Choice(&'a [crate::model::question::Choice]),
    /// Why, or the note of an attestation.
    Reason {
        /// An empty one does not do.
        required: bool,
    },
    /// A value of a manual step.
    Value {
        /// Its name.
        name: &'a str,
        /// Its type.
        kind: ParameterType,
    },
}
