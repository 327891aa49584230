//! The lines that a running step has written so far, for the screen only.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, interval_at};

use super::execute::Control;
use super::stored::{TAIL, beside};
use super::supervisor::status::Files;

/// How often the stored output is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// The longest line that is shown, in bytes; a longer one is shown in pieces.
const LONGEST: usize = 4096;

/// The most that is read of a stream at one look, in bytes. Nobody reads faster: what is further back is passed over,
/// and is in the stored output.
const MOST: u64 = 64 * 1024;

/// Follows the stored output of one attempt.
#[derive(Debug)]
pub struct Screen<'a> {
    tails: [Tail; 2],
    output: &'a UnboundedSender<String>,
}

/// Follows one stream, from its first file to those that take turns after it.
#[derive(Debug)]
struct Tail {
    path: PathBuf,
    file: Option<(File, u64)>,
    offset: u64,
    begun: Vec<u8>,
}

impl<'a> Screen<'a> {
    /// From the beginning of the output.
    #[must_use]
    pub fn new(files: &Files, control: &'a Control) -> Self {
        let tail = |kind| Tail { path: files.path(kind), file: None, offset: 0, begun: Vec::new() };
        Self { tails: [tail("stdout"), tail("stderr")], output: &control.output }
    }

    /// Shows new lines as they come, for ever.
    pub async fn follow(&mut self) {
        let mut interval = interval_at(Instant::now() + EVERY, EVERY);
        loop {
            interval.tick().await;
            self.show();
        }
    }

    /// Shows what is new.
    pub fn show(&mut self) {
        for tail in &mut self.tails {
            for line in tail.new_lines() {
                // Nobody may be looking.
                let _unseen = self.output.send(line);
            }
        }
    }
}

impl Tail {
    fn new_lines(&mut self) -> Vec<String> {
        self.read();
        if let Some(next) = self.next() {
            self.file = Some(next);
            self.offset = 0;
            self.read();
        }
        let mut lines = Vec::new();
        while let Some(end) = self.end_of_line() {
            let line: Vec<u8> = self.begun.drain(..end).collect();
            lines.push(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned());
        }
        lines
    }

    /// The file that the stream goes to now, when it is another one. It never goes back to the first, to which all is
    /// added at the end.
    fn next(&self) -> Option<(File, u64)> {
        let tail = open(&beside(&self.path, TAIL));
        match &self.file {
            None => tail.or_else(|| open(&self.path)),
            Some((_, number)) => tail.filter(|(_, newest)| newest != number),
        }
    }

    /// Takes in what the file got meanwhile.
    fn read(&mut self) {
        let Some((file, _)) = &mut self.file else { return };
        let Ok(length) = file.metadata().map(|metadata| metadata.len()) else { return };
        let from = self.offset.max(length.saturating_sub(MOST));
        if from > self.offset {
            self.begun.clear();
        }
        let before = self.begun.len();
        let read = file.seek(SeekFrom::Start(from)).and_then(|_| file.take(MOST).read_to_end(&mut self.begun));
        if read.is_err() {
            self.begun.truncate(before);
            return;
        }
        self.offset = from + (self.begun.len() - before) as u64;
    }

    fn end_of_line(&self) -> Option<usize> {
        let newline = self.begun.iter().take(LONGEST).position(|byte| *byte == b'\n').map(|at| at + 1);
        newline.or_else(|| (self.begun.len() >= LONGEST).then_some(LONGEST))
    }
}

/// A file and its number, which it keeps under another name.
fn open(path: &Path) -> Option<(File, u64)> {
    let file = File::open(path).ok()?;
    let number = file.metadata().ok()?.ino();
    Some((file, number))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use tokio::sync::{mpsc, watch};

    use super::*;
    use crate::action::capture::Keep as _;
    use crate::action::stored::Stored;

    #[test]
    fn lines_are_shown_once_from_file_to_file_and_no_faster_than_anybody_reads() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files { folder: folder.path().to_owned(), label: "step.1".to_owned() };
        let (output, mut lines) = mpsc::unbounded_channel();
        let control = Control { cancel: watch::channel(false).1, output };
        let mut screen = Screen::new(&files, &control);
        let mut stored = Stored::new(Some(files.path("stdout")), 64);
        for number in 0..10 {
            stored.keep(format!("line {number}, ").as_bytes());
            screen.show();
            stored.keep(b"whole\n");
            screen.show();
        }
        let _digest = stored.finish(200);
        screen.show();
        let shown: Vec<String> = std::iter::from_fn(|| lines.try_recv().ok()).collect();
        let wanted: Vec<String> = (0..10).map(|number| format!("line {number}, whole")).collect();
        assert_eq!(shown, wanted);
        fs::write(files.path("stderr"), "x\n".repeat(1 << 20)).unwrap();
        screen.show();
        let count = std::iter::from_fn(|| lines.try_recv().ok()).count();
        assert_eq!(count, 32 * 1024);
    }
}
