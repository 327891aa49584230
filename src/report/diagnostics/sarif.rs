//! Findings as SARIF 2.1.0, the format of static analysis results.

use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::{Value, json};

use super::{Found, Place, Places};
use crate::model::catalogue::Entry;
use crate::model::diagnostic::{Diagnostic, Span};

/// What a segment of a path may not hold as it is.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One run of this program with all rules that it knows, and what was found. Silenced findings are there too, with
/// the reasons that were given.
#[must_use]
pub fn sarif(found: &Found<'_>, catalogue: &[Entry]) -> Value {
    let places = Places::new(&found.sources);
    let mut results: Vec<Value> =
        found.diagnostics.iter().map(|diagnostic| result(diagnostic, catalogue, &places)).collect();
    for silenced in &found.silenced {
        let mut result = result(&silenced.diagnostic, catalogue, &places);
        result["suppressions"] =
            json!([{ "kind": "inSource", "status": "accepted", "justification": silenced.reason }]);
        results.push(result);
    }
    json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "runbook",
                "version": env!("CARGO_PKG_VERSION"),
                "rules": catalogue.iter().map(rule).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(entry: &Entry) -> Value {
    let (paragraphs, bad, good) = (entry.paragraphs(), entry.bad(), entry.good());
    let help = format!("{}\n\nBad:\n\n{bad}\n\nGood:\n\n{good}", paragraphs.join("\n\n"));
    let markdown =
        format!("{}\n\nBad:\n\n```yaml\n{bad}\n```\n\nGood:\n\n```yaml\n{good}\n```", paragraphs.join("\n\n"));
    json!({
        "id": entry.code,
        "shortDescription": { "text": entry.title },
        "fullDescription": { "text": paragraphs.first().cloned().unwrap_or_default() },
        "help": { "text": help, "markdown": markdown },
        "defaultConfiguration": { "level": entry.severity.as_str() },
    })
}

fn result(diagnostic: &Diagnostic, catalogue: &[Entry], places: &Places<'_>) -> Value {
    let help = diagnostic.help.as_ref().map(|help| format!("\nhelp: {help}")).unwrap_or_default();
    let mut result = json!({ "ruleId": diagnostic.code });
    if let Some(index) = catalogue.iter().position(|entry| entry.code == diagnostic.code) {
        result["ruleIndex"] = json!(index);
    }
    result["level"] = json!(diagnostic.severity.as_str());
    result["message"] = json!({ "text": format!("{}{help}", diagnostic.message) });
    result["locations"] = json!([location(&diagnostic.file, diagnostic.span, places)]);
    if !diagnostic.labels.is_empty() {
        let related = diagnostic.labels.iter().enumerate().map(|(id, label)| {
            let mut related = location(&diagnostic.file, label.span, places);
            related["id"] = json!(id);
            related["message"] = json!({ "text": label.text });
            related
        });
        result["relatedLocations"] = related.collect();
    }
    result
}

fn location(file: &Path, span: Span, places: &Places<'_>) -> Value {
    let Place { start, end } = places.of(file, span);
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(file) },
        "region": { "startLine": start.0, "startColumn": start.1, "endLine": end.0, "endColumn": end.1 },
    }})
}

/// A path as a URI: relative where the path is.
fn uri(path: &Path) -> String {
    let segments = path.components().filter_map(|component| match component {
        Component::Normal(name) => Some(percent_encode(name.as_bytes(), ENCODED).to_string()),
        Component::ParentDir => Some("..".to_owned()),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    });
    let segments = segments.collect::<Vec<_>>().join("/");
    if path.is_absolute() { format!("file:///{segments}") } else { segments }
}
