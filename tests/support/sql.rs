//! Calls of SQL steps, and what a person and an executor have to do with them.

use std::time::Duration;

use runbook::action::execute::{Control, Ended};
use runbook::action::sql;
use runbook::action::target::Environment;
use runbook::model::call::{Connection, Hidden, SqlCall, Ticket};
use runbook::model::event::Intent;
use serde_json::Value;
use tokio::sync::{mpsc, watch};

/// Statements for the target `orders`.
pub fn call(connection: String, text: &str, variables: &[(&str, Value)], transaction: bool) -> SqlCall {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), Hidden(value.clone())));
    SqlCall {
        connection: Connection {
            name: "orders".to_owned(),
            string: Hidden(connection),
            password: None,
            database: None,
        },
        text: text.to_owned(),
        variables: variables.collect(),
        transaction,
    }
}

/// The first attempt of a step.
pub fn ticket(step: &str, timeout: Duration) -> Ticket {
    Ticket {
        run: "20260201-2200-test".to_owned(),
        step: step.to_owned(),
        attempt: 1,
        undo: None,
        timeout: Some(timeout),
        sensitive: false,
        secrets: Hidden(vec!["hunter22".to_owned()]),
    }
}

/// Longer than anything takes here.
pub const LONG: Duration = Duration::from_secs(30);

/// Somebody at the screen.
pub struct Watcher {
    /// Ends the step.
    pub cancel: watch::Sender<bool>,
    /// What is shown.
    pub lines: mpsc::UnboundedReceiver<String>,
    /// The program's side of it.
    pub control: Control,
}

/// Somebody who does nothing yet.
pub fn watcher() -> Watcher {
    let (cancel, cancelled) = watch::channel(false);
    let (output, lines) = mpsc::unbounded_channel();
    Watcher { cancel, lines, control: Control { cancel: cancelled, output } }
}

/// What is known of an attempt once its executor is gone.
pub async fn recovered(intent: &Intent, call: &SqlCall, ticket: &Ticket) -> Ended {
    let Intent::Session { application_name, backend, marker } = intent else { panic!("{intent:?}") };
    let session = (application_name.as_str(), backend.as_ref(), marker.as_ref());
    sql::recover(&Environment::new(), session, call, ticket, &watcher().control).await
}
