//! What a finding's code means, for a terminal and for programs.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::terminal::Looks;
use super::text::{count, paint, wrap};
use crate::model::catalogue::Entry;
use crate::model::diagnostic::Severity;

/// Longer lines than this are hard to read.
const WIDEST: usize = 100;

/// Each code's page: what is found, why it matters, a bad and a good example.
#[must_use]
pub fn pages(entries: &[Entry], looks: Looks) -> String {
    let pages: Vec<String> = entries.iter().map(|entry| page(entry, looks)).collect();
    looks.fit(pages.join("\n"))
}

/// All codes, one a line.
#[must_use]
pub fn list(entries: &[Entry], looks: Looks) -> String {
    let mut text = String::new();
    for entry in entries {
        let word = paint(&format!("{:<7}", entry.severity.as_str()), style(entry.severity), looks.color);
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}  {word}  {}", entry.code, entry.title);
    }
    let _ = writeln!(text, "\n{}; more on each: runbook explain CODE", count(entries.len(), "code"));
    text
}

/// The same for programs, pages included.
#[must_use]
pub fn json(entries: &[Entry]) -> Value {
    let rules: Vec<Value> = entries
        .iter()
        .map(|entry| {
            json!({
                "code": entry.code,
                "severity": entry.severity.as_str(),
                "title": entry.title,
                "explanation": entry.paragraphs().join("\n\n"),
                "bad": entry.bad(),
                "good": entry.good(),
            })
        })
        .collect();
    json!({ "format": 1, "rules": rules })
}

fn page(entry: &Entry, looks: Looks) -> String {
    let severity = paint(&format!("{}[{}]", entry.severity.as_str(), entry.code), style(entry.severity), looks.color);
    let mut text = format!("{severity}: {}\n", spans(entry.title, looks.color));
    for paragraph in entry.paragraphs() {
        text.push('\n');
        let lines = wrap(&paragraph, looks.width.min(WIDEST)).join("\n");
        let _ = writeln!(text, "{}", spans(&lines, looks.color));
    }
    for (heading, example, color) in [("Bad", entry.bad(), AnsiColor::Red), ("Good", entry.good(), AnsiColor::Green)] {
        let _ = writeln!(text, "\n{}\n", paint(heading, color.on_default().bold(), looks.color));
        for line in example.lines() {
            let _ = writeln!(text, "{}", format!("    {line}").trim_end());
        }
    }
    text
}

/// Text with its `code` in bold. Without colours it keeps its backticks.
fn spans(text: &str, color: bool) -> String {
    if !color {
        return text.to_owned();
    }
    let parts = text.split('`').enumerate();
    parts.map(|(at, part)| if at % 2 == 1 { paint(part, Style::new().bold(), true) } else { part.to_owned() }).collect()
}

fn style(severity: Severity) -> Style {
    match severity {
        Severity::Error => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "Says `one two`\nand more words.\n\nMend it.\n\n```yaml bad\na:\n\n  b\n```\n\n```yaml good\nc\n```\n";
    const ENTRY: Entry = Entry { code: "RB0999", severity: Severity::Warning, title: "an `example`", page: PAGE };

    fn looks(color: bool, width: usize) -> Looks {
        Looks { color, unicode: true, width, is_terminal: color }
    }

    #[test]
    fn a_page_is_wrapped_to_the_width_and_its_examples_are_not() {
        let expected = "\
warning[RB0999]: an `example`

Says `one two` and
more words.

Mend it.

Bad

    a:

      b

Good

    c
";
        assert_eq!(pages(&[ENTRY], looks(false, 20)), expected);
    }

    #[test]
    fn colours_take_the_place_of_backticks() {
        let drawn = pages(&[ENTRY], looks(true, 80));
        assert!(
            drawn.starts_with("\u{1b}[1m\u{1b}[33mwarning[RB0999]\u{1b}[0m: an \u{1b}[1mexample\u{1b}[0m\n"),
            "{drawn:?}"
        );
        assert!(!drawn.contains('`'));
    }

    #[test]
    fn codes_are_listed_with_severity_and_title() {
        let expected = "RB0999  warning  an `example`\n\n1 code; more on each: runbook explain CODE\n";
        assert_eq!(list(&[ENTRY], looks(false, 80)), expected);
    }

    #[test]
    fn programs_get_the_parts_of_a_page() {
        let expected = json!({ "format": 1, "rules": [{
            "code": "RB0999", "severity": "warning", "title": "an `example`",
            "explanation": "Says `one two` and more words.\n\nMend it.", "bad": "a:\n\n  b", "good": "c",
        }]});
        assert_eq!(json(&[ENTRY]), expected);
    }
}
