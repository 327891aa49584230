//! A time of the day: how the format writes it, and what people type.

use jiff::civil::Time;

/// As the format writes it: seconds only where there are any.
#[must_use]
pub fn written(time: Time) -> String {
    time.strftime(if time.second() == 0 { "%H:%M" } else { "%H:%M:%S" }).to_string()
}

/// Why what looks like a time is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoTime {
    /// 24:00, which is the beginning of the next day.
    NextMidnight,
    /// No clock shows it.
    NotShown,
}

/// A time alone, as people type it: `22:00`, `9:30`, `10pm`, `10:30 pm`.
pub(super) fn loose(text: &str) -> Option<Time> {
    match leading(text.trim())? {
        (Ok(time), "") => Some(time),
        _ => None,
    }
}

/// The time that a text begins with, and what stands behind it.
pub(super) fn leading(text: &str) -> Option<(Result<Time, NoTime>, &str)> {
    let (hour, mut rest) = number(text)?;
    let mut parts = [0, 0];
    let mut given = 0;
    for part in &mut parts {
        let Some((value, behind)) = rest.strip_prefix(':').and_then(number) else { break };
        *part = value;
        rest = behind;
        given += 1;
    }
    let [minute, second] = parts;
    let (hour, rest) = match half(rest) {
        Some((12, behind)) if (1..=12).contains(&hour) => (hour % 12 + 12, behind),
        Some((_, behind)) if (1..=12).contains(&hour) => (hour % 12, behind),
        _ if given == 0 => return None,
        _ => (hour, rest),
    };
    let time = Time::new(hour, minute, second, 0).map_err(|_| match (hour, minute, second) {
        (24, 0, 0) => NoTime::NextMidnight,
        _ => NoTime::NotShown,
    });
    Some((time, rest.trim_start()))
}

/// One or two digits.
fn number(text: &str) -> Option<(i8, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, rest) = text.split_at(digits);
    if digits > 2 { None } else { Some((number.parse().ok()?, rest)) }
}

/// The hours that `am` or `pm` adds, and what stands behind it.
fn half(text: &str) -> Option<(i8, &str)> {
    let text = text.trim_start();
    let halves = [("am", 0), ("pm", 12), ("a.m.", 0), ("p.m.", 12)];
    halves.into_iter().find_map(|(word, hours)| {
        let begins = text.get(..word.len())?.eq_ignore_ascii_case(word);
        let behind = text.get(word.len()..)?;
        (begins && !behind.starts_with(char::is_alphanumeric)).then_some((hours, behind))
    })
}
