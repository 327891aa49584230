//! Byte offsets to lines and columns, for whoever shows a place to a person or a program.

/// Where the lines of one text begin, so that looking up a place is a binary search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    starts: Vec<usize>,
}

impl Lines {
    /// Finds the beginning of every line of `text`. A line ends with a line feed.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let after_breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        Self { starts: std::iter::once(0).chain(after_breaks).collect() }
    }

    /// The line and column of `offset`, both from 1, the column in characters.
    ///
    /// `text` is the text these lines were found in. An offset behind the end is the end; one inside a character
    /// is that character.
    #[must_use]
    pub fn line_column(&self, text: &str, offset: usize) -> (usize, usize) {
        let offset = text.floor_char_boundary(offset);
        let line = self.starts.partition_point(|start| *start <= offset);
        let start = self.starts.get(line.saturating_sub(1)).copied().unwrap_or(0);
        let column = text.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column + 1)
    }
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
    fn an_offset_behind_the_end_is_the_end() {
        assert_eq!(place("ab\n", 99), (2, 1));
        assert_eq!(place("", 5), (1, 1));
    }
}
