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

/// The first tab on the line that was being read at `at`.
fn tab(text: &str, at: usize) -> usize {
    let start = line_start(text, at);
    line_of(text, at).find('\t').map_or(at, |tab| start + tab)
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

struct Words {
    message: String,
    help: Option<&'static str>,
}

impl From<(&str, &'static str)> for Words {
    fn from((message, help): (&str, &'static str)) -> Self {
        Self { message: message.to_owned(), help: Some(help) }
    }
}

const UNCLOSED_QUOTE: (&str, &str) = (
    "a quote is opened here and never closed",
    "add the missing quote; the further lines of a quoted text are indented more than its key",
);
const UNCLOSED_BRACKET: (&str, &str) =
    ("a bracket is opened here, and a line that is not indented follows before it is closed", "close the bracket");
const SHALLOW_BRACKET: (&str, &str) =
    ("the closing bracket is not indented", "indent it further than the key that it belongs to");
const INDENTATION: (&str, &str) = (
    "the indentation of this line fits nothing above it",
    "align it with its siblings: keys of one mapping, and the dashes of one list, begin in the same column",
);

fn words(kind: &ErrorKind) -> Words {
    match kind {
        ErrorKind::RecursionLimitExceeded => {
            ("values are nested too deeply", "move the inner part out, for instance into a group of its own").into()
        }
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedBlockSequenceEntry => INDENTATION.into(),
        ErrorKind::BlockSequenceEntryNotAllowed => (
            "a list cannot begin on the line of its key",
            "begin it on the next line, or put quotes around a value that begins with a dash",
        )
            .into(),
        ErrorKind::MisplacedFlowCollectionEnd => {
            ("a bracket is closed here that was not opened", "remove it, or put quotes around the value").into()
        }
        ErrorKind::MappingValueNotAllowed | ErrorKind::InvalidColonPlacement => (
            "a `: ` inside an unquoted value looks like another key",
            "put quotes around the value, or begin the next key on a line of its own",
        )
            .into(),
        ErrorKind::UnclosedFlowCollection { open } => Words {
            message: format!("a `{open}` is opened here and never closed"),
            help: Some("add the missing bracket"),
        },
        ErrorKind::MismatchedFlowCollectionEnd { open, close } => Words {
            message: format!("a `{open}` is closed by `{close}`"),
            help: Some("close brackets in the order they were opened, each with its own kind"),
        },
        ErrorKind::ExpectedFlowMappingSeparator | ErrorKind::ExpectedFlowSequenceSeparator => (
            "a comma or a closing bracket is missing before this",
            "put quotes around a value that holds brackets, commas, `: ` or quotes",
        )
            .into(),
        other => words_on_quoting(other),
    }
}

fn words_on_quoting(kind: &ErrorKind) -> Words {
    match kind {
        ErrorKind::InvalidTrailingSingleQuotedScalar => (
            "something follows the closing quote",
            "put the whole value in quotes; inside single quotes, write a quote as two: ''",
        )
            .into(),
        ErrorKind::InvalidTrailingDoubleQuotedScalar => (
            "something follows the closing quote",
            "put the whole value in quotes; inside double quotes, write a quote as \\\"",
        )
            .into(),
        ErrorKind::UnknownQuotedScalarEscape => {
            ("double quotes hold an escape that YAML does not know", "write a backslash as \\\\, or use single quotes")
                .into()
        }
        ErrorKind::UnknownAnchor => (
            "this alias stands for nothing",
            "put quotes around a value that begins with `*`, or define the anchor before",
        )
            .into(),
        ErrorKind::MissingAnchorOrAliasName => {
            ("a name is missing behind `&` or `*`", "put quotes around a value that begins with `&` or `*`").into()
        }
        ErrorKind::UnexpectedCharacter { character } => Words {
            message: format!("an unquoted value cannot begin with `{}`", character.escape_debug()),
            help: Some("put quotes around the value"),
        },
        other => Words { message: format!("this is not valid YAML: {other}"), help: None },
    }
}
