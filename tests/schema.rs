//! The schema that `runbook schema` prints and the program agree on the shape of a runbook: an independent validator
//! (check-jsonschema, which `tests/run` installs) reads every shipped runbook, the corpus and the examples of all rules.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a test says what it expects, and runs programs")]

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use runbook::check::check;
use runbook::check::schema::schema;
use runbook::check::source::Source;
use serde_json::Value;

/// Findings about the shape: what the program refuses by them, the schema has to refuse too.
const SHAPE: [&str; 9] = ["RB0201", "RB0202", "RB0203", "RB0204", "RB0205", "RB0206", "RB0207", "RB0209", "RB0210"];

/// Findings about what stands in a field or beside it, of which the schema says some: it may refuse what has them.
const MORE: [(&str, &str); 5] = [
    ("RB0212", "a default is a value of any type, and its declaration may be malformed"),
    ("RB0213", "a mapping of a schema has no first key"),
    ("RB0214", "the schema knows that a secret, a target and a probe are of one kind"),
    ("RB0401", "the schema has a pattern for durations"),
    ("RB0407", "the schema has a pattern for durations"),
];

/// Examples that the schema cannot refuse, by what they contain, each with the reason.
const BEYOND: [(&str, &str); 0] = [];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The validator, unless it could not be installed.
fn validator() -> Option<PathBuf> {
    let program = root().join("target/schema-venv/bin/check-jsonschema");
    if !program.exists() {
        eprintln!("{} is not there: nothing is compared (tests/run installs it)", program.display());
        return None;
    }
    Some(program)
}

/// The names of the files, of those in the folder, that the validator refuses: one process for all of them.
fn refused(program: &Path, folder: &Path) -> BTreeSet<String> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    let output = Command::new(program)
        .args(["--output-format", "json", "--schemafile"])
        .arg(folder.join("schema.json"))
        .args(&files)
        .output()
        .expect("the validator");
    let text = String::from_utf8_lossy(&output.stdout);
    let report: Value = serde_json::from_str(&text).expect("a report in JSON");
    let unread = report["parse_errors"].as_array().map_or(0, Vec::len);
    assert_eq!(unread, 0, "every file is YAML for it: {:#}", report["parse_errors"]);
    let errors = report["errors"].as_array().expect("a list of errors");
    let names = errors.iter().filter_map(|error| error["filename"].as_str());
    names.map(|name| Path::new(name).file_name().expect("a name").to_string_lossy().into_owned()).collect()
}

/// A document of one of the sources, with the codes that the program finds in it.
struct Document {
    title: String,
    text: String,
    codes: Vec<&'static str>,
}

fn document(title: String, text: String, folder: &Path) -> Document {
    let nothing = |path: &Path| if path.exists() { fs::read(path) } else { Err(io::ErrorKind::NotFound.into()) };
    let checked = check(&Source::new("x.yaml", text.clone()), folder, &nothing);
    Document { title, text, codes: checked.diagnostics.iter().map(|found| found.code).collect() }
}

fn runbooks_below(folder: &Path, found: &mut Vec<Document>) {
    for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
        if entry.is_dir() {
            runbooks_below(&entry, found);
        } else if entry.extension().is_some_and(|end| end == "yaml" || end == "yml") {
            let text = fs::read_to_string(&entry).expect("a runbook");
            if text.lines().any(|line| line.starts_with("runbook:")) {
                found.push(document(entry.display().to_string(), text, folder));
            }
        }
    }
}

/// The examples of all rules, as `tests/check_rules.rs` reads them.
fn examples(found: &mut Vec<Document>) {
    let rules = fs::read_to_string(root().join("tests/check_rules.rs")).expect("the test of the rules");
    let (_, header) = rules.split_once("const HEADER: &str = \"\\\n").expect("the header");
    let header = header.split("\";\n").next().expect("its end").replace("\\\"", "\"");
    let mut files: Vec<PathBuf> = fs::read_dir(root().join("tests/rules"))
        .expect("the examples")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    files.sort();
    for file in files {
        let text = fs::read_to_string(&file).expect("examples");
        for part in text.split("### ").skip(1) {
            let (title, body) = part.split_once('\n').unwrap_or((part, ""));
            let body = body.split("-- finds\n").next().unwrap_or_default();
            let body = body.split("-- refuses\n").next().unwrap_or_default().trim_end();
            let head = if body.starts_with("- ") { header.as_str() } else { "" };
            found.push(document(title.to_owned(), format!("{head}{body}\n"), Path::new("/runbooks")));
        }
    }
}

#[test]
fn schema_and_program_agree_on_the_shape_of_every_runbook() {
    let Some(program) = validator() else { return };
    let mut documents = Vec::new();
    runbooks_below(&root().join("runbooks"), &mut documents);
    let shipped = documents.len();
    assert!(shipped >= 2, "{shipped} shipped runbooks");
    runbooks_below(&root().join("tests/corpus"), &mut documents);
    examples(&mut documents);
    // What is no YAML, or not one mapping, has no shape.
    documents.retain(|document| !document.codes.iter().any(|code| code.starts_with("RB01")));
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("schema.json"), schema().to_string()).expect("the schema");
    for (number, document) in documents.iter().enumerate() {
        fs::write(folder.path().join(format!("{number:05}.yaml")), &document.text).expect("a runbook");
    }
    let refused = refused(&program, folder.path());
    let mut wrong = Vec::new();
    for (number, document) in documents.iter().enumerate() {
        let by_schema = refused.contains(&format!("{number:05}.yaml"));
        let by_program = document.codes.iter().any(|code| SHAPE.contains(code));
        let may = document.codes.iter().any(|code| MORE.iter().any(|(other, _)| other == code));
        let cannot = BEYOND.iter().any(|(part, _)| document.text.contains(part));
        if by_schema && !by_program && !may || by_program && !by_schema && !cannot {
            let who = if by_schema { "only the schema" } else { "only the program" };
            wrong.push(format!("{who} refuses {} {:?}\n{}", document.title, document.codes, document.text));
        }
    }
    let count = refused.len();
    assert!(wrong.is_empty(), "{} of {}\n{}", wrong.len(), documents.len(), wrong.join("\n----\n"));
    assert!(count > 30, "only {count} of {} were refused", documents.len());
}
