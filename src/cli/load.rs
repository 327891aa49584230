//! From files to checked runbooks, and from `-p` to parameters.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{OFlags, fcntl_setfl};
use serde_json::Value;

use super::Given;
use super::environment::Environment;
use super::exit::{Exit, USAGE};
use super::shell::Local;
use crate::check::source::{LIMIT, Source, readable};
use crate::check::{Checked, Files, check, check_with_shell, parameters};
use crate::model::diagnostic::{Diagnostic, Severity};
use crate::model::digest::sha256;
use crate::model::runbook::Runbook;
use crate::report::diagnostics::{Found, SourceText, human};
use crate::report::terminal;

/// A runbook that can be run, with its bytes as they were read.
pub struct Loaded {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// What they say.
    pub runbook: Runbook,
    /// Typed values.
    pub parameters: BTreeMap<String, Value>,
    /// `sha256:` over runbook, included files, targets and parameters.
    pub digest: String,
}

/// The largest file that a runbook may name, in bytes.
const NAMED: usize = 64 << 20;

/// The files of this machine.
pub struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        if !std::fs::metadata(path)?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        let bytes = at_most(path, NAMED)?;
        if bytes.len() > NAMED {
            let message = format!("it is larger than {} MiB", NAMED >> 20);
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, message));
        }
        Ok(bytes)
    }
}

/// A file as far as it is read, and one byte more where there is more: a device never ends.
fn at_most(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let file = open(path)?;
    let is_pipe = file.metadata()?.file_type().is_fifo();
    file.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    if is_pipe && bytes.is_empty() {
        return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it is a pipe that nobody writes to"));
    }
    Ok(bytes)
}

/// Opens a file without waiting for somebody at the other end of a pipe; reading waits for one who is there.
fn open(path: &Path) -> io::Result<File> {
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file)
}

/// One file, checked.
pub struct CheckedFile {
    /// Its text, as far as it is one.
    pub source: Source,
    /// What was found.
    pub checked: Checked,
}

impl CheckedFile {
    /// Its text and those of what it includes.
    pub fn sources(&self) -> impl Iterator<Item = &Source> {
        std::iter::once(&self.source).chain(&self.checked.sources)
    }
}

/// Checks the bytes of a file, its scripts where there is somebody to read them.
pub fn check_bytes(path: &Path, bytes: &[u8], shell: Option<&Local>) -> CheckedFile {
    match Source::from_bytes(path.to_owned(), bytes) {
        Err(diagnostic) => CheckedFile {
            source: Source::new(path.to_owned(), readable(bytes)),
            checked: Checked { diagnostics: vec![*diagnostic], ..Checked::default() },
        },
        Ok(source) => {
            let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            let folder = absolute.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
            let checked = match shell {
                Some(shell) => check_with_shell(&source, &folder, &Disk, shell),
                None => check(&source, &folder, &Disk),
            };
            CheckedFile { source, checked }
        }
    }
}

/// Reads a file that somebody named, as far as a runbook may be long and a byte more.
pub fn read(path: &Path) -> Result<Vec<u8>, Exit> {
    at_most(path, LIMIT).map_err(|source| {
        let exit = Exit::new(USAGE, format!("cannot read {}: {source}", path.display()));
        match source.kind() {
            io::ErrorKind::NotFound if path == Path::new("-") => exit.help("standard input is /dev/stdin"),
            io::ErrorKind::NotFound => exit.help("give the path of a runbook, such as runbooks/quickstart.yaml"),
            io::ErrorKind::IsADirectory => exit.help("give one file; runbook validate takes folders"),
            _ => exit,
        }
    })
}

/// Reads and checks a file. One that has errors is shown with them, and that it was `undone`.
pub fn valid(
    path: &Path,
    shell: &Local,
    undone: &str,
    environment: &Environment,
) -> Result<(Vec<u8>, CheckedFile), Exit> {
    let bytes = read(path)?;
    let file = check_bytes(path, &bytes, Some(shell));
    shell.tell();
    let errors: Vec<Diagnostic> =
        file.checked.diagnostics.iter().filter(|found| found.severity == Severity::Error).cloned().collect();
    if errors.is_empty() {
        return Ok((bytes, file));
    }
    show(errors, &file, environment);
    let help = format!("mend the runbook; runbook validate {} shows warnings too", path.display());
    Err(Exit::new(USAGE, format!("{} is not a valid runbook, and {undone}", path.display())).help(help))
}

/// Reads and checks one runbook, shows what is wrong with it, and types its parameters.
pub fn load(path: &Path, given: &Given, environment: &Environment) -> Result<Loaded, Exit> {
    let undone = "nothing was run";
    let (bytes, file) = valid(path, &Local::quick(environment), undone, environment)?;
    if !file.checked.refusals.is_empty() {
        show(file.checked.refusals.clone(), &file, environment);
        let message = format!("{} needs what this version cannot carry out, and {undone}", path.display());
        return Err(Exit::new(USAGE, message).help("the runbook is valid; take out what is named above to run it now"));
    }
    let runbook = file.checked.runbook.ok_or_else(|| unresolved(path, undone))?;
    let parameters = typed(&runbook, given)?;
    let digest = digest(&serde_json::to_vec(&runbook).unwrap_or_default(), &parameters);
    Ok(Loaded { bytes, runbook, parameters, digest })
}

/// A file without errors that is no runbook all the same.
pub fn unresolved(path: &Path, undone: &str) -> Exit {
    Exit::new(USAGE, format!("{} could not be resolved, and {undone}", path.display()))
}

/// What is wrong with one file and what it includes, for a person, on standard error.
fn show(diagnostics: Vec<Diagnostic>, file: &CheckedFile, environment: &Environment) {
    let looks = environment.looks();
    let found = Found { sources: file.sources().map(text_of).collect(), diagnostics, silenced: Vec::new() };
    terminal::err(&human(&found, looks.color, looks.width));
    terminal::err(&format!("{}\n", found.summary(false)));
}

/// A source as findings are drawn over it.
pub fn text_of(source: &Source) -> SourceText<'_> {
    SourceText { path: &source.path, text: &source.text }
}

fn typed(runbook: &Runbook, given: &Given) -> Result<BTreeMap<String, Value>, Exit> {
    let mut texts = BTreeMap::new();
    for pair in &given.parameters {
        let Some((name, value)) = pair.split_once('=') else {
            return Err(Exit::new(USAGE, format!("`-p {pair}` has no value")).help(format!("type -p {pair}=VALUE")));
        };
        if texts.insert(name.to_owned(), value.to_owned()).is_some() {
            return Err(Exit::new(USAGE, format!("parameter `{name}` is given twice"))
                .help(format!("give it once: -p {name}=VALUE")));
        }
    }
    parameters::typed(&runbook.parameters, &texts).map_err(|errors| {
        let (last, others) =
            errors.split_last().map_or((String::new(), &[][..]), |(last, others)| (last.to_string(), others));
        for error in others {
            terminal::error(&error.to_string(), &[], None);
        }
        Exit::new(USAGE, last).help("parameters are given as -p name=value")
    })
}

/// The digest of all that a run depends on. `runbook` is the JSON of the resolved one, as it is kept: whether that is
/// what was approved does not depend on what this version would make of it.
pub fn digest(runbook: &[u8], parameters: &BTreeMap<String, Value>) -> String {
    let parameters = serde_json::to_vec(parameters).unwrap_or_default();
    format!("sha256:{}", sha256(&[b"[", runbook, b",", &parameters, b"]"]))
}
