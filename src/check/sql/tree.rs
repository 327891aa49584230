//! Questions to the syntax tree of a statement, by the kinds of its nodes.

use std::ops::Range;

pub use squawk_syntax::SyntaxKind;
pub use squawk_syntax::SyntaxNode;

use SyntaxKind::{
    CALL_EXPR, CREATE_MATERIALIZED_VIEW, CREATE_TABLE, CREATE_TABLE_AS, FIELD_EXPR, NAME_REF, RELATION_NAME,
    RELATION_NAME_REF, SELECT_INTO, TABLE_NAME, TABLE_NAME_REF, TABLE_RELATION_NAME, VIEW,
};

/// The bytes of a node.
#[must_use]
pub fn range(node: &SyntaxNode) -> Range<usize> {
    usize::from(node.text_range().start())..usize::from(node.text_range().end())
}

/// The first child of that kind.
#[must_use]
pub fn child(node: &SyntaxNode, kind: SyntaxKind) -> Option<SyntaxNode> {
    node.children().find(|child| child.kind() == kind)
}

/// Every child of that kind.
pub fn children(node: &SyntaxNode, kind: SyntaxKind) -> impl Iterator<Item = SyntaxNode> {
    node.children().filter(move |child| child.kind() == kind)
}

/// Whether there is a node or a token of that kind anywhere below.
#[must_use]
pub fn has(node: &SyntaxNode, kind: SyntaxKind) -> bool {
    node.descendants_with_tokens().any(|found| found.kind() == kind)
}

/// Where a token of that kind ends, as a direct child.
#[must_use]
pub fn token_end(node: &SyntaxNode, kind: SyntaxKind) -> Option<usize> {
    let found = node.children_with_tokens().find(|child| child.as_token().is_some() && child.kind() == kind)?;
    Some(usize::from(found.text_range().end()))
}

/// A name as the server keeps it: without its schema, folded to lower case unless quoted.
#[must_use]
pub fn folded(name: &str) -> String {
    let last = name.rsplit('.').next().unwrap_or(name).trim();
    match last.strip_prefix('"').and_then(|inner| inner.strip_suffix('"')) {
        Some(inner) => inner.to_owned(),
        None => last.to_lowercase(),
    }
}

/// The relation that a statement is about: the first that it names.
#[must_use]
pub fn relation(node: &SyntaxNode) -> Option<SyntaxNode> {
    let kinds = [TABLE_RELATION_NAME, RELATION_NAME, TABLE_NAME_REF, RELATION_NAME_REF];
    let found = node.descendants().find(|child| kinds.contains(&child.kind()))?;
    // `ONLY` stands before the name itself.
    let inner = found.children().find(|child| kinds.contains(&child.kind()));
    Some(inner.unwrap_or(found))
}

/// The relation that a statement makes, as the server keeps its name.
#[must_use]
pub fn created(node: &SyntaxNode) -> Option<String> {
    let kind = match node.kind() {
        CREATE_TABLE | CREATE_TABLE_AS | SELECT_INTO => TABLE_NAME,
        CREATE_MATERIALIZED_VIEW => VIEW,
        _ => return None,
    };
    let name = node.descendants().find(|child| child.kind() == kind)?;
    Some(folded(&name.text().to_string()))
}

/// Every call of a function: its name, lower case without schema, and where that stands.
pub fn calls(node: &SyntaxNode) -> impl Iterator<Item = (String, Range<usize>)> {
    node.descendants().filter(|child| child.kind() == CALL_EXPR).filter_map(|call| {
        let called = call.first_child()?;
        let name = match called.kind() {
            NAME_REF => called,
            FIELD_EXPR => children(&called, NAME_REF).last()?,
            _ => return None,
        };
        Some((folded(&name.text().to_string()), range(&name)))
    })
}

/// The value of an option in `WITH (…)` or `SET (…)`, lower case without quotes.
#[must_use]
pub fn option(node: &SyntaxNode, name: &str) -> Option<String> {
    let options = node.descendants().filter(|child| child.kind() == SyntaxKind::ATTRIBUTE_OPTION);
    let mut texts = options.map(|option| option.text().to_string().to_lowercase());
    texts.find_map(|text| {
        let (key, value) = text.split_once('=').unwrap_or((&text, "true"));
        (key.trim() == name).then(|| value.trim().trim_matches('\'').to_owned())
    })
}
