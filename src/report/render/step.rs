//! The steps: each with its why, how, how long and way back.

use super::block::{Block, Fact, Line, code, duration, join, join_with, length, text};
use super::{action, flow, part, undo};
use crate::model::runbook::{Hook, Runbook};
use crate::model::step::{Action, Effect, OnFailure, Retry, Step, Success, Undo, WaitAction};

/// A step with its number: that of its group, a dot, its own.
pub struct Numbered<'r> {
    /// Such as `3.1`.
    pub number: String,
    /// How deep it stands, from 1.
    pub depth: usize,
    /// How many of its conditions are those of its groups.
    pub inherited: usize,
    /// The step.
    pub step: &'r Step,
}

impl Numbered<'_> {
    /// The steps that stand in it.
    fn members(step: &Step) -> &[Step] {
        match &step.action {
            Action::Group { steps, .. } => steps,
            Action::Include(included) => &included.steps,
            _ => &[],
        }
    }

    /// Whether it acts by itself.
    pub fn is_leaf(&self) -> bool {
        !matches!(self.step.action, Action::Group { .. } | Action::Include(_))
    }

    /// Its number and its id.
    pub fn title(&self) -> Line {
        join([text(&format!("{} ", self.number)), code(&self.step.id)])
    }
}

/// Every step, a group before its members.
pub fn numbered(steps: &[Step]) -> Vec<Numbered<'_>> {
    let mut numbered = Vec::new();
    collect(steps, "", 1, 0, &mut numbered);
    numbered
}

fn collect<'r>(steps: &'r [Step], prefix: &str, depth: usize, inherited: usize, found: &mut Vec<Numbered<'r>>) {
    for (at, step) in steps.iter().enumerate() {
        let number = format!("{prefix}{}", at + 1);
        let below = format!("{number}.");
        found.push(Numbered { number, depth, inherited, step });
        collect(Numbered::members(step), &below, depth + 1, step.when.len(), found);
    }
}

/// All steps, one after the other.
pub fn section(runbook: &Runbook, steps: &[Numbered<'_>]) -> Vec<Block> {
    let said = if runbook.steps.iter().any(|step| step.on_failure == OnFailure::Stop) {
        "A step that fails stops the run, and it can be resumed, unless the step says otherwise. A loop ends at the \
         first item that fails."
    } else {
        "Each step says what happens when it fails."
    };
    let mut blocks = vec![Block::heading(2, text("Steps")), Block::Paragraph(text(said))];
    for numbered in steps {
        blocks.extend(one(numbered));
    }
    blocks
}

fn one(numbered: &Numbered<'_>) -> Vec<Block> {
    let step = numbered.step;
    let name = step.name.as_ref().map(|name| join([text(" — "), text(&name.0)])).unwrap_or_default();
    let level = if numbered.depth == 1 { 3 } else { 4 };
    let mut blocks = vec![Block::heading(level, join([numbered.title(), name]))];
    blocks.extend(notes(step));
    blocks.extend(part::facts(facts(step, numbered.inherited)));
    if let Undo::PointOfNoReturn { why } = &step.undo {
        blocks.push(Block::Bar(join([text("Point of no return: "), text(why)])));
    }
    blocks
}

fn notes(step: &Step) -> Vec<Block> {
    let notes = step.notes.as_deref().unwrap_or_default();
    let paragraphs = notes.split("\n\n").filter(|paragraph| !paragraph.trim().is_empty());
    paragraphs.map(|paragraph| Block::Paragraph(text(paragraph))).collect()
}

fn facts(step: &Step, inherited: usize) -> Vec<Fact> {
    let mut facts = Vec::new();
    let own = step.when.get(inherited..).unwrap_or_default();
    if !own.is_empty() {
        let conditions = join_with(own.iter().map(|when| code(&when.0)), " and ");
        facts.push(Fact::new("When", join([conditions, text(", else it is skipped")])));
    }
    facts.extend(action::place(&step.action).map(|place| Fact::new("Where", place)));
    facts.extend(flow::facts(step));
    facts.extend(part::preconditions(step));
    facts.extend(step.check.as_ref().map(|check| part::probe("In place when", check, &step.action)));
    facts.extend(how(step));
    facts.extend(step.preview.as_ref().map(|preview| part::probe("Preview", preview, &step.action)));
    facts.extend(success(&step.success));
    facts.extend(verified(step));
    facts.extend(kept(step));
    facts.extend(takes(step).map(|takes| Fact::new("Takes", takes)));
    facts.extend(flow::failure(step));
    facts.extend(undo::fact(step));
    facts
}

fn verified(step: &Step) -> Option<Fact> {
    let verify = step.verify.as_ref()?;
    if step.check.as_ref() == Some(verify) {
        return Some(Fact::new("Verified by", text("the same")));
    }
    Some(part::probe("Verified by", verify, &step.action))
}

fn how(step: &Step) -> Option<Fact> {
    let blocks = action::how(&step.action);
    let label = match &step.action {
        Action::Group { parallel: Some(most), .. } => {
            return Some(Fact::new("Members", text(&format!("side by side, {most} at a time"))));
        }
        Action::Confirm(_) => "Asks",
        Action::Assert { .. } => "Demands",
        Action::Manual(_) => "A person",
        Action::Wait(_) => "Waits",
        _ if step.effect == Effect::ReadOnly => "Looks",
        _ => "Does",
    };
    (!blocks.is_empty()).then(|| Fact::blocks(label, blocks))
}

fn success(success: &Success) -> Option<Fact> {
    let codes: Vec<String> = success.exit_codes.iter().map(i32::to_string).collect();
    let mut wanted = Vec::new();
    wanted.extend((!codes.is_empty()).then(|| text(&format!("the exit code is {}", codes.join(" or ")))));
    let patterns = [
        ("its output has ", &success.stdout),
        ("its output does not have ", &success.stdout_not),
        ("its errors have ", &success.stderr),
        ("its errors do not have ", &success.stderr_not),
    ];
    for (says, pattern) in patterns {
        wanted.extend(pattern.as_ref().map(|pattern| join([text(says), code(pattern)])));
    }
    wanted.extend(success.that.as_ref().map(|that| code(&that.0)));
    let wanted = (!wanted.is_empty()).then(|| join_with(wanted, " and "))?;
    Some(Fact::new("Succeeds when", part::with_message(wanted, success.message.as_ref())))
}

/// What is kept of it.
fn kept(step: &Step) -> Vec<Fact> {
    use crate::model::flow::Observe;
    let mut facts = Vec::new();
    facts.extend(step.observe.as_ref().map(|observe| match observe {
        Observe::Probe(probe) => part::probe("Before and after", probe, &step.action),
        Observe::File(path) => Fact::new("Before and after", join([text("the file "), code(&path.0)])),
    }));
    if !step.outputs.is_empty() {
        let outputs =
            step.outputs.iter().map(|(name, value)| join([code(name), text(" = "), code(&action::plain(value))]));
        facts.push(Fact::new("Gives", join_with(outputs, ", ")));
    }
    if !step.artifacts.is_empty() {
        facts.push(Fact::new("Keeps", join_with(step.artifacts.iter().map(|glob| code(&glob.0)), ", ")));
    }
    if step.sensitive {
        facts.push(Fact::new("Output", text("sensitive: only its size and digest are kept")));
    }
    facts
}

/// How long it takes as a rule and at most, and how often it is tried.
pub fn takes(step: &Step) -> Option<Line> {
    let polled = step
        .until
        .as_ref()
        .map(|until| join([text("asked every "), length(&until.every), text(" until "), code(&until.that.0)]));
    let said: Vec<Line> = lasts(step).into_iter().chain(polled).chain(attempts(&step.retry)).collect();
    (!said.is_empty()).then(|| join_with(said, ", "))
}

/// How long it takes as a rule and at most.
pub fn lasts(step: &Step) -> Option<Line> {
    let mut said = Vec::new();
    let estimate = step.estimate.filter(|estimate| step.limit() != Some(*estimate));
    let waits = matches!(step.action, Action::Wait(WaitAction::For(_)));
    said.extend(estimate.filter(|_| !waits).map(|estimate| join([duration(estimate), text(" as a rule")])));
    said.extend(step.timeout.as_ref().map(|limit| join([length(limit), text(" at most")])));
    if step.timeout.is_none() && step.action.is_by_person() {
        said.push(text("without limit"));
    }
    (!said.is_empty()).then(|| join_with(said, ", "))
}

fn attempts(retry: &Retry) -> Option<Line> {
    (retry.max_attempts > 1).then(|| {
        let often = text(&format!("{} attempts with ", retry.max_attempts));
        join([often, length(&retry.delay), text(" between")])
    })
}

/// What runs around the steps.
pub fn hooks(runbook: &Runbook) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (hook, steps) in &runbook.hooks {
        let when = match hook {
            Hook::OnStart => "Before the first step",
            Hook::OnSuccess => "After success",
            Hook::OnFailure => "When a step failed",
            Hook::OnRollback => "After a rollback",
            Hook::Always => "At the end, however it ended",
        };
        blocks.push(Block::heading(2, text(when)));
        for numbered in numbered(steps) {
            blocks.extend(one(&numbered));
        }
    }
    blocks
}
