//! A record as one line of JSON, and back.
//!
//! The line is compact JSON with its keys in a fixed order and non-ASCII unescaped; its last key, `hash`, covers every
//! byte before it. There is one way only to write a record, so a line that says the same in other bytes is no record.

use std::borrow::Cow;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::canonical;
use crate::model::event::{Event, Record};

/// The most bytes that a line may have, so that no reader has to hold more.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// What follows the bytes that the hash covers: `,"hash":"`, the digest, `"}`.
const HASH_KEY: &str = ",\"hash\":\"";
const HASH_LENGTH: usize = 64;
const TAIL_LENGTH: usize = HASH_KEY.len() + HASH_LENGTH + 2;

/// Where the closing part of a [`Frame`] begins.
const FRAME_END: &str = ",\"prev\":";

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

/// SHA-256 in lower-case hex.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    Sha256::digest(bytes).iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
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
    record.hash = sha256(&line);
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
    serde_json::from_slice(line).map_err(FormatError::NotARecord)
}

/// Checks a line, without its newline, by itself: its hash, its form byte for byte, the order of its keys.
///
/// The fields of its event are not looked at, so kinds of later versions pass.
///
/// # Errors
///
/// [`FormatError`], `Incomplete` where only its end is missing.
pub fn inspect(line: &[u8]) -> Result<Facts, FormatError> {
    let frame: Frame<'_> = serde_json::from_slice(line).map_err(|error| {
        let begun = !line.is_empty();
        if begun && (error.is_eof() || line.contains(&0)) {
            FormatError::Incomplete
        } else {
            FormatError::NotARecord(error)
        }
    })?;
    if canonical::rewrite(line).map_err(FormatError::NotARecord)? != line {
        return Err(FormatError::Form("its bytes are not those of compact JSON"));
    }
    let keys = FormatError::Form("its keys are not those of a record in their order");
    let written = serde_json::to_string(&frame).map_err(FormatError::NotARecord)?;
    let Some((opening, closing)) = written.rsplit_once(FRAME_END) else { return Err(keys) };
    let closing = [FRAME_END, closing].concat();
    if !line.starts_with(opening.as_bytes()) || !line.ends_with(closing.as_bytes()) {
        return Err(keys);
    }
    if frame.at.parse().ok().map(timestamp).as_deref() != Some(&*frame.at) {
        return Err(FormatError::Form("its time is not in UTC with microseconds"));
    }
    let covered = line.len().checked_sub(TAIL_LENGTH).ok_or(FormatError::Hash)?;
    if sha256(&line[..covered]) != frame.hash {
        return Err(FormatError::Hash);
    }
    Ok(Facts {
        seq: frame.seq,
        run: frame.run.into_owned(),
        epoch: frame.epoch,
        kind: frame.event.into_owned(),
        format: frame.format.as_ref().and_then(Value::as_u64),
        prev: frame.prev.map(Cow::into_owned),
        hash: frame.hash.into_owned(),
    })
}

/// What every record has: it begins with these fields and ends with the last two. In between are those of its event.
#[derive(Deserialize, Serialize)]
struct Frame<'a> {
    seq: u64,
    #[serde(borrow)]
    at: Cow<'a, str>,
    #[serde(borrow)]
    run: Cow<'a, str>,
    epoch: u64,
    #[serde(borrow)]
    actor: Cow<'a, str>,
    #[serde(borrow)]
    host: Cow<'a, str>,
    #[serde(borrow)]
    event: Cow<'a, str>,
    /// Of `run_started` alone.
    #[serde(skip_serializing, default)]
    format: Option<Value>,
    #[serde(borrow)]
    prev: Option<Cow<'a, str>>,
    #[serde(borrow)]
    hash: Cow<'a, str>,
}
