//! Probes: processes that only look. They are run directly, without a supervisor, because nothing has to be known
//! of them after the executor died. They end with the program's interest in them.

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::AsyncWriteExt;
use tokio::process::Child;
use tokio::time::timeout;

use super::capture::{Capture, Head};
use super::process::{SHOWN, text};
use super::redact::Forms;
use super::spawn;
use crate::model::call::{ProcessCall, Ticket};
use crate::model::result::{Failure, FailureKind, StepResult};

/// How long output is waited for after the end: a grandchild may hold it open.
const LINGER: Duration = Duration::from_secs(2);

/// Runs a process to its end with the environment of `own` that steps get too, and gives back what it wrote, secrets
/// removed. Dropping the future kills its process group, as its time limit does.
///
/// # Errors
///
/// When it cannot be started, does not end within its time limit, or is ended by a signal.
pub async fn look(own: &BTreeMap<String, String>, call: &ProcessCall, ticket: &Ticket) -> Result<StepResult, Failure> {
    let program = call.argv.first().map_or("", String::as_str);
    let failed = |cause: String| Failure {
        chain: vec![cause],
        ..Failure::new(FailureKind::Spawn, format!("`{program}` could not be started"))
    };
    if !call.cwd.is_dir() {
        return Err(failed(format!("the folder {} is not there", call.cwd.display())));
    }
    let secrets = Forms::of(&ticket.secrets.0).map_err(|error| failed(error.to_string()))?;
    let capture = || Capture::new(secrets.clone(), Head::default());
    let (mut stdout, mut stderr) = (capture(), capture());
    let mut group = start(own, call, ticket).map_err(|error| failed(error.to_string()))?;
    let ending = follow(&mut group.0, call, &mut stdout, &mut stderr);
    let status = match ticket.timeout {
        Some(limit) => timeout(limit, ending)
            .await
            .map_err(|_| Failure::new(FailureKind::Timeout, format!("`{program}` did not end within {limit:?}")))?,
        None => ending.await,
    };
    let status = status.map_err(|error| failed(error.to_string()))?;
    stdout.finish();
    stderr.finish();
    let Some(code) = status.code() else {
        let signal = status.signal().unwrap_or_default();
        return Err(Failure::new(FailureKind::Signal, format!("`{program}` was ended by signal {signal}")));
    };
    Ok(StepResult {
        stdout: Some(text(&stdout.kept.bytes)),
        stderr: Some(text(&stderr.kept.bytes)),
        exit_code: Some(code),
        truncated: [&stdout.kept, &stderr.kept].iter().any(|kept| kept.truncated || kept.bytes.len() > SHOWN),
        ..StepResult::default()
    })
}

/// A process that leads a group, which is killed when this is dropped before its end was seen.
pub(super) struct Group(pub(super) Child);

impl Drop for Group {
    fn drop(&mut self) {
        // Once it was waited for there is no id any more, and the number may be another's.
        if let Some(leader) = self.0.id().and_then(|id| Pid::from_raw(id.cast_signed())) {
            let _gone = kill_process_group(leader, Signal::KILL);
        }
    }
}

fn start(own: &BTreeMap<String, String>, call: &ProcessCall, ticket: &Ticket) -> std::io::Result<Group> {
    let (program, arguments) = call.argv.split_first().ok_or(std::io::ErrorKind::InvalidInput)?;
    spawn::command(program)
        .args(arguments)
        .envs(spawn::environment(own, call, ticket))
        .current_dir(&call.cwd)
        .stdin(if call.stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map(Group)
}

/// Waits for the end, and for the output a little longer: a grandchild may hold it open.
async fn follow(
    child: &mut Child,
    call: &ProcessCall,
    stdout: &mut Capture<Head>,
    stderr: &mut Capture<Head>,
) -> std::io::Result<std::process::ExitStatus> {
    let (stdin, out, err) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let (Some(out), Some(err)) = (out, err) else { return Err(std::io::ErrorKind::BrokenPipe.into()) };
    let feed = async {
        if let (Some(mut stdin), Some(text)) = (stdin, &call.stdin) {
            // A probe need not read what it is given.
            let _unread = stdin.write_all(text.0.as_bytes()).await;
        }
    };
    let flow = async { tokio::join!(stdout.pump(out), stderr.pump(err), feed) };
    tokio::pin!(flow);
    let mut flowed = false;
    let status = loop {
        tokio::select! {
            _ = &mut flow, if !flowed => flowed = true,
            status = child.wait() => break status,
        }
    };
    if !flowed {
        let _held_open = timeout(LINGER, &mut flow).await;
    }
    status
}
