//! JSON documents checked against a JSON Schema by check-jsonschema, a program that is not ours.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What a validator said.
pub struct Verdict {
    /// Every document fits.
    pub fits: bool,
    /// In its own words.
    pub said: String,
}

/// Checks documents against a schema; `None` where there is no validator, which is said.
pub fn check(schema: &Path, documents: &[PathBuf]) -> Option<Verdict> {
    let output = run(schema, documents, "text")?;
    let said = [output.stdout, output.stderr].concat();
    Some(Verdict { fits: output.status.success(), said: String::from_utf8_lossy(&said).into_owned() })
}

/// The same, the validator's report in JSON.
pub fn report(schema: &Path, documents: &[PathBuf]) -> Option<String> {
    let output = run(schema, documents, "json")?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[expect(clippy::disallowed_methods, reason = "a test has no other door to its environment, and runs a program")]
fn run(schema: &Path, documents: &[PathBuf], format: &str) -> Option<Output> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed = root.join("target/tools/bin/check-jsonschema");
    let named = std::env::var_os("RUNBOOK_CHECK_JSONSCHEMA").map(PathBuf::from);
    let program = named.unwrap_or(if installed.exists() { installed } else { "check-jsonschema".into() });
    let mut command = Command::new(&program);
    command.args(["--output-format", format, "--schemafile"]).arg(schema).args(documents);
    let output = command.output();
    let Ok(output) = output else {
        skipped(&format!("there is no {} (RUNBOOK_CHECK_JSONSCHEMA); tests/run installs it", program.display()));
        return None;
    };
    Some(output)
}

/// A file that is kept beside the project, by the variable that names it; `None` where it is absent, which is said.
#[expect(clippy::disallowed_methods, reason = "a test has no other door to its environment")]
pub fn beside(variable: &str, path: &str) -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(path);
    let file = std::env::var_os(variable).map_or(default, PathBuf::from);
    if !file.exists() {
        skipped(&format!("{} is not there ({variable})", file.display()));
        return None;
    }
    Some(file)
}

#[expect(clippy::print_stderr, reason = "a test that is skipped says so")]
fn skipped(why: &str) {
    eprintln!("SKIPPED: {why}");
}
