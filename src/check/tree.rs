//! The tree of a YAML document, in which every key and value keeps its place.
//!
//! `syntax` words what the parser refuses, `decode` turns nodes into types, the rules ask for places.

use crate::model::diagnostic::{Diagnostic, Span};

use super::source::Source;

mod build;

/// The deepest nesting, an alias counted with what it stands for.
pub const DEPTH_LIMIT: usize = 64;

/// The most nodes of a document, an alias counted with what it stands for.
pub const NODE_LIMIT: usize = 500_000;

/// The most aliases of a document.
pub const ALIAS_LIMIT: usize = 1000;

/// The most keys of one mapping.
pub const KEY_LIMIT: usize = 10_000;

/// The longest scalar, in bytes: no program takes a longer argument on Linux.
pub const SCALAR_LIMIT: usize = 128 * 1024;

/// Names a node of one [`Tree`]. An alias has the id of what it stands for, so an id may be met more than once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub(super) usize);

/// A value or a key, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// From its first to its last character. A block scalar begins with the first character of its content, a
    /// mapping in block style with its first key, a list in block style with its first dash or element.
    pub span: Span,
    /// What it is.
    pub kind: Kind,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A single value.
    Scalar {
        /// Unescaped and unfolded.
        text: String,
        /// Unquoted, so that it may be a number, a boolean or nothing (see [`super::scalar::resolve`]).
        plain: bool,
    },
    /// A list.
    Sequence(Vec<NodeId>),
    /// Keys, each met once and a text, with their values, in the order of the file.
    Mapping(Vec<Entry>),
}

/// One key of a mapping and its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Always a scalar.
    pub key: NodeId,
    /// Anything.
    pub value: NodeId,
}

/// One step of a path through a tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Seg<'a> {
    /// The value of a key of a mapping.
    Key(&'a str),
    /// An element of a sequence, from 0.
    Index(usize),
}

/// A comment. Not part of any node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comment {
    /// From the `#` to the end of the line.
    pub span: Span,
    /// What follows the `#`.
    pub text: String,
}

/// One document: exactly one root, no tags, keys that are text and met once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    nodes: Vec<Node>,
    /// By node: the marks of all its keys. Of the keys that are asked for most are absent.
    marks: Vec<u64>,
    root: NodeId,
    comments: Vec<Comment>,
    unused_anchors: Vec<Span>,
}

/// Reads the one document of a file.
///
/// # Errors
///
/// Every finding about its syntax, at least one: malformed YAML (`RB0101`), duplicate keys (`RB0102`), tags
/// (`RB0103`), an empty document (`RB0104`), a further document (`RB0105`), limits (`RB0106`), keys that are not
/// text (`RB0107`), an unquoted `{{` (`RB0108`), characters that no runbook may hold (`RB0109`), a comma that ended a
/// value (`RB0116`), a merge key (`RB0118`), and a file of another tool (`RB0119`). One mistake is found once: what
/// follows a place where the parser lost its way is not read.
pub fn parse(source: &Source) -> Result<Tree, Vec<Diagnostic>> {
    build::parse(source)
}

/// The bit of a key in the marks of its mapping. Two keys may share one.
#[inline]
fn mark(key: &str) -> u64 {
    let bytes = key.as_bytes();
    let (first, last) = bytes.first().zip(bytes.last()).unwrap_or((&0, &0));
    // By these factors few of the format's own keys share a bit.
    1 << ((usize::from(*first) * 52 + usize::from(*last) + bytes.len()) % 64)
}

impl Tree {
    fn new(nodes: Vec<Node>, root: NodeId, comments: Vec<Comment>, unused_anchors: Vec<Span>) -> Self {
        let mut tree = Self { nodes, marks: Vec::new(), root, comments, unused_anchors };
        let key_marks = |id| tree.entries(id).iter().filter_map(|entry| tree.text(entry.key)).map(mark);
        tree.marks =
            (0..tree.nodes.len()).map(|at| key_marks(NodeId(at)).fold(0, |marks, mark| marks | mark)).collect();
        tree
    }

    /// The node that holds all others.
    #[must_use]
    pub fn root(&self) -> NodeId {
        self.root
    }

    /// A node of this tree. The id has to come from this tree.
    #[must_use]
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0]
    }

    /// Where a node stands.
    #[must_use]
    pub fn span(&self, id: NodeId) -> Span {
        self.node(id).span
    }

    /// The text of a scalar, quoted or not; `None` for a list or a mapping.
    #[must_use]
    pub fn text(&self, id: NodeId) -> Option<&str> {
        match &self.node(id).kind {
            Kind::Scalar { text, .. } => Some(text),
            Kind::Sequence(_) | Kind::Mapping(_) => None,
        }
    }

    /// The entries of a mapping, in the order of the file; none for anything else.
    #[must_use]
    pub fn entries(&self, id: NodeId) -> &[Entry] {
        match &self.node(id).kind {
            Kind::Mapping(entries) => entries,
            Kind::Scalar { .. } | Kind::Sequence(_) => &[],
        }
    }

    /// The elements of a list; none for anything else.
    #[must_use]
    pub fn items(&self, id: NodeId) -> &[NodeId] {
        match &self.node(id).kind {
            Kind::Sequence(items) => items,
            Kind::Scalar { .. } | Kind::Mapping(_) => &[],
        }
    }

    /// The entry of a mapping with that key.
    #[must_use]
    #[inline]
    pub fn get(&self, id: NodeId, key: &str) -> Option<&Entry> {
        if self.marks[id.0] & mark(key) == 0 { None } else { self.find(id, key) }
    }

    fn find(&self, id: NodeId, key: &str) -> Option<&Entry> {
        self.entries(id).iter().find(|entry| self.text(entry.key) == Some(key))
    }

    /// The node at the end of a path that begins at `id`.
    #[must_use]
    pub fn at(&self, id: NodeId, path: &[Seg<'_>]) -> Option<NodeId> {
        path.iter().try_fold(id, |id, seg| match seg {
            Seg::Key(key) => self.get(id, key).map(|entry| entry.value),
            Seg::Index(index) => self.items(id).get(*index).copied(),
        })
    }

    /// Every comment of the file, in order.
    #[must_use]
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// Every anchor that no alias names, in order.
    #[must_use]
    pub fn unused_anchors(&self) -> &[Span] {
        &self.unused_anchors
    }

    /// Every node, in the order in which they begin; what an alias repeats once.
    #[must_use]
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }
}

#[cfg(test)]
mod tests;
