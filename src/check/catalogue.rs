//! Everything that can be found, by its code: what `explain` and the formats for other programs know of it.

use super::rules::RULES;
use crate::model::diagnostic::Severity;

/// A kind of finding. Not one finding: that is a [`Diagnostic`](crate::model::diagnostic::Diagnostic).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// `RB` and four digits.
    pub code: &'static str,
    /// Fixed.
    pub severity: Severity,
    /// What it finds, as a heading.
    pub title: &'static str,
    /// Why it matters, and a bad and a good example.
    pub page: &'static str,
}

macro_rules! entry {
    ($severity:ident, $code:literal, $title:literal) => {
        Entry {
            code: $code,
            severity: Severity::$severity,
            title: $title,
            page: include_str!(concat!("rules/pages/", $code, ".md")),
        }
    };
}

/// What no rule of [`RULES`] finds, by code: what stands in the way of a tree, and what a run is refused for.
pub const OTHERS: &[Entry] = &[
    entry!(Error, "RB0101", "malformed YAML"),
    entry!(Error, "RB0102", "key defined twice"),
    entry!(Error, "RB0103", "tag"),
    entry!(Error, "RB0104", "empty document"),
    entry!(Error, "RB0105", "second document"),
    entry!(Error, "RB0107", "key that is not text"),
    entry!(Error, "RB0108", "unquoted template"),
    entry!(Error, "RB0109", "character that no runbook may hold"),
    entry!(Error, "RB0116", "comma that ended a value"),
    entry!(Error, "RB0118", "merge key"),
    entry!(Error, "RB0119", "file of another tool"),
    entry!(Error, "RB0121", "comment that cuts a quotation"),
    entry!(Error, "RB0208", "not carried out by this version yet"),
];

/// All of it, by code.
#[must_use]
pub fn all() -> Vec<Entry> {
    let rules =
        RULES.iter().map(|rule| Entry { code: rule.code, severity: rule.severity, title: rule.title, page: rule.page });
    let mut all: Vec<Entry> = OTHERS.iter().copied().chain(rules).collect();
    all.sort_by_key(|entry| entry.code);
    all
}
