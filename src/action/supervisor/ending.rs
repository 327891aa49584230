//! The end of a step: of its own process, and where it has to be, of all that it started.

use std::collections::BTreeSet;
use std::io;
use std::process::Child;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Signal, WaitOptions, WaitStatus, wait};
use tokio::signal::unix::Signal as SignalStream;
use tokio::time::sleep;

use super::Limits;
use super::status::How;
use crate::action::cgroup::Cgroup;
use crate::action::deadline::Deadline;
use crate::action::proc::{self, Process, Watched};
use crate::model::result::Leftover;

/// How often it is looked what is there while a step is being ended: something may start more.
const ROUND: Duration = Duration::from_millis(100);

/// How many processes are waited for at once: each takes a file.
const AT_ONCE: usize = 64;

/// The most processes that are named.
pub(super) const NAMED: usize = 20;

/// The step's own process and everything that it started.
pub(super) struct Tree<'a> {
    step: i32,
    supervisor: i32,
    group: Option<&'a Cgroup>,
    limits: &'a Limits,
    status: Option<WaitStatus>,
}

impl<'a> Tree<'a> {
    pub(super) fn of(step: &Child, group: Option<&'a Cgroup>, limits: &'a Limits) -> Self {
        let supervisor = std::process::id().cast_signed();
        Self { step: step.id().cast_signed(), supervisor, group, limits, status: None }
    }

    /// Waits for the end of the step's own process, and takes leave of all that was adopted and ends meanwhile.
    pub(super) async fn ended(&mut self, children: &mut SignalStream) -> How {
        loop {
            self.reap();
            if let Some(status) = self.status {
                return how(status);
            }
            children.recv().await;
        }
    }

    /// Takes leave of the children that have ended; whether there are others.
    fn reap(&mut self) -> bool {
        loop {
            match wait(WaitOptions::NOHANG) {
                Ok(Some((pid, status))) if pid.as_raw_nonzero().get() == self.step => self.status = Some(status),
                Ok(Some(_)) | Err(Errno::INTR) => {}
                Ok(None) => return true,
                Err(_) => return false,
            }
        }
    }

    /// What is there of the step, the supervisor left out.
    fn members(&self) -> io::Result<Vec<Process>> {
        let all = proc::processes()?;
        let below = proc::descendants(&all, self.supervisor);
        let grouped: BTreeSet<i32> =
            self.group.and_then(|group| group.members().ok()).unwrap_or_default().into_iter().collect();
        let is_member = |process: &Process| {
            process.pid != self.supervisor
                && (below.contains(&process.pid)
                    || grouped.contains(&process.pid)
                    || process.session == self.supervisor)
        };
        Ok(all.into_iter().filter(is_member).collect())
    }

    /// What the step left behind. Whatever it started has become a child of this process or of one of its children.
    pub(super) fn left(&mut self) -> Vec<Leftover> {
        if !self.reap() {
            return Vec::new();
        }
        let members = self.members().unwrap_or_default();
        members.iter().take(NAMED).map(Process::leftover).collect()
    }

    /// Ends all of it: TERM, after [`Limits::mercy`] KILL, and no more than [`Limits::linger`] after that.
    pub(super) async fn end(&mut self) {
        let told = &mut BTreeSet::new();
        let ask = |process: &Process, told: &mut BTreeSet<i32>, handle: &Watched| {
            if told.insert(process.pid) {
                handle.signal(Signal::TERM);
                // What is stopped takes a signal only when it goes on.
                handle.signal(Signal::CONT);
            }
        };
        if self.rounds(self.limits.mercy, |process, handle| ask(process, told, handle)).await {
            return;
        }
        if let Some(group) = self.group {
            // What is not ended by this is ended one by one.
            let _one_by_one = group.gather().and_then(|()| group.kill());
        }
        self.rounds(self.limits.linger, |_, handle| handle.signal(Signal::KILL)).await;
    }

    /// Signals what is there, again and again, until nothing is left, and tells so, or the time is over.
    async fn rounds(&mut self, time: Duration, mut signal: impl FnMut(&Process, &Watched)) -> bool {
        let Ok(deadline) = Deadline::after(time) else { return false };
        loop {
            self.reap();
            let Ok(members) = self.members() else { return false };
            if members.is_empty() {
                return true;
            }
            let mut watched = Vec::new();
            for process in &members {
                // One that has ended meanwhile cannot be opened.
                let Ok(handle) = Watched::open(process.pid) else { continue };
                signal(process, &handle);
                if watched.len() < AT_ONCE {
                    watched.push(handle);
                }
            }
            let all = async {
                for handle in &watched {
                    if handle.ended().await.is_err() {
                        std::future::pending::<()>().await;
                    }
                }
            };
            tokio::select! {
                () = all, if !watched.is_empty() => {}
                () = sleep(ROUND) => {}
                _ = deadline.passed() => {
                    self.reap();
                    return self.members().is_ok_and(|members| members.is_empty());
                }
            }
        }
    }
}

fn how(status: WaitStatus) -> How {
    status.exit_status().map_or_else(|| How::Signaled(status.terminating_signal().unwrap_or_default()), How::Exited)
}
