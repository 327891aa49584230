//! The way back: of each step, and of all of them.

use super::block::{Block, Fact, Line, code, join, join_with, strong, text};
use super::step::{self, Numbered};
use super::{action, part};
use crate::model::step::{Action, Effect, FileAction, Step, Undo};

/// How a step is undone; nothing of one that only looks.
pub fn fact(step: &Step) -> Option<Fact> {
    let label = "Undone by";
    match (&step.action, &step.undo) {
        (_, Undo::Irreversible { why }) => {
            Some(Fact::new("Undone by", join([strong("nothing, it is irreversible: "), text(why)])))
        }
        (_, Undo::PointOfNoReturn { why }) => {
            Some(Fact::new(label, join([strong("nothing, nor anything before it: "), text(why)])))
        }
        (_, Undo::NotNeeded { why: Some(why) }) => Some(Fact::new(label, join([text("nothing is left: "), text(why)]))),
        (Action::File(file), Undo::NotNeeded { why: None }) => Some(Fact::new(label, restore(file))),
        (Action::Group { .. } | Action::Include(_), _) => Some(Fact::new(label, text("its members, in reverse"))),
        (_, Undo::NotNeeded { why: None }) if step.effect == Effect::ReadOnly => None,
        (_, Undo::NotNeeded { why: None }) => Some(Fact::new(label, text("nothing is left"))),
        (action, Undo::Steps(steps)) => {
            let line = if let Action::File(file) = action { join([restore(file), text(", then")]) } else { Line::new() };
            Some(Fact::new(label, line).with(steps.iter().flat_map(parts)))
        }
    }
}

fn restore(file: &FileAction) -> Line {
    let reload = if file.reload.is_some() { ", then its reload" } else { "" };
    join([text("putting back what "), code(&file.path.0), text(" was"), text(reload)])
}

/// A step of a rollback.
fn parts(step: &Step) -> Vec<Block> {
    let mut blocks = action::how(&step.action);
    let mut facts: Vec<Fact> = action::place(&step.action).map(|place| Fact::new("Where", place)).into_iter().collect();
    facts.extend(step.check.as_ref().map(|check| part::probe("Undone already when", check)));
    facts.extend(step.verify.as_ref().map(|verify| part::probe("Verified by", verify)));
    facts.extend(step::takes(step).map(|takes| Fact::new("Takes", takes)));
    blocks.extend(part::facts(facts));
    blocks
}

/// What a rollback does, newest first, and where it ends.
pub fn section(steps: &[Numbered<'_>]) -> Vec<Block> {
    let said = "Newest first, and only what was begun. What only looks, and what leaves nothing to undo, is passed over.";
    let mut blocks = vec![Block::heading(2, text("Rollback"))];
    let mut entries = Vec::new();
    for numbered in steps.iter().rev() {
        if let Undo::PointOfNoReturn { .. } = numbered.step.undo {
            blocks.extend(list(&mut entries));
            let words = [text("A rollback ends here once "), numbered.title(), text(" was begun")];
            blocks.push(Block::Bar(join(words)));
        } else {
            entries.extend(entry(numbered).map(|entry| (entry, Vec::new())));
        }
    }
    blocks.extend(list(&mut entries));
    let begins = if blocks.len() == 1 { "There is nothing to undo." } else { said };
    blocks.insert(1, Block::Paragraph(text(begins)));
    blocks
}

fn list(entries: &mut Vec<(Line, Vec<Block>)>) -> Option<Block> {
    (!entries.is_empty()).then(|| Block::List(std::mem::take(entries)))
}

/// The undo of a step in a line.
fn entry(numbered: &Numbered<'_>) -> Option<Line> {
    let step = numbered.step;
    let title = join([numbered.title(), text(": ")]);
    if let Some(hold) = &step.hold {
        let release = join_with(hold.release.iter().map(|step| action::in_short(&step.action)), ", then ");
        return Some(join([title, text("gives back what it holds: "), release]));
    }
    let undo = match (&step.action, &step.undo) {
        (_, Undo::Irreversible { why }) => join([strong("stays as it is"), text(", irreversible: "), text(why)]),
        (Action::File(file), Undo::NotNeeded { why: None }) => restore(file),
        (_, Undo::NotNeeded { .. } | Undo::PointOfNoReturn { .. }) => return None,
        (action, Undo::Steps(steps)) => {
            let own = join_with(steps.iter().map(|step| action::in_short(&step.action)), ", then ");
            if let Action::File(file) = action { join([restore(file), text(", then "), own]) } else { own }
        }
    };
    let items = if step.each.is_some() { text(", for each item, the last one first") } else { Line::new() };
    Some(join([title, undo, items]))
}
