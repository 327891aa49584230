//! Why a journal does not take a record, in words for people.

use std::io;
use std::path::{Path, PathBuf};

use super::chain::Tampered;
use super::format::FormatError;
use super::reserve::is_full;

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
    #[error("there is no room left for {}", .path.display())]
    Full {
        /// The journal.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No attempt may begin, because its end might find no room. Nothing was written, and ends can be recorded still.
    #[error("the disk of {} is nearly full, so no further step may begin", .path.display())]
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
    #[error("{} takes no further record, because an earlier one could not be made durable", .path.display())]
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

impl JournalError {
    /// Whether room on the disk is what is missing.
    #[must_use]
    pub const fn is_for_want_of_room(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::NoReserve { .. })
    }

    /// What to do about it.
    #[must_use]
    pub fn mend(&self) -> String {
        let what = match self {
            Self::Tampered { .. } => {
                return format!("look at it with: runbook audit verify {}", self.run().unwrap_or_default());
            }
            Self::ReadOnly { .. } => "nothing further was begun; make it writable",
            _ if self.is_for_want_of_room() => "nothing further was begun; make room",
            _ => "nothing further was begun; see that the disk is well",
        };
        format!("{what}, then: runbook resume {}", self.run().unwrap_or("RUN"))
    }

    /// The run whose journal it is, as its folder is called.
    #[must_use]
    pub fn run(&self) -> Option<&str> {
        let (Self::Exists { path }
        | Self::Full { path, .. }
        | Self::NoReserve { path, .. }
        | Self::ReadOnly { path, .. }
        | Self::Io { path, .. }
        | Self::Poisoned { path }
        | Self::Changed { path }
        | Self::OtherRun { path, .. }
        | Self::Tampered { path, .. }) = self
        else {
            return None;
        };
        path.parent()?.file_name()?.to_str()
    }
}

/// What the system said, as what it means for a journal.
pub(super) fn classify(action: &'static str, path: &Path, source: io::Error) -> JournalError {
    let path = path.to_owned();
    match source.kind() {
        _ if is_full(&source) => JournalError::Full { path, source },
        io::ErrorKind::AlreadyExists => JournalError::Exists { path },
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => JournalError::ReadOnly { path, source },
        _ => JournalError::Io { action, path, source },
    }
}
