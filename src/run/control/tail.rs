//! The last lines that a running step has written, read by somebody who does not execute it. Bounded: of much output
//! only the end is read.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::model::call::{Hidden, Ticket};

/// The most bytes that are read at once; what came before them is passed over.
const WINDOW: u64 = 16 * 1024;

/// The stored output of one attempt.
#[derive(Debug)]
pub struct Tail {
    streams: [Stream; 2],
}

#[derive(Debug)]
struct Stream {
    path: PathBuf,
    offset: u64,
}

impl Tail {
    /// Of the attempt of a step, or of a part of its undo, in the run's folder.
    #[must_use]
    pub fn of(folder: &Path, step: &str, undo: Option<usize>, attempt: u32) -> Self {
        let (run, step) = (String::new(), step.to_owned());
        let secrets = Hidden(Vec::new());
        let label = Ticket { run, step, attempt, undo, timeout: None, sensitive: false, secrets }.label();
        let stream = |kind: &str| Stream { path: folder.join("output").join(format!("{label}.{kind}")), offset: 0 };
        Self { streams: [stream("stdout"), stream("stderr")] }
    }

    /// The last whole lines that came since the last look.
    pub fn lines(&mut self) -> Vec<String> {
        self.streams.iter_mut().flat_map(Stream::lines).collect()
    }
}

impl Stream {
    fn lines(&mut self) -> Vec<String> {
        // Nothing was written, or it cannot be shown: either way there is nothing to see.
        self.read().unwrap_or_default()
    }

    fn read(&mut self) -> std::io::Result<Vec<String>> {
        let mut file = File::open(&self.path)?;
        let length = file.metadata()?.len();
        if length <= self.offset {
            return Ok(Vec::new());
        }
        let from = self.offset.max(length.saturating_sub(WINDOW));
        let mut bytes = Vec::new();
        file.seek(SeekFrom::Start(from))?;
        file.take(length - from).read_to_end(&mut bytes)?;
        let Some(end) = bytes.iter().rposition(|byte| *byte == b'\n') else {
            // A line that fills the window is shown without its beginning.
            self.offset = if length - from >= WINDOW { length } else { self.offset };
            return Ok(Vec::new());
        };
        let begin = if from == self.offset { 0 } else { bytes.iter().position(|byte| *byte == b'\n').unwrap_or(0) };
        self.offset = from + end as u64 + 1;
        let text = String::from_utf8_lossy(&bytes[begin..end]).into_owned();
        Ok(text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_once_and_of_much_output_only_the_end() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("output")).unwrap();
        let path = folder.path().join("output/a~b.2.stdout");
        let mut tail = Tail::of(folder.path(), "a/b", None, 2);
        assert_eq!(tail.lines(), Vec::<String>::new());
        std::fs::write(&path, "one\ntwo\nthr").unwrap();
        assert_eq!(tail.lines(), ["one", "two"]);
        assert_eq!(tail.lines(), Vec::<String>::new());
        std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail.lines(), ["three"]);
        let much = "x".repeat(1 << 20) + "\n" + &"y".repeat(100) + "\nlast\nbeg";
        std::fs::write(&path, &much).unwrap();
        let lines = tail.lines();
        assert_eq!(lines.last().map(String::as_str), Some("last"));
        assert!(lines.iter().all(|line| line.len() <= 100), "{lines:?}");
    }
}
