//! How far everything has come, and what can be done now: one walk over the tree.

use std::time::Duration;

use super::program::{BlockId, Kind, NodeUndo};
use super::state::Standing;
use super::{Decision, Engine};
use crate::model::event::Event;
use crate::model::question::{Choice, Question};
use crate::model::step::OnFailure;

/// What a walk may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Anything.
    Begin,
    /// Nothing: a question is open.
    Wait,
    /// Nothing: the run is to stop.
    Stop,
    /// Nothing: something beside it failed, and what was done is undone where `back` says so.
    Fail {
        /// A rollback follows.
        back: bool,
    },
}

/// How far a block has come.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Walk {
    /// Nothing more to do.
    Through,
    /// Something is under way, or to be done now.
    Busy,
    /// Not through, and nothing may begin.
    Idle,
    /// It failed for good.
    Failed(Fault),
}

/// Why a block failed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fault {
    /// The step that it comes from.
    pub step: String,
    /// Why.
    pub reason: String,
    /// Whether a rollback follows.
    pub back: bool,
    /// A person or a watch wants it so: nothing around it may pass it over.
    pub ordered: bool,
}

pub(super) type Decisions = Vec<Decision>;

impl Engine {
    /// Adds what can be done now within a block, and says how far it has come.
    pub(super) fn walk(&self, block: BlockId, mode: Mode, out: &mut Decisions) -> Walk {
        match &self.program.blocks[block].kind {
            Kind::Step(index, handler) => self.walk_step(*index, *handler, mode, out),
            Kind::List(members) => self.walk_list(block, members, mode, out),
            Kind::Parallel(members, at_once) => self.walk_parallel(members, *at_once, mode, out),
            Kind::Include(inner, on_failure) => match self.enter(block, *on_failure, mode, out) {
                Some(walk) => walk,
                None => self.walk(*inner, mode, out),
            },
            Kind::Loop(each) => match self.enter(block, each.on_failure, mode, out) {
                Some(walk) => walk,
                None => self.walk_items(block, each, mode, out),
            },
            Kind::Repeat(inner, rounds) => self.walk_rounds(block, *inner, *rounds, mode, out),
            Kind::Hold(hold) => self.walk_hold(block, hold, mode, out),
            Kind::Guard(guard) => self.walk_guard(block, guard, mode, out),
            Kind::Background(inner, _) => self.walk(*inner, mode, out),
        }
    }

    /// Whether going forward has nothing more to do with a block.
    pub(super) fn is_through(&self, block: BlockId) -> bool {
        self.walk(block, Mode::Fail { back: false }, &mut Vec::new()) == Walk::Through
    }

    fn walk_step(&self, index: usize, handler: Option<BlockId>, mode: Mode, out: &mut Decisions) -> Walk {
        let (node, fold) = self.both(index);
        if fold.is_through() {
            return Walk::Through;
        }
        match fold.state {
            Standing::Started if node.by_person && mode == Mode::Stop => Walk::Idle,
            Standing::Started => {
                self.under_way(index, out);
                Walk::Busy
            }
            Standing::Unknown if mode == Mode::Stop => Walk::Idle,
            Standing::Unknown => {
                self.put(self.settle(index), out);
                Walk::Busy
            }
            Standing::Failed | Standing::TimedOut if mode == Mode::Stop => match handler {
                Some(handler) if self.walk(handler, mode, out) == Walk::Busy => Walk::Busy,
                _ => Walk::Idle,
            },
            Standing::Failed | Standing::TimedOut if self.may_retry(index) => {
                // What nobody knows of the last failure's handler is settled before there is another failure.
                match handler.and_then(|handler| self.unknown_within(handler)) {
                    Some(unknown) => {
                        self.put(self.settle(unknown), out);
                        Walk::Busy
                    }
                    None => self.begin(index, mode, out),
                }
            }
            // What the program ended was meant to be ended: whoever did it says what follows.
            Standing::Failed | Standing::TimedOut if fold.was_cancelled() && fold.tries > 0 => {
                let reason = fold.reason.clone().unwrap_or_default();
                Walk::Failed(Fault { step: node.name.clone(), reason, back: false, ordered: false })
            }
            Standing::Failed | Standing::TimedOut => self.after_failure(index, handler, mode, out),
            _ => self.begin(index, mode, out),
        }
    }

    fn begin(&self, index: usize, mode: Mode, out: &mut Decisions) -> Walk {
        if mode != Mode::Begin {
            return Walk::Idle;
        }
        let (node, fold) = self.both(index);
        let step = node.name.clone();
        if let Some(reason) = fold.skip.clone() {
            out.push(Decision::Append(Event::StepSkipped { step, reason }));
            return Walk::Busy;
        }
        if node.joins.iter().any(|joined| self.goes_on(joined)) {
            if node.limited {
                out.push(Decision::Limit { step });
            }
            return Walk::Busy;
        }
        let delay = if fold.has_failed() { node.retry.delay_before(fold.tries + 1) } else { Duration::ZERO };
        out.push(Decision::Attempt { step, attempt: fold.attempts + 1, delay });
        Walk::Busy
    }

    /// Whether something in the background has not come to its end.
    fn goes_on(&self, name: &str) -> bool {
        let block = self.program.block(name, |kind| matches!(kind, Kind::Background(..)));
        block.is_some_and(|block| {
            let walk = self.walk(block, Mode::Begin, &mut Vec::new());
            !matches!(walk, Walk::Through | Walk::Failed(_))
        })
    }

    /// What failed of the steps in the background that a step waits for; `None` where all came to a good end.
    #[must_use]
    pub fn failed_behind(&self, step: &str) -> Option<String> {
        let joins = self.program.index(step).map(|index| &self.program.steps[index].joins)?;
        let failed = joins.iter().filter_map(|joined| {
            let block = self.program.block(joined, |kind| matches!(kind, Kind::Background(..)))?;
            fault(self.walk(block, Mode::Begin, &mut Vec::new()))
        });
        let said: Vec<String> = failed.map(|fault| format!("{} failed: {}", fault.step, fault.reason)).collect();
        (!said.is_empty()).then(|| said.join("; "))
    }

    /// What follows a failure that is not tried again.
    fn after_failure(&self, index: usize, handler: Option<BlockId>, mode: Mode, out: &mut Decisions) -> Walk {
        let (node, fold) = self.both(index);
        let reason = fold.reason.clone().unwrap_or_default();
        if let Some(handler) = handler {
            // It is done also where something beside the step has failed.
            let is_due = matches!(mode, Mode::Fail { .. }) && !self.is_out_of_time(index);
            match self.walk(handler, if is_due { Mode::Begin } else { mode }, out) {
                Walk::Busy => return Walk::Busy,
                Walk::Idle => return Walk::Idle,
                Walk::Through | Walk::Failed(_) => {}
            }
            if node.tries_after_handler && fold.tries <= self.limit(index) {
                return self.begin(index, mode, out);
            }
        }
        self.failed(&node.name, reason, node.on_failure, fold.verdict, out)
    }

    /// Whether the time limit of something around a step is over.
    fn is_out_of_time(&self, index: usize) -> bool {
        let mut around = self.program.block_of(index).into_iter().flat_map(|block| self.program.above(block));
        around.any(|block| self.state.blocks[block].limit_reached)
    }

    /// What a policy makes of a failure that nothing more is done about.
    fn failed(
        &self,
        step: &str,
        reason: String,
        policy: OnFailure,
        verdict: Option<Choice>,
        out: &mut Decisions,
    ) -> Walk {
        let back = match (policy, verdict) {
            (OnFailure::Continue, _) => return Walk::Through,
            (OnFailure::Ask, None) => {
                self.put(Decision::Ask { step: step.to_owned(), question: Question::Failure }, out);
                return Walk::Busy;
            }
            (OnFailure::Ask, Some(choice)) => choice == Choice::Rollback,
            (OnFailure::Rollback, _) => true,
            (OnFailure::Stop, _) => false,
        };
        Walk::Failed(Fault { step: step.to_owned(), reason, back, ordered: policy == OnFailure::Ask })
    }

    /// What a policy makes of the failure of a block itself.
    pub(super) fn block_failed(&self, block: BlockId, policy: OnFailure, reason: &str, out: &mut Decisions) -> Walk {
        let fold = &self.state.blocks[block];
        if fold.passed_over {
            return Walk::Through;
        }
        self.failed(&self.program.blocks[block].name, reason.to_owned(), policy, fold.verdict, out)
    }

    fn walk_list(&self, block: BlockId, members: &[BlockId], mode: Mode, out: &mut Decisions) -> Walk {
        let from = self.state.blocks[block].cursor.min(members.len());
        let first = out.len();
        let mut beside = Vec::new();
        let mut walk = Walk::Through;
        let (mut ordered, mut apart) = (None, Vec::new());
        for member in &members[from..] {
            let mode = ordered.as_ref().map_or(mode, |fault: &Fault| Mode::Fail { back: fault.back });
            match (self.walk(*member, mode, out), self.background(*member)) {
                (Walk::Failed(fault), Some(_)) if fault.ordered => ordered = Some(fault),
                (Walk::Busy | Walk::Idle, Some(until_end)) => beside.push((*member, until_end)),
                (Walk::Failed(fault), Some(true)) if !self.was_ended(*member) => walk = Walk::Failed(fault),
                (Walk::Failed(fault), Some(_)) => apart.push((*member, fault)),
                (Walk::Through, _) => {}
                (Walk::Busy, None) => return Walk::Busy,
                (Walk::Idle, None) => {
                    walk = Walk::Idle;
                    break;
                }
                (Walk::Failed(fault), None) => {
                    walk = Walk::Failed(fault);
                    break;
                }
            }
        }
        if let Some(fault) = ordered {
            walk = Walk::Failed(fault);
        }
        if beside.is_empty() {
            return self.failed_apart(&apart, walk, out);
        }
        self.end_beside(&beside, walk, (mode, first), out)
    }

    fn walk_parallel(&self, members: &[BlockId], at_once: usize, mode: Mode, out: &mut Decisions) -> Walk {
        let quiet = |member: &BlockId| self.walk(*member, Mode::Fail { back: false }, &mut Vec::new());
        let faults: Vec<Fault> = members.iter().filter_map(|member| fault(quiet(member))).collect();
        let mode = match faults.first() {
            Some(_) if mode == Mode::Begin => Mode::Fail { back: faults.iter().any(|fault| fault.back) },
            _ => mode,
        };
        let (mut busy, mut idle) = (false, false);
        let turns = self.turns(members, at_once, mode);
        for member in members.iter().filter(|member| !self.is_through(**member)) {
            if !turns.contains(member) {
                idle = true;
                continue;
            }
            match self.walk(*member, mode, out) {
                Walk::Busy => busy = true,
                Walk::Idle => idle = true,
                Walk::Through | Walk::Failed(_) => {}
            }
        }
        match worst(&faults) {
            _ if busy => Walk::Busy,
            Some(fault) => Walk::Failed(fault),
            None if idle => Walk::Idle,
            None => Walk::Through,
        }
    }

    /// Members of a group that may go on. Of those that may begin something these are as many as are allowed side by
    /// side: first where something is under way, then what was begun, because after a halt more than those may be due.
    fn turns(&self, members: &[BlockId], at_once: usize, mode: Mode) -> Vec<BlockId> {
        let acts = |index: &usize| self.state.in_flight.contains(index);
        let mut turns: Vec<BlockId> = members.iter().copied().filter(|member| !self.is_through(*member)).collect();
        turns.sort_by_cached_key(|member| match self.is_begun(*member) {
            true if self.program.steps_within(*member).iter().any(acts) => 0,
            true => 1,
            false => 2,
        });
        let begun = turns.iter().filter(|member| self.is_begun(**member)).count();
        turns.truncate(if mode == Mode::Begin { at_once.max(1) } else { begun });
        turns
    }

    /// Whether anything within a block was tried already.
    pub(super) fn is_begun(&self, block: BlockId) -> bool {
        let fold = &self.state.blocks[block];
        let itself = fold.entered || fold.held || fold.rounds > 0 || fold.failure.is_some();
        let begun = |index: usize| {
            let fold = &self.state.steps[index];
            fold.tries > 0 || fold.state != Standing::Pending
        };
        itself || self.program.steps_within(block).into_iter().any(begun)
    }

    /// Adds a decision; a question only where no other is open or about to be, and nothing has to follow from an answer
    /// any more: there is room for one.
    pub(super) fn put(&self, decision: Decision, out: &mut Decisions) {
        let is_question = matches!(decision, Decision::Ask { .. });
        let open = self.state.question.is_some() || self.state.decision.is_some();
        let taken = open || out.iter().any(|other| matches!(other, Decision::Ask { .. }));
        if !(is_question && taken) {
            out.push(decision);
        }
    }

    /// How often a step may be tried in this round.
    pub(super) fn limit(&self, index: usize) -> u32 {
        let (node, fold) = self.both(index);
        node.retry.max_attempts.max(1) + fold.granted
    }

    /// Whether another attempt follows a failed one by itself. What was ended on purpose is not tried again, until the
    /// run is taken up.
    pub(super) fn may_retry(&self, index: usize) -> bool {
        let fold = &self.state.steps[index];
        fold.tries < self.limit(index) && !(fold.was_cancelled() && fold.tries > 0)
    }

    /// Whether nothing of a step can be in place that would have to be undone.
    pub(super) fn leaves_nothing(&self, index: usize) -> bool {
        self.program.steps[index].undo == NodeUndo::NotNeeded
    }
}

pub(super) fn fault(walk: Walk) -> Option<Fault> {
    match walk {
        Walk::Failed(fault) => Some(fault),
        _ => None,
    }
}

/// The first of several failures, with a rollback where any asks for one.
pub(super) fn worst(faults: &[Fault]) -> Option<Fault> {
    let first = faults.first()?.clone();
    let back = faults.iter().any(|fault| fault.back);
    let ordered = faults.iter().any(|fault| fault.ordered);
    Some(Fault { back, ordered, ..first })
}
