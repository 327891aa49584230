//! What a step was to change, before it and after it, as the log shows it: the difference.

use std::collections::BTreeMap;

use similar::TextDiff;

use super::diff;
use super::text::escape;
use crate::model::event::{Artifact, Event, Moment};

/// The most lines that are shown of one difference.
const MOST_LINES: usize = 200;
/// The most copies that are named.
const MOST_FILES: usize = 20;

/// What was read last of each step, as records come.
#[derive(Debug, Default)]
pub(super) struct Observations(BTreeMap<String, Option<String>>);

impl Observations {
    /// The lines below a record: what differs from what was read before, and the copies that were made.
    pub(super) fn below(&mut self, event: &Event, color: bool) -> Vec<String> {
        match event {
            Event::Observed { step, moment, text, .. } => {
                let before = self.0.insert(step.clone(), text.clone());
                match (moment, before, text) {
                    (Moment::After, Some(before), text) if before.is_some() || text.is_some() => {
                        difference(before.as_deref().unwrap_or_default(), text.as_deref().unwrap_or_default(), color)
                    }
                    _ => Vec::new(),
                }
            }
            Event::ArtifactsKept { files, missing, .. } => copies(files, missing),
            _ => Vec::new(),
        }
    }
}

fn difference(before: &str, after: &str, color: bool) -> Vec<String> {
    if before == after {
        return vec!["no difference".to_owned()];
    }
    let diff = TextDiff::from_lines(before, after);
    let hunks = diff.unified_diff().context_radius(3).missing_newline_hint(false).to_string();
    let mut lines = diff::lines(hunks.trim_end_matches('\n'), color);
    if lines.len() > MOST_LINES {
        let more = lines.len() - MOST_LINES;
        lines.truncate(MOST_LINES);
        lines.push(format!("and {more} more lines"));
    }
    lines
}

fn copies(files: &[Artifact], missing: &[String]) -> Vec<String> {
    let named = files.iter().take(MOST_FILES);
    let mut lines: Vec<String> = named
        .map(|file| {
            let digest = file.sha256.get(..16).unwrap_or(&file.sha256);
            format!("{}  {} bytes, sha256 {digest}", escape(&file.kept), file.bytes)
        })
        .collect();
    if files.len() > MOST_FILES {
        lines.push(format!("and {} more", files.len() - MOST_FILES));
    }
    lines.extend(missing.iter().map(|why| format!("not copied: {}", escape(why))));
    lines
}

/// What was read, in one line.
pub(super) fn said(event: &Event) -> Option<String> {
    match event {
        Event::Observed { moment, text, detail, .. } => {
            let when = if *moment == Moment::Before { "before" } else { "after" };
            Some(match text {
                Some(_) => format!("  {when}  sha256={detail}"),
                None => format!("  {when}  · {detail}"),
            })
        }
        Event::ArtifactsKept { files, missing, .. } => Some(format!("  {}", counted(files, missing))),
        _ => None,
    }
}

/// How many copies were made, and how many not.
pub(super) fn counted(files: &[Artifact], missing: &[String]) -> String {
    let bytes: u64 = files.iter().map(|file| file.bytes).sum();
    let kept = format!("{} copied, {bytes} bytes", super::text::count(files.len(), "file"));
    if missing.is_empty() { kept } else { format!("{kept}; {} not", missing.len()) }
}
