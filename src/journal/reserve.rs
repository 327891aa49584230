//! Room that is kept for the records of an end: what is under way can be recorded, and the run can halt in good order,
//! on a disk that something else has filled.
//!
//! The file system keeps it behind the end of the journal (`fallocate`). Where it cannot, a file beside the journal
//! takes the room, and is removed once a record needs it.
//!
//! While anything is held there is a second file. It is removed where the disk is full and the run ends: what releases
//! a hold leaves more on the disk than its records.

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::durable;
use crate::model::event::Event;

/// What a stop, a halt and an undo take, and what an attempt leaves on the disk besides its records.
const END: u64 = 64 * 1024;

/// The longest record of the end of an attempt: two streams of 64 KiB, escaped, and what was made of them.
const ATTEMPT: u64 = 1024 * 1024;

/// What one step adds to the last record, which may name each of them.
const STEP: u64 = 512;

/// So much more is asked for than is wanted, so that not every record has to ask.
const AHEAD: u64 = 64 * 1024;

/// The file that takes the room where the file system cannot keep it.
const FILE_NAME: &str = "reserve";

/// The file that takes the room for releasing what is held.
const SPARE: &str = "spare";

/// The room of one journal.
#[derive(Debug)]
pub(super) struct Reserve {
    file: PathBuf,
    spare: PathBuf,
    /// Up to here the file system keeps room for the journal.
    kept: u64,
    /// How long the file beside the journal is, where there has to be one.
    written: Option<u64>,
    under_way: BTreeSet<(String, Option<usize>)>,
    begun: u64,
    /// The holds whose release is due.
    held: BTreeSet<String>,
    stopping: bool,
    back: bool,
}

impl Reserve {
    /// Of the journal in that folder, which is so long.
    pub(super) fn new(folder: &Path, end: u64) -> Self {
        Self {
            file: folder.join(FILE_NAME),
            spare: folder.join(SPARE),
            kept: end,
            written: None,
            under_way: BTreeSet::new(),
            begun: 0,
            held: BTreeSet::new(),
            stopping: false,
            back: false,
        }
    }

    /// Takes in what was recorded: what is under way needs room for its end.
    pub(super) fn follow(&mut self, event: &Event) {
        match event {
            Event::AttemptStarted { step, .. } => {
                self.begun += 1;
                self.under_way.insert((step.clone(), None));
            }
            Event::UndoStarted { step, part, .. } => drop(self.under_way.insert((step.clone(), Some(*part)))),
            Event::AttemptFinished { step, .. } | Event::StepSettled { step, .. } => {
                self.under_way.remove(&(step.clone(), None));
            }
            Event::UndoFinished { step, part, .. } | Event::UndoSettled { step, part, .. } => {
                self.under_way.remove(&(step.clone(), Some(*part)));
            }
            Event::HoldTaken { step, .. } => drop(self.held.insert(step.clone())),
            Event::HoldReleased { step } => drop(self.held.remove(step)),
            Event::StopRequested { .. } => self.stopping = true,
            Event::RunResumed { .. } | Event::RequestWithdrawn { step: None, .. } => self.stopping = false,
            Event::RollbackStarted { .. } => self.back = true,
            _ => {}
        }
    }

    /// Whether all that begins from now on ends the run, or takes back what it did.
    pub(super) const fn is_ending(&self) -> bool {
        self.stopping || self.back
    }

    /// Has room kept behind the end of the journal: for the ends of what is under way, of the releases of what is held,
    /// and of so many attempts more.
    pub(super) fn keep(&mut self, journal: &File, end: u64, more: u64) -> io::Result<()> {
        let attempts = (self.under_way.len() + self.held.len()) as u64 + more;
        let wanted = END + ATTEMPT * attempts + STEP * self.begun;
        if self.written.is_none() {
            if end + wanted <= self.kept {
                return Ok(());
            }
            let length = wanted + AHEAD;
            let kept = || rustix::fs::fallocate(journal, FallocateFlags::KEEP_SIZE, end, length);
            match rustix::io::retry_on_intr(kept) {
                Ok(()) => self.kept = end + length,
                Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {
                    self.written = Some(fs::metadata(&self.file).map_or(0, |found| found.len()));
                }
                Err(errno) => return Err(errno.into()),
            }
        }
        match &mut self.written {
            Some(length) if *length < wanted => {
                lengthen(&self.file, wanted + AHEAD - *length)?;
                *length = wanted + AHEAD;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Has room kept for what a release leaves on the disk besides its records, where anything is held.
    pub(super) fn keep_spare(&self) -> io::Result<()> {
        if self.held.is_empty() || fs::metadata(&self.spare).is_ok_and(|found| found.len() >= END) {
            return Ok(());
        }
        lengthen(&self.spare, END)
    }

    /// Gives room to what ends the run, where the disk has no other.
    pub(super) fn spend_spare(&self, journal: &File) {
        if has_room(journal).is_err() {
            let _there_is_none = fs::remove_file(&self.spare);
        }
    }

    /// Gives room to a record that found none; whether there was any to give.
    pub(super) fn spend(&mut self) -> io::Result<bool> {
        if self.written.is_none_or(|length| length == 0) {
            return Ok(false);
        }
        self.written = Some(0);
        fs::remove_file(&self.file)?;
        self.file.parent().map_or(Ok(()), durable::sync_folder)?;
        Ok(true)
    }

    /// Whether the file system took it upon itself.
    pub(super) const fn is_a_file(&self) -> bool {
        self.written.is_some()
    }

    /// Nothing more will be recorded: the room is free for others. A part that stays taken does no harm.
    pub(super) fn give_back(&mut self, journal: &File, end: u64) {
        let _kept = journal.set_len(end);
        self.kept = end;
        if self.written.take().is_some() {
            let _left = fs::remove_file(&self.file);
        }
        let _left = fs::remove_file(&self.spare);
    }
}

/// Whether the disk has room beside what is kept: what an attempt leaves besides its records needs some, and files.
pub(super) fn has_room(journal: &File) -> io::Result<()> {
    let disk = rustix::fs::fstatvfs(journal)?;
    // A file system that makes inodes as they are needed says that it has none at all.
    let no_inodes = disk.f_files > 0 && disk.f_favail < 8;
    let full = disk.f_bavail.saturating_mul(disk.f_frsize) < END;
    if full || no_inodes { Err(Errno::NOSPC.into()) } else { Ok(()) }
}

/// Whether it says that there is no room.
pub(super) fn is_full(error: &io::Error) -> bool {
    let full = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG];
    Errno::from_io_error(error).is_some_and(|errno| full.contains(&errno))
}

fn lengthen(path: &Path, by: u64) -> io::Result<()> {
    let mut file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
    let before = file.metadata()?.len();
    // What is not whole keeps nothing for anybody, and takes room from those that need it.
    take(&mut file, by).inspect_err(|_| drop(file.set_len(before)))?;
    path.parent().map_or(Ok(()), durable::sync_folder)
}

fn take(file: &mut File, mut by: u64) -> io::Result<()> {
    let block = [b' '; 4096];
    while by > 0 {
        let length = usize::try_from(by).unwrap_or(block.len()).min(block.len());
        file.write_all(&block[..length])?;
        by -= length as u64;
    }
    file.sync_all()
}
