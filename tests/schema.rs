//! The schema that `runbook schema` prints and the program agree on the shape of a runbook: an independent validator
//! (check-jsonschema, which `tests/run` installs) reads every shipped runbook, the corpus and the examples of all rules.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

#[expect(dead_code, reason = "every file of tests uses a part of it")]
#[path = "support/schema.rs"]
mod validator;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

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

/// The names of the files, of those in the folder, that the validator refuses: one process for all of them. `None`
/// where there is no validator, which is said.
fn refused(folder: &Path) -> Option<BTreeSet<String>> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    files.retain(|file| file.extension().is_some_and(|end| end == "yaml"));
    files.sort();
    let text = validator::report(&folder.join("schema.json"), &files)?;
    let report: Value = serde_json::from_str(&text).expect("a report in JSON");
    let unread = report["parse_errors"].as_array().map_or(0, Vec::len);
    assert_eq!(unread, 0, "every file is YAML for it: {:#}", report["parse_errors"]);
    let errors = report["errors"].as_array().expect("a list of errors");
    let names = errors.iter().filter_map(|error| error["filename"].as_str());
    Some(names.map(|name| Path::new(name).file_name().expect("a name").to_string_lossy().into_owned()).collect())
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
fn the_schema_beside_the_shipped_runbooks_is_that_of_the_program() {
    let path = root().join("runbooks/runbook.schema.json");
    let now = format!("{:#}\n", schema());
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(now, snapbox::Data::read_from(&path, None).raw());
}

#[test]
fn every_shipped_runbook_names_the_schema_at_its_head() {
    for path in ["runbooks/quickstart.yaml", "runbooks/rolling.yaml", "runbooks/orders-maintenance/runbook.yaml"] {
        let text = fs::read_to_string(root().join(path)).expect("a runbook");
        let first = text.lines().next().expect("a line");
        let named = first.strip_prefix("# yaml-language-server: $schema=").expect("the line that editors read");
        let folder = root().join(path);
        assert!(folder.parent().expect("a folder").join(named).exists(), "{path} names {named}");
    }
}

#[test]
fn every_field_is_described() {
    let schema = schema();
    let mut silent = Vec::new();
    let definitions = schema["$defs"].as_object().expect("definitions");
    for (name, definition) in definitions.iter().chain([(&"the document".to_owned(), &schema)]) {
        for (field, about) in definition["properties"].as_object().into_iter().flatten() {
            if about["description"].as_str().is_none_or(str::is_empty) {
                silent.push(format!("{name}.{field}"));
            }
        }
    }
    assert!(silent.is_empty(), "{silent:?}");
    assert!(definitions.len() > 30, "only {} definitions", definitions.len());
}

#[test]
fn schema_and_program_agree_on_the_shape_of_every_runbook() {
    let mut documents = Vec::new();
    runbooks_below(&root().join("runbooks"), &mut documents);
    let shipped = documents.len();
    assert!(shipped >= 2, "{shipped} shipped runbooks");
    runbooks_below(&root().join("tests/corpus"), &mut documents);
    runbooks_below(&root().join("src/cli/new"), &mut documents);
    examples(&mut documents);
    // What is no YAML, or not one mapping, has no shape.
    documents.retain(|document| !document.codes.iter().any(|code| code.starts_with("RB01")));
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("schema.json"), schema().to_string()).expect("the schema");
    for (number, document) in documents.iter().enumerate() {
        fs::write(folder.path().join(format!("{number:05}.yaml")), &document.text).expect("a runbook");
    }
    let Some(refused) = refused(folder.path()) else { return };
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
    assert!(count > 15, "only {count} of {} were refused", documents.len());
}
