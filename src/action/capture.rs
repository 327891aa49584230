//! Taking in what a process writes: counted whole, cleaned of secrets, its head kept.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use aho_corasick::BuildError;
use tokio::io::{AsyncRead, AsyncReadExt};

use super::redact::Redactor;

/// How much of one stream is kept, in bytes. The rest is read, counted and dropped.
pub const KEPT: usize = 1024 * 1024;

/// One stream of one process.
#[derive(Debug)]
pub struct Capture {
    redactor: Redactor,
    store: Option<PathBuf>,
    file: Option<File>,
    /// What is kept, secrets removed.
    pub head: Vec<u8>,
    /// How many bytes the process wrote.
    pub bytes: u64,
    /// Whether something is not in `head`, or could not be stored.
    pub truncated: bool,
}

impl Capture {
    /// Keeps the head in memory, and in a file as it comes when `store` says where. The file is made with the first
    /// byte, readable by its owner only.
    ///
    /// # Errors
    ///
    /// When the secrets cannot be searched for.
    pub fn new(secrets: &[String], store: Option<PathBuf>) -> Result<Self, BuildError> {
        let redactor = Redactor::new(secrets)?;
        Ok(Self { redactor, store, file: None, head: Vec::new(), bytes: 0, truncated: false })
    }

    /// Reads the stream to its end. May be dropped at any time; [`Capture::finish`] has to be called after it.
    pub async fn pump(&mut self, mut stream: impl AsyncRead + Unpin) {
        let mut buffer = vec![0; 32 * 1024];
        loop {
            // A pipe that cannot be read any more is at its end.
            let read = stream.read(&mut buffer).await.unwrap_or(0);
            if read == 0 {
                break;
            }
            self.bytes += read as u64;
            let clean = self.redactor.write(&buffer[..read]);
            self.keep(&clean);
        }
    }

    /// Keeps what the redactor still holds, and makes the file durable. Its folder is not synced.
    pub fn finish(&mut self) {
        let clean = self.redactor.finish();
        self.keep(&clean);
        if self.file.take().is_some_and(|file| file.sync_data().is_err()) {
            self.truncated = true;
        }
    }

    fn keep(&mut self, clean: &[u8]) {
        let (kept, dropped) = clean.split_at(clean.len().min(KEPT - self.head.len()));
        self.truncated |= !dropped.is_empty();
        if kept.is_empty() {
            return;
        }
        self.head.extend_from_slice(kept);
        // A full disk must not stop the step, which may be in the middle of something: the loss is recorded.
        if let Err(error) = self.append(kept) {
            tracing::debug!(%error, "output could not be stored");
            self.truncated = true;
            self.store = None;
        }
    }

    fn append(&mut self, kept: &[u8]) -> io::Result<()> {
        let Some(path) = &self.store else { return Ok(()) };
        if self.file.is_none() {
            self.file = Some(OpenOptions::new().append(true).create(true).mode(0o600).open(path)?);
        }
        self.file.as_mut().map_or(Ok(()), |file| file.write_all(kept))
    }
}
