//! What makes of a step more than one attempt after the other: loops, repetition, holds, watches, handlers.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::length::Length;
use super::runbook::{Expression, Parameter, SecretSource, Target, Template};
use super::step::{Probe, Step};

/// A step for each item of a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Loop {
    /// The list.
    pub items: Items,
    /// What an item is called in expressions.
    pub name: String,
    /// How many at a time.
    pub serial: Serial,
    /// After how many items a person is asked.
    pub canary: Option<u32>,
    /// Carried out between one item (or so many as run at a time) and the next.
    pub between: Vec<Step>,
    /// How many items may fail before no other is begun.
    pub max_failures: u32,
}

/// What a loop goes over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Items {
    /// Written out; their texts are templates.
    List(Vec<Value>),
    /// Found when the step runs.
    Template(Template),
    /// The hosts of a target.
    Hosts(String),
}

/// How many items at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Serial {
    /// So many.
    Count(u32),
    /// Such a share of them, in percent.
    Percent(u32),
}

/// Again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repeat {
    /// Over the result; reached, it is success.
    pub until: Option<Expression>,
    /// How often at most; reached, it is a failure where there is an `until`.
    pub max: Option<u32>,
    /// Pause between two.
    pub delay: Length,
}

/// What happens to a step that goes on beside those that follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Background {
    /// A `wait` for it in the same list joins it.
    Joined,
    /// It is ended with its list, which is success.
    UntilEnd,
}

/// Something that is taken before, and given back on the way out.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hold {
    /// Takes it.
    pub acquire: Vec<Step>,
    /// Gives it back.
    pub release: Vec<Step>,
    /// When the held system lets go by itself.
    pub expires: Option<Length>,
    /// The ways out on which it is given back.
    pub release_on: BTreeSet<Way>,
    /// Whether a rollback of its members takes it again around their undo.
    pub retake: bool,
}

/// A way out of what a hold encloses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// Its steps are done.
    Success,
    /// One of them failed, and nothing is undone.
    Failure,
    /// The run was stopped.
    Stop,
    /// What was done is undone.
    Rollback,
}

impl Way {
    /// Every way there is.
    pub const ALL: [Self; 4] = [Self::Success, Self::Failure, Self::Stop, Self::Rollback];
}

/// Something looked at while a step runs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Watch {
    /// What is asked; its limit is that of one look.
    pub probe: Probe,
    /// Pause between two looks.
    pub every: Length,
    /// Over what is seen.
    pub trip_when: Expression,
    /// Carried out when it trips, before the action.
    pub steps: Vec<Step>,
    /// What then happens.
    pub action: Trip,
}

/// What a watch brings about when it trips.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Trip {
    /// It is shown, and the steps go on.
    Warn,
    /// A person chooses.
    Ask,
    /// The run ends as failed and can be resumed.
    Stop,
    /// What was done is undone.
    Rollback,
}

/// What is done when a step failed, before what its `on_failure` says. It never turns the step green.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Handler {
    /// Carried out in their order.
    pub steps: Vec<Step>,
    /// Whether the step is tried once more afterwards.
    pub retry: bool,
}

/// What happens after the steps that a failure brings about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Then {
    /// The run ends as failed and can be resumed.
    #[default]
    Stop,
    /// What was done is undone.
    Rollback,
    /// The run goes on; the step stays failed.
    Continue,
    /// The step is tried once more.
    Retry,
    /// A person chooses.
    Ask,
}

/// What is read before and after a step, to tell what it really changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Observe {
    /// What a probe answers.
    Probe(Probe),
    /// A file, where the step runs.
    File(Template),
}

/// Another runbook's steps, as a group with a scope of its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Included {
    /// As the runbook names it.
    pub path: String,
    /// The values that are given, templates or plain ones.
    pub given: BTreeMap<String, Value>,
    /// What the other runbook declares, in place of what this one does.
    pub parameters: BTreeMap<String, Parameter>,
    /// Its named templates.
    pub vars: BTreeMap<String, Value>,
    /// Where its secrets are found.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Where its steps run, beside `local`.
    pub targets: BTreeMap<String, Target>,
    /// Its steps; their ids begin with the id of the step that includes them and a slash.
    pub steps: Vec<Step>,
}
