//! The log as people read it, and what its proof says.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::failure::left;
use super::observed::{self, Observations};
use super::terminal::Looks;
use super::text::{count, escape, wrap};
use crate::model::event::{Event, Record};

/// A journal that was found good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Good<'a> {
    /// How many whole records.
    pub records: u64,
    /// The last that an anchor vouches for.
    pub anchored: Option<u64>,
    /// Bytes of a last line that was never completed.
    pub torn_tail: Option<u64>,
    /// The hash of the last record.
    pub head: Option<&'a str>,
    /// Kinds that this version does not know.
    pub unknown: &'a BTreeMap<String, u64>,
}

/// Where the text of a record begins.
const INDENT: usize = 31;

/// Every record: time in UTC, who, what, and what matters of it. One line each, broken where a screen is too narrow.
#[must_use]
pub fn human(records: &[Record], looks: Looks) -> String {
    let mut text = String::new();
    let mut epoch = 0;
    let mut observations = Observations::default();
    for record in records {
        if record.epoch != epoch {
            epoch = record.epoch;
            let _infallible = writeln!(text, "— {} on {}, turn {epoch}", escape(&record.actor), escape(&record.host));
        }
        let at = record.at.get(..23).unwrap_or(&record.at);
        let said = escape(&said(&record.event));
        let lines = if looks.is_terminal { wrap(&said, looks.width.saturating_sub(INDENT)) } else { vec![said] };
        let _infallible = writeln!(text, "{:>4}  {at}  {}", record.seq, lines[0]);
        for line in &lines[1..] {
            let _infallible = writeln!(text, "{:INDENT$}{}", "", line.trim_start());
        }
        for line in observations.below(&record.event, looks.color) {
            let _infallible = writeln!(text, "{}", format!("{:INDENT$}{line}", "").trim_end());
        }
    }
    looks.fit(text)
}

/// An event as `kind step: what matters`.
fn said(event: &Event) -> String {
    let Ok(Value::Object(fields)) = serde_json::to_value(event) else { return String::new() };
    let field = |name: &str| fields.get(name).and_then(Value::as_str);
    let mut text = field("event").unwrap_or("unknown").to_owned();
    if let Some(step) = field("step") {
        let _infallible = write!(text, " {step}");
    }
    for name in ["part", "attempt"] {
        if let Some(number) = fields.get(name) {
            let _infallible = write!(text, " {name} {number}");
        }
    }
    for name in ["runbook", "digest", "hook", "outcome", "as", "by", "answer", "choice", "what", "to"] {
        if let Some(value) = field(name) {
            let _infallible = write!(text, "  {name}={value}");
        }
    }
    if let Event::RunResumed { .. } = event {
        let _infallible = write!(text, "  intent={}", field("intent").unwrap_or_default());
    }
    let result = fields.get("result");
    for (name, value) in
        [("exit", result.and_then(|result| result.get("exit_code"))), ("ms", fields.get("duration_ms"))]
    {
        if let Some(value) = value {
            let _infallible = write!(text, "  {name}={value}");
        }
    }
    if let Some(said) = observed::said(event) {
        return text + &said;
    }
    let why = field("reason").or_else(|| field("detail"));
    let failure = fields.get("failure").and_then(|failure| failure.get("message")).and_then(Value::as_str);
    for why in [field("text"), why, failure].into_iter().flatten().filter(|why| !why.is_empty()) {
        let _infallible = write!(text, "  · {why}");
    }
    if let Event::AttemptFinished { output: Some(output), .. } | Event::UndoFinished { output: Some(output), .. } =
        event
        && let Some(left) = left(&output.left_behind)
    {
        let _infallible = write!(text, "  · {left}");
    }
    if let Some(Value::Array(remaining)) = fields.get("remaining") {
        for left in remaining {
            let name = |key: &str| left.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
            let _infallible = write!(text, "  · remains {}: {}", name("step"), name("reason"));
        }
    }
    text
}

/// What the proof found, in words that claim no more.
#[must_use]
pub fn verified(run: &str, proof: &Result<Good<'_>, String>) -> String {
    let good = match proof {
        Ok(good) => good,
        Err(why) => return format!("{run}: NOT INTACT. {}\n", escape(why)),
    };
    let mut text =
        format!("{run}: intact, {}.\n", count(usize::try_from(good.records).unwrap_or(usize::MAX), "record"));
    let _infallible = match good.anchored {
        Some(seq) => writeln!(text, "Anchored up to record {seq}: a later run on this store names its hash."),
        None => {
            writeln!(text, "Not anchored: whoever can write the log could have cut off its end or written it anew.")
        }
    };
    if let Some(bytes) = good.torn_tail {
        let _infallible =
            writeln!(text, "A last line of {bytes} bytes was never completed; nothing was done on the strength of it.");
    }
    for (kind, number) in good.unknown {
        let _infallible = writeln!(text, "{number} of kind {}, which this version does not know.", escape(kind));
    }
    if let Some(head) = good.head {
        let _infallible = writeln!(text, "Head {head}");
    }
    text
}

/// The same for programs.
#[must_use]
pub fn verified_json(run: &str, proof: &Result<Good<'_>, String>) -> Value {
    match proof {
        Ok(good) => json!({
            "format": 1, "run": run, "intact": true, "records": good.records, "anchored": good.anchored,
            "torn_tail_bytes": good.torn_tail, "head": good.head, "unknown_kinds": good.unknown, "reason": null,
        }),
        Err(why) => json!({ "format": 1, "run": run, "intact": false, "reason": why }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::question::{Choice, Question};

    #[test]
    fn a_record_is_broken_below_its_own_text_and_a_question_is_shown_with_its_words() {
        let text = "Go on with the change of all the orders?\nlag = 0".to_owned();
        let choices = vec![Choice::Yes, Choice::No];
        let record = Record {
            seq: 14,
            at: "2026-02-02T03:00:00.123456Z".to_owned(),
            run: "r".to_owned(),
            epoch: 1,
            actor: "ana".to_owned(),
            host: "db-1".to_owned(),
            event: Event::QuestionAsked {
                step: "go".to_owned(),
                question: Question::Confirm,
                text,
                choices,
                until: None,
            },
            prev: None,
            hash: String::new(),
        };
        let looks = Looks { color: false, unicode: false, width: 80, is_terminal: true };
        assert_eq!(
            human(&[record], looks),
            "- ana on db-1, turn 1\n  14  2026-02-02T03:00:00.123  question_asked go  - Go on with the change of all\n\
             \x20                              the orders?\\nlag = 0\n"
        );
    }
}
