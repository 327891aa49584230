//! The way back: of each step, and of all of them.

use super::block::{Block, Fact, Line, code, join, join_with, strong, text};
use super::step::{self, Numbered};
use super::{action, part};
use crate::model::step::{Action, FileAction, Step, Undo};

/// How a step is undone; nothing of one that only looks, nor of one of a hook.
pub fn fact(step: &Step) -> Option<Fact> {
    let label = "Undone by";
    match (&step.action, &step.undo) {
        (_, Undo::Irreversible { why }) => Some(Fact::new(label, join([strong("nothing"), text(": "), text(why)]))),
        (_, Undo::NotNeeded { why: Some(why) }) => Some(Fact::new(label, join([text("nothing is left: "), text(why)]))),
        (Action::File(file), Undo::NotNeeded { why: None }) => Some(Fact::new(label, restore(file))),
        // The line across the page says it; the members of a group do, one by one.
        (_, Undo::PointOfNoReturn { .. } | Undo::NotNeeded { why: None })
        | (Action::Group { .. } | Action::Include(_), _) => None,
        (Action::File(file), Undo::Steps(steps)) if steps.is_empty() => Some(Fact::new(label, restore(file))),
        (action, Undo::Steps(steps)) => {
            let first =
                if let Action::File(file) = action { join([restore(file), text(", then")]) } else { Line::new() };
            Some(Fact::new(label, first).with(steps.iter().flat_map(|undo| parts(undo, &step.action))))
        }
    }
}

fn restore(file: &FileAction) -> Line {
    let reload = if file.reload.is_some() { ", then its reload" } else { "" };
    join([text("putting back what "), code(&file.path.0), text(" was"), text(reload)])
}

/// A step of a rollback.
fn parts(step: &Step, undone: &Action) -> Vec<Block> {
    let mut blocks = action::how_within(&step.action, Some(undone));
    let place = action::place(&step.action).filter(|place| action::place(undone).as_ref() != Some(place));
    let mut facts: Vec<Fact> = place.map(|place| Fact::new("Where", place)).into_iter().collect();
    facts.extend(step.check.as_ref().map(|check| part::probe("Undone already when", check, &step.action)));
    facts.extend(step.verify.as_ref().map(|verify| part::probe("Verified by", verify, &step.action)));
    facts.extend(step::takes(step).map(|takes| Fact::new("Takes", takes)));
    blocks.extend(part::facts(facts));
    blocks
}

/// What a rollback does, newest first, and where it ends.
pub fn section(steps: &[Numbered<'_>]) -> Vec<Block> {
    let said =
        "Newest first, and only what was begun. What only looks, and what leaves nothing to undo, is passed over.";
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
        (Action::File(file), Undo::Steps(steps)) if steps.is_empty() => restore(file),
        (_, Undo::NotNeeded { .. } | Undo::PointOfNoReturn { .. }) => return None,
        (action, Undo::Steps(steps)) => {
            let own = join_with(steps.iter().map(|step| action::in_short(&step.action)), ", then ");
            if let Action::File(file) = action { join([restore(file), text(", then "), own]) } else { own }
        }
    };
    let items = if step.each.is_some() { text(", for each item, the last one first") } else { Line::new() };
    Some(join([title, undo, items]))
}
