//! The error that serde passes upwards, while its place is being found.

use std::fmt::Display;

use serde::de;

use super::{Child, DecodeError, DecodeErrorKind, Failure, words};
use crate::check::tree::{NodeId, Tree};

/// Boxed, because every `Result` of the deserializer carries it.
#[derive(Debug)]
pub(super) struct Error(Box<Inner>);

#[derive(Debug)]
struct Inner {
    kind: DecodeErrorKind,
    /// The value that is wrong, and the key for an unknown field.
    place: Option<(NodeId, Option<NodeId>)>,
    child: Option<(Child, Option<String>)>,
    missing: Option<&'static str>,
    silent: bool,
}

impl Error {
    pub(super) fn new(kind: DecodeErrorKind) -> Self {
        Self(Box::new(Inner { kind, place: None, child: None, missing: None, silent: false }))
    }

    /// Places the error at a value, unless a value inside of it was at fault.
    pub(super) fn at(mut self, node: NodeId) -> Self {
        self.0.place.get_or_insert((node, None));
        self
    }

    /// Places an error that arose from a key: an unknown field belongs to its mapping.
    pub(super) fn at_key(mut self, mapping: NodeId, key: NodeId) -> Self {
        if matches!(self.0.kind, DecodeErrorKind::UnknownField { .. }) {
            self.0.place = Some((mapping, Some(key)));
        }
        self.at(key)
    }

    /// Notes the innermost entry or element that the error is inside of.
    pub(super) fn inside(mut self, child: Child, name: Option<&str>) -> Self {
        self.0.child.get_or_insert_with(|| (child, name.map(str::to_owned)));
        self
    }

    /// Marks an error that is a consequence, and is not to be reported.
    pub(super) fn silenced(mut self) -> Self {
        self.0.silent = true;
        self.0.missing = None;
        self
    }

    /// The error with its place; `whole` is the node that was being decoded.
    pub(super) fn locate(self, tree: &Tree, whole: NodeId) -> Failure {
        let Inner { mut kind, place, child, missing, silent } = *self.0;
        let (node, key) = place.unwrap_or((whole, None));
        if let DecodeErrorKind::WrongType { found, .. } = &mut kind {
            *found = words::describe(tree, node);
        }
        let first_key = || tree.entries(node).first().map(|entry| entry.key);
        let shown = key.or_else(|| missing.and_then(|_| first_key())).unwrap_or(node);
        let error = DecodeError { kind, node, key, span: tree.span(shown) };
        Failure { error, child, missing, silent }
    }
}

impl de::Error for Error {
    fn custom<T: Display>(message: T) -> Self {
        Self::new(DecodeErrorKind::Custom(message.to_string()))
    }

    fn invalid_type(_: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        // What was found is described by the node, when the place is known.
        let expected = words::expected(&expected.to_string());
        Self::new(DecodeErrorKind::WrongType { expected, found: String::new() })
    }

    fn invalid_value(unexpected: de::Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(unexpected, expected)
    }

    fn unknown_field(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(DecodeErrorKind::UnknownField { name: name.to_owned(), expected })
    }

    fn unknown_variant(name: &str, expected: &'static [&'static str]) -> Self {
        Self::new(DecodeErrorKind::UnknownVariant { name: name.to_owned(), expected })
    }

    fn missing_field(field: &'static str) -> Self {
        let mut error = Self::new(DecodeErrorKind::MissingField(field.to_owned()));
        error.0.missing = Some(field);
        error
    }
}

impl Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.kind.fmt(f)
    }
}

impl std::error::Error for Error {}
