//! One SQL text: its variables, its statements as trees, or why it cannot be read.

use std::ops::Range;

use squawk_syntax::{Parse, SourceFile, SyntaxNode, ast::AstNode};

use super::depth::{DEEPEST, depth};
use super::words;
use crate::check::texts::ROOTS;
use crate::model::sql::cut;
use crate::model::sql::lexer::{Kind, Piece, pieces};

/// What a text says.
#[derive(Debug)]
pub struct Body {
    /// As it was written.
    pub text: String,
    /// Every `:'name'` and `:"name"`.
    pub variables: Vec<Variable>,
    /// Why it cannot be read; then there are no statements.
    pub problem: Option<Problem>,
    /// Its statements, in order.
    pub statements: Vec<Statement>,
}

/// A place where a value is put in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name.
    pub name: String,
    /// All of it, from the colon on.
    pub range: Range<usize>,
}

/// Why a text cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// Nothing is in it.
    Empty,
    /// A quote or comment that is not closed, and what it is.
    Unclosed(Range<usize>, &'static str),
    /// What only psql understands.
    Psql(Vec<Range<usize>>),
    /// It nests too deep to be parsed.
    Deep,
    /// A template, which is found and explained elsewhere.
    Template,
    /// What is not PostgreSQL's grammar: the first place of each statement.
    Syntax(Vec<Mistake>),
}

/// A place that the grammar does not allow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The word or sign that does not fit, or the last one where more was wanted.
    pub range: Range<usize>,
    /// Whether the text goes on behind it.
    pub is_end: bool,
    /// What was wanted, in words, where that is known.
    pub wanted: Option<String>,
    /// A word that was probably meant, and the place that it belongs in.
    pub meant: Option<String>,
}

/// One statement.
#[derive(Debug)]
pub struct Statement {
    /// Its tree. Offsets are those of the text.
    pub node: SyntaxNode,
    /// Without white space, comments and the semicolon around it.
    pub range: Range<usize>,
    /// Its first words, lower case.
    pub words: Vec<String>,
}

/// A text as it was parsed: what one thread can hand to another.
#[derive(Debug)]
pub struct Reading {
    variables: Vec<Variable>,
    problem: Option<Problem>,
    parsed: Option<Parse<SourceFile>>,
}

impl Reading {
    /// Why it cannot be read.
    #[must_use]
    pub const fn problem(&self) -> Option<&Problem> {
        self.problem.as_ref()
    }

    /// Reads a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let failed = |variables, problem| Self { variables, problem: Some(problem), parsed: None };
        let pieces = match pieces(text) {
            Ok(pieces) => pieces,
            Err(unclosed) => {
                let range = unclosed.at..unclosed.at + first_line(&text[unclosed.at..]);
                return failed(Vec::new(), Problem::Unclosed(range, unclosed.what));
            }
        };
        let variables = variables(text, &pieces);
        let found = cut::statements(text, &pieces);
        if found.is_empty() {
            return failed(variables, Problem::Empty);
        }
        if has_template(text, &pieces) {
            return failed(variables, Problem::Template);
        }
        if let Some(problem) = psql(text, &pieces, &found) {
            return failed(variables, problem);
        }
        if depth(text, &pieces) > DEEPEST {
            return failed(variables, Problem::Deep);
        }
        let parsed = SourceFile::parse(&masked(text, &variables));
        let errors = parsed.errors();
        if errors.is_empty() {
            return Self { variables, problem: None, parsed: Some(parsed) };
        }
        let errors: Vec<(usize, &str)> =
            errors.iter().map(|error| (usize::from(error.range().start()), error.message())).collect();
        let mistakes = words::mistakes(text, &pieces, &found, &errors);
        failed(variables, Problem::Syntax(mistakes))
    }
}

impl Body {
    /// What was read of a text, as trees.
    #[must_use]
    pub fn new(text: &str, reading: Reading) -> Self {
        let Reading { variables, problem, parsed } = reading;
        let pieces = pieces(text).unwrap_or_default();
        let found = cut::statements(text, &pieces);
        let nodes = parsed.iter().flat_map(|parsed| parsed.tree().stmts()).map(|statement| statement.syntax().clone());
        let statements = nodes.filter_map(|node| statement(text, node, &found)).collect();
        Self { text: text.to_owned(), variables, problem, statements }
    }
}

/// A tree with the pieces that it begins at: both cut the text at the same places.
fn statement(text: &str, node: SyntaxNode, found: &[&[Piece]]) -> Option<Statement> {
    let start = usize::from(node.text_range().start());
    let pieces =
        found.iter().find(|pieces| pieces[0].range.start <= start && start < pieces[pieces.len() - 1].range.end)?;
    let range = pieces[0].range.start..pieces[pieces.len() - 1].range.end;
    Some(Statement { node, range, words: cut::words(text, pieces) })
}

fn variables(text: &str, pieces: &[Piece]) -> Vec<Variable> {
    let places = pieces.iter().filter(|piece| matches!(piece.kind, Kind::LiteralVariable | Kind::IdentifierVariable));
    places
        .map(|piece| Variable {
            name: text[piece.range.start + 2..piece.range.end - 1].to_owned(),
            range: piece.range.clone(),
        })
        .collect()
}

/// The text with each variable as a string or a quoted name of the same length: its colon is a space.
fn masked(text: &str, variables: &[Variable]) -> String {
    let mut masked = text.to_owned();
    for variable in variables {
        masked.replace_range(variable.range.start..=variable.range.start, " ");
    }
    masked
}

/// psql's own commands, which begin with a backslash, and data for `COPY` among the statements.
fn psql(text: &str, pieces: &[Piece], found: &[&[Piece]]) -> Option<Problem> {
    let commands: Vec<Range<usize>> = pieces
        .iter()
        .filter(|piece| piece.kind == Kind::Symbol && &text[piece.range.clone()] == "\\")
        .map(|piece| piece.range.start..piece.range.start + first_line(&text[piece.range.start..]))
        .collect();
    let copies = found.iter().filter(|pieces| cut::copies(text, pieces));
    let copies: Vec<Range<usize>> =
        copies.map(|pieces| pieces[0].range.start..pieces[pieces.len() - 1].range.end).collect();
    // The data that follows a COPY is not SQL, and ends with a backslash of its own.
    let found = if copies.is_empty() { commands } else { copies };
    (!found.is_empty()).then_some(Problem::Psql(found))
}

/// Whether `{{` and one of the names that expressions begin with stand outside of all quotes.
fn has_template(text: &str, pieces: &[Piece]) -> bool {
    let opens = |piece: &Piece| text[piece.range.start..].starts_with("{{");
    pieces.iter().filter(|piece| piece.kind == Kind::Symbol && opens(piece)).any(|piece| {
        let inside = text[piece.range.start + 2..].trim_start_matches(['-', '+']).trim_start();
        ROOTS.iter().any(|root| inside.starts_with(root))
    })
}

fn first_line(text: &str) -> usize {
    text.lines().next().unwrap_or_default().trim_end().len()
}
