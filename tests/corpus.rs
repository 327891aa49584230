//! The corpus: good runbooks drawn from public procedures, in which nothing is found, and enough bad examples.
//!
//! Each good one says in its first lines which procedure it is from and which demands it shows.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

#[path = "support/shell.rs"]
#[expect(dead_code, reason = "shared with other tests")]
mod shell;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use runbook::check::check_with_shell;
use runbook::check::source::Source;
use shell::Shells;

/// What the fourteen procedures ask of a runbook, and what stands in one that shows it: one of these.
const DEMANDS: [(&str, &[&str]); 41] = [
    ("foreach", &["for_each:", "hosts: [", "serial:"]),
    ("branch", &["when:", "then: "]),
    ("precheck", &["preconditions:", "assert:", "on_failure: stop"]),
    ("wait", &["until:"]),
    ("manual", &["manual:"]),
    ("capture", &["outputs:"]),
    ("file", &["file:"]),
    ("service", &["systemctl", "pg_ctl", "[nodetool, drain]", "rollout, restart", "crm, resource"]),
    ("hold", &["hold:"]),
    ("rollback", &["rollback: {", "rollback:\n"]),
    ("later", &["followups:"]),
    ("confirm", &["confirm:"]),
    ("as", &["become:"]),
    ("hosts", &["hosts:"]),
    ("artifact", &["artifacts:"]),
    ("params", &["parameters:"]),
    ("resume", &["check:", "idempotent: true"]),
    ("compare", &["assert:", "success:"]),
    ("soak", &["wait: ", "delay:"]),
    ("rehearse", &["rehearse: true", "preview:", "--check", "--dry-run", "terraform, plan"]),
    ("success", &["success:"]),
    ("sql", &["sql:"]),
    ("ponr", &["point_of_no_return:"]),
    ("freeze", &["hold:", "pause"]),
    ("secret", &["secrets:"]),
    ("timeout", &["timeout:"]),
    ("rb-phase", &["point_of_no_return:", "rollback:\n"]),
    ("role-host", &["leader", "lock_holder", "role"]),
    ("txn", &["transaction: false", "in one transaction"]),
    (
        "long",
        &[
            "background: true",
            "timeout: 1h",
            "timeout: 8h",
            "timeout: 12h",
            "timeout: 4h",
            "estimate: 3h",
            "timeout: 2h",
            "timeout: 10h",
        ],
    ),
    ("watch", &["watch:"]),
    ("comms", &["https://chat.example/"]),
    ("parallel", &["parallel: ", "serial: 100%"]),
    ("silence", &["silence", " descheduler "]),
    ("who", &["approvals:", "second_person:", "by: "]),
    ("criteria", &["iven up", "back when", "Taken when"]),
    ("backup", &["backup", "snapshot"]),
    ("tty", &["interpreter: [expect, -f]"]),
    ("expiry", &["expires:"]),
    ("maxfail", &["max_failures:"]),
    ("lock", &["locks:"]),
];

/// The procedures that are written whole.
const WHOLE: [&str; 8] = ["D01", "D02", "D03", "D04", "D07", "D09", "D10", "D14"];

/// What the head of a file says of it.
struct Claim {
    name: String,
    text: String,
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
            text,
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
        let checked = check_with_shell(&source, beside, &|file: &Path| fs::read(file), &Shells::default());
        for diagnostic in checked.diagnostics {
            let (line, column) = source.line_column(diagnostic.span.start);
            let _ = writeln!(found, "{name}:{line}:{column} {} {}", diagnostic.code, diagnostic.message);
        }
        if checked.runbook.is_none() {
            let _ = writeln!(found, "{name}: no runbook");
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
fn every_demand_is_carried_by_a_runbook_that_shows_it() {
    let mut open: BTreeSet<&str> = DEMANDS.iter().map(|(demand, _)| *demand).collect();
    for claim in claims() {
        for demand in &claim.demands {
            let known = DEMANDS.iter().find(|(name, _)| name == demand);
            let (name, signs) = known.unwrap_or_else(|| panic!("{}: `{demand}` is no demand", claim.name));
            let shown = signs.iter().any(|sign| claim.text.contains(sign));
            assert!(shown, "{} does not show `{demand}`: none of {signs:?}", claim.name);
            open.remove(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn there_are_a_hundred_and_fifty_bad_examples() {
    let rules = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let files = fs::read_dir(rules).expect("a folder of examples").map(|entry| entry.expect("an entry").path());
    let examples = files.map(|path| text(&path));
    let bad: usize = examples
        .map(|text| text.lines().filter(|line| line.starts_with("### RB") && line.ends_with(" bad")).count())
        .sum();
    assert!(bad >= 150, "{bad}");
}
