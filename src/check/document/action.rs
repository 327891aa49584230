//! Actions and their options as they are typed.

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::Value;

use super::scalar::{HasShortForm, OneOrMore, Text};
use crate::model::runbook::ParameterType;

/// `sql: {file: PATH}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SqlFile {
    /// From the runbook's folder.
    pub file: String,
}

impl HasShortForm for SqlFile {
    const FORMS: &'static str = "statements, or {file: PATH}";
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
    Pause(Text),
    /// `wait: {time}`.
    Time(Text),
    /// `wait: {for}`: steps in the background.
    Steps(Vec<Text>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WaitFields {
    time: Option<Text>,
    r#for: Option<Vec<Text>>,
}

impl<'de> Deserialize<'de> for Wait {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Wait;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a duration, {time: MOMENT} or {for: [ID]}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Wait, E> {
                Ok(Wait::Pause(Text(text.to_owned())))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Wait, E> {
                Ok(Wait::Pause(Text(number.to_string())))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Wait, E> {
                Ok(Wait::Pause(Text(number.to_string())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Wait, A::Error> {
                match WaitFields::deserialize(MapAccessDeserializer::new(map))? {
                    WaitFields { time: Some(time), r#for: None } => Ok(Wait::Time(time)),
                    WaitFields { time: None, r#for: Some(steps) } => Ok(Wait::Steps(steps)),
                    WaitFields { time: Some(_), r#for: Some(_) } => {
                        Err(de::Error::custom("`wait` takes `time` or `for`, not both"))
                    }
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
pub struct Confirm {
    /// Template.
    pub message: Text,
    /// Expressions.
    #[serde(default)]
    pub show: Vec<Text>,
    /// Who may answer: principals and `@groups`.
    pub by: Option<OneOrMore>,
    /// Whether somebody other than the operator has to.
    pub second_person: Option<bool>,
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

/// One request.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// GET when not said.
    pub method: Option<Text>,
    /// Template.
    pub url: Text,
    /// Templates by name.
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    /// A template that is sent as it is.
    pub body: Option<Text>,
    /// Templates, sent as JSON.
    pub json: Option<Value>,
    /// What the response has to be; any 2xx when not said.
    pub expect: Option<Expect>,
    /// A file of certificates to trust.
    pub ca: Option<Text>,
    /// A file with the own certificate.
    pub cert: Option<Text>,
    /// A file with its key.
    pub key: Option<Text>,
}

impl HasShortForm for Http {
    const FORMS: &'static str = "a URL, or {method, url, headers, body, json, expect, ca, cert, key}";
}

/// What a response has to be.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status, or several of which it is one.
    pub status: Option<Statuses>,
    /// Regular expression, searched for in the body.
    pub body: Option<Text>,
    /// What the body's JSON has to contain.
    pub json: Option<Value>,
}

/// One status, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(pub Vec<u16>);

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Statuses;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a status such as 200, or a list of them")
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Statuses, E> {
                let status = u16::try_from(number);
                status
                    .map(|status| Statuses(vec![status]))
                    .map_err(|_| E::invalid_type(Unexpected::Signed(number), &self))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Statuses, E> {
                let status = u16::try_from(number);
                status
                    .map(|status| Statuses(vec![status]))
                    .map_err(|_| E::invalid_type(Unexpected::Unsigned(number), &self))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Statuses, A::Error> {
                let mut statuses = Vec::new();
                while let Some(status) = list.next_element()? {
                    statuses.push(status);
                }
                Ok(Statuses(statuses))
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Another runbook's steps.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Include {
    /// Its file, from the folder of the runbook that names it.
    pub path: Text,
    /// Templates by name.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
}
