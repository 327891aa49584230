//! Locks between executors on one machine: one for each name that a runbook claims, and one for each run.
//!
//! A lock is a `flock` on a file. The kernel drops it when its process ends, however it ends, so no lock is ever
//! stale; what is written in the file only tells who holds it. Files are opened close-on-exec, so no child keeps a
//! lock. Taking and asking happen under one short *guard* lock: whoever finds a lock taken also finds its holder's
//! details already written, and asking never makes somebody else's taking fail.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FlockOperation;
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use super::store::{RunFolder, Store};

/// How long a lock is waited for whose holder is gone, and the time between two tries.
const PATIENCE: Duration = Duration::from_secs(2);
const PAUSE: Duration = Duration::from_millis(5);

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The run it is held for.
    pub run: String,
    /// The process.
    pub pid: u32,
    /// The machine.
    pub host: String,
    /// The person, as `user`.
    pub actor: String,
    /// Since when, in UTC as records have it.
    pub since: String,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Somebody else has it. None of those asked for is held.
    #[error("{name} is held by {} on {} since {}: run {}, process {}", .holder.actor, .holder.host, .holder.since, .holder.run, .holder.pid)]
    Held {
        /// What is locked, as `lock orders-db` or `run 20260201-2200-sunday`.
        name: String,
        /// By whom.
        holder: Box<Holder>,
    },
    /// The lock's file cannot be used.
    #[error("cannot use the lock {}", .path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Locks that are held until this is dropped, or the process ends.
#[derive(Debug)]
pub struct Locks {
    files: Vec<File>,
}

/// Takes all named locks, in sorted order, or none.
///
/// # Errors
///
/// [`LockError`].
pub fn lock(store: &Store, names: &[String], holder: &Holder) -> Result<Locks, LockError> {
    let mut names: Vec<&String> = names.iter().collect();
    names.sort();
    names.dedup();
    let _guard = guard(store)?;
    let mut files = Vec::new();
    for name in names {
        files.push(take(&path_of(store, name), || format!("the lock {name}"), holder)?);
    }
    Ok(Locks { files })
}

/// Takes the lock of one run, so that it has one executor.
///
/// # Errors
///
/// [`LockError`].
pub fn lock_run(store: &Store, run: &RunFolder, holder: &Holder) -> Result<Locks, LockError> {
    let _guard = guard(store)?;
    let file = take(&run.path.join("lock"), || format!("the run {}", run.id), holder)?;
    Ok(Locks { files: vec![file] })
}

/// Who holds a named lock at this moment.
///
/// # Errors
///
/// [`LockError::Io`].
pub fn holder_of(store: &Store, name: &str) -> Result<Option<Holder>, LockError> {
    ask(store, &path_of(store, name))
}

/// Who executes a run at this moment: an executor is alive when there is one.
///
/// # Errors
///
/// [`LockError::Io`].
pub fn executor_of(store: &Store, run: &RunFolder) -> Result<Option<Holder>, LockError> {
    ask(store, &run.path.join("lock"))
}

impl Locks {
    /// How many there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.files.len()
    }

    /// Whether none was asked for.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.files.is_empty()
    }
}

fn take(path: &Path, name: impl Fn() -> String, holder: &Holder) -> Result<File, LockError> {
    let failed = |source: io::Error| LockError::Io { path: path.to_owned(), source };
    let mut file = open(path).map_err(failed)?;
    let mut patience = PATIENCE;
    while !try_lock(&file).map_err(failed)? {
        let found = read(&mut file).map_err(failed)?;
        if !is_gone(&found, holder) || patience.is_zero() {
            return Err(LockError::Held { name: name(), holder: Box::new(found) });
        }
        patience = patience.saturating_sub(PAUSE);
        std::thread::sleep(PAUSE);
    }
    file.rewind().map_err(failed)?;
    // What stands there was left by a holder that is gone. Written over rather than emptied first, so that a run can be
    // taken up again on a full disk.
    let mut line = serde_json::to_vec(holder).map_err(|error| failed(error.into()))?;
    line.push(b'\n');
    file.write_all(&line).and_then(|()| file.set_len(line.len() as u64)).map_err(failed)?;
    Ok(file)
}

fn ask(store: &Store, path: &Path) -> Result<Option<Holder>, LockError> {
    if !path.exists() {
        return Ok(None);
    }
    let failed = |source: io::Error| LockError::Io { path: path.to_owned(), source };
    let _guard = guard(store)?;
    let mut file = File::open(path).map_err(failed)?;
    if try_lock(&file).map_err(failed)? { Ok(None) } else { read(&mut file).map(Some).map_err(failed) }
}

/// Whether a holder is a process of this machine that is not there any more. One that is killed while it starts another
/// leaves its locks, for a moment, to the copy of itself that is about to become that.
fn is_gone(found: &Holder, own: &Holder) -> bool {
    let pid = i32::try_from(found.pid).ok().and_then(Pid::from_raw);
    found.host == own.host && pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH))
}

/// Waits for its turn; nobody keeps the guard longer than it takes to open and write a few small files.
fn guard(store: &Store) -> Result<File, LockError> {
    let path = store.path().join("locks").join("guard");
    // Who only asks can do so on a disk that is read-only.
    open(&path)
        .or_else(|error| File::open(&path).map_err(|_| error))
        .and_then(|file| {
            rustix::io::retry_on_intr(|| rustix::fs::flock(&file, FlockOperation::LockExclusive))?;
            Ok(file)
        })
        .map_err(|source| LockError::Io { path, source })
}

fn try_lock(file: &File) -> io::Result<bool> {
    match rustix::io::retry_on_intr(|| rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive)) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(errno) => Err(errno.into()),
    }
}

/// The standard library opens every file close-on-exec.
fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

fn read(file: &mut File) -> io::Result<Holder> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(serde_json::from_slice(&bytes)?)
}

/// Any name makes a file name: other than letters, digits and dashes are written as their bytes.
fn path_of(store: &Store, name: &str) -> PathBuf {
    let mut file_name = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_' {
            file_name.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(file_name, "%{byte:02x}");
        }
    }
    store.path().join("locks").join(file_name + ".lock")
}
