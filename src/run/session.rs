//! What one executor's turn with one run has: the runbook, the records, hands, a person, signals.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::clock;
use super::log::Log;
use super::person::Person;
use super::signals::Stop;
use super::status;
use super::window_turn::WindowTurn;
use crate::action::execute::Executor;
use crate::journal::store::RunFolder;
use crate::model::call::{Hidden, Ticket};
use crate::model::parts::written;
use crate::model::runbook::Runbook;
use crate::model::status::Status;
use crate::model::step::Step;
use crate::report::view::{Progress, View};

/// A step by its name in the journal, and which part of its undo; `None` going forward.
pub type Part = (String, Option<usize>);

/// Everything that a run needs while it goes. All that is under way shares it.
pub struct Session<H: Executor, V> {
    /// What is to be done.
    pub runbook: Runbook,
    /// Its acting steps by their names in the journal.
    pub steps: HashMap<String, Arc<Step>>,
    /// The run's folder, with the files that the runbook includes.
    pub folder: RunFolder,
    /// Its records.
    pub log: Log<V>,
    /// What acts.
    pub hands: H,
    /// Who answers.
    pub person: Person,
    /// What the operator's signals say.
    pub stop: Stop,
    /// The window that its steps have to fit.
    pub window: WindowTurn,
    /// Where to stop for tests.
    pub crash: crate::journal::crash::CrashPlan,
    /// Attempts that were made known and not let go yet.
    pub prepared: RefCell<HashMap<Part, H::Prepared>>,
}

impl<H: Executor, V: View> Session<H, V> {
    /// Where the run stands.
    #[must_use]
    pub fn status(&self) -> Status {
        self.log.read(|engine| status::status_in(&self.folder, &self.runbook.name, engine))
    }

    /// Waits before another attempt.
    pub(super) async fn pause(&self, delay: Duration) {
        if !delay.is_zero() {
            self.log.show(&Progress::Waiting(format!("the next attempt, in {delay:?}")));
            clock::sleep(delay).await;
        }
    }

    /// The acting step of that name. The engine only names steps of this runbook.
    pub(super) fn step(&self, name: &str) -> Arc<Step> {
        #[expect(clippy::expect_used, reason = "the engine's program was made of this runbook")]
        self.steps.get(written(name)).cloned().expect("the engine names steps of its runbook")
    }

    pub(super) fn ticket(&self, step: &str, attempt: u32, undo: Option<usize>, options: &Step) -> Ticket {
        Ticket {
            run: self.folder.id.clone(),
            step: step.to_owned(),
            attempt,
            undo,
            timeout: options.limit(),
            sensitive: options.sensitive,
            secrets: Hidden(self.log.values.known_secrets()),
        }
    }
}
