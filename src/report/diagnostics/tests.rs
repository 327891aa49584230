//! What each format looks like, to the letter.

use std::path::PathBuf;

use serde_json::json;

use super::*;
use crate::model::catalogue::Entry;
use crate::model::diagnostic::Label;

const TEXT: &str = "name: a\nsteps:\n  - id: ä\n    tiemout: 5\n  - id: ä\n";

fn finding(start: usize, end: usize) -> Diagnostic {
    Diagnostic {
        code: "RB0201",
        severity: Severity::Error,
        message: "unknown field `tiemout`".to_owned(),
        file: PathBuf::from("a.yaml"),
        span: Span { start, end },
        labels: Vec::new(),
        help: Some("did you mean `timeout`?".to_owned()),
    }
}

const CATALOGUE: [Entry; 2] = [
    Entry {
        code: "RB0102",
        severity: Severity::Error,
        title: "key defined twice",
        page: "Said twice.\n\n```yaml bad\na: 1\na: 2\n```\n\n```yaml good\na: 1\n```\n",
    },
    Entry {
        code: "RB0201",
        severity: Severity::Error,
        title: "unknown field",
        page: "No such\nfield.\n\nMend it.\n\n```yaml bad\na: 1\n```\n\n```yaml good\nb: 1\n```\n",
    },
];

/// Findings in the one file `a.yaml`.
fn found(diagnostics: Vec<Diagnostic>, text: &str) -> Found<'_> {
    Found { sources: vec![SourceText { path: Path::new("a.yaml"), text }], diagnostics, silenced: Vec::new() }
}

fn shown(diagnostics: &[Diagnostic], text: &str) -> String {
    human(&found(diagnostics.to_vec(), text), false, 80)
}

/// A second place that explains the first.
fn label() -> Label {
    Label { span: Span { start: 23, end: 25 }, text: "first defined here".to_owned() }
}

#[test]
fn a_finding_is_drawn_as_rustc_draws_it() {
    let expected = "\
error[RB0201]: unknown field `tiemout`
 --> a.yaml:4:5
  |
4 |     tiemout: 5
  |     ^^^^^^^
  |
  = help: did you mean `timeout`?

for more: runbook explain RB0201
";
    assert_eq!(shown(&[finding(30, 37)], TEXT), expected);
}

#[test]
fn a_second_place_is_labelled() {
    let labels = vec![label()];
    let expected = "\
error[RB0201]: unknown field `tiemout`
 --> a.yaml:5:9
  |
3 |   - id: ä
  |         - first defined here
4 |     tiemout: 5
5 |   - id: ä
  |         ^

for more: runbook explain RB0201
";
    assert_eq!(shown(&[Diagnostic { labels, help: None, ..finding(49, 51) }], TEXT), expected);
}

#[test]
fn a_span_over_several_lines_is_drawn_on_its_first() {
    let drawn = shown(&[Diagnostic { help: None, ..finding(17, 51) }], TEXT);
    assert!(drawn.contains("3 |   - id: ä\n  |   ^^^^^^^\n"), "{drawn}");
}

#[test]
fn spans_outside_the_text_or_inside_a_character_are_drawn_nearby() {
    for (start, end) in [(24, 24), (24, 99), (99, 120), (40, 30), (usize::MAX, usize::MAX)] {
        assert!(shown(&[finding(start, end)], TEXT).starts_with("error[RB0201]"), "{start}..{end}");
    }
    assert!(shown(&[finding(3, 9)], "").starts_with("error[RB0201]"));
}

#[test]
fn nothing_in_a_file_reaches_the_terminal_as_control() {
    let text = "a: \u{1b}[31m\u{9b}31m\u{202e}\u{8}\r\n";
    let mut hostile = finding(3, 8);
    hostile.message = "found \u{1b}]0;x\u{7}".to_owned();
    hostile.help = Some("type \u{9b}2J".to_owned());
    hostile.labels = vec![Label { span: Span { start: 0, end: 1 }, text: "\u{1b}c".to_owned() }];
    let drawn = shown(&[hostile], text);
    assert_eq!(drawn.chars().find(|c| (c.is_control() && *c != '\n') || *c == '\u{202e}'), None, "{drawn:?}");
}

#[test]
fn a_file_without_text_is_named() {
    let found = Found { diagnostics: vec![Diagnostic { help: None, ..finding(0, 0) }], ..Found::default() };
    let drawn = human(&found, false, 80);
    assert!(drawn.starts_with("error[RB0201]: unknown field `tiemout`\n--> a.yaml\n\n"), "{drawn}");
}

#[test]
fn no_more_than_fifty_are_drawn() {
    let drawn = shown(&vec![finding(0, 1); 52], TEXT);
    assert_eq!(drawn.matches("error[RB0201]").count(), 50);
    assert!(drawn.ends_with("\nand 2 more\n\nfor more: runbook explain RB0201\n"));
    assert!(!shown(&vec![finding(0, 1); 50], TEXT).contains("\nand "));
}

#[test]
fn a_long_line_is_trimmed_around_the_carets() {
    let text =
        format!("env: {{ {}, tiemout: 5, {} }}\n", "a: 1, ".repeat(60).trim_end_matches(", "), "b: 2, ".repeat(60));
    let start = text.find("tiemout").unwrap();
    let drawn = shown(&[finding(start, start + 7)], &text);
    let lines: Vec<&str> = drawn.lines().collect();
    assert!(lines[3].contains(", tiemout: 5, ") && lines[3].contains("..."), "{drawn}");
    assert_eq!(lines[3].find("tiemout"), lines[4].find("^^^^^^^"), "{drawn}");
    assert!(drawn.lines().all(|line| line.chars().count() <= 80), "{drawn}");
}

#[test]
fn carets_stand_below_what_they_mean_behind_tabs_and_wide_characters() {
    let expected = "\
error[RB0201]: unknown field `tiemout`
 --> a.yaml:1:13
  |
1 | a:    { 日本: x, y: z }
  |                  ^
";
    let text = "a:\t{ 日本: x, y: z }\n";
    let start = text.find('y').unwrap();
    let drawn = shown(&[finding(start, start + 1)], text);
    assert!(drawn.starts_with(expected), "{drawn}");
}

#[test]
fn findings_of_several_files_are_drawn_over_their_own_text() {
    let other = Diagnostic { file: PathBuf::from("b.yaml"), help: None, ..finding(0, 1) };
    let sources = [("a.yaml", TEXT), ("b.yaml", "x: y\n")];
    let sources = sources.iter().map(|(path, text)| SourceText { path: Path::new(path), text }).collect();
    let drawn = human(&Found { sources, diagnostics: vec![finding(30, 37), other], silenced: Vec::new() }, false, 80);
    assert!(
        drawn.contains(" --> a.yaml:4:5\n") && drawn.contains(" --> b.yaml:1:1\n  |\n1 | x: y\n  | ^\n"),
        "{drawn}"
    );
}

#[test]
fn the_codes_that_were_found_are_named_at_the_end_errors_first() {
    let warning = Diagnostic { code: "RB0001", severity: Severity::Warning, ..finding(0, 1) };
    let drawn = shown(&[warning, finding(0, 1), finding(30, 37)], TEXT);
    assert!(drawn.ends_with("\n\nfor more: runbook explain RB0201 RB0001\n"), "{drawn}");
    assert_eq!(shown(&[], TEXT), "");
}

#[test]
fn json_has_lines_and_columns_from_one_in_characters() {
    let warning = Diagnostic { severity: Severity::Warning, help: None, labels: vec![label()], ..finding(30, 37) };
    let expected = json!({
        "format": 1,
        "files": 1,
        "diagnostics": [{
            "code": "RB0201", "severity": "warning", "message": "unknown field `tiemout`", "help": null,
            "file": "a.yaml", "start": {"line": 4, "column": 5}, "end": {"line": 4, "column": 12},
            "labels": [{
                "message": "first defined here", "start": {"line": 3, "column": 9}, "end": {"line": 3, "column": 10},
            }],
        }],
    });
    assert_eq!(json(&found(vec![warning], TEXT)), expected);
}

/// A rule as SARIF has it.
fn sarif_rule(entry: &Entry, text: &str, markdown: &str, full: &str) -> serde_json::Value {
    json!({
        "id": entry.code,
        "shortDescription": { "text": entry.title },
        "fullDescription": { "text": full },
        "help": { "text": text, "markdown": markdown },
        "defaultConfiguration": { "level": "error" },
    })
}

/// A place on one line as SARIF has it.
fn sarif_place(uri: &str, line: usize, start: usize, end: usize) -> serde_json::Value {
    json!({
        "artifactLocation": { "uri": uri },
        "region": { "startLine": line, "startColumn": start, "endLine": line, "endColumn": end },
    })
}

#[test]
fn sarif_has_the_rules_the_places_and_what_was_silenced() {
    let diagnostic = Diagnostic { labels: vec![label()], file: "x/a b%.yaml".into(), ..finding(30, 37) };
    let silenced = Silenced {
        diagnostic: Diagnostic { severity: Severity::Warning, help: None, file: "/a.yaml".into(), ..finding(0, 4) },
        reason: "seen".to_owned(),
    };
    let sources = ["x/a b%.yaml", "/a.yaml"].map(|path| SourceText { path: Path::new(path), text: TEXT });
    let found = Found { sources: sources.into(), diagnostics: vec![diagnostic], silenced: vec![silenced] };
    let expected = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "runbook", "version": env!("CARGO_PKG_VERSION"), "rules": [
                sarif_rule(
                    &CATALOGUE[0],
                    "Said twice.\n\nBad:\n\na: 1\na: 2\n\nGood:\n\na: 1",
                    "Said twice.\n\nBad:\n\n```yaml\na: 1\na: 2\n```\n\nGood:\n\n```yaml\na: 1\n```",
                    "Said twice.",
                ),
                sarif_rule(
                    &CATALOGUE[1],
                    "No such field.\n\nMend it.\n\nBad:\n\na: 1\n\nGood:\n\nb: 1",
                    "No such field.\n\nMend it.\n\nBad:\n\n```yaml\na: 1\n```\n\nGood:\n\n```yaml\nb: 1\n```",
                    "No such field.",
                ),
            ]}},
            "columnKind": "unicodeCodePoints",
            "results": [
                {
                    "ruleId": "RB0201", "ruleIndex": 1, "level": "error",
                    "message": { "text": "unknown field `tiemout`\nhelp: did you mean `timeout`?" },
                    "locations": [{ "physicalLocation": sarif_place("x/a%20b%25.yaml", 4, 5, 12) }],
                    "relatedLocations": [{
                        "physicalLocation": sarif_place("x/a%20b%25.yaml", 3, 9, 10),
                        "id": 0,
                        "message": { "text": "first defined here" },
                    }],
                },
                {
                    "ruleId": "RB0201", "ruleIndex": 1, "level": "warning",
                    "message": { "text": "unknown field `tiemout`" },
                    "locations": [{ "physicalLocation": sarif_place("file:///a.yaml", 1, 1, 5) }],
                    "suppressions": [{ "kind": "inSource", "status": "accepted", "justification": "seen" }],
                },
            ],
        }],
    });
    assert_eq!(sarif(&found, &CATALOGUE), expected);
}

#[test]
fn annotations_escape_what_would_end_them() {
    let message = "100%\r\nof it: a, b".to_owned();
    let hostile = Diagnostic { message, file: "a,b:c%.yaml".into(), help: None, ..finding(0, 0) };
    let warning = Diagnostic { code: "RB0102", severity: Severity::Warning, ..finding(30, 37) };
    let expected = "\
::error file=a%2Cb%3Ac%25.yaml,line=1,col=1,endLine=1,endColumn=1,title=RB0201 unknown field::100%25%0D%0Aof it: a, b
::warning file=a.yaml,line=4,col=5,endLine=4,endColumn=11,title=RB0102 key defined twice::\
unknown field `tiemout`%0Ahelp: did you mean `timeout`?
";
    assert_eq!(github(&found(vec![hostile, warning], TEXT), &CATALOGUE), expected);
}

#[test]
fn the_summary_counts_and_says_that_warnings_fail() {
    let warning = Diagnostic { severity: Severity::Warning, ..finding(0, 1) };
    let some = found(vec![finding(0, 1), warning.clone(), warning], TEXT);
    assert_eq!(some.summary(false), "1 file, 1 error, 2 warnings");
    assert_eq!(some.summary(true), "1 file, 1 error, 2 warnings (denied)");
    assert_eq!(found(vec![], TEXT).summary(true), "1 file, 0 errors, 0 warnings");
}
