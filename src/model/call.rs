//! An action with every value filled in: what hands and eyes are given.
//!
//! A call has no templates left in it. It may hold secrets, so it is never stored and prints without them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

/// One rendered action of a kind that is carried out by the program.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// A local process.
    Process(ProcessCall),
    /// Statements that may change a database.
    Sql(SqlCall),
    /// One statement in a read-only transaction.
    Query(SqlCall),
    /// A file made to be so.
    File(FileCall),
    /// A file put back as it was before a step.
    Restore(RestoreCall),
    /// One request.
    Http(HttpCall),
}

/// A request to send.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpCall {
    /// In capitals.
    pub method: String,
    /// Where to. Holds no secret.
    pub url: String,
    /// Values by name, as the runbook writes the names.
    pub headers: BTreeMap<String, Hidden<String>>,
    /// What is sent with it.
    pub body: Option<Hidden<String>>,
    /// Whether that is JSON.
    pub is_json: bool,
    /// What the response has to be.
    pub expect: HttpWanted,
    /// A file of certificates to trust, absolute.
    pub ca: Option<PathBuf>,
    /// A file with the own certificate, absolute.
    pub cert: Option<PathBuf>,
    /// A file with its key, absolute.
    pub key: Option<PathBuf>,
}

/// What a response has to be, rendered.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct HttpWanted {
    /// One of these, any 2xx when empty.
    pub status: Vec<u16>,
    /// Regular expression, searched for in the body.
    pub body: Option<String>,
    /// What the body's JSON has to contain.
    pub json: Option<Value>,
}

/// The built-in undo of a file step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestoreCall {
    /// What the step's first attempt recorded: the file goes back to its `before`.
    pub intent: super::event::FileIntent,
    /// The step whose kept bytes are put back.
    pub step: String,
    /// Run when bytes changed.
    pub reload: Option<Vec<String>>,
    /// Folder for `reload`, absolute.
    pub cwd: PathBuf,
}

/// Text that is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Hidden<T>(pub T);

impl<T> fmt::Debug for Hidden<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(hidden)")
    }
}

/// A process to start.
#[derive(Debug, Clone, PartialEq)]
pub struct ProcessCall {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Variables set beside the allow-listed ones of the program's own environment.
    pub env: BTreeMap<String, Hidden<String>>,
    /// Bytes for standard input; empty when `None`.
    pub stdin: Option<Hidden<String>>,
    /// The folder it runs in, absolute.
    pub cwd: PathBuf,
}

/// A server to talk to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// The target's name in the runbook.
    pub name: String,
    /// libpq connection string or URI, rendered.
    pub string: Hidden<String>,
    /// Overrides one in the string.
    pub password: Option<Hidden<String>>,
    /// Overrides the database of the string.
    pub database: Option<String>,
}

/// Statements for a server.
#[derive(Debug, Clone, PartialEq)]
pub struct SqlCall {
    /// Where.
    pub connection: Connection,
    /// The text with `:'name'` and `:"name"` still in it.
    pub text: String,
    /// What those stand for.
    pub variables: BTreeMap<String, Hidden<Value>>,
    /// One transaction around all, or each statement by itself.
    pub transaction: bool,
}

/// A file to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileCall {
    /// Which, absolute.
    pub path: PathBuf,
    /// What should be in it; `None` leaves it.
    pub content: Option<Desired>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// User name.
    pub owner: Option<String>,
    /// Group name.
    pub group: Option<String>,
    /// Run on the new file, `%s` is its path.
    pub validate: Option<Vec<String>>,
    /// Run when bytes changed.
    pub reload: Option<Vec<String>>,
    /// Where a copy stays, absolute.
    pub backup: Option<PathBuf>,
    /// Folder for `validate` and `reload`, absolute.
    pub cwd: PathBuf,
}

/// What should be in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// Just these bytes.
    Bytes(Vec<u8>),
    /// The bytes of that file, which has that digest (lower-case hex of SHA-256).
    Source {
        /// Absolute.
        path: PathBuf,
        /// The digest that was approved.
        sha256: String,
    },
    /// What is there, with replacements.
    Edits(Vec<DesiredEdit>),
    /// Nothing: no such file.
    Absent,
}

/// One replacement, rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DesiredEdit {
    /// Multi-line regular expression.
    pub pattern: String,
    /// What takes its place; `\1` is the first group.
    pub replace: String,
    /// How many matches there have to be.
    pub expect: super::step::Expect,
}

/// Which attempt a call belongs to, and its limits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The run's id.
    pub run: String,
    /// The step's name in the journal.
    pub step: String,
    /// From 1.
    pub attempt: u32,
    /// `None` going forward, else which part of the undo, from 0.
    pub undo: Option<usize>,
    /// Hard limit.
    pub timeout: Option<Duration>,
    /// Output is not stored.
    pub sensitive: bool,
    /// Values to be removed from all output.
    pub secrets: Hidden<Vec<String>>,
}

impl Ticket {
    /// A name for files and sessions of this attempt: `step.2` or `step.undo0.1`. Contains no `/`.
    #[must_use]
    pub fn label(&self) -> String {
        let step = self.step.replace('/', "~");
        self.undo
            .map_or_else(|| format!("{step}.{}", self.attempt), |part| format!("{step}.undo{part}.{}", self.attempt))
    }
}
