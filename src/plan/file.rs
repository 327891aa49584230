//! What would become of a file, as text.

use similar::TextDiff;

use crate::action::observe::{FilePreview, FileSnapshot};

/// Files above this size are not compared line by line.
const MAX_DIFF: usize = 256 * 1024;

/// One line about a change, and the change itself.
pub(super) struct Change {
    pub reason: String,
    pub diff: String,
}

/// Describes a preview that changes something. A secret file's content is not shown.
pub(super) fn describe(path: &str, preview: &FilePreview, sensitive: bool) -> Change {
    let (before, after) = (preview.before.as_ref(), preview.after.as_ref());
    let mut lines = permissions(before, after);
    let old = before.map_or(&[][..], |file| &file.bytes);
    let new = after.map_or(&[][..], |file| &file.bytes);
    let mut counts = String::new();
    if old != new {
        if sensitive {
            lines.push("the content changes and is not shown, because the step is sensitive".to_owned());
        } else if let (Some(old), Some(new)) = (text(old), text(new)) {
            let (added, removed, hunks) = unified(path, old, new, before.is_some(), after.is_some());
            counts = format!("  +{added} −{removed}");
            lines.push(hunks);
        } else {
            lines.push(format!("binary or large: {} → {}", sizes(before), sizes(after)));
        }
    }
    let verb = match (before, after) {
        (None, Some(_)) => " is created",
        (Some(_), None) => " is removed",
        _ => "",
    };
    Change { reason: format!("{path}{verb}{counts}"), diff: lines.join("\n") }
}

fn permissions(before: Option<&FileSnapshot>, after: Option<&FileSnapshot>) -> Vec<String> {
    let Some(new) = after.map(|file| &file.state) else { return Vec::new() };
    let Some(old) = before.map(|file| &file.state) else {
        return vec![format!("mode {:04o}, owner {}, group {}", new.mode, new.uid, new.gid)];
    };
    let mut lines = Vec::new();
    if old.mode != new.mode {
        lines.push(format!("mode {:04o} → {:04o}", old.mode, new.mode));
    }
    if old.uid != new.uid {
        lines.push(format!("owner {} → {}", old.uid, new.uid));
    }
    if old.gid != new.gid {
        lines.push(format!("group {} → {}", old.gid, new.gid));
    }
    lines
}

fn text(bytes: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(bytes).ok()?;
    (bytes.len() <= MAX_DIFF && !text.contains('\0')).then_some(text)
}

fn sizes(file: Option<&FileSnapshot>) -> String {
    file.map_or_else(
        || "no file".to_owned(),
        |file| format!("{} bytes, sha256 {}", file.bytes.len(), file.state.sha256),
    )
}

fn unified(path: &str, old: &str, new: &str, was: bool, will_be: bool) -> (usize, usize, String) {
    let diff = TextDiff::from_lines(old, new);
    let count = |tag| diff.iter_all_changes().filter(|change| change.tag() == tag).count();
    let (added, removed) = (count(similar::ChangeTag::Insert), count(similar::ChangeTag::Delete));
    let name = |there: bool| if there { path } else { "/dev/null" };
    let text = diff.unified_diff().context_radius(3).header(name(was), name(will_be)).to_string();
    (added, removed, text.trim_end_matches('\n').to_owned())
}
