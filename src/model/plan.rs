//! What a dry run says. Plain data without secrets.

use jiff::Zoned;
use serde::{Deserialize, Serialize};

use super::runbook::Overrun;
use super::window::Occasion;

/// What a run would do, step by step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The runbook's name.
    pub runbook: String,
    /// What people call it.
    pub title: Option<String>,
    /// Digest of runbook, files, parameters and targets.
    pub digest: String,
    /// When it may run.
    pub window: Option<PlannedWindow>,
    /// Every acting step, in order: once for each item of a loop, once for a loop whose items are not known.
    pub steps: Vec<PlannedStep>,
    /// What the groups around the steps are more than groups.
    pub groups: Vec<PlannedGroup>,
    /// What a rollback after the last step would do, first undo first.
    pub rollback: Vec<PlannedUndo>,
    /// Whether it fits.
    pub budget: Budget,
    /// What runs around the steps.
    pub hooks: Vec<PlannedHook>,
    /// What is left to do afterwards.
    pub followups: Vec<PlannedFollowup>,
}

/// The window that the work has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedWindow {
    /// The time that it is open, or opens next.
    #[serde(flatten)]
    pub occasion: Occasion,
    /// What happens when the next step no longer fits.
    pub overrun: Overrun,
}

/// A group that runs otherwise than its members one after the other, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedGroup {
    /// The groups of its first step, up to itself.
    pub path: Vec<String>,
    /// How it runs, a line for each part of that.
    pub detail: Vec<String>,
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
    /// The step, by its name in the journal.
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
    /// The last moment at which it can begin, end at worst, and all be undone at worst before the window closes.
    pub latest_start: Option<Zoned>,
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
    /// What it holds is taken again, so that its members can be undone.
    TakenAgain,
    /// What it holds is given back.
    GivenBack,
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
    /// What the window is longer than the work and its rollback: at worst where that fits, else by the estimates.
    /// Negative where neither fits.
    pub spare_s: Option<f64>,
    /// Whether it fits at worst too.
    pub fits_at_worst: Option<bool>,
}
