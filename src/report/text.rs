//! Small pieces of text that all views share.

use std::time::Duration;

/// A text in which nothing can control a terminal: every control character but the newline becomes `�`.
#[must_use]
pub fn printable(text: &str) -> String {
    text.chars().map(|c| if is_unsafe(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// The same on one line.
#[must_use]
pub fn one_line(text: &str) -> String {
    printable(text).replace('\n', " ")
}

fn is_unsafe(c: char) -> bool {
    // Marks that turn the direction of text would let a line read otherwise than it is.
    (c.is_control() && c != '\n' && c != '\t') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A duration as people say it: `0.3 s`, `12 s`, `1 m 20 s`, `2 h 05 m`.
#[must_use]
pub fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..=9 => format!("{}.{} s", seconds, duration.subsec_millis() / 100),
        10..=59 => format!("{seconds} s"),
        60..=3599 if seconds % 60 == 0 => format!("{} m", seconds / 60),
        60..=3599 => format!("{} m {:02} s", seconds / 60, seconds % 60),
        _ => format!("{} h {:02} m", seconds / 3600, seconds % 3600 / 60),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_people_say_them() {
        let said = |millis| duration(Duration::from_millis(millis));
        assert_eq!(
            [said(40), said(1_250), said(59_900), said(60_000), said(80_000), said(7_500_000)],
            ["0.0 s", "1.2 s", "59 s", "1 m", "1 m 20 s", "2 h 05 m"]
        );
    }

    #[test]
    fn nothing_that_a_target_printed_can_control_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\u{9b}c\u{202e}d\n"), "a\u{fffd}[2Jb\u{fffd}c\u{fffd}d\n");
    }
}
