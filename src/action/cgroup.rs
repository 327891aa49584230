//! A control group of its own for all that a step starts, where the program may make one (cgroup v2).
//!
//! What a process starts is in its group, whatever session it goes to and whoever its parent becomes, also when the
//! supervisor is gone. The group is ended with one write, which nothing that is being started can escape.
//!
//! To put a process into a group takes the kernel tens of milliseconds, in which it waits for all processors: more than
//! a short step takes. So a group is made only for a step that goes on for a while, or has to be ended.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::proc;

/// Where the one hierarchy of cgroup v2 is mounted: alone, or beside those of v1.
const MOUNTS: [&str; 2] = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];

/// How often it is looked for what is not in its group yet.
const LOOKS: u32 = 20;

/// The group of all that one step starts.
#[derive(Debug, Clone)]
pub struct Cgroup(PathBuf);

impl Cgroup {
    /// A group within the one that this process is in, which is not made yet. `None` where there is no cgroup v2: then
    /// sessions and parents have to do.
    #[must_use]
    pub fn planned(name: &str) -> Option<Self> {
        let own = within("self")?;
        let parent = MOUNTS.iter().map(|mount| Path::new(mount).join(&own)).find(|folder| procs(folder).is_file())?;
        Some(Self(parent.join(name)))
    }

    /// One that was planned or made before, wherever that was.
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
    /// When it is not there.
    pub fn members(&self) -> io::Result<Vec<i32>> {
        let members = fs::read_to_string(procs(&self.0))?;
        Ok(members.lines().filter_map(|pid| pid.parse().ok()).collect())
    }

    /// Puts everything that descends from this process into it, until a look finds nothing that is outside. What has
    /// gone to a group of its own choice stays there.
    ///
    /// # Errors
    ///
    /// When there is no right to make or to use a group.
    pub fn gather(&self) -> io::Result<()> {
        let this = std::process::id().cast_signed();
        for _ in 0..LOOKS {
            let here = within("self");
            let mut outside = proc::descendants(&proc::processes()?, this);
            outside.retain(|pid| within(&pid.to_string()) == here);
            if outside.is_empty() {
                break;
            }
            match fs::create_dir(&self.0) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
                _ => {}
            }
            for pid in outside {
                let put = fs::write(procs(&self.0), pid.to_string());
                // One that has ended meanwhile is nowhere.
                if let Err(error) = put.or_else(|error| if proc::start_time(pid).is_ok() { Err(error) } else { Ok(()) })
                {
                    self.remove();
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// Ends all that is in it.
    ///
    /// # Errors
    ///
    /// When it is not there, or cannot be ended.
    pub fn kill(&self) -> io::Result<()> {
        fs::write(self.0.join("cgroup.kill"), "1")
    }

    /// Removes it when nothing is in it. A group that a process of the step is still in stays.
    pub fn remove(&self) {
        let _in_use = fs::remove_dir(&self.0);
    }
}

fn procs(group: &Path) -> PathBuf {
    group.join("cgroup.procs")
}

/// The group that a process is in, below the mount.
fn within(pid: &str) -> Option<String> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    groups.lines().find_map(|line| line.strip_prefix("0::/")).map(ToOwned::to_owned)
}
