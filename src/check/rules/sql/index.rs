//! Indexes: built so that writers wait, or built beside them and then believed to be there.

use super::{beginning, capitals, changing, existing, made, report, written};
use crate::check::context::Context;
use crate::check::rules::Findings;
use crate::check::sql::SqlText;
use crate::check::sql::body::Statement;
use crate::check::sql::tree::{self, SyntaxKind as K, SyntaxNode};

/// The column of `pg_index` that tells a whole index from what a failed build left.
const VALID: &str = "indisvalid";

/// An index that is built or built anew while nobody can write to its table.
pub fn blocks_writers(context: &Context, findings: &mut Findings) {
    for text in changing(context) {
        let made = made(text);
        for statement in &text.body.statements {
            let node = &statement.node;
            if is_concurrent(statement) {
                continue;
            }
            let (range, name) = match node.kind() {
                K::CREATE_INDEX => {
                    // On the parent of partitions alone there is nothing to read.
                    let Some(table) = existing(node, &made).filter(|_| !tree::has(node, K::ONLY_KW)) else { continue };
                    (beginning(statement, tree::token_end(node, K::INDEX_KW)), written(text, &table))
                }
                K::REINDEX if is_of_one(node) => (beginning(statement, None), ""),
                _ => continue,
            };
            let table = if name.is_empty() { "the table".to_owned() } else { format!("`{name}`") };
            let message = format!("`{}` blocks every write to {table} until it is built", capitals(text, &range));
            let words = if name.is_empty() { "reindex … concurrently" } else { "create index concurrently" };
            let help = format!("write `{words}`, with `transaction: false` and a `check` that asks for {VALID}");
            report(context, findings, text, &range, &message, help);
        }
    }
}

/// Whether one table or index is meant: more of them are built anew in transactions of their own.
fn is_of_one(node: &SyntaxNode) -> bool {
    tree::has(node, K::REINDEX_TARGET_TABLE) || tree::has(node, K::REINDEX_TARGET_INDEX)
}

fn is_concurrent(statement: &Statement) -> bool {
    tree::has(&statement.node, K::CONCURRENTLY_KW)
}

fn builds(statement: &Statement) -> bool {
    statement.node.kind() == K::CREATE_INDEX && is_concurrent(statement)
}

/// A concurrent build whose step never asks whether the index is whole.
pub fn validity_unasked(context: &Context, findings: &mut Findings) {
    for text in changing(context) {
        for statement in text.body.statements.iter().filter(|statement| builds(statement)) {
            if asks_validity(context, text) || asks_a_program(context, text) {
                continue;
            }
            let range = beginning(statement, tree::token_end(&statement.node, K::CONCURRENTLY_KW));
            let message =
                "a concurrent build that fails leaves an index that is not valid, and nothing here asks for it";
            let help = "in `check` and `verify`: select exists (select from pg_index where indexrelid = \
                        to_regclass('…') and indisvalid)";
            report(context, findings, text, &range, message, help);
        }
    }
}

/// Whether a question of the step, or the text itself, looks at the column.
fn asks_validity(context: &Context, text: &SqlText) -> bool {
    let same_step = |other: &&SqlText| other.step == text.step && (other.is_query || other.node == text.node);
    context.sql().iter().filter(same_step).any(|other| other.body.text.to_lowercase().contains(VALID))
}

/// Whether the step is checked or verified by a script or program: what that asks is not known.
fn asks_a_program(context: &Context, text: &SqlText) -> bool {
    let Some(step) = text.step.map(|at| &context.steps[at]) else { return false };
    let probes = ["check", "verify"].into_iter().filter_map(|key| context.field(step.node, key));
    probes.into_iter().any(|probe| ["shell", "command"].iter().any(|key| context.field(probe, key).is_some()))
}

/// `IF NOT EXISTS`, for which an invalid index exists.
pub fn taken_for_built(context: &Context, findings: &mut Findings) {
    for text in changing(context) {
        for (at, statement) in text.body.statements.iter().enumerate().filter(|(_, statement)| builds(statement)) {
            let Some(words) = tree::child(&statement.node, K::IF_NOT_EXISTS) else { continue };
            let Some(name) = tree::child(&statement.node, K::INDEX).map(|node| node.text().to_string()) else {
                continue;
            };
            let is_dropped = text.body.statements[..at].iter().any(|before| drops(before, &name));
            if !is_dropped {
                let message = "an index that a failed build left behind exists too, and is taken for built";
                let help = format!("write `drop index concurrently if exists {};` before it instead", name.trim());
                report(context, findings, text, &tree::range(&words), message, help);
            }
        }
    }
}

fn drops(statement: &Statement, name: &str) -> bool {
    statement.node.kind() == K::DROP_INDEX
        && tree::children(&statement.node, K::INDEX_REF)
            .any(|index| tree::folded(&index.text().to_string()) == tree::folded(name))
}

/// Concurrent work that waits for older transactions no longer than the session lets it.
pub fn gives_up_early(context: &Context, findings: &mut Findings) {
    for text in changing(context) {
        let mut is_set = false;
        for statement in &text.body.statements {
            is_set |= super::locks::lock_timeout(text, statement).is_some();
            if !is_set && builds(statement) {
                let range = beginning(statement, tree::token_end(&statement.node, K::CONCURRENTLY_KW));
                let message = "it waits for every older transaction, and gives up after the session's 10 s";
                let help = "put `set lock_timeout = '10min';` before it: nobody queues behind this wait";
                report(context, findings, text, &range, message, help);
            }
        }
    }
}
