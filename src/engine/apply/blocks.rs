//! What events do to loops, rounds, holds, watches and limits.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::{Applied, allowed};
use crate::engine::Engine;
use crate::engine::program::{BlockId, Held, Kind};
use crate::engine::state::{BlockFold, Standing};
use crate::model::event::{Event, Item};
use crate::model::question::Choice;
use crate::model::result::Failure;

impl Engine {
    pub(super) fn loop_started(&mut self, step: &str, items: &[Item], serial: u32) -> Applied {
        let block = self.to_enter(step, |kind| matches!(kind, Kind::Loop(_)))?;
        let labels: Vec<&str> = items.iter().map(|item| item.label.as_str()).collect();
        let distinct: BTreeSet<&str> = labels.iter().copied().collect();
        allowed(distinct.len() == labels.len(), "two items are called the same")?;
        let fold = &mut self.state.blocks[block];
        fold.entered = true;
        let placed: Vec<(&str, usize)> = items.iter().map(|item| (item.label.as_str(), fold.place_of(item))).collect();
        self.program.give_items(block, &placed, serial);
        self.state.grow(&self.program);
        // What was there in an earlier round, and not in the last one, begins anew too.
        for inner in self.program.within(block) {
            self.begin_anew(inner);
        }
        Ok(())
    }

    pub(super) fn include_started(&mut self, step: &str, parameters: &BTreeMap<String, Value>) -> Applied {
        let block = self.to_enter(step, |kind| matches!(kind, Kind::Include(..)))?;
        let fold = &mut self.state.blocks[block];
        fold.entered = true;
        fold.parameters.clone_from(parameters);
        Ok(())
    }

    pub(super) fn block_skipped(&mut self, step: &str, reason: &str) -> Applied {
        let block = self.to_enter(step, |kind| matches!(kind, Kind::Loop(_) | Kind::Include(..)))?;
        self.state.blocks[block].skipped = Some(reason.to_owned());
        Ok(())
    }

    pub(super) fn block_refused(&mut self, step: &str, failure: &Failure) -> Applied {
        let block = self.to_enter(step, |kind| matches!(kind, Kind::Loop(_) | Kind::Include(..)))?;
        self.state.blocks[block].failure = Some(failure.message.clone());
        Ok(())
    }

    /// The block, if it may be entered now.
    fn to_enter(&self, step: &str, is: impl Fn(&Kind) -> bool) -> Result<BlockId, String> {
        let block = self.block(step, is)?;
        let fold = &self.state.blocks[block];
        allowed(!fold.entered && fold.skipped.is_none() && fold.failure.is_none(), "it was entered already")?;
        Ok(block)
    }

    /// The block of that name and kind, while the run goes forward.
    fn block(&self, step: &str, is: impl Fn(&Kind) -> bool) -> Result<BlockId, String> {
        allowed(self.state.ended.is_none(), "the run has ended")?;
        allowed(!self.state.is_going_back(), "the run is rolling back")?;
        self.program.block(step, is).ok_or_else(|| format!("the runbook has no such step as {step}"))
    }

    pub(super) fn round_finished(&mut self, event: &Event) -> Applied {
        let Event::RoundFinished { step, round, done, failure, .. } = event else { return Ok(()) };
        let block = self.block(step, |kind| matches!(kind, Kind::Repeat(..)))?;
        let Kind::Repeat(inner, rounds) = self.program.blocks[block].kind else { return Ok(()) };
        let fold = &self.state.blocks[block];
        allowed(*round == fold.rounds + 1 && !fold.over, "it is not that round's turn")?;
        allowed(self.is_through(inner), "the round is not through")?;
        let fold = &mut self.state.blocks[block];
        fold.rounds += 1;
        if let Some(failure) = failure {
            fold.failure = Some(failure.message.clone());
        } else if *done {
            fold.over = true;
        } else if rounds.max.is_some_and(|max| fold.rounds >= max) {
            let reason = format!("its `until` did not come true in {} rounds", fold.rounds);
            fold.over = !rounds.has_until;
            fold.failure = rounds.has_until.then_some(reason);
        } else {
            self.begin_anew(inner);
        }
        Ok(())
    }

    /// Everything within a block is to be done once more. What may be in place of it stays so.
    fn begin_anew(&mut self, block: BlockId) {
        for index in self.program.steps_within(block) {
            let fold = &mut self.state.steps[index];
            fold.state = Standing::Pending;
            (fold.tries, fold.granted) = (0, 0);
            (fold.passed_over, fold.verdict, fold.answer) = (false, None, None);
        }
        for block in self.program.blocks_within(block) {
            let fold = &mut self.state.blocks[block];
            // The items of a loop, and the parameters of a runbook, are found again. What is undone needs those that were,
            // and what is held stays so.
            *fold = BlockFold {
                items: std::mem::take(&mut fold.items),
                parameters: std::mem::take(&mut fold.parameters),
                held: fold.held,
                was_held: fold.was_held,
                expires: fold.expires.take(),
                unclean: fold.unclean,
                ..BlockFold::default()
            };
        }
    }

    pub(super) fn hold_taken(&mut self, step: &str, expires: Option<&str>) -> Applied {
        let (block, hold) = self.hold(step)?;
        let fold = &mut self.state.blocks[block];
        allowed(!fold.held, "it is held")?;
        (fold.held, fold.was_held, fold.unclean) = (true, true, false);
        fold.expires = expires.map(ToOwned::to_owned);
        self.pending_again(hold.release, |_| true);
        Ok(())
    }

    pub(super) fn hold_released(&mut self, step: &str) -> Applied {
        let (block, hold) = self.hold(step)?;
        allowed(self.is_through(hold.release), "it is not released")?;
        let through = self.is_through(hold.inner);
        let fold = &mut self.state.blocks[block];
        (fold.held, fold.unclean, fold.expires, fold.closed) = (false, false, None, through);
        for index in self.program.steps_within(hold.acquire) {
            self.state.steps[index].maybe_in_place = false;
        }
        // What failed to take it goes on counting its attempts.
        self.pending_again(hold.acquire, |state| !matches!(state, Standing::Failed | Standing::TimedOut));
        Ok(())
    }

    fn hold(&self, step: &str) -> Result<(BlockId, Held), String> {
        allowed(self.state.ended.is_none(), "the run has ended")?;
        let block = self.program.block(step, |kind| matches!(kind, Kind::Hold(_)));
        let hold = block.and_then(|block| Some((block, self.hold_at(block)?.clone())));
        hold.ok_or_else(|| format!("the runbook has no hold {step}"))
    }

    /// A hold is about to be taken: its release is due once more.
    pub(super) fn release_is_due_again(&mut self, acquire: usize) {
        if let Some(release) = self.taken_by(acquire).map(|(_, hold)| hold.release) {
            self.pending_again(release, |_| true);
        }
    }

    /// An attempt to take a hold went wrong: what it may have taken is released before anything else.
    pub(super) fn taking_failed(&mut self, acquire: usize) {
        let Some((block, list)) = self.taken_by(acquire).map(|(block, hold)| (block, hold.acquire)) else { return };
        let folds = self.program.steps_within(list).into_iter().map(|index| &self.state.steps[index]);
        let some = folds.into_iter().any(|fold| fold.maybe_in_place || fold.state == Standing::InPlace);
        self.state.blocks[block].unclean |= some;
    }

    pub(super) fn pending_again(&mut self, list: BlockId, is_meant: impl Fn(Standing) -> bool) {
        self.state.blocks[list].cursor = 0;
        for index in self.program.steps_within(list) {
            let fold = &mut self.state.steps[index];
            if is_meant(fold.state) {
                fold.state = Standing::Pending;
                fold.tries = 0;
            }
        }
    }

    pub(super) fn watch_tripped(&mut self, step: &str, watch: usize, detail: &str) -> Applied {
        let block = self.block(step, |kind| matches!(kind, Kind::Guard(_)))?;
        let fold = &mut self.state.blocks[block];
        allowed(!fold.tripped.contains_key(&watch), "it has tripped")?;
        fold.tripped.insert(watch, detail.to_owned());
        fold.verdict = None;
        Ok(())
    }

    pub(super) fn limit_reached(&mut self, step: &str) -> Applied {
        let block = self.block(step, |kind| matches!(kind, Kind::Guard(_)))?;
        allowed(!self.state.blocks[block].limit_reached, "its limit was reached")?;
        self.state.blocks[block].limit_reached = true;
        let within = self.program.steps_within(block);
        let (program, blocks) = (&self.program, self.program.blocks_within(block));
        let is_within =
            |step: &str| program.innermost(step).is_some_and(|asked| asked != block && blocks.contains(&asked));
        self.state.question.take_if(|open| is_within(&open.step));
        self.release_people(None, "the time limit of its group is over", |index| within.contains(&index));
        Ok(())
    }

    /// A person's answer about something that holds steps.
    pub(super) fn block_answered(&mut self, step: &str, choice: Choice) {
        let Some(block) = self.asked_about(step) else { return };
        let fold = &mut self.state.blocks[block];
        match choice {
            Choice::Retry => self.try_block_anew(block),
            Choice::Skip => fold.passed_over = true,
            _ => fold.verdict = Some(choice),
        }
    }

    /// The block of that name that has a question of its own.
    fn asked_about(&self, step: &str) -> Option<BlockId> {
        self.program.blocks_named(step).iter().copied().find(|block| {
            let fold = &self.state.blocks[*block];
            let failed = fold.failure.is_some() || fold.limit_reached || !fold.tripped.is_empty();
            failed || matches!(self.program.blocks[*block].kind, Kind::Loop(_)) && fold.entered
        })
    }

    /// What failed by itself is given a new beginning.
    pub(super) fn try_block_anew(&mut self, block: BlockId) {
        let fold = &mut self.state.blocks[block];
        if fold.failure.take().is_some() {
            fold.rounds = 0;
            if let Kind::Repeat(inner, _) = self.program.blocks[block].kind {
                self.begin_anew(inner);
            }
        }
        let fold = &mut self.state.blocks[block];
        fold.limit_reached = false;
        fold.tripped.clear();
        fold.verdict.take_if(|choice| *choice != Choice::Yes);
    }
}
