//! Words for what the YAML parser refuses: what is wrong, exactly where, and what to type instead.

use granit_parser::{ErrorKind, ScanError};

use super::source::Source;
use crate::model::diagnostic::{Diagnostic, Severity, Span};

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

/// The finding for an error of the parser.
pub(super) fn explain(source: &Source, error: &ScanError) -> Diagnostic {
    let at = error.marker().byte_offset().unwrap_or(source.text.len()).min(source.text.len());
    if let Some(start) = open_template(&source.text, at) {
        let line = line_of(&source.text, start);
        return unquoted_template(
            source,
            Span { start, end: start + line[start - line_start(&source.text, start)..].trim_end().len() },
        );
    }
    let (code, message, help) = words(error.kind());
    finding(source, code, token(&source.text, at), message, help)
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

fn words(kind: &ErrorKind) -> (&'static str, String, Option<&'static str>) {
    let (message, help) = match kind {
        ErrorKind::RecursionLimitExceeded => {
            let help = "move the inner part out, for instance into a group of its own";
            return ("RB0106", "values are nested too deeply".to_owned(), Some(help));
        }
        ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabNotAllowed
        | ErrorKind::TabAtBlockScalarStart
        | ErrorKind::TabInPlainScalar => ("a tab cannot indent YAML".to_owned(), "use spaces"),
        ErrorKind::UnclosedQuotedScalar => {
            ("a quote is opened here and never closed".to_owned(), "add the missing quote")
        }
        ErrorKind::InvalidQuotedScalarIndent | ErrorKind::DocumentIndicatorInQuotedScalar => (
            "the quoted text of a line above has not ended, but its indentation has".to_owned(),
            "add the missing quote above, or indent this line further than its key",
        ),
        ErrorKind::InvalidTrailingSingleQuotedScalar => (
            "something follows the closing quote".to_owned(),
            "put the whole value in quotes; inside single quotes, write a quote as two: ''",
        ),
        ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "something follows the closing quote".to_owned(),
            "put the whole value in quotes; inside double quotes, write a quote as \\\"",
        ),
        ErrorKind::UnknownQuotedScalarEscape => (
            "double quotes hold an escape that YAML does not know".to_owned(),
            "write a backslash as \\\\, or use single quotes",
        ),
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => (
            "a `: ` inside an unquoted value looks like another key".to_owned(),
            "put quotes around the value, or begin the next key on a line of its own",
        ),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry | ErrorKind::InvalidIndentation => (
            "the indentation of this line fits nothing above it".to_owned(),
            "align it with its siblings: keys of one mapping, and the dashes of one list, begin in the same column",
        ),
        ErrorKind::SimpleKeyExpected | ErrorKind::InvalidSimpleKey => (
            "a `:` is missing behind a key".to_owned(),
            "write `key: value`, or indent the line to continue the value above",
        ),
        ErrorKind::UnclosedFlowCollection { open } => {
            (format!("a `{open}` is opened here and never closed"), "add the missing bracket")
        }
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => (
            format!("a `{open}` is closed by `{close}`"),
            "close brackets in the order they were opened, with their own kind",
        ),
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => (
            "a comma or a closing bracket is missing before this".to_owned(),
            "put quotes around a value that holds brackets, commas, `: ` or quotes",
        ),
        ErrorKind::UnknownAnchor => (
            "this alias stands for nothing".to_owned(),
            "put quotes around a value that begins with `*`, or define the anchor before",
        ),
        ErrorKind::UnexpectedCharacter { character } => (
            format!("an unquoted value cannot begin with `{}`", character.escape_debug()),
            "put quotes around the value",
        ),
        ErrorKind::MissingAnchorOrAliasName => {
            ("a name is missing behind `&` or `*`".to_owned(), "put quotes around a value that begins with `&` or `*`")
        }
        other => return ("RB0101", format!("this is not valid YAML: {other}"), None),
    };
    ("RB0101", message, Some(help))
}
