//! What a page is made of, before it is Markdown or HTML.
//!
//! Texts lose what steers a terminal or turns the direction of text when they become a part of a page; the writers
//! take away what would be markup.

use std::time::Duration;

use crate::model::length::Length;
use crate::report::text::{self, escape, escape_lines};

/// A part of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Words.
    Text(String),
    /// Something to be typed or read letter by letter.
    Code(String),
    /// Words that matter.
    Strong(String),
    /// An address, shown as it is; a link only where it cannot run anything.
    Address(String),
    /// Words that lead to a heading of the page.
    Jump(String, &'static str),
}

/// Parts that stand on one line.
pub type Line = Vec<Span>;

/// Something that is said of a step or of the runbook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What is said.
    pub label: &'static str,
    /// In a line.
    pub line: Line,
    /// And below it.
    pub below: Vec<Block>,
}

/// A part of a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading; `1` is the page's. The name is what a [`Span::Jump`] leads to.
    Heading(u8, Line, Option<&'static str>),
    /// A paragraph.
    Paragraph(Line),
    /// Markdown that somebody wrote in the runbook.
    Prose(String),
    /// Text as it is, in a language that an editor knows.
    Code(&'static str, String),
    /// Entries, each a line with what belongs to it.
    List(Vec<(Line, Vec<Block>)>),
    /// Things that are said.
    Facts(Vec<Fact>),
    /// A table: its columns, then its rows.
    Table(Vec<&'static str>, Vec<Vec<Line>>),
    /// A line across the page that nobody should pass without having read it.
    Bar(Line),
}

impl Block {
    /// A heading that nothing leads to.
    pub fn heading(level: u8, line: Line) -> Self {
        Self::Heading(level, line, None)
    }

    /// Text as it is; nothing in it reaches a terminal as an order.
    pub fn code(language: &'static str, text: &str) -> Self {
        Self::Code(language, escape_lines(text))
    }

    /// Entries without anything below them.
    pub fn list(lines: impl IntoIterator<Item = Line>) -> Self {
        Self::List(lines.into_iter().map(|line| (line, Vec::new())).collect())
    }
}

impl Fact {
    /// Said in a line.
    pub const fn new(label: &'static str, line: Line) -> Self {
        Self { label, line, below: Vec::new() }
    }

    /// Said in blocks.
    pub const fn blocks(label: &'static str, below: Vec<Block>) -> Self {
        Self { label, line: Vec::new(), below }
    }

    /// With blocks below its line.
    pub fn with(mut self, below: impl IntoIterator<Item = Block>) -> Self {
        self.below.extend(below);
        self
    }
}

/// Words, on one line.
pub fn text(words: &str) -> Line {
    vec![Span::Text(one_line(words))]
}

/// Something to be read letter by letter.
pub fn code(text: &str) -> Line {
    vec![Span::Code(escape(text.trim()))]
}

/// Words that matter.
pub fn strong(words: &str) -> Line {
    vec![Span::Strong(one_line(words))]
}

/// An address that somebody wrote.
pub fn address(address: &str) -> Line {
    vec![Span::Address(escape(address.trim()))]
}

/// Lines one behind the other.
pub fn join<const N: usize>(lines: [Line; N]) -> Line {
    lines.into_iter().flatten().collect()
}

/// Lines with something between them.
pub fn join_with(lines: impl IntoIterator<Item = Line>, between: &str) -> Line {
    let mut joined = Line::new();
    for line in lines {
        if !joined.is_empty() {
            joined.extend(text(between));
        }
        joined.extend(line);
    }
    joined
}

/// A duration as people say it.
pub fn duration(duration: Duration) -> Line {
    text(&text::duration(duration.as_secs_f64()))
}

/// A duration, or the template that gives it.
pub fn length(length: &Length) -> Line {
    match length {
        Length::Known(known) => duration(*known),
        Length::Template(template) => code(&template.0),
    }
}

fn one_line(words: &str) -> String {
    if !words.contains(['\n', '\r']) {
        return escape(words);
    }
    let lines = words.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty());
    escape(&lines.collect::<Vec<_>>().join(" "))
}
