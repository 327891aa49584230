//! Everything that can be found, by its code: what `explain` and the formats for other programs know of it.

use super::rules::{RULES, entry};
use crate::model::catalogue::Entry;
use crate::model::diagnostic::Severity;

/// What is found before there is a tree, by code. Rules look at the tree and are listed in [`RULES`].
pub const SYNTAX: &[Entry] = &[
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
];

/// What is no finding of `validate`: what this version cannot carry out of a valid runbook.
pub const REFUSED: Entry = entry!(Error, "RB0208", "not carried out by this version yet");

/// All of it, by code.
#[must_use]
pub fn all() -> Vec<Entry> {
    let mut all: Vec<Entry> = entries().collect();
    all.sort_by_key(|entry| entry.code);
    all
}

fn entries() -> impl Iterator<Item = Entry> {
    let rules = RULES.iter().map(|rule| rule.entry);
    SYNTAX.iter().copied().chain([REFUSED]).chain(rules)
}

/// What a code means.
#[must_use]
pub fn find(code: &str) -> Option<Entry> {
    entries().find(|entry| entry.code == code)
}
