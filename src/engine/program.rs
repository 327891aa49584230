//! A runbook as the engine sees it: what acts in a line, and around it a tree that says in which order.
//!
//! The tree grows: what a loop does is there once as a [`Shape`], and once more for each item when its items are known.

mod grow;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::shape::{Shape, acting, list};
use crate::model::flow::{Trip, Way};
use crate::model::runbook::{Hook, Runbook};
use crate::model::step::{OnFailure, Retry};

/// The place of a block in the tree.
pub type BlockId = usize;

/// Everything that acts, and its order.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    /// What acts: the runbook's steps in their order, those of its hooks, then those of items as they became known.
    pub steps: Vec<Node>,
    /// The tree.
    pub blocks: Vec<Block>,
    /// What expressions see beside the runbook's own names, by place; the first is the runbook itself.
    pub frames: Vec<Frame>,
    /// The runbook's list.
    pub root: BlockId,
    /// Each hook's steps.
    pub hooks: BTreeMap<Hook, Vec<usize>>,
    names: HashMap<String, usize>,
    places: HashMap<String, Vec<BlockId>>,
}

/// What decides about one step.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// Its name in the journal.
    pub name: String,
    /// What it is there for.
    pub role: Role,
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
    /// Steps in the background that it waits for.
    pub joins: Vec<String>,
    /// Whether that waiting has a limit.
    pub limited: bool,
    /// How often and when it is tried.
    pub retry: Retry,
    /// Whether what is done about its failure earns it one more attempt.
    pub tries_after_handler: bool,
    /// What follows its failure.
    pub on_failure: OnFailure,
    /// How it is undone.
    pub undo: NodeUndo,
}

/// What a step is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The runbook's work: it is undone in a rollback.
    Own,
    /// It takes a hold; a rollback releases it.
    Acquire,
    /// It gives a hold back. It may begin whenever that is due.
    Release,
    /// What a failure, a watch or the end of a batch brings about.
    Aside,
    /// A hook's.
    Hook,
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

/// One place of the tree.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The step that it was made for; empty for a list.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// What it stands in.
    pub parent: Option<BlockId>,
    /// What expressions see there.
    pub frame: usize,
}

/// What a block is. The shapes are those of [`Shape`].
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// What acts, and the list that its failure brings about.
    Step(usize, Option<BlockId>),
    /// One after the other.
    List(Vec<BlockId>),
    /// Side by side, so many at once.
    Parallel(Vec<BlockId>, usize),
    /// Another runbook's list.
    Include(BlockId, OnFailure),
    /// For each item.
    Loop(Box<Looped>),
    /// Round after round.
    Repeat(BlockId, Rounds),
    /// Held.
    Hold(Held),
    /// Watched or limited.
    Guard(Guarded),
    /// Beside what follows; `true` is ended with its list.
    Background(BlockId, bool),
}

/// A loop.
#[derive(Debug, Clone, PartialEq)]
pub struct Looped {
    /// What each item is made of.
    pub body: Shape,
    /// What stands between two batches.
    pub between: Vec<Shape>,
    /// After so many items a person is asked.
    pub canary: Option<u32>,
    /// So many may fail.
    pub max_failures: u32,
    /// What follows when its list cannot be found.
    pub on_failure: OnFailure,
    /// Every item that it ever had, by when each was first there. In a `repeat` each round finds its own.
    pub known: Vec<BlockId>,
    /// What ever preceded a batch, by the name of the item that the batch begins with.
    pub preceding: BTreeMap<String, BlockId>,
    /// Each batch that there is now: what precedes it, and its items.
    pub batches: Vec<Batch>,
}

/// What precedes a batch, and its items.
pub type Batch = (Option<BlockId>, Vec<BlockId>);

/// The rounds of a `repeat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rounds {
    /// Whether a condition ends it.
    pub has_until: bool,
    /// So many at most.
    pub max: Option<u32>,
    /// What follows when it fails.
    pub on_failure: OnFailure,
}

/// A hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The list that takes it.
    pub acquire: BlockId,
    /// What happens meanwhile.
    pub inner: BlockId,
    /// The list that gives it back.
    pub release: BlockId,
    /// The ways out on which it is given back.
    pub release_on: BTreeSet<Way>,
    /// Whether a rollback takes it again.
    pub retake: bool,
}

/// What is watched or limited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guarded {
    /// What happens meanwhile.
    pub inner: BlockId,
    /// Whether it has a limit.
    pub limited: bool,
    /// Each watch: what its trip brings about, and the list that comes first.
    pub watches: Vec<(Trip, BlockId)>,
    /// What follows when its limit is reached.
    pub on_failure: OnFailure,
}

/// What expressions see at a place beside what surrounds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame {
    /// The runbook's own names.
    Root,
    /// One item of a loop, by its number.
    Item {
        /// What surrounds the loop.
        outer: usize,
        /// The loop.
        of: BlockId,
        /// Its place among all that the loop ever had, from 0.
        item: usize,
    },
    /// An included runbook's names, and nothing of what surrounds it.
    Include {
        /// What surrounds the step that includes it.
        outer: usize,
        /// That step.
        of: BlockId,
    },
}

impl Program {
    /// The program of a runbook.
    #[must_use]
    pub fn of(runbook: &Runbook) -> Self {
        let hooks = runbook.hooks.iter().map(|(hook, members)| {
            let named = members.iter().map(|step| acting(step, hook.step_name(&step.id), Role::Hook));
            (*hook, named.collect())
        });
        Self::new(list(&runbook.steps), hooks.collect())
    }

    /// The place of a step by its name in the journal.
    #[must_use]
    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// The block of that name that is of a certain kind.
    #[must_use]
    pub fn block(&self, name: &str, is: impl Fn(&Kind) -> bool) -> Option<BlockId> {
        self.places.get(name)?.iter().copied().find(|block| is(&self.blocks[*block].kind))
    }

    /// Every block of that name, the outermost first.
    #[must_use]
    pub fn blocks_named(&self, name: &str) -> &[BlockId] {
        self.places.get(name).map_or(&[], Vec::as_slice)
    }

    /// The innermost block of that name.
    #[must_use]
    pub fn innermost(&self, name: &str) -> Option<BlockId> {
        self.blocks_named(name).last().copied()
    }

    /// Every block within one, itself included.
    #[must_use]
    pub fn blocks_within(&self, block: BlockId) -> Vec<BlockId> {
        let mut found = Vec::new();
        let mut open = vec![block];
        while let Some(block) = open.pop() {
            found.push(block);
            open.extend(self.within(block));
        }
        found
    }

    /// Whether something is called so.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.places.contains_key(name)
    }

    /// The block of a step.
    #[must_use]
    pub fn block_of(&self, step: usize) -> Option<BlockId> {
        self.block(&self.steps[step].name, |kind| matches!(kind, Kind::Step(index, _) if *index == step))
    }

    /// A block and all that it stands in, the innermost first.
    pub fn above(&self, block: BlockId) -> impl Iterator<Item = BlockId> {
        std::iter::successors(Some(block), |block| self.blocks[*block].parent)
    }

    /// The blocks right within one, in their order.
    #[must_use]
    pub fn within(&self, block: BlockId) -> Vec<BlockId> {
        match &self.blocks[block].kind {
            Kind::Step(_, handler) => handler.iter().copied().collect(),
            Kind::List(members) | Kind::Parallel(members, _) => members.clone(),
            Kind::Include(inner, _) | Kind::Repeat(inner, _) | Kind::Background(inner, _) => vec![*inner],
            Kind::Loop(each) => {
                each.batches.iter().flat_map(|(before, items)| before.iter().chain(items)).copied().collect()
            }
            Kind::Hold(hold) => vec![hold.acquire, hold.inner, hold.release],
            Kind::Guard(guard) => std::iter::once(guard.inner).chain(guard.watches.iter().map(|at| at.1)).collect(),
        }
    }

    /// Every step within a block, in the order of the tree.
    #[must_use]
    pub fn steps_within(&self, block: BlockId) -> Vec<usize> {
        let mut found = Vec::new();
        let mut open = vec![block];
        while let Some(block) = open.pop() {
            if let Kind::Step(index, _) = self.blocks[block].kind {
                found.push(index);
            }
            open.extend(self.within(block).into_iter().rev());
        }
        found
    }
}
