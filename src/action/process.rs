//! Local steps as the executor sees them: each behind its [`super::supervisor`], which outlives the executor.

use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Child;
use tokio::sync::watch;

use super::cgroup::Cgroup;
use super::deadline::Deadline;
use super::execute::{Control, End, Ended};
use super::proc::{self, Process, Watched};
use super::screen::Screen;
use super::spawn;
use super::supervisor::status::{Files, How, Status, read_began, read_status};
use super::supervisor::{COMMAND, Limits, Specification};
use crate::model::call::{Hidden, ProcessCall, Ticket};
use crate::model::event::{Intent, ProcessIdentity};
use crate::model::result::{Failure, FailureKind, Leftover, StepResult};

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
    /// How much is kept, and how long is waited.
    pub limits: Limits,
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
    let mut environment = spawn::environment(&launch.environment, call, ticket);
    environment.insert(MARK.to_owned(), mark(&identity));
    let specification = Specification {
        argv: call.argv.clone(),
        env: environment.into_iter().map(|(name, value)| (name, Hidden(value))).collect(),
        cwd: call.cwd.clone(),
        stdin: call.stdin.clone(),
        timeout: ticket.timeout,
        secrets: ticket.secrets.clone(),
        sensitive: ticket.sensitive,
        limits: launch.limits.clone(),
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
    if read_status(&files).is_none() && proc::is_alive(identity) {
        // The handle is the right one only when the process was still that one after it was taken.
        if let Ok(process) = Watched::open(identity.pid)
            && proc::is_alive(identity)
        {
            let mut screen = Screen::new(&files, control);
            // The supervisor enforces the limit. One that does not is waited for no longer than it could need.
            let slack = launch.limits.mercy + launch.limits.linger * 4;
            let limit = ticket.timeout.and_then(|limit| Deadline::after(limit.saturating_add(slack)).ok());
            let ended = async {
                match limit {
                    Some(limit) => tokio::select! {
                        _ = limit.passed() => {}
                        _ = process.ended() => {}
                    },
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
    match read_status(files) {
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
    match remains(files, identity) {
        Ok(remains) if remains.is_empty() => {
            End::Lost { may_run: false, evidence: format!("{gone}; nothing of its session is left") }
        }
        Ok(remains) => {
            let evidence = format!("{gone}; of the step these processes still run: {}", Leftover::listed(&remains));
            End::Lost { may_run: true, evidence }
        }
        Err(error) => {
            let evidence = format!("{gone}; whether the step still runs cannot be told: {error}");
            End::Lost { may_run: true, evidence }
        }
    }
}

/// What can be seen at this moment of the supervisor of an attempt, and of its step.
#[must_use]
pub fn trace(launch: &Launch, identity: &ProcessIdentity, ticket: &Ticket) -> String {
    let ProcessIdentity { pid, start_time, host, .. } = identity;
    let here = proc::host();
    let host = if host.is_empty() { &here } else { host };
    let who = format!("its supervisor was process {pid} on {host}, start time {start_time}");
    if proc::is_elsewhere(identity) {
        return format!("{who}: it cannot be seen from {here}");
    }
    if proc::boot_id().is_ok_and(|boot_id| boot_id != identity.boot_id) {
        return format!("{who}: {host} was started anew since then, so nothing of it is left");
    }
    if proc::is_alive(identity) {
        return format!("{who}: it is still there");
    }
    match remains(&files(launch, ticket), identity) {
        Ok(remains) if remains.is_empty() => format!("{who}: it is gone, and nothing of the step is left"),
        Ok(remains) => format!("{who}: it is gone, and of the step these still run: {}", Leftover::listed(&remains)),
        Err(error) => format!("{who}: it is gone, and whether the step still runs cannot be told: {error}"),
    }
}

/// What still runs of a step whose supervisor is gone: its own process, what is in its session or in its control
/// group, and what was started with its environment.
fn remains(files: &Files, identity: &ProcessIdentity) -> io::Result<Vec<Leftover>> {
    let began = read_began(files);
    let mark = mark(identity);
    let group = began.as_ref().and_then(|began| began.group.clone()).map(Cgroup::at);
    let grouped = group.as_ref().and_then(|group| group.members().ok()).unwrap_or_default();
    let is_step =
        |process: &Process| began.as_ref().is_some_and(|b| (b.pid, b.start_time) == (process.pid, process.start_time));
    let remains = proc::processes()?.into_iter().filter(|process| {
        process.session == identity.pid
            || is_step(process)
            || grouped.contains(&process.pid)
            || proc::was_given(process.pid, MARK, &mark)
    });
    let remains: Vec<Leftover> = remains.map(|process| process.leftover()).collect();
    if let Some(group) = group {
        group.remove();
    }
    Ok(remains)
}

/// The variable by which all processes of an attempt are known, wherever they go.
const MARK: &str = "RUNBOOK_SUPERVISOR";

/// What that variable says: within one start of the machine no other supervisor has the same.
fn mark(identity: &ProcessIdentity) -> String {
    format!("{}.{}", identity.pid, identity.start_time)
}

fn ended(files: &Files, status: Status, sensitive: bool) -> Ended {
    let mut result = result(files, sensitive);
    result.truncated |= status.is_truncated();
    let left_behind = Leftover::listed(&status.output.left_behind);
    let lost = |why: &str| {
        let evidence = format!("{why}, and these processes of it could not be ended: {left_behind}");
        End::Lost { may_run: true, evidence }
    };
    let end = match status.ended {
        How::Exited(code) => {
            result.exit_code = Some(code);
            End::Returned
        }
        How::Signaled(signal) => End::Signaled(signal),
        How::TimedOut if !left_behind.is_empty() => lost("it did not end within its timeout"),
        How::Cancelled if !left_behind.is_empty() => lost("the operator ended it"),
        How::TimedOut => End::TimedOut,
        How::Cancelled => End::Cancelled,
        How::NotSpawned(cause) => End::Failed(Failure {
            chain: vec![cause],
            ..Failure::new(FailureKind::Spawn, "the step's program could not be started")
        }),
    };
    Ended { end, result, output: Some(status.output), duration: Duration::from_millis(status.duration_ms) }
}

fn result(files: &Files, sensitive: bool) -> StepResult {
    if sensitive {
        return StepResult::default();
    }
    let (stdout, stderr) = (head(&files.path("stdout")), head(&files.path("stderr")));
    StepResult {
        truncated: stdout.len() > SHOWN || stderr.len() > SHOWN,
        stdout: Some(text(&stdout)),
        stderr: Some(text(&stderr)),
        ..StepResult::default()
    }
}

/// No more of a file than is needed to see that it is too long. No file means that nothing was written.
fn head(path: &Path) -> Vec<u8> {
    let mut head = Vec::new();
    let read = File::open(path).and_then(|file| file.take(SHOWN as u64 + 1).read_to_end(&mut head));
    if read.is_ok() { head } else { Vec::new() }
}

/// The head of some output as text, without trailing newlines.
#[must_use]
pub fn text(bytes: &[u8]) -> String {
    let head = &bytes[..bytes.len().min(SHOWN)];
    String::from_utf8_lossy(head).trim_end_matches('\n').to_owned()
}
