//! Planted bugs, and the test that each is seen.

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use super::drive::{failure, run};
use super::{Bug, NONE, scenarios};
use crate::engine::Decision;
use crate::engine::program::NodeUndo;
use crate::engine::state::{Direction, Standing, UndoStanding};
use crate::model::event::{Answer, Event, Outcome, RunOutcome};
use crate::model::result::FailureKind;

/// Bugs that somebody could make, and that the properties have to see.
const BUGS: &[Bug] = &[
    Bug {
        name: "a step that began is not remembered as maybe in place",
        after: |engine, event| {
            if let Event::AttemptStarted { step, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].maybe_in_place = false;
            }
        },
        ..NONE
    },
    Bug {
        name: "an unknown step is simply run again",
        after: |engine, event| {
            if let Event::AttemptFinished { step, outcome: Outcome::Unknown, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].state = Standing::Pending;
            }
        },
        ..NONE
    },
    Bug {
        name: "an attempt that may still run is taken for over",
        after: |engine, event| {
            if let Event::AttemptFinished { step, outcome: Outcome::UnknownMayRun, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].may_run = false;
            }
        },
        ..NONE
    },
    Bug {
        name: "a resumed executor takes a lost attempt for its own",
        after: |engine, event| {
            if matches!(event, Event::RunResumed { .. }) {
                engine.state.steps.iter_mut().for_each(|fold| fold.lost = false);
            }
        },
        ..NONE
    },
    Bug {
        name: "resuming turns a rollback round",
        after: |engine, event| {
            if matches!(event, Event::RunResumed { .. }) {
                engine.state.direction = Direction::Forward;
            }
        },
        ..NONE
    },
    Bug {
        name: "the oldest step is undone first",
        after: |engine, event| {
            if matches!(event, Event::RollbackStarted { .. }) {
                engine.state.order.reverse();
            }
        },
        ..NONE
    },
    Bug {
        name: "the failed step itself is not undone",
        after: |engine, event| {
            if let Event::AttemptFinished { step, outcome: Outcome::Failed, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].maybe_in_place = false;
            }
        },
        ..NONE
    },
    Bug {
        name: "a rollback goes past a point of no return",
        after: |engine, event| {
            if matches!(event, Event::RollbackStarted { .. }) {
                let lines = engine.program.steps.iter().zip(&mut engine.state.steps);
                for (_, fold) in lines.filter(|(node, _)| matches!(node.undo, NodeUndo::PointOfNoReturn(_))) {
                    fold.maybe_in_place = false;
                }
            }
        },
        ..NONE
    },
    Bug {
        name: "a rescued failure is green",
        decide: |_, decision| match decision {
            Decision::Append(Event::RunFinished { outcome: RunOutcome::RolledBack, remaining }) => {
                Decision::Append(Event::RunFinished { outcome: RunOutcome::Succeeded, remaining })
            }
            other => other,
        },
        ..NONE
    },
    Bug {
        name: "what is left is not named",
        decide: |_, decision| match decision {
            Decision::Append(Event::RunFinished { outcome, .. }) => {
                Decision::Append(Event::RunFinished { outcome, remaining: Vec::new() })
            }
            other => other,
        },
        ..NONE
    },
    Bug {
        name: "a stuck rollback is called whole",
        decide: |_, decision| match decision {
            Decision::Append(Event::RunFinished { outcome: RunOutcome::Stuck, .. }) => {
                Decision::Append(Event::RunFinished { outcome: RunOutcome::RolledBack, remaining: Vec::new() })
            }
            other => other,
        },
        ..NONE
    },
    Bug {
        name: "a check without an answer is read as nothing to undo",
        after: |engine, event| {
            if let Event::CheckAnswered { step, answer: Answer::Unknown, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].answer = Some(Answer::DoesNotHold);
            }
        },
        ..NONE
    },
    Bug {
        name: "a step found in place is undone",
        after: |engine, event| {
            if let Event::StepInPlace { step, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].maybe_in_place = true;
                engine.state.order.push(index);
            }
        },
        ..NONE
    },
    Bug {
        name: "half an undo counts as a whole one",
        after: |engine, event| {
            if let Event::UndoFinished { step, outcome: Outcome::Succeeded, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].undo.state = UndoStanding::Undone;
            }
        },
        ..NONE
    },
    Bug {
        name: "something is remembered that no record says",
        after: |engine, event| {
            if let Event::StepRefused { step, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].granted += 1;
            }
        },
        live_only: true,
        ..NONE
    },
    Bug {
        name: "what was held while a step was done is not held while it is undone",
        after: |engine, event| {
            if matches!(event, Event::RollbackStarted { .. }) {
                engine.state.blocks.iter_mut().for_each(|fold| fold.was_held = false);
            }
        },
        ..NONE
    },
    Bug {
        name: "what was taken in part is not released",
        after: |engine, event| {
            if matches!(event, Event::AttemptFinished { outcome: Outcome::Failed | Outcome::TimedOut, .. }) {
                engine.state.blocks.iter_mut().for_each(|fold| fold.unclean = false);
            }
        },
        ..NONE
    },
    Bug {
        name: "the second round of something begins before the first is through",
        after: |engine, event| {
            if let Event::AttemptStarted { step, .. } = event {
                let index = engine.program.index(step).expect("a step");
                let block = engine.program.block_of(index).expect("a block");
                for block in engine.program.above(block).collect::<Vec<_>>() {
                    engine.state.blocks[block].cursor += 1;
                }
            }
        },
        ..NONE
    },
    Bug {
        name: "a failed step is tried for ever",
        after: |engine, event| {
            if let Event::StepRefused { step, .. } = event {
                let index = engine.program.index(step).expect("a step");
                engine.state.steps[index].tries = 0;
            }
        },
        decide: |_, decision| match decision {
            Decision::Attempt { step, attempt, .. } => {
                let failure = failure(FailureKind::Precondition);
                Decision::Append(Event::StepRefused { step, attempt, failure })
            }
            other => other,
        },
        ..NONE
    },
];

#[test]
fn every_planted_bug_is_caught_by_the_properties() {
    let unseen: Vec<&str> = BUGS.iter().filter(|bug| !is_seen(bug)).map(|bug| bug.name).collect();
    assert!(unseen.is_empty(), "the properties do not see these bugs: {unseen:#?}");
}

/// Whether a scenario breaks a promise because of the bug: without it, the same scenario keeps every promise.
fn is_seen(bug: &Bug) -> bool {
    let config = Config { cases: 3_000, failure_persistence: None, max_shrink_iters: 0, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&scenarios(), |scenario| match run(&scenario, bug) {
        Err(broken) if run(&scenario, &NONE).is_ok() => Err(TestCaseError::fail(broken)),
        _ => Ok(()),
    });
    outcome.is_err()
}
