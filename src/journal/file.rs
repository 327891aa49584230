//! The journal's writer. One process at a time holds it (`lock` sees to that); readers use `chain`.

use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::chain::{Chain, ChainError, Lines, Tampered};
use super::crash::CrashPlan;
use super::durable;
use super::format::{self, FormatError};
use crate::model::digest::sha256;
use crate::model::event::{Event, Record};

/// The journal's name in the run's folder.
pub const FILE_NAME: &str = "journal.jsonl";

/// Bytes kept free behind the end, so that the end of a run can still be recorded on a full disk.
const RESERVE: u64 = 64 * 1024;

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

/// Why the journal does not take a record, or cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The run has a journal already.
    #[error("{} exists already", .path.display())]
    Exists {
        /// The journal.
        path: PathBuf,
    },
    /// The disk, a quota or a limit on file sizes leaves no room. The record is not durable.
    #[error("there is no room left for {}: free some space, then `runbook resume`", .path.display())]
    Full {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No attempt may begin, because its end might find no room. Nothing was written, and ends can be recorded still.
    #[error("the disk of {} is nearly full, so no further step may begin: free some space, then `runbook resume`", .path.display())]
    NoReserve {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It may not be written.
    #[error("{} cannot be written: its file system is read-only, or it belongs to another user", .path.display())]
    ReadOnly {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Any other trouble with the disk. The record may or may not be there after a restart.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// An earlier record failed, so nothing more is written by this process.
    #[error("{} takes no further record, because an earlier one could not be made durable: see that the disk is well, then `runbook resume`", .path.display())]
    Poisoned {
        /// The journal.
        path: PathBuf,
    },
    /// Somebody else wrote to it. Nothing was written.
    #[error("{} was changed by another process", .path.display())]
    Changed {
        /// The journal.
        path: PathBuf,
    },
    /// The event has no line that could be read again. Nothing was written.
    #[error("the event cannot be recorded")]
    Unwritable(#[source] FormatError),
    /// It is another run's.
    #[error("{} is the journal of the run {found}", .path.display())]
    OtherRun {
        /// The journal.
        path: PathBuf,
        /// Whose it is.
        found: String,
    },
    /// Its records are not those that were written.
    #[error("{} cannot be believed and is not written to; `runbook audit verify` examines it", .path.display())]
    Tampered {
        /// The journal.
        path: PathBuf,
        /// Which record, and what is wrong.
        source: Tampered,
    },
}

/// The open journal of one run, at its end.
///
/// Durability: a record that [`Journal::append`] returned survives `kill -9` and a power cut. After any failure in
/// writing or syncing the journal is poisoned: the state of the file is not known, and a failed sync may report
/// success when it is tried again although the bytes are lost. Only opening it anew shows what is there.
#[derive(Debug)]
pub struct Journal {
    file: File,
    path: PathBuf,
    author: Author,
    chain: Chain,
    epoch: u64,
    end: u64,
    reserved: u64,
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
        let mut journal = Self::at_end(file, path, author, Chain::default(), 0, crash);
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
        each: impl FnMut(Record),
    ) -> Result<(Self, Option<Cut>), JournalError> {
        let path = folder.join(FILE_NAME);
        let mut file =
            OpenOptions::new().read(true).append(true).open(&path).map_err(|source| classify("open", &path, source))?;
        let mut lines = Lines::decoding(BufReader::new(&file));
        lines.for_each(each).map_err(|error| match error {
            ChainError::Read(source) => classify("read", &path, source),
            ChainError::Tampered(source) => JournalError::Tampered { path: path.clone(), source },
        })?;
        let Lines { chain, torn_tail, .. } = lines;
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
        let mut journal = Self::at_end(file, path, author, chain, end, crash);
        // Undoing and answering are allowed on a full disk, as far as there is room.
        match journal.reserve() {
            Err(error) if !is_full(&error) => Err(classify("reserve space for", &journal.path, error)),
            _ => Ok((journal, cut)),
        }
    }

    fn at_end(file: File, path: PathBuf, author: Author, chain: Chain, end: u64, crash: CrashPlan) -> Self {
        let epoch = chain.epoch + 1;
        Self { file, path, author, chain, epoch, end, reserved: end, appended: 0, poisoned: false, crash }
    }

    /// Appends one record with one write, and returns it once it is durable.
    ///
    /// # Errors
    ///
    /// `Unwritable` and `NoReserve` leave the journal as it was. After any other error it is poisoned.
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
        let room = self.reserve();
        if begins && let Err(source) = room.and_then(|()| self.has_room()) {
            return Err(JournalError::NoReserve { path: self.path.clone(), source });
        }
        self.poisoned = true;
        self.check_end()?;
        self.write(&line).map_err(|(action, source)| classify(action, &self.path, source))?;
        self.poisoned = false;
        self.end += line.len() as u64;
        self.chain.records = record.seq;
        self.chain.hash = Some(record.hash.clone());
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
        // Only a signal before the first byte is worth another call; a part of a line is a failure.
        let written = rustix::io::retry_on_intr(|| rustix::io::write(&self.file, line))
            .map_err(|errno| ("write", errno.into()))?;
        if written < line.len() {
            return Err(("write all of", Errno::NOSPC.into()));
        }
        self.crash.at(self.appended, "after_write");
        self.file.sync_data().map_err(|error| ("sync", error))?;
        self.crash.at(self.appended, "after_sync");
        Ok(())
    }

    /// Nobody else may have written since this process did.
    fn check_end(&self) -> Result<(), JournalError> {
        let found = self.file.metadata().map_err(|source| classify("read", &self.path, source))?;
        if found.len() == self.end { Ok(()) } else { Err(JournalError::Changed { path: self.path.clone() }) }
    }

    /// Whether the disk has room beside what is reserved: what an attempt leaves besides its records needs some.
    fn has_room(&self) -> io::Result<()> {
        let disk = rustix::fs::fstatvfs(&self.file)?;
        if disk.f_bavail.saturating_mul(disk.f_frsize) < RESERVE { Err(Errno::NOSPC.into()) } else { Ok(()) }
    }

    /// Has the file system keep room behind the end, where it can.
    fn reserve(&mut self) -> io::Result<()> {
        let wanted = self.end + RESERVE;
        if wanted <= self.reserved {
            return Ok(());
        }
        match rustix::fs::fallocate(&self.file, FallocateFlags::KEEP_SIZE, self.end, 2 * RESERVE) {
            Ok(()) => self.reserved = self.end + 2 * RESERVE,
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => self.reserved = u64::MAX,
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
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

fn is_full(error: &io::Error) -> bool {
    let full = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG];
    Errno::from_io_error(error).is_some_and(|errno| full.contains(&errno))
}

fn classify(action: &'static str, path: &Path, source: io::Error) -> JournalError {
    let path = path.to_owned();
    match source.kind() {
        _ if is_full(&source) => JournalError::Full { path, source },
        io::ErrorKind::AlreadyExists => JournalError::Exists { path },
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => JournalError::ReadOnly { path, source },
        _ => JournalError::Io { action, path, source },
    }
}
