//! Byte offsets to lines and columns, for whoever shows a place to a person or a program.

/// In a long line, columns are counted from every so many bytes.
const STRIDE: usize = 4096;

/// Where the lines of one text begin, so that looking up a place is a binary search, also in a line of megabytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    starts: Vec<usize>,
    /// Within long lines: an offset, and how many characters of its line stand before it.
    marks: Vec<(usize, usize)>,
}

impl Lines {
    /// Finds the beginning of every line of `text`. A line ends with a line feed.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let starts: Vec<usize> = std::iter::once(0).chain(after_breaks).collect();
        let ends = starts.iter().skip(1).copied().chain(std::iter::once(text.len()));
        let marks = starts.iter().zip(ends).flat_map(|(start, end)| marks(text, *start, end)).collect();
        Self { starts, marks }
    }

    /// The line of `offset`, from 1.
    #[must_use]
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset)
    }

    /// The line and column of `offset`, both from 1, the column in characters.
    ///
    /// `text` is the text these lines were found in. An offset behind the end is the end; one inside a character
    /// is that character.
    #[must_use]
    pub fn line_column(&self, text: &str, offset: usize) -> (usize, usize) {
        let offset = text.floor_char_boundary(offset);
        let line = self.line(offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let mark = self.marks.partition_point(|(at, _)| *at <= offset);
        let mark = mark.checked_sub(1).map(|before| self.marks[before]).filter(|(at, _)| *at > start);
        let (from, counted) = mark.unwrap_or((start, 0));
        let column = counted + text.get(from..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }
}

/// The marks of one line.
fn marks(text: &str, start: usize, end: usize) -> impl Iterator<Item = (usize, usize)> {
    let (mut from, mut counted) = (start, 0);
    std::iter::from_fn(move || {
        let at = text.floor_char_boundary(from.checked_add(STRIDE).filter(|at| *at < end)?);
        counted += text[from..at].chars().count();
        from = at;
        Some((at, counted))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, offset: usize) -> (usize, usize) {
        Lines::new(text).line_column(text, offset)
    }

    #[test]
    fn lines_and_columns_count_from_one() {
        assert_eq!(place("ab\ncd", 0), (1, 1));
        assert_eq!(place("ab\ncd", 2), (1, 3));
        assert_eq!(place("ab\ncd", 4), (2, 2));
    }

    #[test]
    fn columns_count_characters_not_bytes() {
        assert_eq!(place("äö: x", 4), (1, 3));
        assert_eq!(place("äö: x", 3), (1, 2), "inside ö");
    }

    #[test]
    fn columns_of_a_long_line_are_those_of_a_short_one() {
        let text = format!("a\n{}\nb: {}", "ä".repeat(3 * STRIDE), "c".repeat(2 * STRIDE));
        let lines = Lines::new(&text);
        let mut expected = (1, 1);
        for (offset, c) in text.char_indices() {
            assert_eq!((lines.line_column(&text, offset), lines.line(offset)), (expected, expected.0), "{offset}");
            expected = if c == '\n' { (expected.0 + 1, 1) } else { (expected.0, expected.1 + 1) };
        }
    }

    #[test]
    fn an_offset_behind_the_end_is_the_end() {
        assert_eq!(place("ab\n", 99), (2, 1));
        assert_eq!(place("", 5), (1, 1));
    }
}
