//! The one door through which processes are started.
//!
//! What is started here inherits nothing: no open file, an environment that is empty until the caller fills it, and
//! standard streams that lead nowhere until the caller opens them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::process::Stdio;

use tokio::process::Command;

use crate::model::call::{ProcessCall, Ticket};

/// The variables of the program's own environment that its steps see. `LC_*` passes too.
const PASSED: [&str; 8] = ["PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "TZ", "TMPDIR"];

/// A program to start, with an empty environment and all three streams at `/dev/null`.
#[must_use]
pub fn command(program: impl AsRef<OsStr>) -> Command {
    // What the program itself was started with, an operator's pipe for example, must not reach what it starts.
    close_fds::set_fds_cloexec_threadsafe(3, &[]);
    #[expect(clippy::disallowed_methods, reason = "this is the place")]
    let mut command = Command::new(program);
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The environment of a step or probe: the allow-listed variables of `own`, those of the call, and what a step may
/// know about its run, each overriding the ones before.
#[must_use]
pub fn environment(own: &BTreeMap<String, String>, call: &ProcessCall, ticket: &Ticket) -> BTreeMap<String, String> {
    let mut environment = allowed(own);
    environment.extend(call.env.iter().map(|(name, value)| (name.clone(), value.0.clone())));
    environment.insert("RUNBOOK_RUN".to_owned(), ticket.run.clone());
    environment.insert("RUNBOOK_STEP".to_owned(), ticket.step.clone());
    environment.insert("RUNBOOK_ATTEMPT".to_owned(), ticket.attempt.to_string());
    environment.insert("RUNBOOK_DIRECTION".to_owned(), if ticket.undo.is_some() { "undo" } else { "do" }.to_owned());
    environment
}

/// What of an environment every process started here may see.
#[must_use]
pub fn allowed(own: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    own.iter()
        .filter(|(name, _)| PASSED.contains(&name.as_str()) || name.starts_with("LC_"))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect()
}
