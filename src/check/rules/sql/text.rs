//! Texts that cannot be sent as they are.

use super::{beginning, capitals, report};
use crate::check::context::Context;
use crate::check::rules::Findings;
use crate::check::sql::SqlText;
use crate::check::sql::body::{Mistake, Problem, Statement};
use crate::check::sql::tree::SyntaxKind;
use crate::model::sql::control::{Control, control};

/// What is not PostgreSQL's grammar.
pub fn syntax(context: &Context, findings: &mut Findings) {
    for text in context.sql() {
        match &text.body.problem {
            Some(Problem::Empty) => {
                let help = "write one, or remove the whole text";
                let range = 0..text.body.text.lines().next().unwrap_or_default().len();
                report(context, findings, text, &range, "there is no statement in this SQL text", help);
            }
            Some(Problem::Unclosed(range, what)) => {
                let help = "close it, or double a quote that is part of the text";
                report(context, findings, text, range, &format!("{what} is opened here and never closed"), help);
            }
            Some(Problem::Deep) => {
                let range = 0..text.body.text.lines().next().unwrap_or_default().len();
                let help = "give a long list as a table of its own, or a long condition in parts";
                report(context, findings, text, &range, "this SQL text nests too deep to be read", help);
            }
            Some(Problem::Syntax(mistakes)) => {
                for mistake in mistakes {
                    report(context, findings, text, &mistake.range, &sentence(text, mistake), help(mistake));
                }
            }
            Some(Problem::Psql(_) | Problem::Template) | None => {}
        }
    }
}

fn sentence(text: &SqlText, mistake: &Mistake) -> String {
    let found = text.body.text.get(mistake.range.clone()).unwrap_or_default().lines().next().unwrap_or_default();
    let place = if mistake.is_end { "behind" } else { "at" };
    match &mistake.wanted {
        Some(wanted) => format!("SQL syntax error {place} `{found}`: PostgreSQL expects {wanted}"),
        None => format!("SQL syntax error {place} `{found}`"),
    }
}

fn help(mistake: &Mistake) -> String {
    match &mistake.meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => "PostgreSQL would refuse the whole text; mend the statement here or just before".to_owned(),
    }
}

/// What only psql or a session of one's own understands.
pub fn for_the_client(context: &Context, findings: &mut Findings) {
    for text in context.sql() {
        if let Some(Problem::Psql(places)) = &text.body.problem {
            for range in places {
                let found = text.body.text.get(range.clone()).unwrap_or_default();
                let (message, help) = match found.split_whitespace().next() {
                    Some(command) if command.starts_with('\\') => (
                        format!("`{command}` is a command of psql, and no psql sends this text"),
                        "leave it out, or call psql in a `command` step; values come in by `variables:`",
                    ),
                    _ => (
                        "COPY from or to the client has no client here".to_owned(),
                        "call psql in a `command` step, with the data as its `stdin:`",
                    ),
                };
                report(context, findings, text, range, &message, help);
            }
        }
        transactions(context, findings, text);
    }
}

/// `BEGIN`, `COMMIT` and the like where a transaction is there already, or is never ended.
fn transactions(context: &Context, findings: &mut Findings, text: &SqlText) {
    let mut open: Option<&Statement> = None;
    for statement in &text.body.statements {
        let range = beginning(statement, None);
        let words = capitals(text, &range);
        match control(&statement.words) {
            Some(_) if text.is_query => {
                let message = format!("`{words}` in a query, which is one read-only transaction already");
                report(context, findings, text, &range, &message, "leave it out");
            }
            Some(_) if text.is_transaction => {
                let message = format!("`{words}` in a step that is one transaction already");
                report(context, findings, text, &range, &message, "leave it out, or say `transaction: false`");
            }
            Some(Control::Begins) => open = Some(statement),
            Some(Control::Ends) => open = None,
            None if open.is_none() && !text.is_transaction && needs_transaction(statement) => {
                let message = format!("`{words}` outside a transaction, where it fails");
                let help = "remove `transaction: false`, or put `begin` before it and `commit` behind";
                report(context, findings, text, &range, &message, help);
            }
            None => {}
        }
    }
    if let Some(statement) = open {
        let range = beginning(statement, None);
        let message = "the transaction that begins here is never ended, so nothing of it stays";
        report(context, findings, text, &range, message, "add `commit` at the end");
    }
}

fn needs_transaction(statement: &Statement) -> bool {
    matches!(
        statement.node.kind(),
        SyntaxKind::SAVEPOINT_CREATE
            | SyntaxKind::RELEASE_SAVEPOINT
            | SyntaxKind::ROLLBACK_TO_SAVEPOINT
            | SyntaxKind::LOCK
    )
}
