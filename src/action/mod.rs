//! Hands and eyes at the world: one file a kind of action, one a kind of target.
//!
//! [`observe::Observer`] can only look; [`execute::Executor`] can also change. A dry run is handed the first.
//! Nothing here knows of the journal, of steps that come next, or of a screen.

pub mod artifacts;
pub mod capture;
pub mod cgroup;
pub mod deadline;
pub mod execute;
pub mod file;
pub mod http;
pub mod lint;
pub mod observe;
pub mod probe;
pub mod proc;
pub mod process;
pub mod reading;
pub mod redact;
pub mod screen;
pub mod secret;
pub mod spawn;
pub mod sql;
pub mod stored;
pub mod supervisor;
pub mod target;
pub mod world;
