//! Arbitrary text as comments that silence warnings, in a runbook that has some.

#![no_main]

use std::io;
use std::path::Path;

use libfuzzer_sys::fuzz_target;
use runbook::check::check;
use runbook::check::source::Source;

const BEFORE: &str = "runbook: 1\nname: fuzz\ndefaults: { timeout: 1m }\nsteps:\n  - id: change # runbook:";

fuzz_target!(|text: &str| {
    let lines = text.replace(['\r', '\n'], "\n    # runbook: ");
    let (one, other) = lines.split_once('|').unwrap_or((&lines, "allow RB0507 why"));
    let text = format!("{BEFORE}{one}\n    # runbook: {other}\n    shell: |\n      true\n    rollback: {{ shell: true }}\n");
    let no_file = |_: &Path| Err(io::ErrorKind::NotFound.into());
    let checked = check(&Source::new("runbook.yaml", text), Path::new("/runbooks"), &no_file);
    for silenced in &checked.silenced {
        assert!(!silenced.reason.trim().is_empty(), "nothing is silenced without a reason");
    }
});
