//! Values that may be typed in more than one way.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{self, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::check::decode::AS_WRITTEN;
use crate::check::schema::kinds;
use crate::model::flow::Then;
use crate::model::step::OnFailure;

/// Something that is decoded later, from its node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Raw;

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self)
    }
}

/// A text that may also have been typed as a bare number or boolean, such as `5432` in an argument list. It is what
/// was written: `1.10` keeps its nought, `0644` too.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Text(pub String);

impl JsonSchema for Text {
    fn schema_name() -> Cow<'static, str> {
        "Text".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "description": "A text; a bare number or boolean is one too.", "type": ["string", "number", "boolean"] })
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl<'de> Visitor<'de> for Scalar {
            type Value = Text;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }

            /// Of a deserializer that has no scalars as they were written.
            fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Text, D::Error> {
                String::deserialize(deserializer).map(Text)
            }
        }
        deserializer.deserialize_newtype_struct(AS_WRITTEN, Scalar)
    }
}

/// What `on_failure` says: a word, or what is done first and what then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// One of the four words.
    Word(OnFailure),
    /// `{do, then}`; its steps are decoded from the tree.
    Handler(Handler),
}

/// What is done when a step failed, and what happens then. It never turns the failed step green.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Handler {
    /// Steps that are carried out first.
    #[schemars(with = "kinds::PartSteps")]
    pub r#do: Raw,
    /// What happens after them. Default: stop.
    pub then: Option<Then>,
}

impl JsonSchema for Choice {
    fn schema_name() -> Cow<'static, str> {
        "Choice".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let words = generator.subschema_for::<OnFailure>();
        let handler = generator.subschema_for::<Handler>();
        json_schema!({ "anyOf": [words, handler] })
    }
}

impl<'de> Deserialize<'de> for Choice {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = Choice;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("stop, rollback, continue, ask, or {do: [...], then: stop}")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Choice, E> {
                match text {
                    "stop" => Ok(Choice::Word(OnFailure::Stop)),
                    "rollback" => Ok(Choice::Word(OnFailure::Rollback)),
                    "continue" => Ok(Choice::Word(OnFailure::Continue)),
                    "ask" => Ok(Choice::Word(OnFailure::Ask)),
                    _ => Err(E::unknown_variant(text, &["stop", "rollback", "continue", "ask"])),
                }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Choice, A::Error> {
                Handler::deserialize(MapAccessDeserializer::new(map)).map(Choice::Handler)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// A mapping that has a short form: one text.
pub trait HasShortForm {
    /// Both forms in words, for whoever typed neither.
    const FORMS: &'static str;
}

/// One text, or the mapping that says more.
#[derive(Debug, Clone, PartialEq)]
pub enum TextOr<T> {
    /// As `http: https://example.org`.
    Text(Text),
    /// As `http: {url: https://example.org, method: POST}`.
    Fields(T),
}

impl<T: JsonSchema> JsonSchema for TextOr<T> {
    fn schema_name() -> Cow<'static, str> {
        format!("TextOr{}", T::schema_name()).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let fields = generator.subschema_for::<T>();
        json_schema!({ "anyOf": [{ "type": "string" }, fields] })
    }
}

impl<'de, T: Deserialize<'de> + HasShortForm> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + HasShortForm> Visitor<'de> for Either<T> {
            type Value = TextOr<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(T::FORMS)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<TextOr<T>, E> {
                Ok(TextOr::Text(Text(text.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOr<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Fields)
            }
        }
        deserializer.deserialize_any(Either(PhantomData))
    }
}

/// One text, or a list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OneOrMore {
    /// As `interpreter: python3`.
    One(String),
    /// As `interpreter: [python3, -c]`.
    More(Vec<String>),
}

impl JsonSchema for OneOrMore {
    fn schema_name() -> Cow<'static, str> {
        "OneOrMore".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let text = generator.subschema_for::<Text>();
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": text }] })
    }
}

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMore;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a text or a list of texts")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore::One(text.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMore, A::Error> {
                let mut texts = Vec::new();
                while let Some(Text(text)) = list.next_element()? {
                    texts.push(text);
                }
                Ok(OneOrMore::More(texts))
            }
        }
        deserializer.deserialize_any(Either)
    }
}
