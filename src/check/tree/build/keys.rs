//! What is wrong with the keys of a mapping, found while it is built.

use super::{Builder, Kind, Node, NodeId, Open};
use crate::check::characters::{Unusual, name, unusual};
use crate::check::scalar::{self, Plain};
use crate::check::syntax;
use crate::model::diagnostic::{Diagnostic, Label, Span};

impl Open {
    /// Keeps a key; where it was met before, its first place.
    fn keep(&mut self, nodes: &[Node], key: NodeId, text: &str) -> Option<Span> {
        let text_of = |key: &NodeId| match &nodes[key.0].kind {
            Kind::Scalar { text, .. } => text.as_str(),
            Kind::Sequence(_) | Kind::Mapping(_) => "",
        };
        match self.keys.binary_search_by(|met| text_of(met).cmp(text)) {
            Ok(at) => Some(nodes[self.keys[at].0].span),
            Err(at) => {
                self.keys.insert(at, key);
                None
            }
        }
    }
}

impl Builder<'_> {
    /// A key is text, is met once, and merges nothing.
    pub(super) fn check_key(&mut self, id: NodeId) {
        let Some(parent) = self.open.last_mut() else { return };
        let node = &self.nodes[id.0];
        let found = match &node.kind {
            Kind::Scalar { text, plain: true } => match scalar::resolve(text) {
                Plain::Text => None,
                Plain::Null => Some("nothing".to_owned()),
                Plain::Boolean(_) => Some(format!("the boolean {text}")),
                Plain::Integer(_) | Plain::Float(_) => Some(format!("the number {text}")),
            },
            Kind::Scalar { .. } => None,
            // The braces of an unquoted template, which is found when its mapping is complete.
            Kind::Mapping(_) if self.source.text[self.nodes[parent.id.0].span.start..].starts_with("{{") => return,
            Kind::Mapping(_) => Some("a mapping".to_owned()),
            Kind::Sequence(_) => Some("a list".to_owned()),
        };
        let span = node.span;
        let (message, code, help) = if let Some(found) = found {
            (format!("a key must be text, found {found}"), "RB0107", "put quotes around the key")
        } else if let Kind::Scalar { text, plain } = &node.kind {
            let space = text.chars().next().filter(|first| *plain && unusual(*first) == Some(Unusual::Space));
            if let Some(space) = space {
                let message = format!("{} before this key is part of it, and indents nothing", name(space));
                (message, "RB0101", "indent with spaces, typed anew")
            } else if *plain && text == "<<" {
                let message = "`<<` merges nothing here, it is a key like any other".to_owned();
                (message, "RB0118", "write the keys out; an alias can stand for a whole value")
            } else if let Some(first) = parent.keep(&self.nodes, id, text) {
                let first = Label { span: first, text: "first defined here".to_owned() };
                let message = format!("the key `{text}` is defined twice in the same mapping");
                let help = Some("keep one of the two, or rename one");
                let found = syntax::finding(self.source, "RB0102", self.source.first_line(span), message, help);
                self.findings.push(Diagnostic { labels: vec![first], ..found });
                return;
            } else {
                return;
            }
        } else {
            return;
        };
        let found = syntax::finding(self.source, code, self.source.first_line(span), message, Some(help));
        self.findings.push(found);
    }

    /// A key between braces that has no `:` is most often the rest of the value before it, which a comma ended.
    pub(super) fn check_value(&mut self, key: NodeId, value: NodeId) {
        let Some(parent) = self.open.last() else { return };
        let place = self.nodes[key.0].span;
        let is_bare = parent.flow && !parent.has_bare_key && self.is_blank(value) && !self.has_colon(place, value);
        // An unquoted template is found when its mapping is complete.
        let is_template = self.source.text[..self.nodes[parent.id.0].span.start].ends_with('{');
        let Kind::Scalar { text, plain: true } = &self.nodes[key.0].kind else { return };
        if !is_bare || is_template {
            return;
        }
        let (message, help, label) = match self.value_before(parent.id) {
            Some((name, span)) if !text.contains(':') => (
                format!("the comma ended the value of `{name}`, so that `{text}` is read as another key"),
                "put quotes around a value with a comma in it",
                Some(Label { span, text: "the value ends here".to_owned() }),
            ),
            _ if text.contains(':') => (format!("`{text}` has no value"), "write a space behind the `:`", None),
            _ => (
                format!("`{text}` has no value"),
                "write `key: value`, or put quotes around what belongs together",
                None,
            ),
        };
        let found = syntax::finding(self.source, "RB0116", self.source.first_line(place), message, Some(help));
        self.findings.push(Diagnostic { labels: label.into_iter().collect(), ..found });
        if let Some(parent) = self.open.last_mut() {
            parent.has_bare_key = true;
        }
    }

    /// The key and place of the entry before the last one of a mapping, where its value is unquoted text.
    fn value_before(&self, mapping: NodeId) -> Option<(&str, Span)> {
        let Kind::Mapping(entries) = &self.nodes[mapping.0].kind else { return None };
        let before = entries.get(entries.len().checked_sub(2)?)?;
        let (key, value) = (&self.nodes[before.key.0], &self.nodes[before.value.0]);
        match (&key.kind, &value.kind) {
            (Kind::Scalar { text, .. }, Kind::Scalar { plain: true, .. }) if !self.is_blank(before.value) => {
                Some((text, self.source.first_line(value.span)))
            }
            _ => None,
        }
    }

    /// Whether a `:` stands between a key and its empty value.
    fn has_colon(&self, key: Span, value: NodeId) -> bool {
        let behind = self.nodes[value.0].span.start.max(key.end);
        let text = &self.source.text;
        text.get(key.end..behind).is_some_and(|between| between.contains(':'))
            || text[behind..].trim_start().starts_with(':')
    }

    pub(super) fn is_unquoted_template(&self, id: NodeId) -> bool {
        let node = &self.nodes[id.0];
        let Kind::Mapping(entries) = &node.kind else { return false };
        let inner = entries.first().map(|entry| &self.nodes[entry.key.0].kind);
        matches!(inner, Some(Kind::Mapping(_))) && self.source.text[node.span.start..].starts_with("{{")
    }
}
