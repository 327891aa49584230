//! What the clocks of a time zone do: skip a time, show it twice, change within a span.
//!
//! The clock of this machine is not asked: the same file is judged alike on every day.

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp, ToSpan, Zoned};

use super::moment::weekly::Weekly;
use super::moment::{self, clock};

/// The clocks are put forward or back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    /// The date and time that they would have shown.
    pub before: DateTime,
    /// What they show instead.
    pub after: DateTime,
}

impl Change {
    /// As the end of a sentence.
    #[must_use]
    pub fn told(self) -> String {
        let way = if self.before < self.after { "forward" } else { "back" };
        let same_day = self.before.date() == self.after.date();
        let [before, after] = [self.before, self.after]
            .map(|shown| if same_day { clock::written(shown.time()) } else { moment::written(shown) });
        format!("the clocks go {way} from {before} to {after}")
    }
}

/// What a date and a time of a zone stand for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shown {
    /// One moment.
    Once(Zoned),
    /// No moment: the clocks skip it.
    Never(Change),
    /// Two moments: the clocks show it twice.
    Twice(Change),
}

/// What a date and a time stand for; `None` outside the years that have a meaning here.
#[must_use]
pub fn shown(zone: &TimeZone, moment: DateTime) -> Option<Shown> {
    let ambiguous = zone.to_ambiguous_zoned(moment);
    let offset = ambiguous.offset();
    // In both cases the later of the two readings is behind the change.
    let change = || change_before(zone, zone.to_ambiguous_timestamp(moment).later().ok()?);
    Some(match offset {
        AmbiguousOffset::Unambiguous { .. } => Shown::Once(ambiguous.unambiguous().ok()?),
        AmbiguousOffset::Gap { .. } => Shown::Never(change()?),
        AmbiguousOffset::Fold { .. } => Shown::Twice(change()?),
    })
}

/// The last change before or at a moment.
fn change_before(zone: &TimeZone, moment: Timestamp) -> Option<Change> {
    let behind = moment.checked_add(1.second()).ok()?;
    zone.preceding(behind).find_map(|transition| change_at(zone, transition.timestamp()))
}

/// The first change after a moment and before another.
#[must_use]
pub fn change_within(zone: &TimeZone, from: Timestamp, to: Timestamp) -> Option<Change> {
    zone.following(from)
        .take_while(|transition| transition.timestamp() < to)
        .find_map(|transition| change_at(zone, transition.timestamp()))
}

/// What the clocks do at a transition; `None` where they go on, such as when only the zone's name changes.
fn change_at(zone: &TimeZone, moment: Timestamp) -> Option<Change> {
    let just_before = zone.to_offset(moment.checked_sub(1.second()).ok()?);
    let change = Change { before: just_before.to_datetime(moment), after: zone.to_datetime(moment) };
    (change.before != change.after).then_some(change)
}

/// A year in which every zone is known, from which on the dates of a week are looked through.
const FIRST: i16 = 2026;
/// So many years have every date on every day of the week.
const YEARS: i64 = 28;

/// The first date on which the clocks skip or show twice the time of a week.
#[must_use]
pub fn weekly_change(zone: &TimeZone, weekly: Weekly) -> Option<(Date, Shown)> {
    let first = Date::new(FIRST, 1, 1).ok()?.to_zoned(zone.clone()).ok()?;
    let last = first.checked_add(YEARS.years()).ok()?.timestamp();
    let transitions = zone.following(first.timestamp()).take_while(|transition| transition.timestamp() < last);
    let mut found = transitions.filter_map(|transition| {
        let change = change_at(zone, transition.timestamp())?;
        // The skipped or doubled hour may belong to two dates.
        [change.before.date(), change.after.date()].into_iter().find_map(|date| {
            let shown = shown(zone, date.to_datetime(weekly.time)).filter(|shown| !matches!(shown, Shown::Once(_)))?;
            (date.weekday() == weekly.day).then_some((date, shown))
        })
    });
    found.next()
}

#[cfg(test)]
mod tests {
    use jiff::civil::{Time, Weekday, date};

    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn told(name: &str, moment: DateTime) -> String {
        match shown(&zone(name), moment).unwrap() {
            Shown::Once(moment) => moment.timestamp().to_string(),
            Shown::Never(change) => format!("never: {}", change.told()),
            Shown::Twice(change) => format!("twice: {}", change.told()),
        }
    }

    #[test]
    fn a_time_is_one_moment_except_where_the_clocks_change() {
        let new_york =
            |month, day, hour, minute| told("America/New_York", date(2026, month, day).at(hour, minute, 0, 0));
        assert_eq!(new_york(2, 1, 22, 0), "2026-02-02T03:00:00Z");
        assert_eq!(new_york(3, 8, 1, 59), "2026-03-08T06:59:00Z");
        assert_eq!(new_york(3, 8, 2, 0), "never: the clocks go forward from 02:00 to 03:00");
        assert_eq!(new_york(3, 8, 2, 59), "never: the clocks go forward from 02:00 to 03:00");
        assert_eq!(new_york(3, 8, 3, 0), "2026-03-08T07:00:00Z");
        assert_eq!(new_york(11, 1, 0, 59), "2026-11-01T04:59:00Z");
        assert_eq!(new_york(11, 1, 1, 0), "twice: the clocks go back from 02:00 to 01:00");
        assert_eq!(new_york(11, 1, 1, 59), "twice: the clocks go back from 02:00 to 01:00");
        assert_eq!(new_york(11, 1, 2, 0), "2026-11-01T07:00:00Z");
    }

    #[test]
    fn changes_of_half_an_hour_at_midnight_and_of_a_whole_day_are_known() {
        let lord_howe = told("Australia/Lord_Howe", date(2026, 4, 5).at(1, 45, 0, 0));
        assert_eq!(lord_howe, "twice: the clocks go back from 02:00 to 01:30");
        let beirut = told("Asia/Beirut", date(2026, 3, 29).at(0, 30, 0, 0));
        assert_eq!(beirut, "never: the clocks go forward from 00:00 to 01:00");
        let apia = told("Pacific/Apia", date(2011, 12, 30).at(12, 0, 0, 0));
        assert_eq!(apia, "never: the clocks go forward from 2011-12-30T00:00 to 2011-12-31T00:00");
        assert_eq!(told("UTC", date(2026, 3, 29).at(2, 30, 0, 0)), "2026-03-29T02:30:00Z");
    }

    #[test]
    fn a_change_within_a_span_is_found_and_one_at_its_end_is_not() {
        let berlin = zone("Europe/Berlin");
        let change =
            |from: &str, to: &str| change_within(&berlin, from.parse().unwrap(), to.parse().unwrap()).map(Change::told);
        let forward = Some("the clocks go forward from 02:00 to 03:00".to_owned());
        assert_eq!(change("2026-03-28T22:00:00Z", "2026-03-29T03:00:00Z"), forward);
        assert_eq!(change("2026-03-28T22:00:00Z", "2026-03-29T01:00:00Z"), None);
        assert_eq!(change("2026-03-29T01:00:00Z", "2026-03-29T03:00:00Z"), None);
    }

    fn weekly(name: &str, day: Weekday, hour: i8, minute: i8) -> Option<String> {
        let (date, shown) = weekly_change(&zone(name), Weekly { day, time: Time::constant(hour, minute, 0, 0) })?;
        let often = if matches!(shown, Shown::Never(_)) { "never" } else { "twice" };
        Some(format!("{date} {often}"))
    }

    #[test]
    fn the_first_date_is_found_on_which_a_weekly_time_is_skipped_or_shown_twice() {
        assert_eq!(weekly("America/New_York", Weekday::Sunday, 2, 30), Some("2026-03-08 never".to_owned()));
        assert_eq!(weekly("America/New_York", Weekday::Sunday, 1, 30), Some("2026-11-01 twice".to_owned()));
        assert_eq!(weekly("America/New_York", Weekday::Sunday, 22, 0), None);
        assert_eq!(weekly("America/New_York", Weekday::Monday, 2, 30), None);
        assert_eq!(weekly("UTC", Weekday::Sunday, 2, 30), None);
    }
}
