//! What an SQL text has to be before it is sent: the part that can be known without a server.

use std::collections::BTreeMap;

use serde_json::Value;

use super::statement::{Statement, statements};
use crate::model::call::Hidden;
use crate::model::result::{Failure, FailureKind};
use crate::model::sql::control::{Control, control};

/// The one statement of a query.
///
/// # Errors
///
/// Where there is none or another one, or it cannot be read.
pub fn one(text: &str, variables: &BTreeMap<String, Hidden<Value>>) -> Result<Statement, Failure> {
    let mut found = read(text, variables)?;
    match (found.pop(), found.len()) {
        (Some(statement), 0) => Ok(statement),
        (_, others) => Err(refusal(format!("a query is one statement; this one has {}", others + 1))),
    }
}

/// The statements of an action.
///
/// # Errors
///
/// Where there is none, one cannot be read or be sent from here, or they begin or end transactions where they must not.
pub fn all(
    text: &str,
    variables: &BTreeMap<String, Hidden<Value>>,
    transaction: bool,
) -> Result<Vec<Statement>, Failure> {
    let found = read(text, variables)?;
    if found.is_empty() {
        return Err(refusal("there is no statement in the SQL text".to_owned()));
    }
    let mut open = None;
    for statement in &found {
        match control(&statement.words) {
            Some(_) if transaction => {
                return Err(refusal(format!(
                    "line {}: `{}` in a step that is one transaction already; leave it out, or say `transaction: false`",
                    statement.line, statement.words[0]
                )));
            }
            Some(Control::Begins) => open = Some(statement.line),
            Some(Control::Ends) => open = None,
            None => {}
        }
    }
    open.map_or(Ok(found), |line| {
        Err(refusal(format!("line {line}: the transaction that begins here is never ended; add `commit`")))
    })
}

fn read(text: &str, variables: &BTreeMap<String, Hidden<Value>>) -> Result<Vec<Statement>, Failure> {
    let found = statements(text, variables).map_err(|error| refusal(error.to_string()))?;
    for statement in &found {
        if statement.text.0.starts_with('\\') {
            return Err(refusal(format!(
                "line {}: psql's own `\\` commands cannot be sent to a server",
                statement.line
            )));
        }
        if statement.copies {
            return Err(refusal(format!(
                "line {}: COPY from or to the client cannot be used here; call psql in a `command` step",
                statement.line
            )));
        }
    }
    Ok(found)
}

fn refusal(message: String) -> Failure {
    Failure::new(FailureKind::Sql, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str, transaction: bool) -> String {
        all(text, &BTreeMap::new(), transaction).unwrap_err().message
    }

    #[test]
    fn a_transactional_text_may_not_end_its_transaction() {
        assert!(refused("select 1;\ncommit;\ndrop table t", true).starts_with("line 2: `commit`"));
        assert!(refused("begin; select 1", true).contains("one transaction already"));
        assert!(all("savepoint a; rollback to savepoint a", &BTreeMap::new(), true).is_ok());
    }

    #[test]
    fn a_transaction_that_a_text_begins_has_to_end_in_it() {
        assert!(all("begin; select 1; commit", &BTreeMap::new(), false).is_ok());
        assert!(refused("begin;\nselect 1", false).starts_with("line 1: the transaction"));
        assert!(refused("begin; select 1; commit and chain", false).contains("never ended"));
    }

    #[test]
    fn a_query_is_one_statement() {
        assert!(one("select 1;", &BTreeMap::new()).is_ok());
        assert!(one("select 1; select 2", &BTreeMap::new()).unwrap_err().message.ends_with("has 2"));
        assert!(one("-- nothing", &BTreeMap::new()).is_err());
    }

    #[test]
    fn what_only_a_client_can_do_is_refused() {
        assert!(refused("copy t (a, b, c, d, e) from stdin", true).contains("COPY"));
        assert!(refused("\\d t", true).contains('\\'));
        assert!(all("copy t from '/stdin'", &BTreeMap::new(), true).is_ok());
    }
}
