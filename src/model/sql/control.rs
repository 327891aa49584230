//! Statements that begin or end a transaction.

/// What a statement does to transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// From now on there is one that was not ended.
    Begins,
    /// From now on there is none.
    Ends,
}

/// What a statement with these first words, lower case, does to transactions; `None` for nothing.
#[must_use]
pub fn control(words: &[String]) -> Option<Control> {
    let words = words.iter().map(String::as_str).collect::<Vec<_>>();
    match words.as_slice() {
        ["rollback", "to", ..]
        | ["rollback", "work" | "transaction", "to", ..]
        | ["commit" | "rollback", "prepared", ..] => None,
        ["begin", ..] | ["start", "transaction", ..] => Some(Control::Begins),
        // `AND CHAIN` begins the next one at once.
        ["commit" | "end" | "rollback" | "abort", rest @ ..] => {
            let chains = rest.contains(&"chain") && !rest.contains(&"no");
            Some(if chains { Control::Begins } else { Control::Ends })
        }
        ["prepare", "transaction", ..] => Some(Control::Ends),
        _ => None,
    }
}
