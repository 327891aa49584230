//! A step and its parts as they are typed: flat, every key optional. Rules say which go together.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::action::{Condition, Confirm, File, Http, Include, Manual, SqlFile, Wait};
use super::scalar::{Choice, HasShortForm, OneOrMore, Raw, Text, TextOr};
use crate::check::schema::kinds;
use crate::model::flow::{Trip, Way};
use crate::model::step::Effect;

/// A step: its actions, their options, and the common fields.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// Names the step in the journal and in expressions, where `-` is written `_`: a-z, 0-9, _ and -.
    #[schemars(with = "Option<kinds::Id>")]
    pub id: Option<String>,
    /// What a person calls it. Default: the id. A template.
    pub name: Option<Text>,
    /// Expression; where it is false, the step is skipped.
    #[schemars(with = "Option<kinds::Expression>")]
    pub when: Option<Text>,
    /// Asked right before each attempt; where one does not hold, the step fails before it begins.
    #[schemars(with = "Option<Vec<kinds::Precondition>>")]
    pub preconditions: Option<Vec<Probe>>,
    /// Read-only question: is the effect already in place? Then the step is not carried out.
    #[schemars(with = "Option<kinds::Question>")]
    pub check: Option<Box<Probe>>,
    /// Read-only question that has to hold after the step. Default: `check`.
    #[schemars(with = "Option<kinds::Question>")]
    pub verify: Option<Box<Probe>>,
    /// What counts as success beside the exit code or the status.
    pub success: Option<Box<Success>>,
    /// Values for later steps, each a template over the step's own result.
    pub outputs: Option<BTreeMap<String, Value>>,
    /// Whether it changes something. Default: by the action.
    pub effect: Option<Effect>,
    /// Hard limit of one attempt; of `until`, of the whole wait.
    #[schemars(with = "Option<kinds::Duration>")]
    pub timeout: Option<Text>,
    /// What it normally takes; the budget of the window counts with it. Default: `timeout`.
    #[schemars(with = "Option<kinds::Duration>")]
    pub estimate: Option<Text>,
    /// How often it is tried, and how long apart.
    pub retry: Option<Box<Retry>>,
    /// Of a read-only step: asked again until this expression is true.
    #[schemars(with = "Option<kinds::Expression>")]
    pub until: Option<Text>,
    /// Pause between two looks of `until`. Default: 5s.
    #[schemars(with = "Option<kinds::Duration>")]
    pub every: Option<Text>,
    /// What happens when the last attempt failed. Default: the group's, then that of `defaults`, then stop.
    pub on_failure: Option<Choice>,
    /// How it is undone: one step or a list of them, or `{not_needed: <why>}`.
    #[schemars(with = "Option<kinds::Rollback>")]
    rollback: Option<Raw>,
    /// Why it cannot be undone, although one would want to. In place of `rollback`.
    pub irreversible: Option<Text>,
    /// Why nothing before it can be undone from here on. Implies `irreversible`.
    pub point_of_no_return: Option<Text>,
    /// Whether it may simply be run again after a crash.
    pub idempotent: Option<bool>,
    /// Whether its output is kept out of the journal, but for size and digest.
    pub sensitive: Option<bool>,
    /// For whoever reads or runs it.
    pub notes: Option<Text>,
    /// A name of `targets`, `local`, or a template that picks one host.
    pub target: Option<String>,
    /// Added to the environment of `shell` and `command`; the only way for values into a script.
    pub env: Option<BTreeMap<String, Value>>,
    /// What `shell` and `command` read on standard input. A template.
    pub stdin: Option<Text>,
    /// Where `shell` and `command` run. A template.
    pub cwd: Option<Text>,

    /// Action: a script for `bash -eo pipefail`. Never a template; values come in by `env`.
    pub shell: Option<String>,
    /// Option of `shell`: the program, with its arguments, that takes the script in place of bash.
    pub interpreter: Option<OneOrMore>,
    /// Action: a program with its arguments, without a shell. Each is a template.
    pub command: Option<Vec<Text>>,
    /// Action: statements for a `postgres` target, in one transaction unless said otherwise. Never a template.
    pub sql: Option<TextOr<SqlFile>>,
    /// Option of `sql`: false sends each statement by itself, outside a transaction.
    pub transaction: Option<bool>,
    /// Option of `sql` and `query`: values for psql's :'literal' and :"name".
    pub variables: Option<BTreeMap<String, Value>>,
    /// Option of `sql` and `query`: another database of the target. A template.
    pub database: Option<Text>,
    /// Action: one statement that only looks, in a read-only transaction. Never a template.
    pub query: Option<String>,
    /// Action: makes a file be so, with the old one kept for the rollback.
    pub file: Option<Box<File>>,
    /// Action: waits for a while, until a moment, or for steps in the background.
    pub wait: Option<Wait>,
    /// Action: a go or no-go question to a person.
    pub confirm: Option<Box<Confirm>>,
    /// Action: something that a person does elsewhere, and attests.
    pub manual: Option<Manual>,
    /// Action: fails unless every expression holds.
    pub assert: Option<Vec<Condition>>,
    /// Action: a group. Its `target`, `env`, `when` and `on_failure` hold for its members.
    #[schemars(with = "Option<kinds::Steps>")]
    steps: Option<Raw>,

    /// Action: one HTTP request; a URL, or a mapping that says more.
    pub http: Option<Box<TextOr<Http>>>,
    /// Action: another runbook's steps, as a group.
    pub runbook: Option<Include>,
    /// Option of `sql`: plan tries it in a transaction that is rolled back.
    pub rehearse: Option<bool>,
    /// Option of `shell` and `command`: a read-only question whose output plan shows.
    #[schemars(with = "Option<kinds::Question>")]
    pub preview: Option<Box<Probe>>,
    /// A file or a read-only question, read before and after; the audit keeps the difference.
    #[schemars(with = "Option<kinds::Observe>")]
    pub observe: Option<Box<TextOr<Probe>>>,
    /// Whom `shell` and `command` become, such as root.
    pub r#become: Option<Text>,
    /// Option of `steps`: how many members run side by side.
    pub parallel: Option<u32>,
    /// Something that is taken before the steps, and given back on every way out.
    pub hold: Option<Hold>,
    /// Option of `hold`: the ways out on which it is given back. Default: all.
    pub release_on: Option<Vec<Way>>,
    /// Option of `hold`: whether a rollback of its members takes it again. Default: true.
    pub retake: Option<bool>,
    /// Files that are copied from where it ran, as globs. Templates.
    pub artifacts: Option<Vec<Text>>,
    /// Loop over these items: a list, or a template that gives one.
    pub for_each: Option<Value>,
    /// Option of a loop: what an item is called in expressions. Default: item.
    pub r#as: Option<String>,
    /// Option of a loop: how many items at a time, as 3 or 25%. Default: 1.
    pub serial: Option<Text>,
    /// Option of a loop: ask a person after so many items.
    pub canary: Option<u32>,
    /// Option of a loop: steps between two items.
    #[schemars(with = "Option<kinds::PartSteps>")]
    between: Option<Raw>,
    /// Option of a loop: how many items may fail before it stops. Default: 0.
    pub max_failures: Option<u32>,
    /// Carried out again and again, until there is nothing left.
    pub repeat: Option<Box<Repeat>>,
    /// Goes on beside the steps that follow, until a `wait: {for: [id]}` joins it.
    pub background: Option<bool>,
    /// Option of `background`: it is ended with its list, which is success.
    pub until_end: Option<bool>,
    /// Read-only questions that are asked while it runs.
    #[schemars(with = "Option<Vec<kinds::Watch>>")]
    pub watch: Option<Vec<Probe>>,
}

/// One read-only action; with `that` and `message` it is a precondition, with `trip_when` and `action` a watch.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Probe {
    /// Action: a script that only looks. Exit 0 holds, exit 1 does not.
    pub shell: Option<String>,
    /// Option of `shell`.
    pub interpreter: Option<OneOrMore>,
    /// Action: a program that only looks. Exit 0 holds, exit 1 does not.
    pub command: Option<Vec<Text>>,
    /// Action: one statement; it holds where its first row begins with true.
    pub query: Option<String>,
    /// Option of `query`. Default: the step's.
    pub variables: Option<BTreeMap<String, Value>>,
    /// Option of `query`. Default: the step's.
    pub database: Option<Text>,
    /// Where it is asked. Default: where the step runs.
    pub target: Option<String>,
    /// Added to the environment.
    pub env: Option<BTreeMap<String, Value>>,
    /// What it reads on standard input. A template.
    pub stdin: Option<Text>,
    /// Where it runs. A template.
    pub cwd: Option<Text>,
    /// Hard limit of one question.
    #[schemars(with = "Option<kinds::Duration>")]
    pub timeout: Option<Text>,
    /// Of `verify`: asked again until this expression is true.
    #[schemars(with = "Option<kinds::Expression>")]
    pub until: Option<Text>,
    /// Pause between two questions, of `verify` and of a watch.
    #[schemars(with = "Option<kinds::Duration>")]
    pub every: Option<Text>,
    /// Of a precondition: expression that has to be true.
    #[schemars(with = "Option<kinds::Expression>")]
    pub that: Option<Text>,
    /// Of a precondition: what is said where it does not hold. A template.
    pub message: Option<Text>,
    /// Action: one request that only looks.
    pub http: Option<Box<TextOr<Http>>>,
    /// Whom to become.
    pub r#become: Option<Text>,
    /// Of a watch: expression that trips it.
    #[schemars(with = "Option<kinds::Expression>")]
    pub trip_when: Option<Text>,
    /// Of a watch: what happens when it trips.
    pub action: Option<Trip>,
    /// Of a watch: steps that are carried out first when it trips.
    #[schemars(with = "Option<kinds::PartSteps>")]
    r#do: Option<Raw>,
}

impl HasShortForm for Probe {
    const FORMS: &'static str = "the path of a file, or a probe such as {command: [...]}";
}

/// Something that is taken and given back. Its steps are decoded from the tree.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    /// Steps that take it.
    #[schemars(with = "kinds::PartSteps")]
    acquire: Raw,
    /// Steps that give it back.
    #[schemars(with = "kinds::PartSteps")]
    release: Raw,
    /// When the held system lets go by itself.
    #[schemars(with = "Option<kinds::Duration>")]
    pub expires: Option<Text>,
}

/// Again and again.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Repeat {
    /// Expression over the result; where it is true, it is done.
    #[schemars(with = "Option<kinds::Expression>")]
    pub until: Option<Text>,
    /// How often at most.
    pub max: Option<u32>,
    /// Pause between two.
    #[schemars(with = "Option<kinds::Duration>")]
    pub delay: Option<Text>,
}

/// What counts as success.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Success {
    /// Exit codes that count as success. Default: 0.
    pub exit_codes: Vec<i32>,
    /// Regular expression that has to be found in standard output.
    #[schemars(with = "Option<kinds::Regex>")]
    pub stdout: Option<String>,
    /// Regular expression that may not be found in standard output.
    #[schemars(with = "Option<kinds::Regex>")]
    pub stdout_not: Option<String>,
    /// Regular expression that has to be found in standard error.
    #[schemars(with = "Option<kinds::Regex>")]
    pub stderr: Option<String>,
    /// Regular expression that may not be found in standard error.
    #[schemars(with = "Option<kinds::Regex>")]
    pub stderr_not: Option<String>,
    /// Expression over the step's own result that has to be true.
    #[schemars(with = "Option<kinds::Expression>")]
    pub that: Option<Text>,
    /// What is said where it is no success. A template.
    pub message: Option<Text>,
}

/// How often a step is tried.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// How often at most; the first counts.
    pub max_attempts: u32,
    /// Pause before the second attempt.
    #[schemars(with = "Option<kinds::Duration>")]
    pub delay: Option<Text>,
    /// Each pause is so many times the one before.
    pub backoff: Option<f64>,
    /// No pause is longer.
    #[schemars(with = "Option<kinds::Duration>")]
    pub max_delay: Option<Text>,
}
