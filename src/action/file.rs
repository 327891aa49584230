//! Files made to be as a step says, and put back as they were.
//!
//! A change is always a whole new file, written and synced beside the old one and renamed over it, also when only the
//! mode or the owner differ: so there is one way, and at every moment the file is either as before or as after, in all
//! of its bytes, mode and owner. After a crash the two are told apart by comparing.
//!
//! Extended attributes, access lists and hard links of the old file are not carried over.

mod content;
mod disk;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::Instant;

use super::execute::{Control, End, Ended};
use super::observe::{FilePreview, FileSnapshot};
use super::probe;
use super::process::cancelled;
use crate::model::call::{Desired, FileCall, ProcessCall, RestoreCall, Ticket};
use crate::model::digest::sha256;
use crate::model::event::{FileIntent, FileState, Intent};
use crate::model::result::{Failure, FailureKind, StepResult};

/// Where file actions keep what they need, and what their processes see.
#[derive(Debug, Clone)]
pub struct Shelf {
    /// The run's `backup`.
    pub backup: PathBuf,
    /// The program's own environment.
    pub environment: BTreeMap<String, String>,
}

/// A change that is known in full, of which nothing is on disk yet but the kept bytes.
#[derive(Debug)]
pub struct Prepared {
    intent: FileIntent,
    /// The new file, where anything changes and a file is wanted.
    new: Option<FileSnapshot>,
    validate: Option<Vec<String>>,
    copy: Option<(PathBuf, FileSnapshot)>,
    follow_up: FollowUp,
}

/// A new file beside its place. Dropping it removes it.
#[derive(Debug)]
struct Staged(PathBuf);

impl Drop for Staged {
    fn drop(&mut self) {
        // After the rename there is nothing; what cannot be removed here is removed by the next attempt.
        let _left = disk::remove(&self.0);
    }
}

/// What a service is made to read the file with.
#[derive(Debug)]
struct FollowUp {
    reload: Option<Vec<String>>,
    cwd: PathBuf,
    ticket: Ticket,
    environment: BTreeMap<String, String>,
}

/// What a file is and what the call would make of it. Touches nothing.
///
/// # Errors
///
/// Where it cannot be told; see [`super::observe::Observer::preview_file`].
pub fn preview(call: &FileCall) -> Result<FilePreview, Failure> {
    located(call).map(|(_, preview)| preview)
}

fn located(call: &FileCall) -> Result<(PathBuf, FilePreview), Failure> {
    if call.content == Some(Desired::Absent) && call.path.is_symlink() {
        let path = call.path.display();
        let message = format!("{path} is a symbolic link: say with a command whether it is to go, or what it leads to");
        return Err(Failure::new(FailureKind::File, message));
    }
    if call.content == Some(Desired::Absent) && !call.path.exists() {
        return Ok((call.path.clone(), FilePreview { before: None, after: None }));
    }
    let path = disk::resolve(&call.path)?;
    let before = disk::snapshot(&path)?;
    let after = content::wanted(call, &path, before.as_ref())?;
    Ok((path, FilePreview { before, after }))
}

/// Keeps the old bytes with the run. Nothing else is written before the attempt is let go.
///
/// # Errors
///
/// As [`preview`], and where the old bytes cannot be kept.
pub fn prepare(shelf: &Shelf, call: &FileCall, ticket: &Ticket) -> Result<(Intent, Prepared), Failure> {
    let (path, preview) = located(call)?;
    if let Some(before) = &preview.before {
        disk::keep(&shelf.backup, &ticket.step, before)?;
    }
    let follow_up = FollowUp::new(shelf, call.reload.as_ref(), &call.cwd, ticket);
    let copy = call.backup.clone().zip(preview.before.clone());
    let prepared = ready(&path, preview, copy, follow_up)?;
    Ok((Intent::File(prepared.intent.clone()), Prepared { validate: call.validate.clone(), ..prepared }))
}

/// Gets ready to put a file back as it was before a step. A file that is so already is left.
///
/// # Errors
///
/// Where somebody else changed the file since, or the kept bytes are not there.
pub fn prepare_restore(shelf: &Shelf, call: &RestoreCall, ticket: &Ticket) -> Result<(Intent, Prepared), Failure> {
    let path = Path::new(&call.intent.path);
    let current = disk::snapshot(path)?;
    let state = current.as_ref().map(|file| &file.state);
    let made = [&call.intent.after, &call.latest.before, &call.latest.after];
    let after = if state == call.intent.before.as_ref() {
        current.clone()
    } else if made.into_iter().any(|made| state == made.as_ref()) {
        call.intent.before.as_ref().map(|before| kept(shelf, &call.step, before)).transpose()?
    } else {
        return Err(foreign(path, &shelf.backup));
    };
    let follow_up = FollowUp::new(shelf, call.reload.as_ref(), &call.cwd, ticket);
    let prepared = ready(path, FilePreview { before: current, after }, None, follow_up)?;
    Ok((Intent::File(prepared.intent.clone()), prepared))
}

fn kept(shelf: &Shelf, step: &str, before: &FileState) -> Result<FileSnapshot, Failure> {
    let path = disk::kept_path(&shelf.backup, step, &before.sha256);
    let bytes = disk::bytes(&path)?;
    if sha256(&[&bytes]) == before.sha256 {
        return Ok(FileSnapshot { bytes, state: before.clone() });
    }
    Err(Failure::new(FailureKind::File, format!("{} is not what was kept: its digest differs", path.display())))
}

fn foreign(path: &Path, backup: &Path) -> Failure {
    let message = format!(
        "{} was changed by somebody else since the step: it is neither as before nor as after. Compare it with what \
         is kept in {}, put it right by hand, and answer for this step",
        path.display(),
        backup.display()
    );
    Failure::new(FailureKind::File, message)
}

/// What is to be done, from what is there and what is to be there.
fn ready(
    path: &Path,
    preview: FilePreview,
    copy: Option<(PathBuf, FileSnapshot)>,
    follow_up: FollowUp,
) -> Result<Prepared, Failure> {
    let name = path.to_str().ok_or_else(|| {
        Failure::new(FailureKind::File, format!("{} is not valid UTF-8, which paths have to be", path.display()))
    })?;
    let state = |file: &Option<FileSnapshot>| file.as_ref().map(|file| file.state.clone());
    let (before, after) = (state(&preview.before), state(&preview.after));
    let digest = |state: &Option<FileState>| state.as_ref().map(|state| state.sha256.clone());
    // A later attempt cannot know whether an earlier one got as far as the reload.
    let due = digest(&before) != digest(&after) || follow_up.ticket.attempt > 1;
    let intent = FileIntent { path: name.to_owned(), before, after, reload: follow_up.reload.is_some() && due };
    let changes = preview.changes();
    let new = preview.after.filter(|_| changes);
    Ok(Prepared { intent, new, validate: None, copy: copy.filter(|_| changes), follow_up })
}

/// Where the new file is written: hidden, in the same folder, and the same for every attempt, so that what a crash
/// left is found again.
fn beside(path: &Path, ticket: &Ticket) -> PathBuf {
    let owner = sha256(&[ticket.run.as_bytes(), b"/", ticket.step.as_bytes(), path.as_os_str().as_encoded_bytes()]);
    path.with_file_name(format!(".runbook-{}", &owner[..16]))
}

/// Writes the new file beside the old one, validates it, renames it over the old one, or removes the old one, and
/// reloads.
pub async fn carry_out(prepared: Prepared, control: &Control) -> Ended {
    let began = Instant::now();
    if let Err(failure) = change(&prepared).await {
        return ended(End::Failed(failure), StepResult::default(), began.elapsed());
    }
    prepared.follow_up.finish(&prepared.intent, control, began).await
}

async fn change(prepared: &Prepared) -> Result<(), Failure> {
    let staged = stage(prepared)?;
    if let (Some(staged), Some(validate)) = (&staged, &prepared.validate) {
        let new = staged.0.to_string_lossy();
        let argv = validate.iter().map(|word| word.replace("%s", &new)).collect();
        prepared.follow_up.run("the new file does not validate", argv).await?;
    }
    put(prepared, staged.as_ref())
}

/// Writes the new file beside its place, where there is one.
fn stage(prepared: &Prepared) -> Result<Option<Staged>, Failure> {
    let beside = beside(Path::new(&prepared.intent.path), &prepared.follow_up.ticket);
    disk::remove(&beside)?;
    let Some(new) = &prepared.new else { return Ok(None) };
    disk::write(&beside, new)?;
    Ok(Some(Staged(beside)))
}

fn put(prepared: &Prepared, staged: Option<&Staged>) -> Result<(), Failure> {
    let path = Path::new(&prepared.intent.path);
    if disk::snapshot(path)?.map(|file| file.state) != prepared.intent.before {
        let message = format!("{} was changed by somebody else just now; nothing was done", path.display());
        return Err(Failure::new(FailureKind::File, message));
    }
    if let Some((copy, before)) = &prepared.copy {
        let beside = beside(copy, &prepared.follow_up.ticket);
        disk::write(&beside, before)?;
        disk::put_in_place(&beside, copy)?;
    }
    match staged {
        Some(staged) => disk::put_in_place(&staged.0, path),
        None if prepared.intent.before.is_some() && prepared.intent.after.is_none() => {
            disk::remove(path)?;
            disk::sync_folder(path)
        }
        None => Ok(()),
    }
}

/// Finds out by comparing what became of an attempt, and reloads again where the file is as it was to be.
pub async fn recover(
    shelf: &Shelf,
    intent: &FileIntent,
    (reload, cwd): (Option<&Vec<String>>, &Path),
    ticket: &Ticket,
    control: &Control,
) -> Ended {
    let began = Instant::now();
    let path = Path::new(&intent.path);
    let current = disk::remove(&beside(path, ticket)).and_then(|()| disk::snapshot(path));
    let lost = |evidence| End::Lost { may_run: false, evidence };
    let end = match current.map(|file| file.map(|file| file.state)) {
        Err(failure) => lost(format!("it could not be looked at: {}", failure.message)),
        Ok(state) if state == intent.after => {
            return FollowUp::new(shelf, reload, cwd, ticket).finish(intent, control, began).await;
        }
        Ok(state) if state == intent.before => {
            End::NotStarted { evidence: format!("{} is as it was before the step", path.display()) }
        }
        Ok(_) => lost(format!("{} is neither before nor after: changed by somebody else", path.display())),
    };
    ended(end, StepResult::default(), began.elapsed())
}

/// A file before, after, and at this moment.
#[must_use]
pub fn trace(intent: &FileIntent) -> Vec<String> {
    let shown = |state: Option<&FileState>| match state {
        Some(FileState { sha256, mode, uid, gid }) => format!("{sha256} {mode:04o} {uid}:{gid}"),
        None => "no file".to_owned(),
    };
    let now = match disk::snapshot(Path::new(&intent.path)).map(|file| file.map(|file| file.state)) {
        Err(failure) => failure.message,
        Ok(state) if state == intent.after => format!("{}, as it was to be", shown(state.as_ref())),
        Ok(state) if state == intent.before => format!("{}, as before", shown(state.as_ref())),
        Ok(state) => format!("{}, which is neither", shown(state.as_ref())),
    };
    vec![
        format!("{} before the step: {}", intent.path, shown(intent.before.as_ref())),
        format!("as it was to be: {}", shown(intent.after.as_ref())),
        format!("as it is now: {now}"),
    ]
}

impl FollowUp {
    fn new(shelf: &Shelf, reload: Option<&Vec<String>>, cwd: &Path, ticket: &Ticket) -> Self {
        let environment = shelf.environment.clone();
        Self { reload: reload.cloned(), cwd: cwd.to_owned(), ticket: ticket.clone(), environment }
    }

    /// Reloads, when the intent says so. The file is in place.
    async fn finish(&self, intent: &FileIntent, control: &Control, began: Instant) -> Ended {
        let changed = StepResult { changed: Some(intent.before != intent.after), ..StepResult::default() };
        let Some(argv) = self.reload.clone().filter(|_| intent.reload) else {
            return ended(End::Returned, changed, began.elapsed());
        };
        let done = tokio::select! {
            done = self.run("the file is in place, but the reload failed", argv) => done,
            () = cancelled(control.cancel.clone()) => return ended(End::Cancelled, changed, began.elapsed()),
        };
        match done {
            Err(failure) if failure.kind == FailureKind::Timeout => ended(End::TimedOut, changed, began.elapsed()),
            Err(failure) => ended(End::Failed(failure), changed, began.elapsed()),
            Ok(result) if self.ticket.sensitive => {
                ended(End::Returned, StepResult { truncated: result.truncated, ..changed }, began.elapsed())
            }
            Ok(result) => {
                let result = StepResult { changed: changed.changed, exit_code: None, ..result };
                ended(End::Returned, result, began.elapsed())
            }
        }
    }

    /// Runs a process that has to end with 0.
    async fn run(&self, otherwise: &str, argv: Vec<String>) -> Result<StepResult, Failure> {
        let program = argv.first().cloned().unwrap_or_default();
        let call = ProcessCall { argv, env: BTreeMap::new(), stdin: None, cwd: self.cwd.clone() };
        let result = probe::look(&self.environment, &call, &self.ticket).await?;
        let code = result.exit_code.unwrap_or_default();
        if code == 0 {
            return Ok(result);
        }
        let message = format!("{otherwise}: `{program}` ended with exit code {code}");
        let written = [result.stderr, result.stdout].into_iter().flatten().find(|text| !text.is_empty());
        let chain = written.filter(|_| !self.ticket.sensitive).into_iter().collect();
        Err(Failure { chain, ..Failure::new(FailureKind::Exit, message) })
    }
}

fn ended(end: End, result: StepResult, duration: Duration) -> Ended {
    Ended { end, result, output: None, duration }
}
