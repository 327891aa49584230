//! The text of one file and its places. The tree reads it, findings point into it.

use std::path::PathBuf;

use super::unreadable;
use crate::model::diagnostic::{Diagnostic, Span};
use crate::model::place::Lines;

/// The largest file that is read, in bytes: more than ten thousand steps need.
pub const LIMIT: usize = 4 * 1024 * 1024;

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
    /// A finding when the file is larger than [`LIMIT`], or is not UTF-8. Its span is one of the text that
    /// [`readable`] gives.
    pub fn from_bytes(path: impl Into<PathBuf>, bytes: &[u8]) -> Result<Self, Box<Diagnostic>> {
        let path = path.into();
        if bytes.len() > LIMIT {
            return Err(Box::new(unreadable::size(&path)));
        }
        if unreadable::wide(bytes).is_some() {
            return Err(Box::new(unreadable::encoding(&path, bytes, 0)));
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text),
            Err(error) => return Err(Box::new(unreadable::encoding(&path, bytes, error.valid_up_to()))),
        };
        Ok(Self::new(path, text))
    }

    /// The line of a byte offset, from 1.
    #[must_use]
    pub fn line(&self, offset: usize) -> usize {
        self.lines.line(offset)
    }

    /// The line and column of a byte offset, both from 1, the column in characters.
    #[must_use]
    pub fn line_column(&self, offset: usize) -> (usize, usize) {
        self.lines.line_column(&self.text, offset)
    }

    /// As much of a span as stands on its first line.
    #[must_use]
    pub fn first_line(&self, span: Span) -> Span {
        let text = self.text.get(span.start..span.end).unwrap_or_default();
        let length = text.find(['\n', '\r']).unwrap_or(text.len());
        Span { start: span.start, end: span.start + text[..length].trim_end().len() }
    }
}

/// What can be shown of bytes that [`Source::from_bytes`] refused: no byte order mark, replacement characters for
/// what is not UTF-8, nothing behind the largest size. The offsets of its findings hold in it.
#[must_use]
pub fn readable(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(LIMIT)]);
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text).to_owned()
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
        assert_eq!(found.message, "the file is not UTF-8: the byte 0xe9 is `é` in Latin-1 (Windows-1252)");
        assert_eq!(&readable(b"\xef\xbb\xbfa: b\nc: \xe9t\xe9\n")[8..11], "\u{fffd}");
        assert_eq!(
            refused(b"a: \x93b\x94").message,
            "the file is not UTF-8: the byte 0x93 is `“` in Latin-1 (Windows-1252)"
        );
        for bytes in [b"a: \x81b".as_slice(), b"a: \xff\x00b"] {
            assert!(refused(bytes).message.ends_with("starts no character"), "{bytes:?}");
        }
    }

    #[test]
    fn an_encoding_in_several_bytes_is_named() {
        let texts: [(&[u8], &str); 6] = [
            (b"\xff\xfea\0:\0", "UTF-16"),
            (b"\xfe\xff\0a\0:", "UTF-16"),
            (b"a\0:\0", "UTF-16 without a byte order mark"),
            (b"\0a\0:", "UTF-16 without a byte order mark"),
            (b"\xff\xfe\0\0a\0\0\0", "UTF-32"),
            (b"\0\0\0a\0\0\0:", "UTF-32 without a byte order mark"),
        ];
        for (bytes, name) in texts {
            let found = refused(bytes);
            assert_eq!(found.message, format!("the file is {name}, not UTF-8"));
            assert_eq!(found.span.start, 0);
        }
        assert_eq!(
            refused(b"a\0:\0").help.as_deref(),
            Some("save it as UTF-8, for instance with: iconv -f UTF-16LE -t UTF-8")
        );
    }

    #[test]
    fn a_file_above_the_limit_is_refused_and_one_at_the_limit_is_not() {
        let found = refused(&vec![b'a'; LIMIT + 1]);
        assert_eq!((found.code, found.message.as_str()), ("RB0106", "the file is larger than 4 MiB, and is not read"));
        assert!(Source::from_bytes("a.yaml", &vec![b'a'; LIMIT]).is_ok());
    }
}
