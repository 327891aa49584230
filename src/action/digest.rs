//! SHA-256 as it is written in the journal.

use sha2::{Digest, Sha256};

/// The SHA-256 of the parts one after the other, lower-case hex.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> String {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    let halves = |byte: u8| [byte >> 4, byte & 15];
    hasher.finalize().into_iter().flat_map(halves).filter_map(|half| char::from_digit(half.into(), 16)).collect()
}
