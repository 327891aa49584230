//! "Did you mean": the nearest known name.

/// So many known names are looked at, so that a file full of mistakes is answered soon.
const CONSIDERED: usize = 1000;

/// So many of them, the likeliest, are compared letter by letter.
const COMPARED: usize = 16;

/// The known name that is nearest to what was typed, when it is near enough to have been meant.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let shape = Shape::of(typed);
    let possible = known.into_iter().take(CONSIDERED).map(|name| (shape.apart(&Shape::of(name)), name));
    let mut likely: Vec<(usize, &str)> =
        possible.filter(|(apart, name)| *apart <= allowed(typed.len().min(name.len()))).collect();
    likely.sort_by_key(|(apart, _)| *apart);
    let folded = fold(typed);
    likely
        .into_iter()
        .take(COMPARED)
        .map(|(_, name)| (strsim::damerau_levenshtein(&folded, &fold(name)), name))
        .filter(|(distance, name)| *distance <= allowed(typed.len().min(name.len())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// What can be said of a word without comparing its letters one by one.
struct Shape {
    length: usize,
    /// A bit for each kind of letter in it.
    letters: u64,
}

impl Shape {
    fn of(word: &str) -> Self {
        let mut shape = Self { length: 0, letters: 0 };
        for letter in letters(word) {
            shape.length += 1;
            shape.letters |= 1 << (u32::from(letter) % 64);
        }
        shape
    }

    /// So many slips it takes at least from one to the other: each changes at most two kinds of letters.
    const fn apart(&self, other: &Self) -> usize {
        let kinds = (self.letters ^ other.letters).count_ones().div_ceil(2) as usize;
        let length = self.length.abs_diff(other.length);
        if kinds > length { kinds } else { length }
    }
}

/// ``did you mean `x`?`` where something is near, else the list of what there is.
#[must_use]
pub fn help<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>, what: &str) -> String {
    let mut known = known.into_iter();
    let mut first: Vec<&str> = known.by_ref().take(CONSIDERED).collect();
    if let Some(name) = nearest(typed, first.iter().copied()) {
        return format!("did you mean `{name}`?");
    }
    if first.is_empty() {
        return format!("this runbook has no {what}");
    }
    first.sort_unstable();
    let more = first.len().saturating_sub(12) + known.count();
    first.truncate(12);
    let list = first.join(", ");
    if more > 0 { format!("there are: {list} and {more} more") } else { format!("there are: {list}") }
}

/// `onFailure`, `on-failure` and `on_failure` are the same word.
fn fold(name: &str) -> String {
    letters(name).collect()
}

fn letters(name: &str) -> impl Iterator<Item = char> {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase)
}

const fn allowed(length: usize) -> usize {
    match length {
        0..=2 => 0,
        3..=4 => 1,
        5..=8 => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_and_another_way_to_join_words_are_recognised() {
        let known = ["timeout", "on_failure", "retry"];
        assert_eq!(nearest("timout", known), Some("timeout"));
        assert_eq!(nearest("onFailure", known), Some("on_failure"));
        assert_eq!(nearest("parallel", known), None);
    }

    #[test]
    fn what_there_is_is_listed_where_nothing_is_near() {
        assert_eq!(help("zz", ["b", "a"], "targets"), "there are: a, b");
        assert_eq!(help("zz", [], "targets"), "this runbook has no targets");
    }
}
