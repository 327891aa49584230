//! The window while a run goes: whether it may begin at all, and whether the next step may.
//!
//! Pure: moments in, verdicts out, each with the numbers that it rests on. Going back is never asked for here.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, Zoned};

use crate::expression::duration::written;
use crate::model::runbook::Overrun;
use crate::model::window::{Occasion, Window};

/// How moments are written for people.
const FORMAT: &str = "%a %-d %b %H:%M %Z";

/// What a person allowed for this turn of a run, although the window forbids it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lifted {
    /// Nothing.
    #[default]
    Nothing,
    /// To begin before it opens. It closes all the same.
    Opening,
    /// To go on after it closed, or with steps that may not end before.
    Closing,
}

impl Lifted {
    /// What the record of it says.
    #[must_use]
    pub const fn as_str(self) -> Option<&'static str> {
        match self {
            Self::Nothing => None,
            Self::Opening => Some("window opening"),
            Self::Closing => Some("window closing"),
        }
    }
}

/// The window of one turn of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// When it is open.
    pub occasion: Occasion,
    /// What happens when the next step no longer fits.
    pub overrun: Overrun,
    /// What of it does not count.
    pub lifted: Lifted,
}

/// Why a turn may not begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outside {
    /// It opens later.
    NotOpen(Occasion),
    /// It has closed.
    Closed(Occasion),
}

/// Whether a step may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It can end and all be undone in time.
    Fits {
        /// The last moment at which that is so; none where the closing does not count.
        latest_start: Option<Timestamp>,
    },
    /// It may not end, or not be undone, before the window closes.
    TooLate(TooLate),
    /// The window is not open yet.
    NotOpen {
        /// When it opens.
        opens: Timestamp,
    },
}

/// By what a step no longer fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLate {
    /// When it would have begun.
    pub now: Timestamp,
    /// What it takes at worst.
    pub limit: Duration,
    /// What undoing all takes at worst, this step included.
    pub undo: Duration,
    /// When it should have begun.
    pub latest_start: Timestamp,
    /// When the window closes.
    pub closes: Timestamp,
}

impl Gate {
    /// The window for a turn of a run that began at a moment; `None` where its calendar has no such time any more.
    ///
    /// What a person allows counts for what stands in the way now: the opening while it is not open, else the closing.
    #[must_use]
    pub fn new(window: &Window, began: Timestamp, now: Timestamp, allowed: bool) -> Option<Self> {
        let occasion = window.of_run(began)?;
        let lifted = match allowed {
            false => Lifted::Nothing,
            true if now < occasion.opens.timestamp() => Lifted::Opening,
            true => Lifted::Closing,
        };
        Some(Self { occasion, overrun: window.overrun, lifted })
    }

    /// Whether a turn may begin.
    ///
    /// # Errors
    ///
    /// [`Outside`], where nothing of that is lifted.
    pub fn admits(&self, now: Timestamp) -> Result<(), Outside> {
        if now < self.occasion.opens.timestamp() && self.lifted != Lifted::Opening {
            return Err(Outside::NotOpen(self.occasion.clone()));
        }
        if now >= self.occasion.closes.timestamp() && self.lifted != Lifted::Closing {
            return Err(Outside::Closed(self.occasion.clone()));
        }
        Ok(())
    }

    /// Whether a step may begin now, that takes so long at worst, where undoing all that was done then, this step
    /// included, takes so long at worst.
    #[must_use]
    pub fn may_begin(&self, now: Timestamp, limit: Duration, undo: Duration) -> Verdict {
        let (opens, closes) = (self.occasion.opens.timestamp(), self.occasion.closes.timestamp());
        if now < opens && self.lifted != Lifted::Opening {
            return Verdict::NotOpen { opens };
        }
        if self.lifted == Lifted::Closing {
            return Verdict::Fits { latest_start: None };
        }
        let latest_start = self.leaving(limit.saturating_add(undo));
        if now <= latest_start {
            Verdict::Fits { latest_start: Some(latest_start) }
        } else {
            Verdict::TooLate(TooLate { now, limit, undo, latest_start, closes })
        }
    }

    /// The last moment from which so much time is left.
    #[must_use]
    pub fn leaving(&self, time: Duration) -> Timestamp {
        let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
        self.occasion.closes.timestamp().checked_sub(time).unwrap_or(Timestamp::MIN)
    }

    /// A moment as the clocks of the window's zone show it.
    #[must_use]
    pub fn shown(&self, moment: Timestamp) -> String {
        shown(moment, self.zone())
    }

    /// The zone that the window is meant in.
    #[must_use]
    pub fn zone(&self) -> &TimeZone {
        self.occasion.opens.time_zone()
    }
}

impl TooLate {
    /// The numbers, for the record.
    #[must_use]
    pub fn told(&self, step: &str, zone: &TimeZone) -> String {
        let mut text = format!("{step} may take {}", written(self.limit));
        if !self.undo.is_zero() {
            let _infallible = write!(text, " and the rollback from there {}", written(self.undo));
        }
        let closes = shown(self.closes, zone);
        let _infallible = match self.left() {
            Some(left) => write!(text, ", and the window closes at {closes}, in {}", written(left)),
            None => write!(text, ", and the window closed at {closes}"),
        };
        let _infallible = write!(text, ": the latest start was {}", shown(self.latest_start, zone));
        text
    }

    fn left(&self) -> Option<Duration> {
        let left = self.closes.duration_since(self.now);
        // Whole seconds are enough for people.
        Duration::try_from(left).ok().filter(|left| !left.is_zero()).map(|left| Duration::from_secs(left.as_secs()))
    }
}

impl Outside {
    /// What to tell the operator, in the window's zone and, where its clocks show another time, in theirs.
    #[must_use]
    pub fn told(&self, now: Timestamp, here: &TimeZone) -> String {
        let (moment, verb): (&Zoned, _) = match self {
            Self::NotOpen(occasion) => (&occasion.opens, "opens"),
            Self::Closed(occasion) => (&occasion.closes, "closed"),
        };
        let distance = moment.timestamp().duration_since(now).unsigned_abs();
        let distance = written(Duration::from_secs(distance.as_secs()));
        let away = if matches!(self, Self::NotOpen(_)) { format!("in {distance}") } else { format!("{distance} ago") };
        let there = moment.strftime(FORMAT).to_string();
        let local = moment.with_time_zone(here.clone());
        let same = local.datetime() == moment.datetime();
        let local = if same { String::new() } else { format!(" ({} here)", local.strftime(FORMAT)) };
        format!("the window {verb} {there}{local}, {away}")
    }
}

/// A moment as the clocks of a zone show it.
#[must_use]
pub fn shown(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned(zone.clone()).strftime(FORMAT).to_string()
}

#[cfg(test)]
mod tests;
