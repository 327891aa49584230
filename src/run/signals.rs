//! Signals: the first asks to stop after what is under way, each further one ends that, a lost terminal is nothing.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How urgently the operator wants an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Not at all.
    None,
    /// After this step.
    AfterStep,
    /// Now.
    Now,
}

/// What the signals of this process say.
#[derive(Debug, Clone)]
pub struct Stop {
    /// How urgently an end is wanted.
    pub urgency: watch::Receiver<Urgency>,
    /// Changes each time that what is under way is to be ended.
    pub cancel: watch::Receiver<bool>,
}

/// Listens from now on: `SIGINT` and `SIGTERM` raise the urgency, `SIGHUP` is passed over.
///
/// # Errors
///
/// Where the system refuses a handler.
pub fn listen() -> std::io::Result<Stop> {
    let interrupt = signal(SignalKind::interrupt())?;
    let terminate = signal(SignalKind::terminate())?;
    let hangup = signal(SignalKind::hangup())?;
    let (urgency_in, urgency) = watch::channel(Urgency::None);
    let (cancel_in, cancel) = watch::channel(false);
    tokio::spawn(follow([interrupt, terminate], hangup, urgency_in, cancel_in));
    Ok(Stop { urgency, cancel })
}

async fn follow(
    [mut interrupt, mut terminate]: [Signal; 2],
    mut hangup: Signal,
    urgency: watch::Sender<Urgency>,
    cancel: watch::Sender<bool>,
) {
    loop {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
            _ = hangup.recv() => continue,
        }
        let before = *urgency.borrow();
        if before == Urgency::None {
            urgency.send_replace(Urgency::AfterStep);
        } else {
            urgency.send_replace(Urgency::Now);
            cancel.send_replace(true);
        }
    }
}

impl Stop {
    /// Whether an end is wanted.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        *self.urgency.borrow() != Urgency::None
    }

    /// Returns once an end is wanted.
    pub async fn wanted(&mut self) {
        if self.urgency.wait_for(|urgency| *urgency != Urgency::None).await.is_err() {
            // Nobody listens any more, so nobody can ask.
            std::future::pending::<()>().await;
        }
    }

    /// Returns each time that what is under way is to be ended.
    pub async fn hastened(&mut self) {
        if self.cancel.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
