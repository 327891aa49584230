//! What the format has and this version cannot carry out: refused by name before anything runs, never ignored.
//!
//! Not a rule: such a runbook is valid. Whoever would plan or run it is told what stands in the way.

use std::path::Path;

use super::catalogue::REFUSED;
use super::context::Context;
use super::steps::{Role, StepAt};
use super::texts::DurationAt;
use super::tree::NodeId;
use crate::model::diagnostic::{Diagnostic, Span};

const ROOT: &[&str] = &["review", "groups"];
const STEP: &[&str] = &["rehearse", "become"];
/// What makes more than one attempt of a step: carried out among the runbook's own steps, and not in what belongs to one.
const SHAPES: &[&str] = &["runbook", "parallel", "hold", "for_each", "repeat", "background", "watch"];
const QUESTION: &[&str] = &["become"];

/// Every key and every value that cannot be carried out, by place.
#[must_use]
pub fn refusals(context: &Context, file: &Path) -> Vec<Diagnostic> {
    let mut refusals = Refusals { context, file, step: None, found: Vec::new() };
    refusals.document();
    for (at, step) in context.steps.iter().enumerate() {
        refusals.step = Some(at);
        refusals.step(step);
    }
    refusals.step = None;
    refusals.texts();
    let mut found = refusals.found;
    found.sort_by_key(|refusal| (refusal.span.start, refusal.span.end));
    found.dedup();
    found
}

/// What of an included runbook cannot be carried out: what is there for the runbook as a whole does not count.
#[must_use]
pub fn of_included(refusals: &[Diagnostic]) -> Vec<Diagnostic> {
    let counts = |refusal: &&Diagnostic| !ROOT.iter().any(|key| refusal.message.starts_with(&format!("`{key}` is")));
    refusals.iter().filter(counts).cloned().collect()
}

struct Refusals<'c> {
    context: &'c Context<'c>,
    file: &'c Path,
    /// The step that is being looked at.
    step: Option<usize>,
    found: Vec<Diagnostic>,
}

impl Refusals<'_> {
    fn document(&mut self) {
        let (context, root) = (self.context, self.context.root);
        self.keys(root, ROOT);
        if let Some(targets) = context.field(root, "targets") {
            for target in context.entries(targets) {
                self.keys(target.value, &["hosts"]);
                if context.field(target.value, "hosts").is_none() {
                    self.keys(target.value, &["user", "become"]);
                }
            }
        }
    }

    fn step(&mut self, step: &StepAt) {
        let (context, node) = (self.context, step.node);
        self.keys(node, STEP);
        if step.role != Role::Forward {
            self.keys(node, SHAPES);
            self.handler(node);
        }
        if step.role.undone().is_some() {
            self.keys(node, &["preconditions", "check", "outputs", "on_failure", "observe", "preview"]);
        }
        if let Some(confirm) = context.field(node, "confirm") {
            self.keys(confirm, &["by", "second_person"]);
        }
        self.target(node);
        for (_, question) in context.questions(node) {
            self.keys(question, QUESTION);
            self.target(question);
        }
    }

    /// Values of a kind that are not carried out, whatever key they stand under.
    fn texts(&mut self) {
        let context = self.context;
        for at in &context.durations {
            if context.is_template(at.node) && self.is_never_found(at) {
                self.step = at.step;
                self.refuse(context.span(at.node), "a duration from a template");
            }
        }
    }

    /// Whether nobody reads the template of a duration: those of a step are read when it begins.
    fn is_never_found(&self, at: &DurationAt) -> bool {
        let context = self.context;
        let Some(step) = at.step.map(|step| &context.steps[step]) else { return false };
        let watches = context.field(step.node, "watch").map(|node| context.items(node)).unwrap_or_default();
        let mut looks = watches.iter().filter_map(|node| context.field(*node, "timeout"));
        step.role.undone().is_some() || looks.any(|node| node == at.node)
    }

    fn target(&mut self, node: NodeId) {
        let target = self.context.field(node, "target");
        if let Some(target) = target.filter(|target| self.context.is_template(*target)) {
            self.refuse(self.context.span(target), "a target from a template");
        }
    }

    fn keys(&mut self, node: NodeId, keys: &[&str]) {
        for key in keys {
            if self.context.field(node, key).is_some() {
                self.refuse(self.context.entry_key_span(node, key), &format!("`{key}`"));
            }
        }
    }

    /// `on_failure: {do, then}`.
    fn handler(&mut self, node: NodeId) {
        let context = self.context;
        if let Some(value) = context.field(node, "on_failure").filter(|value| !context.entries(*value).is_empty()) {
            self.refuse(context.first_line(context.span(value)), "`on_failure: {do, then}`");
        }
    }

    fn refuse(&mut self, span: Span, what: &str) {
        let of =
            self.step.map_or_else(String::new, |step| format!(" of {}", self.context.title(&self.context.steps[step])));
        self.found.push(Diagnostic {
            code: REFUSED.code,
            severity: REFUSED.severity,
            message: format!("{what}{of} is part of the format, but this version cannot carry it out yet"),
            file: self.file.to_owned(),
            span,
            labels: Vec::new(),
            help: Some("remove it, or do that part in a `shell` or `manual` step".to_owned()),
        });
    }
}
