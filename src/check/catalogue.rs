//! Everything that can be found, by its code: what `explain` and the formats for other programs know of it.

use super::rules::RULES;
use crate::model::catalogue::Entry;
use crate::model::diagnostic::Severity;

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

/// What is found before there is a tree, by code. Rules look at the tree and are listed in [`RULES`].
pub const SYNTAX: &[Entry] = &[
    entry!(Error, "RB0101", "malformed YAML"),
    entry!(Error, "RB0102", "key defined twice"),
    entry!(Error, "RB0103", "tag"),
    entry!(Error, "RB0104", "empty document"),
    entry!(Error, "RB0105", "second document"),
    entry!(Error, "RB0106", "too large or too deep"),
    entry!(Error, "RB0107", "key that is not text"),
    entry!(Error, "RB0108", "unquoted template"),
];

/// What is no finding of `validate`: what this version cannot carry out of a valid runbook.
pub const REFUSED: Entry = entry!(Error, "RB0208", "not carried out by this version yet");

/// All of it, by code.
#[must_use]
pub fn all() -> Vec<Entry> {
    let rules =
        RULES.iter().map(|rule| Entry { code: rule.code, severity: rule.severity, title: rule.title, page: rule.page });
    let mut all: Vec<Entry> = SYNTAX.iter().copied().chain([REFUSED]).chain(rules).collect();
    all.sort_by_key(|entry| entry.code);
    all
}

/// What a code means.
#[must_use]
pub fn find(code: &str) -> Option<Entry> {
    all().into_iter().find(|entry| entry.code == code)
}
