//! Words for what the YAML parser refuses: what is wrong, exactly where, and what to type instead.

mod words;

use granit_parser::{ErrorKind, ScanError};

use super::characters::{Unusual, name, unusual};
use super::source::Source;
use crate::model::diagnostic::{Diagnostic, Severity, Span};
use words::{INDENTATION, SHALLOW_BRACKET, UNCLOSED_BRACKET, UNCLOSED_QUOTE, Words, words};

/// An error of a file's syntax.
pub(super) fn finding(
    source: &Source,
    code: &'static str,
    span: Span,
    message: String,
    help: Option<&str>,
) -> Diagnostic {
    Diagnostic {
        code,
        severity: Severity::Error,
        message,
        file: source.path.clone(),
        span,
        labels: Vec::new(),
        help: help.map(str::to_owned),
    }
}

/// Braces that YAML reads as a mapping although a template was meant.
pub(super) fn unquoted_template(source: &Source, span: Span) -> Diagnostic {
    let message = "an unquoted `{{` begins a mapping, not a template".to_owned();
    finding(source, "RB0108", span, message, Some("put quotes around the whole value: \"{{ … }}\""))
}

/// A tag, which a runbook has no use for and which is seldom meant.
pub(super) fn tag(source: &Source, span: Span) -> Diagnostic {
    let (message, help) = match source.text.get(span.start..span.end) {
        None | Some("!") => (
            "`!` is read as a tag here, so that the command loses its negation".to_owned(),
            "put quotes around the whole value, or write it as a block with `|`",
        ),
        Some(written) => (
            format!("a runbook has no tags, found `{written}`"),
            "remove the tag; put quotes around a value to make it text",
        ),
    };
    finding(source, "RB0103", span, message, Some(help))
}

/// What had been read when the parser gave up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Progress {
    /// The end of the last thing that was read whole.
    pub last: usize,
    /// The start of the innermost bracket that is still open.
    pub bracket: Option<usize>,
}

/// The finding for an error of the parser.
pub(super) fn explain(source: &Source, error: &ScanError, progress: Progress) -> Diagnostic {
    let text = source.text.as_str();
    let at = error.marker().byte_offset().unwrap_or(text.len()).min(text.len());
    if let Some(start) = open_template(text, at) {
        let end = start + text[start..].lines().next().unwrap_or_default().trim_end().len();
        return unquoted_template(source, Span { start, end });
    }
    if let Some(found) = disguised_indentation(source, at) {
        return found;
    }
    if let Some(bracket) = progress.bracket
        && let Some(found) = cut_bracket(source, bracket)
    {
        return found;
    }
    let (place, words) = match error.kind() {
        ErrorKind::UnclosedQuotedScalar
        | ErrorKind::InvalidQuotedScalarIndent
        | ErrorKind::DocumentIndicatorInQuotedScalar => (opening_quote(text, progress.last, at), UNCLOSED_QUOTE.into()),
        ErrorKind::InvalidIndentation => match (progress.bracket, text[at..].chars().next()) {
            (Some(_), Some(']' | '}')) => (at, SHALLOW_BRACKET.into()),
            (Some(bracket), _) => (bracket, UNCLOSED_BRACKET.into()),
            (None, _) => (at, INDENTATION.into()),
        },
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => (tab(text, at), ("a tab cannot indent YAML", "use spaces").into()),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (at, no_colon(&text[token(text, at).start..])),
        ErrorKind::MappingValueNotAllowed if begins_its_line(text, at) => (key_before(text, at), INDENTATION.into()),
        kind => (at, words(kind)),
    };
    let code = if *error.kind() == ErrorKind::RecursionLimitExceeded { "RB0106" } else { "RB0101" };
    finding(source, code, token(text, place), words.message, words.help)
}

/// A line that is indented with spaces that are none.
fn disguised_indentation(source: &Source, at: usize) -> Option<Diagnostic> {
    let line = line_of(&source.text, at);
    let (offset, space) = line
        .char_indices()
        .take_while(|(_, c)| c.is_whitespace())
        .find(|(_, c)| unusual(*c) == Some(Unusual::Space))?;
    let start = line_start(&source.text, at) + offset;
    let message = format!("{} cannot indent YAML", name(space));
    let span = Span { start, end: start + space.len_utf8() };
    Some(finding(source, "RB0101", span, message, Some("indent with spaces, typed anew")))
}

/// A bracket whose closing one stands behind a ` #` on the same line.
fn cut_bracket(source: &Source, bracket: usize) -> Option<Diagnostic> {
    let line = source.text.get(bracket..)?.lines().next()?;
    let close = if line.starts_with('[') { ']' } else { '}' };
    let comment = line.find(" #").filter(|at| !line[..*at].contains(['"', '\'', close]))? + 1;
    let closed = line[comment..].contains(close);
    let message = format!("` #` begins a comment here, so that the `{}` before it is never closed", &line[..1]);
    let span = Span { start: bracket + comment, end: bracket + line.trim_end().len() };
    let help = Some("put quotes around the value that has the `#` in it");
    closed.then(|| finding(source, "RB0121", span, message, help))
}

/// The quote that begins the text which was being read at `at`.
fn opening_quote(text: &str, last: usize, at: usize) -> usize {
    text.get(last..).and_then(|rest| rest.find(['"', '\''])).map_or(at, |quote| last + quote)
}

/// Whether the `:` at `at` follows the first thing on its line.
fn begins_its_line(text: &str, at: usize) -> bool {
    !text[line_start(text, at)..at].contains([':', '{', '[', ','])
}

/// The key before the `:` at `at`, first on its line.
fn key_before(text: &str, at: usize) -> usize {
    let start = line_start(text, at);
    start + text[start..at].len() - text[start..at].trim_start().len()
}

/// What is wrong with a line that is no `key: value`.
fn no_colon(line: &str) -> Words {
    let word = line.split(char::is_whitespace).next().unwrap_or_default();
    if word.starts_with('-') {
        ("a space is missing behind the dash", "write `- value`").into()
    } else if word.contains(':') {
        ("a space is missing behind the `:`", "write `key: value`").into()
    } else {
        ("a `:` is missing behind a key", "write `key: value`, or indent the line to continue the value above").into()
    }
}

/// The first tab on the line that was being read at `at`, else the first behind it.
fn tab(text: &str, at: usize) -> usize {
    let start = line_start(text, at);
    line_of(text, at).find('\t').map(|tab| start + tab).or_else(|| Some(at + text[at..].find('\t')?)).unwrap_or(at)
}

/// The place of a `{{` that begins a value on the line of `at`, unless it is quoted.
fn open_template(text: &str, at: usize) -> Option<usize> {
    let start = line_start(text, at);
    let line = line_of(text, at);
    let braces = line.find("{{")?;
    let before = line[..braces].trim_end();
    let begins_a_value = before.is_empty() || before.ends_with([':', '-', '[', ',']);
    begins_a_value.then_some(start + braces)
}

fn line_start(text: &str, at: usize) -> usize {
    text[..text.floor_char_boundary(at)].rfind('\n').map_or(0, |feed| feed + 1)
}

fn line_of(text: &str, at: usize) -> &str {
    text[line_start(text, at)..].lines().next().unwrap_or_default()
}

/// What stands at `at`: a word, or a single character; at the end of a line, its last character.
fn token(text: &str, at: usize) -> Span {
    let at = text.floor_char_boundary(at);
    let word = text[at..].find(|c: char| c.is_whitespace() || ",[]{}:".contains(c)).unwrap_or(text.len() - at);
    let first = text[at..].chars().next().map_or(0, |first| if first == '\n' { 0 } else { first.len_utf8() });
    Span { start: at, end: at + word.max(first) }
}
