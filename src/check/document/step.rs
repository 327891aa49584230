//! A step and its parts as they are typed: flat, every key optional. Rules say which go together.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::action::{Condition, Confirm, File, Http, Include, Manual, SqlFile, Wait};
use super::scalar::{Choice, HasShortForm, OneOrMore, Raw, Text, TextOr};
use crate::model::flow::{Trip, Way};
use crate::model::step::Effect;

/// A step: its actions, their options, and the common fields.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Unique.
    pub id: Option<String>,
    /// For people.
    pub name: Option<Text>,
    /// Expression.
    pub when: Option<Text>,
    /// Asked before each attempt.
    pub preconditions: Option<Vec<Probe>>,
    /// Whether it is in place already.
    pub check: Option<Probe>,
    /// What must hold afterwards.
    pub verify: Option<Probe>,
    /// What counts as success.
    pub success: Option<Success>,
    /// Values for later steps.
    pub outputs: Option<BTreeMap<String, Value>>,
    /// Whether it changes something.
    pub effect: Option<Effect>,
    /// Hard limit.
    pub timeout: Option<Text>,
    /// What it normally takes.
    pub estimate: Option<Text>,
    /// How often it is tried.
    pub retry: Option<Retry>,
    /// Polling.
    pub until: Option<Text>,
    /// Pause between two looks.
    pub every: Option<Text>,
    /// What happens when it failed.
    pub on_failure: Option<Choice>,
    rollback: Option<Raw>,
    /// Why it cannot be undone.
    pub irreversible: Option<Text>,
    /// Why nothing before it can be undone.
    pub point_of_no_return: Option<Text>,
    /// May simply be run again.
    pub idempotent: Option<bool>,
    /// Output is not stored.
    pub sensitive: Option<bool>,
    /// For people.
    pub notes: Option<Text>,
    /// Where it runs.
    pub target: Option<String>,
    /// Added to the environment.
    pub env: Option<BTreeMap<String, Value>>,
    /// Standard input.
    pub stdin: Option<Text>,
    /// Where the process runs.
    pub cwd: Option<Text>,

    /// Action: a script.
    pub shell: Option<String>,
    /// Option of `shell`.
    pub interpreter: Option<OneOrMore>,
    /// Action: a program.
    pub command: Option<Vec<Text>>,
    /// Action: statements.
    pub sql: Option<TextOr<SqlFile>>,
    /// Option of `sql`.
    pub transaction: Option<bool>,
    /// Option of `sql` and `query`.
    pub variables: Option<BTreeMap<String, Value>>,
    /// Option of `sql` and `query`.
    pub database: Option<Text>,
    /// Action: one read-only statement.
    pub query: Option<String>,
    /// Action: a file.
    pub file: Option<File>,
    /// Action: a pause.
    pub wait: Option<Wait>,
    /// Action: go or no-go.
    pub confirm: Option<Confirm>,
    /// Action: a person does it.
    pub manual: Option<Manual>,
    /// Action: conditions.
    pub assert: Option<Vec<Condition>>,
    steps: Option<Raw>,

    /// Action: one request.
    pub http: Option<TextOr<Http>>,
    /// Action: another runbook's steps.
    pub runbook: Option<Include>,
    /// Option of `sql`: plan tries it in a transaction that is rolled back.
    pub rehearse: Option<bool>,
    /// Option of `shell` and `command`: what plan shows.
    pub preview: Option<Probe>,
    /// Looked at before and after.
    pub observe: Option<TextOr<Probe>>,
    /// Whom to become.
    pub r#become: Option<Text>,
    /// Option of `steps`: how many members at a time.
    pub parallel: Option<u32>,
    /// Taken before, given back on every way out.
    pub hold: Option<Hold>,
    /// Option of `hold`: the ways out on which it is given back.
    pub release_on: Option<Vec<Way>>,
    /// Option of `hold`: whether a rollback of its members takes it again.
    pub retake: Option<bool>,
    /// Files copied from where it ran.
    pub artifacts: Option<Vec<Text>>,
    /// Loop: its items, or a template that gives them.
    pub for_each: Option<Value>,
    /// Option of a loop: what an item is called.
    pub r#as: Option<String>,
    /// Option of a loop: how many at a time, or a share of them.
    pub serial: Option<Text>,
    /// Option of a loop: after how many items to ask.
    pub canary: Option<u32>,
    between: Option<Raw>,
    /// Option of a loop: how many items may fail.
    pub max_failures: Option<u32>,
    /// Again and again.
    pub repeat: Option<Repeat>,
    /// Goes on beside the steps that follow.
    pub background: Option<bool>,
    /// Option of `background`: ended with its list.
    pub until_end: Option<bool>,
    /// Looked at while it runs.
    pub watch: Option<Vec<Probe>>,
}

/// One read-only action; with `that` and `message` it is a precondition, with `trip_when` and `action` a watch.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// Action: a script.
    pub shell: Option<String>,
    /// Option of `shell`.
    pub interpreter: Option<OneOrMore>,
    /// Action: a program.
    pub command: Option<Vec<Text>>,
    /// Action: one read-only statement.
    pub query: Option<String>,
    /// Option of `query`.
    pub variables: Option<BTreeMap<String, Value>>,
    /// Option of `query`.
    pub database: Option<Text>,
    /// Where it runs.
    pub target: Option<String>,
    /// Added to the environment.
    pub env: Option<BTreeMap<String, Value>>,
    /// Standard input.
    pub stdin: Option<Text>,
    /// Where the process runs.
    pub cwd: Option<Text>,
    /// Limit.
    pub timeout: Option<Text>,
    /// Expression, of `verify` only.
    pub until: Option<Text>,
    /// Pause between two looks, of `verify` and of a watch.
    pub every: Option<Text>,
    /// Expression, of a precondition only.
    pub that: Option<Text>,
    /// Of a precondition only.
    pub message: Option<Text>,
    /// Action: one request that only looks.
    pub http: Option<TextOr<Http>>,
    /// Whom to become.
    pub r#become: Option<Text>,
    /// Expression, of a watch only.
    pub trip_when: Option<Text>,
    /// What happens when it trips, of a watch only.
    pub action: Option<Trip>,
    r#do: Option<Raw>,
}

impl HasShortForm for Probe {
    const FORMS: &'static str = "the path of a file, or a probe such as {command: [...]}";
}

/// Something that is taken and given back. Its steps are decoded from the tree.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    acquire: Raw,
    release: Raw,
    /// When the held system lets go by itself.
    pub expires: Option<Text>,
}

/// Again and again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Expression over the result.
    pub until: Option<Text>,
    /// How often at most.
    pub max: Option<u32>,
    /// Pause between two.
    pub delay: Option<Text>,
}

/// What counts as success.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Success {
    /// Exit codes that count.
    pub exit_codes: Vec<i32>,
    /// Regular expression.
    pub stdout: Option<String>,
    /// Regular expression.
    pub stdout_not: Option<String>,
    /// Regular expression.
    pub stderr: Option<String>,
    /// Regular expression.
    pub stderr_not: Option<String>,
    /// Expression.
    pub that: Option<Text>,
    /// Said when it does not hold.
    pub message: Option<Text>,
}

/// How often a step is tried.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Counts the first.
    pub max_attempts: u32,
    /// Pause before the second.
    pub delay: Option<Text>,
    /// The pause is multiplied by this.
    pub backoff: Option<f64>,
    /// The pause never grows above this.
    pub max_delay: Option<Text>,
}
