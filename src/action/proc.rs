//! What Linux tells about processes: who they are, whether they live, when they end.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::model::event::ProcessIdentity;

/// What is read of `/proc/PID/stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stat {
    state: u8,
    session: i32,
    start_time: u64,
}

/// Names a process that is alive now.
///
/// # Errors
///
/// When there is no such process or `/proc` is not there.
pub fn identify(pid: i32) -> io::Result<ProcessIdentity> {
    Ok(ProcessIdentity { pid, start_time: stat(pid)?.start_time, boot_id: boot_id()?, host: host() })
}

/// Names this start of the machine.
///
/// # Errors
///
/// When `/proc` is not there.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim_end().to_owned())
}

/// What this machine calls itself.
#[must_use]
pub fn host() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// Whether a process is one of another machine, of which nothing can be told from here.
#[must_use]
pub fn is_elsewhere(identity: &ProcessIdentity) -> bool {
    !identity.host.is_empty() && identity.host != host()
}

/// Whether that very process is there and has not ended.
#[must_use]
pub fn is_alive(identity: &ProcessIdentity) -> bool {
    !is_elsewhere(identity)
        && boot_id().is_ok_and(|boot_id| boot_id == identity.boot_id)
        && stat(identity.pid).is_ok_and(|stat| stat.start_time == identity.start_time && !has_ended(stat))
}

/// The processes of a session that have not ended, its leader left out.
///
/// # Errors
///
/// When `/proc` cannot be read.
pub fn session_members(leader: i32) -> io::Result<Vec<i32>> {
    let mut members = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // One that ended since the folder was read is not a member any more.
        if pid != leader && stat(pid).is_ok_and(|stat| stat.session == leader && !has_ended(stat)) {
            members.push(pid);
        }
    }
    Ok(members)
}

/// A handle on one process, which stays its own when the number is given to another.
#[derive(Debug)]
pub struct Watched(AsyncFd<OwnedFd>);

impl Watched {
    /// Takes hold of a process. Has to be called within a runtime.
    ///
    /// # Errors
    ///
    /// When there is no such process.
    pub fn open(pid: i32) -> io::Result<Self> {
        let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
        let handle = pidfd_open(pid, PidfdFlags::NONBLOCK)?;
        #[expect(deprecated, reason = "sound for an owned handle, which stays open; its successor is an unsafe fn")]
        AsyncFd::with_interest(handle, Interest::READABLE).map(Self)
    }

    /// Waits until it has ended, reaped or not.
    ///
    /// # Errors
    ///
    /// When the runtime is going down.
    pub async fn ended(&self) -> io::Result<()> {
        self.0.readable().await.map(drop)
    }

    /// Sends it a signal; one that has ended takes none, and that is no error.
    pub fn signal(&self, signal: Signal) {
        if let Err(error) = pidfd_send_signal(self.0.get_ref(), signal) {
            tracing::debug!(%error, "a signal was not delivered");
        }
    }
}

fn has_ended(stat: Stat) -> bool {
    matches!(stat.state, b'Z' | b'X')
}

fn stat(pid: i32) -> io::Result<Stat> {
    parse(&fs::read_to_string(format!("/proc/{pid}/stat"))?).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The name, second, stands in brackets and may hold anything, brackets too. Fields are numbered as in proc(5).
fn parse(line: &str) -> Option<Stat> {
    let fields: Vec<&str> = line.rsplit_once(')')?.1.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    Some(Stat {
        state: *field(3)?.as_bytes().first()?,
        session: field(6)?.parse().ok()?,
        start_time: field(22)?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_full_of_brackets_and_blanks_does_not_shift_the_fields() {
        let line = "42 (a) b (c)) S 1 42 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 98765 1000 10";
        assert_eq!(parse(line), Some(Stat { state: b'S', session: 7, start_time: 98765 }));
    }

    #[test]
    fn this_process_is_alive_and_one_of_another_start_time_or_boot_is_not() {
        let here = identify(std::process::id().cast_signed()).unwrap();
        assert!(is_alive(&here));
        assert!(!is_alive(&ProcessIdentity { start_time: here.start_time + 1, ..here.clone() }));
        assert!(!is_alive(&ProcessIdentity { boot_id: "another".to_owned(), ..here }));
    }
}
