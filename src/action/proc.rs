//! What Linux tells about processes: who they are, whether they live, when they end.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::model::event::ProcessIdentity;
use crate::model::result::Leftover;

/// A process as `/proc` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its id.
    pub pid: i32,
    /// What it calls itself.
    pub name: String,
    /// The id of its parent.
    pub parent: i32,
    /// The id of its session.
    pub session: i32,
    /// When it was started, in clock ticks since boot.
    pub start_time: u64,
    state: u8,
}

impl Process {
    /// As a record names it. A name is text of somebody else's making.
    #[must_use]
    pub fn leftover(&self) -> Leftover {
        Leftover { pid: self.pid, name: self.name.clone(), start_time: self.start_time }
    }

    const fn has_ended(&self) -> bool {
        matches!(self.state, b'Z' | b'X')
    }
}

/// Names a process that is alive now.
///
/// # Errors
///
/// When there is no such process or `/proc` is not there.
pub fn identify(pid: i32) -> io::Result<ProcessIdentity> {
    Ok(ProcessIdentity { pid, start_time: stat(pid)?.start_time, boot_id: boot_id()?, host: host() })
}

/// When a process was started, in clock ticks since boot.
///
/// # Errors
///
/// When there is no such process.
pub fn start_time(pid: i32) -> io::Result<u64> {
    Ok(stat(pid)?.start_time)
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
        && stat(identity.pid).is_ok_and(|process| process.start_time == identity.start_time && !process.has_ended())
}

/// Whether what was left behind under a supervisor is there still. Of another machine that cannot be told, so it counts
/// as there.
#[must_use]
pub fn is_left(left: &Leftover, supervisor: &ProcessIdentity) -> bool {
    if left.start_time > 0 {
        let Leftover { pid, start_time, .. } = *left;
        return is_elsewhere(supervisor) || is_alive(&ProcessIdentity { pid, start_time, ..supervisor.clone() });
    }
    // Of old records only the name tells it apart.
    let is_same = |process: Process| process.name == left.name && !process.has_ended();
    is_elsewhere(supervisor)
        || boot_id().is_ok_and(|boot_id| boot_id == supervisor.boot_id) && stat(left.pid).is_ok_and(is_same)
}

/// All processes that have not ended.
///
/// # Errors
///
/// When `/proc` cannot be read.
pub fn processes() -> io::Result<Vec<Process>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        // One that ended since the folder was read is not there any more.
        processes.extend(stat(pid).ok().filter(|process| !process.has_ended()));
    }
    Ok(processes)
}

/// The processes of a session that have not ended, its leader left out.
///
/// # Errors
///
/// When `/proc` cannot be read.
pub fn session_members(leader: i32) -> io::Result<Vec<i32>> {
    let of_session = |process: &Process| process.pid != leader && process.session == leader;
    Ok(processes()?.iter().filter(|process| of_session(process)).map(|process| process.pid).collect())
}

/// The ids of all that descend from a process, those whose parents are gone left out.
#[must_use]
pub fn descendants(processes: &[Process], ancestor: i32) -> BTreeSet<i32> {
    let mut found = BTreeSet::from([ancestor]);
    loop {
        let before = found.len();
        found.extend(
            processes.iter().filter(|process| found.contains(&process.parent)).map(|p| p.pid).collect::<Vec<_>>(),
        );
        if found.len() == before {
            break;
        }
    }
    found.remove(&ancestor);
    found
}

/// Whether a process was started with that variable, as far as its environment can be read.
#[must_use]
pub fn was_given(pid: i32, name: &str, value: &str) -> bool {
    let wanted = format!("{name}={value}");
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|byte| *byte == 0).any(|variable| variable == wanted.as_bytes())
}

/// Whether a process has one of these pipes open, as far as its files can be seen.
#[must_use]
pub fn holds(pid: i32, pipes: &[u64]) -> bool {
    let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let wanted: Vec<PathBuf> = pipes.iter().map(|inode| format!("pipe:[{inode}]").into()).collect();
    files.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|target| wanted.contains(&target)))
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

fn stat(pid: i32) -> io::Result<Process> {
    let line = fs::read(format!("/proc/{pid}/stat"))?;
    parse(pid, &String::from_utf8_lossy(&line)).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// The name, second, stands in brackets and may hold anything, brackets too. Fields are numbered as in proc(5).
fn parse(pid: i32, line: &str) -> Option<Process> {
    let (begin, rest) = line.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).copied();
    Some(Process {
        pid,
        name: begin.split_once('(')?.1.to_owned(),
        state: *field(3)?.as_bytes().first()?,
        parent: field(4)?.parse().ok()?,
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
        let name = "a) b (c)".to_owned();
        let wanted = Process { pid: 42, name, state: b'S', parent: 1, session: 7, start_time: 98765 };
        assert_eq!(parse(42, line), Some(wanted));
    }

    #[test]
    fn this_process_is_alive_and_one_of_another_start_time_or_boot_is_not() {
        let here = identify(std::process::id().cast_signed()).unwrap();
        assert!(is_alive(&here));
        assert!(!is_alive(&ProcessIdentity { start_time: here.start_time + 1, ..here.clone() }));
        assert!(!is_alive(&ProcessIdentity { boot_id: "another".to_owned(), ..here }));
    }

    #[test]
    fn what_was_left_is_there_by_its_start_time_or_where_that_was_not_recorded_by_its_name() {
        let here = identify(std::process::id().cast_signed()).unwrap();
        let left = stat(here.pid).unwrap().leftover();
        assert!(is_left(&left, &here));
        assert!(!is_left(&Leftover { start_time: left.start_time + 1, ..left.clone() }, &here));
        assert!(!is_left(&left, &ProcessIdentity { boot_id: "another".to_owned(), ..here.clone() }));
        assert!(is_left(&left, &ProcessIdentity { host: "elsewhere".to_owned(), ..here.clone() }), "nobody can tell");
        let old = Leftover { start_time: 0, ..left };
        assert!(is_left(&old, &here));
        assert!(!is_left(&Leftover { name: "another".to_owned(), ..old }, &here));
    }

    #[test]
    fn descendants_are_found_through_any_number_of_generations_and_in_any_order() {
        let process =
            |pid, parent| Process { pid, parent, name: String::new(), session: 1, start_time: 1, state: b'S' };
        let all = [process(9, 5), process(5, 3), process(3, 2), process(4, 1), process(2, 1)];
        assert_eq!(descendants(&all, 2), BTreeSet::from([3, 5, 9]));
        assert_eq!(descendants(&all, 4), BTreeSet::new());
    }
}
