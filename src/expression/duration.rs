//! Durations as they are typed: whole numbers, each with its unit, largest first.

use std::fmt::Write as _;
use std::time::Duration;

use thiserror::Error;

/// Why a text is not a duration.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DurationError {
    /// Only digits.
    #[error("`{0}` has no unit")]
    NoUnit(String),
    /// It begins with a minus sign.
    #[error("`{0}` is negative, and a duration cannot be")]
    Negative(String),
    /// More than a hundred years.
    #[error("`{0}` is more than a hundred years")]
    TooLong(String),
    /// Anything else.
    #[error("`{0}` is not a duration")]
    Malformed(String),
}

impl DurationError {
    /// What to type instead.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NoUnit(text) => format!("write {text}s for seconds, {text}m for minutes, {text}h for hours"),
            Self::Negative(_) | Self::TooLong(_) | Self::Malformed(_) => {
                "write whole numbers with their units, largest first: 250ms, 90s, 15m, 1h30m, 2d".to_owned()
            }
        }
    }
}

const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];
const HUNDRED_YEARS_MS: u64 = 36_525 * 86_400_000;

/// Reads `250ms`, `90s`, `15m`, `1h30m`, `2d`. Each unit at most once, the larger one first.
///
/// # Errors
///
/// Where the text is not of that form, or longer than a hundred years.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let malformed = || DurationError::Malformed(text.to_owned());
    let too_long = || DurationError::TooLong(text.to_owned());
    let mut rest = text.trim();
    if rest.starts_with('-') {
        return Err(DurationError::Negative(text.to_owned()));
    }
    if !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DurationError::NoUnit(text.to_owned()));
    }
    if rest.is_empty() {
        return Err(malformed());
    }
    let mut milliseconds: u64 = 0;
    let mut units = UNITS.iter();
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        let (number, behind) = rest.split_at(digits);
        let letters = behind.bytes().take_while(u8::is_ascii_alphabetic).count();
        let (unit, behind) = behind.split_at(letters);
        if number.is_empty() {
            return Err(malformed());
        }
        let (_, factor) = units.find(|(name, _)| *name == unit).ok_or_else(malformed)?;
        let number: u64 = number.parse().map_err(|_| too_long())?;
        let part = number.checked_mul(*factor).ok_or_else(too_long)?;
        milliseconds = milliseconds.checked_add(part).ok_or_else(too_long)?;
        rest = behind;
    }
    if milliseconds > HUNDRED_YEARS_MS { Err(too_long()) } else { Ok(Duration::from_millis(milliseconds)) }
}

/// A duration as the format writes it, such as `1h30m`. What is below a millisecond is left out.
#[must_use]
pub fn written(duration: Duration) -> String {
    let mut rest = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let mut text = String::new();
    for (unit, factor) in UNITS {
        if rest >= factor {
            let _ = write!(text, "{}{unit}", rest / factor);
            rest %= factor;
        }
    }
    if text.is_empty() { "0s".to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_with_units_are_read() {
        for (text, milliseconds) in
            [("250ms", 250), ("90s", 90_000), ("15m", 900_000), ("1h30m", 5_400_000), ("2d", 172_800_000), ("0s", 0)]
        {
            assert_eq!(parse(text), Ok(Duration::from_millis(milliseconds)), "{text}");
        }
    }

    #[test]
    fn anything_else_is_refused_with_its_reason() {
        assert_eq!(parse("90"), Err(DurationError::NoUnit("90".into())));
        assert_eq!(parse("-5m"), Err(DurationError::Negative("-5m".into())));
        assert_eq!(parse("1000000d"), Err(DurationError::TooLong("1000000d".into())));
        assert_eq!(parse("99999999999999999999s"), Err(DurationError::TooLong("99999999999999999999s".into())));
        for text in ["", " ", "s", "1.5h", "5 m", "30m1h", "1h1h", "5x", "1h30", "PT5M", "1é"] {
            assert_eq!(parse(text), Err(DurationError::Malformed(text.into())), "{text}");
        }
    }

    #[test]
    fn a_bare_number_is_answered_with_the_units_it_may_have_meant() {
        let help = parse("90").unwrap_err().help();
        assert_eq!(help, "write 90s for seconds, 90m for minutes, 90h for hours");
    }

    #[test]
    fn what_is_written_is_read_again() {
        for text in ["0s", "250ms", "1m30s", "1h", "1d2h3m4s5ms", "36525d"] {
            assert_eq!(written(parse(text).unwrap()), text);
        }
        assert_eq!(written(Duration::from_micros(1500)), "1ms");
    }
}
