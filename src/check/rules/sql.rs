//! What is wrong with SQL texts, and what is dangerous in them.

pub mod alter;
pub mod data;
pub mod index;
pub mod locks;
pub mod query;
pub mod text;
pub mod transaction;
pub mod variables;

use std::collections::HashSet;
use std::ops::Range;

use super::Findings;
use crate::check::context::Context;
use crate::check::sql::SqlText;
use crate::check::sql::body::Statement;
use crate::check::sql::tree::{self, SyntaxNode};

/// Reports a place in a text.
fn report(
    context: &Context,
    findings: &mut Findings,
    text: &SqlText,
    range: &Range<usize>,
    message: &str,
    help: impl Into<String>,
) {
    findings.report(text.span(context, range), format!("{}{message}", text.prefix(range)), help);
}

/// The texts that change something, with statements that could be read.
fn changing<'c>(context: &'c Context<'_>) -> impl Iterator<Item = &'c SqlText> {
    context.sql().iter().filter(|text| !text.is_query)
}

/// A statement's first words, up to the end of one of them.
fn beginning(statement: &Statement, end: Option<usize>) -> Range<usize> {
    let first = statement.node.first_token().map_or(statement.range.end, |token| usize::from(token.text_range().end()));
    statement.range.start..end.unwrap_or(first)
}

/// A node as it is written in the text.
fn written<'t>(text: &'t SqlText, node: &SyntaxNode) -> &'t str {
    text.body.text.get(tree::range(node)).unwrap_or_default()
}

/// What stands at a place, in capitals and on one line: the words of a statement.
fn capitals(text: &SqlText, range: &Range<usize>) -> String {
    let words = text.body.text.get(range.clone()).unwrap_or_default();
    words.split_whitespace().collect::<Vec<_>>().join(" ").to_uppercase()
}

/// The relations that a text makes: nobody else uses them yet.
fn made(text: &SqlText) -> HashSet<String> {
    text.body.statements.iter().filter_map(|statement| tree::created(&statement.node)).collect()
}

/// The relation that a statement is about, unless the same text made it.
fn existing(node: &SyntaxNode, made: &HashSet<String>) -> Option<SyntaxNode> {
    tree::relation(node).filter(|relation| !made.contains(&tree::folded(&relation.text().to_string())))
}
