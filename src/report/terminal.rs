//! The doors to standard output and standard error. A reader that went away stops nothing.

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal as _, Write as _};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::lane::{self, Stream};

static LOST: OnceLock<String> = OnceLock::new();
static GONE: AtomicBool = AtomicBool::new(false);

/// What a stream can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looks {
    /// Colours are wanted and understood.
    pub color: bool,
    /// Characters beyond ASCII are understood.
    pub unicode: bool,
    /// Columns.
    pub width: usize,
    /// A person looks at standard output.
    pub is_terminal: bool,
}

impl Looks {
    /// What standard output can show, by `NO_COLOR`, `CLICOLOR_FORCE`, `CLICOLOR`, `TERM`, and `LC_ALL`, `LC_CTYPE` or
    /// `LANG`. A variable that is set to nothing is not set.
    #[must_use]
    pub fn of_stdout<'v>(variable: impl Fn(&str) -> Option<&'v str>) -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let color = wants_color(is_terminal, &variable);
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(&variable);
        let locale = locale.unwrap_or_default().to_ascii_lowercase();
        let unicode = !is_terminal || locale.contains("utf-8") || locale.contains("utf8");
        let width = rustix::termios::tcgetwinsize(std::io::stdout())
            .map(|size| usize::from(size.ws_col))
            .ok()
            .filter(|columns| is_terminal && *columns >= 20)
            .unwrap_or(80);
        Self { color, unicode, width, is_terminal }
    }
}

impl Looks {
    /// A text whose ornaments this stream can show: without Unicode, ASCII takes their place.
    #[must_use]
    pub fn fit(&self, text: String) -> String {
        if self.unicode { text } else { super::text::ascii(&text) }
    }
}

/// Whether colours are wanted and understood: `NO_COLOR` decides first, then `CLICOLOR_FORCE`.
fn wants_color<'v>(is_terminal: bool, variable: impl Fn(&str) -> Option<&'v str>) -> bool {
    let forced = variable("CLICOLOR_FORCE").is_some_and(|force| force != "0");
    let shown = is_terminal && variable("CLICOLOR") != Some("0") && variable("TERM") != Some("dumb");
    variable("NO_COLOR").is_none() && (forced || shown)
}

/// Has threads write from now on, so that nobody waits for who reads. `notice` tells of text that was dropped because
/// nobody read for long.
pub fn write_behind(notice: lane::Notice) {
    if let Err(error) = lane::open(notice, |stream, written| note(stream, written.as_ref().err())) {
        tracing::debug!(%error, "no thread to write with");
    }
}

/// Waits until everything is written; false where that did not come about in time.
#[must_use]
pub fn drain(limit: Option<Duration>) -> bool {
    lane::drain(limit)
}

/// Whether what can be left out of standard error had better be: earlier text still waits.
#[must_use]
pub fn is_behind() -> bool {
    lane::is_behind(Stream::Err)
}

/// Writes to standard output and flushes.
pub fn out(text: &str) {
    if lane::put(Stream::Out, text) {
        return;
    }
    let mut stdout = std::io::stdout().lock();
    let written = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
    note(Stream::Out, written.err().as_ref());
}

/// Keeps what is wrong with standard output.
fn note(stream: Stream, error: Option<&std::io::Error>) {
    match error.filter(|_| stream == Stream::Out) {
        None => {}
        Some(error) if error.kind() == ErrorKind::BrokenPipe => GONE.store(true, Ordering::Relaxed),
        Some(error) => drop(LOST.set(error.to_string())),
    }
}

/// Whether nobody reads standard output any more.
#[must_use]
pub fn is_gone() -> bool {
    GONE.load(Ordering::Relaxed)
}

/// Why standard output does not have all that was written to it, as on a full disk. A reader that went away had enough.
#[must_use]
pub fn lost() -> Option<&'static str> {
    LOST.get().map(String::as_str)
}

/// Writes to standard error.
pub fn err(text: &str) {
    if lane::put(Stream::Err, text) {
        return;
    }
    let _gone = std::io::stderr().lock().write_all(text.as_bytes());
}

/// An error with its causes and what to do, on standard error.
pub fn error(message: &str, chain: &[String], help: Option<&str>) {
    let mut text = format!("error: {}\n", super::text::escape_lines(message));
    for cause in chain {
        let _infallible = writeln!(text, "  because: {}", super::text::escape_lines(cause));
    }
    if let Some(help) = help {
        let _infallible = writeln!(text, "  help: {}", super::text::escape_lines(help));
    }
    err(&text);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn colored(is_terminal: bool, variables: &[(&str, &'static str)]) -> bool {
        wants_color(is_terminal, |name| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
    }

    #[test]
    fn colours_are_for_terminals_unless_somebody_says_otherwise() {
        assert!(colored(true, &[]));
        assert!(!colored(false, &[]));
        assert!(!colored(true, &[("NO_COLOR", "1")]));
        assert!(!colored(true, &[("CLICOLOR", "0")]));
        assert!(!colored(true, &[("TERM", "dumb")]));
        assert!(colored(false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!colored(false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!colored(false, &[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]));
    }
}
