//! What a reviewer has to look at: what the checks say, and what no check can decide.

use super::block::{Block, Line, code, join, join_with, text};
use super::step::numbered;
use crate::model::diagnostic::Diagnostic;
use crate::model::place::Lines;
use crate::model::runbook::Runbook;
use crate::model::step::{Effect, OnFailure, Undo};
use crate::report::diagnostics::Found;

/// What leads to the section.
pub const NAME: &str = "open-questions";

/// Something to look at, in a line and what is said below it.
pub type Question = (Line, Vec<Block>);

/// All of it: what checks found first.
pub fn questions(runbook: &Runbook, found: &Found<'_>) -> Vec<Question> {
    let mut questions: Vec<Question> = found.diagnostics.iter().map(|warning| finding(warning, found)).collect();
    for silenced in &found.silenced {
        let (line, _) = finding(&silenced.diagnostic, found);
        questions.push((join([line, text(" — accepted: "), text(&silenced.reason)]), Vec::new()));
    }
    let plain = |line: Line| (line, Vec::new());
    if runbook.review.is_none() {
        questions.push(plain(text("Nobody has to approve it")));
    }
    if runbook.window.is_none() {
        questions.push(plain(text("It may run at any time")));
    }
    let given = runbook.parameters.iter().filter(|(_, parameter)| parameter.default.is_none());
    let given: Vec<Line> = given.map(|(name, _)| code(name)).collect();
    if !given.is_empty() {
        questions.push(plain(join([text("These have to be given when it runs: "), join_with(given, ", ")])));
    }
    questions.extend(of_steps(runbook).into_iter().map(plain));
    questions
}

fn finding(found: &Diagnostic, all: &Found<'_>) -> Question {
    let source = all.sources.iter().find(|source| source.path == found.file);
    let line = source.map(|source| Lines::new(source.text).line_column(source.text, found.span.start).0);
    let place = line.map(|line| text(&format!("Line {line}: "))).unwrap_or_default();
    // Messages have what is to be read letter by letter between backticks.
    let words = found.message.split('`').enumerate();
    let words = words.flat_map(|(at, part)| if at % 2 == 1 { code(part) } else { text(part) }).collect();
    let help = found.help.as_ref().map(|help| Block::Paragraph(text(&help.replace('`', ""))));
    (join([place, words, text(&format!(" ({})", found.code))]), help.into_iter().collect())
}

/// What the steps say that somebody has to agree with.
fn of_steps(runbook: &Runbook) -> Vec<Line> {
    let mut questions = Vec::new();
    let steps = numbered(&runbook.steps);
    for numbered in &steps {
        let why = match &numbered.step.undo {
            Undo::Irreversible { why } => Some(("There is no way back from ", why)),
            Undo::PointOfNoReturn { why } => Some(("No rollback goes past ", why)),
            Undo::NotNeeded { why: Some(why) } => Some(("Nothing is left to undo of ", why)),
            _ => None,
        };
        questions.extend(why.map(|(said, why)| join([text(said), numbered.title(), text(": "), text(why)])));
        if numbered.step.on_failure == OnFailure::Continue && numbered.is_leaf() {
            questions.push(join([text("The run goes on when this fails: "), numbered.title()]));
        }
    }
    let silent = steps.iter().filter(|numbered| {
        numbered.is_leaf() && numbered.step.effect == Effect::Mutating && numbered.step.notes.is_none()
    });
    let silent: Vec<Line> = silent.map(super::step::Numbered::title).collect();
    if !silent.is_empty() {
        questions.push(join([text("No notes say why these are done: "), join_with(silent, ", ")]));
    }
    questions
}

/// The section at the end of the page.
pub fn section(questions: Vec<Question>) -> Vec<Block> {
    let heading = Block::Heading(2, text("Open questions"), Some(NAME));
    if questions.is_empty() {
        return vec![heading, Block::Paragraph(text("There are none."))];
    }
    vec![heading, Block::List(questions)]
}
