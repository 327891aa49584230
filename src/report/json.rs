//! The JSON view of a run: each record as it becomes durable, the status last.

use super::terminal::out;
use super::view::{Progress, Prompt, View};
use crate::model::event::Record;
use crate::model::question::OpenQuestion;
use crate::model::status::Status;

/// Writes one JSON document a line to standard output.
#[derive(Debug, Clone, Copy, Default)]
pub struct Json;

impl View for Json {
    fn record(&mut self, record: &Record) {
        line(record);
    }

    fn progress(&mut self, _progress: &Progress) {}

    fn question(&mut self, _question: &OpenQuestion) {}

    fn prompt(&mut self, _prompt: &Prompt<'_>) {}

    fn not_understood(&mut self, _why: &str) {}

    fn finished(&mut self, status: &Status) {
        line(status);
    }
}

/// Stands for records that were left out because nobody read for long. They are in the journal.
#[must_use]
pub fn dropped(count: u64) -> String {
    format!("{{\"format\":1,\"dropped\":{count}}}\n")
}

/// One document on one line.
pub fn line(document: &impl serde::Serialize) {
    if let Ok(mut text) = serde_json::to_string(document) {
        text.push('\n');
        out(&text);
    }
}
