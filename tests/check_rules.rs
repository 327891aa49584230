//! What each rule finds, where it says so, and what it leaves alone: the examples of `tests/rules/*.txt`.
//!
//! An example is a whole file, or only steps, which then stand under [`HEADER`]; lines are counted without it. A bad
//! one ends with what is found in it: code, place, message, help. A refused one is valid, and ends with what of it
//! this version cannot carry out. `SNAPSHOTS=overwrite` writes that part anew.
//! `<U+200B>` stands for a character that would not be seen.

#![expect(clippy::expect_used, reason = "a test says what it expects")]

#[path = "support/shell.rs"]
mod shell;

use std::fmt::Write as _;
use std::io;
use std::path::Path;

use runbook::check::catalogue;
use runbook::check::rules::RULES;
use runbook::check::source::Source;
use runbook::check::{Checked, check, check_with_shell};
use shell::{Shells, has_shellcheck};

const HEADER: &str = "\
runbook: 1
name: example
parameters: { limit: { type: integer, default: 0 }, hosts: { type: list, default: [a, b] } }
secrets: { token: { env: TOKEN } }
targets: { db: { postgres: \"service=db\" } }
defaults: { timeout: 5m }
steps:
";

struct Example<'a> {
    code: &'a str,
    kind: &'a str,
    text: &'a str,
}

/// The examples of one file: `### CODE bad`, `good` or `refused`, the text, and but for a good one `-- finds` with what
/// follows.
fn examples(file: &str) -> Vec<Example<'_>> {
    let parts = file.split("### ").skip(1);
    parts
        .map(|part| {
            let (title, body) = part.split_once('\n').unwrap_or((part, ""));
            let (code, kind) = title.split_once(' ').unwrap_or((title, ""));
            assert!(matches!(kind, "bad" | "good" | "refused"), "{title}");
            let text = body.split("-- finds\n").next().unwrap_or_default().trim_end();
            Example { code, kind, text }
        })
        .collect()
}

/// A runbook to be included.
const DRAIN: &str = "\
runbook: 1
name: drain
parameters: { host: { type: string }, seconds: { type: integer, default: 30, maximum: 60 } }
defaults: { timeout: 5m }
steps:
  - { id: sessions, shell: uptime, effect: read_only, outputs: { count: \"{{ stdout }}\" } }
";

/// A runbook that includes another.
fn including(path: &str) -> String {
    format!("runbook: 1\nname: other\nsteps:\n  - {{ id: inner, runbook: {{ path: {path} }} }}\n")
}

/// The only files that there are beside the examples.
fn files(path: &Path) -> io::Result<Vec<u8>> {
    match path.to_str() {
        Some("/runbooks/there.txt") => Ok(b"limit {{ parameters.limit }}\n".to_vec()),
        Some("/runbooks/there.sql") => Ok(b"select 1".to_vec()),
        Some("/runbooks/wrong.sql") => Ok(b"-- twice\nselect 1;\n  select 2 form there;\n".to_vec()),
        Some("/runbooks/key.pem") => Ok(b"-----BEGIN PRIVATE KEY-----\n".to_vec()),
        Some("/runbooks/binary") => Ok(vec![0xff, 0xfe]),
        Some("/runbooks/wrong.txt") => Ok(b"{{ parameters.limmit }}".to_vec()),
        Some("/runbooks/example.yaml" | "/runbooks/sub/../example.yaml") => {
            Ok(b"the example itself, which is not read again".to_vec())
        }
        Some("/runbooks/drain.yaml") => Ok(DRAIN.into()),
        Some("/runbooks/broken.yaml") => Ok(format!("{DRAIN}  - {{ id: other, shell: uptime, tiemout: 5s }}\n").into()),
        Some("/runbooks/sub/back.yaml") => Ok(including("../example.yaml").into()),
        Some(path) => match path.strip_prefix("/runbooks/deep-").and_then(|rest| rest.strip_suffix(".yaml")) {
            Some(number) => Ok(including(&format!("deep-{}.yaml", number.parse().unwrap_or(0) + 1)).into()),
            None => Err(io::ErrorKind::NotFound.into()),
        },
        None => Err(io::ErrorKind::NotFound.into()),
    }
}

/// A text with the characters that are written by their numbers.
fn characters(text: &str) -> String {
    let mut parts = text.split("<U+");
    let mut all = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (number, rest) = part.split_once('>').unwrap_or((part, ""));
        let code = u32::from_str_radix(number, 16).ok().and_then(char::from_u32);
        all.push(code.unwrap_or_else(|| panic!("U+{number} is no character")));
        all.push_str(rest);
    }
    all
}

fn look(example: &Example<'_>) -> (Source, usize, Checked) {
    let header = if example.text.starts_with("- ") { HEADER } else { "" };
    let source = Source::new("example.yaml", format!("{header}{}\n", characters(example.text)));
    let folder = Path::new("/runbooks");
    let checked = match example.code {
        "RB0801" => check_with_shell(&source, folder, &files, &Shells { bash_only: true, ..Shells::default() }),
        "RB0601" | "RB0802" => check_with_shell(&source, folder, &files, &Shells::default()),
        _ => check(&source, folder, &files),
    };
    (source, header.lines().count(), checked)
}

fn found(example: &Example<'_>) -> String {
    let (source, above, checked) = look(example);
    let mut found = checked.diagnostics;
    if example.kind == "refused" {
        assert_eq!(found, [], "nothing is found in\n{}", example.text);
        found = checked.refusals;
    }
    let mut lines = String::new();
    for finding in &found {
        let other = checked.sources.iter().find(|other| other.path == finding.file);
        let (source, above) = other.map_or((&source, above), |other| (other, 0));
        let file = other.map_or_else(String::new, |other| format!("{}:", other.path.display()));
        let (line, column) = source.line_column(finding.span.start);
        let (end_line, end) = source.line_column(finding.span.end);
        assert_eq!(line, end_line, "{} stands on one line", finding.code);
        let _ = writeln!(lines, "{} {file}{}:{column}-{end} {}", finding.code, line - above, finding.message);
        let _ = writeln!(lines, "       help: {}", finding.help.as_deref().unwrap_or_default());
        for label in &finding.labels {
            let (line, column) = source.line_column(label.span.start);
            let line = line.checked_sub(above).filter(|line| *line > 0);
            let line = line.map_or_else(|| "header".to_owned(), |line| line.to_string());
            let _ = writeln!(lines, "       {line}:{column} {}", label.text);
        }
    }
    lines
}

fn family(name: &str) -> (String, std::path::PathBuf) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules").join(name);
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(!text.is_empty(), "there are examples in {}", path.display());
    (text, path)
}

/// The names of all files of examples.
fn families() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rules");
    let entries = std::fs::read_dir(folder).expect("the folder of examples");
    let mut names: Vec<String> =
        entries.map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn holds_for(name: &str) {
    let (text, path) = family(name);
    let mut now = String::new();
    for example in examples(&text) {
        let _ = write!(now, "### {} {}\n{}\n", example.code, example.kind, example.text);
        let found = found(&example);
        if example.kind == "good" {
            assert_eq!(found, "", "nothing is found in\n{}", example.text);
            now.push('\n');
            continue;
        }
        let of_this = found.lines().filter(|line| line.starts_with("RB"));
        let codes: Vec<&str> = of_this.filter_map(|line| line.split(' ').next()).collect();
        assert!(!codes.is_empty(), "nothing is found in\n{}", example.text);
        let alone = codes.iter().all(|code| *code == example.code);
        assert!(alone, "{} alone:\n{}\n{found}", example.code, example.text);
        let _ = writeln!(now, "-- finds\n{found}");
    }
    let now = format!("{}\n", now.trim_end());
    snapbox::Assert::new().action_env("SNAPSHOTS").eq(now, snapbox::Data::read_from(&path, None).raw());
}

#[test]
fn what_cannot_be_read_is_found() {
    holds_for("syntax.txt");
}

#[test]
fn characters_that_are_not_what_they_look_like_are_found() {
    holds_for("characters.txt");
}

#[test]
fn the_shape_of_a_document_is_checked() {
    holds_for("shape.txt");
}

#[test]
fn names_are_checked() {
    holds_for("names.txt");
}

#[test]
fn references_are_checked() {
    holds_for("references.txt");
}

#[test]
fn types_are_checked() {
    holds_for("types.txt");
}

#[test]
fn limits_and_durations_are_checked() {
    holds_for("time.txt");
}

#[test]
fn the_window_is_checked_by_the_clocks_of_its_zone() {
    holds_for("window.txt");
}

#[test]
fn lengths_that_cannot_have_been_meant_and_what_nobody_waits_for_are_found() {
    holds_for("lengths.txt");
}

#[test]
fn the_work_is_held_against_the_window_and_against_what_is_held() {
    holds_for("budget.txt");
}

#[test]
fn approvers_and_their_groups_are_checked() {
    holds_for("review.txt");
}

#[test]
fn what_undoes_and_what_verifies_a_step_is_checked() {
    holds_for("undo.txt");
}

#[test]
fn values_that_become_code_and_secrets_that_are_seen_are_found() {
    holds_for("safety.txt");
}

#[test]
fn loops_and_repetitions_are_checked() {
    holds_for("flow.txt");
}

#[test]
fn files_that_are_named_are_checked() {
    holds_for("files.txt");
}

#[test]
fn sql_texts_are_read_and_what_is_dangerous_in_them_is_found() {
    holds_for("sql.txt");
}

#[test]
fn a_warning_is_silenced_with_a_reason_and_nothing_else_is() {
    holds_for("silence.txt");
}

#[test]
fn scripts_that_bash_cannot_read_are_found() {
    holds_for("scripts.txt");
}

#[test]
fn secrets_that_stand_in_the_file_are_found() {
    holds_for("secrets.txt");
}

#[test]
fn steps_that_a_rollback_or_a_hold_meets_at_the_wrong_moment_are_found() {
    holds_for("order.txt");
}

#[test]
fn texts_in_a_language_of_their_own_are_checked() {
    holds_for("literals.txt");
}

#[test]
fn commands_of_scripts_that_do_something_else_are_found() {
    holds_for("shell.txt");
}

#[test]
fn what_shellcheck_warns_about_is_found_where_it_is_installed() {
    if has_shellcheck() {
        holds_for("shellcheck.txt");
    } else {
        eprintln!("shellcheck is not installed, so nothing was tested");
    }
}

#[test]
fn every_rule_has_a_bad_and_a_good_example() {
    let texts: Vec<String> = families().iter().map(|name| family(name).0).collect();
    let all: Vec<(&str, &str)> =
        texts.iter().flat_map(|text| examples(text)).map(|example| (example.code, example.kind)).collect();
    for rule in RULES {
        assert!(all.contains(&(rule.entry.code, "bad")), "{} has no bad example", rule.entry.code);
        assert!(all.contains(&(rule.entry.code, "good")), "{} has no good example", rule.entry.code);
    }
}

#[test]
fn codes_stand_in_order_and_none_is_given_twice() {
    assert!(RULES.is_sorted_by(|one, other| one.entry.code < other.entry.code));
    assert!(catalogue::all().is_sorted_by(|one, other| one.code < other.code));
}

#[test]
fn every_page_explains_and_its_examples_are_what_they_say() {
    for entry in &catalogue::all() {
        let (code, page) = (entry.code, entry.page);
        if code == "RB0802" && !has_shellcheck() {
            continue;
        }
        let prose = page.split("\n```").next().unwrap_or_default().trim();
        assert!(prose.ends_with('.') && !prose.starts_with('#'), "{code} is explained in sentences");
        assert_eq!(page.matches("```").count(), 4, "{code} has a bad and a good example and nothing else");
        let wrong = if entry.code == catalogue::REFUSED.code { "refused" } else { "bad" };
        for (kind, text) in [(wrong, entry.bad()), ("good", entry.good())] {
            assert!(!text.is_empty(), "{code} has both examples");
            let found = found(&Example { code, kind, text });
            let codes: Vec<&str> = found.lines().filter(|line| line.starts_with("RB")).collect();
            assert!(codes.iter().all(|line| kind != "good" && line.starts_with(code)), "{code}, {kind}: {found}");
            assert_eq!(codes.is_empty(), kind == "good", "{code}, {kind}");
        }
    }
}

#[test]
fn every_page_belongs_to_a_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/check/rules/pages");
    let mut pages: Vec<String> = std::fs::read_dir(folder)
        .expect("the folder of pages")
        .map(|entry| entry.expect("a page").file_name().to_string_lossy().into_owned())
        .collect();
    pages.sort();
    assert_eq!(pages, catalogue::all().iter().map(|entry| format!("{}.md", entry.code)).collect::<Vec<_>>());
}

#[test]
fn a_runbook_is_there_exactly_when_nothing_is_an_error() {
    for (text, _) in families().iter().map(|name| family(name)) {
        for example in examples(&text) {
            let checked = look(&example).2;
            let failed =
                checked.diagnostics.iter().any(|found| found.severity == runbook::model::diagnostic::Severity::Error);
            assert_eq!(checked.runbook.is_none(), failed, "{}\n{}", example.code, example.text);
        }
    }
}
