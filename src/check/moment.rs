//! Times as they are typed: a date and a wall-clock time in the runbook's `timezone`, or a day of the week and a time.
//!
//! What is nearly right is read too, so that the answer can be what to type.

pub mod clock;
mod cron;
pub mod weekly;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use thiserror::Error;

use clock::NoTime;

/// Why a text is not a date and a time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MomentError {
    /// It is what cron reads.
    #[error("`{0}` is a cron schedule, not a date and a time")]
    Cron(String),
    /// It says a zone, or how far its clocks are from UTC.
    #[error("`{text}` says its own zone, and times here are wall-clock times in `timezone`")]
    Zone {
        /// As typed.
        text: String,
        /// Without the zone.
        local: DateTime,
        /// The moment that is meant, where that is certain.
        moment: Option<Timestamp>,
    },
    /// Only a time of the day.
    #[error("`{text}` has no date")]
    NoDate {
        /// As typed.
        text: String,
        /// The time that is meant.
        time: Time,
    },
    /// Only a date.
    #[error("`{text}` has no time of the day")]
    NoTime {
        /// As typed.
        text: String,
        /// The date that is meant.
        date: Date,
    },
    /// No calendar or no clock has it.
    #[error("there is no such date or time as `{text}`")]
    NotThere {
        /// As typed.
        text: String,
        /// What is meant, where that is certain.
        meant: Option<DateTime>,
    },
    /// It can be read, and is not of the one form.
    #[error("`{text}` is not how a date and a time are written")]
    Form {
        /// As typed.
        text: String,
        /// The same in the one form.
        meant: DateTime,
    },
    /// Anything else.
    #[error("`{0}` is not a date and a time")]
    Malformed(String),
}

impl MomentError {
    /// What to type instead. `zone` is the runbook's.
    #[must_use]
    pub fn help(&self, zone: Option<&TimeZone>) -> String {
        match self {
            Self::Zone { local, moment, .. } => match (moment, zone) {
                (Some(moment), Some(zone)) => {
                    let name = zone.iana_name().unwrap_or("`timezone`");
                    format!("write {}, which is that moment in {name}", written(zone.to_datetime(*moment)))
                }
                _ => format!("write {}, and the zone once, in `timezone`", written(*local)),
            },
            Self::NoDate { time, .. } => format!("write the date too, such as 2026-02-01T{}", clock::written(*time)),
            Self::NoTime { date, .. } => format!("write the time too, such as {date}T22:00"),
            Self::NotThere { meant: Some(meant), .. } | Self::Form { meant, .. } => {
                format!("write {}", written(*meant))
            }
            Self::NotThere { .. } | Self::Cron(_) | Self::Malformed(_) => {
                "write year, month, day, T, hours and minutes, such as 2026-02-01T22:00".to_owned()
            }
        }
    }
}

/// A date and a time as the format writes them.
#[must_use]
pub fn written(moment: DateTime) -> String {
    format!("{}T{}", moment.date(), clock::written(moment.time()))
}

/// Reads `2026-02-01T22:00`, with seconds or without.
///
/// # Errors
///
/// Where the text is of another form, or no calendar has it.
pub fn parse(text: &str) -> Result<DateTime, MomentError> {
    let typed = || text.to_owned();
    if cron::is_schedule(text) {
        return Err(MomentError::Cron(typed()));
    }
    if let Some(time) = clock::loose(text) {
        return Err(MomentError::NoDate { text: typed(), time });
    }
    let Some((date, rest)) = leading_date(text.trim()) else { return Err(MomentError::Malformed(typed())) };
    let not_there = |meant| MomentError::NotThere { text: typed(), meant };
    if rest.is_empty() {
        return Err(date.map_or_else(|| not_there(None), |date| MomentError::NoTime { text: typed(), date }));
    }
    let behind = rest.strip_prefix(['T', 't', ' ', '_']).unwrap_or_default().trim_start();
    let Some((time, zone)) = clock::leading(behind) else { return Err(MomentError::Malformed(typed())) };
    let (date, time) = match (date, time) {
        (Some(date), Ok(time)) => (date, time),
        (Some(date), Err(NoTime::NextMidnight)) if zone.is_empty() => {
            return Err(not_there(date.at(0, 0, 0, 0).checked_add(1.day()).ok()));
        }
        _ => return Err(not_there(None)),
    };
    let local = date.to_datetime(time);
    if !zone.is_empty() {
        return Err(zoned(text, local, zone));
    }
    let short = written(local);
    let exact = text == short || text.strip_suffix(":00") == Some(&short);
    if exact { Ok(local) } else { Err(MomentError::Form { text: typed(), meant: local }) }
}

/// A time with something behind it: a zone, by whichever name, or what cannot be read.
fn zoned(text: &str, local: DateTime, zone: &str) -> MomentError {
    let name = zone.trim_matches(['[', ']', '(', ')']);
    let is_offset = name.starts_with(['+', '-']);
    let moment = match name {
        "Z" | "z" => TimeZone::UTC.to_timestamp(local).ok(),
        _ if is_offset => format!("{}{name}", written(local)).parse().ok(),
        _ => TimeZone::get(name).ok().and_then(|zone| zone.to_ambiguous_timestamp(local).unambiguous().ok()),
    };
    let abbreviated = name.len() >= 2 && name.bytes().all(|byte| byte.is_ascii_uppercase());
    if moment.is_some() || is_offset || abbreviated {
        MomentError::Zone { text: text.to_owned(), local, moment }
    } else {
        MomentError::Malformed(text.to_owned())
    }
}

/// The date that a text begins with, year first, and what stands behind it; `None` for a date that no calendar has.
fn leading_date(text: &str) -> Option<(Option<Date>, &str)> {
    let mut rest = text;
    let mut parts = [0_i16; 3];
    for (at, part) in parts.iter_mut().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(['-', '/', '.'])?;
        }
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if if at == 0 { digits != 4 } else { !(1..=2).contains(&digits) } {
            return None;
        }
        *part = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
    }
    let [year, month, day] = parts;
    let date = Date::new(year, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok();
    Some((date, rest))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn a_date_and_a_time_are_read() {
        assert_eq!(parse("2026-02-01T22:00"), Ok(date(2026, 2, 1).at(22, 0, 0, 0)));
        assert_eq!(parse("2026-02-01T22:00:00"), Ok(date(2026, 2, 1).at(22, 0, 0, 0)));
        assert_eq!(parse("2026-02-01T22:00:30"), Ok(date(2026, 2, 1).at(22, 0, 30, 0)));
    }

    fn answer(text: &str) -> String {
        let zone = TimeZone::get("America/New_York").unwrap();
        parse(text).unwrap_err().help(Some(&zone))
    }

    #[test]
    fn what_is_nearly_right_is_answered_with_the_one_form() {
        for (text, right) in [
            ("2026-2-1 22:00", "write 2026-02-01T22:00"),
            ("2026-02-01 22:00", "write 2026-02-01T22:00"),
            ("2026/02/01 10pm", "write 2026-02-01T22:00"),
            ("2026-02-01T9:05:07", "write 2026-02-01T09:05:07"),
            ("2026-02-01t10:00 PM", "write 2026-02-01T22:00"),
            ("2026-02-01T24:00", "write 2026-02-02T00:00"),
            ("2026-02-01", "write the time too, such as 2026-02-01T22:00"),
            ("22:30", "write the date too, such as 2026-02-01T22:30"),
            ("10pm", "write the date too, such as 2026-02-01T22:00"),
        ] {
            assert_eq!(answer(text), right, "{text}");
        }
    }

    #[test]
    fn a_zone_behind_a_time_is_answered_with_the_time_in_the_runbooks_zone() {
        for (text, right) in [
            ("2026-02-02T03:00Z", "write 2026-02-01T22:00, which is that moment in America/New_York"),
            ("2026-02-02T04:00+01:00", "write 2026-02-01T22:00, which is that moment in America/New_York"),
            ("2026-02-02 04:00 Europe/Berlin", "write 2026-02-01T22:00, which is that moment in America/New_York"),
            ("2026-02-02T04:00[Europe/Berlin]", "write 2026-02-01T22:00, which is that moment in America/New_York"),
            ("2026-02-02T04:00 PST", "write 2026-02-02T04:00, and the zone once, in `timezone`"),
        ] {
            assert_eq!(answer(text), right, "{text}");
        }
    }

    #[test]
    fn what_no_calendar_has_and_what_is_no_time_is_refused() {
        let form = "write year, month, day, T, hours and minutes, such as 2026-02-01T22:00";
        for (text, reason) in [
            ("2026-02-30T22:00", "there is no such date or time as `2026-02-30T22:00`"),
            ("2026-13-01", "there is no such date or time as `2026-13-01`"),
            ("2026-02-01T25:00", "there is no such date or time as `2026-02-01T25:00`"),
            ("2026-02-01T22:60", "there is no such date or time as `2026-02-01T22:60`"),
            ("0 22 1 2 *", "`0 22 1 2 *` is a cron schedule, not a date and a time"),
            ("02/01/2026 22:00", "`02/01/2026 22:00` is not a date and a time"),
            ("tomorrow", "`tomorrow` is not a date and a time"),
            ("2026-02-01T22:00 sharp", "`2026-02-01T22:00 sharp` is not a date and a time"),
            ("", "`` is not a date and a time"),
            ("2026-02-01é22:00", "`2026-02-01é22:00` is not a date and a time"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.help(None).as_str()), (reason, form), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read_again(seconds in -60_000_000_000_i64..250_000_000_000) {
            let moment = TimeZone::UTC.to_datetime(Timestamp::from_second(seconds).unwrap());
            if (1000..=9999).contains(&moment.year()) {
                proptest::prop_assert_eq!(parse(&written(moment)), Ok(moment));
            }
        }

        #[test]
        fn any_text_is_answered(text in "[0-9]{0,4}[-/:]?[0-9]{0,3}[-/ T]?[0-9]{0,3}[:apm +Z,é]{0,4}\\PC{0,6}") {
            let _ = parse(&text).map_err(|error| error.help(Some(&TimeZone::UTC)));
            let _ = weekly::parse(&text).map_err(|error| error.help());
        }
    }
}
