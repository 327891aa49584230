//! What something was at one moment, as evidence of what a step changed: a file, or what a probe answered.

use std::fmt::Write as _;
use std::fs::{self, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};

use super::redact::Redactor;
use crate::model::call::Ticket;
use crate::model::digest::{hex, sha256};
use crate::model::result::{Failure, FailureKind, StepResult};

/// How much text is kept, in bytes.
const SHOWN: usize = 64 * 1024;
/// How much of a file is read, in bytes.
const READ: u64 = 1024 * 1024 * 1024;

/// What was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// The beginning of it, without secrets.
    pub text: String,
    /// SHA-256 of all that was read, lower-case hex.
    pub sha256: String,
}

/// Reads a file whole, keeps its beginning.
///
/// # Errors
///
/// Where it is not there, is no regular file, or cannot be read.
pub fn file(path: &Path, ticket: &Ticket) -> Result<Reading, Failure> {
    let failed = |why: &dyn std::fmt::Display| {
        Failure::new(FailureKind::File, format!("{} cannot be read: {why}", path.display()))
    };
    let kind = fs::metadata(path).map_err(|error| failed(&error))?;
    if !kind.is_file() {
        return Err(failed(&"it is not a regular file"));
    }
    let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
    let opened = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(|error| failed(&error))?;
    let mut bytes = opened.take(READ);
    let mut redactor = Redactor::new(&ticket.secrets.0).map_err(|error| failed(&error))?;
    let (mut kept, mut digest, mut chunk) = (Vec::new(), Sha256::new(), vec![0; SHOWN]);
    loop {
        let read = bytes.read(&mut chunk).map_err(|error| failed(&error))?;
        digest.update(&chunk[..read]);
        // Once there is enough to show the rest is only counted in.
        if kept.len() <= SHOWN {
            kept.extend(if read == 0 { redactor.finish() } else { redactor.write(&chunk[..read]) });
        }
        if read == 0 {
            break;
        }
    }
    let sha256 = hex(&digest.finalize());
    let head = format!("mode {:04o}, owner {}, group {}\n", kind.mode() & 0o7777, kind.uid(), kind.gid());
    Ok(Reading { text: head + &beginning(&kept), sha256 })
}

/// What a probe answered: what it printed, its rows one a line, or the body of its response.
#[must_use]
pub fn answer(result: &StepResult) -> Reading {
    let mut text = String::new();
    if let Some(rows) = &result.rows {
        for row in rows {
            text.push_str(&serde_json::Value::Object(row.clone()).to_string());
            text.push('\n');
        }
    }
    if let Some(status) = result.status {
        let _infallible = writeln!(text, "status {status}");
    }
    text.push_str(result.body.as_deref().or(result.stdout.as_deref()).unwrap_or_default());
    if let Some(code) = result.exit_code.filter(|code| *code != 0) {
        let _infallible = write!(text, "\nexit {code}");
    }
    if result.truncated {
        text.push_str("\n… there was more");
    }
    Reading { sha256: sha256(&[text.as_bytes()]), text: beginning(text.as_bytes()) }
}

fn beginning(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN)]).into_owned();
    let most = (0..=SHOWN.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or_default();
    let more = if bytes.len() > SHOWN || most < text.len() { "\n… there is more" } else { "" };
    format!("{}{more}", &text[..most])
}
