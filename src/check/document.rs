//! The document as it is typed: one struct for each mapping of the format, every key of the format in it.
//!
//! Nothing is resolved here: a default is not applied and a name not looked up. `check::tree` gives the places of
//! what stands here, `check::resolve` makes a `model::runbook::Runbook` of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

pub mod action;
pub mod scalar;
pub mod step;

pub use scalar::{Choice, Handler, HasShortForm, OneOrMore, Raw, Text, TextOr};

use crate::model::runbook::{Overrun, ParameterType};

/// The whole file, its steps left as nodes of the tree.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the lists are decoded step by step, from the tree")]
pub struct Document {
    /// Format version.
    pub runbook: i64,
    /// `[a-z0-9-]`.
    pub name: String,
    /// What a person calls it.
    pub title: Option<Text>,
    /// Markdown.
    pub description: Option<String>,
    /// Who answers for it.
    pub owner: Option<Text>,
    /// Tickets and pages.
    #[serde(default)]
    pub links: Vec<Text>,
    /// IANA name.
    pub timezone: Option<String>,
    /// When it may run.
    pub window: Option<Window>,
    /// Who has to approve it.
    pub review: Option<Review>,
    /// What `@name` means: principals by name.
    #[serde(default)]
    pub groups: BTreeMap<String, Vec<Text>>,
    /// Taken beside the runbook's own name.
    #[serde(default)]
    pub locks: Vec<Text>,
    /// Declarations by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, Declaration>,
    /// Named templates.
    #[serde(default)]
    pub vars: BTreeMap<String, Value>,
    /// Where each value is found.
    #[serde(default)]
    pub secrets: BTreeMap<String, Secret>,
    /// Where steps run.
    #[serde(default)]
    pub targets: BTreeMap<String, Target>,
    /// What holds where a step says nothing.
    #[serde(default)]
    pub defaults: Defaults,
    steps: Raw,
    /// Lists of steps around the run.
    #[serde(default)]
    hooks: Hooks,
    /// What is left to do.
    #[serde(default)]
    pub followups: Vec<Followup>,
}

/// When it may run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Window {
    /// Wall clock in the runbook's time zone.
    pub opens: Option<Text>,
    /// A day of the week and a time, as `Sunday 22:00`, in place of `opens`.
    pub every: Option<Text>,
    /// Wall clock in the runbook's time zone.
    pub closes: Option<Text>,
    /// How long it is open, in place of `closes`.
    pub duration: Option<Text>,
    /// What happens when the next step no longer fits.
    pub overrun: Option<Overrun>,
}

/// Who has to approve it, and until when.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Review {
    /// Wall clock in the runbook's time zone.
    pub deadline: Option<Text>,
    /// How many distinct people.
    pub approvals: Option<u32>,
    /// Principals and `@groups`.
    #[serde(default)]
    pub approvers: Vec<Text>,
    /// Whether the operator may be among them.
    pub allow_self: Option<bool>,
}

/// A declared parameter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Declaration {
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: ParameterType,
    /// Of a list: what its items are.
    pub items: Option<ParameterType>,
    /// Used when none is given.
    pub default: Option<Value>,
    /// For people.
    pub description: Option<Text>,
    /// The values it may have.
    #[serde(rename = "enum", default)]
    pub choices: Vec<Value>,
    /// A regular expression.
    pub pattern: Option<String>,
    /// The smallest number.
    pub minimum: Option<f64>,
    /// The largest number.
    pub maximum: Option<f64>,
}

/// Where a secret is found: exactly one of the three.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Secret {
    /// An environment variable.
    pub env: Option<String>,
    /// A file.
    pub file: Option<String>,
    /// A command's output.
    pub command: Option<Vec<Text>>,
}

/// Where steps run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// libpq connection string or URI.
    pub postgres: Option<String>,
    /// Kept apart from the connection string.
    pub password: Option<String>,
    /// Names of hosts that are reached by ssh, or a template that gives them.
    pub hosts: Option<OneOrMore>,
    /// Whom to log in as on them.
    pub user: Option<Text>,
    /// Whom to become on them.
    pub r#become: Option<Text>,
}

/// What holds where a step says nothing.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defaults {
    /// Limit of what runs something.
    pub timeout: Option<Text>,
    /// What happens when a step failed.
    pub on_failure: Option<Choice>,
}

/// Lists of steps around the run, left as nodes of the tree.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "the lists are decoded step by step, from the tree")]
struct Hooks {
    on_start: Option<Raw>,
    on_success: Option<Raw>,
    on_failure: Option<Raw>,
    on_rollback: Option<Raw>,
    always: Option<Raw>,
}

/// Something left to do after the run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Followup {
    /// How long after.
    pub due: Text,
    /// What.
    pub title: Text,
    /// Who.
    pub owner: Option<Text>,
}
