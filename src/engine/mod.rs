//! What happens next. Pure: events in, decisions out; no clock, no files, no randomness, nothing that waits.
//!
//! An [`Engine`] is a [`program::Program`] (what a runbook asks for) and a [`state::State`] (what happened so far).
//! [`Engine::next`] names everything that can be done now, as [`Decision`]s, each of which leads to at most one event;
//! the event is applied, then made durable, then the next decisions are asked for. A run that starts and one that is taken up again after a crash go through the same three steps: the
//! only difference is how many events there are already.

mod apply;
mod beside;
mod decide;
mod hold;
mod items;
pub mod program;
mod rollback;
mod settle;
pub mod shape;
pub mod state;
mod walk;

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::model::event::{Event, RunOutcome};
use crate::model::question::Question;
use crate::model::runbook::Runbook;
use program::Program;
use state::{State, StepFold};

/// Something that can be done now. Each but [`Decision::Cancel`] and [`Decision::End`] leads to one of the events that
/// it names.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// A fact that follows from what is there: append it.
    Append(Event),
    /// Look whether the step has to run, and begin: `step_skipped`, `step_in_place`, `step_settled`, `step_refused`
    /// or `attempt_started`.
    Attempt {
        /// The step's name in the journal.
        step: String,
        /// From 1.
        attempt: u32,
        /// To wait before.
        delay: Duration,
    },
    /// Carry out the attempt that was begun: `attempt_finished`.
    Await {
        /// The step's name in the journal.
        step: String,
        /// From 1.
        attempt: u32,
    },
    /// Find out what became of an attempt whose executor is gone: `attempt_finished` or `step_settled`.
    Recover {
        /// The step's name in the journal.
        step: String,
        /// From 1.
        attempt: u32,
    },
    /// Ask the step's own check: `check_answered`.
    AskCheck {
        /// The step's name in the journal.
        step: String,
    },
    /// Begin one part of an undo: `undo_started` or `undo_refused`.
    Undo {
        /// The step that is undone.
        step: String,
        /// From 0.
        part: usize,
        /// From 1.
        attempt: u32,
        /// To wait before.
        delay: Duration,
    },
    /// Carry out the part that was begun: `undo_finished`.
    AwaitUndo {
        /// The step that is undone.
        step: String,
        /// From 0.
        part: usize,
        /// From 1.
        attempt: u32,
    },
    /// Find out what became of a part whose executor is gone: `undo_finished` or `undo_settled`.
    RecoverUndo {
        /// The step that is undone.
        step: String,
        /// From 0.
        part: usize,
        /// From 1.
        attempt: u32,
    },
    /// Find the items of a loop, or the parameters of an included runbook: `loop_started`, `include_started`,
    /// `step_skipped` or `step_refused`.
    Enter {
        /// The step's name in the journal.
        step: String,
    },
    /// Ask whether what is repeated has come to its end, and wait before the next round: `round_finished`.
    Judge {
        /// The step's name in the journal.
        step: String,
        /// The round that is through, from 1.
        round: u32,
    },
    /// What takes a hold is done: `hold_taken`.
    Held {
        /// The step's name in the journal.
        step: String,
    },
    /// Keep looking at something until it trips: `watch_tripped`. Given up when it is not named any more.
    Watch {
        /// The step that is watched.
        step: String,
        /// Which of its watches, from 0.
        watch: usize,
    },
    /// Wait until a time limit is over: `limit_reached` of a group, `step_refused` of a step that waits for others.
    /// Given up when it is not named any more.
    Limit {
        /// The step's name in the journal.
        step: String,
    },
    /// Wait until the open question about the step is not to be answered any more: `attempt_finished`. Given up when it
    /// is not named any more.
    Lapse {
        /// The step's name in the journal.
        step: String,
    },
    /// End the attempt that is under way. Its own end is the event.
    Cancel {
        /// The step's name in the journal.
        step: String,
    },
    /// Put a question to a person: `question_asked`.
    Ask {
        /// About which step.
        step: String,
        /// What about.
        question: Question,
    },
    /// Wait for the answer to the open question: `decision_made`, or nothing when there is nobody to ask.
    Answer,
    /// Nothing more: this is how it ended.
    End(RunOutcome),
}

/// An event that cannot follow what is there. Writing one is a bug; reading one is a damaged or foreign journal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot follow: {why}")]
pub struct Illegal {
    /// The kind of event, with its step.
    pub event: String,
    /// What stands against it.
    pub why: String,
}

/// A run: what is asked for, and what happened so far.
#[derive(Debug, Clone)]
pub struct Engine {
    /// What the runbook asks for.
    pub program: Program,
    /// What happened.
    pub state: State,
}

impl Engine {
    /// A run in which nothing happened yet.
    #[must_use]
    pub fn new(runbook: &Runbook) -> Self {
        let program = Program::of(runbook);
        let state = State::new(&program);
        Self { program, state }
    }

    /// What happened of a step, by its name in the journal; `None` where the runbook has no such step.
    #[must_use]
    pub fn fold(&self, step: &str) -> Option<&StepFold> {
        self.program.index(step).map(|index| &self.state.steps[index])
    }
}
