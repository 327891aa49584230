//! Stands in for a required field that is missing, so that decoding goes on and finds what else is wrong.
//!
//! It gives the emptiest value of whatever type is asked for. Nothing decoded with it leaves this module.

use serde::de::value::{MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, VariantAccess, Visitor};

use super::error::Error;
use super::spanned::{self, SpannedAccess};
use crate::check::tree::NodeId;
use crate::model::diagnostic::Span;

/// The emptiest value of any type, placed at the mapping that misses it.
#[derive(Clone, Copy)]
pub(super) struct Filler(pub(super) NodeId);

impl IntoDeserializer<'_, Error> for Filler {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

/// Methods that give one fixed value.
macro_rules! give {
    ($($method:ident)* => $visit:ident $arguments:tt) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
            visitor.$visit $arguments
        }
    )*};
}

impl<'de> Deserializer<'de> for Filler {
    type Error = Error;

    give!(deserialize_any deserialize_unit deserialize_ignored_any deserialize_identifier => visit_unit());
    give!(deserialize_option => visit_none());
    give!(deserialize_bool => visit_bool(false));
    give!(deserialize_char deserialize_str deserialize_string deserialize_bytes deserialize_byte_buf => visit_borrowed_str(""));
    // Every kind of number takes this one.
    give!(deserialize_i8 deserialize_i16 deserialize_i32 deserialize_i64 deserialize_i128 => visit_u64(0));
    give!(deserialize_u8 deserialize_u16 deserialize_u32 deserialize_u64 deserialize_u128 => visit_u64(0));
    give!(deserialize_f32 deserialize_f64 => visit_u64(0));
    give!(deserialize_seq => visit_seq(SeqDeserializer::new(std::iter::empty::<Filler>())));
    give!(deserialize_map => visit_map(MapDeserializer::new(std::iter::empty::<(&str, Filler)>())));

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(SeqDeserializer::new(std::iter::repeat_n(self, len)))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if name == spanned::NAME {
            return visitor.visit_map(SpannedAccess::new(Span::default(), self.0, self));
        }
        visitor.visit_map(MapDeserializer::new(fields.iter().map(|field| (*field, self))))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_enum(FirstVariant(self, variants.first().copied().unwrap_or_default()))
    }
}

/// The first variant of an enum, filled in turn.
struct FirstVariant(Filler, &'static str);

impl<'de> EnumAccess<'de> for FirstVariant {
    type Error = Error;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Error> {
        Ok((seed.deserialize(spanned::name(self.1))?, self))
    }
}

impl<'de> VariantAccess<'de> for FirstVariant {
    type Error = Error;

    fn unit_variant(self) -> Result<(), Error> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Error> {
        seed.deserialize(self.0)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Error> {
        self.0.deserialize_struct("", fields, visitor)
    }
}
