//! The journal's writer. One process at a time holds it (`lock` sees to that); readers use `chain`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::io::Errno;

use super::chain::{Chain, ChainError, Lines};
use super::crash::CrashPlan;
use super::durable;
use super::format;
use super::reserve::{Reserve, has_room, is_full};
use super::trouble::classify;
use crate::model::digest::sha256;
use crate::model::event::{Event, Record};

pub use super::trouble::JournalError;

/// The journal's name in the run's folder.
pub const FILE_NAME: &str = "journal.jsonl";

/// Who writes, and about which run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// The run's id.
    pub run: String,
    /// The person, as `user`.
    pub actor: String,
    /// The machine.
    pub host: String,
}

/// A torn last line that was cut off, to be recorded as `journal_recovered`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// How many bytes were cut.
    pub bytes: u64,
    /// Their SHA-256, lower-case hex.
    pub sha256: String,
}

/// The open journal of one run, at its end.
///
/// Durability: a record that [`Journal::append`] returned survives `kill -9` and a power cut. After any failure in
/// writing or syncing the journal is poisoned: the state of the file is not known, and a failed sync may report
/// success when it is tried again although the bytes are lost. Only opening it anew shows what is there, and what was
/// written last is written again then: no later sync would carry it to the disk otherwise.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    author: Author,
    chain: Chain,
    epoch: u64,
    end: u64,
    reserve: Reserve,
    appended: u64,
    poisoned: bool,
    crash: CrashPlan,
}

impl Journal {
    /// Makes the journal of a new run in its folder. The file and its entry are durable when this returns.
    ///
    /// # Errors
    ///
    /// `Exists`, `Full`, `ReadOnly`, `Io`.
    pub fn create(folder: &Path, author: Author, crash: CrashPlan) -> Result<Self, JournalError> {
        let path = folder.join(FILE_NAME);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .map_err(|source| classify("create", &path, source))?;
        let reserve = Reserve::new(folder, 0);
        let mut journal = Self::at_end(file, path, author, Chain::default(), reserve, 0, crash);
        journal.reserve().map_err(|source| classify("reserve space for", &journal.path, source))?;
        journal.file.sync_all().map_err(|source| classify("sync", &journal.path, source))?;
        durable::sync_folder(folder).map_err(|source| classify("sync the folder of", &journal.path, source))?;
        Ok(journal)
    }

    /// Takes a run up again: verifies every record and gives it out, cuts a torn last line durably, raises the epoch.
    ///
    /// What is made of the records is worth something only when this returns. The caller appends `journal_recovered` when a cut is returned.
    ///
    /// # Errors
    ///
    /// `Tampered` for damage anywhere but in a torn last line; nothing is repaired. `OtherRun`, `ReadOnly`, `Io`.
    pub fn open(
        folder: &Path,
        author: Author,
        crash: CrashPlan,
        mut each: impl FnMut(Record),
    ) -> Result<(Self, Option<Cut>), JournalError> {
        let path = folder.join(FILE_NAME);
        let mut file =
            OpenOptions::new().read(true).append(true).open(&path).map_err(|source| classify("open", &path, source))?;
        let mut reserve = Reserve::new(folder, 0);
        let mut lines = Lines::decoding(BufReader::new(&file));
        let each = |record: Record| {
            reserve.follow(&record.event);
            each(record);
        };
        lines.for_each(each).map_err(|error| match error {
            ChainError::Read(source) => classify("read", &path, source),
            ChainError::Tampered(source) => JournalError::Tampered { path: path.clone(), source },
        })?;
        let Lines { chain, torn_tail, last, .. } = lines;
        if let Some(found) = chain.run.clone().filter(|run| *run != author.run) {
            return Err(JournalError::OtherRun { path, found });
        }
        let length = file.metadata().map_err(|source| classify("read", &path, source))?.len();
        let end = length - torn_tail.unwrap_or(0);
        let cut = if torn_tail.is_some() {
            Some(cut_off(&mut file, end).map_err(|source| classify("cut the torn last line of", &path, source))?)
        } else {
            None
        };
        write_again(&path, end - last, end)
            .map_err(|source| classify("write the last record again to", &path, source))?;
        let mut journal = Self::at_end(file, path, author, chain, reserve, end, crash);
        // Undoing and answering are allowed on a full disk, as far as there is room.
        match journal.reserve() {
            Err(error) if !is_full(&error) => Err(classify("reserve space for", &journal.path, error)),
            _ => Ok((journal, cut)),
        }
    }

    fn at_end(
        file: File,
        path: PathBuf,
        author: Author,
        chain: Chain,
        reserve: Reserve,
        end: u64,
        crash: CrashPlan,
    ) -> Self {
        let epoch = chain.epoch + 1;
        Self { file, path, author, chain, epoch, end, reserve, appended: 0, poisoned: false, crash }
    }

    /// Whether an attempt may begin: there is room for its end, and for the end of all that is under way. What ends a
    /// run, or takes back what it did, may begin as far as there is room.
    ///
    /// # Errors
    ///
    /// `NoReserve`, or why that could not be found out. The journal takes records as before.
    pub fn may_begin(&mut self) -> Result<(), JournalError> {
        if self.reserve.is_ending() {
            let _kept = self.reserve.keep(&self.file, self.end, 0);
            self.reserve.spend_spare(&self.file);
            return Ok(());
        }
        let room = self.reserve().and_then(|()| has_room(&self.file));
        room.map_err(|source| {
            let path = self.path.clone();
            if is_full(&source) {
                JournalError::NoReserve { path, source }
            } else {
                classify("reserve space for", &path, source)
            }
        })
    }

    /// Appends one record with one write, and returns it once it is durable.
    ///
    /// # Errors
    ///
    /// `Unwritable`, and what [`Journal::may_begin`] says, leave the journal as it was. After any other error it is
    /// poisoned.
    pub fn append(&mut self, at: Timestamp, event: Event) -> Result<Record, JournalError> {
        if self.poisoned {
            return Err(JournalError::Poisoned { path: self.path.clone() });
        }
        let begins = matches!(event, Event::RunStarted { .. } | Event::AttemptStarted { .. });
        let mut record = Record {
            seq: self.chain.records + 1,
            at: format::timestamp(at),
            run: self.author.run.clone(),
            epoch: self.epoch,
            actor: self.author.actor.clone(),
            host: self.author.host.clone(),
            event,
            prev: self.chain.hash.clone(),
            hash: String::new(),
        };
        let line = format::seal(&mut record).map_err(JournalError::Unwritable)?;
        if begins {
            self.may_begin()?;
        } else {
            // What ends or undoes something is recorded as far as there is room.
            let _kept = self.reserve.keep(&self.file, self.end, 0);
        }
        self.poisoned = true;
        self.check_end()?;
        self.write(&line).map_err(|(action, source)| classify(action, &self.path, source))?;
        self.poisoned = false;
        self.end += line.len() as u64;
        self.chain.records = record.seq;
        self.chain.hash = Some(record.hash.clone());
        self.reserve.follow(&record.event);
        if matches!(record.event, Event::RunFinished { outcome, .. } if outcome.is_for_good()) {
            self.reserve.give_back(&self.file, self.end);
        }
        Ok(record)
    }

    /// How many records this process appended. The count that [`CrashPlan::at`] compares.
    #[must_use]
    pub const fn appended(&self) -> u64 {
        self.appended
    }

    /// The executor's turn that this process writes as.
    #[must_use]
    pub const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// One write and one sync, or what failed.
    fn write(&mut self, line: &[u8]) -> Result<(), (&'static str, io::Error)> {
        self.appended += 1;
        self.crash.at(self.appended, "before_write");
        if self.crash.is_at(self.appended, "torn_write") {
            self.file.write_all(&line[..line.len() / 2]).map_err(|error| ("write", error))?;
            self.crash.at(self.appended, "torn_write");
        }
        self.put(line).map_err(|error| ("write", error))?;
        self.crash.at(self.appended, "after_write");
        self.file.sync_data().map_err(|error| ("sync", error))?;
        self.crash.at(self.appended, "after_sync");
        Ok(())
    }

    /// One write, with the room that is kept for it. Only a write is ever tried again, never a sync.
    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        // Where the file system cannot promise room, a write may find some that the sync does not.
        if self.reserve.is_a_file() && has_room(&self.file).is_err() {
            self.reserve.spend()?;
        }
        match self.put_once(line) {
            Err(error) if is_full(&error) && self.reserve.spend()? => {
                self.file.set_len(self.end)?;
                self.put_once(line)
            }
            done => done,
        }
    }

    fn put_once(&self, line: &[u8]) -> io::Result<()> {
        // Only a signal before the first byte is worth another call; a part of a line is a failure.
        let written = rustix::io::retry_on_intr(|| rustix::io::write(&self.file, line))?;
        if written < line.len() { Err(Errno::NOSPC.into()) } else { Ok(()) }
    }

    /// Nobody else may have written since this process did.
    fn check_end(&self) -> Result<(), JournalError> {
        let found = self.file.metadata().map_err(|source| classify("read", &self.path, source))?;
        if found.len() == self.end { Ok(()) } else { Err(JournalError::Changed { path: self.path.clone() }) }
    }

    /// Has room kept for what will have to be recorded when one attempt more begins.
    fn reserve(&mut self) -> io::Result<()> {
        self.reserve.keep(&self.file, self.end, 1)?;
        self.reserve.keep_spare()
    }
}

fn cut_off(file: &mut File, end: u64) -> io::Result<Cut> {
    let mut torn = Vec::new();
    file.seek(SeekFrom::Start(end))?;
    file.read_to_end(&mut torn)?;
    file.set_len(end)?;
    file.sync_all()?;
    Ok(Cut { bytes: torn.len() as u64, sha256: sha256(&[&torn]) })
}

/// Writes the last record over itself, and syncs it. The executor that is gone may have failed to sync it: then it
/// stands in memory only, and counts as written there.
fn write_again(path: &Path, start: u64, end: u64) -> io::Result<()> {
    let file = OpenOptions::new().read(true).write(true).open(path)?;
    let mut line = vec![0; usize::try_from(end - start).unwrap_or_default()];
    file.read_exact_at(&mut line, start)?;
    file.write_all_at(&line, start)?;
    file.sync_data()
}
