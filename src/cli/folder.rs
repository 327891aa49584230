//! The runbooks of a folder: which files are meant, and many of them checked side by side.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::exit::{Exit, STOPPED, USAGE};
use super::load::{CheckedFile, check_bytes, read};
use super::shell::Local;
use crate::check::source::Source;

/// The most runbooks that are checked at once.
const LIMIT: usize = 10_000;

/// What the deepest runbook needs, and more.
const STACK: usize = 16 << 20;

/// The runbooks that paths mean, in order, each once: files as they are named, folders with what is below them.
pub fn runbooks(paths: &[PathBuf]) -> Result<Vec<PathBuf>, Exit> {
    let mut files = Vec::new();
    for path in paths {
        if path.is_dir() {
            let before = files.len();
            below(path, &mut files)?;
            if files.len() == before {
                let exit = Exit::new(USAGE, format!("there is no runbook in {}", path.display()));
                return Err(exit.help("a runbook is a .yaml or .yml file that begins with `runbook: 1`"));
            }
        } else {
            files.push(path.clone());
        }
    }
    files.sort();
    files.dedup();
    if files.len() > LIMIT {
        let exit =
            Exit::new(USAGE, format!("{} runbooks are more than the {LIMIT} that are checked at once", files.len()));
        return Err(exit.help("name the folders one after the other"));
    }
    Ok(files)
}

/// Every YAML file below a folder that says it is a runbook. Hidden folders and what is no regular file are left out.
fn below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Exit> {
    let failed = |source| Exit::new(USAGE, format!("cannot read {}: {source}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let path = entry.path();
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if entry.file_type().map_err(failed)?.is_dir() {
            below(&path, files)?;
        } else if matches!(path.extension().and_then(|end| end.to_str()), Some("yaml" | "yml"))
            && path.is_file()
            && is_runbook(&path)?
        {
            files.push(path);
        }
    }
    Ok(())
}

fn is_runbook(path: &Path) -> Result<bool, Exit> {
    let bytes = read(path)?;
    Ok(bytes
        .split(|byte| *byte == b'\n')
        .any(|line| line.starts_with(b"runbook:") || line.starts_with(b"\xef\xbb\xbfrunbook:")))
}

/// Checks files on all processors. What is found stands in the order of the files, whichever was done first; of a file
/// in which nothing was found no more than its name is kept.
pub fn check_all(files: &[PathBuf], shell: Option<&Local>) -> Result<Vec<CheckedFile>, Exit> {
    let workers = thread::available_parallelism().map_or(1, NonZero::get).min(files.len());
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        while let Some((at, path)) = take(&next, files) {
            done.push((at, read(path).map(|bytes| lightened(check_bytes(path, &bytes, shell)))));
        }
        done
    };
    let mut done = thread::scope(|scope| {
        let started: Vec<_> =
            (0..workers).map(|_| thread::Builder::new().stack_size(STACK).spawn_scoped(scope, work)).collect();
        let mut all = Vec::with_capacity(files.len());
        for worker in started {
            let worker = worker.map_err(|error| Exit::new(STOPPED, format!("cannot start: {error}")))?;
            all.extend(worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        }
        Ok::<_, Exit>(all)
    })?;
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, checked)| checked).collect()
}

/// The next file that nobody has taken.
fn take<'f>(next: &AtomicUsize, files: &'f [PathBuf]) -> Option<(usize, &'f PathBuf)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    files.get(at).map(|path| (at, path))
}

/// A checked file without what is not shown of it.
fn lightened(mut file: CheckedFile) -> CheckedFile {
    file.checked.runbook = None;
    file.checked.refusals = Vec::new();
    if file.checked.diagnostics.is_empty() && file.checked.silenced.is_empty() {
        file.source = Source::new(file.source.path, "");
    }
    file
}
