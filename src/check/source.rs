//! The text of one file and its places. The tree reads it, findings point into it.

use std::path::PathBuf;

use crate::model::diagnostic::{Diagnostic, Severity, Span};
use crate::model::place::Lines;

/// The largest file that is read, in bytes.
pub const LIMIT: usize = 1024 * 1024;

const BYTE_ORDER_MARK: char = '\u{feff}';

/// The text of one file. Spans are byte offsets into `text`; a byte order mark is not part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The file as the person named it.
    pub path: PathBuf,
    /// What it says.
    pub text: String,
    lines: Lines,
}

impl Source {
    /// A text that needs no checking, such as one that the program itself wrote.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        let text = text.into();
        let lines = Lines::new(&text);
        Self { path: path.into(), text, lines }
    }

    /// The bytes of a file as text.
    ///
    /// # Errors
    ///
    /// A finding when the file is larger than [`LIMIT`], is not UTF-8, or has a NUL in it. Its span is one of the
    /// text that [`readable`] gives.
    pub fn from_bytes(path: impl Into<PathBuf>, bytes: &[u8]) -> Result<Self, Box<Diagnostic>> {
        let path = path.into();
        if bytes.len() > LIMIT {
            let message = format!("the file has {} bytes, more than the {LIMIT} that are read", bytes.len());
            let help = "a runbook is text for people; keep data in files of their own";
            return Err(Box::new(finding("RB0106", path, Span::default(), message, help)));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
            Err(error) => return Err(Box::new(not_utf8(path, bytes, error.valid_up_to()))),
        };
        if let Some(at) = text.find('\0') {
            let message = "a NUL character is not allowed in a runbook".to_owned();
            let span = Span { start: at, end: at + 1 };
            return Err(Box::new(finding("RB0101", path, span, message, "remove it, and save the file as UTF-8 text")));
        }
        Ok(Self::new(path, text))
    }

    /// The line and column of a byte offset, both from 1, the column in characters.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        self.lines.line_column(&self.text, offset)
    }
}

/// What can be shown of bytes that [`Source::from_bytes`] refused: no byte order mark, replacement characters for
/// what is not UTF-8. The offsets of its findings hold in it.
#[must_use]
pub fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text).to_owned()
}

fn not_utf8(path: PathBuf, bytes: &[u8], valid: usize) -> Diagnostic {
    let mark = if bytes.starts_with(BYTE_ORDER_MARK.to_string().as_bytes()) { BYTE_ORDER_MARK.len_utf8() } else { 0 };
    let start = valid - mark;
    let byte = bytes.get(valid).copied().unwrap_or_default();
    let message = format!("the file is not UTF-8: the byte 0x{byte:02x} starts no character");
    let span = Span { start, end: start + char::REPLACEMENT_CHARACTER.len_utf8() };
    finding("RB0101", path, span, message, "save the file as UTF-8")
}

fn finding(code: &'static str, file: PathBuf, span: Span, message: String, help: &str) -> Diagnostic {
    Diagnostic { code, severity: Severity::Error, message, file, span, labels: Vec::new(), help: Some(help.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> Diagnostic {
        *Source::from_bytes("a.yaml", bytes).unwrap_err()
    }

    #[test]
    fn a_byte_order_mark_is_not_part_of_the_text() {
        let source = Source::from_bytes("a.yaml", "\u{feff}a: b".as_bytes()).unwrap();
        assert_eq!(source.text, "a: b");
        assert_eq!(source.line_column(3), (1, 4));
    }

    #[test]
    fn carriage_returns_before_line_feeds_do_not_move_lines() {
        let source = Source::from_bytes("a.yaml", b"a: b\r\nc: d\r\n").unwrap();
        assert_eq!(source.line_column(6), (2, 1));
    }

    #[test]
    fn a_byte_that_is_not_utf8_is_found_at_its_place() {
        let found = refused(b"\xef\xbb\xbfa: b\nc: \xe9t\xe9\n");
        assert_eq!((found.code, found.span), ("RB0101", Span { start: 8, end: 11 }));
        assert_eq!(found.message, "the file is not UTF-8: the byte 0xe9 starts no character");
        assert_eq!(&readable(b"\xef\xbb\xbfa: b\nc: \xe9t\xe9\n")[8..11], "\u{fffd}");
    }

    #[test]
    fn a_nul_is_found_at_its_place() {
        let found = refused(b"a: \0b");
        assert_eq!((found.code, found.span), ("RB0101", Span { start: 3, end: 4 }));
    }

    #[test]
    fn a_file_above_the_limit_is_refused_and_one_at_the_limit_is_not() {
        assert_eq!(refused(&vec![b'a'; LIMIT + 1]).code, "RB0106");
        assert!(Source::from_bytes("a.yaml", &vec![b'a'; LIMIT]).is_ok());
    }
}
