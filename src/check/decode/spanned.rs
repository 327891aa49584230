//! A value together with its place.
//!
//! `Spanned` asks for a struct of a name that no document type has; the deserializers of this folder answer it with
//! the value and its place. The idea is that of the `serde_spanned` crate.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::{StrDeserializer, UsizeDeserializer};
use serde::de::{self, Deserialize, DeserializeSeed, Deserializer, IntoDeserializer, MapAccess, Visitor};

use super::error::Error;
use crate::check::tree::NodeId;
use crate::model::diagnostic::Span;

pub(super) const NAME: &str = "$runbook::Spanned";
const FIELDS: &[&str] = &["start", "end", "node", "value"];

/// A value, where it stands, and its node. Decodes only from a [`super::decode`] or [`super::decode_all`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// From its first to its last character.
    pub span: Span,
    /// Its node in the tree that was decoded.
    pub node: NodeId,
}

impl<T> AsRef<T> for Spanned<T> {
    fn as_ref(&self) -> &T {
        &self.value
    }
}

/// By the value alone, so that spanned keys sort as their values do.
impl<T: Ord> Ord for Spanned<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.value.cmp(&other.value).then(self.node.cmp(&other.node)).then(self.span.cmp(&other.span))
    }
}

impl<T: Ord> PartialOrd for Spanned<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Spanned<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct(NAME, FIELDS, SpannedVisitor(PhantomData))
    }
}

struct SpannedVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for SpannedVisitor<T> {
    type Value = Spanned<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value with a place")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Spanned<T>, A::Error> {
        let mut place = [0; 3];
        for (at, field) in place.iter_mut().zip(FIELDS) {
            match map.next_entry::<&str, usize>()? {
                Some((key, value)) if key == *field => *at = value,
                _ => return Err(de::Error::custom("this value has lost its place")),
            }
        }
        let Some((_, value)) = map.next_entry::<&str, T>()? else {
            return Err(de::Error::missing_field("value"));
        };
        let [start, end, node] = place;
        Ok(Spanned { value, span: Span { start, end }, node: NodeId(node) })
    }
}

/// Answers a [`Spanned`]: the place, then the value from `inner`.
pub(super) struct SpannedAccess<D> {
    place: [usize; 3],
    inner: Option<D>,
    next: usize,
}

impl<D> SpannedAccess<D> {
    pub(super) fn new(span: Span, node: NodeId, inner: D) -> Self {
        Self { place: [span.start, span.end, node.0], inner: Some(inner), next: 0 }
    }
}

impl<'de, D: Deserializer<'de, Error = Error>> MapAccess<'de> for SpannedAccess<D> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let key = FIELDS.get(self.next).copied();
        key.map(|key| seed.deserialize(de::value::BorrowedStrDeserializer::<Error>::new(key))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let field = self.next;
        self.next += 1;
        match (self.place.get(field), self.inner.take_if(|_| field == 3)) {
            (Some(part), _) => {
                let part: UsizeDeserializer<Error> = (*part).into_deserializer();
                seed.deserialize(part)
            }
            (None, Some(inner)) => seed.deserialize(inner),
            (None, None) => Err(de::Error::custom("a value was asked for twice")),
        }
    }
}

/// A field name of ours as a deserializer.
pub(super) fn name(name: &str) -> StrDeserializer<'_, Error> {
    name.into_deserializer()
}
