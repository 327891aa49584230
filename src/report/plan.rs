//! A plan as people and as programs read it.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::diff;
use super::text::{duration, escape, paint, wrap};
use crate::model::plan::{Budget, Plan, PlanStatus, PlannedStep, PlannedUndo, UndoKind};

/// Where the lines below a step begin.
const INDENT: usize = 9;

/// A reason is wrapped beside the columns where it has at least so much room and no word is cut, else below them.
const MIN_REASON: usize = 24;

/// The plan for a terminal of that width. Ends with a newline.
#[must_use]
pub fn human(plan: &Plan, color: bool, width: usize) -> String {
    let mut text = format!("Plan for {}  ·  {}\n", escape(&plan.runbook), short_digest(&plan.digest));
    if let Some(title) = &plan.title {
        let _ = writeln!(text, "{}", escape(title));
    }
    text.push('\n');
    let id_width = plan.steps.iter().map(|step| step.id.chars().count()).max().unwrap_or(0).clamp(18, 40);
    let mut groups: &[String] = &[];
    for (at, step) in plan.steps.iter().enumerate() {
        if step.groups != groups && !step.groups.is_empty() {
            let _ = writeln!(text, "     {}", paint(&escape(&step.groups.join(" / ")), Style::new().bold(), color));
        }
        groups = &step.groups;
        step_lines(&mut text, at + 1, step, id_width, color, width);
    }
    text.push('\n');
    rollback_lines(&mut text, plan, width);
    let _ = writeln!(text, "Budget: {}", budget(&plan.budget));
    let _ = writeln!(text, "{}", counts(&plan.steps));
    text
}

fn step_lines(text: &mut String, number: usize, step: &PlannedStep, id_width: usize, color: bool, width: usize) {
    let (word, style) = status(step.status);
    let columns = format!("{number:>3}  {:<id_width$}  {:<8}  ", escape(&step.id), escape(&step.action));
    let reason = escape(step.reason.as_deref().unwrap_or_default());
    let beside = columns.chars().count() + 12;
    let room = width.saturating_sub(beside);
    let shown = paint(word, style, color);
    if reason.is_empty() {
        let _ = writeln!(text, "{columns}{shown}");
    } else if room >= MIN_REASON && reason.split(' ').all(|word| word.chars().count() <= room) {
        let lines = wrap(&reason, room);
        let _ = writeln!(text, "{columns}{shown}{:gap$}{}", "", lines[0], gap = 12 - word.len());
        below(text, &lines[1..], beside);
    } else {
        let _ = writeln!(text, "{columns}{shown}");
        below(text, &wrap(&reason, width.saturating_sub(INDENT)), INDENT);
    }
    if let Some(diff) = &step.diff {
        below(text, &diff::lines(&without_header(diff), color), INDENT);
    }
    let detail: Vec<String> = step.detail.iter().map(|line| escape(line)).collect();
    below(text, &detail, INDENT);
    if step.point_of_no_return.is_some() {
        let line = paint("── point of no return ──", AnsiColor::Red.on_default().bold(), color);
        let _ = writeln!(text, "     {line}");
    }
}

/// The path stands in the reason already.
fn without_header(diff: &str) -> String {
    let hunks = diff.find("@@ ").unwrap_or(diff.len());
    let (head, hunks) = diff.split_at(hunks);
    let head = head.lines().filter(|line| !line.starts_with("--- ") && !line.starts_with("+++ "));
    head.flat_map(|line| [line, "\n"]).chain([hunks]).collect()
}

fn below(text: &mut String, lines: &[String], indent: usize) {
    for line in lines {
        let _ = writeln!(text, "{}", format!("{:indent$}{line}", "").trim_end());
    }
}

fn status(status: PlanStatus) -> (&'static str, Style) {
    match status {
        PlanStatus::Reads => ("reads", Style::new()),
        PlanStatus::InPlace => ("in place", AnsiColor::Green.on_default()),
        PlanStatus::Changes => ("changes", AnsiColor::Yellow.on_default().bold()),
        PlanStatus::Unknown => ("unknown", AnsiColor::Magenta.on_default().bold()),
        PlanStatus::Skipped => ("skipped", Style::new().dimmed()),
        PlanStatus::Person => ("a person", AnsiColor::Cyan.on_default()),
    }
}

fn rollback_lines(text: &mut String, plan: &Plan, width: usize) {
    let line = plan.rollback.iter().position(|undo| undo.kind == UndoKind::PointOfNoReturn);
    let Some(line) = line else {
        let said = if plan.rollback.is_empty() { "nothing to undo".to_owned() } else { undos(plan, &plan.rollback) };
        rollback_part(text, "Rollback  ", &said, width);
        return;
    };
    // More than one such line may be drawn; what counts for a run that began is the last one that it passed.
    let last = plan.rollback.iter().rposition(|undo| undo.kind == UndoKind::PointOfNoReturn).unwrap_or(line);
    let (before, after) = (&plan.rollback[last + 1..], &plan.rollback[..line]);
    let said = before.last().map_or_else(
        || "before the line: nothing to undo".to_owned(),
        |oldest| format!("before the line, to step {}: {}", number(plan, &oldest.step), undos(plan, before)),
    );
    rollback_part(text, "Rollback  ", &said, width);
    let why = plan.rollback[line].detail.join(" ");
    let behind = if after.is_empty() { String::new() } else { format!("{}, and ", undos(plan, after)) };
    rollback_part(text, "          ", &format!("after the line: {behind}it ends there: {}", escape(&why)), width);
}

fn rollback_part(text: &mut String, head: &str, said: &str, width: usize) {
    let lines = wrap(said, width.saturating_sub(10).max(20));
    let _ = writeln!(text, "{head}{}", lines[0]);
    below(text, &lines[1..], 10);
}

fn undos(plan: &Plan, undos: &[PlannedUndo]) -> String {
    undos.iter().map(|undo| undo_text(plan, undo)).collect::<Vec<_>>().join(" · ")
}

fn number(plan: &Plan, step: &str) -> usize {
    plan.steps.iter().position(|planned| planned.id == step).map_or(0, |at| at + 1)
}

fn undo_text(plan: &Plan, undo: &PlannedUndo) -> String {
    let number = number(plan, &undo.step);
    let detail = escape(&undo.detail.join("; "));
    #[expect(clippy::cast_precision_loss, reason = "the text rounds to a second")]
    let worst = Some(duration(undo.worst_ms as f64 / 1000.0)).filter(|_| undo.worst_ms > 0);
    match undo.kind {
        UndoKind::Steps => {
            format!("{number} {detail}{}", worst.map_or_else(String::new, |worst| format!(" ({worst})")))
        }
        UndoKind::BuiltIn => format!("{number} {detail} (built in, {})", worst.unwrap_or_default()),
        UndoKind::Irreversible => format!("{number} stays: {detail}"),
        UndoKind::PointOfNoReturn => format!("{number} ends there: {detail}"),
    }
}

fn budget(budget: &Budget) -> String {
    let worst = |seconds: Option<f64>| {
        seconds.map_or_else(|| "no limit at worst".to_owned(), |seconds| format!("{} at worst", duration(seconds)))
    };
    format!(
        "work {} expected, {}; rollback {}",
        duration(budget.work_expected_s),
        worst(budget.work_worst_s),
        worst(budget.rollback_worst_s)
    )
}

fn counts(steps: &[PlannedStep]) -> String {
    let count = |status| steps.iter().filter(|step| step.status == status).count();
    let changes = count(PlanStatus::Changes);
    let first = match changes {
        0 => "nothing changes".to_owned(),
        1 => "1 step changes something".to_owned(),
        _ => format!("{changes} steps change something"),
    };
    let others = [
        (PlanStatus::InPlace, "is in place", "are in place"),
        (PlanStatus::Unknown, "unknown", "unknown"),
        (PlanStatus::Skipped, "skipped", "skipped"),
        (PlanStatus::Reads, "reads", "read"),
        (PlanStatus::Person, "a person", "by a person"),
    ];
    let others = others.into_iter().map(|(status, one, many)| (count(status), one, many));
    let others = others.filter(|(count, ..)| *count > 0);
    let mut parts = vec![first];
    parts.extend(others.map(|(count, one, many)| format!("{count} {}", if count == 1 { one } else { many })));
    parts.join(", ")
}

/// `sha256 4f1c…9a02`.
fn short_digest(digest: &str) -> String {
    let (algorithm, hex) = digest.split_once(':').unwrap_or(("sha256", digest));
    if hex.len() > 8 && hex.is_ascii() {
        format!("{algorithm} {}…{}", &hex[..4], &hex[hex.len() - 4..])
    } else {
        escape(&format!("{algorithm} {hex}"))
    }
}

/// The plan for programs, `"format": 1`.
#[must_use]
pub fn json(plan: &Plan) -> Value {
    let step = |step: &PlannedStep| {
        json!({
            "id": step.id,
            "action": step.action,
            "status": step.status,
            "reason": step.reason,
            "diff": step.diff,
            "detail": step.detail,
            "groups": step.groups,
            "point_of_no_return": step.point_of_no_return,
        })
    };
    json!({
        "format": 1,
        "runbook": plan.runbook,
        "digest": plan.digest,
        "steps": plan.steps.iter().map(step).collect::<Vec<_>>(),
        "rollback": plan.rollback,
        "budget": plan.budget,
        "title": plan.title,
    })
}

#[cfg(test)]
mod tests;
