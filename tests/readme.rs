//! The README is true: its commands are run, in order, and print what it says.
//!
//! A block marked `console` holds commands behind `$ ` and their output. What differs from run to run (times, ids,
//! digests, durations) is compared by its shape. A line of only `…` stands for any lines.

#![expect(clippy::expect_used, clippy::disallowed_methods, reason = "a test says what it expects, and runs programs")]

use std::fs;
use std::path::Path;
use std::process::Command;

use regex::Regex;

/// A command with the output that the README shows.
struct Example {
    command: String,
    shown: String,
}

fn examples(readme: &str) -> Vec<Example> {
    let mut examples: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in readme.lines() {
        match line {
            "```console" => inside = true,
            "```" => inside = false,
            _ if !inside => {}
            _ => match (line.strip_prefix("$ "), examples.last_mut()) {
                (Some(command), _) => examples.push(Example { command: command.to_owned(), shown: String::new() }),
                (None, Some(example)) => {
                    example.shown.push_str(line);
                    example.shown.push('\n');
                }
                (None, None) => panic!("output before any command: {line}"),
            },
        }
    }
    examples
}

/// The text with everything that differs from run to run replaced by its kind.
fn shape(text: &str) -> String {
    let kinds = [
        (r"\d{8}-\d{4}-([a-z-]+[a-z])(-\d+)?", "RUN-$1"),
        (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME"),
        (r"\b\d\d:\d\d:\d\d\b", "CLOCK"),
        (r"sha256 [0-9a-f]{4}…[0-9a-f]{4}", "DIGEST"),
        (r"\b[0-9a-f]{64}\b", "HASH"),
        (r"ms=\d+", "ms=N"),
        (r"process \d+", "process N"),
        (r"\b(\d+ m \d+ s|\d+(\.\d+)? (ms|s))\b", "DURATION"),
        (r"[~/][^ ]*/runs/", "STATE/runs/"),
        (r"(— )\S+ on \S+,", "${1}WHO,"),
        (r"\w+ answered", "WHO answered"),
        (r"(allowed|asked for) by \w+", "$1 by WHO"),
        (r"\b(\d+[dhms])+ ago", "SOME ago"),
        (r"by=\w+", "by=WHO"),
        (r"by \S+ on \S+,", "by WHO,"),
        (r"(?m)DURATION  \S+ on \S+$", "DURATION WHO"),
        // The width of a column depends on how many of the runs began within one minute.
        (r"(RUN-[a-z-]+) +", "$1 "),
        (r" +DURATION", " DURATION"),
        (r"DURATION +", "DURATION "),
    ];
    let mut text = text.to_owned();
    for (pattern, kind) in kinds {
        text = Regex::new(pattern).expect("a pattern").replace_all(&text, kind).into_owned();
    }
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned()
}

/// Whether the lines match, where `…` alone stands for any number of lines.
fn matches(shown: &[&str], printed: &[&str]) -> bool {
    match (shown.first(), printed.first()) {
        (None, None) => true,
        (Some(&"…"), _) => (0..=printed.len()).any(|skipped| matches(&shown[1..], &printed[skipped..])),
        (Some(a), Some(b)) if a == b => matches(&shown[1..], &printed[1..]),
        _ => false,
    }
}

#[test]
fn every_command_of_the_readme_prints_what_the_readme_shows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).expect("the README");
    let examples = examples(&readme);
    assert!(examples.len() >= 8, "only {} commands were found", examples.len());
    let scratch = tempfile::tempdir().expect("a scratch folder");
    // The runbooks keep their sample services there, and the tour begins without them.
    for folder in ["/tmp/runbook-quickstart", "/tmp/runbook-rolling"] {
        let _absent = fs::remove_dir_all(folder);
    }
    let binary = env!("CARGO_BIN_EXE_runbook");
    let bin = Path::new(binary).parent().expect("a folder");
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    std::os::unix::fs::symlink(root.join("runbooks"), scratch.path().join("runbooks")).expect("a link");
    std::os::unix::fs::symlink(root.join("tests"), scratch.path().join("tests")).expect("a link");
    for Example { command, shown } in &examples {
        let run = command.replace("cargo run --release --", "runbook");
        let output = Command::new("bash")
            .args(["-c", &run])
            .current_dir(scratch.path())
            .env("PATH", &path)
            .env("RUNBOOK_STATE", scratch.path().join("state"))
            .envs([("LANG", "C.UTF-8"), ("TZ", "UTC")])
            .output()
            .expect("bash");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let printed = text(&output.stdout) + &text(&output.stderr);
        let (shown, printed) = (shape(shown), shape(&printed));
        let equal = matches(&shown.lines().collect::<Vec<_>>(), &printed.lines().collect::<Vec<_>>());
        assert!(equal, "`{command}` prints\n{printed}\n\nand the README shows\n{shown}");
    }
}
