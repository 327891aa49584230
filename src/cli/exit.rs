//! Errors for people, and the exit codes.

use crate::journal::chain::ChainError;
use crate::journal::file::JournalError;
use crate::journal::lock::LockError;
use crate::journal::store::StoreError;
use crate::report::terminal;
use crate::run::log::LogError;

/// The records, or what they speak of, are not what they were.
pub const TAMPERED: u8 = 1;
/// Wrong usage, or an invalid runbook.
pub const USAGE: u8 = 2;
/// Refused before anything ran.
pub const REFUSED: u8 = 3;
/// Stopped, and can be resumed.
pub const STOPPED: u8 = 6;

/// Why a command did not do what was asked, in words for people.
#[derive(Debug)]
pub struct Exit {
    code: u8,
    message: String,
    chain: Vec<String>,
    help: Option<String>,
}

impl Exit {
    /// A message with its code.
    pub fn new(code: u8, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), chain: Vec::new(), help: None }
    }

    /// An error with its causes.
    pub fn of(code: u8, error: &dyn std::error::Error) -> Self {
        let mut chain = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            chain.push(cause.to_string());
            source = cause.source();
        }
        Self { code, message: error.to_string(), chain, help: None }
    }

    /// What to type next.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, with another code.
    #[must_use]
    pub fn with_code(self, code: u8) -> Self {
        Self { code, ..self }
    }

    /// Prints it; the code.
    pub fn show(self) -> u8 {
        if !self.message.is_empty() {
            terminal::error(&self.message, &self.chain, self.help.as_deref());
        }
        self.code
    }

    /// Everything is said already.
    pub const fn silent(code: u8) -> Self {
        Self { code, message: String::new(), chain: Vec::new(), help: None }
    }
}

impl From<StoreError> for Exit {
    fn from(error: StoreError) -> Self {
        let refused = matches!(error, StoreError::Unusable { .. } | StoreError::Foreign { .. });
        let code = if refused { REFUSED } else { USAGE };
        let exit = Self::of(code, &error);
        match error {
            StoreError::Unusable { .. } => {
                exit.help("make the folder writable, or name another with RUNBOOK_STATE=FOLDER")
            }
            StoreError::Foreign { .. } => {
                exit.help("run as that user, or name a folder of your own with RUNBOOK_STATE=FOLDER")
            }
            StoreError::Ambiguous { .. } => exit.help("runbook list shows where each of them stands"),
            StoreError::Io { action: "read", .. } => {
                exit.help("runbook list shows which runs can be read; name the one that is meant")
            }
            _ => exit,
        }
    }
}

impl From<LockError> for Exit {
    fn from(error: LockError) -> Self {
        let exit = Self::of(REFUSED, &error);
        match error {
            LockError::Held { holder, .. } => {
                exit.help(format!("wait for it, or look at it with: runbook status {}", holder.run))
            }
            LockError::Io { .. } => exit.help(
                "nothing was run; make room or make it writable, or name another folder with RUNBOOK_STATE=FOLDER",
            ),
        }
    }
}

impl From<JournalError> for Exit {
    fn from(error: JournalError) -> Self {
        let code = if matches!(error, JournalError::Tampered { .. }) { TAMPERED } else { STOPPED };
        Self::of(code, &error).help(error.mend())
    }
}

impl From<LogError> for Exit {
    fn from(error: LogError) -> Self {
        let exit = Self::of(STOPPED, &error);
        match error {
            LogError::Journal(error) => exit.help(error.mend()),
            LogError::Illegal(_) => exit.help("look at it with: runbook audit verify"),
        }
    }
}

/// The log of that run cannot be believed.
pub fn damaged(error: &ChainError, run: &str) -> Exit {
    let mut exit = Exit::of(TAMPERED, error).help(format!("look at it with: runbook audit verify {run}"));
    exit.message = format!("{run}: {}", exit.message);
    exit
}
