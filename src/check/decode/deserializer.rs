//! One node as a serde deserializer.

use serde::de::{self, Deserializer, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::access::{Elements, Entries, Variant};
use super::error::Error;
use super::spanned::{self, SpannedAccess};
use super::{AS_WRITTEN, DecodeErrorKind, Overlay, words};
use crate::check::scalar::{self, Plain};
use crate::check::tree::{Kind, NodeId, Tree};

/// A node to decode, without what the overlay passes over.
#[derive(Clone, Copy)]
pub(super) struct Value<'t, 'o> {
    pub(super) tree: &'t Tree,
    pub(super) overlay: &'o Overlay,
    pub(super) node: NodeId,
}

impl<'t, 'o> Value<'t, 'o> {
    pub(super) fn new(tree: &'t Tree, overlay: &'o Overlay, node: NodeId) -> Self {
        Self { tree, overlay, node }
    }

    /// Another node under the same overlay.
    pub(super) fn with(self, node: NodeId) -> Self {
        Self { node, ..self }
    }

    fn kind(self) -> &'t Kind {
        &self.tree.node(self.node).kind
    }

    fn plain(self) -> Plain {
        match self.kind() {
            Kind::Scalar { text, plain: true } => scalar::resolve(text),
            _ => Plain::Text,
        }
    }

    fn visit<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.kind() {
            Kind::Scalar { text, plain } => match if *plain { scalar::resolve(text) } else { Plain::Text } {
                Plain::Text => visitor.visit_borrowed_str(text),
                Plain::Null => visitor.visit_unit(),
                Plain::Boolean(value) => visitor.visit_bool(value),
                Plain::Integer(value) => visit_integer(value, visitor),
                Plain::Float(value) if value.is_finite() => visitor.visit_f64(value),
                Plain::Float(value) => Err(de::Error::invalid_value(Unexpected::Float(value), &visitor)),
            },
            Kind::Sequence(items) => visitor.visit_seq(Elements::new(self, items)),
            Kind::Mapping(entries) => visitor.visit_map(Entries::new(self, entries)),
        }
    }
}

fn visit_integer<'t, V: Visitor<'t>>(value: i128, visitor: V) -> Result<V::Value, Error> {
    if let Ok(value) = i64::try_from(value) {
        visitor.visit_i64(value)
    } else if let Ok(value) = u64::try_from(value) {
        visitor.visit_u64(value)
    } else {
        Err(de::Error::invalid_value(Unexpected::Other("a number"), &visitor))
    }
}

impl<'t> Deserializer<'t> for Value<'t, '_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        self.visit(visitor).map_err(|error| error.at(self.node))
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        if self.plain() == Plain::Null { visitor.visit_none() } else { visitor.visit_some(self) }
            .map_err(|error: Error| error.at(self.node))
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(self, name: &'static str, visitor: V) -> Result<V::Value, Error> {
        let result = match self.kind() {
            Kind::Scalar { text, .. } if name == AS_WRITTEN && self.plain() != Plain::Null => {
                visitor.visit_borrowed_str(text)
            }
            _ if name == AS_WRITTEN => self.visit(visitor),
            _ => visitor.visit_newtype_struct(self),
        };
        result.map_err(|error| error.at(self.node))
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        name: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let result = match self.kind() {
            _ if name == spanned::NAME => {
                visitor.visit_map(SpannedAccess::new(self.tree.span(self.node), self.node, self))
            }
            // A derived struct would take a list as its fields in order.
            Kind::Sequence(_) => Err(de::Error::invalid_type(Unexpected::Seq, &visitor)),
            _ => self.visit(visitor),
        };
        result.map_err(|error| error.at(self.node))
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let result = match self.kind() {
            Kind::Scalar { .. } if self.plain() == Plain::Text => visitor.visit_enum(Variant::of_word(self)),
            Kind::Mapping(entries) if entries.len() == 1 => visitor.visit_enum(Variant::of_entry(self, entries[0])),
            _ => {
                let expected = words::one_of(variants);
                Err(Error::new(DecodeErrorKind::WrongType { expected, found: String::new() }))
            }
        };
        result.map_err(|error| error.at(self.node))
    }

    fn deserialize_ignored_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    forward_to_deserialize_any! {
        <V: Visitor<'t>>
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map identifier
    }
}
