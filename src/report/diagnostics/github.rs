//! Findings as workflow commands of GitHub: annotations in the view of a change.

use super::{Found, Place, Places};
use crate::model::catalogue::Entry;

/// One command a finding, each on one line.
///
/// The last column is the last character's here, not the one behind it.
#[must_use]
pub fn github(found: &Found<'_>, catalogue: &[Entry]) -> String {
    let places = Places::new(&found.sources);
    let command = |diagnostic: &crate::model::diagnostic::Diagnostic| {
        let Place { start, end } = places.of(&diagnostic.file, diagnostic.span);
        let (level, code) = (diagnostic.severity.as_str(), diagnostic.code);
        let title = catalogue.iter().find(|entry| entry.code == code).map_or("", |entry| entry.title);
        let last = if end.0 == start.0 { (end.1 - 1).max(start.1) } else { end.1 };
        let help = diagnostic.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
        format!(
            "::{level} file={},line={},col={},endLine={},endColumn={last},title={}::{}\n",
            property(&diagnostic.file.to_string_lossy()),
            start.0,
            start.1,
            end.0,
            property(&format!("{code} {title}")),
            data(&format!("{}{help}", diagnostic.message)),
        )
    };
    found.diagnostics.iter().map(command).collect()
}

/// The text of a command, with what would end it written as GitHub wants it.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The same within a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}
