//! From an offset within the text of a scalar to the place in the file.

use crate::model::diagnostic::Span;

/// Where `length` bytes at `offset` of a scalar's text stand in the file. `None` where escapes or folded lines make
/// the text differ from what is in the file so that the place is not certain.
///
/// The text and the file are followed together: quotes are passed over, and so is the indentation of a block scalar.
#[must_use]
pub fn within(file: &str, span: Span, text: &str, offset: usize, length: usize) -> Option<Span> {
    let raw = file.get(span.start..span.end)?;
    let inside = raw.strip_prefix(['"', '\'']).map_or(0, |_| 1);
    let start = follow(raw, inside, text, offset)?;
    let wanted = text.get(offset..offset + length)?;
    let line = wanted.lines().next().unwrap_or_default();
    raw.get(start..start + line.len()).filter(|found| *found == line)?;
    Some(Span { start: span.start + start, end: span.start + start + line.len() })
}

fn follow(raw: &str, from: usize, text: &str, offset: usize) -> Option<usize> {
    let (raw, text) = (raw.as_bytes(), text.as_bytes());
    let (mut at, mut line_start) = (from, false);
    for position in 0..offset {
        let wanted = *text.get(position)?;
        if line_start && wanted != b' ' {
            at += blanks(&raw[at..]);
        }
        if raw.get(at) == Some(&b'\r') && wanted == b'\n' {
            at += 1;
        }
        if *raw.get(at)? != wanted {
            return None;
        }
        line_start = wanted == b'\n' || line_start && wanted == b' ';
        at += 1;
    }
    if line_start && text.get(offset) != Some(&b' ') {
        at += blanks(&raw[at..]);
    }
    Some(at)
}

fn blanks(raw: &[u8]) -> usize {
    raw.iter().take_while(|byte| **byte == b' ').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place<'f>(file: &'f str, raw: &str, text: &str, part: &str) -> Option<&'f str> {
        let start = file.find(raw).unwrap();
        let span = Span { start, end: start + raw.len() };
        let found = within(file, span, text, text.find(part).unwrap(), part.len())?;
        Some(&file[found.start..])
    }

    #[test]
    fn a_place_in_a_plain_quoted_or_block_scalar_is_found() {
        assert_eq!(place("a: x + yy", "x + yy", "x + yy", "yy"), Some("yy"));
        assert_eq!(place("a: \"x + yy\"", "\"x + yy\"", "x + yy", "yy"), Some("yy\""));
        let block = "a: |\n  one\n    two\n\n  three\n";
        assert_eq!(place(block, "one\n    two\n\n  three\n", "one\n  two\n\nthree\n", "three"), Some("three\n"));
        assert_eq!(place(block, "one\n    two\n\n  three\n", "one\n  two\n\nthree\n", "two"), Some("two\n\n  three\n"));
    }

    #[test]
    fn a_place_behind_an_escape_is_not_guessed() {
        assert_eq!(place("a: \"x\\ty\"", "\"x\\ty\"", "x\ty", "y"), None);
    }
}
