//! Unified diffs on a terminal, with the changed words of changed lines marked.

use anstyle::{AnsiColor, Style};
use similar::{ChangeTag, TextDiff};

use super::text::{escape, paint};

/// Longest run of changed lines in which words are compared.
const MAX_RUN: usize = 100;

/// The lines of a unified diff, escaped, coloured when asked. Lines that are not part of a hunk are kept.
#[must_use]
pub fn lines(diff: &str, color: bool) -> Vec<String> {
    let lines: Vec<&str> = diff.lines().collect();
    let mut shown = Vec::with_capacity(lines.len());
    let mut in_hunk = false;
    let mut at = 0;
    while let Some(line) = lines.get(at) {
        in_hunk |= line.starts_with("@@");
        let removed = run(&lines[at..], '-', in_hunk);
        let added = run(&lines[at + removed..], '+', in_hunk);
        if removed + added == 0 {
            shown.push(plain(line, color));
            at += 1;
        } else {
            changed(&lines[at..at + removed], &lines[at + removed..at + removed + added], color, &mut shown);
            at += removed + added;
        }
    }
    shown
}

fn run(lines: &[&str], sign: char, in_hunk: bool) -> usize {
    if in_hunk { lines.iter().take_while(|line| line.starts_with(sign)).count() } else { 0 }
}

fn plain(line: &str, color: bool) -> String {
    let style = if line.starts_with("@@") {
        AnsiColor::Cyan.on_default()
    } else if line.starts_with(' ') {
        Style::new()
    } else {
        Style::new().bold()
    };
    if style.is_plain() { escape(line) } else { paint(&escape(line), style, color) }
}

fn changed(removed: &[&str], added: &[&str], color: bool, shown: &mut Vec<String>) {
    let (red, green) = (AnsiColor::Red.on_default(), AnsiColor::Green.on_default());
    if !color || removed.is_empty() || added.is_empty() || removed.len() + added.len() > MAX_RUN {
        shown.extend(removed.iter().map(|line| paint(&escape(line), red, color)));
        shown.extend(added.iter().map(|line| paint(&escape(line), green, color)));
        return;
    }
    let text = |lines: &[&str]| lines.iter().flat_map(|line| [&line[1..], "\n"]).collect::<String>();
    let (old, new) = (text(removed), text(added));
    let diff = TextDiff::from_lines(&old, &new);
    let changes: Vec<_> = diff.ops().iter().flat_map(|op| diff.iter_inline_changes(op)).collect();
    for (tag, sign, style) in [(ChangeTag::Delete, "-", red), (ChangeTag::Insert, "+", green)] {
        // A line that both sides have stands in the diff on both sides, too.
        for change in changes.iter().filter(|change| change.tag() == tag || change.tag() == ChangeTag::Equal) {
            let mut line = paint(sign, style, true);
            for (marked, part) in change.iter_strings_lossy() {
                let style = if marked { style.invert() } else { style };
                line.push_str(&paint(&escape(part.trim_end_matches('\n')), style, true));
            }
            shown.push(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "--- /etc/a\n+++ /etc/a\n@@ -1,2 +1,2 @@\n same\n-balance roundrobin\n+balance source";

    #[test]
    fn without_colour_a_diff_is_as_it_was() {
        assert_eq!(lines(DIFF, false).join("\n"), DIFF);
    }

    #[test]
    fn with_colour_only_the_changed_words_are_marked() {
        let shown = lines(DIFF, true);
        assert!(shown[4].contains("balance ") && !shown[4].contains("\u{1b}[7mbalance"), "{:?}", shown[4]);
        assert!(shown[4].contains("\u{1b}[7m\u{1b}[31mroundrobin"), "{:?}", shown[4]);
        assert!(shown[5].contains("source"), "{:?}", shown[5]);
    }

    #[test]
    fn escapes_in_a_file_never_reach_the_terminal() {
        for color in [false, true] {
            let shown = lines("@@ -1 +1 @@\n-a\u{1b}]0;x\u{7}\n+b\u{1b}[2J", color).join("\n");
            assert!(
                !shown.contains("\u{1b}]") && !shown.contains("\u{1b}[2J") && !shown.contains('\u{7}'),
                "{shown:?}"
            );
        }
    }
}
