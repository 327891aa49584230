//! The document as it is typed: one struct for each mapping of the format, every key of the format in it.
//!
//! Nothing is resolved here: a default is not applied and a name not looked up. `check::tree` gives the places of
//! what stands here, `check::resolve` makes a `model::runbook::Runbook` of it. Keys that are part of the format but
//! cannot be carried out yet are [`Unbuilt`], so that an unknown key is really unknown.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

pub mod scalar;
pub mod step;

pub use scalar::{Choice, OneOrMore, Raw, Text, Unbuilt};

use crate::model::runbook::ParameterType;

/// The whole file, its steps left as nodes of the tree.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "keys that are refused by a rule are in the struct so that they are not unknown")]
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
    window: Option<Unbuilt>,
    review: Option<Unbuilt>,
    groups: Option<Unbuilt>,
    locks: Option<Unbuilt>,
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
#[expect(dead_code, reason = "keys that are refused by a rule are in the struct so that they are not unknown")]
pub struct Target {
    /// libpq connection string or URI.
    pub postgres: Option<String>,
    /// Kept apart from the connection string.
    pub password: Option<String>,
    hosts: Option<Unbuilt>,
    user: Option<Unbuilt>,
    r#become: Option<Unbuilt>,
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
