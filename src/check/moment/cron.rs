//! What cron reads, recognised so that it can be answered. Nothing in the format takes it.

use jiff::civil::{Time, Weekday};

use super::weekly::{Weekly, day};

/// Five or more fields of numbers, stars and short names, or a word such as `@weekly`.
pub(super) fn is_schedule(text: &str) -> bool {
    let fields: Vec<&str> = text.split_whitespace().collect();
    match fields.as_slice() {
        [word] => word.strip_prefix('@').is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_alphabetic())),
        fields => (5..=7).contains(&fields.len()) && fields.iter().all(|field| is_field(field)),
    }
}

fn is_field(field: &str) -> bool {
    field.split(['-', '/', ',', '#']).all(|part| {
        let name = part.len() == 3 && part.bytes().all(|byte| byte.is_ascii_alphabetic());
        name || matches!(part, "*" | "?" | "L" | "W") || !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit())
    })
}

/// What a schedule says, where that is one time on one day of the week.
pub(super) fn weekly(text: &str) -> Option<Weekly> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    if fields.as_slice() == ["@weekly"] {
        return Some(Weekly { day: Weekday::Sunday, time: Time::midnight() });
    }
    let [minute, hour, "*" | "?", "*", weekday] = fields.as_slice() else { return None };
    let time = Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()?;
    let day = match weekday.parse::<i8>() {
        Ok(number) if (0..=7).contains(&number) => Weekday::from_sunday_zero_offset(number % 7).ok()?,
        Ok(_) => return None,
        Err(_) => day(&weekday.to_lowercase())?,
    };
    Some(Weekly { day, time })
}
