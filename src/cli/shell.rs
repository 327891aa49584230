//! The bash and the shellcheck of this machine, for the checks of scripts.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::environment::Environment;
use crate::action::lint;
use crate::check::shell::{Question, Shell};
use crate::report::terminal;

/// How long one program may take, and how much longer for each script and each kilobyte that it reads.
const PATIENCE: Duration = Duration::from_secs(30);
const PATIENCE_MORE: Duration = Duration::from_millis(100);

/// The programs of this machine. Threads may ask at the same time.
pub struct Local {
    variables: BTreeMap<String, String>,
    wanted: &'static [&'static str],
    unanswered: Mutex<BTreeSet<String>>,
    /// Programs that did not end: of a thousand files each would be waited for again.
    stuck: Mutex<BTreeSet<String>>,
}

impl Local {
    /// For who wants to know everything.
    pub fn thorough(environment: &Environment) -> Self {
        Self::asking(&["bash", "shellcheck"], environment)
    }

    /// For who is about to run it: whether bash can read the scripts.
    pub fn quick(environment: &Environment) -> Self {
        Self::asking(&["bash"], environment)
    }

    fn asking(wanted: &'static [&'static str], environment: &Environment) -> Self {
        Self { variables: environment.variables.clone(), wanted, unanswered: Mutex::default(), stuck: Mutex::default() }
    }

    /// Says on standard error what could not be asked: not having been looked at is not being right.
    pub fn tell(&self) {
        for why in self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            terminal::err(&format!("note: {why}\n"));
        }
    }
}

impl Shell for Local {
    fn ask(&self, question: &Question<'_>) -> io::Result<Vec<u8>> {
        let program = question.argv.first().copied().unwrap_or_default();
        if !self.wanted.contains(&program) {
            return Err(io::ErrorKind::NotFound.into());
        }
        if self.stuck.lock().unwrap_or_else(PoisonError::into_inner).contains(program) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let more = u32::try_from(question.files.len() + question.input.len() / 1024).unwrap_or(u32::MAX);
        let limit = PATIENCE.saturating_add(PATIENCE_MORE.saturating_mul(more));
        let answer = lint::ask(&self.variables, question.argv, question.input, question.files, limit);
        let answer = runtime.block_on(answer);
        // That nobody installed shellcheck is no news.
        if let Err(error) = &answer
            && !(program == "shellcheck" && error.kind() == io::ErrorKind::NotFound)
        {
            if error.kind() == io::ErrorKind::TimedOut {
                self.stuck.lock().unwrap_or_else(PoisonError::into_inner).insert(program.to_owned());
            }
            let why = format!("{program} has not read the scripts: {error}");
            self.unanswered.lock().unwrap_or_else(PoisonError::into_inner).insert(why);
        }
        answer
    }
}
