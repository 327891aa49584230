//! What a reviewer has to look at: what the checks say, and what no check can decide.

use super::block::{Block, Line, code, join, join_with, text};
use super::step::numbered;
use crate::model::diagnostic::{Diagnostic, Severity};
use crate::model::place::Lines;
use crate::model::runbook::Runbook;
use crate::model::step::{Effect, OnFailure, Undo};
use crate::report::diagnostics::Found;

/// What leads to the section.
pub const NAME: &str = "open-questions";

/// So many steps or lines are named in one question.
const NAMED: usize = 12;

/// Something to look at, in a line and what is said below it.
pub type Question = (Line, Vec<Block>);

/// All of it: what checks found first.
pub fn questions(runbook: &Runbook, found: &Found<'_>) -> Vec<Question> {
    let mut questions = findings(found);
    for silenced in &found.silenced {
        let place = place(&silenced.diagnostic, &[line(&silenced.diagnostic, found)], found);
        let reason = [text(" — accepted: "), text(&silenced.reason)].concat();
        questions.push((join([place, words(&silenced.diagnostic), reason]), Vec::new()));
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

/// What checks found; what they say in the same words of several lines is said once. A valid runbook has no errors: what
/// is called one is what this version cannot carry out.
fn findings(found: &Found<'_>) -> Vec<Question> {
    let mut said: Vec<(&Diagnostic, Vec<Option<usize>>)> = Vec::new();
    let (refusals, warnings): (Vec<_>, Vec<_>) =
        found.diagnostics.iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    for diagnostic in warnings {
        let line = line(diagnostic, found);
        let is_same = |(other, _): &&mut (&Diagnostic, _)| {
            (other.code, &other.message, &other.file) == (diagnostic.code, &diagnostic.message, &diagnostic.file)
        };
        match said.iter_mut().find(is_same) {
            Some((_, lines)) => lines.push(line),
            None => said.push((diagnostic, vec![line])),
        }
    }
    let question = |(diagnostic, lines): (&Diagnostic, Vec<Option<usize>>)| {
        let help = diagnostic.help.as_ref().map(|help| Block::Paragraph(spans(help)));
        (join([place(diagnostic, &lines, found), words(diagnostic)]), help.into_iter().collect())
    };
    let mut questions: Vec<Question> = said.into_iter().map(question).collect();
    if let Some(first) = refusals.first() {
        let lines: Vec<Option<usize>> = refusals.iter().map(|refusal| line(refusal, found)).collect();
        let said = format!("this version of the program cannot carry this out yet ({})", first.code);
        questions.push((join([place(first, &lines, found), text(&said)]), Vec::new()));
    }
    questions
}

fn line(found: &Diagnostic, all: &Found<'_>) -> Option<usize> {
    let source = all.sources.iter().find(|source| source.path == found.file)?;
    Some(Lines::new(source.text).line_column(source.text, found.span.start).0)
}

/// Where something was found: the lines, and of which file where that is an included one.
fn place(found: &Diagnostic, lines: &[Option<usize>], all: &Found<'_>) -> Line {
    let mut lines: Vec<usize> = lines.iter().copied().flatten().collect();
    lines.dedup();
    let numbers: Vec<String> = lines.iter().take(NAMED).map(usize::to_string).collect();
    let numbers = match (numbers.as_slice(), lines.len().saturating_sub(NAMED)) {
        ([], _) => return Line::new(),
        ([one], _) => format!("Line {one}"),
        (several, 0) => format!("Lines {}", several.join(", ")),
        (several, more) => format!("Lines {} and {more} more", several.join(", ")),
    };
    let is_own = all.sources.first().is_none_or(|own| own.path == found.file);
    let file = if is_own { Line::new() } else { join([text(" of "), code(&found.file.to_string_lossy())]) };
    join([text(&numbers), file, text(": ")])
}

fn words(found: &Diagnostic) -> Line {
    join([spans(&found.message), text(&format!(" ({})", found.code))])
}

/// Words that have what is to be read letter by letter between backticks.
fn spans(words: &str) -> Line {
    let parts = words.split('`').enumerate().filter(|(_, part)| !part.is_empty());
    parts.flat_map(|(at, part)| if at % 2 == 1 { code(part) } else { text(part) }).collect()
}

/// What the steps say that somebody has to agree with.
fn of_steps(runbook: &Runbook) -> Vec<Line> {
    let mut questions = Vec::new();
    let steps = numbered(&runbook.steps);
    for numbered in &steps {
        let why = match &numbered.step.undo {
            Undo::Irreversible { why } => Some(("There is no way back from ", why)),
            Undo::PointOfNoReturn { why } => Some(("No rollback goes past ", why)),
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
        let more = silent.len().saturating_sub(NAMED);
        let more = if more > 0 { text(&format!(" and {more} more")) } else { Line::new() };
        let named = join_with(silent.into_iter().take(NAMED), ", ");
        questions.push(join([text("No notes say why these are done: "), named, more]));
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
