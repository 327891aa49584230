//! A record as one line of JSON, and back.
//!
//! The line is compact JSON with its keys in a fixed order and non-ASCII unescaped; its last key, `hash`, covers every
//! byte before it. There is one way only to write a record, so a line that says the same in other bytes is no record.

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::model::event::{Event, Record};

/// The most bytes that a line may have, so that no reader has to hold more.
pub const MAX_LINE: usize = 16 * 1024 * 1024;

/// The keys that every record begins with, in their order.
const FIRST_KEYS: [&str; 7] = ["seq", "at", "run", "epoch", "actor", "host", "event"];

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
    let mut record: Map<String, Value> = serde_json::from_slice(line).map_err(|error| {
        let begun = !line.is_empty();
        if begun && (error.is_eof() || line.contains(&0)) {
            FormatError::Incomplete
        } else {
            FormatError::NotARecord(error)
        }
    })?;
    let mut canonical = Vec::with_capacity(line.len());
    serde_json::to_writer(&mut canonical, &record).map_err(FormatError::NotARecord)?;
    if canonical != line {
        return Err(FormatError::Form("its bytes are not those of compact JSON"));
    }
    if !record.keys().zip(FIRST_KEYS).all(|(key, expected)| key == expected)
        || !record.keys().rev().zip(["hash", "prev"]).all(|(key, expected)| key == expected)
        || record.len() < FIRST_KEYS.len() + 2
    {
        return Err(FormatError::Form("its keys are not those of a record in their order"));
    }
    let facts = facts(&mut record).ok_or(FormatError::Form("a field is of another type"))?;
    let covered = line.len().checked_sub(TAIL_LENGTH).ok_or(FormatError::Hash)?;
    if sha256(&line[..covered]) != facts.hash {
        return Err(FormatError::Hash);
    }
    Ok(facts)
}

fn facts(record: &mut Map<String, Value>) -> Option<Facts> {
    let at = record["at"].as_str()?;
    if at.parse::<Timestamp>().ok().map(timestamp).as_deref() != Some(at) {
        return None;
    }
    record["actor"].as_str()?;
    record["host"].as_str()?;
    Some(Facts {
        seq: record["seq"].as_u64()?,
        epoch: record["epoch"].as_u64()?,
        format: record.get("format").and_then(Value::as_u64),
        run: text(record, "run")?,
        kind: text(record, "event")?,
        prev: if record["prev"].is_null() { None } else { Some(text(record, "prev")?) },
        hash: text(record, "hash")?,
    })
}

fn text(record: &mut Map<String, Value>, key: &str) -> Option<String> {
    match record.get_mut(key)?.take() {
        Value::String(text) => Some(text),
        _ => None,
    }
}
