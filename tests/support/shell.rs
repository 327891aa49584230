//! The shells of this machine, asked as the program asks them.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::io;
use std::sync::Mutex;
use std::time::Duration;

use runbook::check::shell::{Question, Shell};

/// The shells, and what was asked of them.
#[derive(Debug, Default)]
pub struct Shells {
    /// Whether shellcheck is as good as not installed.
    pub bash_only: bool,
    /// The program of each question.
    pub asked: Mutex<Vec<String>>,
}

impl Shell for Shells {
    fn ask(&self, question: &Question<'_>) -> io::Result<Vec<u8>> {
        if self.bash_only && question.argv[0] != "bash" {
            return Err(io::ErrorKind::NotFound.into());
        }
        self.asked.lock().unwrap().push(question.argv[0].to_owned());
        let own: BTreeMap<String, String> = [("PATH".to_owned(), "/usr/local/bin:/usr/bin:/bin".to_owned())].into();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let limit = Duration::from_mins(2);
        runtime.block_on(runbook::action::lint::ask(&own, question.argv, question.input, question.files, limit))
    }
}

/// Whether shellcheck is installed here; a test that needs it does nothing where it is not.
#[expect(clippy::disallowed_methods, reason = "tests start programs")]
pub fn has_shellcheck() -> bool {
    std::process::Command::new("shellcheck").arg("--version").output().is_ok()
}
