//! What a screen shows of something that failed: its causes, the last lines of its output, and where the rest is.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::text::{escape, escape_lines, tail};
use crate::model::result::{Failure, Leftover, StepResult};

/// How many lines of output are shown.
const TAIL: usize = 20;

/// How much of a kept stream is read, in bytes.
const MOST: u64 = 1 << 20;

/// The causes of a failure, one a line. They are not wrapped, because commands to try by hand may be among them.
pub(super) fn causes(failure: &Failure) -> String {
    failure.chain.iter().fold(String::new(), |text, cause| text + &format!("        {}\n", escape(cause)))
}

/// What is said of processes that a step left behind.
pub(super) fn left(processes: &[Leftover]) -> Option<String> {
    (!processes.is_empty()).then(|| format!("left running: {}", Leftover::listed(processes)))
}

/// The output of an attempt as the record of it has it.
pub(super) fn output_of(result: &StepResult) -> String {
    let texts = [result.stdout.as_deref(), result.stderr.as_deref()];
    texts.into_iter().flatten().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The last of the output of an attempt that is kept in a run's folder under a label, empty where there is none.
#[must_use]
pub fn kept(folder: &Path, label: &str) -> String {
    let read = |stream: &str| last_of(&folder.join("output").join(format!("{label}.{stream}"))).ok();
    let texts = ["stdout", "stderr"].into_iter().filter_map(read);
    let texts = texts.map(|bytes| String::from_utf8_lossy(&bytes).trim_end().to_owned());
    texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

fn last_of(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let from = file.metadata()?.len().saturating_sub(MOST);
    file.seek(SeekFrom::Start(from))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The last lines of an output, and where all of it is.
pub(super) fn output(text: &str, folder: &Path, label: &str) -> String {
    let mut shown = String::new();
    if text.is_empty() {
        return shown;
    }
    let all = text.lines().count();
    if text.len() as u64 >= MOST {
        let _infallible = writeln!(shown, "        the last {TAIL} lines:");
    } else if all > TAIL {
        let _infallible = writeln!(shown, "        the last {TAIL} of {all} lines:");
    }
    for line in tail(&escape_lines(text), TAIL) {
        let _infallible = writeln!(shown, "      | {line}");
    }
    let path = folder.join("output").join(label).display().to_string();
    if ["stdout", "stderr"].iter().any(|stream| Path::new(&format!("{path}.{stream}")).exists()) {
        let _infallible = writeln!(shown, "  all of it: {path}.std*");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_twenty_lines_are_shown_and_where_all_of_them_are() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("output")).unwrap();
        let lines: Vec<String> = (1..=22).map(|line| format!("line {line}\u{1b}")).collect();
        std::fs::write(folder.path().join("output/load.1.stderr"), lines.join("\n")).unwrap();
        let text = kept(folder.path(), "load.1");
        let shown = output(&text, folder.path(), "load.1");
        let mut wanted = vec!["        the last 20 of 22 lines:".to_owned()];
        wanted.extend((3..=22).map(|line| format!("      | line {line}\\u{{1b}}")));
        wanted.push(format!("  all of it: {}/output/load.1.std*", folder.path().display()));
        assert_eq!(shown.lines().collect::<Vec<_>>(), wanted);
        assert_eq!(output("", folder.path(), "load.2"), "");
    }
}
