//! What a dry run says. Plain data without secrets.

use serde::{Deserialize, Serialize};

/// What a run would do, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The runbook's name.
    pub runbook: String,
    /// What people call it.
    pub title: Option<String>,
    /// Digest of runbook, files, parameters and targets.
    pub digest: String,
    /// Every acting step, in order.
    pub steps: Vec<PlannedStep>,
    /// What a rollback after the last step would do, first undo first.
    pub rollback: Vec<PlannedUndo>,
    /// Whether it fits.
    pub budget: Budget,
    /// What runs around the steps.
    pub hooks: Vec<PlannedHook>,
    /// What is left to do afterwards.
    pub followups: Vec<PlannedFollowup>,
}

/// One list of hook steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedHook {
    /// When it runs: its name in the format.
    pub hook: String,
    /// One line a step.
    pub steps: Vec<String>,
}

/// Something left to do after the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedFollowup {
    /// How long after the run, in seconds.
    pub due_s: f64,
    /// What.
    pub title: String,
    /// Who.
    pub owner: Option<String>,
}

/// One step of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// The step.
    pub id: String,
    /// Its key in the format.
    pub action: String,
    /// What would become of it.
    pub status: PlanStatus,
    /// One line: what it reads, why it is unknown or skipped, the question, the instructions, what changes.
    pub reason: Option<String>,
    /// A unified diff where there is one.
    pub diff: Option<String>,
    /// Lines that show what would run: the script, the arguments, the statements.
    pub detail: Vec<String>,
    /// The groups it is in, outermost first.
    pub groups: Vec<String>,
    /// Why no rollback goes past it, where it is a point of no return.
    pub point_of_no_return: Option<String>,
}

/// Every planned step is exactly one of these.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanStatus {
    /// Looks, changes nothing.
    Reads,
    /// Its effect is there already.
    InPlace,
    /// Would change something.
    Changes,
    /// Cannot be known now.
    Unknown,
    /// Would not run.
    Skipped,
    /// A person does it.
    Person,
}

/// One step of the planned rollback.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedUndo {
    /// The step that is undone.
    pub step: String,
    /// How.
    pub kind: UndoKind,
    /// One line a part, or the reason.
    pub detail: Vec<String>,
    /// At worst, in milliseconds.
    pub worst_ms: u64,
}

/// How a step would be undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UndoKind {
    /// By steps of its own.
    Steps,
    /// By putting the kept bytes back.
    BuiltIn,
    /// It is passed over, and stays.
    Irreversible,
    /// The rollback ends here.
    PointOfNoReturn,
}

/// Times in seconds; `None` where a step sets no limit.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// By estimates.
    pub work_expected_s: f64,
    /// By timeouts, retries counted.
    pub work_worst_s: Option<f64>,
    /// Of undoing everything.
    pub rollback_worst_s: Option<f64>,
    /// The window's length.
    pub window_s: Option<f64>,
    /// Whether the worst cases count a person by an estimate, because nothing limits how long they take.
    pub people_by_estimate: bool,
}
