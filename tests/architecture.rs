//! The layers, the doors and the pinned minimums, read from the sources and the lock file.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// What each layer may import of the crate. `Observer` is the one part of `action` that `plan` sees.
const LAYERS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("expression", &["model"]),
    ("check", &["model", "expression"]),
    ("plan", &["model", "expression", "action::observe"]),
    ("engine", &["model"]),
    ("journal", &["model"]),
    ("action", &["model"]),
    ("report", &["model"]),
    ("run", &["model", "expression", "engine", "journal", "action", "report"]),
    ("cli", &["model", "check", "plan", "engine", "journal", "action", "report", "run"]),
];

/// Crates that only one layer may name.
const OWNED: &[(&str, &[&str])] = &[
    ("indicatif::", &["report"]),
    ("similar::", &["report", "plan"]),
    ("annotate_snippets::", &["report"]),
    ("maud::", &["report"]),
    ("pulldown_cmark::", &["report"]),
    ("clap::", &["cli"]),
    ("clap_complete::", &["cli"]),
    ("clap_mangen::", &["cli"]),
    ("minijinja::", &["expression"]),
    ("granit_parser::", &["check"]),
    ("squawk_syntax::", &["check"]),
    ("schemars::", &["check", "model"]),
    ("tokio_postgres::", &["action"]),
    ("hyper::", &["action"]),
    ("tokio::", &["action", "run", "cli"]),
];

/// Versions below which something is known to be wrong.
const MINIMUMS: &[(&str, [u64; 3])] = &[
    ("postgres-protocol", [0, 6, 12]),
    ("tokio-postgres", [0, 7, 18]),
    ("rustls", [0, 23, 46]),
    ("squawk-syntax", [2, 68, 0]),
    ("tracing-subscriber", [0, 3, 20]),
    ("yaml_serde", [0, 10, 7]),
];

/// Crates that are unmaintained or have an open advisory.
const BANNED: &[&str] = &["serde_yml", "serde_yaml", "openssl", "chrono", "atty", "ansi_term", "rsa", "fail"];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            files.push(path);
        }
    }
    files
}

/// The code of a file: without comments, and without its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a source");
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// The file's layer: the folder below `src`.
fn layer(path: &Path) -> Option<String> {
    let below = path.strip_prefix(root().join("src")).ok()?;
    let first = below.components().next()?.as_os_str().to_str()?;
    (below.components().count() > 1).then(|| first.to_owned())
}

fn is_test(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.ends_with("tests.rs") || text.contains("/tests/") || text.contains("/properties")
}

#[test]
fn imports_go_one_way() {
    let allowed: BTreeMap<&str, &[&str]> = LAYERS.iter().copied().collect();
    let mut wrong = Vec::new();
    let mut seen = 0;
    for path in sources(&root().join("src")) {
        let Some(layer) = layer(&path) else { continue };
        let may = allowed.get(layer.as_str()).unwrap_or_else(|| panic!("{layer} is not a layer"));
        let code = code(&path);
        for (place, _) in code.match_indices("crate::") {
            let used = &code[place + "crate::".len()..];
            seen += 1;
            let is_of = |other: &str| {
                used.strip_prefix(other).is_some_and(|rest| rest.starts_with("::") || rest.starts_with(';'))
            };
            let is_own = is_of(&layer);
            let is_allowed = may.iter().any(|other| is_of(other));
            if !is_own && !is_allowed {
                wrong.push(format!("{}: {}", path.display(), used.lines().next().unwrap_or_default()));
            }
        }
    }
    assert!(seen > 100, "only {seen} imports were read");
    assert!(wrong.is_empty(), "imports against the layers:\n{}", wrong.join("\n"));
}

#[test]
fn every_file_begins_by_saying_what_it_is_responsible_for() {
    let files = ["src", "tests"].into_iter().flat_map(|folder| sources(&root().join(folder)));
    let silent: Vec<PathBuf> =
        files.filter(|path| !fs::read_to_string(path).expect("a source").starts_with("//! ")).collect();
    assert!(silent.is_empty(), "without a module comment: {silent:?}");
}

#[test]
fn each_crate_stays_in_its_layer() {
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")) {
        let Some(layer) = layer(&path) else { continue };
        let code = code(&path);
        for (name, layers) in OWNED {
            if code.contains(&format!("use {name}")) && !layers.contains(&layer.as_str()) && !is_test(&path) {
                wrong.push(format!("{} uses {name}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_engine_neither_waits_nor_looks_at_the_world() {
    for path in sources(&root().join("src/engine")) {
        let code = code(&path);
        for word in ["async ", ".await", "std::fs", "std::io", "std::time::Instant", "SystemTime", "rand"] {
            let stands = code.contains(word) && !is_test(&path);
            assert!(!stands, "{} has {word}", path.display());
        }
    }
}

#[test]
fn no_file_is_long_and_nothing_is_left_open() {
    let mut wrong = Vec::new();
    for path in sources(&root().join("src")).into_iter().chain(sources(&root().join("tests"))) {
        let text = fs::read_to_string(&path).expect("a source");
        let lines = code(&path).lines().count();
        if lines > 500 && !is_test(&path) && path.starts_with(root().join("src")) {
            wrong.push(format!("{} has {lines} lines", path.display()));
        }
        for word in ["TO", "FIX", "XX"].map(|word| {
            format!(
                "{word}{}",
                if word == "TO" {
                    "DO"
                } else if word == "FIX" {
                    "ME"
                } else {
                    "X"
                }
            )
        }) {
            if text.contains(&word) {
                wrong.push(format!("{} has {word}", path.display()));
            }
        }
        if text.contains(concat!("#[", "allow")) {
            wrong.push(format!("{} allows a lint; expect it, with the reason", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_locked_crate_is_older_than_its_minimum_or_banned() {
    let lock = fs::read_to_string(root().join("Cargo.lock")).expect("the lock file");
    let mut locked: BTreeMap<String, Vec<[u64; 3]>> = BTreeMap::new();
    for block in lock.split("[[package]]") {
        let field = |name: &str| {
            let start = block.find(&format!("\n{name} = \""))? + name.len() + 5;
            block[start..].split('"').next()
        };
        let (Some(name), Some(version)) = (field("name"), field("version")) else { continue };
        let mut numbers = version.split(['.', '-', '+']).map(|part| part.parse().unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        locked.entry(name.to_owned()).or_default().push([next(), next(), next()]);
    }
    assert!(locked.len() > 100, "only {} crates were read", locked.len());
    for (name, minimum) in MINIMUMS {
        let versions = locked.get(*name).unwrap_or_else(|| panic!("{name} is not locked"));
        assert!(versions.iter().all(|version| version >= minimum), "{name} is locked at {versions:?}");
    }
    for name in BANNED {
        assert!(!locked.contains_key(*name), "{name} is unmaintained or has an open advisory");
    }
}
