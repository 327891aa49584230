//! Random runbooks, outcomes, crashes after any record and operators' answers against the promises of a run.
//!
//! A [`Scenario`] drives the engine against a simulated world that knows the truth (`drive`). `promises` reads only the
//! records and that truth. The planted bugs (`bugs`) show that each promise is really watched.

mod bugs;
mod drive;
mod promises;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::Config;

use super::program::{Node, NodeUndo, Program};
use super::state::State;
use super::{Decision, Engine};
use crate::model::event::Event;
use crate::model::runbook::Hook;
use crate::model::step::{OnFailure, Retry};
use drive::run;

#[derive(Debug, Clone)]
struct Scenario {
    pub(super) nodes: Vec<Node>,
    pub(super) hooks: BTreeMap<Hook, Vec<usize>>,
    pub(super) own: usize,
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
        let program = Program::new(self.nodes.clone(), self.own, self.hooks.clone());
        let state = State::new(program.steps.len());
        Engine { program, state }
    }
}

fn nodes() -> impl Strategy<Value = Vec<Node>> {
    let node = (any::<[bool; 4]>(), 0..12_u8, 1..3_u32, 0..4_u8).prop_map(|(flags, undo, max_attempts, policy)| {
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
    });
    prop::collection::vec(node, 1..7)
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let chances = prop::collection::vec(any::<u8>(), 0..80);
    let crashes = prop::collection::vec(1..12_u8, 0..5);
    (nodes(), 0..3_usize, chances, crashes, prop::option::weighted(0.2, 1..3_u8)).prop_map(
        |(mut nodes, hooks, chances, crashes, rollback_at)| {
            let own = nodes.len();
            for (index, node) in nodes.iter_mut().enumerate() {
                node.name = format!("s{index}");
            }
            let kinds = [Hook::OnFailure, Hook::OnRollback, Hook::Always];
            let mut members = BTreeMap::new();
            for hook in kinds.into_iter().take(hooks) {
                let mut node = nodes[0].clone();
                node.name = format!("{}/h", hook.as_str());
                node.undo = NodeUndo::NotNeeded;
                (node.by_person, node.is_confirm, node.has_check) = (false, false, false);
                members.insert(hook, vec![nodes.len()]);
                nodes.push(node);
            }
            Scenario { nodes, hooks: members, own, chances, crashes, rollback_at }
        },
    )
}

proptest! {
    #![proptest_config(Config { cases: 3_000, failure_persistence: None, ..Config::default() })]

    #[test]
    fn every_run_keeps_every_promise(scenario in scenarios()) {
        if let Err(broken) = run(&scenario, &NONE) {
            prop_assert!(false, "{broken}");
        }
    }
}
