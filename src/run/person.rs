//! The person at this terminal, if there is one.

use std::cell::RefCell;
use std::io::IsTerminal as _;

use tokio::sync::oneshot::error::TryRecvError;
use tokio::sync::{Mutex, MutexGuard, mpsc, oneshot};

use super::control::keyboard;
use super::signals::Stop;

/// Who answers questions.
#[derive(Debug)]
pub struct Person {
    /// The user's name, as records have it.
    pub name: String,
    /// Plain go/no-go questions are answered with yes.
    pub yes: bool,
    terminal: RefCell<Option<Terminal>>,
    /// Somebody was at a terminal when the turn began, so that somebody comes back.
    comes_back: bool,
    turn: Mutex<()>,
}

/// A line that was asked for.
type Line = oneshot::Receiver<Option<String>>;

#[derive(Debug)]
struct Terminal {
    wanted: mpsc::UnboundedSender<oneshot::Sender<Option<String>>>,
    /// A line that was asked for by a question which is not open any more. A blocked read cannot be given up.
    left: Option<Line>,
    typed: Option<std::fs::File>,
}

impl Person {
    /// Nobody is there to ask.
    #[must_use]
    pub fn absent(name: String, yes: bool) -> Self {
        Self { name, yes, terminal: RefCell::default(), comes_back: false, turn: Mutex::default() }
    }

    /// Somebody at the controlling terminal; nobody where there is none, or where standard input is something else.
    #[must_use]
    pub fn at_terminal(name: String, yes: bool) -> Self {
        let tty = std::io::stdin().is_terminal().then(|| std::fs::File::open("/dev/tty").ok()).flatten();
        let typed = tty.as_ref().and_then(|tty| tty.try_clone().ok());
        let terminal = tty.map(|tty| {
            // Whoever types takes their time, so that has a thread of its own, which ends with the program.
            let (wanted, mut asked) = mpsc::unbounded_channel::<oneshot::Sender<Option<String>>>();
            std::thread::spawn(move || {
                while let Some(reply) = asked.blocking_recv() {
                    let line = keyboard::read_line(&tty, || asked.is_closed());
                    let _gone = reply.send(line);
                }
            });
            Terminal { wanted, left: None, typed }
        });
        let comes_back = terminal.is_some();
        Self { name, yes, terminal: RefCell::new(terminal), comes_back, turn: Mutex::default() }
    }

    /// Waits until no other question is put at this terminal. Another may be once what this gives is dropped.
    pub async fn turn(&self) -> MutexGuard<'_, ()> {
        self.turn.lock().await
    }

    /// Drops what was typed before a question was there to be read: it cannot be meant as its answer.
    pub fn forget_typed(&self) {
        if let Some(terminal) = self.terminal.borrow_mut().as_mut() {
            if let Some(tty) = &terminal.typed {
                keyboard::forget(tty);
            }
            let came = terminal.left.as_mut().is_some_and(|line| line.try_recv() != Err(TryRecvError::Empty));
            if came {
                terminal.left = None;
            }
        }
    }

    /// Whether somebody can be asked.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.terminal.borrow().is_some()
    }

    /// Whether a question waits for somebody elsewhere: the terminal went away with whoever began the turn.
    #[must_use]
    pub fn comes_back(&self) -> bool {
        self.comes_back && !self.is_there()
    }

    /// The next line that they type; `None` where nobody is there, the terminal went away, or an end is wanted.
    pub async fn line(&self, stop: &Stop) -> Option<String> {
        let mut asked = Asked { person: self, line: Some(self.ask()?) };
        let mut stop = stop.clone();
        let line = tokio::select! {
            line = asked.line.as_mut()? => line.ok().flatten(),
            () = stop.wanted() => return None,
        };
        asked.line = None;
        if line.is_none() {
            *self.terminal.borrow_mut() = None;
        }
        line
    }

    fn ask(&self) -> Option<Line> {
        let mut terminal = self.terminal.borrow_mut();
        let terminal = terminal.as_mut()?;
        if let Some(left) = terminal.left.take() {
            return Some(left);
        }
        let (reply, line) = oneshot::channel();
        terminal.wanted.send(reply).ok()?;
        Some(line)
    }
}

/// A line that is waited for. One that has not come when nobody waits any more is left to the next question.
struct Asked<'a> {
    person: &'a Person,
    line: Option<Line>,
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        if let (Some(terminal), Some(line)) = (self.person.terminal.borrow_mut().as_mut(), self.line.take()) {
            terminal.left = Some(line);
        }
    }
}
