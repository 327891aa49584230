//! A question to a person, at the terminal and afterwards: its text, what each answer does, what to type.

use std::fmt::Write as _;

use super::text::{escape_lines, wrap};
use super::view::Prompt;
use crate::model::question::{Choice, Consequence, OpenQuestion, Question};

/// The question as it is put at a terminal of that width, with so many lines of its text: what was shown just before is
/// not shown again.
pub(super) fn text(question: &OpenQuestion, lines: usize, run: &str, width: usize) -> String {
    let what = match question.question {
        Question::Confirm => "go or no-go",
        Question::Manual => "to be done by hand",
        Question::Unknown | Question::UndoUnknown => "unknown outcome",
        Question::Failure => "failed",
        Question::Canary => "goes on after its first items or not",
        Question::Watch => "its watch tripped",
    };
    let mut text = format!("\n  {} ({what})\n", question.step);
    for line in escape_lines(&question.text).lines().take(lines).filter(|line| !line.trim().is_empty()) {
        for line in wrap(line, width.saturating_sub(4)) {
            let _infallible = writeln!(text, "    {line}");
        }
    }
    text.push('\n');
    let indent = 17;
    for Consequence { choice, does } in &question.answers {
        let lines = wrap(does, width.saturating_sub(indent));
        let _infallible = writeln!(text, "    {:<12} {}", choice.as_str(), lines.join(&format!("\n{:indent$}", "")));
    }
    text.push_str("    Ctrl-C leaves it open; then:\n");
    for Consequence { choice, .. } in &question.answers {
        let _infallible = writeln!(text, "      {}", answer(run, &question.step, question.question, *choice));
    }
    text
}

/// What stands before the place to type.
pub(super) fn prompt(prompt: &Prompt<'_>) -> String {
    match prompt {
        Prompt::Choice(choices) => {
            let words: Vec<&str> = choices.iter().map(|choice| choice.as_str()).collect();
            format!("  {}? ", words.join(" / "))
        }
        Prompt::Reason { required: true } => "  why (needed)? ".to_owned(),
        Prompt::Reason { required: false } => "  note (may be empty)? ".to_owned(),
        Prompt::Value { name, kind } => format!("  {name} ({})? ", kind.as_str()),
    }
}

/// The command that answers a question later. What has to be filled in is written in capitals.
pub(super) fn answer(run: &str, step: &str, question: Question, choice: Choice) -> String {
    let more = match (question, choice) {
        (Question::Confirm, _) | (Question::Failure, Choice::Retry | Choice::Rollback | Choice::Stop) => "",
        _ => " --reason \"WHY\"",
    };
    format!("runbook answer {run} {step} {}{more}", choice.as_str())
}
