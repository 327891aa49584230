//! The socket in a run's folder: where it is made, and how it is reached however long the folder's path is.

use std::fs::{Permissions, set_permissions};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};

/// The socket's name in the run's folder.
pub const FILE_NAME: &str = "control.sock";

/// The longest path that the system takes for a socket: `sun_path` without its last zero.
const LONGEST: usize = 107;

/// Makes the socket and listens. One that an executor left behind is replaced: whoever holds the run's lock is the only
/// one who may call this.
///
/// # Errors
///
/// What the system said.
pub fn bind(folder: &Path) -> io::Result<UnixListener> {
    // It is made under another name first: nobody reaches it before it is listening and its owner's alone.
    let made = format!("{FILE_NAME}.new");
    let path = folder.join(&made);
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&Short::of(folder, &made)?.path)?;
    set_permissions(&path, Permissions::from_mode(0o600))?;
    std::fs::rename(&path, folder.join(FILE_NAME))?;
    Ok(listener)
}

/// Connects to the executor of the run in that folder. `None` where nobody listens.
///
/// # Errors
///
/// What the system said.
pub fn connect(folder: &Path) -> io::Result<Option<UnixStream>> {
    match UnixStream::connect(&Short::of(folder, FILE_NAME)?.path) {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused) => Ok(None),
        Err(error) => Err(error),
    }
}

/// A path that is short enough. Where the real one is not, it goes by way of the open folder.
struct Short {
    path: PathBuf,
    _folder: Option<OwnedFd>,
}

impl Short {
    fn of(folder: &Path, name: &str) -> io::Result<Self> {
        let path = folder.join(name);
        if path.as_os_str().len() <= LONGEST {
            return Ok(Self { path, _folder: None });
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = rustix::fs::open(folder, flags, Mode::empty())?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{name}", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[test]
    fn a_folder_of_any_length_has_a_socket_that_only_its_owner_reaches() {
        let scratch = tempfile::tempdir().unwrap();
        let mut folder = scratch.path().to_owned();
        for name in ["a".repeat(10), "b".repeat(100), "c".repeat(200)] {
            folder.push(name);
            std::fs::create_dir(&folder).unwrap();
            assert!(connect(&folder).unwrap().is_none());
            let listener = bind(&folder).unwrap();
            assert_eq!(std::fs::metadata(folder.join(FILE_NAME)).unwrap().mode() & 0o777, 0o600);
            assert!(connect(&folder).unwrap().is_some());
            listener.accept().unwrap();
        }
    }

    #[test]
    fn a_socket_whose_executor_is_gone_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        drop(bind(folder.path()).unwrap());
        std::fs::write(folder.path().join("control.sock.new"), "left").unwrap();
        assert!(folder.path().join(FILE_NAME).exists() && connect(folder.path()).unwrap().is_none());
        let _listener = bind(folder.path()).unwrap();
        assert!(connect(folder.path()).unwrap().is_some());
        assert!(!folder.path().join("control.sock.new").exists());
    }
}
