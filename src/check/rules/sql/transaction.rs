//! Statements that refuse to run where a transaction has begun or has written.

use std::ops::Range;

use super::{beginning, capitals, report};
use crate::check::context::Context;
use crate::check::rules::Findings;
use crate::check::sql::SqlText;
use crate::check::sql::body::Statement;
use crate::check::sql::tree::{self, SyntaxKind as K, SyntaxNode};
use crate::model::sql::control::{Control, control};

const HELP: &str = "say `transaction: false`, and `check: { query: … }` or `idempotent: true`, which settle a crash";

/// Functions that work on a standby only, where nothing can be written.
const ON_STANDBY: [&str; 3] = ["pg_promote", "pg_wal_replay_pause", "pg_wal_replay_resume"];

/// A statement that a transaction refuses, in a step that is one or between `BEGIN` and `COMMIT`.
pub fn refused(context: &Context, findings: &mut Findings) {
    for text in context.sql().iter().filter(|text| !text.is_query) {
        let mut is_open = text.is_transaction;
        for statement in &text.body.statements {
            match control(&statement.words).filter(|_| !text.is_transaction) {
                Some(Control::Begins) => is_open = true,
                Some(Control::Ends) => is_open = false,
                None if is_open => look(context, findings, text, statement),
                None => {}
            }
        }
    }
}

fn look(context: &Context, findings: &mut Findings, text: &SqlText, statement: &Statement) {
    let detached = detaches_slot_before(text, statement);
    if let Some(range) = refuses(statement).filter(|_| !detached) {
        let words = match statement.node.kind() {
            K::ALTER_TABLE => "DETACH PARTITION … CONCURRENTLY".to_owned(),
            _ => capitals(text, &range),
        };
        let (message, help) = if text.is_transaction {
            (format!("`{words}` cannot run inside a transaction, and this step is one"), HELP)
        } else {
            (
                format!("`{words}` cannot run inside a transaction, and this text began one"),
                "put it behind the `commit`",
            )
        };
        report(context, findings, text, &range, &message, help);
        return;
    }
    for (name, range) in tree::calls(&statement.node) {
        let why = match name.as_str() {
            name if ON_STANDBY.contains(&name) => {
                "works on a standby only, where a transaction cannot leave its marker"
            }
            "pg_create_logical_replication_slot" => {
                "refuses a transaction that has written, and a step in one writes its marker first"
            }
            _ => continue,
        };
        if text.is_transaction {
            report(context, findings, text, &range, &format!("`{name}` {why}"), HELP);
        }
    }
}

/// The words of a statement that cannot run inside a transaction.
fn refuses(statement: &Statement) -> Option<Range<usize>> {
    let node = &statement.node;
    let until = |kind: K| tree::token_end(node, kind).map(|end| beginning(statement, Some(end)));
    let inside = |kind: K| node.descendants().find(|child| child.kind() == kind).map(|child| tree::range(&child));
    match node.kind() {
        K::CREATE_INDEX | K::DROP_INDEX => until(K::CONCURRENTLY_KW),
        K::ALTER_SYSTEM => until(K::SYSTEM_KW),
        K::CREATE_DATABASE | K::DROP_DATABASE => until(K::DATABASE_KW),
        K::CREATE_TABLESPACE | K::DROP_TABLESPACE => until(K::TABLESPACE_KW),
        K::DROP_SUBSCRIPTION => until(K::SUBSCRIPTION_KW),
        K::CREATE_SUBSCRIPTION => until(K::SUBSCRIPTION_KW).filter(|_| {
            let says_no = |name| tree::option(node, name).is_some_and(|value| matches!(&*value, "false" | "off" | "0"));
            !says_no("create_slot") && !says_no("connect")
        }),
        K::ALTER_SUBSCRIPTION => {
            let refresh = tree::option(node, "refresh").is_none_or(|value| !matches!(&*value, "false" | "off" | "0"));
            let publication = [K::REFRESH_PUBLICATION, K::SET_PUBLICATION, K::ADD_PUBLICATION, K::DROP_PUBLICATION];
            let found = publication.into_iter().find_map(|kind| tree::child(node, kind));
            found.filter(|_| refresh).and_then(|child| {
                let end = tree::token_end(&child, K::PUBLICATION_KW)?;
                Some(tree::range(&child).start..end)
            })
        }
        K::ALTER_DATABASE => {
            let set = tree::child(node, K::SET_TABLESPACE)?;
            Some(tree::range(&set).start..tree::token_end(&set, K::TABLESPACE_KW)?)
        }
        K::ALTER_TABLE => inside(K::DETACH_CONCURRENTLY),
        K::VACUUM => Some(beginning(statement, None)),
        K::CLUSTER => tree::relation(node).is_none().then(|| beginning(statement, None)),
        K::DISCARD => inside(K::DISCARD_ALL).map(|range| statement.range.start..range.end),
        K::REINDEX => reindex(node).map(|end| beginning(statement, Some(end))),
        _ => None,
    }
}

fn reindex(node: &SyntaxNode) -> Option<usize> {
    let tokens = node.descendants_with_tokens().filter_map(token);
    let refusing = [K::CONCURRENTLY_KW, K::DATABASE_KW, K::SYSTEM_KW, K::SCHEMA_KW];
    tokens.into_iter().find(|(kind, _)| refusing.contains(kind)).map(|(_, end)| end)
}

fn token(element: squawk_syntax::SyntaxElement) -> Option<(K, usize)> {
    let token = element.into_token()?;
    Some((token.kind(), usize::from(token.text_range().end())))
}

/// A subscription whose slot was taken from it before is dropped like anything else.
fn detaches_slot_before(text: &SqlText, statement: &Statement) -> bool {
    statement.node.kind() == K::DROP_SUBSCRIPTION
        && text.body.statements.iter().take_while(|other| other.range.start < statement.range.start).any(|other| {
            other.node.kind() == K::ALTER_SUBSCRIPTION
                && tree::option(&other.node, "slot_name").is_some_and(|value| value == "none")
        })
}
