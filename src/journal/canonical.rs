//! The one way to write a value of JSON: compact, nothing escaped that need not be, numbers in their shortest form, no
//! key twice.
//!
//! `serde_json::Value` is not used for this: it takes the last of two equal keys, and it builds a tree and hashes every
//! key of it, which makes verifying a long journal half as long again.

use std::fmt;
use std::ops::Range;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// Writes the value that the text stands for in its one form.
///
/// # Errors
///
/// Where the text is not JSON, or has a key twice.
pub(super) fn rewrite(text: &[u8]) -> serde_json::Result<Vec<u8>> {
    let mut output = Vec::with_capacity(text.len() + 1);
    let mut input = serde_json::Deserializer::from_slice(text);
    Rewrite(&mut output).deserialize(&mut input)?;
    input.end()?;
    Ok(output)
}

/// Appends each value that it is given.
struct Rewrite<'o>(&'o mut Vec<u8>);

impl Rewrite<'_> {
    fn write<E: Error>(self, value: &(impl serde::Serialize + ?Sized)) -> Result<(), E> {
        serde_json::to_writer(self.0, value).map_err(E::custom)
    }

    /// Ends a list or a mapping: the comma after its last member becomes the bracket.
    fn close(self, bracket: u8) {
        self.0.pop_if(|last| *last == b',');
        self.0.push(bracket);
    }

    fn has_twice(&self, keys: &mut [Range<usize>]) -> bool {
        keys.sort_unstable_by(|a, b| self.0[a.clone()].cmp(&self.0[b.clone()]));
        keys.windows(2).any(|pair| self.0[pair[0].clone()] == self.0[pair[1].clone()])
    }
}

impl<'de> DeserializeSeed<'de> for Rewrite<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<(), D::Error> {
        input.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Rewrite<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.write(&())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.write(&value)
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.write(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.0.push(b'[');
        while items.next_element_seed(Rewrite(self.0))?.is_some() {
            self.0.push(b',');
        }
        self.close(b']');
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let mut keys = Vec::new();
        self.0.push(b'{');
        loop {
            let start = self.0.len();
            if members.next_key_seed(Rewrite(self.0))?.is_none() {
                break;
            }
            keys.push(start..self.0.len());
            self.0.push(b':');
            members.next_value_seed(Rewrite(self.0))?;
            self.0.push(b',');
        }
        if self.has_twice(&mut keys) {
            return Err(A::Error::custom("a key is there twice"));
        }
        self.close(b'}');
        Ok(())
    }
}
