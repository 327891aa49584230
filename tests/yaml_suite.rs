//! The conformance cases of the YAML organisation go through the loader, and arbitrary text does without a panic.

#![expect(clippy::unwrap_used, reason = "what the helpers of a test do not find fails the test")]

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use runbook::check::decode::{Spanned, decode, decode_all};
use runbook::check::source::{Source, readable};
use runbook::check::tree::{self, Tree};
use runbook::model::diagnostic::Diagnostic;
use runbook::report::diagnostics::{Found, SourceText, human, json};
use serde::Deserialize;

/// Valid YAML that a runbook may not be: the case and the reasons.
const REFUSED: &str = include_str!("yaml_suite.refused");

/// Why valid YAML is refused, by the code of the finding.
fn reason(found: &Diagnostic) -> &'static str {
    match found.code {
        "RB0102" => "duplicate keys",
        "RB0103" => "tags",
        "RB0104" => "an empty document",
        "RB0105" => "several documents",
        "RB0107" => "keys that are not text",
        "RB0109" => "a byte order mark within the file",
        "RB0116" => "keys without a value between braces",
        "RB0101" if found.message.starts_with("`&`") => "an anchor of nothing",
        // The suite itself advises against supporting its only such case, `%YAML 1.1 1.2`.
        "RB0101" => "a directive of no known form",
        other => panic!("no valid YAML is refused with {other}"),
    }
}

/// One case of a file of the suite. Those after the first leave out what they share with it.
#[derive(Deserialize)]
struct Case {
    yaml: Option<String>,
    #[serde(default)]
    fail: bool,
}

/// The text that is meant by the suite's visible notation of white space.
fn meant(visible: &str) -> String {
    let mut text = visible.to_owned();
    for (written, meant) in [("␣", " "), ("»", "\t"), ("—", ""), ("←", "\r"), ("⇔", "\u{feff}"), ("↵", ""), ("∎\n", "")]
    {
        text = text.replace(written, meant);
    }
    text
}

/// Every case with its name, such as `229Q` or `2G84/01`; none where the suite is absent.
fn cases() -> Vec<(String, String, bool)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/yaml-test-suite");
    #[expect(clippy::disallowed_methods, reason = "a test has no other door to its environment")]
    let folder = std::env::var_os("RUNBOOK_YAML_SUITE").map_or(folder, PathBuf::from);
    let Ok(files) = std::fs::read_dir(&folder) else {
        let mut stderr = std::io::stderr();
        let notice = format!("SKIPPED: the YAML test suite is not in {} (RUNBOOK_YAML_SUITE)\n", folder.display());
        std::io::Write::write_all(&mut stderr, notice.as_bytes()).unwrap();
        return Vec::new();
    };
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    paths.sort();
    assert!(paths.len() > 300, "{} holds only {} files", folder.display(), paths.len());
    paths.iter().flat_map(|path| cases_of(path)).collect()
}

fn cases_of(path: &Path) -> Vec<(String, String, bool)> {
    let name = path.file_stem().unwrap().to_str().unwrap();
    let cases: Vec<Case> = serde_yaml::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let many = cases.len() > 1;
    let named = |(index, case): (usize, Case)| {
        let name = if many { format!("{name}/{index:02}") } else { name.to_owned() };
        case.yaml.map(|yaml| (name, meant(&yaml), case.fail))
    };
    cases.into_iter().enumerate().filter_map(named).collect()
}

/// Takes a text all the way: tree, values, findings on a screen and as JSON.
fn load(bytes: &[u8]) -> Result<Tree, Vec<Diagnostic>> {
    let result = Source::from_bytes("case.yaml", bytes).map_err(|found| vec![*found]).and_then(|source| {
        let tree = tree::parse(&source)?;
        decode::<serde_json::Value>(&tree, tree.root()).ok();
        decode_all::<Vec<Spanned<Vec<String>>>>(&tree, tree.root(), &mut Vec::new());
        Ok(tree)
    });
    let found = result.as_ref().err().map_or(&[][..], Vec::as_slice);
    let text = readable(bytes);
    let sources = vec![SourceText { path: Path::new("case.yaml"), text: &text }];
    let found = Found { sources, diagnostics: found.to_vec(), silenced: Vec::new() };
    let count = found.diagnostics.len();
    assert_eq!(human(&found, true, 80).is_empty(), count == 0);
    assert_eq!(json(&found)["diagnostics"].as_array().map(Vec::len), Some(count));
    result
}

#[test]
fn every_case_that_has_to_be_refused_is_refused() {
    let accepted: Vec<_> =
        cases().into_iter().filter(|(_, text, fail)| *fail && load(text.as_bytes()).is_ok()).collect();
    assert_eq!(accepted, []);
}

#[test]
fn valid_yaml_is_refused_only_where_a_runbook_may_not_be_so() {
    let cases = cases();
    if cases.is_empty() {
        return;
    }
    let mut refused = String::new();
    for (name, text, _) in cases.iter().filter(|(_, _, fail)| !fail) {
        if let Err(found) = load(text.as_bytes()) {
            let reasons: BTreeSet<_> = found.iter().map(reason).collect();
            let reasons: Vec<_> = reasons.into_iter().collect();
            writeln!(refused, "{name}: {}", reasons.join(", ")).unwrap();
        }
    }
    let listed: Vec<&str> = REFUSED.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(refused.lines().collect::<Vec<_>>(), listed);
}

#[test]
fn every_reason_is_explained_above_the_list_and_used_in_it() {
    let (explained, listed): (Vec<&str>, Vec<&str>) = REFUSED.lines().partition(|line| line.starts_with('#'));
    let explained: BTreeSet<_> = explained
        .iter()
        .filter_map(|line| line.strip_prefix("# - ")?.split_once(": "))
        .map(|(reason, _)| reason)
        .collect();
    let used: BTreeSet<_> =
        listed.iter().filter_map(|line| line.split_once(": ")).flat_map(|(_, reasons)| reasons.split(", ")).collect();
    assert_eq!(explained, used);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        load(&bytes).ok();
    }

    #[test]
    fn arbitrary_text_of_what_yaml_is_made_of_never_panics(
        text in "([-a-z0-9:{}\\[\\],#&*!|>'\"%@`~ \t\r\né\u{9b}\u{feff}]|- |: |\n  |\\{\\{|\\}\\}){0,60}"
    ) {
        load(text.as_bytes()).ok();
    }
}
