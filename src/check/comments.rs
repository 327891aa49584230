//! Values that a ` #` cut off: YAML takes the rest of the line as a comment.

use std::collections::HashMap;

use super::scalar::{self, Plain};
use super::source::Source;
use super::tree::{Kind, NodeId, Tree};
use crate::model::diagnostic::Span;

/// Keys whose values are sentences for people.
pub const PROSE: [&str; 11] = [
    "title",
    "description",
    "owner",
    "name",
    "notes",
    "message",
    "instructions",
    "not_needed",
    "irreversible",
    "point_of_no_return",
    "links",
];

/// A value that a comment follows on its line, and that seems to go on in it.
#[derive(Debug)]
pub(super) struct Cut {
    /// From the `#` to the end of the line.
    pub comment: Span,
    /// What is left of the value.
    pub value: Span,
    /// What was opened in the value and is closed in the comment; `None` where the comment only looks like a part of
    /// it, such as `#1234`.
    pub closed: Option<char>,
}

/// Every value of a document that a comment may have cut off.
pub(super) fn cuts(source: &Source, tree: &Tree) -> Vec<Cut> {
    let text = &source.text;
    let mut behind = tree.comments().iter().peekable();
    if behind.peek().is_none() {
        return Vec::new();
    }
    let ends = ends(tree);
    let cut = behind.filter_map(|comment| {
        let line = text[..comment.span.start].rfind('\n').map_or(0, |feed| feed + 1);
        let end = line + text[line..comment.span.start].trim_end().len();
        let (id, is_prose) = ends.get(&end)?;
        let value = tree.text(*id)?;
        let closed = unclosed(value).filter(|open| comment.text.contains(closing(*open)));
        let is_word = comment.text.starts_with(char::is_alphanumeric) && *is_prose;
        (closed.is_some() || is_word).then(|| Cut { comment: comment.span, value: tree.span(*id), closed })
    });
    cut.collect()
}

/// The unquoted texts by their ends, and whether they are prose.
fn ends(tree: &Tree) -> HashMap<usize, (NodeId, bool)> {
    let mut ends = HashMap::new();
    for node in tree.nodes() {
        match &node.kind {
            Kind::Mapping(entries) => {
                for entry in entries {
                    let is_prose = || tree.text(entry.key).is_some_and(|key| PROSE.contains(&key));
                    insert(tree, &mut ends, entry.value, is_prose);
                }
            }
            Kind::Sequence(items) => items.iter().for_each(|item| insert(tree, &mut ends, *item, || false)),
            Kind::Scalar { .. } => {}
        }
    }
    ends
}

fn insert(tree: &Tree, ends: &mut HashMap<usize, (NodeId, bool)>, id: NodeId, is_prose: impl Fn() -> bool) {
    let node = tree.node(id);
    if let Kind::Scalar { text, plain: true } = &node.kind
        && scalar::resolve(text) == Plain::Text
    {
        ends.insert(node.span.end, (id, is_prose()));
    }
}

/// The quote or bracket that a text opens and does not close; the outermost. An apostrophe in a word is no quote.
fn unclosed(text: &str) -> Option<char> {
    let mut open: Vec<char> = Vec::new();
    let mut before = ' ';
    for c in text.chars() {
        match (open.last(), c) {
            (Some(quote @ ('"' | '\'' | '`')), _) if c != *quote => {}
            (Some(last), _) if closing(*last) == c => drop(open.pop()),
            (_, '\'') if before.is_alphanumeric() => {}
            (_, '"' | '\'' | '`' | '(' | '[' | '{') => open.push(c),
            _ => {}
        }
        before = c;
    }
    open.first().copied()
}

const fn closing(open: char) -> char {
    match open {
        '(' => ')',
        '[' => ']',
        '{' => '}',
        quote => quote,
    }
}

#[cfg(test)]
mod tests {
    use super::unclosed;

    #[test]
    fn what_is_opened_and_not_closed_is_found() {
        for (text, expected) in [
            ("see (the ticket", Some('(')),
            ("echo \"a", Some('"')),
            ("echo 'it", Some('\'')),
            ("x['a", Some('[')),
            ("don't", None),
            ("say \"don't (\"", None),
            ("1) one", None),
            ("f(x[1], {y})", None),
        ] {
            assert_eq!(unclosed(text), expected, "{text}");
        }
    }
}
