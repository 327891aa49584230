//! Actions and their options as they are typed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, MapAccess, SeqAccess, Unexpected, Visitor};
use serde_json::Value;

use super::scalar::{HasShortForm, OneOrMore, Text};
use crate::check::schema::kinds;
use crate::model::runbook::ParameterType;

/// Statements that stand in a file of their own.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SqlFile {
    /// A file with the statements, from the runbook's folder.
    pub file: String,
}

impl HasShortForm for SqlFile {
    const FORMS: &'static str = "statements, or {file: PATH}";
}

/// A file as it should be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Which file. A template.
    pub path: Text,
    /// Its content, a template.
    pub content: Option<String>,
    /// A template file beside the runbook that becomes its content.
    pub template: Option<String>,
    /// A file beside the runbook that is taken byte for byte.
    pub source: Option<String>,
    /// Replacements in what is there.
    pub edits: Option<Vec<Edit>>,
    /// True: there is no such file.
    pub absent: Option<bool>,
    /// Permission bits as octal digits in quotes, such as "0644".
    #[schemars(with = "Option<kinds::Mode>")]
    pub mode: Option<Text>,
    /// User name.
    pub owner: Option<Text>,
    /// Group name.
    pub group: Option<Text>,
    /// Program that checks the new file before it takes its place; `%s` is the file.
    pub validate: Option<Vec<Text>>,
    /// Program that runs when bytes changed, and again after a rollback put them back.
    pub reload: Option<Vec<Text>>,
    /// Where a copy of the old file stays. A template.
    pub backup: Option<Text>,
}

/// One replacement.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Edit {
    /// Regular expression, over several lines.
    pub r#match: Text,
    /// What takes its place; \1 is the first group.
    pub replace: Text,
    /// How many matches there have to be: a number, or `any`. Default: at least one.
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

/// A moment, or steps.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct WaitFields {
    /// A moment with its offset, as 2026-02-02T00:30:00Z. A template.
    time: Option<Text>,
    /// Ids of steps in the background of the same list.
    r#for: Option<Vec<Text>>,
}

impl JsonSchema for Wait {
    fn schema_name() -> Cow<'static, str> {
        "Wait".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let pause = generator.subschema_for::<kinds::Duration>();
        let fields = generator.subschema_for::<WaitFields>();
        let one = json_schema!({ "allOf": [fields], "oneOf": [{ "required": ["time"] }, { "required": ["for"] }] });
        json_schema!({ "description": "A pause.", "anyOf": [pause, one] })
    }
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
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// The question. A template.
    pub message: Text,
    /// Expressions whose values are shown with it: the evidence.
    #[serde(default)]
    pub show: Vec<Text>,
    /// Who may answer: principals and `@groups`.
    pub by: Option<OneOrMore>,
    /// Whether somebody other than the operator has to answer.
    pub second_person: Option<bool>,
}

/// Something a person does elsewhere.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Manual {
    /// What is to be done. A template.
    pub instructions: Text,
    /// Whether a note has to be given.
    pub evidence: Option<Evidence>,
    /// Values that the person enters, by name and type; later steps read them as outputs.
    #[serde(default)]
    pub inputs: BTreeMap<String, ParameterType>,
}

/// The one word that `evidence` takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A note has to be given.
    Required,
    /// A note may be given.
    Optional,
}

/// An expression that has to hold.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// Expression that has to be true.
    #[schemars(with = "kinds::Expression")]
    pub that: Text,
    /// What is said where it is not. A template.
    pub message: Option<Text>,
}

/// One request.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// GET when not said.
    pub method: Option<Text>,
    /// A template.
    pub url: Text,
    /// Templates by name.
    #[serde(default)]
    pub headers: BTreeMap<String, Value>,
    /// Sent as it is. A template.
    pub body: Option<Text>,
    /// Sent as JSON; its texts are templates.
    pub json: Option<Value>,
    /// What the response has to be. Default: any 2xx.
    pub expect: Option<Expect>,
    /// A file of certificates to trust.
    pub ca: Option<Text>,
    /// A file with the own certificate.
    pub cert: Option<Text>,
    /// A file with the key of that certificate.
    pub key: Option<Text>,
}

impl HasShortForm for Http {
    const FORMS: &'static str = "a URL, or {method, url, headers, body, json, expect, ca, cert, key}";
}

/// What a response has to be.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// The status, or several of which it has to be one.
    pub status: Option<Statuses>,
    /// Regular expression that has to be found in the body.
    pub body: Option<Text>,
    /// What the body's JSON has to contain.
    pub json: Option<Value>,
}

/// One status, or several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statuses(pub Vec<u16>);

impl JsonSchema for Statuses {
    fn schema_name() -> Cow<'static, str> {
        "Statuses".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let status = json_schema!({ "type": "integer", "minimum": 0, "maximum": u16::MAX });
        json_schema!({ "description": "One status, or several.", "anyOf": [status, { "type": "array", "items": status }] })
    }
}

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
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Include {
    /// Its file, from the folder of this runbook.
    pub path: Text,
    /// Values for its parameters. Templates.
    #[serde(default)]
    pub parameters: BTreeMap<String, Value>,
}
