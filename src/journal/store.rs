//! The folder that holds all runs, and the folder of each run.
//!
//! ```text
//! runs/<run>/   journal.jsonl  runbook.yaml  runbook.json  inputs/<sha256>  output/  backup/  lock
//! locks/        one file a lock name
//! ```
//!
//! Where the folder is, is decided by `cli`. It is private to its owner.

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _, Seek as _, SeekFrom};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};

use super::durable;
use super::file::FILE_NAME;
use super::format::{self, MAX_LINE};
use crate::model::digest;
use crate::model::event::{Event, Head, Record};
use crate::model::runbook::Runbook;

/// The part of an id that tells the minute: `20260201-2200`.
const STAMP_FORMAT: &str = "%Y%m%d-%H%M";
const STAMP_LENGTH: usize = 13;

/// How much of a runbook's name goes into an id, so that it stays a file name.
const LONGEST_NAME: usize = 100;

/// Why the state folder, or a run in it, cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The folder cannot be made or written.
    #[error("the state folder {} cannot be used", .path.display())]
    Unusable {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The folder is another user's, who could put anything there.
    #[error("the state folder {} belongs to another user (uid {uid})", .path.display())]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        uid: u32,
    },
    /// Trouble with one file of a run.
    #[error("cannot {action} {}", .path.display())]
    Io {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is no run at all.
    #[error("there is no run yet: `runbook exec FILE` starts one")]
    NoRuns,
    /// No run's id begins so.
    #[error("there is no run `{wanted}`{}: `runbook list` shows all", .nearest.as_ref().map(|id| format!(", but there is `{id}`")).unwrap_or_default())]
    UnknownRun {
        /// What was asked for.
        wanted: String,
        /// The id that looks most like it.
        nearest: Option<String>,
    },
    /// Several are meant.
    #[error("{} runs can be meant; name one, or as much of its id as no other has:\n  {}", .candidates.len(), .candidates.join("\n  "))]
    Ambiguous {
        /// Their ids, oldest first.
        candidates: Vec<String>,
    },
}

/// The state folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    path: PathBuf,
}

/// The folder of one run. Not the run: what happened is in its journal alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    /// The run's id.
    pub id: String,
    /// Its folder.
    pub path: PathBuf,
}

impl Store {
    /// Opens the state folder, and makes what is missing of it, for its owner alone.
    ///
    /// # Errors
    ///
    /// `Unusable`; `Foreign`, because runs are taken up from what is written there.
    pub fn open(path: PathBuf) -> Result<Self, StoreError> {
        let unusable = |source| StoreError::Unusable { path: path.clone(), source };
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(unusable)?;
        }
        for folder in [path.clone(), path.join("runs"), path.join("locks")] {
            match durable::create_folder(&folder) {
                Err(error) if !folder.is_dir() => return Err(unusable(error)),
                _ => {}
            }
        }
        let uid = std::fs::metadata(&path).map_err(unusable)?.uid();
        if uid != rustix::process::geteuid().as_raw() {
            return Err(StoreError::Foreign { path, uid });
        }
        Ok(Self { path })
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the folder of a new run. The id has the minute and the name, and a number where those are taken.
    ///
    /// The run does not exist for [`Store::list`] before its journal has a record.
    ///
    /// # Errors
    ///
    /// [`StoreError::Unusable`].
    pub fn create_run(&self, name: &str, at: &Zoned) -> Result<RunFolder, StoreError> {
        let base = format!("{}-{}", at.strftime(STAMP_FORMAT), file_name(name));
        let mut id = base.clone();
        let mut number = 1;
        let runs = self.path.join("runs");
        loop {
            let path = runs.join(&id);
            match durable::create_folder(&path) {
                Ok(()) => {
                    for folder in ["inputs", "output", "backup"] {
                        durable::create_folder(&path.join(folder))
                            .map_err(|source| StoreError::Unusable { path: path.clone(), source })?;
                    }
                    return Ok(RunFolder { id, path });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    number += 1;
                    id = format!("{base}-{number}");
                }
                Err(source) => return Err(StoreError::Unusable { path, source }),
            }
        }
    }

    /// All runs that began, oldest first.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn list(&self) -> Result<Vec<RunFolder>, StoreError> {
        let runs = self.path.join("runs");
        let failed = |source| StoreError::Io { action: "list", path: runs.clone(), source };
        let mut begun = Vec::new();
        for entry in std::fs::read_dir(&runs).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if let Ok(id) = entry.file_name().into_string() {
                let run = RunFolder { id, path: entry.path() };
                if let Some(began) = run.began() {
                    begun.push((began, run));
                }
            }
        }
        begun.sort_by(|(a_began, a), (b_began, b)| a_began.cmp(b_began).then_with(|| a.id.cmp(&b.id)));
        Ok(begun.into_iter().map(|(_, run)| run).collect())
    }

    /// The run that is meant: by its id or the beginning of it; without one the only run that is not finished, or when
    /// all are finished the newest.
    ///
    /// # Errors
    ///
    /// `NoRuns`, `UnknownRun`, `Ambiguous`, `Io`.
    pub fn find_run(
        &self,
        prefix: Option<&str>,
        is_finished: impl Fn(&RunFolder) -> bool,
    ) -> Result<RunFolder, StoreError> {
        let runs = self.list()?;
        let Some(newest) = runs.last().cloned() else { return Err(StoreError::NoRuns) };
        let Some(prefix) = prefix else {
            let mut open: Vec<RunFolder> = runs.into_iter().filter(|run| !is_finished(run)).collect();
            return if open.len() > 1 { Err(ambiguous(&open)) } else { Ok(open.pop().unwrap_or(newest)) };
        };
        if let Some(run) = runs.iter().find(|run| run.id == prefix) {
            return Ok(run.clone());
        }
        let mut meant: Vec<RunFolder> = runs.iter().filter(|run| run.id.starts_with(prefix)).cloned().collect();
        match meant.len() {
            0 => Err(StoreError::UnknownRun { wanted: prefix.to_owned(), nearest: nearest(prefix, &runs) }),
            1 => Ok(meant.remove(0)),
            _ => Err(ambiguous(&meant)),
        }
    }

    /// The last record of the newest run but this one, for `run_started` to name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn previous_head(&self, run: &str) -> Result<Option<Head>, StoreError> {
        let runs = self.list()?;
        Ok(runs.iter().rev().filter(|other| other.id != run).find_map(RunFolder::head))
    }

    /// The heads of this run that later runs recorded: they vouch for its records up to there.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn anchors(&self, run: &str) -> Result<Vec<Head>, StoreError> {
        let heads = self.list()?.into_iter().filter(|other| other.id != run).filter_map(|other| {
            match other.first_record()?.event {
                Event::RunStarted { previous, .. } => previous,
                _ => None,
            }
        });
        Ok(heads.filter(|head| head.run == run).collect())
    }
}

impl RunFolder {
    /// The journal.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.path.join(FILE_NAME)
    }

    /// Where the file with that digest is kept.
    #[must_use]
    pub fn input(&self, sha256: &str) -> PathBuf {
        self.path.join("inputs").join(sha256)
    }

    /// Keeps the runbook: its bytes as they were read, and as it was resolved. Durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn write_runbook(&self, text: &[u8], runbook: &Runbook) -> Result<(), StoreError> {
        self.write("runbook.yaml", text)?;
        let path = self.path.join("runbook.json");
        let resolved = serde_json::to_vec(runbook).map_err(|error| StoreError::Io {
            action: "write",
            path,
            source: error.into(),
        })?;
        self.write("runbook.json", &resolved)
    }

    /// The runbook as it was resolved when the run began, and the bytes that it was read from. Whether they are still
    /// the same is told by the digest in the first record, which is not compared here.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn read_runbook(&self) -> Result<(Runbook, Vec<u8>), StoreError> {
        let path = self.path.join("runbook.json");
        let read = || {
            let kept = std::fs::read(&path)?;
            Ok((serde_json::from_slice(&kept)?, kept))
        };
        read().map_err(|source| StoreError::Io { action: "read", path: path.clone(), source })
    }

    /// Keeps a file that the runbook includes, and returns its digest, lower-case hex of SHA-256. Durable when this
    /// returns.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`].
    pub fn write_input(&self, bytes: &[u8]) -> Result<String, StoreError> {
        let sha256 = digest::sha256(&[bytes]);
        self.write(&format!("inputs/{sha256}"), bytes)?;
        Ok(sha256)
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<(), StoreError> {
        let path = self.path.join(name);
        durable::write_file(&path, bytes).map_err(|source| StoreError::Io { action: "write", path, source })
    }

    /// When the run began; `None` when its journal has no whole record, because nothing was done then. A damaged first
    /// record does not hide a run: then the minute in its id is taken.
    fn began(&self) -> Option<Timestamp> {
        let line = self.first_line()?;
        if line.last() != Some(&b'\n') && line.len() < MAX_LINE {
            return None;
        }
        let recorded = format::decode(&line).ok().and_then(|record| record.at.parse().ok());
        let stamp = self.id.get(..STAMP_LENGTH).and_then(|stamp| DateTime::strptime(STAMP_FORMAT, stamp).ok());
        let named = || stamp.and_then(|stamp| stamp.to_zoned(TimeZone::UTC).ok()).map(|zoned| zoned.timestamp());
        Some(recorded.or_else(named).unwrap_or(Timestamp::UNIX_EPOCH))
    }

    fn first_record(&self) -> Option<Record> {
        format::decode(&self.first_line()?).ok()
    }

    /// The first line of the journal with its newline, if it has one, or as much as a line may have.
    fn first_line(&self) -> Option<Vec<u8>> {
        let mut line = Vec::new();
        let file = File::open(self.journal()).ok()?;
        BufReader::new(file).take(MAX_LINE as u64).read_until(b'\n', &mut line).ok()?;
        Some(line)
    }

    /// Whether its last record says that the run ended for good. The record is not verified, and the others are not
    /// read: this chooses among runs, and nothing may be done on the strength of it.
    #[must_use]
    pub fn seems_over(&self) -> bool {
        let last = self.last_line().and_then(|line| format::decode(&line).ok());
        last.is_some_and(|record| matches!(record.event, Event::RunFinished { outcome, .. } if outcome.is_for_good()))
    }

    /// The last whole record. It is not verified.
    fn head(&self) -> Option<Head> {
        let facts = format::inspect(&self.last_line()?).ok()?;
        Some(Head { run: facts.run, seq: facts.seq, hash: facts.hash })
    }

    /// The last whole line, read from the end.
    fn last_line(&self) -> Option<Vec<u8>> {
        let mut file = File::open(self.journal()).ok()?;
        let length = file.metadata().ok()?.len();
        let mut block = 8 * 1024;
        loop {
            let start = length.saturating_sub(block);
            let mut bytes = Vec::new();
            file.seek(SeekFrom::Start(start)).ok()?;
            (&mut file).take(block).read_to_end(&mut bytes).ok()?;
            let mut ends = bytes.iter().enumerate().rev().filter(|(_, byte)| **byte == b'\n').map(|(index, _)| index);
            let end = ends.next();
            let begin = ends.next().map(|index| index + 1).or((start == 0).then_some(0));
            if let (Some(begin), Some(end)) = (begin, end) {
                return Some(bytes[begin..end].to_vec());
            }
            if start == 0 || block > 2 * MAX_LINE as u64 {
                return None;
            }
            block *= 4;
        }
    }
}

/// A runbook's name as a part of a file name.
fn file_name(name: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_lowercase() || letter.is_ascii_digit() { letter } else { '-' };
    name.chars().take(LONGEST_NAME).map(plain).collect()
}

fn nearest(wanted: &str, runs: &[RunFolder]) -> Option<String> {
    let similarity = |run: &RunFolder| {
        let name = run.id.get(STAMP_LENGTH + 1..).unwrap_or_default();
        strsim::jaro_winkler(wanted, &run.id).max(strsim::jaro_winkler(wanted, name))
    };
    let (score, id) = runs.iter().map(|run| (similarity(run), &run.id)).max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.7).then(|| id.clone())
}

fn ambiguous(runs: &[RunFolder]) -> StoreError {
    StoreError::Ambiguous { candidates: runs.iter().map(|run| run.id.clone()).collect() }
}
