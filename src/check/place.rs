//! From an offset within the text of a scalar to the place in the file.

use std::rc::Rc;

use crate::model::diagnostic::Span;

/// The offset in the file of each byte of a text.
pub(super) type Offsets = Rc<[usize]>;

/// Where each byte of a scalar's text stands in the file, up to the first whose place is not certain.
///
/// The text and what is in the file are followed side by side: quotes and the indentation of further lines are passed
/// over, a folded line is a space or a line feed, an escaped character stands for itself.
#[derive(Debug)]
pub struct Places<'t> {
    pub(super) text: &'t str,
    pub(super) file: &'t str,
    pub(super) offsets: Offsets,
}

impl<'t> Places<'t> {
    /// Follows the text of the scalar that stands at `span`.
    #[must_use]
    pub fn new(file: &'t str, span: Span, text: &'t str) -> Self {
        let raw = file.get(span.start..span.end).unwrap_or_default();
        let mut follower = Follower::new(raw.as_bytes());
        let offsets = text.bytes().map_while(|byte| follower.find(byte)).map(|at| span.start + at).collect();
        Self { text, file, offsets }
    }

    /// Where a part of the text stands, as far as it is on one line. `None` where that is not certain.
    #[must_use]
    pub fn span(&self, offset: usize, length: usize) -> Option<Span> {
        let wanted = self.text.get(offset..offset + length)?;
        let line = wanted.lines().next().unwrap_or_default();
        let start = match self.offsets.get(offset) {
            Some(start) => *start,
            // Just behind the last character.
            None => self.offsets.last().filter(|_| offset == self.offsets.len())? + 1,
        };
        let span = Span { start, end: start + line.len() };
        self.file.get(span.start..span.end).filter(|found| *found == line).map(|_| span)
    }

    /// As much of a part of the text as stands on the line of the file on which it begins, which may be less than a
    /// line of the text where that is folded. `None` where its beginning is not certain.
    #[must_use]
    pub fn begin(&self, offset: usize, length: usize) -> Option<Span> {
        let wanted = self.text.get(offset..offset + length)?;
        let follows =
            |at: &usize| self.offsets.get(offset + at) == self.offsets.get(offset).map(|start| start + at).as_ref();
        let together = (0..wanted.len()).take_while(follows).count();
        if together == 0 && length > 0 {
            return None;
        }
        let end = (1..=together).rev().find(|end| wanted.is_char_boundary(*end)).unwrap_or(0);
        self.span(offset, wanted[..end].trim_end().len())
    }
}

struct Follower<'r> {
    raw: &'r [u8],
    at: usize,
    quote: Option<u8>,
    /// Whether the byte before was a line feed of the text, or an indentation after one.
    in_margin: bool,
}

impl<'r> Follower<'r> {
    fn new(raw: &'r [u8]) -> Self {
        let quote = raw.first().copied().filter(|byte| matches!(byte, b'"' | b'\''));
        Self { raw, at: usize::from(quote.is_some()), quote, in_margin: false }
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.raw.get(self.at + ahead).copied()
    }

    /// The place of the next byte of the text.
    fn find(&mut self, wanted: u8) -> Option<usize> {
        if self.in_margin && wanted != b' ' {
            self.skip_margin(wanted == b'\n');
        }
        if wanted == b' ' && matches!(self.peek(0), Some(b'\n' | b'\r')) {
            return Some(self.folded());
        }
        if self.peek(0) == Some(b'\r') && wanted == b'\n' {
            self.at += 1;
        }
        if self.quote == Some(b'"') && self.peek(0) == Some(b'\\') {
            return self.escaped(wanted);
        }
        let doubled = self.quote == Some(b'\'') && wanted == b'\'' && self.peek(1) == Some(b'\'');
        self.at += usize::from(doubled);
        if self.peek(0)? != wanted {
            return None;
        }
        self.in_margin = wanted == b'\n' || self.in_margin && wanted == b' ';
        self.at += 1;
        Some(self.at - 1)
    }

    /// A character that stands behind a backslash, of those that are one byte in the text too.
    fn escaped(&mut self, wanted: u8) -> Option<usize> {
        let means = match self.peek(1)? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'0' => b'\0',
            b'e' => 0x1b,
            itself @ (b'"' | b'\\' | b'/' | b' ') => itself,
            _ => return None,
        };
        self.in_margin = false;
        self.at += 2;
        (means == wanted).then_some(self.at - 1)
    }

    /// A line break that the text has as a space, with the indentation behind it.
    fn folded(&mut self) -> usize {
        let place = self.at;
        self.skip_margin(false);
        self.in_margin = false;
        place
    }

    fn skip_margin(&mut self, keep_breaks: bool) {
        while let Some(byte) = self.peek(0) {
            match byte {
                b' ' => self.at += 1,
                b'\n' | b'\r' if !keep_breaks => self.at += 1,
                _ => break,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever stands in the file where the part of the text is said to be, and what follows on its line.
    fn place<'f>(file: &'f str, text: &str, part: &str) -> Option<&'f str> {
        let start = file.find(": ").unwrap() + 2;
        let start = if file[start..].starts_with(['|', '>']) { file.find("\n  ").unwrap() + 3 } else { start };
        let span = Span { start, end: file.len() };
        let found = Places::new(file, span, text).span(text.find(part).unwrap(), part.len())?;
        file[found.start..].lines().next()
    }

    #[test]
    fn a_place_in_a_plain_or_quoted_scalar_is_found() {
        assert_eq!(place("a: x + yy", "x + yy", "yy"), Some("yy"));
        assert_eq!(place("a: \"x + yy\"", "x + yy", "yy"), Some("yy\""));
        assert_eq!(place("a: 'it''s yy'", "it's yy", "yy"), Some("yy'"));
        assert_eq!(place("a: \"say \\\"x\\\" yy\"", "say \"x\" yy", "yy"), Some("yy\""));
    }

    #[test]
    fn a_place_in_a_block_scalar_is_found() {
        let block = "a: |\n  one\n    two\n\n  three\n";
        assert_eq!(place(block, "one\n  two\n\nthree\n", "three"), Some("three"));
        assert_eq!(place(block, "one\n  two\n\nthree\n", "two"), Some("two"));
        assert_eq!(place("a: |\r\n  one\r\n  two\r\n", "one\ntwo\n", "two"), Some("two"));
    }

    #[test]
    fn a_place_behind_a_folded_line_is_found() {
        assert_eq!(place("a: >\n  one\n  two yy\n", "one two yy\n", "yy"), Some("yy"));
        assert_eq!(place("a: one\n  two yy\n", "one two yy", "yy"), Some("yy"));
        assert_eq!(place("a: one\n\n  two yy\n", "one\ntwo yy", "yy"), Some("yy"));
    }

    #[test]
    fn what_is_folded_is_found_as_far_as_its_first_line() {
        let file = "a: >\n  one ä\n  two\n";
        let places = Places::new(file, Span { start: 7, end: file.len() }, "one ä two\n");
        let begin = |offset, length| places.begin(offset, length).map(|span| &file[span.start..span.end]);
        assert_eq!(begin(0, 10), Some("one ä"));
        assert_eq!(begin(4, 6), Some("ä"));
        assert_eq!(begin(7, 3), Some("two"));
    }

    #[test]
    fn a_place_behind_an_escape_is_found_and_behind_one_of_several_bytes_not_guessed() {
        assert_eq!(place("a: \"x\\n\\t y\"", "x\n\t y", "y"), Some("y\""));
        assert_eq!(place("a: \"x\\n  y\\n\"", "x\n  y\n", "y"), Some("y\\n\""));
        assert_eq!(place("a: \"x\\xe9y\"", "xéy", "y"), None);
    }
}
