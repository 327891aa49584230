//! Taking in what a process writes: counted whole, cleaned of secrets, and handed to what keeps it.

use tokio::io::{AsyncRead, AsyncReadExt};

use super::redact::{Forms, Redactor};

/// How much of one stream of a probe is kept, in bytes. The rest is read, counted and dropped.
pub const KEPT: usize = 1024 * 1024;

/// How much is read at once.
const CHUNK: usize = 256 * 1024;

/// Where clean output goes.
pub trait Keep {
    /// Takes the next bytes, secrets removed.
    fn keep(&mut self, clean: &[u8]);
}

/// The head of a stream in memory.
#[derive(Debug, Default)]
pub struct Head {
    /// What is kept.
    pub bytes: Vec<u8>,
    /// Whether something is not in `bytes`.
    pub truncated: bool,
}

impl Keep for Head {
    fn keep(&mut self, clean: &[u8]) {
        let (kept, dropped) = clean.split_at(clean.len().min(KEPT - self.bytes.len()));
        self.truncated |= !dropped.is_empty();
        self.bytes.extend_from_slice(kept);
    }
}

/// One stream of one process.
#[derive(Debug)]
pub struct Capture<K> {
    redactor: Redactor,
    /// How many bytes the process wrote.
    pub bytes: u64,
    /// What is kept of them.
    pub kept: K,
}

impl<K: Keep> Capture<K> {
    /// Removes those secrets, and gives the rest to `kept` as it comes.
    #[must_use]
    pub const fn new(secrets: Option<Forms>, kept: K) -> Self {
        Self { redactor: Redactor::with(secrets), bytes: 0, kept }
    }

    /// Reads the stream to its end. May be dropped at any time; [`Capture::finish`] has to be called after it.
    pub async fn pump(&mut self, mut stream: impl AsyncRead + Unpin) {
        loop {
            // A pipe that cannot be read any more is at its end.
            let read = stream.read(self.redactor.room(CHUNK)).await.unwrap_or(0);
            if read == 0 {
                break;
            }
            self.bytes += read as u64;
            self.redactor.pass(read, |clean| self.kept.keep(clean));
        }
    }

    /// Keeps what was held back in case that it became a secret.
    pub fn finish(&mut self) {
        self.redactor.end(|clean| self.kept.keep(clean));
    }
}
