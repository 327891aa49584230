//! A question to a person, at the terminal and afterwards: its text, what each answer does, what to type.

use std::fmt::Write as _;

use super::text::{escape_lines, wrap};
use super::view::Prompt;
use crate::model::question::{Choice, OpenQuestion, Question};

/// The question as it is put at a terminal of that width.
pub(super) fn text(question: &OpenQuestion, run: &str, width: usize) -> String {
    let what = match question.question {
        Question::Confirm => "go or no-go",
        Question::Manual => "to be done by hand",
        Question::Unknown | Question::UndoUnknown => "unknown outcome",
        Question::Failure => "failed",
        Question::Canary => "goes on after its first items or not",
        Question::Watch => "its watch tripped",
    };
    let mut text = format!("\n  {} ({what})\n", question.step);
    for line in escape_lines(&question.text).lines().filter(|line| !line.trim().is_empty()) {
        for line in wrap(line, width.saturating_sub(4)) {
            let _infallible = writeln!(text, "    {line}");
        }
    }
    text.push('\n');
    for choice in &question.choices {
        let _infallible = writeln!(text, "    {:<12} {}", choice.as_str(), meaning(question.question, *choice));
    }
    if let Some(choice) = question.choices.first() {
        let later = answer(run, &question.step, question.question, *choice);
        let _infallible = writeln!(text, "    Ctrl-C leaves it open; then, for example:\n      {later}");
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

/// What an answer does.
pub(super) const fn meaning(question: Question, choice: Choice) -> &'static str {
    match (question, choice) {
        (Question::Unknown, Choice::Succeeded) => "it had its effect: go on after it",
        (Question::Unknown, Choice::Failed) => "it is not as wanted: treated as a failure of the step",
        (Question::Unknown, Choice::NotStarted) => "it had no effect: it is run now",
        (Question::Unknown, Choice::RunAgain) => "it is over and may be run once more",
        (Question::UndoUnknown, Choice::Succeeded) => "it is undone: go on with the rollback",
        (Question::UndoUnknown, Choice::Failed) => "it is not undone: the rollback is stuck here",
        (Question::UndoUnknown, Choice::RunAgain) => "it is over: the undo is run once more",
        (Question::Manual, Choice::Succeeded) => "it is done",
        (Question::Manual, Choice::Failed) => "it could not be done",
        (_, Choice::Yes) => "go",
        (_, Choice::No) => "no-go: the step fails",
        (_, Choice::Retry) => "try the step once more",
        (_, Choice::Skip) => "leave it failed and go on",
        (_, Choice::Rollback) => "undo what was done",
        (_, Choice::Stop) => "end here, to be resumed later",
        _ => "",
    }
}
