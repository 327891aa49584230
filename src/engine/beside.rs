//! What goes on beside the steps of a list, in the background.

use super::program::{BlockId, Kind, Role};
use super::state::Standing;
use super::walk::{Decisions, Fault, Mode, Walk};
use super::{Decision, Engine};
use crate::model::flow::Way;

impl Engine {
    /// What goes on beside a list that has come to its end, or will not go on: it is ended, or waited for.
    pub(super) fn end_beside(
        &self,
        beside: &[(BlockId, bool)],
        walk: Walk,
        (mode, first): (Mode, usize),
        out: &mut Decisions,
    ) -> Walk {
        // A rollback ends it.
        if matches!(&walk, Walk::Failed(fault) if fault.back) {
            return walk;
        }
        let quiet = if matches!(walk, Walk::Failed(_)) { Mode::Fail { back: false } } else { mode };
        let waits = walk == Walk::Idle && mode == Mode::Wait;
        out.truncate(first);
        let (mut busy, mut idle) = (false, false);
        for (member, until_end) in beside {
            match self.walk(*member, quiet, out) {
                Walk::Busy => busy = true,
                Walk::Idle => idle = true,
                Walk::Through | Walk::Failed(_) => {}
            }
            if *until_end && !waits {
                self.cancel(*member, out);
            }
        }
        match walk {
            _ if busy => Walk::Busy,
            Walk::Through if idle => Walk::Idle,
            walk => walk,
        }
    }

    /// Whether a block goes on beside what follows; with whether it ends with its list.
    pub(super) fn background(&self, block: BlockId) -> Option<bool> {
        match self.program.blocks[block].kind {
            Kind::Background(_, until_end) => Some(until_end),
            _ => None,
        }
    }

    /// Whether what failed of it was ended by the program.
    pub(super) fn was_ended(&self, block: BlockId) -> bool {
        let steps = self.program.steps_within(block);
        steps.into_iter().all(|index| !self.state.steps[index].has_failed() || self.state.steps[index].was_cancelled())
    }

    /// Asks for the end of everything that is under way within a block, save what gives back what is held.
    pub(super) fn cancel(&self, block: BlockId, out: &mut Decisions) {
        for index in self.program.steps_within(block) {
            let (node, fold) = self.both(index);
            if fold.state == Standing::Started && !node.by_person && node.role != Role::Release {
                out.push(Decision::Cancel { step: node.name.clone() });
            }
        }
    }

    /// What failed in the background of a list that is over. Its failure counts at the join, or here where nothing joins
    /// it; what it holds for a rollback that does not come is given back.
    pub(super) fn failed_apart(&self, apart: &[(BlockId, Fault)], walk: Walk, out: &mut Decisions) -> Walk {
        let walk = match (walk, apart.iter().find(|(member, _)| !self.is_joined(*member))) {
            (Walk::Through, Some((_, fault))) => Walk::Failed(fault.clone()),
            (walk, _) => walk,
        };
        let is_over = match &walk {
            Walk::Through => true,
            Walk::Failed(fault) => !fault.back,
            Walk::Busy | Walk::Idle => false,
        };
        let within = apart.iter().flat_map(|(member, _)| self.program.blocks_within(*member)).filter(|_| is_over);
        let held = within.filter_map(|block| Some((block, self.hold_at(block)?)));
        let mut due =
            held.filter(|(block, hold)| self.state.blocks[*block].held && hold.release_on.contains(&Way::Failure));
        match due.find_map(|(block, hold)| (self.give_back(block, hold, out) == Walk::Busy).then_some(Walk::Busy)) {
            Some(busy) => busy,
            None => walk,
        }
    }

    /// Whether a step waits for the end of a block in the background. What is ended with its list needs none.
    fn is_joined(&self, block: BlockId) -> bool {
        let name = &self.program.blocks[block].name;
        matches!(self.program.blocks[block].kind, Kind::Background(_, true))
            || self.program.steps.iter().any(|node| node.joins.contains(name))
    }
}
