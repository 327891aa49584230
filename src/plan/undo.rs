//! What a rollback would do, and steps in one line: as far as their values are known now.

use super::steps::command_line;
use super::walk::{Retaken, Row};
use super::{acts, budget};
use crate::expression::render::{Context, arguments};
use crate::expression::{Scope, render_text};
use crate::model::flow::Hold;
use crate::model::parts::Part;
use crate::model::plan::{PlannedUndo, UndoKind};
use crate::model::runbook::Template;
use crate::model::step::{Action, FileAction, SqlAction, Step, Undo};
use crate::model::time::Reckoner;

/// The undo of every step that would act, newest first. A rollback that begins behind a point of no return ends at
/// it; one that begins before it goes on from where it stands. What a hold encloses is undone while it is held again.
pub(super) fn rollback(rows: &[Row<'_>]) -> Vec<PlannedUndo> {
    let mut undos = Vec::new();
    let mut held: Vec<&Retaken> = Vec::new();
    let acting = rows.iter().rev().filter(|row| acts(&row.planned));
    for (row, undo) in acting.filter_map(|row| Some((row, row.undo.as_ref()?))) {
        let wanted: Vec<&Retaken> = match undo.kind {
            UndoKind::Steps | UndoKind::BuiltIn => row.holds.iter().filter(|hold| hold.is_retaken()).collect(),
            // Nothing is done there; what is held stays so until something else is to be undone.
            UndoKind::Irreversible => held.clone(),
            _ => Vec::new(),
        };
        let shared = held.iter().zip(&wanted).take_while(|(held, wanted)| held == wanted).count();
        undos.extend(held.drain(shared..).rev().map(|hold| hold.back.clone()));
        undos.extend(wanted[shared..].iter().map(|hold| hold.again.clone()));
        held = wanted;
        undos.push(undo.clone());
    }
    undos.extend(held.into_iter().rev().map(|hold| hold.back.clone()));
    undos
}

impl Retaken {
    fn is_retaken(&self) -> bool {
        self.again.kind == UndoKind::TakenAgain
    }
}

/// How a step would be undone. A template whose value is not known now is shown as it is written.
pub(super) fn undo_of(
    step: &Step,
    scope: &Scope,
    context: &Context<'_>,
    reckoner: Reckoner<'_>,
) -> Option<PlannedUndo> {
    let (kind, detail) = match (&step.action, &step.undo) {
        (_, Undo::Irreversible { why }) => (UndoKind::Irreversible, vec![why.clone()]),
        (_, Undo::PointOfNoReturn { why }) => (UndoKind::PointOfNoReturn, vec![why.clone()]),
        (Action::File(_), Undo::NotNeeded { why: Some(_) }) => return None,
        (Action::File(file), undo) => {
            let own = if let Undo::Steps(steps) = undo { steps.as_slice() } else { &[] };
            let mut detail = vec![restore_line(file, scope, context)];
            detail.extend(own.iter().map(|step| line(step, scope)));
            (UndoKind::BuiltIn, detail)
        }
        (_, Undo::NotNeeded { .. }) => return None,
        (_, Undo::Steps(steps)) => (UndoKind::Steps, steps.iter().map(|step| line(step, scope)).collect()),
    };
    let worst_ms = budget::millis(reckoner.undo_once(step));
    Some(PlannedUndo { step: step.id.clone(), kind, detail, worst_ms })
}

/// How a hold is taken again around the undo of its members, and given back.
pub(super) fn retaken(
    step: &Step,
    hold: &Hold,
    item: &str,
    scope: &Scope,
    reckoner: Reckoner<'_>,
) -> (PlannedUndo, PlannedUndo) {
    let part = |kind, half: Part, steps: &[Step]| PlannedUndo {
        step: format!("{}{item}", half.step_name(&step.id, 0, steps.len())),
        kind,
        detail: steps.iter().map(|step| line(step, scope)).collect(),
        worst_ms: budget::millis(reckoner.known(steps)),
    };
    // One that is not taken again is not given back either: nothing is done about it.
    let again = if hold.retake { UndoKind::TakenAgain } else { UndoKind::GivenBack };
    (part(again, Part::Acquire, &hold.acquire), part(UndoKind::GivenBack, Part::Release, &hold.release))
}

fn restore_line(file: &FileAction, scope: &Scope, context: &Context<'_>) -> String {
    let reload = if file.reload.is_some() { ", reload" } else { "" };
    let path = render_text(&file.path.0, scope)
        .map_or_else(|_| file.path.0.clone(), |path| context.folder.join(path).display().to_string());
    format!("restore {path}{reload}")
}

/// A step in one line.
pub(super) fn line(step: &Step, scope: &Scope) -> String {
    action_line(&step.action, scope)
}

/// An action in one line.
pub(super) fn action_line(action: &Action, scope: &Scope) -> String {
    let known = |text: &Template| render_text(&text.0, scope).unwrap_or_else(|_| text.0.clone());
    match action {
        Action::Shell { script, .. } => first(script),
        Action::Command { argv, .. } => arguments(argv, scope).map_or_else(
            |_| argv.iter().map(known).collect::<Vec<_>>().join(" "),
            |arguments| command_line(&arguments),
        ),
        Action::Sql(SqlAction { file: Some(file), .. }) | Action::Query(SqlAction { file: Some(file), .. }) => {
            format!("statements of {file}")
        }
        Action::Sql(sql) | Action::Query(sql) => first(&sql.text),
        Action::File(file) => format!("file {}", known(&file.path)),
        Action::Manual(manual) => format!("a person: {}", first(&known(&manual.instructions))),
        Action::Confirm(confirm) => format!("a person: {}", first(&known(&confirm.message))),
        Action::Include(included) => format!("the steps of {}", included.path),
        Action::Http(http) => format!("{} {}", http.method, known(&http.url)),
        Action::Wait(wait) => super::steps::wait_line(wait, scope).1,
        Action::Assert { .. } | Action::Hold => action.kind().to_owned(),
        Action::Group { steps, .. } => steps.iter().map(|step| line(step, scope)).collect::<Vec<_>>().join(" · "),
    }
}

/// The first line of a text, and whether there are more.
fn first(text: &str) -> String {
    let mut lines = text.trim().lines();
    let line = lines.next().unwrap_or_default().to_owned();
    if lines.next().is_some() { format!("{line} …") } else { line }
}
