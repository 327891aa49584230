//! The insides of lists, mappings and enums, one after the other.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::DecodeErrorKind;
use super::deserializer::Value;
use super::error::Error;
use super::filler::Filler;
use super::spanned;
use crate::check::tree::{Entry, NodeId};

/// The elements of a list that are not passed over.
pub(super) struct Elements<'t, 'o> {
    list: Value<'t, 'o>,
    items: std::iter::Enumerate<std::slice::Iter<'t, NodeId>>,
}

impl<'t, 'o> Elements<'t, 'o> {
    pub(super) fn new(list: Value<'t, 'o>, items: &'t [NodeId]) -> Self {
        Self { list, items: items.iter().enumerate() }
    }
}

impl<'t> SeqAccess<'t> for Elements<'t, '_> {
    type Error = Error;

    fn next_element_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let list = self.list;
        let Some((index, item)) = self.items.find(|(index, _)| !list.overlay.ignored.contains(&(list.node, *index)))
        else {
            return Ok(None);
        };
        seed.deserialize(list.with(*item)).map(Some).map_err(|error| error.inside((list.node, index), None))
    }
}

/// The entries of a mapping that are not passed over, then the fields that are filled in.
pub(super) struct Entries<'t, 'o> {
    mapping: Value<'t, 'o>,
    rest: std::iter::Enumerate<std::slice::Iter<'t, Entry>>,
    filled: std::slice::Iter<'o, (NodeId, &'static str)>,
    /// The entry whose value comes next; `None` for a filled field.
    current: Option<(usize, Entry)>,
}

impl<'t, 'o> Entries<'t, 'o> {
    pub(super) fn new(mapping: Value<'t, 'o>, entries: &'t [Entry]) -> Self {
        let (rest, filled) = (entries.iter().enumerate(), mapping.overlay.filled.iter());
        Self { mapping, rest, filled, current: None }
    }
}

impl<'t> MapAccess<'t> for Entries<'t, '_> {
    type Error = Error;

    fn next_key_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<Option<S::Value>, Error> {
        let mapping = self.mapping;
        let ignored = |index| mapping.overlay.ignored.contains(&(mapping.node, index));
        if let Some((index, entry)) = self.rest.find(|(index, _)| !ignored(*index)) {
            self.current = Some((index, *entry));
            let key = seed.deserialize(mapping.with(entry.key));
            return key.map(Some).map_err(|error| {
                let name = mapping.tree.text(entry.key);
                error.at_key(mapping.node, entry.key).inside((mapping.node, index), name)
            });
        }
        self.current = None;
        let filled = self.filled.find(|(node, _)| *node == mapping.node);
        filled.map(|(_, field)| seed.deserialize(spanned::name(field))).transpose()
    }

    fn next_value_seed<S: DeserializeSeed<'t>>(&mut self, seed: S) -> Result<S::Value, Error> {
        let Some((index, entry)) = self.current.take() else {
            return seed.deserialize(Filler(self.mapping.node)).map_err(Error::silenced);
        };
        let name = self.mapping.tree.text(entry.key);
        seed.deserialize(self.mapping.with(entry.value)).map_err(|error| error.inside((self.mapping.node, index), name))
    }
}

/// A variant by its name alone, or as the only key of a mapping.
pub(super) struct Variant<'t, 'o> {
    name: Value<'t, 'o>,
    content: Option<Value<'t, 'o>>,
}

impl<'t, 'o> Variant<'t, 'o> {
    pub(super) fn of_word(name: Value<'t, 'o>) -> Self {
        Self { name, content: None }
    }

    pub(super) fn of_entry(mapping: Value<'t, 'o>, entry: Entry) -> Self {
        Self { name: mapping.with(entry.key), content: Some(mapping.with(entry.value)) }
    }

    fn content(self) -> Result<Value<'t, 'o>, Error> {
        let name = self.name.tree.text(self.name.node).unwrap_or_default();
        let expected = format!("a mapping with the key `{name}`");
        self.content.ok_or_else(|| Error::new(DecodeErrorKind::WrongType { expected, found: String::new() }))
    }
}

impl<'t> EnumAccess<'t> for Variant<'t, '_> {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'t>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        Ok((seed.deserialize(self.name)?, self))
    }
}

impl<'t> VariantAccess<'t> for Variant<'t, '_> {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        self.content.map_or(Ok(()), <()>::deserialize)
    }

    fn newtype_variant_seed<S: DeserializeSeed<'t>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'t>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.content()?.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'t>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.content()?.deserialize_struct("", fields, visitor)
    }
}
