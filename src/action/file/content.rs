//! What a file would become: bytes, mode and owner, worked out without touching anything.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use regex::bytes::{Captures, Regex, RegexBuilder};
use rustix::process::{getegid, geteuid};

use super::disk;
use crate::action::observe::FileSnapshot;
use crate::model::call::{Desired, DesiredEdit, FileCall};
use crate::model::digest::sha256;
use crate::model::event::FileState;
use crate::model::result::{Failure, FailureKind};
use crate::model::step::Expect;

/// The mode of a new file.
const USUAL_MODE: u32 = 0o644;

/// The file as `call` wants it, `None` for no file. Mode and owner are those of `before` where the call leaves them.
pub(super) fn wanted(
    call: &FileCall,
    path: &Path,
    before: Option<&FileSnapshot>,
) -> Result<Option<FileSnapshot>, Failure> {
    let bytes = match &call.content {
        Some(Desired::Absent) => return Ok(None),
        Some(Desired::Bytes(bytes)) => bytes.clone(),
        Some(Desired::Source { path, sha256 }) => source(path, sha256)?,
        Some(Desired::Edits(edits)) => edited(edits, path, existing(path, before)?)?,
        None => existing(path, before)?.to_vec(),
    };
    let (uid, gid) = match before {
        Some(file) => (file.state.uid, file.state.gid),
        None => creator(path),
    };
    let state = FileState {
        sha256: sha256(&[&bytes]),
        mode: call.mode.unwrap_or_else(|| before.map_or(USUAL_MODE, |file| file.state.mode)),
        uid: call.owner.as_deref().map_or(Ok(uid), |name| account(name, "user", "/etc/passwd"))?,
        gid: call.group.as_deref().map_or(Ok(gid), |name| account(name, "group", "/etc/group"))?,
    };
    Ok(Some(FileSnapshot { bytes, state }))
}

fn existing<'a>(path: &Path, before: Option<&'a FileSnapshot>) -> Result<&'a [u8], Failure> {
    before.map(|file| file.bytes.as_slice()).ok_or_else(|| {
        let message = format!("{} is not there, and the step only changes what is there", path.display());
        Failure::new(FailureKind::File, message)
    })
}

fn source(path: &Path, approved: &str) -> Result<Vec<u8>, Failure> {
    let bytes = disk::bytes(path)?;
    let found = sha256(&[&bytes]);
    if found == approved {
        return Ok(bytes);
    }
    let message = format!("{} is not what was approved: its SHA-256 is {found}, not {approved}", path.display());
    Err(Failure::new(FailureKind::File, message))
}

/// Who owns a new file: the program, and the folder's group where the folder says so.
fn creator(path: &Path) -> (u32, u32) {
    let folder = path.parent().and_then(|folder| fs::metadata(folder).ok());
    let group = folder.filter(|folder| folder.mode() & 0o2000 != 0).map(|folder| folder.gid());
    (geteuid().as_raw(), group.unwrap_or_else(|| getegid().as_raw()))
}

/// The id of a user or group, by name in a local list, or by number.
fn account(name: &str, kind: &str, list: &str) -> Result<u32, Failure> {
    if let Ok(id) = name.parse() {
        return Ok(id);
    }
    let text = disk::bytes(Path::new(list))?;
    let text = String::from_utf8_lossy(&text);
    let id = text.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == name);
    id.and_then(|fields| fields.get(2)?.parse().ok()).ok_or_else(|| {
        let message = format!("the {kind} {name} is not in {list}; one from a directory is given by its number");
        Failure::new(FailureKind::File, message)
    })
}

fn edited(edits: &[DesiredEdit], path: &Path, before: &[u8]) -> Result<Vec<u8>, Failure> {
    edits.iter().try_fold(before.to_vec(), |bytes, edit| {
        let refused = |message| Failure::new(FailureKind::File, message);
        let pattern = RegexBuilder::new(&edit.pattern).multi_line(true).build();
        let pattern =
            pattern.map_err(|error| refused(format!("`{}` is no regular expression: {error}", edit.pattern)))?;
        check_groups(edit, &pattern)?;
        let found = pattern.find_iter(&bytes).count();
        let wanted = match edit.expect {
            Expect::Any => None,
            Expect::AtLeastOne => (found == 0).then(|| "at least one was expected".to_owned()),
            Expect::Exactly(count) => (found != count).then(|| format!("{count} expected")),
        };
        if let Some(wanted) = wanted {
            let matches = if found == 1 { "match" } else { "matches" };
            return Err(refused(format!("{found} {matches} of `{}` in {}, {wanted}", edit.pattern, path.display())));
        }
        Ok(pattern.replace_all(&bytes, |captures: &Captures<'_>| expand(&edit.replace, captures)).into_owned())
    })
}

/// A group that is not there would silently become nothing.
fn check_groups(edit: &DesiredEdit, pattern: &Regex) -> Result<(), Failure> {
    let highest = pieces(&edit.replace).filter_map(Result::err).max().unwrap_or(0);
    if highest < pattern.captures_len() {
        return Ok(());
    }
    let message = format!("`{}` has no group {highest}, which `{}` uses", edit.pattern, edit.replace);
    Err(Failure::new(FailureKind::File, message))
}

/// The replacement with `\0` to `\9` filled in. `\\` is one backslash; before anything else it is itself.
fn expand(replace: &str, captures: &Captures<'_>) -> Vec<u8> {
    let fill = |piece: Result<String, usize>| match piece {
        Ok(text) => text.into_bytes(),
        Err(group) => captures.get(group).map_or_else(Vec::new, |found| found.as_bytes().to_vec()),
    };
    pieces(replace).flat_map(fill).collect()
}

/// A replacement as text (`Ok`) and numbers of groups (`Err`).
fn pieces(replace: &str) -> impl Iterator<Item = Result<String, usize>> {
    let mut characters = replace.chars();
    std::iter::from_fn(move || {
        let first = characters.next()?;
        if first != '\\' {
            return Some(Ok(first.to_string()));
        }
        Some(match characters.next() {
            None | Some('\\') => Ok("\\".to_owned()),
            Some(second) => second.to_digit(10).map_or_else(|| Ok(format!("\\{second}")), |group| Err(group as usize)),
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edit(pattern: &str, replace: &str, expect: Expect) -> Result<String, String> {
        let edits = [DesiredEdit { pattern: pattern.to_owned(), replace: replace.to_owned(), expect }];
        let before = b"port = 5432\nhost = a\nport = 1\n";
        edited(&edits, Path::new("/etc/x"), before)
            .map(|bytes| String::from_utf8(bytes).unwrap())
            .map_err(|failure| failure.message)
    }

    #[test]
    fn an_edit_matches_lines_and_fills_groups_in() {
        let after = edit(r"^(port) = \d+$", r"\1: \\1 \n\0", Expect::Exactly(2)).unwrap();
        assert_eq!(after, "port: \\1 \\nport = 5432\nhost = a\nport: \\1 \\nport = 1\n");
    }

    #[test]
    fn another_number_of_matches_than_expected_fails() {
        let one = edit("^host", "x", Expect::Exactly(2)).unwrap_err();
        assert_eq!(one, "1 match of `^host` in /etc/x, 2 expected");
        let none = edit("^nothing", "x", Expect::AtLeastOne).unwrap_err();
        assert_eq!(none, "0 matches of `^nothing` in /etc/x, at least one was expected");
        assert_eq!(edit("^nothing", "x", Expect::Any).unwrap(), "port = 5432\nhost = a\nport = 1\n");
    }

    #[test]
    fn a_group_that_is_not_there_fails() {
        let failure = edit("^(host)", r"\2", Expect::Any).unwrap_err();
        assert_eq!(failure, r"`^(host)` has no group 2, which `\2` uses");
    }

    #[test]
    fn accounts_are_found_by_name_and_number() {
        assert_eq!(account("root", "user", "/etc/passwd").unwrap(), 0);
        assert_eq!(account("1234", "user", "/etc/passwd").unwrap(), 1234);
        let missing = account("no-such-one", "group", "/etc/group").unwrap_err();
        let wanted = "the group no-such-one is not in /etc/group; one from a directory is given by its number";
        assert_eq!(missing.message, wanted);
    }
}
