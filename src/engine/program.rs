//! A runbook as the engine sees it: steps in a line, and of each only what decides.

use std::collections::{BTreeMap, HashMap};

use crate::model::runbook::{Hook, Runbook};
use crate::model::step::{Action, Effect, OnFailure, Retry, Step, Undo};

/// All acting steps: those of the runbook in their order, then those of its hooks.
#[derive(Debug, Clone)]
pub struct Program {
    /// Every acting step.
    pub steps: Vec<Node>,
    /// How many of them are the runbook's own.
    pub own: usize,
    /// Where each hook's steps stand.
    pub hooks: BTreeMap<Hook, Vec<usize>>,
    names: HashMap<String, usize>,
}

/// What decides about one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name in the journal.
    pub name: String,
    /// A person carries it out.
    pub by_person: bool,
    /// It asks for a go: only its yes is a beginning.
    pub is_confirm: bool,
    /// It changes nothing outside the run.
    pub read_only: bool,
    /// It may be run again.
    pub idempotent: bool,
    /// It has a check that can settle it.
    pub has_check: bool,
    /// What failed of it is known to have left nothing.
    pub atomic: bool,
    /// How often and when it is tried.
    pub retry: Retry,
    /// What follows its failure.
    pub on_failure: OnFailure,
    /// How it is undone.
    pub undo: NodeUndo,
}

/// How a step is undone.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeUndo {
    /// There is nothing to undo.
    NotNeeded,
    /// In so many parts, each with its own patience.
    Parts(Vec<Retry>),
    /// It stays.
    Irreversible(String),
    /// It stays, and all before it.
    PointOfNoReturn(String),
}

impl Program {
    /// The program of a runbook.
    #[must_use]
    pub fn of(runbook: &Runbook) -> Self {
        let mut steps: Vec<Node> = runbook.leaves().into_iter().map(|step| Node::of(step, step.id.clone())).collect();
        let own = steps.len();
        let mut hooks = BTreeMap::new();
        for (hook, members) in &runbook.hooks {
            let first = steps.len();
            steps.extend(members.iter().map(|step| Node::of(step, hook.step_name(&step.id))));
            hooks.insert(*hook, (first..steps.len()).collect());
        }
        Self::new(steps, own, hooks)
    }

    /// A program from its nodes. The first `own` of them are the runbook's.
    #[must_use]
    pub fn new(steps: Vec<Node>, own: usize, hooks: BTreeMap<Hook, Vec<usize>>) -> Self {
        let names = steps.iter().enumerate().map(|(index, node)| (node.name.clone(), index)).collect();
        Self { steps, own, hooks, names }
    }

    /// The place of a step by its name in the journal.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }
}

impl Node {
    fn of(step: &Step, name: String) -> Self {
        let restores = matches!(step.action, Action::File(_));
        let undo = match &step.undo {
            Undo::NotNeeded { .. } => NodeUndo::NotNeeded,
            Undo::Irreversible { why } => NodeUndo::Irreversible(why.clone()),
            Undo::PointOfNoReturn { why } => NodeUndo::PointOfNoReturn(why.clone()),
            Undo::Steps(parts) => NodeUndo::Parts(
                restores.then(Retry::default).into_iter().chain(parts.iter().map(|part| part.retry.clone())).collect(),
            ),
        };
        Self {
            name,
            by_person: step.action.is_by_person(),
            is_confirm: matches!(step.action, Action::Confirm(_)),
            read_only: step.effect == Effect::ReadOnly,
            idempotent: step.idempotent,
            has_check: step.check.is_some(),
            atomic: matches!(&step.action, Action::Sql(sql) if sql.transaction),
            retry: step.retry.clone(),
            on_failure: step.on_failure,
            undo,
        }
    }
}
