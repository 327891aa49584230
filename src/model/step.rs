//! One step: exactly one action, and what surrounds it.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::flow::{Background, Handler, Hold, Included, Loop, Observe, Repeat, Watch};
use super::http::HttpAction;
use super::length::Length;
use super::runbook::{Expression, Template};

/// The pause between two looks where none is said.
pub const DEFAULT_EVERY: Duration = Duration::from_secs(5);

/// A step with every inherited field filled in: target, environment, `on_failure` and timeout are its own here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Unique in the runbook.
    pub id: String,
    /// What people read; the id when there is none.
    pub name: Option<Template>,
    /// The file it stands in, where that is not the runbook's own.
    #[serde(default)]
    pub file: Option<String>,
    /// Line of the step in its file, from 1.
    pub line: usize,
    /// All must be true, else the step is skipped. Those of its groups come first.
    pub when: Vec<Expression>,
    /// Asked right before each attempt.
    pub preconditions: Vec<Precondition>,
    /// Whether the effect is already in place.
    pub check: Option<Probe>,
    /// What it does.
    pub action: Action,
    /// What must hold afterwards.
    pub verify: Option<Probe>,
    /// What counts as success beside the action's own.
    pub success: Success,
    /// Values for later steps.
    pub outputs: BTreeMap<String, Value>,
    /// Whether it changes the world outside the run.
    pub effect: Effect,
    /// Hard limit of one attempt; of a polling step, of the whole wait; of a group, of all of it.
    pub timeout: Option<Length>,
    /// What it normally takes.
    pub estimate: Option<Duration>,
    /// How often and when it is tried again.
    pub retry: Retry,
    /// Polling of a read-only step.
    pub until: Option<Until>,
    /// What happens when its last attempt failed.
    pub on_failure: OnFailure,
    /// What is done before that.
    #[serde(default)]
    pub handler: Option<Box<Handler>>,
    /// How it is undone.
    pub undo: Undo,
    /// May simply be run again after a crash.
    pub idempotent: bool,
    /// Output is not stored, only its size and digest.
    pub sensitive: bool,
    /// For people.
    pub notes: Option<String>,
    /// What plan shows as its diff.
    #[serde(default)]
    pub preview: Option<Probe>,
    /// What is read before and after it.
    #[serde(default)]
    pub observe: Option<Observe>,
    /// Files that are copied from where it ran: globs.
    #[serde(default)]
    pub artifacts: Vec<Template>,
    /// Carried out for each item of a list.
    #[serde(default)]
    pub each: Option<Box<Loop>>,
    /// Carried out again and again, for each item where it is a loop too.
    #[serde(default)]
    pub repeat: Option<Repeat>,
    /// Whether it goes on beside the steps that follow.
    #[serde(default)]
    pub background: Option<Background>,
    /// What is taken before and given back afterwards.
    #[serde(default)]
    pub hold: Option<Box<Hold>>,
    /// What is looked at while it runs.
    #[serde(default)]
    pub watches: Vec<Watch>,
}

impl Step {
    /// The hard limit, where it is written out.
    #[must_use]
    pub fn limit(&self) -> Option<Duration> {
        self.timeout.as_ref().and_then(Length::known)
    }
}

/// Whether something changes the world outside the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It only looks.
    ReadOnly,
    /// It changes something.
    Mutating,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// A script for an interpreter. Its text is never a template.
    Shell {
        /// The script.
        script: String,
        /// Program and arguments that take the script as one last argument.
        interpreter: Vec<String>,
        /// Surroundings.
        process: ProcessOptions,
    },
    /// A program and its arguments, without a shell.
    Command {
        /// The arguments, the program first.
        argv: Vec<Template>,
        /// Surroundings.
        process: ProcessOptions,
    },
    /// Statements that change a database.
    Sql(SqlAction),
    /// One statement in a read-only transaction.
    Query(SqlAction),
    /// A file made to be so.
    File(FileAction),
    /// One request.
    Http(HttpAction),
    /// A pause.
    Wait(WaitAction),
    /// Go or no-go.
    Confirm(ConfirmAction),
    /// Something a person does elsewhere and attests.
    Manual(ManualAction),
    /// Expressions that have to hold.
    Assert {
        /// Each of them.
        conditions: Vec<Condition>,
    },
    /// A phase.
    Group {
        /// The members.
        steps: Vec<Step>,
        /// How many run side by side; one after the other when not said.
        #[serde(default)]
        parallel: Option<u32>,
    },
    /// Another runbook's steps.
    Include(Box<Included>),
    /// Nothing but what the step holds, to the end of the list that it stands in.
    Hold,
}

impl Action {
    /// The key of the format that it was written with.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Shell { .. } => "shell",
            Self::Command { .. } => "command",
            Self::Sql(_) => "sql",
            Self::Query(_) => "query",
            Self::File(_) => "file",
            Self::Wait(_) => "wait",
            Self::Confirm(_) => "confirm",
            Self::Manual(_) => "manual",
            Self::Assert { .. } => "assert",
            Self::Group { .. } => "steps",
            Self::Http(_) => "http",
            Self::Include(_) => "runbook",
            Self::Hold => "hold",
        }
    }

    /// Whether a person carries it out: such a step waits, and is never in flight on its own.
    #[must_use]
    pub const fn is_by_person(&self) -> bool {
        matches!(self, Self::Confirm(_) | Self::Manual(_))
    }
}

/// What surrounds a process.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ProcessOptions {
    /// Added to the allow-listed environment. Values are templates or plain YAML values.
    pub env: BTreeMap<String, Value>,
    /// Given on standard input, else that is empty.
    pub stdin: Option<Template>,
    /// The folder it runs in; the runbook's own when not given.
    pub cwd: Option<Template>,
    /// On which machine.
    #[serde(default)]
    pub place: Place,
    /// Whom it runs as there, when not as the one who got there.
    #[serde(default)]
    pub r#become: Option<Template>,
}

/// The machine that something happens on.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// That of exec.
    #[default]
    Local,
    /// The one host of a target, or the one that the loop over its hosts has come to.
    Target(String),
    /// A host that a template picks, of the one target that has it.
    Host(Template),
}

/// Statements for a PostgreSQL target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SqlAction {
    /// A name of the runbook's targets.
    pub target: String,
    /// The statements. Never a template; `:'name'` and `:"name"` take a variable, quoted.
    pub text: String,
    /// The file the text was read from.
    pub file: Option<String>,
    /// All in one transaction, or each by itself.
    pub transaction: bool,
    /// Values for the quoted variables: templates or plain values.
    pub variables: BTreeMap<String, Value>,
    /// Another database of the same server.
    pub database: Option<Template>,
    /// Whether plan tries it in a transaction that is rolled back.
    #[serde(default)]
    pub rehearse: bool,
}

/// A file as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAction {
    /// Which file.
    pub path: Template,
    /// What should be in it; `None` leaves the content as it is.
    pub content: Option<FileContent>,
    /// Permission bits, as `0o640`.
    pub mode: Option<u32>,
    /// Name of the owning user.
    pub owner: Option<String>,
    /// Name of the owning group.
    pub group: Option<String>,
    /// Run on the new file before it takes the old one's place; `%s` becomes its path.
    pub validate: Option<Vec<Template>>,
    /// Run when bytes changed, and again after a rollback restored them.
    pub reload: Option<Vec<Template>>,
    /// Where a copy of the old file has to stay.
    pub backup: Option<Template>,
    /// On which machine.
    #[serde(default)]
    pub place: Place,
    /// Whom it is changed as there, when not as the one who got there.
    #[serde(default)]
    pub r#become: Option<Template>,
}

/// Where a file's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileContent {
    /// Text in the runbook, a template.
    Content(Template),
    /// A template file beside the runbook, read when the runbook was.
    Template {
        /// As the runbook names it.
        path: String,
        /// Its text.
        text: Template,
    },
    /// A file beside the runbook, byte for byte.
    Source {
        /// As the runbook names it.
        path: String,
        /// SHA-256 of its bytes when the runbook was read, lower-case hex.
        sha256: String,
    },
    /// Replacements in what is there.
    Edits(Vec<Edit>),
    /// The file must not be there.
    Absent,
}

/// One replacement in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edit {
    /// A multi-line regular expression. A template.
    pub r#match: Template,
    /// What takes its place; `\1` is the first group. A template.
    pub replace: Template,
    /// How many matches there have to be.
    pub expect: Expect,
}

/// How many matches an edit has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// One or more.
    AtLeastOne,
    /// Just so many.
    Exactly(usize),
    /// None is fine too.
    Any,
}

/// A pause.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WaitAction {
    /// So long.
    For(Length),
    /// Until a moment: a template that gives a date and time with an offset or in UTC.
    Until(Template),
    /// For steps in the background of the same list.
    Steps(Vec<String>),
}

/// A go/no-go question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfirmAction {
    /// The question.
    pub message: Template,
    /// The evidence: expressions shown with their values.
    pub show: Vec<Expression>,
    /// Who may answer: principals and `@groups`, anybody when empty.
    #[serde(default)]
    pub by: Vec<String>,
    /// Whether somebody other than the operator has to.
    #[serde(default)]
    pub second_person: bool,
}

/// Something a person does elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManualAction {
    /// What to do.
    pub instructions: Template,
    /// Whether the attestation needs a note.
    pub evidence_required: bool,
    /// Values the person enters, read as the step's outputs.
    pub inputs: BTreeMap<String, super::runbook::ParameterType>,
}

/// An expression and what to say when it does not hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// Must be true.
    pub that: Expression,
    /// Said when it is not.
    pub message: Option<Template>,
}

/// Asked right before an attempt: an expression, alone or over a probe's result.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Precondition {
    /// Looked at first, when there is one.
    pub probe: Option<Probe>,
    /// Must be true; without it the probe must hold.
    pub that: Option<Expression>,
    /// Said when it does not.
    pub message: Option<Template>,
}

/// One read-only action and how its answer is read. The action is shell, command, query or http.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Probe {
    /// What is asked.
    pub action: Box<Action>,
    /// Limit of one look; with `until`, of the whole wait.
    pub timeout: Option<Length>,
    /// Repeated until true (`verify` only).
    pub until: Option<Until>,
}

impl Probe {
    /// The limit, where it is written out.
    #[must_use]
    pub fn limit(&self) -> Option<Duration> {
        self.timeout.as_ref().and_then(Length::known)
    }
}

/// Polling.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Until {
    /// Over the step's own result.
    pub that: Expression,
    /// Pause between two looks.
    pub every: Length,
}

impl Until {
    /// The pause between two looks, where it is written out; else the default one.
    #[must_use]
    pub fn pause(&self) -> Duration {
        self.every.known().unwrap_or(DEFAULT_EVERY)
    }
}

/// What counts as success beside the action's own.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Success {
    /// Exit codes that count, only 0 when empty.
    pub exit_codes: Vec<i32>,
    /// Regular expressions searched for.
    pub stdout: Option<String>,
    /// Must not be found.
    pub stdout_not: Option<String>,
    /// Regular expressions searched for.
    pub stderr: Option<String>,
    /// Must not be found.
    pub stderr_not: Option<String>,
    /// Over the step's own result.
    pub that: Option<Expression>,
    /// Said when it was not one.
    pub message: Option<Template>,
}

/// How often and when a step is tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Retry {
    /// Counts the first.
    pub max_attempts: u32,
    /// Pause before the second attempt.
    pub delay: Length,
    /// The pause is multiplied by this each time.
    pub backoff: f64,
    /// The pause never grows above this.
    pub max_delay: Option<Length>,
}

impl Default for Retry {
    fn default() -> Self {
        Self { max_attempts: 1, delay: Length::ZERO, backoff: 1.0, max_delay: None }
    }
}

impl Retry {
    /// The pause before the given attempt, counted from 1; none before the first, nor where it is not written out.
    #[must_use]
    pub fn delay_before(&self, attempt: u32) -> Duration {
        if attempt < 2 {
            return Duration::ZERO;
        }
        let factor = self.backoff.powi(i32::try_from(attempt - 2).unwrap_or(i32::MAX));
        let first = self.delay.known().unwrap_or_default();
        let seconds = (first.as_secs_f64() * factor).min(365.0 * 86_400.0);
        let delay = Duration::try_from_secs_f64(seconds).unwrap_or(first);
        self.max_delay.as_ref().and_then(Length::known).map_or(delay, |most| delay.min(most))
    }
}

/// What happens when the last attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OnFailure {
    /// The run ends as failed and can be resumed.
    Stop,
    /// What was done is undone.
    Rollback,
    /// The run goes on; the step stays failed.
    Continue,
    /// A person chooses.
    Ask,
}

/// How a step is undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Nothing to undo: it only looked, or a reason says so.
    NotNeeded {
        /// Given for a mutating step.
        why: Option<String>,
    },
    /// Steps carried out in their order. For `file` the kept bytes are put back first.
    Steps(Vec<Step>),
    /// Cannot be undone although one would want to.
    Irreversible {
        /// The reason.
        why: String,
    },
    /// Cannot be undone, and nothing before it either, once it began.
    PointOfNoReturn {
        /// The reason.
        why: String,
    },
}
