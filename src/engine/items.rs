//! Loops and rounds: what is done for each of several things, or again and again.

use super::program::{BlockId, Looped, Rounds};
use super::state::BlockFold;
use super::walk::{Decisions, Fault, Mode, Walk, fault, worst};
use super::{Decision, Engine};
use crate::model::question::{Choice, Question};
use crate::model::step::OnFailure;

impl Engine {
    /// What comes before the first step of a loop or an included runbook; `None` once that was found.
    pub(super) fn enter(&self, block: BlockId, policy: OnFailure, mode: Mode, out: &mut Decisions) -> Option<Walk> {
        let fold = &self.state.blocks[block];
        if fold.skipped.is_some() {
            return Some(Walk::Through);
        }
        if let Some(reason) = &fold.failure {
            return Some(self.block_failed(block, policy, reason, out));
        }
        if fold.entered {
            return None;
        }
        if mode != Mode::Begin {
            return Some(Walk::Idle);
        }
        out.push(Decision::Enter { step: self.program.blocks[block].name.clone() });
        Some(Walk::Busy)
    }

    pub(super) fn walk_items(&self, block: BlockId, each: &Looped, mode: Mode, out: &mut Decisions) -> Walk {
        let fold = &self.state.blocks[block];
        if let Some(refused) = self.unwanted(block, each) {
            let quiet = if mode == Mode::Begin { Mode::Fail { back: refused.back } } else { mode };
            let items = each.batches.iter().flat_map(|(before, items)| before.iter().chain(items));
            let goes_on = items.filter(|item| self.walk(**item, quiet, out) == Walk::Busy).count() > 0;
            return if goes_on { Walk::Busy } else { Walk::Failed(refused) };
        }
        let mut faults = Vec::new();
        let from = fold.cursor.min(each.batches.len());
        let mut done: usize = each.batches[..from].iter().map(|(_, items)| items.len()).sum();
        for (before, items) in &each.batches[from..] {
            let first = done == 0;
            let asked =
                each.canary.is_some_and(|canary| !first && done == usize::try_from(canary).unwrap_or(usize::MAX));
            if asked && let Some(walk) = self.canary(block, fold, mode, out) {
                return walk;
            }
            if let Some(before) = before {
                match self.walk(*before, mode, out) {
                    Walk::Through => {}
                    other => return other,
                }
            }
            let (mut busy, mut idle) = (false, false);
            let mode = self.unless_ordered(items, mode);
            for item in items {
                match self.walk(*item, mode, out) {
                    Walk::Through => {}
                    Walk::Busy => busy = true,
                    Walk::Idle => idle = true,
                    Walk::Failed(fault) => faults.push(fault),
                }
            }
            if busy {
                return Walk::Busy;
            }
            let ordered = faults.iter().any(|fault: &Fault| fault.ordered);
            if idle && !ordered {
                return Walk::Idle;
            }
            done += items.len();
            if ordered || faults.len() > usize::try_from(each.max_failures).unwrap_or(usize::MAX) {
                return worst(&faults).map_or(Walk::Through, Walk::Failed);
            }
        }
        Walk::Through
    }

    /// Nothing more begins in any item once a person or a watch wants an end of one.
    fn unless_ordered(&self, items: &[BlockId], mode: Mode) -> Mode {
        if mode != Mode::Begin || items.len() < 2 {
            return mode;
        }
        let quiet = |item: &BlockId| self.walk(*item, Mode::Fail { back: false }, &mut Vec::new());
        let ordered = items.iter().filter_map(|item| fault(quiet(item))).find(|fault| fault.ordered);
        ordered.map_or(mode, |fault| Mode::Fail { back: fault.back })
    }

    /// What follows once a person does not want to go on after the first items: nothing more begins in any of them.
    fn unwanted(&self, block: BlockId, each: &Looped) -> Option<Fault> {
        let verdict = self.state.blocks[block].verdict.filter(|choice| each.canary.is_some() && *choice != Choice::Yes);
        verdict.map(|choice| Fault {
            step: self.program.blocks[block].name.clone(),
            reason: "a person answered no after the first items".to_owned(),
            back: choice == Choice::Rollback,
            ordered: true,
        })
    }

    /// The question after the first items; `None` once a person wants to go on.
    fn canary(&self, block: BlockId, fold: &BlockFold, mode: Mode, out: &mut Decisions) -> Option<Walk> {
        let step = self.program.blocks[block].name.clone();
        match fold.verdict {
            Some(_) => None,
            None if matches!(mode, Mode::Stop | Mode::Fail { .. }) => Some(Walk::Idle),
            None => {
                self.put(Decision::Ask { step, question: Question::Canary }, out);
                Some(Walk::Busy)
            }
        }
    }

    pub(super) fn walk_rounds(
        &self,
        block: BlockId,
        inner: BlockId,
        rounds: Rounds,
        mode: Mode,
        out: &mut Decisions,
    ) -> Walk {
        let fold = &self.state.blocks[block];
        if let Some(reason) = &fold.failure {
            return self.block_failed(block, rounds.on_failure, reason, out);
        }
        if fold.over {
            return Walk::Through;
        }
        match self.walk(inner, mode, out) {
            Walk::Through if mode == Mode::Begin => {
                let step = self.program.blocks[block].name.clone();
                out.push(Decision::Judge { step, round: fold.rounds + 1 });
                Walk::Busy
            }
            Walk::Through => Walk::Idle,
            other => other,
        }
    }
}
