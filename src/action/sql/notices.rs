//! What a server says beside its answers: `RAISE NOTICE`, warnings.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::UnboundedSender;
use tokio_postgres::error::{DbError, Severity};

use super::secrets::Secrets;

/// How many bytes are kept.
const MOST_BYTES: usize = 64 * 1024;

/// The notices of one session, written by the task that serves it. A clone is the same list.
#[derive(Clone, Default)]
pub struct Notices(Arc<Mutex<Kept>>);

#[derive(Default)]
struct Kept {
    text: String,
    truncated: bool,
    screen: Option<UnboundedSender<String>>,
    last_words: Option<String>,
}

impl Notices {
    /// From now on they are shown as they come.
    pub fn show(&self, screen: UnboundedSender<String>) {
        self.lock().screen = Some(screen);
    }

    /// Adds one.
    pub fn keep(&self, notice: &DbError, secrets: &Secrets) {
        let line = secrets.remove(&format!("{}: {}", notice.severity(), notice.message()));
        let mut kept = self.lock();
        if matches!(notice.parsed_severity(), Some(Severity::Fatal | Severity::Panic)) {
            let said = format!("{} {}: {}", notice.severity(), notice.code().code(), notice.message());
            kept.last_words = Some(secrets.remove(&said));
        }
        if let Some(screen) = &kept.screen {
            // Nobody may look any more; the line is kept all the same.
            let _ = screen.send(line.clone());
        }
        if kept.text.len() + line.len() < MOST_BYTES {
            kept.text.push_str(&line);
            kept.text.push('\n');
        } else {
            kept.truncated = true;
        }
    }

    /// The head of all lines, without the last line's end, and whether some are missing.
    #[must_use]
    pub fn all(&self) -> (String, bool) {
        let kept = self.lock();
        (kept.text.trim_end_matches('\n').to_owned(), kept.truncated)
    }

    /// What the server said when it closed the session while nothing was asked of it.
    #[must_use]
    pub fn last_words(&self) -> Option<String> {
        self.lock().last_words.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
