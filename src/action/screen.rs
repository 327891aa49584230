//! The lines that a running step has written so far, for the screen only.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedSender;
use tokio::time::{Instant, interval_at};

use super::execute::Control;
use super::supervisor::Files;

/// How often the stored output is looked at.
const EVERY: Duration = Duration::from_millis(100);

/// The longest line that is shown, in bytes; a longer one is shown in pieces.
const LONGEST: usize = 4096;

/// Follows the stored output of one attempt.
#[derive(Debug)]
pub struct Screen<'a> {
    tails: [Tail; 2],
    output: &'a UnboundedSender<String>,
}

#[derive(Debug)]
struct Tail {
    path: PathBuf,
    offset: u64,
    begun: Vec<u8>,
}

impl<'a> Screen<'a> {
    /// From the beginning of the output.
    #[must_use]
    pub fn new(files: &Files, control: &'a Control) -> Self {
        let tail = |kind| Tail { path: files.path(kind), offset: 0, begun: Vec::new() };
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
        let Ok(mut file) = File::open(&self.path) else { return Vec::new() };
        let before = self.begun.len();
        let read = file.seek(SeekFrom::Start(self.offset)).and_then(|_| file.read_to_end(&mut self.begun));
        if read.is_err() {
            self.begun.truncate(before);
            return Vec::new();
        }
        self.offset += (self.begun.len() - before) as u64;
        let mut lines = Vec::new();
        while let Some(end) = self.end_of_line() {
            let line: Vec<u8> = self.begun.drain(..end).collect();
            lines.push(String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned());
        }
        lines
    }

    fn end_of_line(&self) -> Option<usize> {
        let newline = self.begun.iter().take(LONGEST).position(|byte| *byte == b'\n').map(|at| at + 1);
        newline.or_else(|| (self.begun.len() >= LONGEST).then_some(LONGEST))
    }
}
