//! Rows and objects that would be gone before anybody looked.

use super::{changing, existing, made, report, written};
use crate::check::context::Context;
use crate::check::rules::Findings;
use crate::check::sql::SqlText;
use crate::check::sql::tree::{self, SyntaxKind as K, SyntaxNode};

/// `UPDATE` or `DELETE` of all rows.
pub fn every_row(context: &Context, findings: &mut Findings) {
    for text in changing(context) {
        let made = made(text);
        let nodes = text.body.statements.iter().flat_map(|statement| statement.node.descendants());
        for node in nodes.filter(|node| matches!(node.kind(), K::UPDATE | K::DELETE)) {
            if tree::child(&node, K::WHERE_CLAUSE).is_some() || tree::child(&node, K::WHERE_CURRENT_OF).is_some() {
                continue;
            }
            let Some(table) = existing(&node, &made) else { continue };
            let verb = if node.kind() == K::UPDATE { "UPDATE" } else { "DELETE" };
            let range = tree::range(&node).start..tree::range(&table).end;
            let message = format!("`{verb}` without `WHERE` touches every row of `{}`", written(text, &table));
            let help = "say which rows; write `where true` if all of them are meant";
            report(context, findings, text, &range, &message, help);
        }
    }
}

/// `TRUNCATE` of what nobody said would be gone.
pub fn emptied(context: &Context, findings: &mut Findings) {
    for text in changing(context) {
        let made = made(text);
        for statement in text.body.statements.iter().filter(|statement| statement.node.kind() == K::TRUNCATE) {
            let cascades = tree::child(&statement.node, K::CASCADE);
            let Some(table) = existing(&statement.node, &made) else { continue };
            let name = written(text, &table);
            if let Some(cascade) = cascades {
                let message = format!("`CASCADE` also empties every table that refers to `{name}`");
                let help = "name the tables that are meant instead";
                report(context, findings, text, &tree::range(&cascade), &message, help);
            } else if !says_irreversible(context, text) {
                let range = statement.range.start..tree::range(&table).end;
                let message = format!("`TRUNCATE` empties `{name}`, and no rollback brings its rows back");
                let help =
                    "say so by `irreversible: <why>`, or keep the rows in a table of their own and drop it later";
                report(context, findings, text, &range, &message, help);
            }
        }
    }
}

fn says_irreversible(context: &Context, text: &SqlText) -> bool {
    let step = text.step.map(|at| context.steps[at].node);
    step.is_some_and(|node| ["irreversible", "point_of_no_return"].iter().any(|key| context.field(node, key).is_some()))
}

/// `DROP` that nothing asked about before.
pub fn dropped_unasked(context: &Context, findings: &mut Findings) {
    for text in changing(context).filter(|text| !is_asked_before(context, text)) {
        let made = made(text);
        for statement in &text.body.statements {
            let node = &statement.node;
            let (found, what) = match node.kind() {
                K::DROP_TABLE if existing(node, &made).is_some() => (node.clone(), dropped(text, node)),
                K::DROP_INDEX
                | K::DROP_VIEW
                | K::DROP_MATERIALIZED_VIEW
                | K::DROP_SCHEMA
                | K::DROP_DATABASE
                | K::DROP_SEQUENCE
                | K::DROP_TYPE
                | K::DROP_PUBLICATION
                | K::DROP_SUBSCRIPTION
                | K::DROP_EXTENSION => (node.clone(), dropped(text, node)),
                K::ALTER_TABLE => {
                    let column = node.children().find(|child| child.kind() == K::DROP_COLUMN);
                    let Some(column) = column.filter(|_| existing(node, &made).is_some()) else { continue };
                    let what = dropped(text, &column);
                    (column, what)
                }
                _ => continue,
            };
            // What stands before it would have failed already.
            let named = text.body.text[..statement.range.start].contains(what.trim_matches('`'));
            if tree::child(&found, K::IF_EXISTS).is_none() && !named {
                let end = found.last_token().map(|token| usize::from(token.text_range().end()));
                let words = tree::range(&found).start..end.unwrap_or(statement.range.end);
                let range = words.start..words.end.min(statement.range.end);
                let message = format!("nothing asks whether {what} is there before it is dropped");
                let help = "add `check: { query: … }` that holds when it is gone, or write `if exists`";
                report(context, findings, text, &range, &message, help);
            }
        }
    }
}

/// The first thing that is dropped, as it is written.
fn dropped(text: &SqlText, node: &SyntaxNode) -> String {
    let named = node.children().find(|child| child.kind() != K::IF_EXISTS);
    named.map_or_else(|| "it".to_owned(), |child| format!("`{}`", written(text, &child).trim()))
}

/// Whether the step, or a group that it is in, looks before it acts.
fn is_asked_before(context: &Context, text: &SqlText) -> bool {
    let mut at = text.step;
    while let Some(step) = at.map(|at| &context.steps[at]) {
        if ["check", "preconditions"].iter().any(|key| context.field(step.node, key).is_some()) {
            return true;
        }
        at = step.parent;
    }
    false
}

/// A column that may not be null and has no value in the rows that there are.
pub fn column_without_value(context: &Context, findings: &mut Findings) {
    for text in changing(context) {
        let made = made(text);
        for statement in text.body.statements.iter().filter(|statement| statement.node.kind() == K::ALTER_TABLE) {
            let Some(table) = existing(&statement.node, &made) else { continue };
            for column in tree::children(&statement.node, K::ADD_COLUMN) {
                let has_value = tree::child(&column, K::DEFAULT_CONSTRAINT).is_some()
                    || tree::child(&column, K::GENERATED_CONSTRAINT).is_some()
                    || super::alter::is_serial(text, &column);
                let Some(not_null) = tree::child(&column, K::NOT_NULL_CONSTRAINT).filter(|_| !has_value) else {
                    continue;
                };
                let name = written(text, &table);
                let message =
                    format!("a new column of `{name}` that may not be null fails as soon as there is one row");
                let help = "give it a `default`, or add it without `not null` and fill it first";
                report(context, findings, text, &tree::range(&not_null), &message, help);
            }
        }
    }
}
