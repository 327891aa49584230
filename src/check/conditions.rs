//! Conditions as they are written, cut into the parts that all hold where they do, so that two can be compared.

use std::cmp::Ordering;

/// What holds where a condition does (or, negated, where it does not), each part in one spelling.
#[must_use]
pub fn of(condition: &str, holds: bool) -> Vec<String> {
    let words: Vec<&str> = condition.split_whitespace().collect();
    let text = words.join(" ");
    let text = unbracketed(&text);
    if !parts(text, " if ").1.is_empty() {
        return vec![negated(text, !holds)];
    }
    let (first_or, other_or) = parts(text, " or ");
    let (first_and, other_and) = parts(text, " and ");
    match (other_or.is_empty(), other_and.is_empty()) {
        (true, true) => match text.strip_prefix("not ") {
            Some(rest) => of(rest, !holds),
            None => vec![negated(text, !holds)],
        },
        (true, false) if holds => all(first_and, other_and, holds),
        (false, _) if !holds => all(first_or, other_or, holds),
        _ => vec![negated(text, !holds)],
    }
}

fn all(first: &str, others: &str, holds: bool) -> Vec<String> {
    let mut found = of(first, holds);
    found.extend(of(others, holds));
    found
}

fn negated(text: &str, negate: bool) -> String {
    if negate { format!("not ({text})") } else { text.to_owned() }
}

/// What stands before and behind a word that is in no bracket and no quotes; nothing behind where there is none.
fn parts<'t>(text: &'t str, word: &str) -> (&'t str, &'t str) {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), _) if open == byte => quote = None,
            (None, b'\'' | b'"') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => depth = depth.saturating_sub(1),
            (None, b' ') if depth == 0 && text[at..].starts_with(word) => {
                return (&text[..at], &text[at + word.len()..]);
            }
            _ => {}
        }
    }
    (text, "")
}

/// Without brackets around all of it, and without one whose other half belongs to something else.
fn unbracketed(text: &str) -> &str {
    let count = |bracket| text.bytes().filter(|byte| *byte == bracket).count();
    match count(b'(').cmp(&count(b')')) {
        Ordering::Greater if text.starts_with('(') => return unbracketed(text[1..].trim()),
        Ordering::Less if text.ends_with(')') => return unbracketed(text[..text.len() - 1].trim()),
        _ => {}
    }
    let Some(inside) = text.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) else { return text };
    let mut depth = 0_i32;
    let encloses = inside.bytes().all(|byte| {
        depth += i32::from(byte == b'(') - i32::from(byte == b')');
        depth >= 0
    });
    if encloses { unbracketed(inside.trim()) } else { text }
}

#[cfg(test)]
mod tests {
    use super::of;

    #[test]
    fn a_condition_is_cut_where_all_its_parts_hold() {
        assert_eq!(of("a and (b  and not c)", true), ["a", "b", "not (c)"]);
        assert_eq!(of("a or b", true), ["a or b"]);
        assert_eq!(of("a or not b", false), ["not (a)", "b"]);
        assert_eq!(of("not (a or b)", true), ["not (a)", "not (b)"]);
        assert_eq!(of("x == 'a and b' and f(c and d)", true), ["x == 'a and b'", "f(c and d)"]);
        assert_eq!(of("a if b and c else d", true), ["a if b and c else d"]);
        assert_eq!(of("(a) and (b)", true), ["a", "b"]);
        assert_eq!(of("(a > 0", true), ["a > 0"]);
    }
}
