//! Arbitrary bytes as a runbook: read, checked by every rule, and what was found shown in every form.

#![no_main]

use std::io;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use runbook::check::catalogue;
use runbook::check::check;
use runbook::check::source::{Source, readable};
use runbook::report::diagnostics::{Found, SourceText, github, human, json, sarif};

fuzz_target!(|bytes: &[u8]| {
    let (diagnostics, silenced) = match Source::from_bytes("runbook.yaml", bytes) {
        Ok(source) => {
            let no_file = |_: &Path| Err(io::ErrorKind::NotFound.into());
            let checked = check(&source, Path::new("/runbooks"), &no_file);
            for found in &checked.diagnostics {
                let (start, end) = (source.line_column(found.span.start), source.line_column(found.span.end));
                assert!(start.0 == end.0 && start.1 <= end.1, "{} stands on one line: {start:?} {end:?}", found.code);
                assert!(catalogue::find(found.code).is_some(), "{} has a page", found.code);
            }
            (checked.diagnostics, checked.silenced)
        }
        Err(found) => (vec![*found], Vec::new()),
    };
    let text = readable(bytes);
    let sources = vec![SourceText { path: Path::new("runbook.yaml"), text: &text }];
    let found = Found { sources, diagnostics, silenced };
    human(&found, true, 80);
    json(&found);
    sarif(&found, &catalogue::all());
    github(&found, &catalogue::all());
});
