//! Nodes of the tree into plain `#[derive(Deserialize)]` types, every mistake with its place.
//!
//! Places survive in derived structs, lists, maps, options and externally tagged enums. Untagged and internally
//! tagged enums and flattened fields are buffered by serde: mistakes in them are placed at the whole value, and
//! [`Spanned`] does not work inside.

use std::collections::HashSet;
use std::fmt;

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::scalar;
use super::tree::{Kind, NodeId, Tree};
use crate::model::diagnostic::Span;

mod access;
mod deserializer;
mod error;
mod filler;
mod spanned;
mod words;

use deserializer::Value;
pub use spanned::Spanned;

/// The name of a newtype that takes the text of any scalar as it was written, also of a number or a boolean.
pub(super) const AS_WRITTEN: &str = "$runbook::AsWritten";

/// The most mistakes that are collected below one node.
const MISTAKES: usize = 100;

/// One mistake in one value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// What is wrong.
    pub kind: DecodeErrorKind,
    /// The value that is wrong; for an unknown or a missing field, the mapping.
    pub node: NodeId,
    /// The key, for an unknown field.
    pub key: Option<NodeId>,
    /// The place: of the key of an unknown field, of the first key of the mapping that misses one, else of the value.
    pub span: Span,
}

/// What is wrong with a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DecodeErrorKind {
    /// A key that the type does not have.
    UnknownField {
        /// As written.
        name: String,
        /// All that the type has.
        expected: &'static [&'static str],
    },
    /// A word that is none of those allowed.
    UnknownVariant {
        /// As written.
        name: String,
        /// All that are allowed.
        expected: &'static [&'static str],
    },
    /// A key that the type needs.
    MissingField(String),
    /// A value of another kind than the field takes.
    WrongType {
        /// In words, such as `a list`.
        expected: String,
        /// In words, such as `the number 5`.
        found: String,
    },
    /// What a type of ours says about its own text.
    Custom(String),
}

/// One sentence without a full stop.
impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl std::error::Error for DecodeError {}

impl DecodeError {
    /// What to type instead, where that follows from the kinds alone: quotes, where text was meant.
    #[must_use]
    pub fn help(&self, tree: &Tree) -> Option<String> {
        let DecodeErrorKind::WrongType { expected, .. } = &self.kind else { return None };
        match &tree.node(self.node).kind {
            Kind::Scalar { text, plain: true } if expected == words::TEXT && !text.is_empty() => {
                Some(format!("put quotes around it: \"{text}\""))
            }
            Kind::Scalar { text, plain: true } if expected == words::BOOLEAN => {
                scalar::older_boolean(text).map(|meant| format!("write `{meant}`"))
            }
            _ => None,
        }
    }
}

/// Decodes a node, up to its first mistake. Linear in the size of what is below the node.
///
/// # Errors
///
/// The first mistake, in the order of the file, except that missing fields come after what is wrong inside.
pub fn decode<'t, T: Deserialize<'t>>(tree: &'t Tree, node: NodeId) -> Result<T, Box<DecodeError>> {
    let overlay = Overlay::default();
    T::deserialize(Value::new(tree, &overlay, node)).map_err(|error| Box::new(error.locate(tree, node).error))
}

/// Decodes a node and collects every mistake below it, not only the first (at most 100).
///
/// A wrong value is left out and the rest decoded again, so `Some` may come with mistakes: then it is what the node
/// would be without the values at fault. `None` means that something required is missing or wrong.
pub fn decode_all<T: DeserializeOwned>(tree: &Tree, node: NodeId, errors: &mut Vec<DecodeError>) -> Option<T> {
    let mut overlay = Overlay::default();
    for _ in 0..MISTAKES {
        match T::deserialize(Value::new(tree, &overlay, node)) {
            Ok(value) => return overlay.filled.is_empty().then_some(value),
            Err(error) => {
                if !overlay.pass_over(error.locate(tree, node), errors) {
                    return None;
                }
            }
        }
    }
    None
}

/// One entry of a mapping, or element of a list, by its position.
type Child = (NodeId, usize);

/// What decoding again passes over.
#[derive(Debug, Default)]
struct Overlay {
    /// Entries and elements that count as absent.
    ignored: HashSet<Child>,
    /// The names of the entries among them, with their mappings.
    names: HashSet<(NodeId, String)>,
    /// Required fields that are absent, or count so, and are filled with something that decodes.
    filled: Vec<(NodeId, &'static str)>,
}

/// A mistake, and what has to be passed over to get past it.
struct Failure {
    error: DecodeError,
    /// The entry (with its name) or element that holds what is wrong.
    child: Option<(Child, Option<String>)>,
    /// The field that is missing.
    missing: Option<&'static str>,
    /// It follows from a mistake that was reported before.
    silent: bool,
}

impl Overlay {
    /// Makes the next decoding pass over a mistake, and reports it unless it follows from an earlier one. False when
    /// there is no way past it.
    fn pass_over(&mut self, failure: Failure, errors: &mut Vec<DecodeError>) -> bool {
        let Failure { error, child, missing, silent } = failure;
        let node = error.node;
        if let Some(field) = missing.filter(|field| !self.filled.contains(&(node, field))) {
            self.filled.push((node, field));
            if !self.names.contains(&(node, field.to_owned())) {
                errors.push(error);
            }
            return true;
        }
        if !silent && missing.is_none() {
            errors.push(error);
        }
        let Some((child, name)) = child else { return false };
        self.names.extend(name.map(|name| (child.0, name)));
        self.ignored.insert(child)
    }
}

#[cfg(test)]
mod tests;
