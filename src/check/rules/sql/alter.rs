//! Changes of tables under a lock that stops everyone, for as long as the whole table is written or read.

use std::collections::HashSet;
use std::ops::Range;

use super::{beginning, capitals, changing, existing, made, report, written};
use crate::check::context::Context;
use crate::check::rules::Findings;
use crate::check::sql::SqlText;
use crate::check::sql::tree::{self, SyntaxKind as K, SyntaxNode};

/// Functions that give another value for each row.
const VOLATILE: [&str; 13] = [
    "clock_timestamp",
    "gen_random_bytes",
    "gen_random_uuid",
    "nextval",
    "random",
    "timeofday",
    "uuid_generate_v1",
    "uuid_generate_v1mc",
    "uuid_generate_v4",
    "uuidv4",
    "uuidv7",
    "random_normal",
    "gen_ulid",
];

/// Types whose every value is a text already: changing to them writes nothing where it was one.
const TEXTS: [&str; 4] = ["text", "varchar", "character varying", "citext"];

/// Every change of a table that was there before the text.
fn changes<'t>(text: &'t SqlText, made: &'t HashSet<String>) -> impl Iterator<Item = (SyntaxNode, &'t str)> {
    let tables = text.body.statements.iter().filter(|statement| statement.node.kind() == K::ALTER_TABLE);
    let tables = tables.filter_map(|statement| Some((statement, existing(&statement.node, made)?)));
    tables.flat_map(|(statement, table)| {
        let name = written(text, &table);
        statement.node.children().map(move |child| (child, name))
    })
}

/// A change that writes the whole table anew.
pub fn rewrites(context: &Context, findings: &mut Findings) {
    for text in changing(context) {
        let made = made(text);
        for (change, table) in changes(text, &made) {
            let Some((range, what)) = rewrite(text, &change) else { continue };
            let message = format!("{what} writes all of `{table}` anew, and nobody reads or writes it meanwhile");
            let help = if change.kind() == K::ADD_COLUMN {
                "add the column without it, then set the default and fill the rows in small batches"
            } else {
                "make a new column or table beside it and move the rows in small batches, or do it while nobody needs it"
            };
            report(context, findings, text, &range, &message, help);
        }
        whole_statements(context, findings, text, &made);
    }
}

/// `VACUUM FULL` and `CLUSTER`.
fn whole_statements(context: &Context, findings: &mut Findings, text: &SqlText, made: &HashSet<String>) {
    for statement in &text.body.statements {
        let node = &statement.node;
        let is_full = node.kind() == K::VACUUM && tree::has(node, K::FULL_KW);
        if !is_full && node.kind() != K::CLUSTER {
            continue;
        }
        if tree::relation(node).is_some() && existing(node, made).is_none() {
            continue;
        }
        let range = beginning(statement, None);
        let words = if is_full { "VACUUM FULL".to_owned() } else { capitals(text, &range) };
        let message = format!("`{words}` writes whole tables anew, and nobody reads or writes them meanwhile");
        let help = "plain `vacuum` stands in nobody's way; pg_repack gives space back beside the readers";
        report(context, findings, text, &range, &message, help);
    }
}

fn rewrite(text: &SqlText, change: &SyntaxNode) -> Option<(Range<usize>, &'static str)> {
    match change.kind() {
        K::SET_TABLESPACE => Some((tree::range(change), "another tablespace")),
        K::SET_ACCESS_METHOD => Some((tree::range(change), "another access method")),
        K::SET_LOGGED | K::SET_UNLOGGED => Some((tree::range(change), "this")),
        K::ALTER_COLUMN => {
            let set = tree::child(change, K::SET_TYPE)?;
            let kind = set.children().find(|child| child.kind() != K::USING_EXPR)?;
            let name = written(text, &kind).to_lowercase();
            let is_text = TEXTS.contains(&name.split('(').next().unwrap_or_default().trim());
            let keeps = is_text && tree::child(&set, K::USING_EXPR).is_none();
            (!keeps).then(|| (tree::range(&set).start..tree::range(&kind).end, "another type"))
        }
        K::ADD_COLUMN => {
            if is_serial(text, change) {
                let kind = tree::child(change, K::PATH_TYPE)?;
                return Some((tree::range(&kind), "a column that counts"));
            }
            let default = tree::child(change, K::DEFAULT_CONSTRAINT);
            let call = default.and_then(|default| tree::calls(&default).find(|(name, _)| VOLATILE.contains(&&**name)));
            if let Some((_, range)) = call {
                return Some((range, "a default that differs from row to row"));
            }
            let generated = tree::child(change, K::GENERATED_CONSTRAINT)?;
            let identity = tree::has(&generated, K::GENERATED_IDENTITY);
            let stored = tree::has(&generated, K::STORED_KW);
            let what = if identity { "a column that counts" } else { "a generated column" };
            (identity || stored).then(|| (tree::range(&generated), what))
        }
        _ => None,
    }
}

/// Whether a new column has a sequence of its own.
pub(super) fn is_serial(text: &SqlText, column: &SyntaxNode) -> bool {
    let kind = tree::child(column, K::PATH_TYPE);
    kind.is_some_and(|kind| {
        let name = written(text, &kind).to_lowercase();
        matches!(&*name, "serial" | "bigserial" | "smallserial" | "serial2" | "serial4" | "serial8")
    })
}

/// A change that reads the whole table.
pub fn scans(context: &Context, findings: &mut Findings) {
    let validated = validated(context);
    for text in changing(context) {
        let made = made(text);
        let mut unproven: HashSet<String> = HashSet::new();
        for (change, table) in changes(text, &made) {
            let name = tree::child(&change, K::CONSTRAINT_NAME_REF).map(|node| folded(&node));
            if change.kind() == K::VALIDATE_CONSTRAINT {
                if text.is_transaction && name.is_some_and(|name| unproven.contains(&name)) {
                    let message = format!(
                        "`{table}` is read under the lock that `add constraint` took, which lasts to the end of the step"
                    );
                    let help = "validate it in a step of its own, which lets everyone read and write";
                    report(context, findings, text, &tree::range(&change), &message, help);
                }
                continue;
            }
            if tree::has(&change, K::NOT_VALID) {
                unproven.extend(
                    change.descendants().find(|node| node.kind() == K::CONSTRAINT_NAME).map(|node| folded(&node)),
                );
                continue;
            }
            if tree::has(&change, K::SET_NOT_NULL) && validated.contains(&tree::folded(table)) {
                continue;
            }
            let Some((range, what, help)) = scan(&change) else { continue };
            let message = format!("{what} reads all of `{table}`, and nobody writes to it meanwhile");
            report(context, findings, text, &range, &message, help);
        }
    }
}

fn folded(node: &SyntaxNode) -> String {
    tree::folded(&node.text().to_string())
}

/// The tables for which any text of the runbook proves a constraint.
fn validated(context: &Context) -> HashSet<String> {
    let statements = context.sql().iter().flat_map(|text| &text.body.statements);
    statements
        .filter(|statement| tree::child(&statement.node, K::VALIDATE_CONSTRAINT).is_some())
        .filter_map(|statement| Some(folded(&tree::relation(&statement.node)?)))
        .collect()
}

const NOT_VALID: &str = "add `not valid` here, and `validate constraint` in a later step";
const USING_INDEX: &str = "build the index with `create unique index concurrently` first, then add it `using index`";

fn scan(change: &SyntaxNode) -> Option<(Range<usize>, &'static str, &'static str)> {
    let has_default = tree::child(change, K::DEFAULT_CONSTRAINT).is_some();
    match change.kind() {
        K::ALTER_COLUMN => {
            let set = tree::child(change, K::SET_NOT_NULL)?;
            let help = "add `check (… is not null) not valid`, validate it in a later step, then set not null";
            Some((tree::range(&set), "`SET NOT NULL`", help))
        }
        K::ADD_CONSTRAINT | K::ADD_COLUMN => change.children().find_map(|constraint| {
            let is_new_column = change.kind() == K::ADD_COLUMN;
            let uses_index = tree::has(&constraint, K::USING_INDEX_NAME);
            let (what, help) = match constraint.kind() {
                K::CHECK_CONSTRAINT => ("a check constraint", NOT_VALID),
                // The rows that there are have no value to look up.
                K::REFERENCES_CONSTRAINT if is_new_column && !has_default => return None,
                K::FOREIGN_KEY_CONSTRAINT | K::REFERENCES_CONSTRAINT => ("a foreign key", NOT_VALID),
                K::PRIMARY_KEY_CONSTRAINT if !uses_index => ("a primary key", USING_INDEX),
                K::UNIQUE_CONSTRAINT if !uses_index => ("a unique constraint", USING_INDEX),
                K::EXCLUDE_CONSTRAINT => ("an exclusion constraint", "do it while nobody writes to the table"),
                _ => return None,
            };
            Some((tree::range(&constraint), what, help))
        }),
        _ => None,
    }
}
