//! The supervisor: the small process that starts one step, watches it, and writes down how it ended.
//!
//! It is the same program, started as `runbook __supervise` by [`super::process`], in a session of its own. The
//! executor may die at any time: the supervisor goes on, keeps the step within its time limit, and leaves a status.
//!
//! It waits at a gate. Everything it has to know arrives on its standard input as one line of JSON; end of file
//! before the newline means that it never runs anything. So nothing secret is in an argv or on a disk, and no core
//! file is made of a supervisor.
//!
//! # What it watches
//!
//! The step is its own process and all that this starts, whatever session or parent they go to: the supervisor adopts
//! those whose parents end (it is their subreaper). All that is there of a step after a tenth of a second, and what it
//! starts from then on, is in a control group of its own where the program may make one. A step that asks another
//! program to start something, such as a service manager, is over without it.
//!
//! - The step is over when its own process has ended. What it started and left behind goes on, because that may have
//!   been its purpose, and is named in the status.
//! - Output that is still held open is read for [`Limits::linger`] longer; who held it is named in the status.
//! - At its time limit, which goes on while the machine sleeps, or by TERM to the supervisor, all of the step gets TERM
//!   (and CONT, for what is stopped), and after [`Limits::mercy`] KILL. What cannot be ended even so, because it has
//!   become somebody else's or waits for a device, is named, and such a step is not taken to be over.
//!
//! # What it leaves
//!
//! In the output folder, by the label of the attempt:
//!
//! - `LABEL.began`, made before the step is started, with room for the status. Its first line says which process the
//!   step is. It is not synced: within one start of the machine the page cache is the truth, and after another start
//!   its absence is not taken as a proof (see [`super::process`]).
//! - `LABEL.stdout` and `LABEL.stderr`, made with the first byte, synced before the status appears (see
//!   [`super::stored`]).
//! - `LABEL.status`: `LABEL.began` with the status as its second line, renamed once it is whole, and the executor is
//!   told that it can be read. One file instead of two, because making one is a good part of what a short step costs.
//!
//! What is synced, and what is not: stored output is, with its folder, because a result that was shown refers to it. A
//! status that the executor was told of is not: the executor's own record of the end is durable next, and two more
//! syncs on the same disk would only hold that one up. Where the machine loses its power in between, the end of the
//! attempt is unknown and is called so. Where the executor is gone, nobody records the end for a long time: then the
//! status and its folder are synced. A status that a power cut tore is not one.

mod ending;
mod output;
pub mod status;

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::process::{Child, ExitCode, Stdio};
use std::time::Duration;

use rustix::process::{DumpableBehavior, getpid, set_child_subreaper, set_dumpable_behavior, setsid};
use serde::{Deserialize, Serialize};
use tokio::signal::unix::{Signal as SignalStream, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::sleep;

use self::ending::Tree;
use self::output::Output;
use self::status::{Files, How, Place, Status};
use super::cgroup::Cgroup;
use super::deadline::{Deadline, up};
use super::spawn;
use crate::model::call::Hidden;

/// The hidden command under which the program is a supervisor.
pub const COMMAND: &str = "__supervise";

/// How long a step goes on before it is given a control group.
const SHORT: Duration = Duration::from_millis(100);

/// The largest specification, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// What is the same for all steps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// How much of each stream is kept, in bytes: half of it the head, the rest the tail.
    pub keep: u64,
    /// From TERM to KILL.
    pub mercy: Duration,
    /// How long output is waited for after the step's own process has ended: a grandchild may hold it open for ever.
    /// As long is waited for the end of what was killed.
    pub linger: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { keep: 64 << 20, mercy: Duration::from_secs(10), linger: Duration::from_secs(2) }
    }
}

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
    /// What is the same for all steps.
    pub limits: Limits,
    /// Where everything goes.
    pub files: Files,
}

/// Is the supervisor, until the step has ended.
#[must_use]
pub fn supervise() -> ExitCode {
    // Without a session of its own the operator's terminal would reach the step, and what is not adopted could escape
    // its end: then nothing is run.
    if setsid().is_err()
        || set_dumpable_behavior(DumpableBehavior::NotDumpable).is_err()
        || set_child_subreaper(Some(getpid())).is_err()
    {
        return ExitCode::FAILURE;
    }
    let group = Cgroup::planned(&format!("runbook-{}-{}", std::process::id(), up().as_nanos()));
    let done = wait_at_the_gate(io::stdin().lock()).map_or(Ok(()), |specification| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(run(&specification, group.as_ref()))
    });
    if let Some(group) = group {
        group.remove();
    }
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

async fn run(specification: &Specification, group: Option<&Cgroup>) -> io::Result<()> {
    let began = up();
    let limit = specification.timeout.map(Deadline::after).transpose()?;
    let mut signals = Signals::listen()?;
    let mut place = Place::take(&specification.files)?;
    let mut output = Output::new(specification)?;
    let (ended, left_behind) = match start(specification) {
        Ok(mut step) => {
            // Nothing may stop the supervisor from here on. Without these words `resume` has less to go by when the
            // supervisor is killed.
            let _less_known = place.began(step.id().cast_signed(), group.map(Cgroup::path));
            let mut tree = Tree::of(&step, group, &specification.limits);
            let ending = wait_for_end(&mut tree, limit, &mut signals, group);
            let ended = output.follow(&mut step, specification, ending).await;
            (ended, tree.left())
        }
        Err(error) => (How::NotSpawned(error.to_string().chars().take(1000).collect()), Vec::new()),
    };
    let output = output.finish(left_behind);
    place.leave(&specification.files, &Status::new(ended, up().saturating_sub(began), output))
}

async fn wait_for_end(
    tree: &mut Tree<'_>,
    limit: Option<Deadline>,
    signals: &mut Signals,
    group: Option<&Cgroup>,
) -> How {
    let expired = async {
        // A clock that fails is no reason to end the step.
        if !matches!(&limit, Some(limit) if limit.passed().await.is_ok()) {
            std::future::pending::<()>().await;
        }
    };
    let how = tokio::select! {
        how = tree.ended(&mut signals.children) => return how,
        () = expired => How::TimedOut,
        _ = signals.cancel.recv() => How::Cancelled,
        how = gathered(group) => how,
    };
    tree.end().await;
    how
}

/// Gives a step that is not over soon its group, beside all else that is done. Never says how the step ended.
async fn gathered(group: Option<&Cgroup>) -> How {
    if let Some(group) = group.cloned() {
        sleep(SHORT).await;
        // Without a group there are sessions and parents still.
        let _gathered = spawn_blocking(move || group.gather()).await;
    }
    std::future::pending().await
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
        // Its end is waited for together with that of all that is adopted.
        .as_std_mut()
        .spawn()
        .map_err(|error| io::Error::other(format!("{program}: {error}")))
}

/// The signals that reach a supervisor. They are caught, not ignored, because a step would inherit ignoring them.
struct Signals {
    children: SignalStream,
    cancel: SignalStream,
    _interrupt: SignalStream,
    _hangup: SignalStream,
}

impl Signals {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            children: signal(SignalKind::child())?,
            cancel: signal(SignalKind::terminate())?,
            _interrupt: signal(SignalKind::interrupt())?,
            _hangup: signal(SignalKind::hangup())?,
        })
    }
}
