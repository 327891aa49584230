//! Verifies a journal: each line by itself, and each as the one that follows the line before it.
//!
//! What this can show and what it cannot: a record changed, moved, dropped from the middle or put in is found by the
//! chain alone. Records cut off at the end, or a tail written anew with hashes of its own, are found only where an
//! *anchor*, a head kept outside of this journal, lies in or behind what was replaced. So the answer says up to which
//! record the journal is anchored, and claims nothing of what follows.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read as _};
use std::path::Path;
use std::thread;

use rustix::io::Errno;

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
    let mut records = Vec::new();
    let torn_tail = read_each(folder, |record| records.push(record))?;
    Ok(Records { records, torn_tail })
}

/// The same, with each record given out as it is read, so that not all of them have to be held. What is made of them
/// is worth something only where no error follows. The bytes of a torn last line.
///
/// All that was read is durable when this returns: whoever writes may not have synced the last record yet.
///
/// # Errors
///
/// As [`read`].
pub fn read_each(folder: &Path, each: impl FnMut(Record)) -> Result<Option<u64>, ChainError> {
    let file = File::open(folder.join(FILE_NAME))?;
    let mut lines = Lines::decoding(BufReader::new(&file));
    lines.for_each(each)?;
    let torn_tail = lines.torn_tail;
    sync(&file)?;
    Ok(torn_tail)
}

/// Makes durable what stands in a file. One that lies where nothing can be written changes no more.
fn sync(file: &File) -> io::Result<()> {
    match rustix::fs::fdatasync(file) {
        Ok(()) | Err(Errno::ROFS | Errno::INVAL | Errno::OPNOTSUPP) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

/// So many bytes are read before their lines are looked at.
const BATCH: usize = 1024 * 1024;

/// The lines of a journal, each verified as it is read.
///
/// Lines are read in batches. What can be said of a line by itself is found by two threads, each with its half of the
/// batch; whether it follows the one before is looked at as it is given out.
pub(super) struct Lines<R> {
    input: R,
    batch: VecDeque<Line>,
    /// Whether lines are decoded too.
    decodes: bool,
    /// What the last line given out was decoded to, where lines are.
    record: Option<Result<Record, FormatError>>,
    /// The last line given out, without its newline; the torn one at the end.
    pub(super) line: Vec<u8>,
    /// Bytes of the last whole line given out, its newline counted.
    pub(super) last: u64,
    /// Bytes of the torn last line, its newline counted where it has one. Set at the end.
    pub(super) torn_tail: Option<u64>,
    pub(super) chain: Chain,
}

/// One line that was read.
struct Line {
    /// Without its newline.
    bytes: Vec<u8>,
    whole: bool,
    finding: Option<Result<Facts, FormatError>>,
    record: Option<Result<Record, FormatError>>,
}

impl<R: BufRead> Lines<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            batch: VecDeque::new(),
            decodes: false,
            record: None,
            line: Vec::new(),
            last: 0,
            torn_tail: None,
            chain: Chain::default(),
        }
    }

    /// The same for [`Lines::for_each`].
    pub(super) fn decoding(input: R) -> Self {
        Self { decodes: true, ..Self::new(input) }
    }

    /// The next whole line, `None` at the end or at a torn last line.
    pub(super) fn next(&mut self) -> Result<Option<Facts>, ChainError> {
        if self.batch.is_empty() {
            self.fill()?;
        }
        let Some(line) = self.batch.pop_front() else { return Ok(None) };
        let is_last = self.batch.is_empty() && self.input.fill_buf()?.is_empty();
        let length = line.bytes.len() as u64;
        self.line = line.bytes;
        self.record = line.record;
        match line.finding {
            Some(Ok(facts)) => {
                self.chain.admit(&facts)?;
                self.last = length + 1;
                Ok(Some(facts))
            }
            None => {
                self.torn_tail = Some(length);
                Ok(None)
            }
            // A crash can leave the newline on the disk without the blocks before it.
            Some(Err(FormatError::Incomplete)) if is_last => {
                self.torn_tail = Some(length + 1);
                Ok(None)
            }
            Some(Err(error)) => Err(self.chain.refuse(&error).into()),
        }
    }

    /// Reads and inspects the next batch.
    fn fill(&mut self) -> io::Result<()> {
        let mut size = 0;
        while size < BATCH {
            let mut bytes = Vec::new();
            let length = (&mut self.input).take(MAX_LINE as u64 + 1).read_until(b'\n', &mut bytes)?;
            if length == 0 {
                break;
            }
            size += length;
            let whole = bytes.pop_if(|last| *last == b'\n').is_some();
            self.batch.push_back(Line { bytes, whole, finding: None, record: None });
        }
        let decodes = self.decodes;
        let lines = self.batch.make_contiguous();
        if size >= BATCH {
            let half = lines.len() / 2;
            thread::scope(|scope| {
                let (first, second) = lines.split_at_mut(half);
                // Where no thread can be had, its half is looked at below.
                let _ = thread::Builder::new().spawn_scoped(scope, || inspect_all(first, decodes));
                inspect_all(second, decodes);
            });
        }
        inspect_all(lines, decodes);
        Ok(())
    }

    /// Gives out all whole records, where lines are decoded.
    pub(super) fn for_each(&mut self, mut each: impl FnMut(Record)) -> Result<(), ChainError> {
        while let Some(facts) = self.next()? {
            if let Some(record) = self.record.take() {
                each(record.map_err(|error| Tampered { record: facts.seq, what: describe(&error) })?);
            }
        }
        Ok(())
    }
}

/// Looks at those that were not looked at yet.
fn inspect_all(lines: &mut [Line], decodes: bool) {
    for line in lines.iter_mut().filter(|line| line.finding.is_none()) {
        line.finding = match (line.whole, line.bytes.len()) {
            (_, MAX_LINE..) => Some(Err(FormatError::TooLong)),
            (true, _) => Some(format::inspect(&line.bytes)),
            (false, _) => None,
        };
        if decodes && matches!(line.finding, Some(Ok(_))) {
            line.record = Some(format::decode(&line.bytes));
        }
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
