//! What a step makes of a file.

use super::action::command_line;
use super::block::{Block, Fact, Line, code, join, text};
use super::part;
use crate::model::step::{Edit, Expect, FileAction, FileContent};

/// The file as it will be.
pub fn how(file: &FileAction) -> Vec<Block> {
    let path = code(&file.path.0);
    let (said, below) = match &file.content {
        None => (join([text("The file "), path, text(" keeps its content")]), Vec::new()),
        Some(FileContent::Absent) => (join([text("The file "), path, text(" is not there")]), Vec::new()),
        Some(FileContent::Content(content)) => {
            (join([text("The file "), path, text(" has this content:")]), vec![Block::code("", &content.0)])
        }
        Some(FileContent::Template { path: from, text: content }) => (
            join([text("The file "), path, text(" is made from the template "), code(from), text(":")]),
            vec![Block::code("", &content.0)],
        ),
        Some(FileContent::Source { path: from, sha256 }) => (
            join([text("The file "), path, text(" has the bytes of "), code(from), text(", SHA-256 "), code(sha256)]),
            Vec::new(),
        ),
        Some(FileContent::Edits(edits)) => {
            let edits = edits.iter().map(edit).collect();
            (join([text("In the file "), path, text(":")]), vec![Block::List(edits)])
        }
    };
    let mut blocks = vec![Block::Paragraph(said)];
    blocks.extend(below);
    let mut facts = Vec::new();
    facts.extend(file.mode.map(|mode| Fact::new("Mode", code(&format!("{mode:04o}")))));
    facts.extend(file.owner.as_ref().map(|owner| Fact::new("Owner", code(owner))));
    facts.extend(file.group.as_ref().map(|group| Fact::new("Group", code(group))));
    facts.extend(file.validate.as_ref().map(|argv| Fact::new("Checked by", code(&command_line(argv)))));
    facts.extend(file.reload.as_ref().map(|argv| Fact::new("When it changed", code(&command_line(argv)))));
    facts.extend(file.backup.as_ref().map(|path| Fact::new("A copy stays at", code(&path.0))));
    blocks.extend(part::facts(facts));
    blocks
}

fn edit(edit: &Edit) -> (Line, Vec<Block>) {
    let matches = match edit.expect {
        Expect::AtLeastOne => text("at least once"),
        Expect::Exactly(1) => text("exactly once"),
        Expect::Exactly(number) => text(&format!("exactly {number} times")),
        Expect::Any => text("as often as it is there"),
    };
    let said = [code(&edit.r#match.0), text(" becomes "), code(&edit.replace.0), text(", "), matches];
    (join(said), Vec::new())
}
