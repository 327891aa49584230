//! Words for kinds of values, for people who know YAML and not Rust.

use std::fmt;

use super::DecodeErrorKind;
use crate::check::scalar::{self, Plain};
use crate::check::tree::{Kind, NodeId, Tree};

/// What a field of type `String` expects.
pub(super) const TEXT: &str = "text";

/// What a field of type `bool` expects.
pub(super) const BOOLEAN: &str = "true or false";

/// The most characters of a text that are repeated in a message.
const SHOWN: usize = 40;

/// What a node is, such as `text "abc"`, `the number 5`, `a list`, `a mapping`, `nothing`.
#[must_use]
pub(super) fn describe(tree: &Tree, node: NodeId) -> String {
    match &tree.node(node).kind {
        Kind::Sequence(_) => "a list".to_owned(),
        Kind::Mapping(_) => "a mapping".to_owned(),
        Kind::Scalar { text, plain } => match if *plain { scalar::resolve(text) } else { Plain::Text } {
            Plain::Null => "nothing".to_owned(),
            Plain::Boolean(_) => format!("the boolean {text}"),
            Plain::Integer(_) | Plain::Float(_) => format!("the number {}", shortened(text)),
            Plain::Text => format!("text \"{}\"", shortened(text).escape_debug()),
        },
    }
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text.to_owned(),
    }
}

/// The words of a serde visitor in ours. Those of our own types are already meant for people.
pub(super) fn expected(serde: &str) -> String {
    let range = |low: i128, high: i128| format!("a whole number from {low} to {high}");
    match serde {
        "a string" | "a borrowed string" | "str" => TEXT.to_owned(),
        "a boolean" => BOOLEAN.to_owned(),
        "a sequence" => "a list".to_owned(),
        "a map" => "a mapping".to_owned(),
        "unit" => "nothing".to_owned(),
        "u8" => range(0, u8::MAX.into()),
        "u16" => range(0, u16::MAX.into()),
        "u32" => range(0, u32::MAX.into()),
        "u64" | "usize" | "u128" => "a whole number that is not negative".to_owned(),
        "i8" => range(i8::MIN.into(), i8::MAX.into()),
        "i16" => range(i16::MIN.into(), i16::MAX.into()),
        "i32" => range(i32::MIN.into(), i32::MAX.into()),
        "i64" | "isize" | "i128" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        _ if serde.starts_with("struct ") || serde.starts_with("internally tagged enum ") => "a mapping".to_owned(),
        _ if serde.starts_with("tuple ") || serde.starts_with("a tuple ") => "a list".to_owned(),
        _ => serde.to_owned(),
    }
}

/// `one of` and the names, or the only name.
pub(super) fn one_of(names: &[&str]) -> String {
    let quoted: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.as_slice() {
        [only] => only.clone(),
        _ => format!("one of {}", quoted.join(", ")),
    }
}

impl fmt::Display for DecodeErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownField { name, .. } => write!(f, "unknown field `{}`", name.escape_debug()),
            Self::UnknownVariant { name, expected } => {
                write!(f, "expected {}, found `{}`", one_of(expected), shortened(name).escape_debug())
            }
            Self::MissingField(name) => write!(f, "the field `{name}` is missing"),
            Self::WrongType { expected, found } => write!(f, "expected {expected}, found {found}"),
            Self::Custom(message) => f.write_str(message),
        }
    }
}
