//! Lines that a person types, without ever stopping the program that waits for them.
//!
//! The terminal is read only while this program is in its foreground and a whole line is there: a read from the
//! background would stop the whole process, and a read that waits could not be given up.

use std::fs::File;
use std::io::{self, Read as _};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::termios::{QueueSelector, tcflush, tcgetpgrp};
use tokio::sync::mpsc;

/// How often the end of the interest is looked for.
const EVERY: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };

/// The longest line that is read at once; a terminal gives no longer one.
const LONGEST: usize = 4096;

/// A terminal that is typed at.
#[derive(Debug)]
pub struct Keyboard {
    terminal: File,
    lines: mpsc::UnboundedReceiver<String>,
}

impl Keyboard {
    /// At the controlling terminal.
    ///
    /// # Errors
    ///
    /// Where there is none.
    pub fn open() -> io::Result<Self> {
        let terminal = File::open("/dev/tty")?;
        let (sender, lines) = mpsc::unbounded_channel();
        let read = terminal.try_clone()?;
        std::thread::Builder::new().name("keyboard".to_owned()).spawn(move || follow(&read, &sender))?;
        Ok(Self { terminal, lines })
    }

    /// Drops what was typed before: it cannot be meant as the answer to what is asked now.
    pub fn forget(&mut self) {
        while self.lines.try_recv().is_ok() {}
        forget(&self.terminal);
    }

    /// The next line; `None` where the terminal is gone.
    pub async fn line(&mut self) -> Option<String> {
        self.lines.recv().await
    }
}

fn follow(terminal: &File, lines: &mpsc::UnboundedSender<String>) {
    while let Some(line) = read_line(terminal, || lines.is_closed()) {
        let _left = lines.send(line);
    }
}

/// The next line of a terminal; `None` where it is gone, or nobody waits for the line any more.
pub fn read_line(mut terminal: &File, is_given_up: impl Fn() -> bool) -> Option<String> {
    while !is_given_up() {
        let mut ready = [PollFd::new(terminal, PollFlags::IN)];
        match poll(&mut ready, Some(&EVERY)) {
            Ok(0) | Err(Errno::INTR) => continue,
            Ok(_) => {}
            Err(_) => return None,
        }
        if ready[0].revents().contains(PollFlags::HUP) {
            return None;
        }
        if !is_in_foreground(terminal) {
            // The line is for whoever is in the foreground.
            let _time = poll(&mut [], Some(&EVERY));
            continue;
        }
        let mut bytes = [0; LONGEST];
        return match terminal.read(&mut bytes) {
            Ok(0) | Err(_) => None,
            Ok(read) => Some(String::from_utf8_lossy(&bytes[..read]).into_owned()),
        };
    }
    None
}

/// Drops what was typed and not read yet. From the background nothing can be dropped.
pub fn forget(terminal: &File) {
    if is_in_foreground(terminal) {
        let _gone = tcflush(terminal, QueueSelector::IFlush);
    }
}

fn is_in_foreground(terminal: &File) -> bool {
    tcgetpgrp(terminal).is_ok_and(|group| group == rustix::process::getpgrp())
}
