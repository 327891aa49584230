//! shellcheck on all scripts of a file, by one process for each dialect of shell.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Question, Remark, Shell};
use crate::check::scripts::{Dialect, Script};

/// What is left out: what shellcheck itself could not read although bash can (1009, 1072, 1073), what is about the
/// first line of a file (1008, 1071, 1128, 2148), files that a script sources (1090, 1091), and what rules of our own find
/// (1017, 2115).
const EXCLUDED: &str = "1008,1009,1017,1071,1072,1073,1090,1091,1128,2115,2148";

/// A name that is read and never assigned.
const UNASSIGNED: u32 = 2154;

#[derive(Deserialize)]
struct Answer {
    comments: Vec<Comment>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Comment {
    file: String,
    line: usize,
    end_line: usize,
    column: usize,
    end_column: usize,
    code: u32,
    message: String,
}

/// Gives its findings on the scripts with those numbers, errors and warnings only.
#[must_use]
pub fn ask(shell: &dyn Shell, scripts: &[Script<'_>], numbers: &[usize]) -> Vec<Remark> {
    let mut by_shell: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for number in numbers {
        let name = if scripts[*number].dialect == Dialect::Sh { "sh" } else { "bash" };
        by_shell.entry(name).or_default().push(*number);
    }
    let mut remarks: Vec<Remark> =
        by_shell.into_iter().flat_map(|(name, numbers)| of_one_dialect(shell, scripts, &numbers, name)).collect();
    remarks.sort_by_key(|remark| (remark.script, remark.offset));
    remarks
}

fn of_one_dialect(shell: &dyn Shell, scripts: &[Script<'_>], numbers: &[usize], name: &str) -> Vec<Remark> {
    let texts: Vec<String> = numbers.iter().map(|number| prepared(&scripts[*number])).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let names: Vec<String> = (0..texts.len()).map(|number| number.to_string()).collect();
    let options =
        ["shellcheck", "--norc", "--format=json1", "--severity=warning", "--exclude", EXCLUDED, "--shell", name];
    let argv: Vec<&str> = options.into_iter().chain(names.iter().map(String::as_str)).collect();
    let Ok(answer) = shell.ask(&Question { argv: &argv, input: &[], files: &texts }) else { return Vec::new() };
    let Ok(answer) = serde_json::from_slice::<Answer>(&answer) else { return Vec::new() };
    let remark = |comment: Comment| {
        let number = *numbers.get(comment.file.parse::<usize>().ok()?)?;
        let script = &scripts[number];
        let unassigned = comment.message.split(' ').next().unwrap_or_default();
        if comment.code == UNASSIGNED && script.names.contains_key(unassigned) {
            return None;
        }
        let (offset, length) = place(script.text, &comment);
        let message = comment.message.trim_end().trim_end_matches('.');
        let message = format!("shellcheck SC{}: {message}", comment.code);
        let help = format!("see SC{} in the wiki of shellcheck", comment.code);
        Some(Remark { script: number, offset, length, message, help })
    };
    answer.comments.into_iter().filter_map(remark).collect()
}

/// A script as it is run: whether it ends at the first failure changes what is worth a warning.
fn prepared(script: &Script<'_>) -> String {
    let options = match (script.errexit, script.pipefail) {
        (true, true) => "set -eo pipefail",
        (true, false) => "set -e",
        (false, true) => "set -o pipefail",
        (false, false) => ":",
    };
    format!("{options}\n{}\n", script.text)
}

/// Lines and columns count from 1, columns in characters; the first line is ours.
fn place(text: &str, comment: &Comment) -> (usize, usize) {
    let offset = |line: usize, column: usize| {
        let start: usize = text.split_inclusive('\n').take(line.saturating_sub(2)).map(str::len).sum();
        let line = text[start..].split('\n').next().unwrap_or_default();
        start + line.chars().take(column.saturating_sub(1)).map(char::len_utf8).sum::<usize>()
    };
    let start = offset(comment.line, comment.column);
    let end = offset(comment.end_line, comment.end_column).max(start);
    let line = text[start..end].split('\n').next().unwrap_or_default();
    let next = text[start..].chars().next().filter(|next| *next != '\n').map_or(0, char::len_utf8);
    (start, line.len().max(next))
}
