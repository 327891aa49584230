//! A plan as people and as programs read it.

mod window;

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use super::diff;
use super::terminal::Looks;
use super::text::{duration, escape, paint, wrap};
use crate::model::plan::{Budget, Plan, PlanStatus, PlannedStep, PlannedUndo, PlannedWindow, UndoKind};

/// Where the lines below a step begin.
const INDENT: usize = 9;

/// The widest column of step names; a longer one moves its own line only.
const MAX_ID: usize = 32;

/// The plan for a terminal that looks so. Ends with a newline.
#[must_use]
pub fn human(plan: &Plan, looks: Looks) -> String {
    let Looks { color, width, .. } = looks;
    let mut text = format!("Plan for {}  ·  {}", escape(&plan.runbook), short_digest(&plan.digest));
    if let Some(window) = &plan.window {
        let said = window::line(window);
        let beside = text.chars().count() + 5 + said.chars().count() <= width;
        let _ = write!(text, "{}{said}", if beside { "  ·  " } else { "\n" });
    }
    text.push('\n');
    if let Some(title) = &plan.title {
        let _ = writeln!(text, "{}", escape(title));
    }
    text.push('\n');
    let id_width = plan.steps.iter().map(|step| step.id.chars().count()).max().unwrap_or(0).clamp(18, MAX_ID);
    let mut groups: &[String] = &[];
    let mut shapes = plan.groups.iter().peekable();
    for (at, step) in plan.steps.iter().enumerate() {
        if step.groups != groups && !step.groups.is_empty() {
            let _ = writeln!(text, "     {}", paint(&escape(&step.groups.join(" / ")), Style::new().bold(), color));
        }
        groups = &step.groups;
        while let Some(group) = shapes.next_if(|group| step.groups.starts_with(&group.path)) {
            for line in &group.detail {
                below(&mut text, &wrapped(&escape(line), width.saturating_sub(7)), 7);
            }
        }
        step_lines(&mut text, at + 1, step, id_width, looks, plan.window.as_ref());
    }
    text.push('\n');
    rollback_lines(&mut text, plan, width);
    part(&mut text, "Budget", &budget(&plan.budget), width);
    around_lines(&mut text, plan, width);
    let _ = writeln!(text, "{}", counts(&plan.steps));
    looks.fit(text)
}

fn step_lines(
    text: &mut String,
    number: usize,
    step: &PlannedStep,
    id_width: usize,
    looks: Looks,
    window: Option<&PlannedWindow>,
) {
    let Looks { color, width, .. } = looks;
    let (word, style) = status(step.status);
    let columns = format!("{number:>3}  {:<id_width$}  {:<8}  ", escape(&step.id), escape(&step.action));
    let reason = escape(step.reason.as_deref().unwrap_or_default());
    let beside = columns.chars().count() + 12;
    let shown = paint(word, style, color);
    let latest = window.and_then(|window| window::latest_start(step, window)).unwrap_or_default();
    let (used, wanted) = (beside + reason.chars().count(), latest.chars().count() + 2);
    if used <= width {
        let mut line = format!("{columns}{shown}{:gap$}{reason}", "", gap = 12 - word.len());
        if !latest.is_empty() && used + wanted <= width {
            let _ = write!(line, "{:>room$}", latest, room = width - used);
        } else if !latest.is_empty() {
            let _ = write!(line, "\n{:INDENT$}{latest}", "");
        }
        let _ = writeln!(text, "{}", line.trim_end());
    } else {
        let room = width.saturating_sub(columns.chars().count() + word.len());
        let latest = if wanted <= room { format!("{latest:>room$}") } else { format!("  {latest}") };
        let _ = writeln!(text, "{}", format!("{columns}{shown}{latest}").trim_end());
        below(text, &wrapped(&reason, width.saturating_sub(INDENT)), INDENT);
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

/// The lines of a text that may be empty.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    if text.is_empty() { Vec::new() } else { wrap(text, width) }
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
        let mut said = undos(plan, &plan.rollback);
        if said.is_empty() {
            said.push("nothing to undo".to_owned());
        }
        listed(text, "Rollback", "", &said, width);
        return;
    };
    // More than one such line may be drawn; what counts for a run that began is the last one that it passed.
    let last = plan.rollback.iter().rposition(|undo| undo.kind == UndoKind::PointOfNoReturn).unwrap_or(line);
    let (before, after) = (&plan.rollback[last + 1..], &plan.rollback[..line]);
    match before.last() {
        None => part(text, "Rollback", "before the line: nothing to undo", width),
        Some(oldest) => {
            let intro = format!("before the line, to step {}: ", number(plan, &oldest.step));
            listed(text, "Rollback", &intro, &undos(plan, before), width);
        }
    }
    let why = plan.rollback[line].detail.join(" ");
    let mut said = undos(plan, after);
    said.push(format!("{}it ends there: {}", if after.is_empty() { "" } else { "and " }, escape(&why)));
    listed(text, "", "after the line: ", &said, width);
}

/// Undos on one line where they fit, else each on a line of its own.
fn listed(text: &mut String, head: &str, intro: &str, said: &[String], width: usize) {
    let one = format!("{intro}{}", said.join(" · "));
    if 10 + one.chars().count() <= width || said.len() == 1 {
        return part(text, head, &one, width);
    }
    let lines = Some(intro.trim_end()).filter(|intro| !intro.is_empty()).into_iter();
    for (at, line) in lines.chain(said.iter().map(String::as_str)).enumerate() {
        part(text, if at == 0 { head } else { "" }, line, width);
    }
}

/// What runs around the steps, and what is left to do.
fn around_lines(text: &mut String, plan: &Plan, width: usize) {
    for (at, hook) in plan.hooks.iter().enumerate() {
        let said = format!("{} {}", hook.hook, escape(&hook.steps.join(" · ")));
        part(text, if at == 0 { "Hooks" } else { "" }, &said, width);
    }
    for (at, followup) in plan.followups.iter().enumerate() {
        let owner = followup.owner.as_ref().map_or_else(String::new, |owner| format!(" ({owner})"));
        let said = format!("in {}: {}{owner}", duration(followup.due_s), followup.title);
        part(text, if at == 0 { "To do" } else { "" }, &escape(&said), width);
    }
}

fn part(text: &mut String, head: &str, said: &str, width: usize) {
    let lines = wrap(said, width.saturating_sub(10).max(20));
    let _ = writeln!(text, "{head:<10}{}", lines[0]);
    below(text, &lines[1..], 10);
}

fn undos(plan: &Plan, undos: &[PlannedUndo]) -> Vec<String> {
    undos.iter().map(|undo| undo_text(plan, undo)).collect()
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
            format!("{number} {detail}{}", limit(worst))
        }
        UndoKind::BuiltIn => format!("{number} {detail} (built in, {})", worst.unwrap_or_default()),
        UndoKind::TakenAgain => format!("{number} taken again: {detail}{}", limit(worst)),
        UndoKind::GivenBack => format!("{number} given back: {detail}{}", limit(worst)),
        UndoKind::Irreversible => format!("{number} stays: {detail}"),
        UndoKind::PointOfNoReturn => format!("{number} ends there: {detail}"),
    }
}

fn limit(worst: Option<String>) -> String {
    worst.map_or_else(String::new, |worst| format!(" ({worst})"))
}

fn budget(budget: &Budget) -> String {
    let worst = |seconds: Option<f64>| {
        seconds.map_or_else(|| "no limit at worst".to_owned(), |seconds| format!("{} at worst", duration(seconds)))
    };
    let people = if budget.people_by_estimate { "; people count as estimated" } else { "" };
    format!(
        "work {} expected, {}; rollback {}{}{people}",
        duration(budget.work_expected_s),
        worst(budget.work_worst_s),
        worst(budget.rollback_worst_s),
        fits(budget)
    )
}

/// Whether the work and its rollback fit the window, and with how much to spare.
fn fits(budget: &Budget) -> String {
    let (Some(window), Some(spare)) = (budget.window_s, budget.spare_s) else { return String::new() };
    let said = match budget.fits_at_worst {
        _ if spare < 0.0 => format!("does not fit, {} too long by the estimates", duration(-spare)),
        Some(true) => format!("fits, {} to spare", duration(spare)),
        _ => format!("fits by the estimates, {} to spare, and not at worst", duration(spare)),
    };
    format!("; window {}: {said}", duration(window))
}

fn counts(steps: &[PlannedStep]) -> String {
    let count = |status| steps.iter().filter(|step| step.status == status).count();
    let changes = count(PlanStatus::Changes);
    let first = match changes {
        0 if count(PlanStatus::Unknown) > 0 => "no step is known to change anything".to_owned(),
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
    json!({
        "format": 1,
        "runbook": plan.runbook,
        "digest": plan.digest,
        "steps": plan.steps,
        "rollback": plan.rollback,
        "budget": plan.budget,
        "title": plan.title,
        "window": plan.window,
        "groups": plan.groups,
        "hooks": plan.hooks,
        "followups": plan.followups,
    })
}

#[cfg(test)]
mod tests;
