//! The window as a turn goes on: every attempt of the work has to fit, the screen shows what is left, and a wall clock
//! that jumps pauses the run. Going back, giving back and clearing up are not bound by any of it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::clock::{self, Jumps};
use super::log::LogError;
use super::session::Session;
use super::window::{Gate, Lifted, Verdict};
use crate::action::execute::Executor;
use crate::engine::Engine;
use crate::engine::program::Kind;
use crate::engine::state::{Standing, UndoStanding};
use crate::expression::duration::written;
use crate::expression::render_text;
use crate::model::event::Event;
use crate::model::result::Failure;
use crate::model::runbook::{Overrun, Runbook};
use crate::model::step::{Action, Step, WaitAction};
use crate::model::time;
use crate::model::way_back::{Done, Going, WayBack};
use crate::report::view::{Countdown, Progress, View};

/// What a turn has to keep to.
#[derive(Debug)]
pub struct WindowTurn {
    gate: Option<Gate>,
    way: WayBack,
    /// That the run goes past its window was recorded.
    overran: Cell<bool>,
    /// When the attempts that this turn began end at worst.
    ends: RefCell<HashMap<String, Timestamp>>,
    jumps: RefCell<Jumps>,
}

impl WindowTurn {
    /// With the window that the turn was admitted to, if any.
    #[must_use]
    pub fn new(gate: Option<Gate>, runbook: &Runbook) -> Self {
        let way = if gate.is_some() { WayBack::of(runbook) } else { WayBack::default() };
        Self { gate, way, overran: Cell::new(false), ends: RefCell::default(), jumps: RefCell::default() }
    }

    /// An attempt begins that takes so long at worst.
    pub(super) fn began(&self, step: &str, limit: Duration) {
        self.ends.borrow_mut().insert(step.to_owned(), after(clock::now(), limit));
    }

    /// The zone of its window, if any.
    #[must_use]
    pub fn zone(&self) -> Option<TimeZone> {
        self.gate.as_ref().map(|gate| gate.zone().clone())
    }

    /// What was done so far, and one step more.
    fn done(&self, engine: &Engine, next: Option<&str>) -> Going<'_> {
        let mut going = self.way.begin();
        for index in &engine.state.order {
            let (node, fold) = (&engine.program.steps[*index], &engine.state.steps[*index]);
            if fold.maybe_in_place && fold.undo.state != UndoStanding::Undone {
                going.add(Done { name: &node.name, went: !node.is_confirm || fold.state == Standing::Succeeded });
            }
        }
        let next = next.and_then(|name| Some((name, engine.program.index(name)?)));
        if let Some((name, index)) = next.filter(|(_, index)| !engine.state.steps[*index].maybe_in_place) {
            going.add(Done { name, went: !engine.program.steps[index].is_confirm });
        }
        going
    }
}

impl<H: Executor, V: View> Session<H, V> {
    /// What is recorded instead of the beginning of an attempt that takes so long at worst, where the window does not
    /// allow that. What runs beside it has to end too before all can be undone.
    pub(super) fn window_forbids(&self, name: &str, limit: Duration) -> Option<Event> {
        let window = &self.window;
        let gate = window.gate.as_ref().filter(|_| window.way.is_work(name))?;
        if self.log.read(|engine| engine.state.is_going_back()) {
            return None;
        }
        let (undo, past_return) = self.log.read(|engine| {
            let going = window.done(engine, Some(name));
            (going.undo(), going.past_return)
        });
        let beside = self.left_beside(name);
        let longest = if beside > limit { format!("what runs beside {name}") } else { name.to_owned() };
        let halt = |reason| Event::StopRequested { by: "window".to_owned(), reason };
        match gate.may_begin(clock::now(), limit.max(beside), undo) {
            Verdict::Fits { .. } => None,
            Verdict::NotOpen { opens } => Some(halt(format!("the window opens only at {}", gate.shown(opens)))),
            Verdict::TooLate(late) => {
                let reason = late.told(&longest, gate.zone());
                match gate.overrun {
                    _ if past_return => self.overrun(reason + ", and a point of no return was passed"),
                    Overrun::Finish => self.overrun(reason),
                    Overrun::Stop => Some(halt(reason)),
                    Overrun::Rollback => Some(Event::RollbackStarted { reason, to: None }),
                }
            }
        }
    }

    /// How long at worst it takes until what is under way beside a step has ended. What ends with its list takes nothing.
    fn left_beside(&self, name: &str) -> Duration {
        let now = clock::now();
        let ends = self.window.ends.borrow();
        let end = |step: &str, began: Option<&str>| {
            let known = || Some(after(began?.parse().ok()?, time::attempt(&self.step(step))));
            ends.get(step).copied().or_else(known)
        };
        let last = self.log.read(|engine| {
            let under_way = engine.state.in_flight.iter().map(|index| (*index, &engine.state.steps[*index]));
            let counts = under_way.filter(|(index, fold)| {
                fold.state == Standing::Started
                    && engine.program.steps[*index].name != name
                    && !ends_with_list(engine, *index)
            });
            counts.filter_map(|(index, fold)| end(&engine.program.steps[index].name, fold.began.as_deref())).max()
        });
        // Whole seconds are enough for people.
        let left = last.and_then(|last| Duration::try_from(last.duration_since(now)).ok()).unwrap_or_default();
        Duration::from_secs(left.as_secs() + u64::from(left.subsec_nanos() > 0))
    }

    /// Going on past the window, which is recorded once.
    fn overrun(&self, reason: String) -> Option<Event> {
        let (what, by) = ("window overrun".to_owned(), "runbook".to_owned());
        (!self.window.overran.replace(true)).then_some(Event::OverrideGiven { what, by, reason })
    }

    /// What one attempt takes at worst.
    pub(super) async fn worst(&self, name: &str, step: &Step) -> Result<Duration, Failure> {
        let limit = time::attempt(step);
        let moment = match &step.action {
            Action::Wait(WaitAction::Until(moment)) => moment,
            // What it waits for has ended before it begins.
            Action::Wait(WaitAction::Steps(_)) => return Ok(Duration::ZERO),
            _ => return Ok(limit),
        };
        let until = self.log.values.evaluate(name, None, |scope| render_text(&moment.0, scope)).await?;
        // What is no moment is refused where it is waited for.
        let until = until.parse::<Timestamp>().ok();
        let pause = until.and_then(|until| Duration::try_from(until.duration_since(clock::now())).ok());
        let pause = pause.unwrap_or_default();
        Ok(step.limit().map_or(pause, |limit| limit.min(pause)))
    }

    /// A line for a question: until when it has to be answered.
    pub(super) fn answer_in_time(&self, name: &str) -> Option<String> {
        let gate = self.window.gate.as_ref().filter(|gate| gate.lifted != Lifted::Closing)?;
        let undo = self.log.read(|engine| {
            let goes_back = engine.state.is_going_back();
            (!goes_back).then(|| self.window.done(engine, Some(name)).undo())
        })?;
        let latest = gate.leaving(undo);
        let shown = gate.shown(latest);
        Some(match (clock::now() <= latest, undo.is_zero()) {
            (true, true) => format!("must be answered by {shown}, when the window closes"),
            (true, false) => format!("must be answered by {shown} to leave time for the rollback"),
            (false, true) => format!("the window closed at {shown}"),
            (false, false) => {
                format!("should have been answered by {shown}: the rollback may take {}", written(undo))
            }
        })
    }

    /// Shows what is left of the window, as long as that counts.
    pub(super) fn show_window(&self) {
        let Some(gate) = self.window.gate.as_ref().filter(|gate| gate.lifted != Lifted::Closing) else { return };
        let undo =
            self.log.read(|engine| (!engine.state.is_going_back()).then(|| self.window.done(engine, None).undo()));
        let Some(undo) = undo else { return };
        let rollback_by = (!undo.is_zero()).then(|| gate.leaving(undo));
        let closes = gate.occasion.closes.timestamp();
        self.log.show(&Progress::Window(Countdown { now: clock::now(), closes, rollback_by }));
    }

    /// Records that the wall clock jumped. Nothing further begins then: whoever looks at it goes on.
    pub(super) fn look_at_clock(&self) -> Result<(), LogError> {
        let Some(by_ms) = self.window.jumps.borrow_mut().look() else { return Ok(()) };
        let (ended, goes_on) = self.log.read(|engine| {
            let state = &engine.state;
            (state.ended.is_some(), !state.stopping && !state.is_going_back())
        });
        if ended {
            return Ok(());
        }
        self.log.append(Event::ClockJumped { by_ms })?;
        if goes_on {
            let way = if by_ms > 0 { "forward" } else { "back" };
            let by = written(Duration::from_millis(by_ms.unsigned_abs()));
            let reason = format!("the wall clock jumped {way} by {by}, which no time that went by explains");
            self.log.append(Event::StopRequested { by: "clock".to_owned(), reason })?;
        }
        Ok(())
    }
}

/// Whether a step goes on beside others until their list is through, and is ended then.
fn ends_with_list(engine: &Engine, index: usize) -> bool {
    let program = &engine.program;
    let mut around = program.block_of(index).into_iter().flat_map(|block| program.above(block));
    around.any(|block| matches!(program.blocks[block].kind, Kind::Background(_, true)))
}

fn after(moment: Timestamp, time: Duration) -> Timestamp {
    SignedDuration::try_from(time).ok().and_then(|time| moment.checked_add(time).ok()).unwrap_or(Timestamp::MAX)
}
