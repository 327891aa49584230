//! The person at this terminal, if there is one.

use std::io::{BufRead as _, IsTerminal as _};

use tokio::sync::{mpsc, oneshot};

use super::signals::Stop;

/// Who answers questions.
#[derive(Debug)]
pub struct Person {
    /// The user's name, as records have it.
    pub name: String,
    /// Plain go/no-go questions are answered with yes.
    pub yes: bool,
    terminal: Option<mpsc::UnboundedSender<oneshot::Sender<Option<String>>>>,
    typed: Option<std::fs::File>,
}

impl Person {
    /// Nobody is there to ask.
    #[must_use]
    pub const fn absent(name: String, yes: bool) -> Self {
        Self { name, yes, terminal: None, typed: None }
    }

    /// Somebody at the controlling terminal; nobody where there is none, or where standard input is something else.
    #[must_use]
    pub fn at_terminal(name: String, yes: bool) -> Self {
        let tty = std::io::stdin().is_terminal().then(|| std::fs::File::open("/dev/tty").ok()).flatten();
        let typed = tty.as_ref().and_then(|tty| tty.try_clone().ok());
        let terminal = tty.map(|tty| {
            // A blocked read cannot be given up, so it has a thread of its own, which ends with the program.
            let (sender, mut wanted) = mpsc::unbounded_channel::<oneshot::Sender<Option<String>>>();
            std::thread::spawn(move || {
                let mut lines = std::io::BufReader::new(tty).lines();
                while let Some(reply) = wanted.blocking_recv() {
                    let _gone = reply.send(lines.next().and_then(Result::ok));
                }
            });
            sender
        });
        Self { name, yes, terminal, typed }
    }

    /// Drops what was typed before a question was there to be read: it cannot be meant as its answer.
    pub fn forget_typed(&self) {
        if let Some(tty) = &self.typed {
            let _gone = rustix::termios::tcflush(tty, rustix::termios::QueueSelector::IFlush);
        }
    }

    /// Whether somebody can be asked.
    #[must_use]
    pub const fn is_there(&self) -> bool {
        self.terminal.is_some()
    }

    /// The next line that they type; `None` where nobody is there, the terminal went away, or an end is wanted.
    pub async fn line(&mut self, stop: &Stop) -> Option<String> {
        let (reply, line) = oneshot::channel();
        self.terminal.as_ref()?.send(reply).ok()?;
        let mut stop = stop.clone();
        let line = tokio::select! {
            line = line => line.ok().flatten(),
            () = stop.wanted() => return None,
        };
        if line.is_none() {
            self.terminal = None;
        }
        line
    }
}
