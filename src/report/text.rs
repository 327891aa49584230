//! Text for a terminal: made safe, wrapped, and with times and durations that people read.

use anstyle::Style;
use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A text with everything that could steer a terminal, or reorder what it shows, written out as `\u{1b}`. Tabs stay;
/// newlines stay only as `\n` written out, so that the text is one line.
#[must_use]
pub fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\t' => safe.push('\t'),
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            letter if steers(letter) => safe.extend(letter.escape_unicode()),
            letter => safe.push(letter),
        }
    }
    safe
}

/// The same, with its lines kept.
#[must_use]
pub fn escape_lines(text: &str) -> String {
    text.lines().map(escape).collect::<Vec<_>>().join("\n")
}

/// A text with the ornaments that this program draws, in ASCII. Other letters stay.
#[must_use]
pub fn ascii(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '─' | '·' | '−' | '—' | '–' => plain.push('-'),
            '…' => plain.push_str("..."),
            '→' => plain.push_str("->"),
            letter => plain.push(letter),
        }
    }
    plain
}

/// At most `width` letters of a text; where some are cut, the last one kept is `…`.
#[must_use]
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

/// The last lines of a text.
#[must_use]
pub fn tail(text: &str, lines: usize) -> Vec<&str> {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].to_vec()
}

/// A number with its noun: `1 step`, `2 steps`.
#[must_use]
pub fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A text in a style, or as it is.
#[must_use]
pub fn paint(text: &str, style: Style, color: bool) -> String {
    if color && !text.is_empty() { format!("{style}{text}{style:#}") } else { text.to_owned() }
}

/// Lines of at most `width` letters, broken between words where that is possible. Never empty.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in text.split(' ') {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            lines.push(String::new());
            used = 0;
        } else if used > 0 {
            push(&mut lines, ' ');
            used += 1;
        }
        for letter in word.chars() {
            if used == width {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, letter);
            used += 1;
        }
    }
    lines
}

fn push(lines: &mut [String], letter: char) {
    if let Some(line) = lines.last_mut() {
        line.push(letter);
    }
}

/// A duration in its two largest units: `2 h 40 m`, `18 m`, `1 m 30 s`, `1 s`, `200 ms`.
#[must_use]
pub fn duration(seconds: f64) -> String {
    let millis = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default().as_millis();
    if millis > 0 && millis < 1000 {
        return format!("{millis} ms");
    }
    let whole = (millis + 500) / 1000;
    let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60);
    let two = |large: u128, unit: &str, small: u128, below: &str| {
        if small == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {small:02} {below}") }
    };
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => two(minutes, "m", seconds, "s"),
        (0, _, _) => two(hours, "h", minutes, "m"),
        _ => two(days, "d", hours, "h"),
    }
}

/// A moment as records have it, in a zone, by a format of `strftime`. What is no moment stays as it is.
#[must_use]
pub fn local_time(at: &str, zone: &TimeZone, format: &str) -> String {
    at.parse::<Timestamp>()
        .map_or_else(|_| escape(at), |moment| moment.to_zoned(zone.clone()).strftime(format).to_string())
}

/// Seconds between two moments as records have them; `None` where one is no moment.
#[must_use]
pub fn seconds_between(from: &str, to: &str) -> Option<f64> {
    let (from, to) = (from.parse::<Timestamp>().ok()?, to.parse::<Timestamp>().ok()?);
    Some(to.duration_since(from).as_secs_f64().max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_shown_in_the_zone_of_who_looks() {
        let zone = TimeZone::fixed(jiff::tz::offset(-5));
        assert_eq!(local_time("2026-02-02T03:00:04.000000Z", &zone, "%d %H:%M:%S"), "01 22:00:04");
        assert_eq!(local_time("no time\u{1b}", &zone, "%H"), "no time\\u{1b}");
        assert_eq!(seconds_between("2026-02-02T03:00:04.000000Z", "2026-02-02T03:01:05.500000Z"), Some(61.5));
    }

    #[test]
    fn nothing_that_steers_a_terminal_stays() {
        assert_eq!(escape("a\u{1b}[31mb\r\n\tc\u{9b}\u{202e}\u{0}é"), "a\\u{1b}[31mb\\r\\n\tc\\u{9b}\\u{202e}\\u{0}é");
    }

    #[test]
    fn ornaments_have_a_form_in_ascii_and_letters_stay() {
        assert_eq!(ascii("── a · +2 −1 … → é"), "-- a - +2 -1 ... -> é");
    }

    #[test]
    fn a_text_that_is_cut_says_so() {
        assert_eq!([cut("abcd", 4), cut("abcde", 4), cut("ab", 1)], ["abcd", "abc…", "…"]);
    }

    #[test]
    fn lines_are_broken_between_words_and_long_words_anywhere() {
        assert_eq!(wrap("one two three", 7), ["one two", "three"]);
        assert_eq!(wrap("abcdefgh ij", 4), ["abcd", "efgh", "ij"]);
        assert_eq!(wrap("", 4), [""]);
    }

    #[test]
    fn durations_have_their_two_largest_units() {
        let shown: Vec<String> =
            [0.0, 0.2, 1.0, 59.6, 90.0, 1080.0, 4320.0, 9600.0, 90_000.0].into_iter().map(duration).collect();
        assert_eq!(shown, ["0 s", "200 ms", "1 s", "1 m", "1 m 30 s", "18 m", "1 h 12 m", "2 h 40 m", "1 d 01 h"]);
    }
}
