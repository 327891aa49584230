//! What is left of the window, in words: while a step runs, and where nobody looks, at its turns.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::text::duration;
use super::view::Countdown;

/// The window is said to get short when so much is left to begin a rollback, or to its end.
const SHORT: Duration = Duration::from_mins(10);

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stage {
    /// There is time.
    Open,
    /// Not much of it.
    Short,
    /// A rollback would not end before it closes.
    TooLate,
    /// It has closed.
    Closed,
}

impl Countdown {
    /// How far it has come.
    pub(super) fn stage(&self) -> Stage {
        let by = self.rollback_by.unwrap_or(self.closes);
        if self.now >= self.closes {
            Stage::Closed
        } else if self.now > by {
            Stage::TooLate
        } else if apart(self.now, by) <= SHORT {
            Stage::Short
        } else {
            Stage::Open
        }
    }

    /// One line, with the times of a zone.
    pub(super) fn line(&self, zone: &TimeZone) -> String {
        let closes = self.closes.to_zoned(zone.clone()).strftime("%H:%M %Z").to_string();
        let away = duration(apart(self.now, self.closes).as_secs_f64());
        if self.stage() == Stage::Closed {
            return format!("the window closed at {closes}, {away} ago; nothing that runs is ended");
        }
        let window = format!("window: {away} left, to {closes}");
        let Some(by) = self.rollback_by else { return window };
        let at = by.to_zoned(zone.clone()).strftime("%H:%M").to_string();
        match self.stage() {
            Stage::TooLate => format!("{window}  ·  a rollback had to begin by {at}"),
            _ => format!("{window}  ·  roll back by {at}, in {}", duration(apart(self.now, by).as_secs_f64())),
        }
    }
}

/// Whole seconds between two moments.
fn apart(one: Timestamp, other: Timestamp) -> Duration {
    Duration::from_secs(other.duration_since(one).unsigned_abs().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(now: &str, rollback_by: Option<&str>) -> (Stage, String) {
        let at = |time: &str| format!("2026-02-02T{time}Z").parse().unwrap();
        let countdown = Countdown { now: at(now), closes: at("07:00:00"), rollback_by: rollback_by.map(at) };
        (countdown.stage(), countdown.line(&TimeZone::get("America/New_York").unwrap()))
    }

    #[test]
    fn it_says_how_much_is_left_and_until_when_a_rollback_can_begin() {
        let by = Some("06:42:00");
        let left = "window: 1 h 02 m left, to 02:00 EST  ·  roll back by 01:42, in 44 m";
        assert_eq!(told("05:58:00", by), (Stage::Open, left.to_owned()));
        let short = "window: 28 m left, to 02:00 EST  ·  roll back by 01:42, in 10 m";
        assert_eq!(told("06:32:00", by), (Stage::Short, short.to_owned()));
        let late = "window: 17 m 59 s left, to 02:00 EST  ·  a rollback had to begin by 01:42";
        assert_eq!(told("06:42:01", by), (Stage::TooLate, late.to_owned()));
        let closed = "the window closed at 02:00 EST, 3 m ago; nothing that runs is ended";
        assert_eq!(told("07:03:00", by), (Stage::Closed, closed.to_owned()));
    }

    #[test]
    fn it_fits_a_screen_of_80_columns_to_the_second() {
        let (_, line) = told("06:00:01", Some("06:59:58"));
        assert_eq!(line, "window: 59 m 59 s left, to 02:00 EST  ·  roll back by 01:59, in 59 m 57 s");
        assert!(line.chars().count() <= 74, "{line}");
    }

    #[test]
    fn without_anything_to_undo_only_the_closing_counts() {
        assert_eq!(told("06:49:59", None), (Stage::Open, "window: 10 m 01 s left, to 02:00 EST".to_owned()));
        assert_eq!(told("06:50:00", None).0, Stage::Short);
        assert_eq!(told("07:00:00", None).0, Stage::Closed);
    }
}
