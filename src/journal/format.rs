//! A record as one line of JSON, and back.
//!
//! The line is compact JSON with its keys in a fixed order and non-ASCII unescaped; its last key, `hash`, covers every
//! byte before it. There is one way only to write a record, so a line that says the same in other bytes is no record.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::Deserialize;

use super::canonical::{self, Member};
use crate::model::digest::sha256;
use crate::model::event::{Event, Record};

/// The most bytes that a line may have, so that no reader has to hold more.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// What follows the bytes that the hash covers: `,"hash":"`, the digest, `"}`.
const HASH_KEY: &str = ",\"hash\":\"";
const HASH_LENGTH: usize = 64;
const TAIL_LENGTH: usize = HASH_KEY.len() + HASH_LENGTH + 2;

/// Why bytes are not a record, or a record cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The JSON begins and ends before it is complete.
    #[error("it is not complete")]
    Incomplete,
    /// It is not JSON, or not that of a record.
    #[error("it is not a record")]
    NotARecord(#[source] serde_json::Error),
    /// It is a record, but not written as records are.
    #[error("it is not written as records are: {0}")]
    Form(&'static str),
    /// The digest in it is another than that of its bytes.
    #[error("its hash does not match its bytes")]
    Hash,
    /// More bytes than [`MAX_LINE`].
    #[error("it is longer than the {MAX_LINE} bytes that a record may have")]
    TooLong,
    /// The kind that stands for kinds of later versions.
    #[error("a kind of event that is not known cannot be written")]
    UnknownKind,
}

/// What the chain needs to know of one line that was found well formed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Its number.
    pub seq: u64,
    /// The run's id.
    pub run: String,
    /// The executor's turn.
    pub epoch: u64,
    /// The kind of event, as it is written.
    pub kind: String,
    /// The version of the record format, in `run_started`.
    pub format: Option<u64>,
    /// The hash of the record before.
    pub prev: Option<String>,
    /// Its own hash.
    pub hash: String,
}

/// A moment as records have it: UTC with microseconds.
#[must_use]
pub fn timestamp(at: Timestamp) -> String {
    format!("{at:.6}")
}

/// Computes the record's hash, sets it, and gives the line, its newline included.
///
/// The line was read back and found to be well formed: what cannot be read again is not written.
///
/// # Errors
///
/// [`FormatError`] when the record has no line that could be read again.
pub fn seal(record: &mut Record) -> Result<Vec<u8>, FormatError> {
    if record.event == Event::Unknown {
        return Err(FormatError::UnknownKind);
    }
    record.hash.clear();
    let mut line = serde_json::to_vec(record).map_err(FormatError::NotARecord)?;
    line.truncate(line.len().saturating_sub(HASH_KEY.len() + 2));
    record.hash = sha256(&[&line]);
    line.extend_from_slice(HASH_KEY.as_bytes());
    line.extend_from_slice(record.hash.as_bytes());
    line.extend_from_slice(b"\"}");
    if line.len() >= MAX_LINE {
        return Err(FormatError::TooLong);
    }
    inspect(&line)?;
    line.push(b'\n');
    Ok(line)
}

/// Reads a line, with or without its newline, that [`inspect`] found well formed.
///
/// An event of a kind that this version does not know becomes [`Event::Unknown`].
///
/// # Errors
///
/// [`FormatError::NotARecord`] when fields are missing or are of another type.
pub fn decode(line: &[u8]) -> Result<Record, FormatError> {
    // Each reads its own fields of the same line: to take them apart first would copy all of them.
    let Frame { seq, at, run, epoch, actor, host, prev, hash } =
        serde_json::from_slice(line).map_err(FormatError::NotARecord)?;
    let event = serde_json::from_slice(line).map_err(FormatError::NotARecord)?;
    Ok(Record { seq, at, run, epoch, actor, host, event, prev, hash })
}

/// What every record has beside its event.
#[derive(Deserialize)]
struct Frame {
    seq: u64,
    at: String,
    run: String,
    epoch: u64,
    actor: String,
    host: String,
    prev: Option<String>,
    hash: String,
}

/// Checks a line, without its newline, by itself: its hash, its form byte for byte, the order of its keys.
///
/// The fields of its event are not looked at, so kinds of later versions pass.
///
/// # Errors
///
/// [`FormatError`], `Incomplete` where only its end is missing.
pub fn inspect(line: &[u8]) -> Result<Facts, FormatError> {
    let found = canonical::read(line).map_err(|error| {
        let begun = !line.is_empty();
        if begun && (error.is_eof() || line.contains(&0)) {
            FormatError::Incomplete
        } else {
            FormatError::NotARecord(error)
        }
    })?;
    if !found.is_canonical {
        return Err(FormatError::Form("its bytes are not those of compact JSON"));
    }
    let fields = Fields { line, members: &found.members };
    let facts = fields.facts().ok_or(FormatError::Form("its keys are not those of a record in their order"))?;
    if fields.text(1).is_none_or(|at| at.parse().ok().map(timestamp).as_deref() != Some(&*at)) {
        return Err(FormatError::Form("its time is not in UTC with microseconds"));
    }
    let covered = line.len().checked_sub(TAIL_LENGTH).ok_or(FormatError::Hash)?;
    if sha256(&[&line[..covered]]) != facts.hash {
        return Err(FormatError::Hash);
    }
    Ok(facts)
}

/// The keys that every record begins and ends with. In between are those of its event.
const OPENING: [&[u8]; 7] = [b"\"seq\"", b"\"at\"", b"\"run\"", b"\"epoch\"", b"\"actor\"", b"\"host\"", b"\"event\""];
const CLOSING: [&[u8]; 2] = [b"\"prev\"", b"\"hash\""];

/// A line that is written as records are, taken apart.
struct Fields<'l> {
    line: &'l [u8],
    members: &'l [Member],
}

impl<'l> Fields<'l> {
    /// What they say, where they are those of a record in their order.
    fn facts(&self) -> Option<Facts> {
        let keys = || self.members.iter().map(|member| &self.line[member.key.clone()]);
        let last = self.members.len().checked_sub(CLOSING.len()).filter(|last| *last >= OPENING.len())?;
        if !keys().take(OPENING.len()).eq(OPENING) || !keys().skip(last).eq(CLOSING) {
            return None;
        }
        self.text(4)?;
        self.text(5)?;
        let prev = if self.value(last) == b"null" { None } else { Some(self.text(last)?.into_owned()) };
        let format = keys().position(|key| key == b"\"format\"");
        Some(Facts {
            seq: self.number(0)?,
            run: self.text(2)?.into_owned(),
            epoch: self.number(3)?,
            kind: self.text(6)?.into_owned(),
            format: format.and_then(|place| self.number(place)),
            prev,
            hash: self.text(last + 1)?.into_owned(),
        })
    }

    fn value(&self, place: usize) -> &'l [u8] {
        &self.line[self.members[place].value.clone()]
    }

    fn number(&self, place: usize) -> Option<u64> {
        str::from_utf8(self.value(place)).ok()?.parse().ok()
    }

    fn text(&self, place: usize) -> Option<Cow<'l, str>> {
        let value = self.value(place);
        let inner = value.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        if inner.contains(&b'\\') {
            serde_json::from_slice(value).ok().map(Cow::Owned)
        } else {
            str::from_utf8(inner).ok().map(Cow::Borrowed)
        }
    }
}
