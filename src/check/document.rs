//! The document as it is typed: one struct for each mapping of the format, every key of the format in it.
//!
//! Nothing is resolved here: a default is not applied and a name not looked up. `check::tree` gives the places of
//! what stands here, `check::resolve` makes a `model::runbook::Runbook` of it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

pub mod action;
pub mod scalar;
pub mod step;

pub use scalar::{Choice, Handler, HasShortForm, OneOrMore, Raw, Text, TextOr};

use crate::check::schema::kinds;
use crate::model::runbook::{Overrun, ParameterType};

/// The whole file, its steps left as nodes of the tree.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the lists are decoded step by step, from the tree")]
pub struct Document {
    /// Version of the format. Always 1, and always the first key.
    #[schemars(with = "kinds::Version")]
    pub runbook: i64,
    /// What the lock and the ids of runs are made of: a-z, 0-9 and hyphens.
    #[schemars(with = "kinds::Name")]
    pub name: String,
    /// What a person calls it, in one line.
    pub title: Option<Text>,
    /// Purpose and background, in Markdown. Plan and the report show it.
    pub description: Option<String>,
    /// The team or person who answers for it.
    pub owner: Option<Text>,
    /// Tickets and pages that belong to it.
    #[serde(default)]
    pub links: Vec<Text>,
    /// IANA time zone, such as Europe/Berlin, in which `window` and `review` are read.
    pub timezone: Option<String>,
    /// When it may run. Without it, exec may run at any time.
    pub window: Option<Window>,
    /// Who has to approve it before exec runs. Without it, nobody has to.
    pub review: Option<Review>,
    /// What `@name` means among approvers: a list of principals.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<Text>>,
    /// Taken beside the runbook's own name: two runs that share one never run at once. Templates.
    #[serde(default)]
    pub locks: Vec<Text>,
    /// Values that whoever runs it gives with `-p name=value`.
    #[serde(default)]
    pub parameters: BTreeMap<String, Declaration>,
    /// Names for expressions, each read when it is used: `{{ vars.leader }}`.
    #[serde(default)]
    pub vars: BTreeMap<String, Value>,
    /// Where each secret is found. Its value is read when it is first needed, and never stored.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// Where steps run, beside `local`, the machine of exec.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
    /// What holds for a step that does not say it itself.
    #[serde(default)]
    pub defaults: Defaults,
    /// What is done, in order.
    #[schemars(with = "kinds::Steps")]
    steps: Raw,
    /// Lists of steps around the run. None of them has a rollback, and one that fails never blocks a rollback.
    #[serde(default)]
    hooks: Hooks,
    /// What is left to do after the run. The report lists it.
    #[serde(default)]
    pub followups: Vec<Followup>,
}

/// When it may run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Wall clock in `timezone`, as 2026-02-01T22:00.
    pub opens: Option<Text>,
    /// A day of the week and a time, as `Sunday 22:00`, in place of `opens`.
    pub every: Option<Text>,
    /// Wall clock in `timezone`, as 2026-02-02T02:00.
    pub closes: Option<Text>,
    /// How long it is open, in place of `closes`.
    #[schemars(with = "Option<kinds::Duration>")]
    pub duration: Option<Text>,
    /// What happens when the next step no longer fits into the window. Default: stop.
    pub overrun: Option<Overrun>,
}

/// Who has to approve it, and until when.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Wall clock in `timezone` until which it has to be approved.
    pub deadline: Option<Text>,
    /// How many distinct people have to approve it.
    pub approvals: Option<u32>,
    /// Principals of the allowed-signers file and `@groups`. Default: anyone in that file.
    #[serde(default)]
    pub approvers: Vec<Text>,
    /// Whether the operator who runs exec may be among the approvals. Default: false.
    pub allow_self: Option<bool>,
}

/// A declared parameter.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// Of a list: what its items are.
    pub items: Option<ParameterType>,
    /// Used when none is given. Without it, the parameter is required.
    pub default: Option<Value>,
    /// Shown to whoever has to give a value.
    pub description: Option<Text>,
    /// The only values that it may have.
    #[serde(rename = "enum", default)]
    pub choices: Vec<Value>,
    /// Regular expression that a text has to match.
    #[schemars(with = "Option<kinds::Regex>")]
    pub pattern: Option<String>,
    /// The smallest number that is taken.
    pub minimum: Option<f64>,
    /// The largest number that is taken.
    pub maximum: Option<f64>,
}

/// Where a secret is found: exactly one of the three.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// The environment variable that holds it.
    pub env: Option<String>,
    /// The file that holds it.
    pub file: Option<String>,
    /// The program that prints it, with its arguments.
    pub command: Option<Vec<Text>>,
}

/// Where steps run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// libpq connection string or URI of a PostgreSQL database. A template.
    pub postgres: Option<String>,
    /// Password of that connection, kept apart from it: `"{{ secrets.name }}"`.
    pub password: Option<String>,
    /// Names of machines that are reached over ssh, or a template that gives a list of them.
    pub hosts: Option<OneOrMore>,
    /// Whom to log in as on them.
    pub user: Option<Text>,
    /// Whom to become on them, such as root.
    pub r#become: Option<Text>,
}

/// What holds where a step says nothing.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Hard limit of one attempt of what runs something.
    #[schemars(with = "Option<kinds::Duration>")]
    pub timeout: Option<Text>,
    /// What happens when a step failed. Default: stop.
    pub on_failure: Option<Choice>,
}

/// Lists of steps around the run, left as nodes of the tree.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the lists are decoded step by step, from the tree")]
struct Hooks {
    /// Before the first step.
    #[schemars(with = "Option<kinds::Steps>")]
    on_start: Option<Raw>,
    /// After the last step, when the run succeeds.
    #[schemars(with = "Option<kinds::Steps>")]
    on_success: Option<Raw>,
    /// When a step failed, before any rollback.
    #[schemars(with = "Option<kinds::Steps>")]
    on_failure: Option<Raw>,
    /// After a rollback, well or not.
    #[schemars(with = "Option<kinds::Steps>")]
    on_rollback: Option<Raw>,
    /// Last, however it ended.
    #[schemars(with = "Option<kinds::Steps>")]
    always: Option<Raw>,
}

/// Something left to do after the run.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Followup {
    /// How long after the run.
    #[schemars(with = "kinds::Duration")]
    pub due: Text,
    /// What is to be done.
    pub title: Text,
    /// Who does it.
    pub owner: Option<Text>,
}
