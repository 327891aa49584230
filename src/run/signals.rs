//! Signals: the first asks to stop after what is under way, each further one ends that, a lost terminal is nothing.

use std::sync::Arc;

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
    urgency: watch::Receiver<Urgency>,
    /// Changes each time that what is under way is to be ended.
    cancel: watch::Receiver<bool>,
    forget: Arc<watch::Sender<Urgency>>,
}

/// What is listened to.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    quit: Signal,
    hangup: Signal,
    users: [Signal; 2],
}

/// What a signal asks for.
enum Asked {
    Stop,
    EndNow,
    Nothing,
}

/// Listens from now on: `SIGINT` and `SIGTERM` raise the urgency, `SIGQUIT` raises it to the end at once; `SIGHUP`,
/// `SIGUSR1` and `SIGUSR2` are passed over.
///
/// # Errors
///
/// Where the system refuses a handler.
pub fn listen() -> std::io::Result<Stop> {
    let signals = Signals::new()?;
    let (urgency_in, urgency) = watch::channel(Urgency::None);
    let (cancel_in, cancel) = watch::channel(false);
    let urgency_in = Arc::new(urgency_in);
    tokio::spawn(follow(signals, Arc::clone(&urgency_in), cancel_in));
    Ok(Stop { urgency, cancel, forget: urgency_in })
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            hangup: signal(SignalKind::hangup())?,
            users: [signal(SignalKind::user_defined1())?, signal(SignalKind::user_defined2())?],
        })
    }

    async fn next(&mut self) -> Asked {
        let [one, two] = &mut self.users;
        tokio::select! {
            _ = self.interrupt.recv() => Asked::Stop,
            _ = self.terminate.recv() => Asked::Stop,
            _ = self.quit.recv() => Asked::EndNow,
            _ = self.hangup.recv() => Asked::Nothing,
            _ = one.recv() => Asked::Nothing,
            _ = two.recv() => Asked::Nothing,
        }
    }
}

/// Returns at the next signal that asks for an end.
///
/// # Errors
///
/// Where the system refuses a handler.
pub async fn end_asked() -> std::io::Result<()> {
    let mut signals = Signals::new()?;
    while matches!(signals.next().await, Asked::Nothing) {}
    Ok(())
}

async fn follow(mut signals: Signals, urgency: Arc<watch::Sender<Urgency>>, cancel: watch::Sender<bool>) {
    loop {
        let asked = signals.next().await;
        let before = *urgency.borrow();
        match asked {
            Asked::Nothing => {}
            Asked::Stop if before == Urgency::None => drop(urgency.send_replace(Urgency::AfterStep)),
            Asked::Stop | Asked::EndNow => {
                urgency.send_replace(Urgency::Now);
                cancel.send_replace(true);
            }
        }
    }
}

impl Stop {
    /// Whether an end is wanted.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        *self.urgency.borrow() != Urgency::None
    }

    /// The wish to stop was taken back: the next signal is a first one again.
    pub fn forget(&self) {
        self.forget.send_replace(Urgency::None);
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
