//! "Did you mean": the nearest known name.

/// So many known names are compared, so that a file full of mistakes is answered soon.
const CONSIDERED: usize = 1000;

/// The known name that is nearest to what was typed, when it is near enough to have been meant.
#[must_use]
pub fn nearest<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let folded = fold(typed);
    known
        .into_iter()
        .take(CONSIDERED)
        .map(|name| (strsim::damerau_levenshtein(&folded, &fold(name)), name))
        .filter(|(distance, name)| *distance <= allowed(typed.len().min(name.len())))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// ``did you mean `x`?`` where something is near, else the list of what there is.
#[must_use]
pub fn help<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>, what: &str) -> String {
    let mut known: Vec<&str> = known.into_iter().collect();
    if let Some(name) = nearest(typed, known.iter().copied()) {
        return format!("did you mean `{name}`?");
    }
    if known.is_empty() {
        return format!("this runbook has no {what}");
    }
    known.sort_unstable();
    let more = known.len().saturating_sub(12);
    known.truncate(12);
    let list = known.join(", ");
    if more > 0 { format!("there are: {list} and {more} more") } else { format!("there are: {list}") }
}

/// `onFailure`, `on-failure` and `on_failure` are the same word.
fn fold(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
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
