//! Findings about files: for people in the style of rustc, for programs as JSON and SARIF, for GitHub as annotations.
//!
//! Says nothing about what is wrong; that is in the findings. The texts they point into are handed in.

mod github;
mod human;
mod json;
mod sarif;

use std::collections::HashMap;
use std::path::Path;

pub use github::github;
pub use human::human;
pub use json::json;
pub use sarif::sarif;

use super::text::count;
use crate::model::diagnostic::{Diagnostic, Severity, Silenced, Span};
use crate::model::place::Lines;

/// A file and its text, without a byte order mark, as it was when the findings were made.
#[derive(Debug, Clone, Copy)]
pub struct SourceText<'a> {
    /// As the findings name it.
    pub path: &'a Path,
    /// What their spans point into.
    pub text: &'a str,
}

/// All that was found in some files.
#[derive(Debug, Clone, Default)]
pub struct Found<'a> {
    /// Those files. A finding about another is shown without its line.
    pub sources: Vec<SourceText<'a>>,
    /// What is wrong with them, file by file.
    pub diagnostics: Vec<Diagnostic>,
    /// What would be, had nobody said why it may stay.
    pub silenced: Vec<Silenced>,
}

impl Found<'_> {
    /// How many errors, and how many warnings.
    #[must_use]
    pub fn counts(&self) -> (usize, usize) {
        let errors = self.diagnostics.iter().filter(|found| found.severity == Severity::Error).count();
        (errors, self.diagnostics.len() - errors)
    }

    /// The last line of a validation, such as `2 files, 1 error, 3 warnings`. With `deny` it says that warnings fail.
    #[must_use]
    pub fn summary(&self, deny: bool) -> String {
        let (errors, warnings) = self.counts();
        let denied = if deny && warnings > 0 { " (denied)" } else { "" };
        let files = count(self.sources.len(), "file");
        format!("{files}, {}, {}{denied}", count(errors, "error"), count(warnings, "warning"))
    }
}

/// Lines and columns of findings, both from 1, columns in characters.
struct Places<'a>(HashMap<&'a Path, (&'a str, Lines)>);

/// Where something begins and where it ends: a line and the column behind its last character.
struct Place {
    start: (usize, usize),
    end: (usize, usize),
}

impl<'a> Places<'a> {
    fn new(sources: &[SourceText<'a>]) -> Self {
        Self(sources.iter().map(|source| (source.path, (source.text, Lines::new(source.text)))).collect())
    }

    fn of(&self, file: &Path, span: Span) -> Place {
        let place = |offset| self.0.get(file).map_or((1, 1), |(text, lines)| lines.line_column(text, offset));
        Place { start: place(span.start), end: place(span.end.max(span.start)) }
    }
}

#[cfg(test)]
mod tests;
