//! One thing that is under way: about which step, whether it is to be ended, and what came of it.

use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::session::Session;
use crate::action::execute::{Control, Executor};
use crate::model::event::Event;
use crate::report::view::{Progress, View};

/// What something that is under way knows of itself.
#[derive(Debug, Clone)]
pub(super) struct Task {
    /// Its step's name in the journal; empty where it is about none.
    pub step: String,
    /// True once it is to be ended.
    pub cancel: watch::Receiver<bool>,
}

/// What came of it.
pub(super) struct Done<P> {
    /// What happened; `None` where nothing can be done now, as where nobody is there to ask.
    pub event: Option<Event>,
    /// What may be let go once the event is durable.
    pub prepared: Option<P>,
    /// What it takes at worst, where an attempt is to begin.
    pub limit: Option<Duration>,
}

impl<P> Done<P> {
    /// An event, and nothing that waits for it.
    pub const fn of(event: Event) -> Self {
        Self { event: Some(event), prepared: None, limit: None }
    }

    /// Nothing can be done now.
    pub const fn nothing() -> Self {
        Self { event: None, prepared: None, limit: None }
    }
}

impl Task {
    /// Whether it is to be ended.
    pub fn is_cancelled(&self) -> bool {
        *self.cancel.borrow()
    }

    /// Returns once it is to be ended.
    pub async fn cancelled(&self) {
        if self.cancel.clone().wait_for(|cancel| *cancel).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl<H: Executor, V: View> Session<H, V> {
    /// Does something whose output is shown as it comes, and which can be ended.
    pub(super) async fn shown<T>(&self, task: &Task, work: impl AsyncFnOnce(&Control) -> T) -> T {
        let (output, mut lines) = mpsc::unbounded_channel();
        let control = Control { cancel: task.cancel.clone(), output };
        let work = work(&control);
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                Some(line) = lines.recv() => self.log.show(&Progress::Output { step: task.step.clone(), line }),
            }
        }
    }
}
