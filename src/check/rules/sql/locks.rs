//! Waiting for locks: how long, and who waits behind.

use super::{beginning, capitals, changing, existing, made, report, written};
use crate::check::context::Context;
use crate::check::rules::Findings;
use crate::check::sql::SqlText;
use crate::check::sql::body::Statement;
use crate::check::sql::tree::{self, SyntaxKind as K};
use crate::model::sql::control::{Control, control};

/// What a statement sets `lock_timeout` to, lower case without quotes.
pub(super) fn lock_timeout(text: &SqlText, statement: &Statement) -> Option<String> {
    let node = &statement.node;
    if !matches!(node.kind(), K::SET | K::RESET) {
        return None;
    }
    let name = node.descendants().find(|child| child.kind() == K::CONFIG_PARAMETER_REF)?;
    if !written(text, &name).eq_ignore_ascii_case("lock_timeout") {
        return None;
    }
    let value = node.descendants().find(|child| child.kind() == K::TO_CONFIG_VALUE);
    let value = value.and_then(|value| value.last_token()).map(|token| token.text().to_lowercase());
    Some(value.unwrap_or_else(|| "default".to_owned()).trim_matches('\'').to_owned())
}

/// A text that switches the limit off before a statement that others queue behind.
pub fn without_limit(context: &Context, findings: &mut Findings) {
    for text in changing(context) {
        let made = made(text);
        for (at, statement) in text.body.statements.iter().enumerate() {
            let Some(value) = lock_timeout(text, statement) else { continue };
            // A server's own default is no limit, unless somebody set one.
            let is_off = value.trim_start_matches('0').trim_start_matches(char::is_alphabetic).is_empty();
            if !(is_off && value.starts_with('0') || value == "default") {
                continue;
            }
            let later = text.body.statements[at + 1..].iter();
            let mut later = later.take_while(|later| lock_timeout(text, later).is_none());
            let Some(waits) = later.find(|later| locks_out(later) && existing_or_none(later, &made)) else { continue };
            let words = capitals(text, &beginning(waits, second_word(waits)));
            let message = format!("without `lock_timeout`, `{words}` waits for its lock and everyone else behind it");
            let help = "remove this: the session waits for a lock for at most 10 s; or set a limit such as '2s'";
            report(context, findings, text, &tree::range(&statement.node).clone(), &message, help);
        }
    }
}

fn existing_or_none(statement: &Statement, made: &std::collections::HashSet<String>) -> bool {
    tree::relation(&statement.node).is_none() || existing(&statement.node, made).is_some()
}

fn second_word(statement: &Statement) -> Option<usize> {
    let tokens = statement.node.descendants_with_tokens().filter_map(squawk_syntax::SyntaxElement::into_token);
    tokens.filter(|token| !token.kind().is_trivia()).nth(1).map(|token| usize::from(token.text_range().end()))
}

/// Whether a statement takes a lock that stops readers or writers of what is there already.
fn locks_out(statement: &Statement) -> bool {
    let node = &statement.node;
    let kinds = [
        K::ALTER_TABLE,
        K::CLUSTER,
        K::CREATE_INDEX,
        K::CREATE_TRIGGER,
        K::DROP_INDEX,
        K::DROP_TABLE,
        K::DROP_TRIGGER,
        K::LOCK,
        K::REFRESH,
        K::REINDEX,
        K::TRUNCATE,
    ];
    let is_one = kinds.contains(&node.kind()) && !tree::has(node, K::CONCURRENTLY_KW);
    is_one || node.kind() == K::VACUUM && tree::has(node, K::FULL_KW)
}

/// `SET LOCAL` where there is no transaction that it could be local to.
pub fn local_to_nothing(context: &Context, findings: &mut Findings) {
    for text in changing(context).filter(|text| !text.is_transaction) {
        let mut is_open = false;
        for statement in &text.body.statements {
            match control(&statement.words) {
                Some(Control::Begins) => is_open = true,
                Some(Control::Ends) => is_open = false,
                None if !is_open && statement.words.first().is_some_and(|word| word == "set") => {
                    let Some(local) = tree::child(&statement.node, K::LOCAL_SCOPE) else { continue };
                    let range = statement.range.start..tree::range(&local).end;
                    let message = "`SET LOCAL` outside a transaction sets nothing";
                    report(context, findings, text, &range, message, "write `set`: the session ends with the step");
                }
                None => {}
            }
        }
    }
}
