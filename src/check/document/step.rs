//! A step and its parts as they are typed: flat, every key optional. Rules say which go together.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::scalar::{Choice, OneOrMore, Raw, Text, Unbuilt};
use crate::model::runbook::ParameterType;
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
    pub sql: Option<SqlText>,
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

    http: Option<Unbuilt>,
    runbook: Option<Unbuilt>,
    rehearse: Option<Unbuilt>,
    preview: Option<Unbuilt>,
    observe: Option<Unbuilt>,
    r#become: Option<Unbuilt>,
    parallel: Option<Unbuilt>,
    hold: Option<Unbuilt>,
    release_on: Option<Unbuilt>,
    retake: Option<Unbuilt>,
    artifacts: Option<Unbuilt>,
    for_each: Option<Unbuilt>,
    r#as: Option<Unbuilt>,
    serial: Option<Unbuilt>,
    canary: Option<Unbuilt>,
    between: Option<Unbuilt>,
    max_failures: Option<Unbuilt>,
    repeat: Option<Unbuilt>,
    background: Option<Unbuilt>,
    until_end: Option<Unbuilt>,
    watch: Option<Unbuilt>,
}

/// One read-only action; with `that` and `message` it is a precondition.
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
    /// Pause between two looks, of `verify` only.
    pub every: Option<Text>,
    /// Expression, of a precondition only.
    pub that: Option<Text>,
    /// Of a precondition only.
    pub message: Option<Text>,
    http: Option<Unbuilt>,
    r#become: Option<Unbuilt>,
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

/// Statements, here or in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SqlText {
    /// `sql: <text>`.
    Text(String),
    /// `sql: {file: PATH}`.
    File(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SqlFile {
    file: String,
}

impl<'de> Deserialize<'de> for SqlText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = SqlText;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("statements, or {file: PATH}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<SqlText, E> {
                Ok(SqlText::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<SqlText, A::Error> {
                SqlFile::deserialize(MapAccessDeserializer::new(map)).map(|sql| SqlText::File(sql.file))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A file as it should be.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Which.
    pub path: Text,
    /// Template.
    pub content: Option<String>,
    /// A template file.
    pub template: Option<String>,
    /// A file taken byte for byte.
    pub source: Option<String>,
    /// Replacements.
    pub edits: Option<Vec<Edit>>,
    /// No such file.
    pub absent: Option<bool>,
    /// Octal digits, quoted. A number is refused by a rule of its own.
    pub mode: Option<Text>,
    /// User name.
    pub owner: Option<Text>,
    /// Group name.
    pub group: Option<Text>,
    /// Run on the new file.
    pub validate: Option<Vec<Text>>,
    /// Run when bytes changed.
    pub reload: Option<Vec<Text>>,
    /// Where a copy stays.
    pub backup: Option<Text>,
}

/// One replacement.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Regular expression.
    pub r#match: Text,
    /// What takes its place.
    pub replace: Text,
    /// A number, or `any`.
    pub expect: Option<Text>,
}

/// A pause.
#[derive(Debug, Clone)]
pub enum Wait {
    /// `wait: 30s`.
    For(Text),
    /// `wait: {time}`.
    Time(Text),
    /// `wait: {for}`.
    Unbuilt,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitFields {
    time: Option<Text>,
    r#for: Option<Unbuilt>,
}

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Wait;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a duration, or {time: MOMENT}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Wait, E> {
                Ok(Wait::For(Text(text.to_owned())))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Wait, E> {
                Ok(Wait::For(Text(number.to_string())))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Wait, E> {
                Ok(Wait::For(Text(number.to_string())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Wait, A::Error> {
                match WaitFields::deserialize(MapAccessDeserializer::new(map))? {
                    WaitFields { time: Some(time), r#for: None } => Ok(Wait::Time(time)),
                    WaitFields { r#for: Some(_), .. } => Ok(Wait::Unbuilt),
                    WaitFields { time: None, r#for: None } => Err(de::Error::missing_field("time")),
                }
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A question.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "keys that are refused by a rule are in the struct so that they are not unknown")]
pub struct Confirm {
    /// Template.
    pub message: Text,
    /// Expressions.
    #[serde(default)]
    pub show: Vec<Text>,
    by: Option<Unbuilt>,
    second_person: Option<Unbuilt>,
}

/// Something a person does elsewhere.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// Template.
    pub instructions: Text,
    /// Whether a note is needed.
    pub evidence: Option<Evidence>,
    /// Values that are entered, by name.
    #[serde(default)]
    pub inputs: BTreeMap<String, ParameterType>,
}

/// The one word that `evidence` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A note has to be given.
    Required,
    /// A note may be given.
    Optional,
}

/// An expression that has to hold.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Expression.
    pub that: Text,
    /// Template.
    pub message: Option<Text>,
}
