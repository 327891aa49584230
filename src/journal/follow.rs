//! Reads a journal as it grows: a second reader beside the one writer. Every record is verified as the one that follows
//! the record before it, as `chain` does, and no byte is read twice but those of a line that is not complete yet.

use std::fs::File;
use std::io::{BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::chain::{Chain, ChainError, Lines};
use super::file::FILE_NAME;
use crate::model::event::Record;

/// A reader of the journal in one run's folder.
#[derive(Debug)]
pub struct Follower {
    file: File,
    /// Where the last whole record ended.
    end: u64,
    /// How long the file was then: behind the end there may be a part of a line.
    length: u64,
    chain: Chain,
}

impl Follower {
    /// From the first record on.
    ///
    /// # Errors
    ///
    /// [`ChainError::Read`].
    pub fn open(folder: &Path) -> Result<Self, ChainError> {
        let file = File::open(folder.join(FILE_NAME))?;
        Ok(Self { file, end: 0, length: 0, chain: Chain::default() })
    }

    /// Gives out the records that came since the last call.
    ///
    /// # Errors
    ///
    /// [`ChainError`]; what was given out before is not to be believed after `Tampered`.
    pub fn advance(&mut self, each: impl FnMut(Record)) -> Result<(), ChainError> {
        let length = self.file.metadata()?.len();
        if length == self.length {
            return Ok(());
        }
        self.file.seek(SeekFrom::Start(self.end))?;
        // What comes while this reads is for the next call.
        let new = (&self.file).take(length.saturating_sub(self.end));
        let mut lines = Lines::decoding(BufReader::new(new));
        lines.chain = self.chain.clone();
        lines.for_each(each)?;
        self.end = length.max(self.end) - lines.torn_tail.unwrap_or(0);
        self.length = length;
        self.chain = lines.chain;
        Ok(())
    }
}
