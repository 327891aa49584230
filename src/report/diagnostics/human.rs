//! Findings for people: in the style of rustc, each with its line of the file.

use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::Found;
use crate::model::diagnostic::{Diagnostic, Severity, Span};
use crate::model::place::Lines;

/// The most findings that are shown to a person at once.
const SHOWN: usize = 50;

/// A line of more bytes is cut where it is shown.
const LONG: usize = 2000;

/// So much of it is shown before the place.
const AROUND: usize = 400;

/// So many codes are named in the hint at the end.
const NAMED: usize = 4;

/// Every finding with its place, its line of the file and what to do, for a terminal of `width` columns; then how to
/// read more about them.
///
/// After 50 it only counts. Nothing in a file can control the terminal.
#[must_use]
pub fn human(found: &Found<'_>, color: bool, width: usize) -> String {
    let renderer = if color { Renderer::styled() } else { Renderer::plain() }.term_width(width);
    let mut out = String::new();
    for diagnostic in found.diagnostics.iter().take(SHOWN) {
        let source = found.sources.iter().find(|source| source.path == diagnostic.file);
        out.push_str(&renderer.render(&[report(diagnostic, source.map(|source| source.text))]));
        out.push_str("\n\n");
    }
    if let Some(more) = found.diagnostics.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        // Writing to a string does not fail.
        let _ = writeln!(out, "and {more} more\n");
    }
    if !found.diagnostics.is_empty() {
        let _ = writeln!(out, "for more: runbook explain {}", codes(found).join(" "));
    }
    out
}

/// The codes that were found, errors first, each once.
fn codes(found: &Found<'_>) -> Vec<&'static str> {
    let mut codes: Vec<(Severity, &str)> = found.diagnostics.iter().map(|found| (found.severity, found.code)).collect();
    codes.sort_unstable();
    codes.dedup();
    codes.truncate(NAMED);
    codes.into_iter().map(|(_, code)| code).collect()
}

fn report<'a>(diagnostic: &Diagnostic, text: Option<&str>) -> Group<'a> {
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let path = printable(&diagnostic.file.to_string_lossy());
    let group = Group::with_title(level.primary_title(printable(&diagnostic.message)).id(diagnostic.code));
    let group = match text {
        Some(text) => drawn(group, diagnostic, text, path),
        None => group.element(Origin::path(path)),
    };
    match &diagnostic.help {
        Some(help) => group.element(Level::HELP.message(printable(help))),
        None => group,
    }
}

/// The lines of the file from the first to the last place of a finding.
fn drawn<'a>(group: Group<'a>, diagnostic: &Diagnostic, text: &str, path: String) -> Group<'a> {
    let places = || std::iter::once(diagnostic.span).chain(diagnostic.labels.iter().map(|label| label.span));
    let spans: Vec<Range<usize>> = places().map(|span| within_a_line(text, span)).collect();
    let first = spans.iter().map(|span| span.start).min().unwrap_or(0);
    let last = spans.iter().map(|span| span.end).max().unwrap_or(0);
    let start = text[..first].rfind('\n').map_or(0, |feed| feed + 1);
    let end = text[last..].find('\n').map_or(text.len(), |feed| last + feed);
    let line = text[..start].matches('\n').count() + 1;
    let spans: Vec<Range<usize>> = spans.iter().map(|span| span.start - start..span.end - start).collect();
    match shortened(&text[start..end], &spans) {
        None => group.element(snippet(diagnostic, &text[start..end], &spans, line).path(path)),
        Some((lines, shown)) => {
            let (place, column) = Lines::new(&text[start..end]).line_column(&text[start..end], spans[0].start);
            let origin = Origin::path(path).line(line + place - 1).char_column(column);
            group.element(origin).element(snippet(diagnostic, &lines, &shown, line))
        }
    }
}

fn snippet<'a>(
    diagnostic: &Diagnostic,
    lines: &str,
    spans: &[Range<usize>],
    line: usize,
) -> Snippet<'a, annotate_snippets::Annotation<'a>> {
    let mut annotations = spans.iter().cloned();
    let primary = AnnotationKind::Primary.span(annotations.next().unwrap_or(0..0));
    let labels = annotations
        .zip(&diagnostic.labels)
        .map(|(span, label)| AnnotationKind::Context.span(span).label(printable(&label.text)));
    Snippet::source(harmless(lines)).line_start(line).annotation(primary).annotations(labels)
}

/// Lines in which those that are too long for any screen are cut to what stands around the places in them, and the
/// places in that; `None` where none is too long.
fn shortened(lines: &str, spans: &[Range<usize>]) -> Option<(String, Vec<Range<usize>>)> {
    if lines.len() <= LONG || lines.split('\n').all(|line| line.len() <= LONG) {
        return None;
    }
    let (mut short, mut shown) = (String::new(), spans.to_vec());
    let mut start = 0;
    for line in lines.split('\n') {
        let (begin, end) = (start, start + line.len());
        start = end + 1;
        let here = || spans.iter().filter(|span| begin <= span.start && span.start <= end);
        let first = here().map(|span| span.start).min().unwrap_or(begin);
        let from =
            if line.len() > LONG { lines.floor_char_boundary(first.saturating_sub(AROUND).max(begin)) } else { begin };
        let to = lines.floor_char_boundary(end.min(from + LONG));
        let begins = short.len();
        short.push_str(&lines[from..to]);
        short.push('\n');
        for (place, span) in shown.iter_mut().zip(spans).filter(|(_, span)| begin <= span.start && span.start <= end) {
            *place = span.start.clamp(from, to) - from + begins..span.end.clamp(from, to) - from + begins;
        }
    }
    short.pop();
    Some((short, shown))
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
