//! Random runbooks, outcomes, crashes after any record and operators' answers against the promises of a run.
//!
//! A [`Scenario`] drives the engine against a simulated world that knows the truth (`drive`). `promises` reads only the
//! records and that truth. The planted bugs (`bugs`) show that each promise is really watched.

mod bugs;
mod drive;
mod places;
mod promises;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::program::{Node, NodeUndo, Program, Role};
use super::shape::Shape;
use super::state::State;
use super::{Decision, Engine};
use crate::model::event::Event;
use crate::model::flow::{Trip, Way};
use crate::model::runbook::Hook;
use crate::model::step::{OnFailure, Retry};
use drive::run;

#[derive(Debug, Clone)]
struct Scenario {
    pub(super) shapes: Vec<Shape>,
    pub(super) hooks: BTreeMap<Hook, Vec<Shape>>,
    /// Bytes that settle every chance in order; zeros after the last.
    pub(super) chances: Vec<u8>,
    /// After how many records of its own each executor dies.
    pub(super) crashes: Vec<u8>,
    /// The operator asks for a rollback when the run is taken up for the n-th time.
    pub(super) rollback_at: Option<u8>,
}

/// What is true, whatever the records say.
#[derive(Debug, Clone, Default, PartialEq)]
struct Truth {
    pub(super) in_place: bool,
    pub(super) still_runs: bool,
    pub(super) undone_parts: usize,
    pub(super) was_there_before: bool,
    /// The executor that lives began it.
    pub(super) begun_here: bool,
    /// Its end was asked for.
    pub(super) cancelled: bool,
}

struct Bug {
    pub(super) name: &'static str,
    pub(super) after: fn(&mut Engine, &Event),
    pub(super) decide: fn(&Engine, Decision) -> Decision,
    /// Only the live state has it, not the replayed one.
    pub(super) live_only: bool,
}

const NONE: Bug = Bug { name: "none", after: |_, _| {}, decide: |_, decision| decision, live_only: false };

impl Scenario {
    fn engine(&self) -> Engine {
        let program = Program::new(self.shapes.clone(), self.hooks.clone());
        let state = State::new(&program);
        Engine { program, state }
    }
}

fn node() -> impl Strategy<Value = Node> {
    (any::<[bool; 4]>(), 0..12_u8, 1..3_u32, 0..4_u8).prop_map(|(flags, undo, max_attempts, policy)| {
        let [read_only, idempotent, has_check, atomic] = flags;
        let is_confirm = undo == 11;
        let by_person = undo >= 10;
        let read_only = is_confirm || (read_only && undo < 4);
        let retry = Retry { max_attempts: if by_person { 1 } else { max_attempts }, ..Retry::default() };
        let undo = match undo {
            _ if read_only && !is_confirm => NodeUndo::NotNeeded,
            0..=2 => NodeUndo::Parts(vec![Retry::default()]),
            3..=5 | 10 => NodeUndo::Parts(vec![Retry { max_attempts: 2, ..Retry::default() }, Retry::default()]),
            6 => NodeUndo::NotNeeded,
            7 => NodeUndo::Irreversible("chance".to_owned()),
            11 if idempotent => NodeUndo::NotNeeded,
            _ => NodeUndo::PointOfNoReturn("chance".to_owned()),
        };
        Node {
            name: String::new(),
            role: Role::Own,
            joins: Vec::new(),
            limited: false,
            tries_after_handler: false,
            by_person,
            is_confirm,
            read_only,
            idempotent: idempotent && !by_person,
            has_check: has_check && !by_person,
            atomic: atomic && !by_person,
            retry,
            on_failure: [OnFailure::Stop, OnFailure::Rollback, OnFailure::Continue, OnFailure::Ask]
                [usize::from(policy)],
            undo,
        }
    })
}

/// A step that is not undone: part of a hold, a handler, a watch.
fn aside(role: Role) -> impl Strategy<Value = Shape> {
    node().prop_map(move |node| {
        let on_failure = OnFailure::Stop;
        let node = Node { role, undo: NodeUndo::NotNeeded, by_person: false, is_confirm: false, on_failure, ..node };
        Shape::Step { node: Box::new(node), handler: Vec::new() }
    })
}

fn asides(role: Role, count: std::ops::Range<usize>) -> impl Strategy<Value = Vec<Shape>> {
    prop::collection::vec(aside(role), count)
}

fn step() -> impl Strategy<Value = Shape> {
    (node(), prop::option::weighted(0.15, asides(Role::Aside, 1..3)), any::<bool>()).prop_map(
        |(node, handler, retry)| {
            let handler = handler.unwrap_or_default();
            let tries_after_handler = retry && !handler.is_empty() && !node.by_person;
            Shape::Step { node: Box::new(Node { tries_after_handler, ..node }), handler }
        },
    )
}

fn policy() -> impl Strategy<Value = OnFailure> {
    prop::sample::select(vec![OnFailure::Stop, OnFailure::Rollback, OnFailure::Continue, OnFailure::Ask])
}

fn shape() -> impl Strategy<Value = Shape> {
    step().prop_recursive(3, 12, 3, |inner| {
        let list = || prop::collection::vec(inner.clone(), 1..4);
        let ways = prop::collection::btree_set(prop::sample::select(Way::ALL.to_vec()), 2..5);
        let held = (asides(Role::Acquire, 1..3), list(), asides(Role::Release, 1..2), ways, any::<bool>());
        let watch =
            (prop::sample::select(vec![Trip::Warn, Trip::Ask, Trip::Stop, Trip::Rollback]), asides(Role::Aside, 0..2));
        let name = String::new;
        prop_oneof![
            2 => list().prop_map(Shape::List),
            2 => (list(), 1..4_u32).prop_map(|(members, at_once)| Shape::Parallel { members, at_once }),
            3 => held.prop_map(move |(acquire, members, release, release_on, retake)| {
                Shape::Hold { name: name(), acquire, members, release, release_on, retake }
            }),
            3 => (inner.clone(), asides(Role::Aside, 0..2), prop::option::of(1..3_u32), 0..2_u32, policy()).prop_map(
                move |(body, between, canary, max_failures, on_failure)| Shape::Loop {
                    name: name(), body: Box::new(body), between, canary, max_failures, on_failure,
                }
            ),
            1 => (inner.clone(), any::<bool>(), 1..4_u32, policy()).prop_map(move |(body, has_until, max, on_failure)| {
                Shape::Repeat { name: name(), body: Box::new(body), has_until, max: Some(max), on_failure }
            }),
            1 => (inner.clone(), any::<bool>(), prop::collection::vec(watch, 0..2), policy()).prop_map(
                move |(body, limited, watches, on_failure)| Shape::Guard {
                    name: name(), body: Box::new(body), limited, watches, on_failure,
                }
            ),
            1 => (inner.clone(), any::<bool>()).prop_map(move |(body, until_end)| {
                Shape::Background { name: name(), body: Box::new(body), until_end }
            }),
            1 => (list(), policy()).prop_map(move |(members, on_failure)| {
                Shape::Include { name: name(), members, on_failure }
            }),
        ]
    })
}

/// What is held while its members are done, and a step after it whose failure rolls back.
fn held_and_undone() -> impl Strategy<Value = Vec<Shape>> {
    let members = prop::collection::vec(step(), 1..3);
    (asides(Role::Acquire, 1..3), members, asides(Role::Release, 1..2), node()).prop_map(
        |(acquire, members, release, last)| {
            let release_on = Way::ALL.into();
            let hold = Shape::Hold { name: String::new(), acquire, members, release, release_on, retake: true };
            let last = Node { on_failure: OnFailure::Rollback, undo: NodeUndo::NotNeeded, ..last };
            vec![hold, Shape::Step { node: Box::new(last), handler: Vec::new() }]
        },
    )
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let chances = prop::collection::vec(any::<u8>(), 0..120);
    let crashes = prop::collection::vec(1..12_u8, 0..5);
    let line = prop::collection::vec(step(), 1..7);
    let shapes = prop_oneof![2 => line, 4 => prop::collection::vec(shape(), 1..4), 1 => held_and_undone()];
    (shapes, 0..3_usize, chances, crashes, prop::option::weighted(0.2, 1..3_u8), aside(Role::Hook)).prop_map(
        |(mut shapes, hooks, chances, crashes, rollback_at, hook)| {
            let mut number = 0;
            name_all(&mut shapes, &mut number);
            let kinds = [Hook::OnFailure, Hook::OnRollback, Hook::Always];
            let hooks = kinds.into_iter().take(hooks).map(|kind| {
                let mut hook = hook.clone();
                if let Shape::Step { node, .. } = &mut hook {
                    node.name = format!("{}/h", kind.as_str());
                    node.has_check = false;
                }
                (kind, vec![hook])
            });
            Scenario { shapes, hooks: hooks.collect(), chances, crashes, rollback_at }
        },
    )
}

fn name_all(shapes: &mut [Shape], number: &mut u32) {
    for shape in shapes {
        name(shape, number);
    }
}

/// Gives everything its name.
fn name(shape: &mut Shape, number: &mut u32) {
    let mut next = || {
        *number += 1;
        format!("s{number}")
    };
    match shape {
        Shape::Step { node, handler } => {
            node.name = next();
            name_all(handler, number);
        }
        Shape::List(members) | Shape::Parallel { members, .. } => {
            name_all(members, number);
        }
        Shape::Include { name: own, members, .. } => {
            *own = next();
            name_all(members, number);
        }
        Shape::Loop { name: own, body, between, .. } => {
            *own = next();
            name(body, number);
            name_all(between, number);
        }
        Shape::Repeat { name: own, body, .. } | Shape::Background { name: own, body, .. } => {
            *own = next();
            name(body, number);
        }
        Shape::Hold { name: own, acquire, members, release, .. } => {
            *own = next();
            for list in [acquire, members, release] {
                name_all(list, number);
            }
        }
        Shape::Guard { name: own, body, watches, .. } => {
            *own = next();
            name(body, number);
            for (_, steps) in watches {
                name_all(steps, number);
            }
        }
    }
}

/// So many scenarios, or more where `PROPTEST_CASES` asks for more.
fn at_least(cases: u32) -> Config {
    let asked = Config::default();
    Config { cases: asked.cases.max(cases), failure_persistence: None, ..asked }
}

proptest! {
    #![proptest_config(at_least(3_000))]

    #[test]
    fn every_run_keeps_every_promise(scenario in scenarios()) {
        if let Err(broken) = run(&scenario, &NONE) {
            prop_assert!(false, "{broken}");
        }
    }
}
