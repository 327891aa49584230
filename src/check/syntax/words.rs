//! The words for what the YAML parser refuses, by the kind of its error.

use granit_parser::ErrorKind;

/// What is wrong, and what to type instead.
pub(super) struct Words {
    pub message: String,
    pub help: Option<&'static str>,
}

impl From<(&str, &'static str)> for Words {
    fn from((message, help): (&str, &'static str)) -> Self {
        Self { message: message.to_owned(), help: Some(help) }
    }
}

pub(super) const UNCLOSED_QUOTE: (&str, &str) = (
    "a quote is opened here and never closed",
    "add the missing quote; the further lines of a quoted text are indented more than its key",
);
pub(super) const UNCLOSED_BRACKET: (&str, &str) =
    ("a bracket is opened here, and a line that is not indented follows before it is closed", "close the bracket");
pub(super) const SHALLOW_BRACKET: (&str, &str) =
    ("the closing bracket is not indented", "indent it further than the key that it belongs to");
pub(super) const INDENTATION: (&str, &str) = (
    "the indentation of this line fits nothing above it",
    "align it with its siblings: keys of one mapping, and the dashes of one list, begin in the same column",
);

/// The words for an error of the parser.
pub(super) fn words(kind: &ErrorKind) -> Words {
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
        other => words_on_text(other),
    }
}

fn words_on_text(kind: &ErrorKind) -> Words {
    match kind {
        ErrorKind::InvalidBlockScalarHeader | ErrorKind::ZeroBlockScalarIndent => (
            "`|` and `>` begin a block of text, and something follows on their line",
            "write the text on the lines below, indented, or put quotes around the value",
        )
            .into(),
        ErrorKind::InvalidBlockScalarIndent => (
            "the first line of this block of text is not indented as the others are",
            "begin every line in the same column, or further right",
        )
            .into(),
        ErrorKind::CommentInterceptedScalar => (
            "a comment stands between two lines of one value",
            "move the comment above the key, or put the value into quotes or a block with `|`",
        )
            .into(),
        ErrorKind::CommentNotSeparated => {
            ("a space is missing before the `#` of a comment", "write ` # comment`").into()
        }
        ErrorKind::InvalidQuotedScalarHexEscape
        | ErrorKind::InvalidLowSurrogateHexEscape
        | ErrorKind::InvalidLowSurrogate
        | ErrorKind::MissingLowSurrogate
        | ErrorKind::UnpairedLowSurrogate
        | ErrorKind::InvalidUnicodeEscape => (
            "a `\\x`, `\\u` or `\\U` in double quotes is no number of a character",
            "write a backslash as \\\\, or use single quotes",
        )
            .into(),
        ErrorKind::MappingKeyNotAllowed => {
            ("`? ` begins a key here", "put quotes around a value that begins with a question mark").into()
        }
        ErrorKind::BlockEntryInFlowCollection | ErrorKind::PlainScalarStartsWithDashFlowIndicator => {
            ("a dash cannot stand alone between brackets", "put quotes around it: \"-\"").into()
        }
        other => words_on_signs(other),
    }
}

fn words_on_signs(kind: &ErrorKind) -> Words {
    match kind {
        ErrorKind::InvalidTagTerminator
        | ErrorKind::MissingTagUri
        | ErrorKind::UnclosedVerbatimTag
        | ErrorKind::InvalidTagEscape
        | ErrorKind::InvalidGlobalTagCharacter
        | ErrorKind::UndeclaredTagHandle
        | ErrorKind::ExpectedTagBang => {
            ("`!` begins a tag here, and a runbook has none", "put quotes around a value that begins with `!`").into()
        }
        ErrorKind::MissingDirectiveName
        | ErrorKind::InvalidDirectiveName
        | ErrorKind::InvalidDirectiveTerminator
        | ErrorKind::MissingYamlVersion
        | ErrorKind::DuplicateVersionDirective
        | ErrorKind::UnsupportedYamlMajorVersion
        | ErrorKind::ExpectedDocumentStart => (
            "a line that begins with `%` is a directive, which a runbook has no use for",
            "remove the line, or indent it to continue the value above",
        )
            .into(),
        ErrorKind::InvalidDocumentEnd => {
            ("something follows the `...` that ends the document", "remove the `...`, or what follows it").into()
        }
        other => Words { message: format!("this is not valid YAML: {other}"), help: None },
    }
}
