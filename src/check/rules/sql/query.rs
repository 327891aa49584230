//! Queries and probes that are not one statement that only looks, and rehearsals that would be the real thing.

use std::ops::Range;

use super::{beginning, capitals, report};
use crate::check::context::Context;
use crate::check::rules::Findings;
use crate::check::sql::body::Statement;
use crate::check::sql::tree::{self, SyntaxKind as K};
use crate::model::sql::control::control;

/// Functions that change something although the server lets a read-only transaction call them, and those that it does
/// not let.
const ACTING: [&str; 33] = [
    "dblink_exec",
    "lo_create",
    "lo_import",
    "lo_unlink",
    "nextval",
    "pg_backup_start",
    "pg_backup_stop",
    "pg_cancel_backend",
    "pg_copy_logical_replication_slot",
    "pg_copy_physical_replication_slot",
    "pg_create_logical_replication_slot",
    "pg_create_physical_replication_slot",
    "pg_create_restore_point",
    "pg_drop_replication_slot",
    "pg_logical_emit_message",
    "pg_logical_slot_get_binary_changes",
    "pg_logical_slot_get_changes",
    "pg_notify",
    "pg_promote",
    "pg_reload_conf",
    "pg_replication_origin_advance",
    "pg_replication_origin_create",
    "pg_replication_origin_drop",
    "pg_replication_slot_advance",
    "pg_rotate_logfile",
    "pg_start_backup",
    "pg_stat_reset",
    "pg_stop_backup",
    "pg_switch_wal",
    "pg_terminate_backend",
    "pg_wal_replay_pause",
    "pg_wal_replay_resume",
    "setval",
];

/// Those of them that a rollback takes back, or whose effect is nothing but a gap.
const TAKEN_BACK: [&str; 6] = ["lo_create", "lo_import", "lo_unlink", "nextval", "pg_notify", "setval"];

/// More than one statement, or one that changes something.
pub fn not_a_look(context: &Context, findings: &mut Findings) {
    for text in context.sql().iter().filter(|text| text.is_query) {
        let mut looking = text.body.statements.iter().filter(|statement| control(&statement.words).is_none());
        let Some(first) = looking.next() else { continue };
        if let Some(range) = writes(first) {
            let words = capitals(text, &range);
            let message = format!("`{words}` in a query: it changes something, and a query only looks");
            report(context, findings, text, &range, &message, "make it a step with `sql:`");
        } else if let Some((name, range)) = tree::calls(&first.node).find(|(name, _)| ACTING.contains(&&**name)) {
            let message = format!("`{name}` in a query: it acts, and plan too sends every query");
            report(context, findings, text, &range, &message, "make it a step with `sql:`");
        } else if let Some(second) = looking.next() {
            let range = beginning(second, None);
            let message = "a query is one statement, and this is the second";
            report(context, findings, text, &range, message, "make it a step of its own, or one statement of both");
        }
    }
}

/// What a rolled back transaction does not take back, in a step that plan tries in one.
pub fn not_a_rehearsal(context: &Context, findings: &mut Findings) {
    for text in context.sql().iter().filter(|text| !text.is_query && text.part.is_empty()) {
        let Some(key) = context.tree.get(text.holder, "rehearse").map(|entry| entry.value) else { continue };
        if context.text(key) != Some("true") {
            continue;
        }
        if !text.is_transaction {
            let message = "`rehearse` beside `transaction: false`: without a transaction nothing can be rolled back";
            findings.report(context.entry_span(text.holder, "rehearse"), message, "remove one of the two");
            continue;
        }
        for (name, range) in text.body.statements.iter().flat_map(|statement| tree::calls(&statement.node)) {
            if ACTING.contains(&&*name) && !TAKEN_BACK.contains(&&*name) {
                let message = format!("`{name}` acts at once, and no rollback of the rehearsal takes it back");
                report(
                    context,
                    findings,
                    text,
                    &range,
                    &message,
                    "remove `rehearse: true`, or make it a step of its own",
                );
            }
        }
    }
}

/// The words that say that a statement changes something.
fn writes(statement: &Statement) -> Option<Range<usize>> {
    let node = &statement.node;
    let kind = node.kind();
    let name = format!("{kind:?}");
    let is_definition = ["CREATE_", "ALTER_", "DROP_"].iter().any(|verb| name.starts_with(verb));
    let is_writing = matches!(
        kind,
        K::TRUNCATE
            | K::GRANT
            | K::REVOKE
            | K::COMMENT_ON
            | K::REINDEX
            | K::VACUUM
            | K::CLUSTER
            | K::REFRESH
            | K::REASSIGN
            | K::IMPORT_FOREIGN_SCHEMA
    );
    if is_definition || is_writing {
        return Some(beginning(statement, None));
    }
    if kind == K::COPY {
        return tree::has(node, K::COPY_FROM).then(|| beginning(statement, None));
    }
    if kind == K::EXPLAIN && !tree::has(node, K::ANALYZE_KW) {
        return None;
    }
    let words = [K::INSERT, K::UPDATE, K::DELETE, K::MERGE, K::LOCKING_CLAUSE, K::INTO_CLAUSE];
    let found = node.descendants().find(|child| words.contains(&child.kind()))?;
    let end = match found.kind() {
        K::LOCKING_CLAUSE => tree::range(&found).end,
        _ => found.first_token().map_or(statement.range.end, |token| usize::from(token.text_range().end())),
    };
    Some(tree::range(&found).start..end)
}
