//! Goes through a runbook as a run does: groups, loops, holds and included runbooks opened, each acting step once for
//! each time that it would be begun, as far as that is known.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::Value;

use super::items::{Item, items, written};
use super::steps::{self, Planner};
use super::{acts, shape, undo};
use crate::action::observe::Observer;
use crate::expression::render::Context;
use crate::expression::{Scope, render_value, truth};
use crate::model::flow::{Hold, Included, Loop};
use crate::model::parts::Part;
use crate::model::plan::{PlanStatus, PlannedGroup, PlannedStep, PlannedUndo};
use crate::model::runbook::Runbook;
use crate::model::step::{Action, Step};
use crate::model::time::Reckoner;

/// Items that are named where a loop is described; of more, their number.
const MAX_NAMED: usize = 6;

/// One acting step of a plan.
pub(super) struct Row<'a> {
    /// The step.
    pub step: &'a Step,
    /// What would become of it.
    pub planned: PlannedStep,
    /// How it would be undone.
    pub undo: Option<PlannedUndo>,
    /// What is taken again around that, outermost first.
    pub holds: Vec<Retaken>,
}

/// A hold that is taken again around the undo of its members.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Retaken {
    /// Its name in the journal.
    pub name: String,
    pub again: PlannedUndo,
    pub back: PlannedUndo,
}

/// Where the walk is.
#[derive(Clone)]
struct Place<'a> {
    groups: Vec<String>,
    /// The items of the loops that it is in, in brackets.
    item: String,
    holds: Vec<Retaken>,
    context: Context<'a>,
    reckoner: Reckoner<'a>,
    /// The ids of an included runbook's steps begin so.
    prefix: String,
    /// Why nothing here is carried out.
    passed: Option<(PlanStatus, String)>,
}

pub(super) struct Walk<'a, O> {
    pub rows: Vec<Row<'a>>,
    pub groups: Vec<PlannedGroup>,
    pub scope: Scope,
    /// The items of loops as far as they are known; of a loop in a loop, the most.
    pub items: BTreeMap<&'a str, Vec<Value>>,
    observer: &'a O,
    place: Place<'a>,
}

impl<'a, O: Observer> Walk<'a, O> {
    pub fn new(runbook: &'a Runbook, scope: Scope, observer: &'a O) -> Self {
        let place = Place {
            groups: Vec::new(),
            item: String::new(),
            holds: Vec::new(),
            context: Context::of(runbook),
            reckoner: Reckoner::new(runbook),
            prefix: String::new(),
            passed: None,
        };
        Self { rows: Vec::new(), groups: Vec::new(), scope, items: BTreeMap::new(), observer, place }
    }

    /// Goes through all of it.
    pub async fn runbook(&mut self, runbook: &'a Runbook) {
        self.list(&runbook.steps).await;
    }

    /// The steps that a run would begin at least once, by their ids.
    pub fn acting(&self) -> BTreeSet<&'a str> {
        self.rows.iter().filter(|row| acts(&row.planned)).map(|row| row.step.id.as_str()).collect()
    }

    /// One after the other; what is held to the end of the list is given back there.
    async fn list(&mut self, steps: &'a [Step]) {
        let outer = self.place.holds.clone();
        let mut open = Vec::new();
        for step in steps {
            Box::pin(self.shaped(step, steps)).await;
            if let (Action::Hold, Some(hold)) = (&step.action, &step.hold) {
                open.push((step, &**hold, self.place.passed.clone()));
                // What comes after it stands in it.
                self.place.holds.push(self.retaken(step, hold));
            }
        }
        while let Some((step, hold, passed)) = open.pop() {
            self.place.holds.pop();
            let before = std::mem::replace(&mut self.place.passed, passed);
            self.parts(step, &hold.release, Part::Release).await;
            self.place.passed = before;
        }
        self.place.holds = outer;
    }

    /// A step with all its items.
    async fn shaped(&mut self, step: &'a Step, beside: &'a [Step]) {
        let mut lines = shape::lines(step, beside, &self.scope);
        let Some(each) = &step.each else { return self.once(step, lines).await };
        let passed = self.passed(step);
        let found = match &passed {
            // Whether it has any items does not matter then.
            Some(_) => None,
            None => Some(items(each, &self.scope, &self.place.context)),
        };
        match found {
            Some(Ok(items)) => {
                lines.insert(0, shape::looped(each, &named(&items), &self.scope));
                self.items(step, each, items, lines).await;
            }
            found => {
                let known = match found {
                    Some(Err(error)) if !error.is_unknown() => format!("{}: {error}", written(each)),
                    _ => format!("{}: known when it runs", written(each)),
                };
                lines.insert(0, shape::looped(each, &known, &self.scope));
                self.scope.set_item(&each.name, None);
                self.once(step, lines).await;
                self.scope.forget_item(&each.name);
            }
        }
        self.outside(step);
    }

    async fn items(&mut self, step: &'a Step, each: &'a Loop, items: Vec<Item>, lines: Vec<String>) {
        if items.is_empty() {
            let before = self.place.passed.replace((PlanStatus::Skipped, "its loop has no item".to_owned()));
            self.scope.set_item(&each.name, None);
            self.once(step, lines).await;
            self.place.passed = before;
            return self.scope.forget_item(&each.name);
        }
        let most = self.items.entry(&step.id).or_default();
        if most.len() < items.len() {
            *most = items.iter().map(|item| item.value.clone()).collect();
        }
        let mut lines = Some(lines);
        for Item { label, value } in items {
            let outer = self.place.item.clone();
            self.place.item = format!("{outer}[{label}]");
            self.scope.set_item(&each.name, Some(value));
            self.once(step, lines.take().unwrap_or_default()).await;
            self.place.item = outer;
        }
        self.scope.forget_item(&each.name);
    }

    /// From outside a loop its steps are lists of what their items gave, which no plan knows.
    fn outside(&mut self, step: &'a Step) {
        match &step.action {
            Action::Group { steps, .. } => steps.iter().for_each(|step| self.outside(step)),
            _ => self.scope.set_unknown(self.local(&step.id)),
        }
    }

    /// A step for one item. The lines are about it as a whole.
    async fn once(&mut self, step: &'a Step, lines: Vec<String>) {
        match &step.action {
            Action::Group { steps, .. } => {
                let outer = self.enter(step, lines).await;
                self.list(steps).await;
                self.leave(step, outer).await;
            }
            Action::Include(included) => {
                let outer = self.enter(step, lines).await;
                self.included(step, included).await;
                self.leave(step, outer).await;
            }
            Action::Hold => {
                if let Some(hold) = &step.hold {
                    let outer = self.place.passed.clone();
                    self.place.passed = self.passed(step);
                    let first = self.rows.len();
                    self.parts(step, &hold.acquire, Part::Acquire).await;
                    if let Some(row) = self.rows.get_mut(first) {
                        row.planned.detail.extend(lines);
                    }
                    self.place.passed = outer;
                }
            }
            _ => self.leaf(step, lines).await,
        }
    }

    async fn enter(&mut self, step: &'a Step, lines: Vec<String>) -> Place<'a> {
        let outer = self.place.clone();
        self.place.groups.push(format!("{}{}", step.id, self.place.item));
        if !lines.is_empty() {
            self.groups.push(PlannedGroup { path: self.place.groups.clone(), detail: lines });
        }
        if let Some(hold) = &step.hold {
            let inner = self.place.passed.clone();
            self.place.passed = self.passed(step);
            self.parts(step, &hold.acquire, Part::Acquire).await;
            self.place.passed = inner;
            self.place.holds.push(self.retaken(step, hold));
        }
        outer
    }

    async fn leave(&mut self, step: &'a Step, outer: Place<'a>) {
        if let Some(hold) = &step.hold {
            self.place.holds.pop();
            self.place.passed = self.passed(step);
            self.parts(step, &hold.release, Part::Release).await;
        }
        self.place = outer;
    }

    /// Why a step with a shape is not carried out at all. Its members say so themselves.
    fn passed(&self, step: &Step) -> Option<(PlanStatus, String)> {
        if self.place.passed.is_some() {
            return self.place.passed.clone();
        }
        step.when.iter().find_map(|when| match truth(&when.0, &self.scope) {
            Ok(true) => None,
            Ok(false) => Some((PlanStatus::Skipped, format!("`{}` is false", when.0))),
            Err(error) => Some((PlanStatus::Unknown, error.to_string())),
        })
    }

    async fn included(&mut self, step: &'a Step, included: &'a Included) {
        let inner = inner_scope(included, &self.scope);
        let outer = std::mem::replace(&mut self.scope, inner);
        self.place.context = Context { folder: Path::new(&included.folder), targets: &included.targets };
        self.place.reckoner = Reckoner::within(included);
        self.place.prefix = format!("{}/", step.id);
        self.list(&included.steps).await;
        self.scope = outer;
        self.scope.set_unknown(self.local(&step.id));
    }

    /// One half of a hold. The halves are steps of the journal by names of their own.
    async fn parts(&mut self, step: &'a Step, parts: &'a [Step], half: Part) {
        for (at, part) in parts.iter().enumerate() {
            let planned = self.planned(part).await;
            let name = half.step_name(&step.id, at, parts.len());
            self.push(part, PlannedStep { id: format!("{name}{}", self.place.item), ..planned }, None);
        }
    }

    async fn leaf(&mut self, step: &'a Step, lines: Vec<String>) {
        let mut planned = self.planned(step).await;
        planned.detail.extend(lines);
        planned.detail.extend(shape::handled(step, &self.scope));
        let mut undo = undo::undo_of(step, &self.scope, &self.place.context, self.place.reckoner);
        if let Some(undo) = &mut undo {
            undo.step.clone_from(&planned.id);
        }
        self.push(step, planned, undo);
    }

    async fn planned(&mut self, step: &'a Step) -> PlannedStep {
        let groups = self.place.groups.clone();
        let planned = if let Some((status, reason)) = self.place.passed.clone() {
            steps::passed(step, status, reason, groups)
        } else {
            let name = self.local(&step.id).to_owned();
            let mut planner = Planner::new(&self.place.context, &mut self.scope, self.observer);
            planner.step(step, &name, groups).await
        };
        PlannedStep { id: format!("{}{}", step.id, self.place.item), ..planned }
    }

    fn push(&mut self, step: &'a Step, planned: PlannedStep, undo: Option<PlannedUndo>) {
        let holds = self.place.holds.clone();
        self.rows.push(Row { step, planned, undo, holds });
    }

    fn retaken(&self, step: &Step, hold: &Hold) -> Retaken {
        let name = format!("{}{}", step.id, self.place.item);
        let (again, back) = undo::retaken(step, hold, &self.place.item, &self.scope, self.place.reckoner);
        Retaken { name, again, back }
    }

    /// An id as the expressions beside it have it.
    fn local<'s>(&self, id: &'s str) -> &'s str {
        id.strip_prefix(&self.place.prefix).unwrap_or(id)
    }
}

fn named(items: &[Item]) -> String {
    let labels: Vec<&str> = items.iter().map(|item| item.label.as_str()).collect();
    match labels.len() {
        0 => "nothing".to_owned(),
        count if count > MAX_NAMED => format!("{count} items"),
        _ => labels.join(", "),
    }
}

/// What the expressions of an included runbook see: its own parameters and variables.
fn inner_scope(included: &Included, outer: &Scope) -> Scope {
    let defaults =
        included.parameters.iter().filter_map(|(name, declared)| Some((name.clone(), declared.default.clone()?)));
    let mut values: BTreeMap<String, Value> = defaults.collect();
    let mut unknown = Vec::new();
    for (name, given) in &included.given {
        match render_value(given, outer) {
            Ok(value) => drop(values.insert(name.clone(), value)),
            Err(_) => unknown.push(name),
        }
    }
    let mut inner = Scope::new(&values, &included.vars);
    for name in unknown {
        inner.set_unknown_parameter(name);
    }
    inner
}
