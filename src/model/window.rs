//! When a run may do its work: once, between two moments, or every week.
//!
//! Moments are resolved here: a time that the clocks of the zone skip or show twice is settled, so that whoever asks
//! gets one answer.

use std::time::Duration;

use jiff::civil::{Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

use super::runbook::Overrun;

/// A maintenance window. Rollback and hooks are not bound by it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// When it is open.
    pub opening: Opening,
    /// What happens when the next step no longer fits.
    pub overrun: Overrun,
}

/// When a window is open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Opening {
    /// One time.
    Once(Occasion),
    /// Every week, on a day and at a time by the clocks of a zone.
    Weekly {
        /// The day it opens on.
        #[serde(with = "weekday")]
        day: Weekday,
        /// The time it opens at.
        time: Time,
        /// How long it is open, whatever the clocks do meanwhile.
        lasts: Duration,
        /// Whose clocks.
        #[serde(with = "jiff::fmt::serde::tz::required")]
        zone: TimeZone,
    },
}

/// One time that a window is open: from a moment to just before another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occasion {
    /// The first moment.
    pub opens: Zoned,
    /// The moment behind the last.
    pub closes: Zoned,
}

impl Occasion {
    /// How much time really passes, which is not what the clocks show when they change meanwhile.
    #[must_use]
    pub fn length(&self) -> Duration {
        Duration::try_from(self.opens.duration_until(&self.closes)).unwrap_or_default()
    }

    /// Whether it is open at a moment.
    #[must_use]
    pub fn contains(&self, moment: Timestamp) -> bool {
        (self.opens.timestamp()..self.closes.timestamp()).contains(&moment)
    }
}

impl Window {
    /// How much time really passes while it is open.
    #[must_use]
    pub fn length(&self) -> Duration {
        match &self.opening {
            Opening::Once(occasion) => occasion.length(),
            Opening::Weekly { lasts, .. } => *lasts,
        }
    }

    /// The occasion that a run belongs to which began at a moment: the one that it began in, else the next. A window
    /// that opens only once has no other.
    #[must_use]
    pub fn of_run(&self, began: Timestamp) -> Option<Occasion> {
        match &self.opening {
            Opening::Once(occasion) => Some(occasion.clone()),
            Opening::Weekly { .. } => self.occasion(began),
        }
    }

    /// The occasion that a moment is in, else the first one after it. `None` when there is no more.
    ///
    /// A weekly window opens late by as much as the clocks jump over its time, and where they show it twice, at the
    /// first.
    #[must_use]
    pub fn occasion(&self, moment: Timestamp) -> Option<Occasion> {
        match &self.opening {
            Opening::Once(occasion) => Some(occasion.clone()).filter(|occasion| moment < occasion.closes.timestamp()),
            Opening::Weekly { day, time, lasts, zone } => {
                // Opening late, and another date by the clocks of the zone, make up less than two days.
                let earliest = moment.checked_sub(*lasts).ok()?.checked_sub(48.hours()).ok()?;
                let mut date = zone.to_datetime(earliest).date();
                date = date.checked_add(i64::from(date.weekday().until(*day)).days()).ok()?;
                loop {
                    let opens = date.to_datetime(*time).to_zoned(zone.clone()).ok()?;
                    let closes = opens.checked_add(*lasts).ok()?;
                    if moment < closes.timestamp() {
                        return Some(Occasion { opens, closes });
                    }
                    date = date.checked_add(1.week()).ok()?;
                }
            }
        }
    }
}

/// The days of the week by the names that the format has for them.
pub const DAYS: [(&str, Weekday); 7] = [
    ("Sunday", Weekday::Sunday),
    ("Monday", Weekday::Monday),
    ("Tuesday", Weekday::Tuesday),
    ("Wednesday", Weekday::Wednesday),
    ("Thursday", Weekday::Thursday),
    ("Friday", Weekday::Friday),
    ("Saturday", Weekday::Saturday),
];

/// The name of a day in the format.
#[must_use]
pub fn day_name(day: Weekday) -> &'static str {
    DAYS.iter().find(|(_, known)| *known == day).map_or("", |(name, _)| name)
}

/// Days of the week by their names.
mod weekday {
    use jiff::civil::Weekday;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
    pub fn serialize<S: Serializer>(day: &Weekday, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(super::day_name(*day))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Weekday, D::Error> {
        let name = String::deserialize(deserializer)?;
        let found = super::DAYS.iter().find(|(known, _)| *known == name);
        found.map(|(_, day)| *day).ok_or_else(|| Error::custom(format!("`{name}` is not a day of the week")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(opens: &str, closes: &str) -> Window {
        let [opens, closes] = [opens, closes].map(|text| text.parse().unwrap());
        Window { opening: Opening::Once(Occasion { opens, closes }), overrun: Overrun::Stop }
    }

    fn weekly(day: Weekday, hour: i8, minute: i8, hours: u64) -> Window {
        let opening = Opening::Weekly {
            day,
            time: Time::constant(hour, minute, 0, 0),
            lasts: Duration::from_hours(hours),
            zone: TimeZone::get("America/New_York").unwrap(),
        };
        Window { opening, overrun: Overrun::Rollback }
    }

    /// The occasion at a moment, in UTC.
    fn at(window: &Window, moment: &str) -> String {
        let occasion = window.occasion(moment.parse().unwrap());
        occasion.map_or_else(String::new, |found| format!("{} {}", found.opens.timestamp(), found.closes.timestamp()))
    }

    #[test]
    fn a_window_that_opens_once_is_over_when_it_has_closed() {
        let window = once("2026-02-01T22:00:00-05:00[America/New_York]", "2026-02-02T02:00:00-05:00[America/New_York]");
        let open = "2026-02-02T03:00:00Z 2026-02-02T07:00:00Z";
        assert_eq!(at(&window, "2026-01-01T00:00:00Z"), open);
        assert_eq!(at(&window, "2026-02-02T06:59:59Z"), open);
        assert_eq!(at(&window, "2026-02-02T07:00:00Z"), "");
    }

    #[test]
    fn its_length_is_the_time_that_really_passes() {
        let spring = once("2026-03-08T00:00:00-05:00[America/New_York]", "2026-03-08T06:00:00-04:00[America/New_York]");
        let autumn = once("2026-11-01T00:00:00-04:00[America/New_York]", "2026-11-01T06:00:00-05:00[America/New_York]");
        assert_eq!(spring.length(), Duration::from_hours(5));
        assert_eq!(autumn.length(), Duration::from_hours(7));
        assert_eq!(weekly(Weekday::Sunday, 22, 0, 4).length(), Duration::from_hours(4));
    }

    #[test]
    fn a_weekly_window_is_the_one_that_is_open_or_the_next() {
        let window = weekly(Weekday::Sunday, 22, 0, 4);
        let first = "2026-02-02T03:00:00Z 2026-02-02T07:00:00Z";
        assert_eq!(at(&window, "2026-01-26T07:00:00Z"), first, "the one before has just closed");
        assert_eq!(at(&window, "2026-02-02T02:59:59Z"), first);
        assert_eq!(at(&window, "2026-02-02T06:59:59Z"), first);
        assert_eq!(at(&window, "2026-02-02T07:00:00Z"), "2026-02-09T03:00:00Z 2026-02-09T07:00:00Z");
    }

    #[test]
    fn a_weekly_window_keeps_its_length_when_the_clocks_change_within_it() {
        let window = weekly(Weekday::Saturday, 23, 0, 6);
        assert_eq!(at(&window, "2026-03-07T00:00:00Z"), "2026-03-08T04:00:00Z 2026-03-08T10:00:00Z");
        assert_eq!(at(&window, "2026-10-31T00:00:00Z"), "2026-11-01T03:00:00Z 2026-11-01T09:00:00Z");
    }

    #[test]
    fn a_weekly_window_opens_late_where_the_clocks_skip_its_time_and_once_where_they_show_it_twice() {
        let skipped = weekly(Weekday::Sunday, 2, 30, 1);
        assert_eq!(at(&skipped, "2026-03-07T00:00:00Z"), "2026-03-08T07:30:00Z 2026-03-08T08:30:00Z");
        let twice = weekly(Weekday::Sunday, 1, 30, 1);
        assert_eq!(at(&twice, "2026-10-31T00:00:00Z"), "2026-11-01T05:30:00Z 2026-11-01T06:30:00Z");
        assert_eq!(at(&twice, "2026-11-01T06:30:00Z"), "2026-11-08T06:30:00Z 2026-11-08T07:30:00Z");
    }

    #[test]
    fn a_window_that_is_longer_than_a_week_is_always_open() {
        let window = weekly(Weekday::Sunday, 22, 0, 200);
        assert_eq!(at(&window, "2026-02-10T00:00:00Z"), "2026-02-02T03:00:00Z 2026-02-10T11:00:00Z");
    }

    #[test]
    fn only_its_own_time_is_within_an_occasion() {
        let occasion = weekly(Weekday::Sunday, 22, 0, 4).occasion("2026-02-01T00:00:00Z".parse().unwrap()).unwrap();
        let within = |moment: &str| occasion.contains(moment.parse().unwrap());
        assert!(!within("2026-02-02T02:59:59Z") && within("2026-02-02T03:00:00Z"));
        assert!(within("2026-02-02T06:59:59Z") && !within("2026-02-02T07:00:00Z"));
    }

    #[test]
    fn it_is_the_same_after_it_was_stored() {
        for window in [
            weekly(Weekday::Sunday, 22, 0, 4),
            once("2026-02-01T22:00:00-05:00[America/New_York]", "2026-02-02T02:00:00-05:00[America/New_York]"),
        ] {
            let stored = serde_json::to_string(&window).unwrap();
            assert_eq!(serde_json::from_str::<Window>(&stored).unwrap(), window, "{stored}");
        }
    }
}
