//! The supervisor: the small process that starts one step, watches it, and writes down how it ended.
//!
//! It is the same program, started as `runbook __supervise` by [`super::process`], in a session of its own. The
//! executor may die at any time: the supervisor goes on, keeps the step within its time limit, and leaves a status.
//!
//! It waits at a gate. Everything it has to know arrives on its standard input as one line of JSON; end of file
//! before the newline means that it never runs anything. So nothing secret is in an argv or on a disk.
//!
//! What it leaves in the output folder, by the label of the attempt:
//!
//! - `LABEL.began`, made before the step is started, with room for the status. It is not synced: within one start of
//!   the machine the page cache is the truth, and after another start its absence is not taken as a proof (see
//!   [`super::process`]).
//! - `LABEL.stdout` and `LABEL.stderr`, made with the first byte, synced before the status appears.
//! - `LABEL.status`: `LABEL.began` with the status in it, renamed once it is whole, and the executor is told that it
//!   can be read. One file instead of two, because making one is a good part of what a short step costs.
//!
//! What is synced, and what is not: stored output is, with its folder, because a result that was shown refers to it. A
//! status that the executor was told of is not: the executor's own record of the end is durable next, and two more
//! syncs on the same disk would only hold that one up. Where the machine loses its power in between, the end of the
//! attempt is unknown and is called so. Where the executor is gone, nobody records the end for a long time: then the
//! status and its folder are synced. A status that a power cut tore is not one.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, Signal, set_dumpable_behavior, setsid};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::time::{Instant, timeout, timeout_at};

use super::capture::Capture;
use super::proc::{Watched, session_members};
use super::spawn;
use crate::model::call::Hidden;
use crate::model::digest::sha256;

/// The hidden command under which the program is a supervisor.
pub const COMMAND: &str = "__supervise";

/// From TERM to KILL.
pub const MERCY: Duration = Duration::from_secs(10);

/// How long output is waited for after the step's own process has ended: a grandchild may hold it open for ever.
pub const LINGER: Duration = Duration::from_secs(2);

/// Room for a status, in bytes.
const ROOM: u64 = 4096;

/// The largest specification, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What a supervisor is to do. Exists only in a pipe.
#[derive(Debug, Serialize, Deserialize)]
pub struct Specification {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// The whole environment.
    pub env: BTreeMap<String, Hidden<String>>,
    /// The folder the step runs in.
    pub cwd: PathBuf,
    /// Bytes for standard input.
    pub stdin: Option<Hidden<String>>,
    /// Hard limit, from the gate on.
    pub timeout: Option<Duration>,
    /// Values to be removed from output.
    pub secrets: Hidden<Vec<String>>,
    /// Output is not stored.
    pub sensitive: bool,
    /// Where everything goes.
    pub files: Files,
}

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

/// What the status file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// How the step's own process ended.
    pub ended: How,
    /// From the gate to the end of the output.
    pub duration_ms: u64,
    /// Bytes written to both streams.
    pub bytes: u64,
    /// SHA-256 of the kept standard output followed by the kept standard error, lower-case hex.
    pub sha256: String,
    /// Whether not all output was kept.
    pub truncated: bool,
    /// Whether another process still held the output open.
    pub held_open: bool,
}

/// How a step's own process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// With this code.
    Exited(i32),
    /// By a signal that the supervisor did not send.
    Signaled(i32),
    /// By its time limit, with all of its session.
    TimedOut,
    /// By TERM to the supervisor, with all of its session.
    Cancelled,
    /// It never began, for this reason.
    NotSpawned(String),
}

/// Is the supervisor, until the step has ended.
#[must_use]
pub fn supervise() -> ExitCode {
    // Without a session of its own the operator's terminal would reach the step: then nothing is run.
    if setsid().is_err() || set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err() {
        return ExitCode::FAILURE;
    }
    let Some(specification) = wait_at_the_gate(io::stdin().lock()) else { return ExitCode::SUCCESS };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let done = runtime.and_then(|runtime| runtime.block_on(run(&specification)));
    if done.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The specification, if all of it arrived.
fn wait_at_the_gate(input: impl BufRead) -> Option<Specification> {
    let mut line = Vec::new();
    input.take(LARGEST).read_until(b'\n', &mut line).ok()?;
    if line.last() != Some(&b'\n') {
        return None;
    }
    serde_json::from_slice(&line).ok()
}

async fn run(specification: &Specification) -> io::Result<()> {
    let began = Instant::now();
    let mut signals = Signals::listen()?;
    let status = Place::take(&specification.files)?;
    let mut output = Output::new(specification)?;
    let ended = match start(specification) {
        Ok(mut child) => output.follow(specification, &mut child, began, &mut signals).await?,
        Err(error) => How::NotSpawned(error.to_string()),
    };
    status.leave(&specification.files, &output.status(ended, began.elapsed()))
}

fn start(specification: &Specification) -> io::Result<Child> {
    let (program, arguments) = specification.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    if !specification.cwd.is_dir() {
        return Err(io::Error::other(format!("the folder {} is not there", specification.cwd.display())));
    }
    let stdin = if specification.stdin.is_some() { Stdio::piped() } else { Stdio::null() };
    spawn::command(program)
        .args(arguments)
        .envs(specification.env.iter().map(|(name, value)| (name, &value.0)))
        .current_dir(&specification.cwd)
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A step that signals its own group must not reach its supervisor.
        .process_group(0)
        .spawn()
        .map_err(|error| io::Error::other(format!("{program}: {error}")))
}

/// The signals that reach a supervisor. They are caught, not ignored, because a step would inherit ignoring them.
struct Signals {
    cancel: SignalStream,
    _interrupt: SignalStream,
    _hangup: SignalStream,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            cancel: signal(SignalKind::terminate())?,
            _interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Both streams of the step.
struct Output {
    stdout: Capture,
    stderr: Capture,
    held_open: bool,
}

impl Output {
    fn new(specification: &Specification) -> io::Result<Self> {
        let capture = |kind: &str| {
            let store = (!specification.sensitive).then(|| specification.files.path(kind));
            Capture::new(&specification.secrets.0, store).map_err(io::Error::other)
        };
        Ok(Self { stdout: capture("stdout")?, stderr: capture("stderr")?, held_open: false })
    }

    /// Takes in the output until the step has ended, and a little longer.
    async fn follow(
        &mut self,
        specification: &Specification,
        child: &mut Child,
        began: Instant,
        signals: &mut Signals,
    ) -> io::Result<How> {
        let streams = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdout), Some(stderr)) = (streams.1, streams.2) else { return Err(io::ErrorKind::BrokenPipe.into()) };
        let feed = async {
            if let (Some(mut stdin), Some(text)) = (streams.0, &specification.stdin) {
                // A step need not read what it is given.
                let _unread = stdin.write_all(text.0.as_bytes()).await;
            }
        };
        let ended = {
            let flow = async { tokio::join!(self.stdout.pump(stdout), self.stderr.pump(stderr), feed) };
            let ending = wait_for_end(child, specification.timeout.map(|limit| began + limit), signals);
            tokio::pin!(flow, ending);
            let mut flowed = false;
            let ended = loop {
                tokio::select! {
                    _ = &mut flow, if !flowed => flowed = true,
                    ended = &mut ending => break ended,
                }
            };
            self.held_open = !flowed && timeout(LINGER, &mut flow).await.is_err();
            ended
        };
        self.stdout.finish();
        self.stderr.finish();
        ended
    }

    fn status(&self, ended: How, duration: Duration) -> Status {
        Status {
            ended,
            duration_ms: u64::try_from(duration.as_millis()).unwrap_or(u64::MAX),
            bytes: self.stdout.bytes + self.stderr.bytes,
            sha256: sha256(&[&self.stdout.head, &self.stderr.head]),
            truncated: self.stdout.truncated || self.stderr.truncated || self.held_open,
            held_open: self.held_open,
        }
    }
}

async fn wait_for_end(child: &mut Child, limit: Option<Instant>, signals: &mut Signals) -> io::Result<How> {
    let expired = async {
        match limit {
            Some(limit) => tokio::time::sleep_until(limit).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        status = child.wait() => status.map(how),
        () = expired => end_session(child).await.map(|()| How::TimedOut),
        _ = signals.cancel.recv() => end_session(child).await.map(|()| How::Cancelled),
    }
}

fn how(status: ExitStatus) -> How {
    status.code().map_or_else(|| How::Signaled(status.signal().unwrap_or_default()), How::Exited)
}

/// Ends everything in this session: TERM, and KILL for what is left after [`MERCY`].
async fn end_session(child: &mut Child) -> io::Result<()> {
    let leader = std::process::id().cast_signed();
    let mercy = Instant::now() + MERCY;
    let mut told = Vec::new();
    loop {
        let members = session_members(leader)?;
        if members.is_empty() {
            break;
        }
        let merciful = Instant::now() < mercy;
        let mut watched = Vec::new();
        for pid in members {
            // One that has ended meanwhile cannot be opened.
            let Ok(process) = Watched::open(pid) else { continue };
            if !merciful {
                process.signal(Signal::KILL);
            } else if !told.contains(&pid) {
                told.push(pid);
                process.signal(Signal::TERM);
            }
            watched.push(process);
        }
        let all = async {
            for process in &watched {
                process.ended().await?;
            }
            io::Result::Ok(())
        };
        let patience = if merciful { mercy } else { Instant::now() + LINGER };
        if let Ok(ended) = timeout_at(patience, all).await {
            ended?;
        }
    }
    child.wait().await.map(drop)
}

/// Where the status is written: the file that says that the step began, until it has its name when it is whole.
struct Place(File);

impl Place {
    /// Says that the step begins and takes the room for how it ends, which has to find its place even where the step
    /// fills the disk. Fails while nothing has begun, and takes back what it said then.
    fn take(files: &Files) -> io::Result<Self> {
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

    /// Writes the status and tells the executor; where there is none any more, makes the status durable.
    fn leave(mut self, files: &Files, status: &Status) -> io::Result<()> {
        self.0.write_all(&serde_json::to_vec(status)?)?;
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
pub fn read_status(path: &Path) -> Option<Status> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}
