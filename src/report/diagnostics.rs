//! Findings about files, for people in the style of rustc and for programs as JSON.
//!
//! Says nothing about what is wrong; that is in the findings. The texts they point into are handed in.

use std::collections::HashMap;
use std::fmt::Write;
use std::ops::Range;
use std::path::Path;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};
use serde_json::{Value, json};

use crate::model::diagnostic::{Diagnostic, Severity, Span};
use crate::model::place::Lines;

/// The most findings that are shown to a person at once.
const SHOWN: usize = 50;

/// A file and its text, without a byte order mark, as it was when the findings were made.
#[derive(Debug, Clone, Copy)]
pub struct SourceText<'a> {
    /// As the findings name it.
    pub path: &'a Path,
    /// What their spans point into.
    pub text: &'a str,
}

/// Every finding with its place, its line of the file and what to do, for a terminal of `width` columns.
///
/// After 50 it only counts. A finding whose file is not among `sources` is shown without its line. Nothing in a file
/// can control the terminal.
#[must_use]
pub fn human(diagnostics: &[Diagnostic], sources: &[SourceText<'_>], color: bool, width: usize) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(width);
    let mut out = String::new();
    for diagnostic in diagnostics.iter().take(SHOWN) {
        let source = sources.iter().find(|source| source.path == diagnostic.file);
        out.push_str(&renderer.render(&[report(diagnostic, source.map(|source| source.text))]));
        out.push_str("\n\n");
    }
    if let Some(more) = diagnostics.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        // Writing to a string does not fail.
        let _ = writeln!(out, "and {more} more\n");
    }
    out
}

/// The findings as `validate --format json` prints them: lines and columns from 1, columns in characters.
#[must_use]
pub fn json(files: usize, diagnostics: &[Diagnostic], sources: &[SourceText<'_>]) -> Value {
    let texts: HashMap<&Path, (&str, Lines)> =
        sources.iter().map(|source| (source.path, (source.text, Lines::new(source.text)))).collect();
    let place = |file: &Path, offset| {
        let (line, column) = texts.get(file).map_or((1, 1), |(text, lines)| lines.line_column(text, offset));
        json!({ "line": line, "column": column })
    };
    let diagnostics: Vec<Value> = diagnostics
        .iter()
        .map(|diagnostic| {
            json!({
                "code": diagnostic.code,
                "severity": match diagnostic.severity { Severity::Error => "error", Severity::Warning => "warning" },
                "message": diagnostic.message,
                "help": diagnostic.help,
                "file": diagnostic.file.to_string_lossy(),
                "start": place(&diagnostic.file, diagnostic.span.start),
                "end": place(&diagnostic.file, diagnostic.span.end),
            })
        })
        .collect();
    json!({ "format": 1, "files": files, "diagnostics": diagnostics })
}

/// The last line of a validation, such as `2 files, 1 error, 3 warnings`.
#[must_use]
pub fn summary(files: usize, errors: usize, warnings: usize) -> String {
    let count = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    format!("{}, {}, {}", count(files, "file"), count(errors, "error"), count(warnings, "warning"))
}

fn report<'a>(diagnostic: &Diagnostic, text: Option<&str>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let path = printable(&diagnostic.file.to_string_lossy());
    let group = Group::with_title(level.primary_title(printable(&diagnostic.message)).id(diagnostic.code));
    let group = match text {
        Some(text) => group.element(snippet(diagnostic, text).path(path)),
        None => group.element(Origin::path(path)),
    };
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(printable(help))),
        None => group,
    }
}

/// The lines of the file from the first to the last place of a finding.
fn snippet<'a>(diagnostic: &Diagnostic, text: &str) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let places = || std::iter::once(diagnostic.span).chain(diagnostic.labels.iter().map(|label| label.span));
    let spans: Vec<Range<usize>> = places().map(|span| within_a_line(text, span)).collect();
    let first = spans.iter().map(|span| span.start).min().unwrap_or(0);
    let last = spans.iter().map(|span| span.end).max().unwrap_or(0);
    let start = text[..first].rfind('\n').map_or(0, |feed| feed + 1);
    let end = text[last..].find('\n').map_or(text.len(), |feed| last + feed);
    let line = text[..start].matches('\n').count() + 1;
    let mut annotations = spans.iter().map(|span| span.start - start..span.end - start);
    let primary = AnnotationKind::Primary.span(annotations.next().unwrap_or(0..0));
    let labels = annotations
        .zip(&diagnostic.labels)
        .map(|(span, label)| AnnotationKind::Context.span(span).label(printable(&label.text)));
    Snippet::source(harmless(&text[start..end])).line_start(line).annotation(primary).annotations(labels)
}

/// A span that the renderer can draw: inside the text, on character boundaries, ending on the line it begins on.
fn within_a_line(text: &str, span: Span) -> Range<usize> {
    let start = text.floor_char_boundary(span.start);
    let end = text.ceil_char_boundary(span.end).max(start);
    let line = text[start..end].lines().next().unwrap_or_default().len();
    start..start + line
}

/// A line of a file with nothing in it that a terminal obeys, every character as many bytes as before.
///
/// The renderer replaces the control characters of ASCII and the marks that turn the direction of text; those that
/// Unicode has beside them are replaced here.
fn harmless(text: &str) -> String {
    let replace = |c: char| match c {
        '\u{80}'..='\u{9f}' | '\u{61c}' => '\u{bf}',
        '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' => char::REPLACEMENT_CHARACTER,
        other => other,
    };
    text.chars().map(replace).collect()
}

/// A message of one paragraph with nothing in it that a terminal obeys.
fn printable(text: &str) -> String {
    let replace = |c: char| if c.is_control() && c != '\n' { char::REPLACEMENT_CHARACTER } else { c };
    harmless(text).chars().map(replace).collect()
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
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

    fn shown(diagnostics: &[Diagnostic], text: &str) -> String {
        human(diagnostics, &[SourceText { path: Path::new("a.yaml"), text }], false, 80)
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

";
        assert_eq!(shown(&[finding(30, 37)], TEXT), expected);
    }

    #[test]
    fn a_second_place_is_labelled() {
        let labels = vec![Label { span: Span { start: 23, end: 25 }, text: "first defined here".to_owned() }];
        let expected = "\
error[RB0201]: unknown field `tiemout`
 --> a.yaml:5:9
  |
3 |   - id: ä
  |         - first defined here
4 |     tiemout: 5
5 |   - id: ä
  |         ^
";
        let drawn = shown(&[Diagnostic { labels, help: None, ..finding(49, 51) }], TEXT);
        assert_eq!(drawn.trim_end(), expected.trim_end());
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
        let drawn = human(&[Diagnostic { help: None, ..finding(0, 0) }], &[], false, 80);
        assert_eq!(drawn, "error[RB0201]: unknown field `tiemout`\n--> a.yaml\n\n");
    }

    #[test]
    fn no_more_than_fifty_are_drawn() {
        let drawn = shown(&vec![finding(0, 1); 52], TEXT);
        assert_eq!(drawn.matches("error[RB0201]").count(), 50);
        assert!(drawn.ends_with("\nand 2 more\n\n"));
        assert!(!shown(&vec![finding(0, 1); 50], TEXT).contains("more"));
    }

    #[test]
    fn json_has_lines_and_columns_from_one_in_characters() {
        let warning = Diagnostic { severity: Severity::Warning, help: None, ..finding(23, 25) };
        let expected = json!({
            "format": 1,
            "files": 2,
            "diagnostics": [{
                "code": "RB0201", "severity": "warning", "message": "unknown field `tiemout`", "help": null,
                "file": "a.yaml", "start": {"line": 3, "column": 9}, "end": {"line": 3, "column": 10},
            }],
        });
        assert_eq!(json(2, &[warning], &[SourceText { path: Path::new("a.yaml"), text: TEXT }]), expected);
    }

    #[test]
    fn the_summary_counts() {
        assert_eq!(summary(2, 1, 3), "2 files, 1 error, 3 warnings");
        assert_eq!(summary(1, 0, 1), "1 file, 0 errors, 1 warning");
    }
}
