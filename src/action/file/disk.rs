//! Files on the disk: read whole, written whole beside their place, and put in place by rename.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use crate::action::observe::FileSnapshot;
use crate::model::call::file_name;
use crate::model::digest::sha256;
use crate::model::event::FileState;
use crate::model::result::{Failure, FailureKind};

/// The largest file that is made or changed, in bytes.
const LARGEST: u64 = 16 * 1024 * 1024;

/// A failure that says what was tried.
pub(super) fn failure(message: String, error: &io::Error) -> Failure {
    Failure { chain: vec![error.to_string()], ..Failure::new(FailureKind::File, message) }
}

/// The file itself: symbolic links resolved, the last part of the path too. The file need not be there, its folder
/// has to be.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, Failure> {
    if path.is_symlink() {
        let message = format!("{} is a symbolic link that leads nowhere", path.display());
        return path.canonicalize().map_err(|error| failure(message, &error));
    }
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(Failure::new(FailureKind::File, format!("{} is no path of a file", path.display())));
    };
    let message = format!("the folder {} is not there", folder.display());
    Ok(folder.canonicalize().map_err(|error| failure(message, &error))?.join(name))
}

/// The file as it is, `None` when there is none.
pub(super) fn snapshot(path: &Path) -> Result<Option<FileSnapshot>, Failure> {
    let metadata = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failure(format!("{} cannot be read", path.display()), &error)),
        Ok(metadata) => metadata,
    };
    if !metadata.is_file() {
        return Err(Failure::new(FailureKind::File, format!("{} is not a regular file", path.display())));
    }
    let bytes = bytes(path)?;
    let state = FileState {
        sha256: sha256(&[&bytes]),
        mode: metadata.mode() & 0o7777,
        uid: metadata.uid(),
        gid: metadata.gid(),
    };
    Ok(Some(FileSnapshot { bytes, state }))
}

/// All bytes of a file.
pub(super) fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes));
    read.map_err(|error| failure(format!("{} cannot be read", path.display()), &error))?;
    if bytes.len() as u64 > LARGEST {
        let message = format!("{} is larger than {} MiB", path.display(), LARGEST / 1024 / 1024);
        return Err(Failure::new(FailureKind::File, message));
    }
    Ok(bytes)
}

/// Writes a new file, durable with its mode and owner. Its folder is not synced. What was at `path` is removed first:
/// only this program writes there.
pub(super) fn write(path: &Path, file: &FileSnapshot) -> Result<(), Failure> {
    remove(path)?;
    let written = || {
        let mut open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        open.write_all(&file.bytes)?;
        let metadata = open.metadata()?;
        if (metadata.uid(), metadata.gid()) != (file.state.uid, file.state.gid) {
            fchown(&open, Some(file.state.uid), Some(file.state.gid))?;
        }
        open.set_permissions(Permissions::from_mode(file.state.mode))?;
        open.sync_all()
    };
    written().map_err(|error: io::Error| {
        // What was begun is of no use, and its removal is tried again by the next attempt.
        let _left = fs::remove_file(path);
        failure(format!("{} cannot be written", path.display()), &error)
    })
}

/// Removes a file, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), Failure> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failure(format!("{} cannot be removed", path.display()), &error))
        }
        _ => Ok(()),
    }
}

/// Puts a written file in the place of another, durably.
pub(super) fn put_in_place(written: &Path, place: &Path) -> Result<(), Failure> {
    fs::rename(written, place).map_err(|error| failure(format!("{} cannot be replaced", place.display()), &error))?;
    sync_folder(place)
}

/// Makes the name of a file durable, or its absence.
pub(super) fn sync_folder(path: &Path) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| failure(format!("the folder {} cannot be synced", folder.display()), &error))
}

/// Where the old bytes of a step's file are kept. The digest is part of the name, so that an attempt that finds
/// another state than the first never takes the place of what the first kept.
pub(super) fn kept_path(folder: &Path, step: &str, sha256: &str) -> PathBuf {
    folder.join(format!("{}.{sha256}", file_name(step)))
}

/// Keeps the old bytes with the run, durably.
pub(super) fn keep(folder: &Path, step: &str, before: &FileSnapshot) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|error| failure(format!("{} cannot be made", folder.display()), &error))?;
    let path = kept_path(folder, step, &before.state.sha256);
    if snapshot(&path)?.is_some_and(|kept| kept.state.sha256 == before.state.sha256) {
        return Ok(());
    }
    let private = FileState { mode: 0o600, ..creator_of(folder, before)? };
    let beside = path.with_added_extension("new");
    write(&beside, &FileSnapshot { bytes: before.bytes.clone(), state: private })?;
    put_in_place(&beside, &path)?;
    sync_folder(folder)
}

/// The state of a copy that belongs to whom its folder belongs.
fn creator_of(folder: &Path, file: &FileSnapshot) -> Result<FileState, Failure> {
    let metadata = fs::metadata(folder);
    let metadata = metadata.map_err(|error| failure(format!("{} cannot be read", folder.display()), &error))?;
    Ok(FileState { uid: metadata.uid(), gid: metadata.gid(), ..file.state.clone() })
}
