//! One stream of an attempt on the disk, bounded: its head and its tail, and the digest of all of it.
//!
//! While the step runs there are up to three files, which a reader sees growing, and which say what they are when
//! nobody is left to put them together:
//!
//! - `LABEL.stdout`: the first half of what is kept.
//! - `LABEL.stdout.tail`: what is written now, once that half is full.
//! - `LABEL.stdout.tail-before`: what was written before that. Each takes a quarter; when the tail is full it takes the
//!   place of the one before, whose bytes are left out from then on.
//!
//! When the stream has ended they are one file again: the head, a line that says how many bytes are left out, the tail.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use super::capture::Keep;
use crate::model::digest::hex;
use crate::model::result::StreamDigest;

/// The ending of the file with the last bytes.
pub const TAIL: &str = ".tail";

/// The ending of the file with the bytes before those.
pub const BEFORE: &str = ".tail-before";

/// Takes in one stream. A disk that is full must not stop the step, which may be in the middle of something: from then
/// on the stream is digested and not stored, and that is recorded.
#[derive(Debug)]
pub struct Stored {
    digest: Sha256,
    bytes: u64,
    files: Option<Files>,
    failed: Option<String>,
}

/// The files of a stream.
#[derive(Debug)]
struct Files {
    path: PathBuf,
    limit: u64,
    /// The one that is written to.
    current: Option<File>,
    /// Bytes in it.
    filled: u64,
    /// Bytes in the one before the tail, once the head is full.
    tail: Option<u64>,
}

impl Stored {
    /// Stores at `path` as the bytes come, at most `limit` of them; without a path they are only digested. The file is
    /// made with the first byte, readable by its owner only.
    #[must_use]
    pub fn new(path: Option<PathBuf>, limit: u64) -> Self {
        let files = path.map(|path| Files { path, limit, current: None, filled: 0, tail: None });
        Self { digest: Sha256::new(), bytes: 0, files, failed: None }
    }

    /// Puts the files together and makes the result durable. Its folder is not synced.
    #[must_use]
    pub fn finish(mut self, written: u64) -> StreamDigest {
        let mut left_out = 0;
        if let Some(files) = self.files.take() {
            match files.finish(self.bytes) {
                Ok(bytes) => left_out = bytes,
                Err(error) => self.failed = Some(error.to_string()),
            }
        }
        StreamDigest { bytes: written, sha256: hex(&self.digest.finalize()), left_out, not_stored: self.failed }
    }
}

impl Keep for Stored {
    fn keep(&mut self, clean: &[u8]) {
        self.digest.update(clean);
        self.bytes += clean.len() as u64;
        if let Some(files) = &mut self.files
            && let Err(error) = files.append(clean)
        {
            self.failed = Some(error.to_string());
            self.files = None;
        }
    }
}

impl Files {
    fn beside(&self, ending: &str) -> PathBuf {
        beside(&self.path, ending)
    }

    fn append(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            let room = if self.tail.is_some() { self.limit / 4 } else { self.limit / 2 };
            if self.filled >= room {
                self.turn()?;
                continue;
            }
            let file = match &mut self.current {
                Some(file) => file,
                None => self.current.insert(create(&self.path)?),
            };
            let fits = usize::try_from(room - self.filled).map_or(bytes.len(), |room| room.min(bytes.len()));
            let (now, later) = bytes.split_at(fits);
            file.write_all(now)?;
            self.filled += now.len() as u64;
            bytes = later;
        }
        Ok(())
    }

    /// The file is full: goes on in a new tail.
    fn turn(&mut self) -> io::Result<()> {
        let tail = self.beside(TAIL);
        if self.tail.is_some() {
            fs::rename(&tail, self.beside(BEFORE))?;
        }
        self.tail = Some(if self.tail.is_some() { self.filled } else { 0 });
        self.current = Some(create(&tail)?);
        self.filled = 0;
        Ok(())
    }

    /// How many of `all` bytes are left out.
    fn finish(mut self, all: u64) -> io::Result<u64> {
        let Some(file) = self.current.take() else { return Ok(0) };
        let Some(before) = self.tail else {
            file.sync_data()?;
            return Ok(0);
        };
        drop(file);
        let left_out = all - self.limit / 2 - before - self.filled;
        let mut whole = OpenOptions::new().append(true).open(&self.path)?;
        if left_out > 0 {
            whole.write_all(gap(left_out).as_bytes())?;
        }
        // Each goes as soon as it is copied: there may be no room for both.
        for (ending, length) in [(BEFORE, before), (TAIL, self.filled)] {
            let part = self.beside(ending);
            if length > 0 {
                io::copy(&mut File::open(&part)?, &mut whole)?;
            }
            match fs::remove_file(&part) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        whole.sync_data()?;
        Ok(left_out)
    }
}

/// The line that stands where bytes are left out.
#[must_use]
pub fn gap(bytes: u64) -> String {
    format!("\n[{bytes} bytes are left out here]\n")
}

/// The path of a part of a stream's file.
#[must_use]
pub fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::digest::sha256;

    /// What is stored of `text` when it comes in pieces of these lengths, and what is said of it.
    fn stored(text: &[u8], limit: u64, pieces: &[usize]) -> (Vec<u8>, StreamDigest) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("step.1.stdout");
        let mut stored = Stored::new(Some(path.clone()), limit);
        let mut rest = text;
        for piece in pieces.iter().cycle() {
            let (now, later) = rest.split_at((*piece).min(rest.len()));
            stored.keep(now);
            rest = later;
            if rest.is_empty() {
                break;
            }
        }
        let digest = stored.finish(text.len() as u64);
        let names: Vec<_> = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(names.iter().all(|name| name == "step.1.stdout"), "{names:?}");
        (fs::read(path).unwrap_or_default(), digest)
    }

    #[test]
    fn the_head_and_the_tail_are_kept_and_the_line_between_says_what_is_left_out() {
        let text: Vec<u8> = (0..100_u8).collect();
        let (kept, digest) = stored(&text, 16, &[7]);
        let wanted = [&text[..8], b"\n[84 bytes are left out here]\n", &text[92..]].concat();
        assert_eq!(kept, wanted);
        assert_eq!((digest.bytes, digest.left_out, digest.not_stored), (100, 84, None));
        assert_eq!(digest.sha256, sha256(&[&text]));
    }

    #[test]
    fn a_folder_that_takes_nothing_is_told_and_the_digest_is_whole() {
        let mut stored = Stored::new(Some(PathBuf::from("/nonexistent/step.1.stdout")), 16);
        stored.keep(b"one");
        stored.keep(b"two");
        let digest = stored.finish(6);
        assert_eq!(digest.not_stored.as_deref(), Some("No such file or directory (os error 2)"));
        assert_eq!((digest.bytes, digest.sha256), (6, sha256(&[b"onetwo"])));
    }

    proptest! {
        #[test]
        fn any_amount_in_any_pieces_keeps_its_beginning_and_its_end_within_the_limit(
            length in 0_usize..300,
            quarter in 1_u64..20,
            pieces in prop::collection::vec(1_usize..50, 1..9),
        ) {
            let text: Vec<u8> = (0..length).map(|at| u8::try_from(at % 251).unwrap()).collect();
            let limit = quarter * 4;
            let (kept, digest) = stored(&text, limit, &pieces);
            let head = text.len().min(usize::try_from(limit / 2).unwrap());
            let left_out = usize::try_from(digest.left_out).unwrap();
            let line = if left_out > 0 { gap(digest.left_out) } else { String::new() };
            let wanted = [&text[..head], line.as_bytes(), &text[head + left_out..]].concat();
            prop_assert_eq!(&kept, &wanted);
            prop_assert!(kept.len() - line.len() <= usize::try_from(limit).unwrap());
            prop_assert!(left_out == 0 || text.len() - head - left_out >= usize::try_from(quarter).unwrap());
        }
    }
}
