//! What a supervisor writes down: that the step began, which process it is, and how it ended.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::action::proc;
use crate::model::result::OutputDigest;

/// Room for both lines, in bytes.
const ROOM: u64 = 16 * 1024;

/// The longest path of a control group that is written down, in bytes.
const LONGEST_GROUP: usize = 1024;

/// The files of one attempt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Files {
    /// The run's `output`.
    pub folder: PathBuf,
    /// The attempt's label.
    pub label: String,
}

impl Files {
    /// The path of one of them: `began`, `stdout`, `stderr` or `status`.
    #[must_use]
    pub fn path(&self, kind: &str) -> PathBuf {
        self.folder.join(format!("{}.{kind}", self.label))
    }
}

/// Which process a step is, for whoever looks for it when its supervisor is gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Began {
    /// The step's own process.
    pub pid: i32,
    /// When that was started, in clock ticks since boot; 0 where it had ended before that could be read.
    pub start_time: u64,
    /// The control group of all that it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<PathBuf>,
}

/// How a step ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How the step's own process ended.
    pub ended: How,
    /// From the gate to the end of the output, sleep of the machine counted.
    pub duration_ms: u64,
    /// What it wrote, and what it left behind.
    pub output: OutputDigest,
}

impl Status {
    pub(super) fn new(ended: How, duration: Duration, output: OutputDigest) -> Self {
        Self { ended, duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX), output }
    }

    /// Whether something that it wrote is not in its files.
    #[must_use]
    pub fn is_truncated(&self) -> bool {
        let streams = [&self.output.stdout, &self.output.stderr];
        let cut = streams.into_iter().flatten().any(|stream| stream.left_out > 0 || stream.not_stored.is_some());
        cut || !self.output.held_open.is_empty()
    }
}

/// How a step's own process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// With this code.
    Exited(i32),
    /// By a signal that the supervisor did not send.
    Signaled(i32),
    /// By its time limit, with all that it started.
    TimedOut,
    /// By TERM to the supervisor, with all that it started.
    Cancelled,
    /// It never began, for this reason.
    NotSpawned(String),
}

/// Where the status is written: the file that says that the step began, until it has its name when it is whole.
pub(super) struct Place(File);

impl Place {
    /// Says that the step begins and takes the room for how it ends, which has to find its place even where the step
    /// fills the disk. Fails while nothing has begun, and takes back what it said then.
    pub(super) fn take(files: &Files) -> io::Result<Self> {
        let path = files.path("began");
        // Made anew or not at all: one label is run once, whatever happens.
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
        Self::room(&file, files).inspect_err(|_| drop(fs::remove_file(&path)))?;
        Ok(Self(file))
    }

    fn room(file: &File, files: &Files) -> io::Result<()> {
        // Looked at only now: the supervisor of an earlier start of this label may just have renamed its file.
        if files.path("status").exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        match rustix::fs::fallocate(file, FallocateFlags::KEEP_SIZE, 0, ROOM) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Says which process the step is.
    pub(super) fn began(&mut self, pid: i32, group: Option<&Path>) -> io::Result<()> {
        let start_time = proc::start_time(pid).unwrap_or_default();
        let group = group.filter(|path| path.as_os_str().len() <= LONGEST_GROUP).map(Path::to_owned);
        self.line(&Began { pid, start_time, group })
    }

    fn line(&mut self, what: &impl Serialize) -> io::Result<()> {
        let mut line = serde_json::to_vec(what)?;
        line.push(b'\n');
        self.0.write_all(&line)
    }

    /// Writes the status and tells the executor; where there is none any more, makes the status durable.
    pub(super) fn leave(mut self, files: &Files, status: &Status) -> io::Result<()> {
        self.line(status)?;
        if files.path("stdout").exists() || files.path("stderr").exists() {
            File::open(&files.folder)?.sync_all()?;
        }
        fs::rename(files.path("began"), files.path("status"))?;
        if io::stdout().write_all(b"\n").and_then(|()| io::stdout().flush()).is_ok() {
            return Ok(());
        }
        self.0.sync_data()?;
        File::open(&files.folder)?.sync_all()
    }
}

/// The status that a supervisor left, if it left one that is whole.
#[must_use]
pub fn read_status(files: &Files) -> Option<Status> {
    read(&files.path("status"))
}

/// What a supervisor said of the process that it started, if it came to that.
#[must_use]
pub fn read_began(files: &Files) -> Option<Began> {
    read(&files.path("began")).or_else(|| read(&files.path("status")))
}

/// The first line that is a whole one of these.
fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let text = fs::read(path).ok()?;
    text.split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.ends_with(b"\n"))
        .find_map(|line| serde_json::from_slice(line).ok())
}
