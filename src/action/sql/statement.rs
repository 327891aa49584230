//! Statements of an SQL text: cut at their semicolons, variables filled in, each aware of its lines.

use std::collections::BTreeMap;

use serde_json::Value;

use super::quote;
use crate::model::call::Hidden;
use crate::model::sql::cut;
use crate::model::sql::lexer::{Kind, Piece, pieces};

/// One statement as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// With variables filled in, without its semicolon. May hold secrets.
    pub text: Hidden<String>,
    /// Its first words, lower case: enough to tell what it is.
    pub words: Vec<String>,
    /// Whether it is a `COPY` from or to the client.
    pub copies: bool,
    /// Line on which it begins, from 1.
    pub line: usize,
    /// For each piece: where it stands in `text`, and its line.
    lines: Vec<(usize, usize)>,
}

impl Statement {
    /// Whether its kind can give rows: those are asked for the types of their columns first.
    #[must_use]
    pub fn may_return_rows(&self) -> bool {
        let kinds = ["call", "delete", "execute", "explain", "fetch", "insert", "merge"];
        let kinds = kinds.iter().chain(&["select", "show", "table", "update", "values", "with"]);
        self.words.first().is_some_and(|first| kinds.into_iter().any(|kind| kind == first))
    }

    /// The line of a character of `text`, both counted from 1, as the server counts.
    #[must_use]
    pub fn line_at(&self, character: u32) -> usize {
        let characters = usize::try_from(character).unwrap_or(1).saturating_sub(1);
        let byte = self.text.0.char_indices().nth(characters).map_or(self.text.0.len(), |(byte, _)| byte);
        let piece = self.lines.iter().rev().find(|(start, _)| *start <= byte);
        piece.map_or(self.line, |(_, line)| *line)
    }
}

/// Why a text cannot be sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// An open quote or comment.
    #[error("line {line}: {what} is opened here and never closed")]
    Unclosed {
        /// From 1.
        line: usize,
        /// What is open.
        what: &'static str,
    },
    /// A variable without a value.
    #[error("line {line}: no variable {name:?}; `variables:` has {known}")]
    UnknownVariable {
        /// From 1.
        line: usize,
        /// Its name.
        name: String,
        /// Those that there are.
        known: String,
    },
    /// A value that cannot stand there.
    #[error("line {line}: the variable {name:?} {problem}")]
    Value {
        /// From 1.
        line: usize,
        /// The variable.
        name: String,
        /// What is wrong, never the value.
        problem: &'static str,
    },
}

/// Cuts a text into its statements and fills in the variables. Statements that are empty are left out.
///
/// # Errors
///
/// [`TextError`] with the line at which something is wrong.
pub fn statements(text: &str, variables: &BTreeMap<String, Hidden<Value>>) -> Result<Vec<Statement>, TextError> {
    let pieces = pieces(text)
        .map_err(|unclosed| TextError::Unclosed { line: line_of(text, unclosed.at), what: unclosed.what })?;
    let mut statements = Vec::new();
    let (mut line, mut at) = (1, 0);
    for found in cut::statements(text, &pieces) {
        let first = found[0].range.start;
        line += text[at..first].matches('\n').count();
        at = first;
        statements.push(fill(text, found, line, variables)?);
    }
    Ok(statements)
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

fn fill(
    text: &str,
    pieces: &[Piece],
    line: usize,
    variables: &BTreeMap<String, Hidden<Value>>,
) -> Result<Statement, TextError> {
    let (words, copies) = (cut::words(text, pieces), cut::copies(text, pieces));
    let mut statement = Statement { text: Hidden(String::new()), words, copies, line, lines: Vec::new() };
    let mut line = line;
    for piece in pieces {
        let source = &text[piece.range.clone()];
        statement.lines.push((statement.text.0.len(), line));
        match piece.kind {
            Kind::LiteralVariable | Kind::IdentifierVariable => {
                statement.text.0.push_str(&value(source, piece.kind, line, variables)?);
            }
            _ => statement.text.0.push_str(source),
        }
        line += source.matches('\n').count();
    }
    Ok(statement)
}

fn value(
    source: &str,
    kind: Kind,
    line: usize,
    variables: &BTreeMap<String, Hidden<Value>>,
) -> Result<String, TextError> {
    let name = &source[2..source.len() - 1];
    let Some(value) = variables.get(name) else {
        let known = variables.keys().map(String::as_str).collect::<Vec<_>>().join(", ");
        let known = if known.is_empty() { "none".to_owned() } else { known };
        return Err(TextError::UnknownVariable { line, name: name.to_owned(), known });
    };
    let quoted = match kind {
        Kind::LiteralVariable => quote::literal(&value.0),
        _ => quote::identifier(&value.0),
    };
    quoted.map_err(|problem| TextError::Value { line, name: name.to_owned(), problem })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(text: &str) -> Vec<String> {
        statements(text, &BTreeMap::new()).unwrap().into_iter().map(|statement| statement.text.0).collect()
    }

    #[test]
    fn statements_end_at_semicolons_outside_of_everything_quoted() {
        let text = "select ';'; -- ;\n select $$;$$; /* ; */ create rule r as on insert to t do (a; b); ;";
        assert_eq!(texts(text), ["select ';'", "select $$;$$", "create rule r as on insert to t do (a; b)"]);
    }

    #[test]
    fn a_function_with_an_atomic_body_is_one_statement() {
        let body = "create or replace function f() returns int begin atomic select case when true then 1 end; end";
        assert_eq!(texts(&format!("{body};\nselect 1")), [body, "select 1"]);
        assert_eq!(texts("begin; select 1; end"), ["begin", "select 1", "end"]);
    }

    #[test]
    fn lines_are_those_of_the_text_also_behind_a_value_with_line_breaks() {
        let variables = BTreeMap::from([("v".to_owned(), Hidden(Value::from("a\nb\nc")))]);
        let found = statements("select 1;\n\nselect :'v',\n  wrong", &variables).unwrap();
        assert_eq!((found[0].line, found[1].line), (1, 3));
        let position = found[1].text.0.find("wrong").unwrap() + 1;
        assert_eq!(found[1].line_at(u32::try_from(position).unwrap()), 4);
    }

    #[test]
    fn an_unknown_variable_is_an_error_that_names_the_known_ones() {
        let variables = BTreeMap::from([("table".to_owned(), Hidden(Value::from("t")))]);
        let error = statements("select 1;\nselect * from :\"tabel\"", &variables).unwrap_err();
        assert_eq!(error.to_string(), "line 2: no variable \"tabel\"; `variables:` has table");
    }

    proptest! {
        #[test]
        fn any_text_is_cut_without_a_panic(text in "[ -~\n]{0,60}|([';$:\"/*\\\\eE-]|a|\n| ){0,40}") {
            let _ = statements(&text, &BTreeMap::new());
        }

        #[test]
        fn any_text_value_stays_one_literal(value in any::<String>().prop_filter("no zero byte", |v| !v.contains('\0'))) {
            let variables = BTreeMap::from([("v".to_owned(), Hidden(Value::from(value)))]);
            let found = statements("select :'v', :\"v\"", &variables);
            prop_assume!(found.is_ok());
            let found = found.unwrap();
            let again = texts(&found[0].text.0);
            prop_assert_eq!(again.len(), 1);
            let quoted = pieces(&found[0].text.0).unwrap().into_iter().filter(|piece| piece.kind == Kind::Quoted).count();
            prop_assert_eq!(quoted, 2);
        }
    }
}
