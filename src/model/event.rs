//! What the journal holds: events as they happened, each in a record that is chained to the one before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::question::{Choice, Question};
use super::result::{Failure, OutputDigest, StepResult};
use super::runbook::Hook;

/// The version of the record format that this program writes.
pub const FORMAT: u32 = 1;

/// One thing that happened in a run. Made for programs: nothing in it is about a screen.
///
/// Steps are named by their id, hook steps `<hook>/<id>`. Attempts count from 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first record of every journal.
    RunStarted {
        /// Version of the record format.
        format: u32,
        /// Version of the program.
        program: String,
        /// The runbook's name.
        runbook: String,
        /// Digest of runbook, files, parameters and targets: `sha256:` and lower-case hex.
        digest: String,
        /// The parameters' values.
        parameters: BTreeMap<String, Value>,
        /// The head of the store's previous run.
        previous: Option<Head>,
    },
    /// An executor took a run up again.
    RunResumed {
        /// Version of the program.
        program: String,
        /// What it means to do.
        intent: ResumeIntent,
    },
    /// A torn last line was cut.
    JournalRecovered {
        /// How many bytes were cut.
        cut_bytes: u64,
        /// Their SHA-256, lower-case hex.
        sha256: String,
    },
    /// `when` was false, or the step was passed over for a reason.
    StepSkipped {
        /// Which.
        step: String,
        /// Why.
        reason: String,
    },
    /// Its check holds and it never began.
    StepInPlace {
        /// Which.
        step: String,
        /// What showed it.
        reason: String,
    },
    /// It failed before an attempt began: a precondition, a check without an answer, a target out of reach.
    StepRefused {
        /// Which.
        step: String,
        /// The attempt that would have begun.
        attempt: u32,
        /// Why.
        failure: Failure,
    },
    /// The intent of one attempt. Durable before the attempt has any effect.
    AttemptStarted {
        /// Which step.
        step: String,
        /// Which attempt of it.
        attempt: u32,
        /// Who will act, so that the end of it can be proven.
        intent: Intent,
    },
    /// The end of one attempt.
    AttemptFinished {
        /// Which step.
        step: String,
        /// Which attempt of it.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
        /// Why it did not succeed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<Failure>,
        /// How long it took.
        duration_ms: u64,
        /// The kept output.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        output: Option<OutputDigest>,
        /// What later expressions see of it.
        result: StepResult,
    },
    /// An unknown, or a failed one whose effect turned out to be in place, was settled.
    StepSettled {
        /// Which step.
        step: String,
        /// Which attempt of it.
        attempt: u32,
        /// As what.
        r#as: Settlement,
        /// By what.
        by: SettledBy,
        /// The evidence, or the person's reason.
        reason: String,
    },
    /// A check was asked to settle an unknown or to guide an undo.
    CheckAnswered {
        /// Which step's.
        step: String,
        /// What it said.
        answer: Answer,
        /// The evidence.
        detail: String,
    },
    /// A person is asked.
    QuestionAsked {
        /// About which step.
        step: String,
        /// What about.
        question: Question,
        /// The text, with its evidence.
        text: String,
        /// The words that answer it.
        choices: Vec<Choice>,
        /// Until when an answer is waited for, in the format of `at`; without end when `None`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until: Option<String>,
    },
    /// A person answered.
    DecisionMade {
        /// About which step.
        step: String,
        /// With which word.
        choice: Choice,
        /// Who.
        by: String,
        /// Why, or the attestation's note.
        reason: String,
        /// Values entered.
        #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
        values: BTreeMap<String, Value>,
    },
    /// Something that the rules forbid was allowed by a person.
    OverrideGiven {
        /// What.
        what: String,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// No further step is to begin.
    StopRequested {
        /// Who or what.
        by: String,
        /// Why.
        reason: String,
    },
    /// From here on the run only undoes.
    RollbackStarted {
        /// Why.
        reason: String,
        /// The step that is undone last; all when `None`.
        to: Option<String>,
    },
    /// The intent of one part of an undo.
    UndoStarted {
        /// Which step's.
        step: String,
        /// Which part, from 0.
        part: usize,
        /// Which attempt of the part, from 1.
        attempt: u32,
        /// Who will act.
        intent: Intent,
    },
    /// The end of one attempt of one part of an undo.
    UndoFinished {
        /// Which step's.
        step: String,
        /// Which part, from 0.
        part: usize,
        /// Which attempt of the part.
        attempt: u32,
        /// How it ended.
        outcome: Outcome,
        /// Why it did not succeed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<Failure>,
        /// How long it took.
        duration_ms: u64,
        /// The kept output.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        output: Option<OutputDigest>,
    },
    /// An undo failed before it began.
    UndoRefused {
        /// Which step's.
        step: String,
        /// Which part, from 0.
        part: usize,
        /// The attempt that would have begun.
        attempt: u32,
        /// Why.
        failure: Failure,
    },
    /// An undo whose end nobody recorded was settled.
    UndoSettled {
        /// Which step's.
        step: String,
        /// Which part, from 0.
        part: usize,
        /// `Succeeded` means undone; `NotStarted` means to be undone again.
        r#as: Settlement,
        /// By what.
        by: SettledBy,
        /// The evidence, or the person's reason.
        reason: String,
    },
    /// There was nothing to undo, and why.
    UndoSkipped {
        /// Which step's.
        step: String,
        /// Why.
        reason: String,
    },
    /// A person left an undo that failed as it is: what it was to undo stays in place.
    UndoAbandoned {
        /// Which step's.
        step: String,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// The items of a loop were found. From here on it is about these and no others.
    LoopStarted {
        /// The loop.
        step: String,
        /// Its items, in their order.
        items: Vec<Item>,
        /// How many are carried out side by side.
        serial: u32,
    },
    /// The values that an included runbook is given were found.
    IncludeStarted {
        /// The step that includes it.
        step: String,
        /// All of its parameters.
        parameters: BTreeMap<String, Value>,
    },
    /// One round of a `repeat` ended.
    RoundFinished {
        /// What is repeated.
        step: String,
        /// Which round, from 1.
        round: u32,
        /// Whether its `until` holds; without one, whether it was the last.
        done: bool,
        /// What was seen.
        detail: String,
        /// Why all that was repeated counts as failed, where it does.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        failure: Option<Failure>,
    },
    /// A hold was acquired.
    HoldTaken {
        /// Which.
        step: String,
        /// When the held system lets go by itself, in the format of `at`.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        expires: Option<String>,
    },
    /// A hold was released.
    HoldReleased {
        /// Which.
        step: String,
    },
    /// What a watch looks at has come about.
    WatchTripped {
        /// The step that is watched.
        step: String,
        /// Which of its watches, from 0.
        watch: usize,
        /// What was seen.
        detail: String,
    },
    /// The time limit of a group is over. What runs in it is ended, and it has failed.
    LimitReached {
        /// The group.
        step: String,
    },
    /// What a step is to change was read.
    Observed {
        /// Which step.
        step: String,
        /// Which attempt of it.
        attempt: u32,
        /// Before it or after it.
        moment: Moment,
        /// What was read, bounded and without secrets; `None` where it could not be read.
        text: Option<String>,
        /// SHA-256 of all that was read, lower-case hex; why it could not be read where `text` is `None`.
        detail: String,
    },
    /// Files that a step left were copied into the run's folder.
    ArtifactsKept {
        /// Which step.
        step: String,
        /// Which attempt of it.
        attempt: u32,
        /// Each of them.
        files: Vec<Artifact>,
        /// What could not be copied, and why.
        #[serde(skip_serializing_if = "Vec::is_empty", default)]
        missing: Vec<String>,
    },
    /// The wall clock moved otherwise than time went by.
    ClockJumped {
        /// By how much it is ahead of where it should be, in milliseconds.
        by_ms: i64,
    },
    /// A step that has not begun is to be left out.
    SkipRequested {
        /// Which.
        step: String,
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// A wish to stop, or to leave a step out, is taken back before anything came of it.
    RequestWithdrawn {
        /// The step that was to be left out; `None` takes back the wish to stop.
        step: Option<String>,
        /// Who.
        by: String,
    },
    /// A hook's steps are through.
    HookFinished {
        /// Which.
        hook: Hook,
        /// `Succeeded` or `Failed`.
        outcome: Outcome,
        /// What failed.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        detail: Option<String>,
    },
    /// The run came to an end or to a halt.
    RunFinished {
        /// Which.
        outcome: RunOutcome,
        /// What is still in place although it was to be undone, or what failed and was passed over.
        remaining: Vec<Remaining>,
    },
    /// A kind that this version does not know. Never written.
    #[serde(other)]
    Unknown,
}

impl Event {
    /// The step that it is about, by its name in the journal.
    #[must_use]
    pub fn step(&self) -> Option<&str> {
        match self {
            Self::StepSkipped { step, .. }
            | Self::StepInPlace { step, .. }
            | Self::StepRefused { step, .. }
            | Self::AttemptStarted { step, .. }
            | Self::AttemptFinished { step, .. }
            | Self::StepSettled { step, .. }
            | Self::CheckAnswered { step, .. }
            | Self::QuestionAsked { step, .. }
            | Self::DecisionMade { step, .. }
            | Self::UndoStarted { step, .. }
            | Self::UndoFinished { step, .. }
            | Self::UndoRefused { step, .. }
            | Self::UndoSettled { step, .. }
            | Self::UndoSkipped { step, .. }
            | Self::UndoAbandoned { step, .. }
            | Self::LoopStarted { step, .. }
            | Self::IncludeStarted { step, .. }
            | Self::RoundFinished { step, .. }
            | Self::HoldTaken { step, .. }
            | Self::HoldReleased { step }
            | Self::WatchTripped { step, .. }
            | Self::LimitReached { step }
            | Self::Observed { step, .. }
            | Self::ArtifactsKept { step, .. }
            | Self::SkipRequested { step, .. } => Some(step),
            Self::RequestWithdrawn { step, .. } => step.as_deref(),
            Self::RunStarted { .. }
            | Self::RunResumed { .. }
            | Self::JournalRecovered { .. }
            | Self::OverrideGiven { .. }
            | Self::StopRequested { .. }
            | Self::RollbackStarted { .. }
            | Self::ClockJumped { .. }
            | Self::HookFinished { .. }
            | Self::RunFinished { .. }
            | Self::Unknown => None,
        }
    }
}

/// One item of a loop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// What stands in brackets after the names of its steps: its text, its `name`, or its number. Unique in the loop.
    pub label: String,
    /// What expressions see under the loop's name.
    pub value: Value,
}

/// On which side of a step something was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Moment {
    /// Right before it.
    Before,
    /// Right after it.
    After,
}

/// A file that was copied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Where it was.
    pub path: String,
    /// Where it is, within the run's folder.
    pub kept: String,
    /// Its size.
    pub bytes: u64,
    /// SHA-256 of its bytes, lower-case hex.
    pub sha256: String,
}

/// Who will act in an attempt: enough to prove later that it is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Intent {
    /// A supervisor that waits at its gate.
    Process(ProcessIdentity),
    /// A database session, which carries this application name.
    Session {
        /// Unique to the attempt.
        application_name: String,
        /// The server's process that serves it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        backend: Option<Backend>,
        /// What will tell later whether its statements took effect.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        marker: Option<Marker>,
    },
    /// A file is to be replaced.
    File(FileIntent),
    /// A request is to be sent. Nothing proves later whether its server got it.
    Request {
        /// In capitals.
        method: String,
        /// Where to.
        url: String,
        /// What the request calls its sender, where the runbook does not say it: unique to the attempt.
        user_agent: String,
    },
    /// The program itself, and nothing outside the run is touched.
    Program,
    /// A person.
    Person,
}

/// One process of a database server: both together are never given twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backend {
    /// Its number on the server's machine.
    pub pid: i32,
    /// When it began, in seconds since 1970 as the server writes them.
    pub started: String,
}

/// Whether an attempt leaves a row in the database by which a lost answer can be settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Marker {
    /// It does.
    Held {
        /// The schema of the marker table.
        schema: String,
        /// The row's key.
        id: String,
    },
    /// It does not, so the attempt is at most once.
    Denied {
        /// Why.
        reason: String,
    },
}

/// Names one process for good: all of it together is never given twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Process id.
    pub pid: i32,
    /// Start time in clock ticks since boot, field 22 of `/proc/PID/stat`.
    pub start_time: u64,
    /// `/proc/sys/kernel/random/boot_id`.
    pub boot_id: String,
    /// The machine, or the container that calls itself so: nobody sees its processes from another.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
}

/// What a file was and will be. `None` is a file that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileIntent {
    /// The file, absolute, symbolic links resolved.
    pub path: String,
    /// What is there now.
    pub before: Option<FileState>,
    /// What will be there.
    pub after: Option<FileState>,
    /// Whether a reload follows.
    pub reload: bool,
}

/// A file by its digest and its permissions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileState {
    /// SHA-256 of the bytes, lower-case hex.
    pub sha256: String,
    /// Permission bits.
    pub mode: u32,
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// As wanted.
    Succeeded,
    /// Not as wanted.
    Failed,
    /// Ended by its time limit.
    TimedOut,
    /// Nobody knows, but it is proven to be over.
    Unknown,
    /// Nobody knows, and it may still be going on.
    UnknownMayRun,
}

/// What an unknown was settled as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Settlement {
    /// The effect is there.
    Succeeded,
    /// It is not as wanted.
    Failed,
    /// As if it never began.
    NotStarted,
    /// To be run again. What became of the earlier attempt stays open, so a rollback undoes it.
    RunAgain,
}

/// What settled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SettledBy {
    /// The step's own check.
    Check,
    /// The step may be run again.
    Idempotent,
    /// The bytes of the file.
    Digest,
    /// The record of the step's supervisor, or the absence of its session.
    Supervisor,
    /// A person's recorded decision.
    Person,
    /// An undo has to bear to run twice.
    Rule,
}

/// What a check said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// The effect is in place.
    Holds,
    /// It is not.
    DoesNotHold,
    /// It could not be told.
    Unknown,
}

/// What an executor means to do with a run that it takes up again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResumeIntent {
    /// Go on from where it stopped, a failed step first.
    Continue,
    /// Undo.
    Rollback,
}

/// How a run ended or halted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunOutcome {
    /// Every step is through.
    Succeeded,
    /// A step failed and nothing was undone. Can be resumed or rolled back.
    Failed,
    /// Stopped on purpose. Can be resumed or rolled back.
    Stopped,
    /// All is undone.
    RolledBack,
    /// Undone as far as it could be.
    PartlyRolledBack,
    /// An undo failed.
    Stuck,
}

impl RunOutcome {
    /// Whether a run that ended so cannot be taken up again.
    #[must_use]
    pub const fn is_for_good(self) -> bool {
        matches!(self, Self::Succeeded | Self::RolledBack | Self::PartlyRolledBack)
    }
}

/// Something that is still in place, or was passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remaining {
    /// Which step.
    pub step: String,
    /// Why.
    pub reason: String,
}

/// The last record of a journal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The run's id.
    pub run: String,
    /// Its number of records.
    pub seq: u64,
    /// The hash of the last.
    pub hash: String,
}

/// One line of the journal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// From 1, without gaps.
    pub seq: u64,
    /// UTC with microseconds, as `2026-02-01T22:00:00.000000Z`.
    pub at: String,
    /// The run's id.
    pub run: String,
    /// Which executor's turn, from 1; each taking up raises it.
    pub epoch: u64,
    /// The person, as `user`.
    pub actor: String,
    /// The machine.
    pub host: String,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
    /// The `hash` of the record before, `null` in the first.
    pub prev: Option<String>,
    /// SHA-256, lower-case hex, of every byte of the line before `,"hash"`.
    pub hash: String,
}
