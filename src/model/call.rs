//! An action with every value filled in: what hands and eyes are given.
//!
//! A call has no templates left in it. It may hold secrets, so it is never stored and prints without them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;

use super::digest::sha256;

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
    /// What its last attempt recorded: the file is still as before or as after that one.
    pub latest: super::event::FileIntent,
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
    /// A name for files and sessions of this attempt, see [`label`].
    #[must_use]
    pub fn label(&self) -> String {
        label(&self.step, self.undo, self.attempt)
    }
}

/// The longest [`file_name`], in bytes, so that a label with its longest ending keeps below what a folder takes.
const LONGEST: usize = 160;

/// The name of an attempt's files: `step.2`, or `step.undo0.1` for a part of an undo. No two attempts of a run share
/// one, whatever their steps are called, and none is longer than 200 bytes.
#[must_use]
pub fn label(step: &str, undo: Option<usize>, attempt: u32) -> String {
    let step = file_name(step);
    undo.map_or_else(|| format!("{step}.{attempt}"), |part| format!("{step}.undo{part}.{attempt}"))
}

/// The name of a step in the journal as the beginning of a file's name: printable ASCII without a slash, different for
/// different steps. `/` becomes `~`; what may not stand there becomes `%` and its number, byte by byte; what is too
/// long ends with `%%` and its digest.
#[must_use]
pub fn file_name(step: &str) -> String {
    let undo = undo_ending(step);
    let mut name = String::with_capacity(step.len());
    let mut cut = 0;
    for (place, byte) in step.bytes().enumerate() {
        let is_first = place == 0;
        match byte {
            b'/' => name.push('~'),
            b'.' | b'-' if is_first => push_escaped(&mut name, byte),
            b'.' if undo == Some(place) => push_escaped(&mut name, byte),
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'0'..=b'9'
            | b'-'
            | b'_'
            | b'.'
            | b'['
            | b']'
            | b'+'
            | b','
            | b'='
            | b':'
            | b'@' => {
                name.push(char::from(byte));
            }
            _ => push_escaped(&mut name, byte),
        }
        if name.len() <= LONGEST - DIGEST - 2 {
            cut = name.len();
        }
    }
    if name.is_empty() {
        // Nothing else has a sign of its own that no number follows.
        name.push('%');
    }
    if name.len() > LONGEST {
        name.truncate(cut);
        name.push_str("%%");
        name.push_str(&sha256(&[step.as_bytes()])[..DIGEST]);
    }
    name
}

/// How many digits of a digest stand for the end of a long name.
const DIGEST: usize = 32;

fn push_escaped(name: &mut String, byte: u8) {
    name.push('%');
    name.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or_default());
    name.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or_default());
}

/// Where a step's name ends like the label of an undo, the place of that ending.
fn undo_ending(step: &str) -> Option<usize> {
    let place = step.rfind(".undo")?;
    let digits = &step[place + ".undo".len()..];
    (!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())).then_some(place)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn usual_names_stay_readable() {
        assert_eq!(label("create-index", None, 2), "create-index.2");
        assert_eq!(label("drain[web-1]", None, 1), "drain[web-1].1");
        assert_eq!(label("upgrade/check", Some(0), 1), "upgrade~check.undo0.1");
        assert_eq!(label("pooler.acquire", None, 1), "pooler.acquire.1");
    }

    #[test]
    fn names_that_would_be_another_file_are_written_differently() {
        let names = ["a/b", "a~b", "a%7eb", "..", ".", "", "%", "-rf", "a.undo0", "a\nb", "ü", "a b", "a[../../x]"];
        let wanted = [
            "a~b",
            "a%7eb",
            "a%257eb",
            "%2e.",
            "%2e",
            "%",
            "%25",
            "%2drf",
            "a%2eundo0",
            "a%0ab",
            "%c3%bc",
            "a%20b",
            "a[..~..~x]",
        ];
        assert_eq!(names.map(file_name), wanted);
    }

    #[test]
    fn a_long_name_is_cut_and_keeps_what_tells_it_apart() {
        let (one, two) = ("x".repeat(300) + "1", "x".repeat(300) + "2");
        let name = file_name(&one);
        assert_eq!((name.len(), &name[..3], name.contains("%%")), (160, "xxx", true));
        assert_ne!(name, file_name(&two));
        assert_eq!(file_name(&"y".repeat(160)), "y".repeat(160));
    }

    fn names() -> impl Strategy<Value = String> {
        let hostile = prop::sample::select(vec![
            "a",
            "/",
            "~",
            "%",
            ".",
            "..",
            "undo0",
            ".undo0",
            ".1",
            "7e",
            "2f",
            "[",
            "]",
            "\n",
            "ü",
            "é",
            " ",
            "\0",
            "-",
            "😀",
            "%%",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        ]);
        prop::collection::vec(hostile, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn no_two_attempts_share_a_label_and_each_is_a_plain_file_name(
            attempts in prop::collection::vec((names(), prop::option::of(0_usize..2), 1_u32..3), 1..60),
        ) {
            let mut seen = BTreeMap::new();
            for attempt in attempts {
                let label = label(&attempt.0, attempt.1, attempt.2);
                prop_assert!(label.len() <= 200, "{label}");
                prop_assert!(label.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/'), "{label}");
                prop_assert!(!label.starts_with(['.', '-']), "{label}");
                let before = seen.insert(label.clone(), attempt.clone());
                prop_assert!(before.is_none_or(|before| before == attempt), "{label}");
            }
        }
    }
}
