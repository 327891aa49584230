//! A day of the week and a time: `Sunday 22:00`.

use std::fmt;

use jiff::civil::{Time, Weekday};
use thiserror::Error;

use super::{clock, cron};
use crate::model::window::{DAYS, day_name};

/// A day of the week and a time on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weekly {
    /// The day.
    pub day: Weekday,
    /// The time.
    pub time: Time,
}

/// As the format writes it.
impl fmt::Display for Weekly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", day_name(self.day), clock::written(self.time))
    }
}

/// Why a text is not a day of the week and a time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum WeeklyError {
    /// It is what cron reads.
    #[error("`{text}` is a cron schedule, and a window is not written as one")]
    Cron {
        /// As typed.
        text: String,
        /// What it says, where that is one time on one day of the week.
        meant: Option<Weekly>,
    },
    /// It names more than one day.
    #[error("`{0}` is on more than one day of the week, and a window opens on one")]
    Several(String),
    /// A day without a time.
    #[error("`{text}` has no time of the day")]
    NoTime {
        /// As typed.
        text: String,
        /// Which day.
        day: Weekday,
    },
    /// A time without a day.
    #[error("`{text}` has no day of the week")]
    NoDay {
        /// As typed.
        text: String,
        /// Which time.
        time: Time,
    },
    /// It can be read, and is not of the one form.
    #[error("`{text}` is not how a day and a time are written")]
    Form {
        /// As typed.
        text: String,
        /// The same in the one form.
        meant: Weekly,
    },
    /// Anything else.
    #[error("`{0}` is not a day of the week and a time")]
    Malformed(String),
}

impl WeeklyError {
    /// What to type instead.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Cron { meant: Some(meant), .. } | Self::Form { meant, .. } => format!("write `every: {meant}`"),
            Self::Several(_) => "write the one day, such as `every: Sunday 22:00`".to_owned(),
            Self::NoTime { day, .. } => format!("write the time too, such as `every: {} 22:00`", day_name(*day)),
            Self::NoDay { time, .. } => format!("write the day too, such as `every: Sunday {}`", clock::written(*time)),
            Self::Cron { .. } | Self::Malformed(_) => {
                "write the day and the time, such as `every: Sunday 22:00`".to_owned()
            }
        }
    }
}

/// Words for more than one day.
const MANY: [&str; 9] = ["day", "daily", "days", "weekday", "weekdays", "weekend", "weekends", "nightly", "night"];

/// Words that say nothing more.
const FILLERS: [&str; 5] = ["every", "each", "on", "at", "and"];

/// Reads `Sunday 22:00`, with seconds or without.
///
/// # Errors
///
/// Where the text is of another form.
pub fn parse(text: &str) -> Result<Weekly, WeeklyError> {
    if cron::is_schedule(text) {
        return Err(WeeklyError::Cron { text: text.to_owned(), meant: cron::weekly(text) });
    }
    let text = text.to_owned();
    let words = Words::of(&text);
    match (words.days.as_slice(), words.times.as_slice()) {
        _ if words.several || words.days.len() > 1 => Err(WeeklyError::Several(text)),
        _ if words.others => Err(WeeklyError::Malformed(text)),
        ([day], [time]) => {
            let meant = Weekly { day: *day, time: *time };
            let short = meant.to_string();
            let exact = text == short || text.strip_suffix(":00") == Some(&short);
            if exact { Ok(meant) } else { Err(WeeklyError::Form { text, meant }) }
        }
        ([day], []) => Err(WeeklyError::NoTime { text, day: *day }),
        ([], [time]) => Err(WeeklyError::NoDay { text, time: *time }),
        _ => Err(WeeklyError::Malformed(text)),
    }
}

/// What the words of a text are.
#[derive(Default)]
struct Words {
    days: Vec<Weekday>,
    times: Vec<Time>,
    several: bool,
    others: bool,
}

impl Words {
    fn of(text: &str) -> Self {
        let mut found = Self::default();
        let mut rest = text.trim_start();
        while !rest.is_empty() {
            if let Some((Ok(time), behind)) = clock::leading(rest) {
                found.times.push(time);
                rest = behind;
            } else {
                let end = rest.find(|c: char| c.is_whitespace() || c == ',').unwrap_or(rest.len());
                found.word(&rest[..end].to_lowercase());
                rest = &rest[end..];
            }
            rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
        }
        found
    }

    fn word(&mut self, word: &str) {
        if let Some(day) = day(word) {
            self.days.push(day);
        } else if MANY.contains(&word)
            || word.split_once(['-', '/', '+']).is_some_and(|(from, to)| day(from).is_some() && day(to).is_some())
        {
            self.several = true;
        } else if !FILLERS.contains(&word) {
            self.others = true;
        }
    }
}

/// A day by its name in lower case, by three letters or more of it, or by its plural.
pub(super) fn day(word: &str) -> Option<Weekday> {
    let word = word.trim_end_matches('.');
    let found = DAYS.iter().find(|(name, _)| {
        let name = name.to_lowercase();
        word.len() >= 3 && name.starts_with(word) || word.strip_suffix('s') == Some(&name)
    });
    found.map(|(_, day)| *day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_and_a_time_are_read() {
        let sunday =
            |hour, minute, second| Weekly { day: Weekday::Sunday, time: Time::new(hour, minute, second, 0).unwrap() };
        assert_eq!(parse("Sunday 22:00"), Ok(sunday(22, 0, 0)));
        assert_eq!(parse("Sunday 02:30:00"), Ok(sunday(2, 30, 0)));
        assert_eq!(parse("Sunday 02:30:15"), Ok(sunday(2, 30, 15)));
        assert_eq!(sunday(2, 30, 15).to_string(), "Sunday 02:30:15");
    }

    #[test]
    fn what_is_nearly_right_is_answered_with_the_one_form() {
        for (text, answer) in [
            ("Sundays 22:00", "write `every: Sunday 22:00`"),
            ("sunday 22:00", "write `every: Sunday 22:00`"),
            ("Sun 22:00", "write `every: Sunday 22:00`"),
            ("every Tue. at 9:30 pm", "write `every: Tuesday 21:30`"),
            ("22:00 on Fridays", "write `every: Friday 22:00`"),
            ("Saturday 12am", "write `every: Saturday 00:00`"),
            ("Sunday", "write the time too, such as `every: Sunday 22:00`"),
            ("23:30", "write the day too, such as `every: Sunday 23:30`"),
            ("Sunday 25:00", "write the day and the time, such as `every: Sunday 22:00`"),
            ("2026-02-01T22:00", "write the day and the time, such as `every: Sunday 22:00`"),
            ("", "write the day and the time, such as `every: Sunday 22:00`"),
            ("é 22:00", "write the day and the time, such as `every: Sunday 22:00`"),
        ] {
            assert_eq!(parse(text).unwrap_err().help(), answer, "{text}");
        }
    }

    #[test]
    fn more_than_one_day_is_more_than_a_window_has() {
        for text in ["Saturday, Sunday 22:00", "Mon-Fri 22:00", "every day 22:00", "weekdays at 10pm", "Sat/Sun 01:00"]
        {
            assert_eq!(parse(text), Err(WeeklyError::Several(text.to_owned())), "{text}");
        }
    }

    #[test]
    fn a_cron_schedule_is_answered_with_what_it_says() {
        for (text, answer) in [
            ("0 22 * * 0", "write `every: Sunday 22:00`"),
            ("30 1 * * 7", "write `every: Sunday 01:30`"),
            ("0 22 ? * FRI", "write `every: Friday 22:00`"),
            ("@weekly", "write `every: Sunday 00:00`"),
            ("0 22 * * 1-5", "write the day and the time, such as `every: Sunday 22:00`"),
            ("*/5 * * * *", "write the day and the time, such as `every: Sunday 22:00`"),
        ] {
            let error = parse(text).unwrap_err();
            assert_eq!(error.to_string(), format!("`{text}` is a cron schedule, and a window is not written as one"));
            assert_eq!(error.help(), answer, "{text}");
        }
    }
}
