//! Where a run stands: the fold over its journal that people and programs read.

use serde::{Deserialize, Serialize};

use super::event::Remaining;
use super::question::OpenQuestion;
use super::result::Leftover;

/// `status --json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// Version of this document: 1.
    pub format: u32,
    /// The run's id.
    pub run: String,
    /// The runbook's name.
    pub runbook: String,
    /// Where it stands.
    pub state: RunState,
    /// Every acting step, in order; hook steps that began come last.
    pub steps: Vec<StepStatus>,
    /// What a person has to answer.
    pub question: Option<OpenQuestion>,
    /// What is still in place after a rollback, or failed and was passed over.
    pub remaining: Vec<Remaining>,
    /// What stopped it, as long as it is stopped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub stopped: Option<Stopped>,
    /// What people asked of the run and nothing came of yet.
    #[serde(default)]
    pub pending: Vec<Pending>,
    /// Where copies of files are that steps left, when there are any.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub artifacts: Option<String>,
}

/// Who stopped a run, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// A person, or `window` or `clock`.
    pub by: String,
    /// Why.
    pub reason: String,
    /// It was undoing, and goes on with that.
    pub rolling_back: bool,
    /// The step that is begun, or undone, first when the run is taken up again.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub next: Option<String>,
}

/// What somebody asked of a run, as long as nothing came of it. It can be taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// What is wanted.
    pub request: Wanted,
    /// The step that is to be left out.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub step: Option<String>,
    /// Who asked.
    pub by: String,
    /// Why.
    pub reason: String,
    /// When, as records have it.
    pub at: String,
}

/// What can be asked of a run ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wanted {
    /// That it stops after the running step.
    Stop,
    /// That a step is left out.
    Skip,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunState {
    /// Going forward, or interrupted while it did.
    Running,
    /// Every step is through.
    Succeeded,
    /// A step failed and nothing was undone.
    Failed,
    /// Stopped on purpose.
    Stopped,
    /// A person has to answer.
    Blocked,
    /// Undoing, or interrupted while it did.
    RollingBack,
    /// All is undone.
    RolledBack,
    /// Undone as far as it could be.
    PartlyRolledBack,
    /// An undo failed.
    Stuck,
}

impl RunState {
    /// The exit code of a command that leaves a run in this state.
    #[must_use]
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Succeeded => 0,
            Self::Failed => 1,
            Self::RolledBack => 4,
            Self::PartlyRolledBack | Self::Stuck => 5,
            Self::Stopped | Self::Running | Self::RollingBack => 6,
            Self::Blocked => 7,
        }
    }

    /// The word in JSON.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Stopped => "stopped",
            Self::Blocked => "blocked",
            Self::RollingBack => "rolling_back",
            Self::RolledBack => "rolled_back",
            Self::PartlyRolledBack => "partly_rolled_back",
            Self::Stuck => "stuck",
        }
    }
}

/// Where a step stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepStatus {
    /// The step's name in the journal.
    pub id: String,
    /// Where it stands.
    pub state: StepState,
    /// How many attempts began.
    pub attempts: u32,
    /// When the first attempt began.
    pub started: Option<String>,
    /// When the last attempt, or its undoing, ended.
    pub finished: Option<String>,
    /// Why it failed, was skipped or is unknown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
    /// Processes that went on after its last attempt, or after its undo.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub left_behind: Vec<Leftover>,
}

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    /// Not reached.
    Pending,
    /// In an attempt.
    Started,
    /// As wanted.
    Succeeded,
    /// Not as wanted.
    Failed,
    /// Ended by its time limit.
    TimedOut,
    /// Nobody knows.
    Unknown,
    /// Passed over.
    Skipped,
    /// Its effect was there already.
    InPlace,
    /// Being undone.
    Undoing,
    /// Undone.
    Undone,
    /// Its undo failed.
    UndoFailed,
    /// Nobody knows how its undo ended.
    UndoUnknown,
}

impl StepState {
    /// The word in JSON and in expressions.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Started => "started",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::TimedOut => "timed_out",
            Self::Unknown => "unknown",
            Self::Skipped => "skipped",
            Self::InPlace => "in_place",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
            Self::UndoFailed => "undo_failed",
            Self::UndoUnknown => "undo_unknown",
        }
    }
}
