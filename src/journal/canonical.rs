//! The one way to write a value of JSON: compact, nothing escaped that need not be, numbers in their shortest form, no
//! key twice.
//!
//! A text is compared while it is parsed: what each part of it would be written as has to be the bytes that come next.
//! `serde_json::Value` is not used for this: it takes the last of two equal keys, and it builds a tree.

use std::fmt;
use std::ops::Range;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};

/// What was found in a text that is JSON.
pub(super) struct Found {
    /// Whether it is written in the one way. Nothing else holds where it is not.
    pub(super) is_canonical: bool,
    /// The members of the outermost mapping, in their order.
    pub(super) members: Vec<Member>,
}

/// Where a key and its value stand in the text, quotes included.
pub(super) struct Member {
    pub(super) key: Range<usize>,
    pub(super) value: Range<usize>,
}

/// Reads a text.
///
/// # Errors
///
/// Where it is not JSON.
pub(super) fn read(text: &[u8]) -> serde_json::Result<Found> {
    let mut comparison = Comparison { text, at: 0, differs: false, members: Vec::with_capacity(24), keys: Vec::new() };
    let mut input = serde_json::Deserializer::from_slice(text);
    Next(&mut comparison, b"").deserialize(&mut input)?;
    input.end()?;
    let is_canonical = !comparison.differs && comparison.at == text.len();
    Ok(Found { is_canonical, members: comparison.members })
}

/// Compares each value that it is given with what comes next.
struct Comparison<'t> {
    text: &'t [u8],
    /// Up to here it was the same.
    at: usize,
    differs: bool,
    /// Those of all mappings that are open; those of the outermost stay.
    members: Vec<Member>,
    /// Room to sort in.
    keys: Vec<&'t [u8]>,
}

impl Comparison<'_> {
    fn expect(&mut self, bytes: &[u8]) {
        if !self.differs && self.text[self.at..].starts_with(bytes) {
            self.at += bytes.len();
        } else {
            self.differs = true;
        }
    }

    fn expect_written<E: Error>(&mut self, value: &(impl serde::Serialize + ?Sized)) -> Result<(), E> {
        let written = serde_json::to_vec(value).map_err(E::custom)?;
        self.expect(&written);
        Ok(())
    }

    /// Whether two of the members from there on have the same key.
    fn has_twice(&mut self, first: usize) -> bool {
        self.keys.clear();
        self.keys.extend(self.members[first..].iter().map(|member| &self.text[member.key.clone()]));
        self.keys.sort_unstable_by_key(|key| (key.len(), *key));
        self.keys.windows(2).any(|pair| pair[0] == pair[1])
    }
}

/// The next value, and what has to stand before it.
struct Next<'c, 't>(&'c mut Comparison<'t>, &'static [u8]);

impl<'de> DeserializeSeed<'de> for Next<'_, '_> {
    /// Where the value stands.
    type Value = Range<usize>;

    fn deserialize<D: Deserializer<'de>>(self, input: D) -> Result<Range<usize>, D::Error> {
        let Self(comparison, before) = self;
        comparison.expect(before);
        let start = comparison.at;
        input.deserialize_any(&mut *comparison)?;
        Ok(start..comparison.at)
    }
}

impl<'de> Visitor<'de> for &mut Comparison<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value of JSON")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.expect(b"null");
        Ok(())
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.expect(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.expect_written(&value)
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.expect_written(&value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.expect_written(&value)
    }

    /// One that stands in the text as it is: nothing in it is escaped, and nothing in it has to be.
    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<(), E> {
        self.expect(b"\"");
        self.expect(value.as_bytes());
        self.expect(b"\"");
        Ok(())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.expect_written(value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        self.expect(b"[");
        let mut before: &[u8] = b"";
        while items.next_element_seed(Next(self, before))?.is_some() {
            before = b",";
        }
        self.expect(b"]");
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let first = self.members.len();
        self.expect(b"{");
        let mut before: &[u8] = b"";
        while let Some(key) = members.next_key_seed(Next(self, before))? {
            let member = self.members.len();
            self.members.push(Member { key, value: 0..0 });
            self.members[member].value = members.next_value_seed(Next(self, b":"))?;
            before = b",";
        }
        self.expect(b"}");
        self.differs |= self.has_twice(first);
        if first > 0 {
            self.members.truncate(first);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_canonical(text: &str) -> bool {
        read(text.as_bytes()).unwrap().is_canonical
    }

    #[test]
    fn what_serde_json_writes_is_canonical() {
        for text in [
            r#"{"a":[1,-2,0.1,1e+100,null,true,{}],"b":{"a":"zoë \"x\"\n\u0001","c":[]},"c":""}"#,
            "[]",
            "0",
            "-0.0",
            "\"\"",
        ] {
            let value: serde_json::Value = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), text);
            assert!(is_canonical(text), "{text}");
        }
    }

    #[test]
    fn any_other_way_to_say_the_same_is_not() {
        for text in [
            " 1",
            "1 ",
            "-0",
            "1.50",
            "15e-1",
            "1E2",
            "1e100",
            "18446744073709551616",
            "[1, 2]",
            "[ ]",
            "{ }",
            r#"{"a" :1}"#,
            r#"{"a":1,"b":2,"a":3}"#,
            r#"[{"b":{"a":1,"a":1}}]"#,
            r#"{"a":1,"\u0061":2}"#,
            r#""\u0041""#,
            r#""\/""#,
            r#""\u000a""#,
            r#""\u001F""#,
            r#""\u00e9""#,
        ] {
            assert!(!is_canonical(text), "{text}");
        }
    }

    #[test]
    fn the_members_of_the_outermost_mapping_are_found() {
        let text = r#"{"a":{"x":1,"y":[{}]},"b":[{"z":null}],"c":"d"}"#;
        let members = read(text.as_bytes()).unwrap().members;
        let found: Vec<_> = members.into_iter().map(|member| (&text[member.key], &text[member.value])).collect();
        assert_eq!(found, [("\"a\"", r#"{"x":1,"y":[{}]}"#), ("\"b\"", r#"[{"z":null}]"#), ("\"c\"", "\"d\"")]);
    }
}
