//! A runbook that was checked: every name resolved, every default applied, every text file that it names read.
//!
//! Not the document as it was typed (`check::document` is that), and without any value that is known only when it
//! runs: templates and expressions are still text.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use jiff::Zoned;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::parts;
use super::step::{Action, Step};
use super::window::Window;

/// Text with `{{ … }}` in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Template(pub String);

/// A bare expression, as `when` and `that` have it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Expression(pub String);

/// A whole runbook, ready to be planned or run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Runbook {
    /// `[a-z0-9-]`; the lock and the run ids use it.
    pub name: String,
    /// What a person calls it.
    pub title: Option<String>,
    /// Markdown.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<String>,
    /// Tickets and pages.
    pub links: Vec<String>,
    /// The folder that relative paths start at, absolute.
    pub folder: String,
    /// IANA name, in which the times of the window and the review are meant.
    #[serde(default)]
    pub timezone: Option<String>,
    /// When it may run; at any time when not said.
    #[serde(default)]
    pub window: Option<Window>,
    /// Who has to approve it; nobody when not said.
    #[serde(default)]
    pub review: Option<Review>,
    /// What `@name` means: principals by name.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<String>>,
    /// Taken beside the runbook's own name.
    #[serde(default)]
    pub locks: Vec<Template>,
    /// What has to be given, or has a default.
    pub parameters: BTreeMap<String, Parameter>,
    /// Named templates, read when they are used.
    pub vars: BTreeMap<String, Value>,
    /// Where each secret's value is found. Never a value.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Where steps run, beside `local`.
    pub targets: BTreeMap<String, Target>,
    /// What it does, in order.
    pub steps: Vec<Step>,
    /// What runs around the steps.
    pub hooks: BTreeMap<Hook, Vec<Step>>,
    /// What is left to do afterwards.
    pub followups: Vec<Followup>,
}

impl Runbook {
    /// The steps that act, groups opened, in the order in which they run.
    #[must_use]
    pub fn leaves(&self) -> Vec<&Step> {
        let mut leaves = Vec::new();
        collect(&self.steps, &mut leaves);
        leaves
    }

    /// Every step by its name in the journal, without the items of loops: those of hooks (`<hook>/<id>`), groups, and
    /// what belongs to a step (see [`super::parts`]) included.
    #[must_use]
    pub fn steps_by_name(&self) -> HashMap<String, &Step> {
        let mut named = HashMap::new();
        name_all(&self.steps, &mut named);
        let hooks = self.hooks.iter();
        named.extend(hooks.flat_map(|(hook, steps)| steps.iter().map(|step| (hook.step_name(&step.id), step))));
        named
    }

    /// The acting step of that name in the journal, to look one up: it goes through all of them.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&Step> {
        let of_hook = name.split_once('/').and_then(|(hook, id)| {
            let steps = self.hooks.iter().find(|(key, _)| key.as_str() == hook)?.1;
            steps.iter().find(|step| step.id == id)
        });
        of_hook.or_else(|| self.leaves().into_iter().find(|step| step.id == name))
    }
}

fn collect<'a>(steps: &'a [Step], leaves: &mut Vec<&'a Step>) {
    for step in steps {
        match &step.action {
            Action::Group { steps, .. } => collect(steps, leaves),
            Action::Include(included) => collect(&included.steps, leaves),
            _ => leaves.push(step),
        }
    }
}

fn name_all<'a>(steps: &'a [Step], all: &mut HashMap<String, &'a Step>) {
    for step in steps {
        all.insert(step.id.clone(), step);
        for (part, list) in parts::lists(step) {
            let own = list.iter().enumerate();
            all.extend(own.map(|(at, own)| (part.step_name(&step.id, at, list.len()), own)));
        }
        match &step.action {
            Action::Group { steps, .. } => name_all(steps, all),
            Action::Include(included) => name_all(&included.steps, all),
            _ => {}
        }
    }
}

/// Who has to approve a runbook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Until when.
    pub deadline: Option<Zoned>,
    /// How many distinct people.
    pub approvals: u32,
    /// Principals and `@groups`; any of the allowed signers when empty.
    pub approvers: Vec<String>,
    /// Whether the operator may be among them.
    pub allow_self: bool,
}

/// What happens when the next step no longer fits the window. After a point of no return it means finish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Overrun {
    /// The run goes on past the window.
    Finish,
    /// The run ends as failed and can be resumed.
    #[default]
    Stop,
    /// What was done is undone.
    Rollback,
}

/// A declared parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameter {
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// Of a list: what its items are.
    pub items: Option<ParameterType>,
    /// Used when none is given; without one the parameter is required.
    pub default: Option<Value>,
    /// For people.
    pub description: Option<String>,
    /// The values it may have, any when empty.
    #[serde(rename = "enum")]
    pub choices: Vec<Value>,
    /// A regular expression that a text has to match somewhere.
    pub pattern: Option<String>,
    /// The smallest number.
    pub minimum: Option<f64>,
    /// The largest number.
    pub maximum: Option<f64>,
}

/// The types a parameter may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ParameterType {
    /// Any text.
    String,
    /// A whole number.
    Integer,
    /// Any number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A number with a unit, as `90s`.
    Duration,
    /// Several values of one type.
    List,
}

impl ParameterType {
    /// The word in the format.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Integer => "integer",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Duration => "duration",
            Self::List => "list",
        }
    }
}

/// Where a secret's value is found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretSource {
    /// An environment variable of the program.
    Env(String),
    /// A file, its trailing newline dropped.
    File(String),
    /// A command's standard output, its trailing newline dropped.
    Command(Vec<String>),
}

/// Where a step can run, beside `local`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Target {
    /// A PostgreSQL server and database.
    Postgres {
        /// libpq connection string or URI.
        connection: Template,
        /// Kept apart so that it is never part of a connection string that is shown.
        password: Option<Template>,
    },
    /// Machines that are reached over ssh.
    Hosts {
        /// Which.
        hosts: Hosts,
        /// Whom to log in as.
        user: Option<Template>,
        /// Whom to become there.
        r#become: Option<Template>,
    },
}

/// The machines of a target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hosts {
    /// Written out, each a template.
    List(Vec<Template>),
    /// A template that gives the list.
    Template(Template),
}

impl Hosts {
    /// Whether there may be several, so that what runs on them is a loop. A list that is not written out counts as
    /// several.
    #[must_use]
    pub const fn are_several(&self) -> bool {
        match self {
            Self::List(hosts) => hosts.len() != 1,
            Self::Template(_) => true,
        }
    }
}

/// When a list of hook steps runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// Before the first step.
    OnStart,
    /// After the last step, when the run succeeds.
    OnSuccess,
    /// When a step failed, before any rollback.
    OnFailure,
    /// After a rollback, well or not.
    OnRollback,
    /// Last, however it ended.
    Always,
}

impl Hook {
    /// What one of its steps is called in the journal: `<hook>/<id>`.
    #[must_use]
    pub fn step_name(self, id: &str) -> String {
        format!("{}/{id}", self.as_str())
    }

    /// The name in the format and in the journal.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OnStart => "on_start",
            Self::OnSuccess => "on_success",
            Self::OnFailure => "on_failure",
            Self::OnRollback => "on_rollback",
            Self::Always => "always",
        }
    }
}

/// Something left to do after the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followup {
    /// How long after the run.
    pub due: Duration,
    /// What.
    pub title: String,
    /// Who.
    pub owner: Option<String>,
}
