//! What a rollback would do.

use super::{acts, budget};
use crate::model::plan::{PlannedStep, PlannedUndo, UndoKind};
use crate::model::step::{Action, FileAction, Step, Undo};

/// Time that putting a file back takes at worst, in milliseconds.
const RESTORE_MS: u64 = 1000;

/// The undo of every step that would act, newest first. A rollback that begins behind a point of no return ends at
/// it; one that begins before it goes on from where it stands.
#[must_use]
pub fn rollback(steps: &[(&Step, PlannedStep)]) -> Vec<PlannedUndo> {
    steps.iter().rev().filter(|(_, planned)| acts(planned)).filter_map(|(step, _)| undo_of(step)).collect()
}

fn undo_of(step: &Step) -> Option<PlannedUndo> {
    let (kind, detail, worst_ms) = match (&step.action, &step.undo) {
        (_, Undo::Irreversible { why }) => (UndoKind::Irreversible, vec![why.clone()], 0),
        (_, Undo::PointOfNoReturn { why }) => (UndoKind::PointOfNoReturn, vec![why.clone()], 0),
        (Action::File(_), Undo::NotNeeded { why: Some(_) }) => return None,
        (Action::File(file), undo) => {
            let own = if let Undo::Steps(steps) = undo { steps.as_slice() } else { &[] };
            let reload = if file.reload.is_some() { step.timeout } else { None };
            let restore = RESTORE_MS + reload.map_or(0, budget::millis);
            let mut detail = vec![restore_line(file)];
            detail.extend(own.iter().map(line));
            (UndoKind::BuiltIn, detail, restore + worst_of(own))
        }
        (_, Undo::NotNeeded { .. }) => return None,
        (_, Undo::Steps(steps)) => (UndoKind::Steps, steps.iter().map(line).collect(), worst_of(steps)),
    };
    Some(PlannedUndo { step: step.id.clone(), kind, detail, worst_ms })
}

fn worst_of(steps: &[Step]) -> u64 {
    steps.iter().map(|step| budget::worst(step).or(step.estimate).map_or(0, budget::millis)).sum()
}

fn restore_line(file: &FileAction) -> String {
    let reload = if file.reload.is_some() { ", reload" } else { "" };
    format!("restore {}{reload}", file.path.0)
}

/// A step in one line, as it is written.
fn line(step: &Step) -> String {
    let first = |text: &str| {
        let mut lines = text.trim().lines();
        let line = lines.next().unwrap_or_default().to_owned();
        if lines.next().is_some() { format!("{line} …") } else { line }
    };
    match &step.action {
        Action::Shell { script, .. } => first(script),
        Action::Command { argv, .. } => argv.iter().map(|argument| argument.0.as_str()).collect::<Vec<_>>().join(" "),
        Action::Sql(sql) | Action::Query(sql) => first(&sql.text),
        Action::File(file) => format!("file {}", file.path.0),
        Action::Manual(manual) => format!("a person: {}", first(&manual.instructions.0)),
        Action::Confirm(confirm) => format!("a person: {}", first(&confirm.message.0)),
        Action::Wait(_) | Action::Assert { .. } => step.action.kind().to_owned(),
        Action::Group { steps } => steps.iter().map(line).collect::<Vec<_>>().join(" · "),
    }
}
