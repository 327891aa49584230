//! Verifies a journal: each line by itself, and each as the one that follows the line before it.
//!
//! What this can show and what it cannot: a record changed, moved, dropped from the middle or put in is found by the
//! chain alone. Records cut off at the end, or a tail written anew with hashes of its own, are found only where an
//! *anchor*, a head kept outside of this journal, lies in or behind what was replaced. So the answer says up to which
//! record the journal is anchored, and claims nothing of what follows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;

use super::file::FILE_NAME;
use super::format::{self, Facts, FormatError, MAX_LINE};
use crate::model::event::{Event, FORMAT, Head, Record};

/// A journal that cannot be believed, from this record on.
#[derive(Debug, thiserror::Error)]
#[error("record {record} was damaged or tampered with: {what}")]
pub struct Tampered {
    /// The first record that is not as it should be, counted from 1.
    pub record: u64,
    /// What is wrong with it.
    pub what: String,
}

/// Why a journal could not be found good.
#[derive(Debug, thiserror::Error)]
pub enum ChainError {
    /// Its bytes could not be had.
    #[error("the journal cannot be read")]
    Read(#[from] io::Error),
    /// They are not those that were written.
    #[error(transparent)]
    Tampered(#[from] Tampered),
}

/// A journal that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// How many whole records it has.
    pub records: u64,
    /// The last of them; `None` in an empty journal.
    pub head: Option<Head>,
    /// The last executor's turn, 0 in an empty journal.
    pub epoch: u64,
    /// The last record that an anchor vouches for. What follows can have been cut off or written anew.
    pub anchored: Option<u64>,
    /// How many records have a kind that this version does not know, by kind.
    pub unknown_kinds: BTreeMap<String, u64>,
    /// Bytes of a last line that was never completed. Nothing was done on the strength of it.
    pub torn_tail: Option<u64>,
}

/// The records of a journal as it is now, for somebody who does not write it.
#[derive(Debug, Clone, PartialEq)]
pub struct Records {
    /// All whole records, in order.
    pub records: Vec<Record>,
    /// Bytes of a last line that is not complete: torn by a crash, or being written at this moment.
    pub torn_tail: Option<u64>,
}

/// Verifies a journal in constant memory.
///
/// `anchors` are heads kept elsewhere, as the next run's `run_started` keeps one; those of other runs are passed over.
///
/// # Errors
///
/// [`ChainError`]; the first record that is wrong is named.
pub fn verify(input: impl BufRead, anchors: &[Head]) -> Result<Verified, ChainError> {
    let mut lines = Lines::new(input);
    let mut unknown_kinds = BTreeMap::new();
    let mut known_kinds = BTreeSet::new();
    let mut anchored = None;
    while let Some(facts) = lines.next()? {
        let tampered = |what: String| Tampered { record: facts.seq, what };
        for anchor in anchors.iter().filter(|anchor| anchor.seq == facts.seq && anchor.run == facts.run) {
            if anchor.hash != facts.hash {
                return Err(tampered("its anchor has another hash".to_owned()).into());
            }
            anchored = Some(facts.seq);
        }
        if known_kinds.contains(&facts.kind) {
            continue;
        }
        if let Some(count) = unknown_kinds.get_mut(&facts.kind) {
            *count += 1;
        } else if format::decode(&lines.line).map_err(|error| tampered(describe(&error)))?.event == Event::Unknown {
            unknown_kinds.insert(facts.kind, 1);
        } else {
            known_kinds.insert(facts.kind);
        }
    }
    let Chain { run, records, epoch, hash } = lines.chain;
    if let Some(anchor) =
        anchors.iter().find(|anchor| run.as_ref().is_none_or(|run| *run == anchor.run) && anchor.seq > records)
    {
        return Err(Tampered {
            record: records + 1,
            what: format!("it is missing; record {} is anchored", anchor.seq),
        }
        .into());
    }
    let head = run.zip(hash).map(|(run, hash)| Head { run, seq: records, hash });
    Ok(Verified { records, head, epoch, anchored, unknown_kinds, torn_tail: lines.torn_tail })
}

/// Reads and verifies the journal in a run's folder, also while another process writes it.
///
/// # Errors
///
/// [`ChainError`]; a torn last line is none.
pub fn read(folder: &Path) -> Result<Records, ChainError> {
    let mut lines = Lines::new(BufReader::new(File::open(folder.join(FILE_NAME))?));
    let records = lines.records()?;
    Ok(Records { records, torn_tail: lines.torn_tail })
}

/// The lines of a journal, each verified as it is read.
pub(super) struct Lines<R> {
    input: R,
    /// The last line read, without its newline; the torn one at the end.
    pub(super) line: Vec<u8>,
    /// Bytes of the torn last line, its newline counted where it has one. Set at the end.
    pub(super) torn_tail: Option<u64>,
    pub(super) chain: Chain,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, line: Vec::new(), torn_tail: None, chain: Chain::default() }
    }

    /// The next whole line, `None` at the end or at a torn last line.
    pub(super) fn next(&mut self) -> Result<Option<Facts>, ChainError> {
        self.line.clear();
        let length = (&mut self.input).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut self.line)?;
        if length == 0 {
            return Ok(None);
        }
        if length > MAX_LINE {
            return Err(self.chain.refuse(&FormatError::TooLong).into());
        }
        if self.line.pop_if(|last| *last == b'\n').is_none() {
            self.torn_tail = Some(length as u64);
            return Ok(None);
        }
        match format::inspect(&self.line) {
            Ok(facts) => {
                self.chain.admit(&facts)?;
                Ok(Some(facts))
            }
            // A crash can leave the newline on the disk without the blocks before it.
            Err(FormatError::Incomplete) if self.input.fill_buf()?.is_empty() => {
                self.torn_tail = Some(length as u64);
                self.line.push(b'\n');
                Ok(None)
            }
            Err(error) => Err(self.chain.refuse(&error).into()),
        }
    }

    /// All whole records.
    pub(super) fn records(&mut self) -> Result<Vec<Record>, ChainError> {
        let mut records = Vec::new();
        while let Some(facts) = self.next()? {
            let record =
                format::decode(&self.line).map_err(|error| Tampered { record: facts.seq, what: describe(&error) })?;
            records.push(record);
        }
        Ok(records)
    }
}

/// What the next record has to fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Chain {
    /// The run of the first record.
    pub(super) run: Option<String>,
    /// How many records there were.
    pub(super) records: u64,
    /// The last one's epoch.
    pub(super) epoch: u64,
    /// The last one's hash.
    pub(super) hash: Option<String>,
}

impl Chain {
    fn admit(&mut self, facts: &Facts) -> Result<(), Tampered> {
        if let Some(what) = self.objection(facts) {
            return Err(Tampered { record: self.records + 1, what });
        }
        self.run.get_or_insert_with(|| facts.run.clone());
        self.records += 1;
        self.epoch = facts.epoch;
        self.hash = Some(facts.hash.clone());
        Ok(())
    }

    fn objection(&self, facts: &Facts) -> Option<String> {
        let started = facts.kind == "run_started";
        if facts.seq != self.records + 1 {
            return Some(format!("it has the number {}", facts.seq));
        }
        if facts.prev != self.hash {
            return Some("it follows another record than the one before it".to_owned());
        }
        if self.run.as_ref().is_some_and(|run| *run != facts.run) {
            return Some(format!("it belongs to the run {}", facts.run));
        }
        if facts.epoch < self.epoch.max(1) {
            return Some(format!("its epoch fell to {}", facts.epoch));
        }
        if started != (self.records == 0) {
            let what = if started { "a run starts only once" } else { "a journal begins with run_started" };
            return Some(what.to_owned());
        }
        if started && facts.format != Some(u64::from(FORMAT)) {
            return Some(format!("this program reads format {FORMAT} of the journal, and it has another"));
        }
        None
    }

    fn refuse(&self, error: &FormatError) -> Tampered {
        Tampered { record: self.records + 1, what: describe(error) }
    }
}

fn describe(error: &FormatError) -> String {
    match error {
        FormatError::NotARecord(cause) => format!("{error}: {cause}"),
        _ => error.to_string(),
    }
}
