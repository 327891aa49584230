//! What happened so far: the fold over the events of a run.

use std::collections::{BTreeMap, BTreeSet};

use super::program::Program;
use crate::model::event::{Answer, Event, Intent, Item, Outcome, RunOutcome};
use crate::model::question::{Choice, OpenQuestion};
use crate::model::result::{Failure, FailureKind, Leftover, StepResult};
use crate::model::runbook::Hook;
use crate::model::status::StepState;

/// Which way a run goes. Once back, it never goes forward again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Direction {
    /// Doing.
    Forward,
    /// Undoing.
    Back {
        /// Why.
        reason: String,
        /// The step that is undone last.
        to: Option<usize>,
    },
}

/// A run as its events tell it.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The first record was read.
    pub begun: bool,
    /// When, as that record has it.
    pub started: String,
    /// Values given at the start.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Which way it goes.
    pub direction: Direction,
    /// How it ended or halted.
    pub ended: Option<RunOutcome>,
    /// What the end said is still in place or was passed over.
    pub remaining: Vec<crate::model::event::Remaining>,
    /// Each step, by its place in the program.
    pub steps: Vec<StepFold>,
    /// Steps by the order of their first attempt.
    pub order: Vec<usize>,
    /// What holds steps, by its place in the tree.
    pub blocks: Vec<BlockFold>,
    /// The steps that an attempt or an undo is under way for.
    pub in_flight: BTreeSet<usize>,
    /// The question that nobody has answered yet.
    pub question: Option<OpenQuestion>,
    /// The answer that nothing has followed from yet.
    pub decision: Option<Decided>,
    /// No further step is to begin.
    pub stopping: bool,
    /// Who wished so last, and why; kept until the run is taken up again.
    pub stopped: Option<(String, String)>,
    /// Which hooks are through, since the run was last taken up.
    pub hooks: BTreeMap<Hook, Outcome>,
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Decided {
    /// About which step.
    pub step: usize,
    /// The word.
    pub choice: Choice,
    /// Who.
    pub by: String,
    /// Why.
    pub reason: String,
    /// Values entered.
    pub values: BTreeMap<String, serde_json::Value>,
}

/// A step as its events tell it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StepFold {
    /// Where it stands.
    pub state: Standing,
    /// Attempts that began.
    pub attempts: u32,
    /// Attempts that began or were refused, in this round.
    pub tries: u32,
    /// Further tries that a person granted.
    pub granted: u32,
    /// Something of it may be in place.
    pub maybe_in_place: bool,
    /// The same, before the attempt that is under way.
    pub was_in_place: bool,
    /// It failed, and the run goes on without it.
    pub passed_over: bool,
    /// A person answered its failure with a rollback or a stop.
    pub verdict: Option<Choice>,
    /// The unknown attempt may still be going on.
    pub may_run: bool,
    /// The executor is another than the one that began what is under way or unknown.
    pub lost: bool,
    /// A person wants it left out: who, and why.
    pub skip: Option<String>,
    /// What its check said about an unknown, or about what is to be undone.
    pub answer: Option<Answer>,
    /// Why it failed, was skipped, is in place or unknown.
    pub reason: Option<String>,
    /// The last failure as data.
    pub failure: Option<Failure>,
    /// What its last attempt gave.
    pub result: Option<StepResult>,
    /// Processes that went on after its last attempt, or after the last part of its undo, had ended.
    pub left_behind: Vec<Leftover>,
    /// Who acts, or acted last.
    pub intent: Option<Intent>,
    /// Who acted in the first attempt that may have had an effect.
    pub first_intent: Option<Intent>,
    /// When its first attempt began.
    pub started: Option<String>,
    /// When its last attempt, or the last part of its undo, began.
    pub began: Option<String>,
    /// When its last attempt, or its undoing, ended.
    pub finished: Option<String>,
    /// Its undoing.
    pub undo: UndoFold,
}

/// Where a step stands, going forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Standing {
    /// Not reached, or to be run again.
    #[default]
    Pending,
    /// In an attempt.
    Started,
    /// As wanted.
    Succeeded,
    /// Not as wanted.
    Failed,
    /// Ended by its limit.
    TimedOut,
    /// Nobody knows.
    Unknown,
    /// Passed over before it began.
    Skipped,
    /// Its effect was there before it began.
    InPlace,
}

/// Where the undoing of a step stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UndoFold {
    /// Where it stands.
    pub state: UndoStanding,
    /// The part that is next or under way.
    pub part: usize,
    /// Attempts of that part that began.
    pub attempts: u32,
    /// Attempts of that part that began or were refused, in this round.
    pub tries: u32,
    /// The unknown attempt may still be going on.
    pub may_run: bool,
    /// Who acts.
    pub intent: Option<Intent>,
    /// Why it failed or was not needed.
    pub reason: Option<String>,
}

/// Where the undoing of a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum UndoStanding {
    /// The next part has not begun.
    #[default]
    Pending,
    /// A part is under way.
    Started,
    /// A part failed.
    Failed,
    /// A part failed, and a person left it so.
    Abandoned,
    /// Nobody knows how a part ended.
    Unknown,
    /// All parts are through.
    Undone,
    /// There was nothing to undo.
    Skipped,
}

/// What holds steps, as its events tell it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BlockFold {
    /// Of a list: every member before this one needs nothing more going forward; of a loop: every batch.
    pub cursor: usize,
    /// Its items, or its parameters, were found.
    pub entered: bool,
    /// The items that a loop ever had, by when each was first there.
    pub items: Vec<Item>,
    /// The parameters of an included runbook.
    pub parameters: BTreeMap<String, serde_json::Value>,
    /// Rounds that ended.
    pub rounds: u32,
    /// There is no further round.
    pub over: bool,
    /// A hold that is held.
    pub held: bool,
    /// A hold was held at some time.
    pub was_held: bool,
    /// When what is held lets go by itself.
    pub expires: Option<String>,
    /// Taking a hold went wrong, and it was not released since.
    pub unclean: bool,
    /// A hold was given back after all that it was for.
    pub closed: bool,
    /// Its time limit is over.
    pub limit_reached: bool,
    /// What each watch has seen, once it tripped.
    pub tripped: BTreeMap<usize, String>,
    /// `when` was false.
    pub skipped: Option<String>,
    /// Why it failed by itself, not by a member.
    pub failure: Option<String>,
    /// A person's answer to its question.
    pub verdict: Option<Choice>,
    /// It failed, and the run goes on without it.
    pub passed_over: bool,
}

impl BlockFold {
    /// Whether something went wrong with the block itself, or a person had to say what follows.
    pub(super) fn has_trouble(&self) -> bool {
        self.failure.is_some() || self.limit_reached || !self.tripped.is_empty() || self.verdict.is_some()
    }
}

impl State {
    /// A run in which nothing happened yet.
    #[must_use]
    pub fn new(program: &Program) -> Self {
        Self {
            begun: false,
            started: String::new(),
            parameters: BTreeMap::new(),
            direction: Direction::Forward,
            ended: None,
            remaining: Vec::new(),
            steps: vec![StepFold::default(); program.steps.len()],
            order: Vec::new(),
            blocks: vec![BlockFold::default(); program.blocks.len()],
            in_flight: BTreeSet::new(),
            question: None,
            decision: None,
            stopping: false,
            stopped: None,
            hooks: BTreeMap::new(),
        }
    }

    /// Whether the run undoes.
    #[must_use]
    pub const fn is_going_back(&self) -> bool {
        matches!(self.direction, Direction::Back { .. })
    }

    /// Whether a part of that step's undo is under way.
    #[must_use]
    pub fn is_undoing(&self, index: usize) -> bool {
        self.steps[index].undo.state == UndoStanding::Started
    }

    /// Gives what a program has grown by its place.
    pub(super) fn grow(&mut self, program: &Program) {
        self.steps.resize_with(program.steps.len(), StepFold::default);
        self.blocks.resize_with(program.blocks.len(), BlockFold::default);
    }

    /// Whether the run has ended for good: it cannot be taken up again.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.ended, Some(outcome) if outcome.is_for_good())
    }
}

impl UndoFold {
    /// Whether a person carries out the part that is under way, so that nothing acts by itself.
    #[must_use]
    pub fn is_by_person(&self) -> bool {
        self.state == UndoStanding::Started && self.intent == Some(Intent::Person)
    }
}

impl BlockFold {
    /// The place of an item among all that the loop ever had. One that it had has the value that it has now.
    pub(super) fn place_of(&mut self, item: &Item) -> usize {
        let known = self.items.iter().position(|known| known.label == item.label);
        let place = known.unwrap_or(self.items.len());
        self.items.splice(place..self.items.len().min(place + 1), [item.clone()]);
        place
    }
}

impl StepFold {
    /// The one word that people and programs read.
    #[must_use]
    pub const fn shown(&self) -> StepState {
        match self.undo.state {
            UndoStanding::Started => return StepState::Undoing,
            UndoStanding::Failed | UndoStanding::Abandoned => return StepState::UndoFailed,
            UndoStanding::Unknown => return StepState::UndoUnknown,
            UndoStanding::Undone => return StepState::Undone,
            UndoStanding::Pending if self.undo.part > 0 => return StepState::Undoing,
            UndoStanding::Pending | UndoStanding::Skipped => {}
        }
        match self.state {
            Standing::Pending => StepState::Pending,
            Standing::Started => StepState::Started,
            Standing::Succeeded => StepState::Succeeded,
            Standing::Failed => StepState::Failed,
            Standing::TimedOut => StepState::TimedOut,
            Standing::Unknown => StepState::Unknown,
            Standing::Skipped => StepState::Skipped,
            Standing::InPlace => StepState::InPlace,
        }
    }

    /// Whether the run can go on past it.
    #[must_use]
    pub const fn is_through(&self) -> bool {
        matches!(self.state, Standing::Succeeded | Standing::Skipped | Standing::InPlace) || self.passed_over
    }

    /// Whether its last attempt ended otherwise than wanted.
    #[must_use]
    pub const fn has_failed(&self) -> bool {
        matches!(self.state, Standing::Failed | Standing::TimedOut)
    }

    /// What its last attempt left behind and was not to leave, because it failed: no other begins beside it.
    #[must_use]
    pub fn stands_in_the_way(&self) -> &[Leftover] {
        let by_process = self.failure.as_ref().is_some_and(|failure| failure.kind.is_of_process());
        if self.has_failed() && by_process { &self.left_behind } else { &[] }
    }

    /// Whether the operator ended its last attempt: then it is tried again when the run is taken up.
    #[must_use]
    pub fn was_cancelled(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::Cancelled)
    }
}

/// The kind of an event and its step, for messages.
#[must_use]
pub fn describe(event: &Event) -> String {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(event) else {
        return "event".to_owned();
    };
    let kind = fields.get("event").and_then(serde_json::Value::as_str).unwrap_or("event");
    match fields.get("step").and_then(serde_json::Value::as_str) {
        Some(step) => format!("{kind} of {step}"),
        None => kind.to_owned(),
    }
}
