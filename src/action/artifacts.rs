//! Files that a step left, copied into the run's folder.
//!
//! What is copied is bounded, in number and in bytes and in time, and is durable when this returns. Nothing here fails:
//! what could not be copied is named with its reason. A copy is never written over, and no link leads out of the folder
//! that a pattern begins with. Copies are as the step left them: secrets in them are not recognised.

pub mod pattern;

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::OFlags;
use sha2::{Digest as _, Sha256};
use tokio::time::Instant;

use self::pattern::{Pattern, Search};
use super::redact::redact;
use crate::model::call::Ticket;
use crate::model::digest::hex;
use crate::model::event::Artifact;

/// The most files that are copied for one attempt.
const MOST_FILES: usize = 1000;
/// The most bytes that are copied for one attempt.
const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// The most reasons that are given.
const MOST_REASONS: usize = 50;
/// How long all of it may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// How much is read at once.
const CHUNK: usize = 128 * 1024;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kept {
    /// Each copy, in the order of the paths.
    pub files: Vec<Artifact>,
    /// What was not copied, and why.
    pub missing: Vec<String>,
}

/// Copies every file that one of the patterns matches into `artifacts/<attempt>` of the run's folder. Relative patterns
/// begin at `from`.
#[must_use]
pub fn keep(run_folder: &Path, from: &Path, patterns: &[String], ticket: &Ticket) -> Kept {
    let limit = Instant::now() + PATIENCE;
    let mut copier = match Copier::new(run_folder, ticket, limit) {
        Ok(copier) => copier,
        Err(error) => {
            let why = format!("no folder could be made for the copies: {error}");
            return Kept { files: Vec::new(), missing: vec![why] };
        }
    };
    for pattern in patterns {
        match Pattern::read(from, pattern) {
            Ok(pattern) => copier.copy_all(&pattern),
            Err(why) => copier.missing(pattern, &why),
        }
    }
    copier.done()
}

/// Copies until a bound is reached.
struct Copier<'t> {
    ticket: &'t Ticket,
    limit: Instant,
    /// Within the run's folder.
    place: PathBuf,
    /// That folder itself.
    folder: PathBuf,
    seen: BTreeSet<PathBuf>,
    bytes: u64,
    /// How many were left because there were enough.
    left: usize,
    unsaid: usize,
    made: BTreeSet<PathBuf>,
    kept: Kept,
}

impl<'t> Copier<'t> {
    fn new(run_folder: &Path, ticket: &'t Ticket, limit: Instant) -> io::Result<Self> {
        let all = run_folder.join("artifacts");
        if !all.is_dir() {
            private().create(&all)?;
            File::open(run_folder)?.sync_all()?;
        }
        // What an earlier executor copied before it was gone may be recorded: it stays as it is.
        let names = (1..).map(|number| match number {
            1 => ticket.label(),
            number => format!("{}~{number}", ticket.label()),
        });
        for name in names {
            let folder = all.join(&name);
            match private().create(&folder) {
                Ok(()) => {
                    let made = BTreeSet::from([all, folder.clone()]);
                    let place = Path::new("artifacts").join(name);
                    return Ok(Self {
                        ticket,
                        limit,
                        place,
                        folder,
                        seen: BTreeSet::new(),
                        bytes: 0,
                        left: 0,
                        unsaid: 0,
                        made,
                        kept: Kept::default(),
                    });
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn missing(&mut self, what: &str, why: &str) {
        if self.kept.missing.len() == MOST_REASONS {
            self.unsaid += 1;
            return;
        }
        let clean = redact(format!("{what}: {why}").as_bytes(), &self.ticket.secrets.0).unwrap_or_default();
        self.kept.missing.push(String::from_utf8_lossy(&clean).into_owned());
    }

    fn copy_all(&mut self, pattern: &Pattern) {
        let mut search = Search::of(pattern, self.limit);
        let mut any = false;
        for found in &mut search {
            any = true;
            match found {
                Err((path, error)) => self.missing(&path.display().to_string(), &error.to_string()),
                Ok(path) => {
                    if let Err(why) = self.copy(&path, pattern) {
                        self.missing(&path.display().to_string(), &why);
                    }
                }
            }
        }
        if let Some(why) = search.gave_up() {
            self.missing(pattern.as_str(), why);
        } else if !any {
            self.missing(pattern.as_str(), "no such file");
        }
    }

    fn copy(&mut self, path: &Path, pattern: &Pattern) -> Result<(), String> {
        let shown = |error: io::Error| error.to_string();
        let kind = fs::metadata(path).map_err(shown)?;
        if kind.is_dir() && pattern.is_plain() {
            return Err("it is a folder; write /** after it".to_owned());
        }
        if kind.is_dir() {
            return Ok(());
        }
        // Opening anything else may wait for somebody, or do something.
        if !kind.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        let flags = (OFlags::NONBLOCK | OFlags::NOCTTY).bits().cast_signed();
        let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(shown)?;
        // The name may lead to another file by now: what counts is the one that is open.
        let real = fs::read_link(format!("/proc/self/fd/{}", file.as_raw_fd())).map_err(shown)?;
        if !pattern.reaches(&real) {
            return Err(format!("a symbolic link leads out of {}", pattern.base().display()));
        }
        let status = file.metadata().map_err(shown)?;
        if !status.is_file() {
            return Err("it is not a regular file".to_owned());
        }
        if !self.seen.insert(real.clone()) {
            return Ok(());
        }
        if self.kept.files.len() == MOST_FILES || Instant::now() >= self.limit {
            self.left += 1;
            return Ok(());
        }
        let room = MOST_BYTES - self.bytes;
        if status.len() > room {
            return Err(format!(
                "it has {} bytes, and of the {MOST_BYTES} for one attempt {room} are left",
                status.len()
            ));
        }
        self.store(file, &real, room)
    }

    fn store(&mut self, mut file: File, real: &Path, room: u64) -> Result<(), String> {
        let Some(name) = real.to_str().filter(|name| self.is_clean(name)) else {
            return Err("its name is not UTF-8, or has a secret in it".to_owned());
        };
        let below = name.trim_start_matches('/');
        let target = self.folder.join(below);
        let stored = self.folder_of(&target).and_then(|()| copy(&mut file, &target, room));
        let (bytes, sha256) = stored.map_err(|error| {
            // Half a copy is none.
            let _none = fs::remove_file(&target);
            error.to_string()
        })?;
        self.bytes += bytes;
        let kept = self.place.join(below).display().to_string();
        self.kept.files.push(Artifact { path: name.to_owned(), kept, bytes, sha256 });
        Ok(())
    }

    fn is_clean(&self, name: &str) -> bool {
        redact(name.as_bytes(), &self.ticket.secrets.0).is_ok_and(|clean| clean == name.as_bytes())
    }

    fn folder_of(&mut self, target: &Path) -> io::Result<()> {
        let folder = target.parent().unwrap_or(&self.folder);
        private().recursive(true).create(folder)?;
        let made = folder.ancestors().take_while(|above| above.starts_with(&self.folder)).map(Path::to_path_buf);
        self.made.extend(made);
        Ok(())
    }

    fn done(mut self) -> Kept {
        if self.left > 0 {
            let why = format!("only {MOST_FILES} files are copied, for at most {PATIENCE:?}");
            let what = format!("{} more files", self.left);
            self.missing(&what, &why);
        }
        if self.unsaid > 0 {
            self.kept.missing.push(format!("{} more could not be copied", self.unsaid));
        }
        for folder in &self.made {
            if let Err(error) = File::open(folder).and_then(|folder| folder.sync_all()) {
                self.kept.missing.push(format!("{}: it may not last, {error}", folder.display()));
            }
        }
        self.kept.files.sort_by(|one, other| one.path.cmp(&other.path));
        if self.kept.files.is_empty() {
            // Nothing is in it; one that cannot be removed does no harm.
            let _empty = fs::remove_dir(&self.folder);
        }
        self.kept
    }
}

fn private() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

/// Copies a file that may still grow: as much as it has now, up to `room`.
fn copy(from: &mut File, target: &Path, room: u64) -> io::Result<(u64, String)> {
    let mut to = OpenOptions::new().write(true).create_new(true).mode(0o600).open(target)?;
    let mut from = from.take(room);
    let (mut chunk, mut bytes, mut digest) = (vec![0; CHUNK], 0, Sha256::new());
    loop {
        let read = from.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        digest.update(&chunk[..read]);
        to.write_all(&chunk[..read])?;
        bytes += read as u64;
    }
    to.sync_data()?;
    Ok((bytes, hex(&digest.finalize())))
}
