//! A control group of its own for each attempt, where the program may make one (cgroup v2).
//!
//! What a process starts is in its group, whatever session it goes to and whoever its parent becomes, also when the
//! supervisor is gone. The group is ended with one write, which nothing that is being started can escape.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Where the one hierarchy of cgroup v2 is mounted: alone, or beside those of v1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// The group of one supervisor and all that it starts.
#[derive(Debug)]
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// Makes a group within the one that this process is in, and goes there. `None` where there is no cgroup v2, or
    /// no right to use it: then sessions and parents have to do.
    #[must_use]
    pub fn enter(name: &str) -> Option<Self> {
        let own = fs::read_to_string("/proc/self/cgroup").ok()?;
        let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?.to_owned();
        let parent = MOUNTS.iter().map(|mount| Path::new(mount).join(&own)).find(|folder| procs(folder).is_file())?;
        let group = Self(parent.join(name));
        fs::create_dir(&group.0).ok()?;
        if fs::write(procs(&group.0), "0").is_err() {
            group.remove();
            return None;
        }
        Some(group)
    }

    /// One that was made before, wherever that was.
    #[must_use]
    pub const fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The ids of all processes in it.
    ///
    /// # Errors
    ///
    /// When it is not there any more.
    pub fn members(&self) -> io::Result<Vec<i32>> {
        let members = fs::read_to_string(procs(&self.0))?;
        Ok(members.lines().filter_map(|pid| pid.parse().ok()).collect())
    }

    /// Ends all that is in it, except for this process, which leaves it.
    ///
    /// # Errors
    ///
    /// When it cannot be left or ended.
    pub fn kill(&self) -> io::Result<()> {
        self.leave()?;
        fs::write(self.0.join("cgroup.kill"), "1")
    }

    /// Goes back to where this process was before.
    ///
    /// # Errors
    ///
    /// When there is no such place any more.
    pub fn leave(&self) -> io::Result<()> {
        fs::write(procs(self.0.parent().unwrap_or(&self.0)), "0")
    }

    /// Removes it when nothing is in it. A group that a process of the step is still in stays.
    pub fn remove(&self) {
        let _in_use = fs::remove_dir(&self.0);
    }
}

fn procs(group: &Path) -> PathBuf {
    group.join("cgroup.procs")
}
