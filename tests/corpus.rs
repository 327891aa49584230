//! The corpus: good runbooks drawn from public procedures, in which nothing is found, and enough bad examples.
//!
//! Each good one says in its first lines which procedure it is from and which demands it shows.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use runbook::check::check;
use runbook::check::source::Source;

/// What the fourteen procedures ask of a runbook.
const DEMANDS: [&str; 41] = [
    "foreach",
    "branch",
    "precheck",
    "wait",
    "manual",
    "capture",
    "file",
    "service",
    "hold",
    "rollback",
    "later",
    "confirm",
    "as",
    "hosts",
    "artifact",
    "params",
    "resume",
    "compare",
    "soak",
    "rehearse",
    "success",
    "sql",
    "ponr",
    "freeze",
    "secret",
    "timeout",
    "rb-phase",
    "role-host",
    "txn",
    "long",
    "watch",
    "comms",
    "parallel",
    "silence",
    "who",
    "criteria",
    "backup",
    "tty",
    "expiry",
    "maxfail",
    "lock",
];

/// The procedures that are written whole.
const WHOLE: [&str; 8] = ["D01", "D02", "D03", "D04", "D07", "D09", "D10", "D14"];

/// What the head of a file says of it.
struct Claim {
    name: String,
    procedure: String,
    whole: bool,
    demands: Vec<String>,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus/good")
}

/// Every runbook below a folder, in order.
fn runbooks(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of runbooks") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(runbooks(&path));
        } else if path.extension().is_some_and(|end| end == "yaml") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("a file of the corpus")
}

/// `# D01, whole: …` or `# D01: …`, then `# Demands: …`.
fn claims() -> Vec<Claim> {
    let files = runbooks(&folder());
    let heads = files.iter().map(|path| {
        let text = text(path);
        let name = path.strip_prefix(folder()).unwrap_or(path).display().to_string();
        let mut lines = text.lines().map(|line| line.trim_start_matches("# "));
        let first = lines.next().expect("a first line");
        let demands = lines.next().and_then(|line| line.strip_prefix("Demands: ")).unwrap_or_default();
        Claim {
            procedure: first.get(..3).unwrap_or_default().to_owned(),
            whole: first.get(3..).is_some_and(|rest| rest.starts_with(", whole")),
            demands: demands.split(' ').map(str::to_owned).collect(),
            name,
        }
    });
    heads.collect()
}

#[test]
fn nothing_is_found_in_a_good_runbook() {
    let mut found = String::new();
    for path in runbooks(&folder()) {
        let name = path.strip_prefix(folder()).unwrap_or(&path).display().to_string();
        let source = Source::new(name.clone(), text(&path));
        let beside = path.parent().expect("a folder");
        let checked = check(&source, beside, &|file: &Path| fs::read(file));
        for diagnostic in checked.diagnostics {
            let (line, column) = source.line_column(diagnostic.span.start);
            let _ = writeln!(found, "{name}:{line}:{column} {} {}", diagnostic.code, diagnostic.message);
        }
    }
    assert_eq!(found, "");
}

#[test]
fn there_are_forty_good_runbooks_beside_the_parts_that_they_include() {
    let parts = folder().join("parts");
    let own = runbooks(&folder()).iter().filter(|path| !path.starts_with(&parts)).count();
    assert!(own >= 40, "{own}");
}

#[test]
fn eight_procedures_are_written_whole() {
    let whole: BTreeSet<String> =
        claims().into_iter().filter(|claim| claim.whole).map(|claim| claim.procedure).collect();
    assert_eq!(whole.iter().map(String::as_str).collect::<Vec<_>>(), WHOLE);
}

#[test]
fn every_procedure_is_there() {
    let all: BTreeSet<String> = claims().into_iter().map(|claim| claim.procedure).collect();
    let wanted: Vec<String> = (1..=14).map(|number| format!("D{number:02}")).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), wanted);
}

#[test]
fn every_demand_is_carried_by_a_runbook_and_no_other_is_claimed() {
    let mut open: BTreeSet<&str> = DEMANDS.into_iter().collect();
    for claim in claims() {
        for demand in &claim.demands {
            assert!(DEMANDS.contains(&demand.as_str()), "{}: `{demand}` is no demand", claim.name);
            open.remove(demand.as_str());
        }
    }
    assert!(open.is_empty(), "{open:?}");
}
