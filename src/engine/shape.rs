//! What a runbook asks for, as a tree of only what decides. Nothing of it is known by its items yet.

use super::program::{Node, NodeUndo, Role};
use crate::model::flow::{Background, Hold, Loop, Trip, Way};
use crate::model::parts::Part;
use crate::model::step::{Action, Effect, OnFailure, Retry, Step, Undo, WaitAction};

use std::collections::BTreeSet;

/// One step, or what holds several.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// Something that acts.
    Step {
        /// What decides about it.
        node: Box<Node>,
        /// Carried out when it failed.
        handler: Vec<Self>,
    },
    /// One after the other.
    List(Vec<Self>),
    /// Side by side, so many at once.
    Parallel {
        /// Its members.
        members: Vec<Self>,
        /// How many at once.
        at_once: u32,
    },
    /// Another runbook's steps.
    Include {
        /// The step that includes it.
        name: String,
        /// Its steps.
        members: Vec<Self>,
        /// What follows when its parameters cannot be found.
        on_failure: OnFailure,
    },
    /// For each item of a list that is found when it is reached.
    Loop {
        /// The step's name.
        name: String,
        /// What is carried out for each.
        body: Box<Self>,
        /// Carried out between one batch and the next.
        between: Vec<Self>,
        /// After so many items a person is asked.
        canary: Option<u32>,
        /// So many items may fail.
        max_failures: u32,
        /// What follows when its list cannot be found.
        on_failure: OnFailure,
    },
    /// Round after round.
    Repeat {
        /// The step's name.
        name: String,
        /// What is repeated.
        body: Box<Self>,
        /// Whether a condition ends it, so that reaching `max` is a failure.
        has_until: bool,
        /// So many rounds at most.
        max: Option<u32>,
        /// What follows when it fails.
        on_failure: OnFailure,
    },
    /// Taken before its members and given back on the way out.
    Hold {
        /// The step's name.
        name: String,
        /// Takes it.
        acquire: Vec<Self>,
        /// What happens while it is held.
        members: Vec<Self>,
        /// Gives it back.
        release: Vec<Self>,
        /// The ways out on which it is given back.
        release_on: BTreeSet<Way>,
        /// Whether a rollback takes it again around the undo of its members.
        retake: bool,
    },
    /// Watched, or limited in time.
    Guard {
        /// The step's name.
        name: String,
        /// What is guarded.
        body: Box<Self>,
        /// Whether it has a time limit as a whole.
        limited: bool,
        /// What is looked at meanwhile: what a trip brings about, and the steps that come first.
        watches: Vec<(Trip, Vec<Self>)>,
        /// What follows when its limit is reached.
        on_failure: OnFailure,
    },
    /// Goes on beside the steps that follow.
    Background {
        /// The step's name.
        name: String,
        /// What does.
        body: Box<Self>,
        /// Whether it is ended with its list, which is success.
        until_end: bool,
    },
}

/// The steps of a list. A hold without members holds what follows it.
#[must_use]
pub fn list(steps: &[Step]) -> Vec<Shape> {
    let mut shapes = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if matches!(step.action, Action::Hold) {
            shapes.push(around(step, Shape::List(list(&steps[at + 1..]))));
            break;
        }
        shapes.push(shape(step));
    }
    shapes
}

fn shape(step: &Step) -> Shape {
    let core = match &step.action {
        Action::Group { steps, parallel: Some(at_once) } => Shape::Parallel { members: list(steps), at_once: *at_once },
        Action::Group { steps, parallel: None } => Shape::List(list(steps)),
        Action::Include(included) => {
            Shape::Include { name: step.id.clone(), members: list(&included.steps), on_failure: step.on_failure }
        }
        _ => acting(step, step.id.clone(), Role::Own),
    };
    around(step, core)
}

/// What surrounds a step, the innermost first: rounds, the hold, what guards it, items, the background.
fn around(step: &Step, core: Shape) -> Shape {
    let name = step.id.clone();
    let on_failure = step.on_failure;
    let mut shape = core;
    if let Some(repeat) = &step.repeat {
        let (has_until, max) = (repeat.until.is_some(), repeat.max);
        shape = Shape::Repeat { name: name.clone(), body: Box::new(shape), has_until, max, on_failure };
    }
    if let Some(hold) = &step.hold {
        shape = held(step, hold, shape);
    }
    let is_group = matches!(step.action, Action::Group { .. } | Action::Include(_));
    let limited = is_group && step.timeout.is_some();
    if limited || !step.watches.is_empty() {
        let watches = step.watches.iter().enumerate();
        let watches =
            watches.map(|(at, watch)| (watch.action, part(step, Part::Watch(at), &watch.steps, Role::Aside))).collect();
        shape = Shape::Guard { name: name.clone(), body: Box::new(shape), limited, watches, on_failure };
    }
    if let Some(each) = &step.each {
        shape = looped(step, each, shape);
    }
    match step.background {
        Some(background) => {
            Shape::Background { name, body: Box::new(shape), until_end: background == Background::UntilEnd }
        }
        None => shape,
    }
}

fn held(step: &Step, hold: &Hold, body: Shape) -> Shape {
    Shape::Hold {
        name: step.id.clone(),
        acquire: part(step, Part::Acquire, &hold.acquire, Role::Acquire),
        members: vec![body],
        release: part(step, Part::Release, &hold.release, Role::Release),
        release_on: hold.release_on.clone(),
        retake: hold.retake,
    }
}

fn looped(step: &Step, each: &Loop, body: Shape) -> Shape {
    Shape::Loop {
        name: step.id.clone(),
        body: Box::new(body),
        between: part(step, Part::Between, &each.between, Role::Aside),
        canary: each.canary,
        max_failures: each.max_failures,
        on_failure: step.on_failure,
    }
}

fn part(owner: &Step, part: Part, steps: &[Step], role: Role) -> Vec<Shape> {
    let named = steps.iter().enumerate();
    named.map(|(at, step)| acting(step, part.step_name(&owner.id, at, steps.len()), role)).collect()
}

/// A step that acts, under its name in the journal.
#[must_use]
pub fn acting(step: &Step, name: String, role: Role) -> Shape {
    let handler = match &step.handler {
        Some(handler) => part(step, Part::Failure, &handler.steps, Role::Aside),
        None => Vec::new(),
    };
    Shape::Step { node: Box::new(node(step, name, role)), handler }
}

fn node(step: &Step, name: String, role: Role) -> Node {
    let restores = matches!(step.action, Action::File(_));
    let undo = match &step.undo {
        Undo::NotNeeded { .. } => NodeUndo::NotNeeded,
        Undo::Irreversible { why } => NodeUndo::Irreversible(why.clone()),
        Undo::PointOfNoReturn { why } => NodeUndo::PointOfNoReturn(why.clone()),
        Undo::Steps(parts) => NodeUndo::Parts(
            restores.then(Retry::default).into_iter().chain(parts.iter().map(|part| part.retry.clone())).collect(),
        ),
    };
    let joins = match &step.action {
        Action::Wait(WaitAction::Steps(steps)) => steps.clone(),
        _ => Vec::new(),
    };
    Node {
        name,
        role,
        by_person: step.action.is_by_person(),
        is_confirm: matches!(step.action, Action::Confirm(_)),
        read_only: step.effect == Effect::ReadOnly,
        idempotent: step.idempotent,
        has_check: step.check.is_some(),
        atomic: matches!(&step.action, Action::Sql(sql) if sql.transaction),
        limited: !joins.is_empty() && step.timeout.is_some(),
        joins,
        retry: step.retry.clone(),
        tries_after_handler: step.handler.as_ref().is_some_and(|handler| handler.retry),
        on_failure: step.on_failure,
        undo,
    }
}

impl Shape {
    /// The names of everything in it that acts.
    #[must_use]
    pub fn names(&self) -> Vec<&str> {
        match self {
            Self::Step { node, .. } => vec![&node.name],
            Self::List(members)
            | Self::Parallel { members, .. }
            | Self::Include { members, .. }
            | Self::Hold { members, .. } => members.iter().flat_map(Self::names).collect(),
            Self::Loop { body, .. }
            | Self::Repeat { body, .. }
            | Self::Guard { body, .. }
            | Self::Background { body, .. } => body.names(),
        }
    }

    /// Names everything after one item of a loop: `drain` becomes `drain[web-1]`.
    pub(super) fn of_item(&mut self, label: &str) {
        let each = |shapes: &mut Vec<Self>| shapes.iter_mut().for_each(|shape| shape.of_item(label));
        let rename = |name: &mut String| *name = format!("{name}[{label}]");
        match self {
            Self::Step { node, handler } => {
                rename(&mut node.name);
                node.joins.iter_mut().for_each(rename);
                each(handler);
            }
            Self::List(members) | Self::Parallel { members, .. } => each(members),
            Self::Include { name, members, .. } => {
                rename(name);
                each(members);
            }
            Self::Loop { name, body, between, .. } => {
                rename(name);
                body.of_item(label);
                each(between);
            }
            Self::Repeat { name, body, .. } | Self::Background { name, body, .. } => {
                rename(name);
                body.of_item(label);
            }
            Self::Hold { name, acquire, members, release, .. } => {
                rename(name);
                [acquire, members, release].into_iter().for_each(each);
            }
            Self::Guard { name, body, watches, .. } => {
                rename(name);
                body.of_item(label);
                for (_, steps) in watches {
                    each(steps);
                }
            }
        }
    }
}
