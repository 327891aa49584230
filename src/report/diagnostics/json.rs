//! Findings as `validate --format json` prints them.

use serde_json::{Value, json};

use super::{Found, Place, Places};

/// One document: lines and columns from 1, columns in characters.
#[must_use]
pub fn json(found: &Found<'_>) -> Value {
    let places = Places::new(&found.sources);
    let diagnostics: Vec<Value> = found
        .diagnostics
        .iter()
        .map(|diagnostic| {
            let Place { start, end } = places.of(&diagnostic.file, diagnostic.span);
            let labels = diagnostic.labels.iter().map(|label| {
                let Place { start, end } = places.of(&diagnostic.file, label.span);
                json!({ "message": label.text, "start": place(start), "end": place(end) })
            });
            json!({
                "code": diagnostic.code,
                "severity": diagnostic.severity.as_str(),
                "message": diagnostic.message,
                "help": diagnostic.help,
                "file": diagnostic.file.to_string_lossy(),
                "start": place(start),
                "end": place(end),
                "labels": labels.collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({ "format": 1, "files": found.sources.len(), "diagnostics": diagnostics })
}

fn place((line, column): (usize, usize)) -> Value {
    json!({ "line": line, "column": column })
}
