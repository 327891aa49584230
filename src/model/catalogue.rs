//! What can be found in a runbook, apart from any runbook: a code with what it means.

use super::diagnostic::Severity;

/// A kind of finding. Not one finding: that is a [`Diagnostic`](super::diagnostic::Diagnostic).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// `RB` and four digits.
    pub code: &'static str,
    /// Fixed.
    pub severity: Severity,
    /// What it finds, as a heading.
    pub title: &'static str,
    /// Why it matters in paragraphs of Markdown, then a block `yaml bad` (`yaml refused` for what is
    /// valid) and a block `yaml good`.
    pub page: &'static str,
}

impl Entry {
    /// What it finds, why that matters and what to do: paragraphs, each on one line.
    #[must_use]
    pub fn paragraphs(&self) -> Vec<String> {
        let prose = self.page.split("\n```").next().unwrap_or_default();
        let paragraphs =
            prose.split("\n\n").map(|paragraph| paragraph.split_whitespace().collect::<Vec<_>>().join(" "));
        paragraphs.filter(|paragraph| !paragraph.is_empty()).collect()
    }

    /// An example in which it is found; of what is valid and only refused, one that is refused.
    #[must_use]
    pub fn bad(&self) -> &'static str {
        let refused = self.page.contains("\n```yaml refused\n");
        self.block(if refused { "\n```yaml refused\n" } else { "\n```yaml bad\n" })
    }

    /// The same, mended.
    #[must_use]
    pub fn good(&self) -> &'static str {
        self.block("\n```yaml good\n")
    }

    fn block(&self, begin: &str) -> &'static str {
        let behind = self.page.split_once(begin).map_or("", |(_, behind)| behind);
        behind.split_once("\n```\n").map_or("", |(block, _)| block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_comes_apart_into_paragraphs_and_examples() {
        let page = "One\nand two.\n\nThree.\n\n```yaml bad\na: 1\n\nb: 2\n```\n\n```yaml good\na: 2\n```\n";
        let entry = Entry { code: "RB0000", severity: Severity::Error, title: "none", page };
        assert_eq!(entry.paragraphs(), ["One and two.", "Three."]);
        assert_eq!((entry.bad(), entry.good()), ("a: 1\n\nb: 2", "a: 2"));
    }
}
