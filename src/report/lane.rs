//! Writing to standard output and standard error without ever waiting for who reads them.
//!
//! While a run goes, what it shows is put into a lane, and a thread writes it: a terminal that Ctrl-S stopped, or a pipe
//! that nobody drains, holds up that thread and nothing else. A lane is bounded; where it is full, text is dropped and
//! counted, and the count is told once there is room again. Records are durable before they are shown, so nothing is
//! lost for good.

use std::collections::VecDeque;
use std::io::{self, IsTerminal as _};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::termios::{LocalModes, tcgetattr, tcgetpgrp};

/// The most bytes that wait to be written.
const LIMIT: usize = 16 << 20;

/// How often a program in the background looks whether it may write.
const FOREGROUND: Duration = Duration::from_millis(200);

/// Which of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// What is told of so much that was dropped.
pub type Notice = fn(u64) -> String;

/// Text on its way out.
struct Lane {
    queue: Mutex<Queue>,
    changed: Condvar,
    notice: Notice,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Stream, String)>,
    bytes: usize,
    dropped: Option<(Stream, u64)>,
    is_writing: bool,
}

static LANES: OnceLock<[Arc<Lane>; 2]> = OnceLock::new();

/// From now on text is written by threads. `written` is told what became of each write.
///
/// # Errors
///
/// Where no thread can be had: then text is written as before.
pub fn open(notice: Notice, written: fn(Stream, &io::Result<()>)) -> io::Result<()> {
    let lane = |name: &str| {
        let lane = Arc::new(Lane { queue: Mutex::default(), changed: Condvar::new(), notice });
        let work = Arc::clone(&lane);
        std::thread::Builder::new().name(name.to_owned()).spawn(move || work.write_all(written))?;
        io::Result::Ok(lane)
    };
    let out = lane("stdout")?;
    // On one terminal what is shown keeps its order.
    let one = io::stdout().is_terminal() && io::stderr().is_terminal();
    let err = if one { Arc::clone(&out) } else { lane("stderr")? };
    let _first = LANES.set([out, err]);
    Ok(())
}

/// Puts text into its lane. False where there is none.
pub fn put(stream: Stream, text: &str) -> bool {
    let Some([out, err]) = LANES.get() else { return false };
    let lane = if stream == Stream::Out { out } else { err };
    lane.put(stream, text);
    true
}

/// Whether text waits to be written, so that what can be left out had better be.
pub fn is_behind(stream: Stream) -> bool {
    LANES.get().is_some_and(|[out, err]| if stream == Stream::Out { out } else { err }.is_behind())
}

/// Waits until everything is written. Returns false where that did not come about in time.
pub fn drain(limit: Option<Duration>) -> bool {
    LANES.get().is_none_or(|lanes| lanes.iter().all(|lane| lane.drain(limit)))
}

impl Lane {
    fn put(&self, stream: Stream, text: &str) {
        let mut queue = self.lock();
        if queue.bytes + text.len() > LIMIT {
            queue.dropped.get_or_insert((stream, 0)).1 += 1;
            return;
        }
        queue.bytes += text.len();
        queue.waiting.push_back((stream, text.to_owned()));
        self.changed.notify_all();
    }

    fn is_behind(&self) -> bool {
        let queue = self.lock();
        queue.is_writing || !queue.waiting.is_empty()
    }

    fn drain(&self, limit: Option<Duration>) -> bool {
        let behind = |queue: &mut Queue| queue.is_writing || !queue.waiting.is_empty();
        if let Some(limit) = limit {
            let waited = self.changed.wait_timeout_while(self.lock(), limit, behind);
            return !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out();
        }
        drop(self.changed.wait_while(self.lock(), behind).unwrap_or_else(PoisonError::into_inner));
        true
    }

    fn write_all(&self, written: fn(Stream, &io::Result<()>)) {
        loop {
            let (stream, text) = self.next();
            let done = match stream {
                Stream::Out => write(io::stdout().as_fd(), text.as_bytes()),
                Stream::Err => write(io::stderr().as_fd(), text.as_bytes()),
            };
            written(stream, &done);
            let mut queue = self.lock();
            queue.bytes = queue.bytes.saturating_sub(text.len());
            queue.is_writing = false;
            if queue.waiting.is_empty()
                && let Some((stream, count)) = queue.dropped.take()
            {
                let notice = (self.notice)(count);
                queue.bytes += notice.len();
                queue.waiting.push_back((stream, notice));
            }
            self.changed.notify_all();
        }
    }

    fn next(&self) -> (Stream, String) {
        let mut queue = self.lock();
        loop {
            if let Some(next) = queue.waiting.pop_front() {
                queue.is_writing = true;
                return next;
            }
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Past the buffers of the standard library: a thread that waits in a write must not hold their locks.
fn write(to: BorrowedFd<'_>, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        while is_held_back(to) {
            std::thread::sleep(FOREGROUND);
        }
        match rustix::io::retry_on_intr(|| rustix::io::write(to, bytes)) {
            Ok(written) => bytes = &bytes[written..],
            // Somebody who shares it made it so that a write does not wait.
            Err(Errno::WOULDBLOCK) => {
                poll(&mut [PollFd::new(&to, PollFlags::OUT)], None)?;
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Whether to write would stop the whole process: it is in the background of a terminal that was told so.
fn is_held_back(terminal: BorrowedFd<'_>) -> bool {
    tcgetattr(terminal).is_ok_and(|modes| modes.local_modes.contains(LocalModes::TOSTOP))
        && tcgetpgrp(terminal).is_ok_and(|group| group != rustix::process::getpgrp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_lane_drops_and_counts_and_tells_it_once_there_is_room() {
        let notice: Notice = |count| format!("{count} dropped");
        let lane = Lane { queue: Mutex::default(), changed: Condvar::new(), notice };
        let large = "x".repeat(LIMIT / 2);
        for _ in 0..5 {
            lane.put(Stream::Out, &large);
        }
        assert!(lane.is_behind() && !lane.drain(Some(Duration::ZERO)));
        let queue = lane.lock();
        assert_eq!((queue.waiting.len(), queue.bytes, queue.dropped), (2, LIMIT, Some((Stream::Out, 3))));
    }

    #[test]
    fn only_a_terminal_holds_anybody_back() {
        let nowhere = std::fs::File::options().write(true).open("/dev/null").unwrap();
        assert!(!is_held_back(nowhere.as_fd()));
        assert!(write(nowhere.as_fd(), b"text").is_ok());
    }
}
