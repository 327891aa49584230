//! Local steps as the executor sees them: each behind its [`super::supervisor`], which outlives the executor.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::time::timeout;

use super::execute::{Control, End, Ended};
use super::proc::{self, Watched};
use super::screen::Screen;
use super::spawn;
use super::supervisor::{COMMAND, Files, How, LINGER, MERCY, Specification, Status, read_status};
use crate::model::call::{Hidden, ProcessCall, Ticket};
use crate::model::event::{Intent, ProcessIdentity};
use crate::model::result::{Failure, FailureKind, OutputDigest, StepResult};

/// How much text of one stream goes into a result, in bytes.
pub const SHOWN: usize = 64 * 1024;

/// What supervisors are started with.
#[derive(Debug, Clone)]
pub struct Launch {
    /// The program itself.
    pub executable: PathBuf,
    /// The run's `output`.
    pub output: PathBuf,
    /// The program's own environment.
    pub environment: BTreeMap<String, String>,
}

/// A supervisor that waits at its gate. Dropping it ends the supervisor, and nothing was run.
#[derive(Debug)]
pub struct Prepared {
    supervisor: Child,
    identity: ProcessIdentity,
    specification: Specification,
}

/// Starts the supervisor of an attempt.
///
/// # Errors
///
/// When it cannot be started. Nothing was run then.
pub fn prepare(launch: &Launch, call: &ProcessCall, ticket: &Ticket) -> Result<(Intent, Prepared), Failure> {
    let failed = |error: io::Error| Failure {
        chain: vec![error.to_string()],
        ..Failure::new(FailureKind::Spawn, "the supervisor of the step could not be started")
    };
    make_folder(&launch.output).map_err(failed)?;
    let supervisor = spawn::command(&launch.executable)
        .arg(COMMAND)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let pid = supervisor.id().map(u32::cast_signed).ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
    let identity = proc::identify(pid).map_err(failed)?;
    let environment = spawn::environment(&launch.environment, call, ticket);
    let specification = Specification {
        argv: call.argv.clone(),
        env: environment.into_iter().map(|(name, value)| (name, Hidden(value))).collect(),
        cwd: call.cwd.clone(),
        stdin: call.stdin.clone(),
        timeout: ticket.timeout,
        secrets: ticket.secrets.clone(),
        sensitive: ticket.sensitive,
        files: files(launch, ticket),
    };
    Ok((Intent::Process(identity.clone()), Prepared { supervisor, identity, specification }))
}

/// Opens the gate and waits for the end. Dropping the future leaves the step running.
pub async fn carry_out(prepared: Prepared, control: &Control) -> Ended {
    let Prepared { mut supervisor, identity, specification } = prepared;
    let files = specification.files.clone();
    let mut screen = Screen::new(&files, control);
    // Nobody reaps the supervisor before the end of this function, so the number is still its own.
    let process = Watched::open(identity.pid).ok();
    if let (Some(mut gate), Ok(mut line)) = (supervisor.stdin.take(), serde_json::to_vec(&specification)) {
        line.push(b'\n');
        // A supervisor that is gone already left nothing, and that is found out below.
        let _sent = gate.write_all(&line).await;
    }
    let ended = async {
        let mut byte = [0];
        let told = match supervisor.stdout.as_mut() {
            Some(stdout) => stdout.read(&mut byte).await.unwrap_or(0),
            None => 0,
        };
        if told == 0 {
            // It went without a word. Its status, if there is one, is whole once it is over.
            let _status = supervisor.wait().await;
        }
    };
    until_over(ended, process.as_ref(), control, &mut screen).await;
    settle(&files, &identity, specification.sensitive)
}

/// Finds out what became of an attempt whose executor is gone, waiting for it while it is going on.
pub async fn recover(launch: &Launch, identity: &ProcessIdentity, ticket: &Ticket, control: &Control) -> Ended {
    let files = files(launch, ticket);
    if read_status(&files.path("status")).is_none() && proc::is_alive(identity) {
        // The handle is the right one only when the process was still that one after it was taken.
        if let Ok(process) = Watched::open(identity.pid)
            && proc::is_alive(identity)
        {
            let mut screen = Screen::new(&files, control);
            let limit = ticket.timeout.map(|limit| limit + MERCY + LINGER * 2);
            let ended = async {
                match limit {
                    Some(limit) => drop(timeout(limit, process.ended()).await),
                    None => drop(process.ended().await),
                }
            };
            until_over(ended, Some(&process), control, &mut screen).await;
        }
    }
    settle(&files, identity, ticket.sensitive)
}

/// Makes the folder for output, durably, when it is not there.
pub(super) fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    File::open(folder.parent().unwrap_or(folder))?.sync_all()
}

fn files(launch: &Launch, ticket: &Ticket) -> Files {
    Files { folder: launch.output.clone(), label: ticket.label() }
}

/// Waits, passing output on to the screen and a wish to cancel on to the supervisor.
async fn until_over(
    ended: impl Future<Output = ()>,
    supervisor: Option<&Watched>,
    control: &Control,
    screen: &mut Screen<'_>,
) {
    let cancelled = async {
        cancelled(control.cancel.clone()).await;
        if let Some(process) = supervisor {
            process.signal(Signal::TERM);
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        () = ended => {}
        () = cancelled => {}
        () = screen.follow() => {}
    }
    screen.show();
}

/// Returns when the operator wants it ended, else never.
pub(super) async fn cancelled(mut cancel: watch::Receiver<bool>) {
    if cancel.wait_for(|wanted| *wanted).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Reads what is left of an attempt.
fn settle(files: &Files, identity: &ProcessIdentity, sensitive: bool) -> Ended {
    match read_status(&files.path("status")) {
        Some(status) => ended(files, status, sensitive),
        None => Ended {
            end: without_status(files, identity),
            result: result(files, sensitive),
            output: None,
            duration: Duration::ZERO,
        },
    }
}

/// What can be said when no supervisor wrote down how the step ended.
fn without_status(files: &Files, identity: &ProcessIdentity) -> End {
    let pid = identity.pid;
    if proc::is_elsewhere(identity) {
        let host = &identity.host;
        let evidence =
            format!("the step's supervisor, process {pid}, was started on {host}, which cannot be seen here");
        return End::Lost { may_run: true, evidence };
    }
    if proc::boot_id().is_ok_and(|boot_id| boot_id != identity.boot_id) {
        let evidence = "the machine was started anew, and the step's supervisor left no status".to_owned();
        return End::Lost { may_run: false, evidence };
    }
    if proc::is_alive(identity) {
        let evidence = format!("the step's supervisor, process {pid}, is still there after its time limit");
        return End::Lost { may_run: true, evidence };
    }
    // Within one start of the machine a file that was made is there, synced or not. The one is renamed to the other, so
    // it is looked for under its later name last.
    if !files.path("began").exists() && !files.path("status").exists() {
        let evidence = format!("the step's supervisor, process {pid}, is gone, and it never started the step");
        return End::NotStarted { evidence };
    }
    let gone = format!("the step's supervisor, process {pid}, is gone without having left a status");
    match proc::session_members(pid) {
        Ok(members) if members.is_empty() => {
            End::Lost { may_run: false, evidence: format!("{gone}; nothing of its session is left") }
        }
        Ok(members) => {
            let list: Vec<String> = members.iter().map(ToString::to_string).collect();
            let evidence = format!("{gone}; of its session these processes still run: {}", list.join(", "));
            End::Lost { may_run: true, evidence }
        }
        Err(error) => {
            let evidence = format!("{gone}; whether its session still runs cannot be told: {error}");
            End::Lost { may_run: true, evidence }
        }
    }
}

fn ended(files: &Files, status: Status, sensitive: bool) -> Ended {
    let mut result = result(files, sensitive);
    result.truncated |= status.truncated;
    let end = match status.ended {
        How::Exited(code) => {
            result.exit_code = Some(code);
            End::Returned
        }
        How::Signaled(signal) => End::Signaled(signal),
        How::TimedOut => End::TimedOut,
        How::Cancelled => End::Cancelled,
        How::NotSpawned(cause) => End::Failed(Failure {
            chain: vec![cause],
            ..Failure::new(FailureKind::Spawn, "the step's program could not be started")
        }),
    };
    Ended {
        end,
        result,
        output: Some(OutputDigest { bytes: status.bytes, sha256: status.sha256 }),
        duration: Duration::from_millis(status.duration_ms),
    }
}

fn result(files: &Files, sensitive: bool) -> StepResult {
    if sensitive {
        return StepResult::default();
    }
    // No file means that nothing was written.
    let stored = |kind: &str| fs::read(files.path(kind)).unwrap_or_default();
    let (stdout, stderr) = (stored("stdout"), stored("stderr"));
    StepResult {
        truncated: stdout.len() > SHOWN || stderr.len() > SHOWN,
        stdout: Some(text(&stdout)),
        stderr: Some(text(&stderr)),
        ..StepResult::default()
    }
}

/// The head of some output as text, without trailing newlines.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(SHOWN)];
    String::from_utf8_lossy(head).trim_end_matches('\n').to_owned()
}
