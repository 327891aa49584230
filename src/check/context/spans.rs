//! Where the parts of a document stand, as findings point at them.

use std::rc::Rc;

use super::Context;
use crate::check::place::Places;
use crate::check::steps::{ProbeAt, StepAt};
use crate::check::tree::NodeId;
use crate::model::diagnostic::Span;

impl<'a> Context<'a> {
    /// Where a node stands.
    #[must_use]
    pub fn span(&self, node: NodeId) -> Span {
        self.tree.span(node)
    }

    /// Where the value of a key stands; the whole mapping when it has no such key.
    #[must_use]
    pub fn field_span(&self, node: NodeId, key: &str) -> Span {
        self.span(self.field(node, key).unwrap_or(node))
    }

    /// Where a key stands; the whole mapping when it has no such key.
    #[must_use]
    pub fn entry_key_span(&self, node: NodeId, key: &str) -> Span {
        self.span(self.tree.get(node, key).map_or(node, |entry| entry.key))
    }

    /// From a key to the end of its value, on the first line.
    #[must_use]
    pub fn entry_span(&self, node: NodeId, key: &str) -> Span {
        let Some(entry) = self.tree.get(node, key) else { return self.span(node) };
        let whole = Span { start: self.span(entry.key).start, end: self.span(entry.value).end };
        self.first_line(whole)
    }

    /// As much of a span as stands on its first line.
    #[must_use]
    pub fn first_line(&self, span: Span) -> Span {
        self.source.first_line(span)
    }

    /// The place that stands for a step in a finding: the key of its action, else its first line.
    #[must_use]
    pub fn action_span(&self, step: &StepAt) -> Span {
        match step.actions.first() {
            Some(key) => self.entry_key_span(step.node, key),
            None => self.first_line(self.span(step.node)),
        }
    }

    /// The place that stands for a probe in a finding: the key of what it asks.
    #[must_use]
    pub fn question_span(&self, probe: &ProbeAt<'_>) -> Span {
        self.question(probe.node)
            .map_or_else(|| self.first_line(self.span(probe.node)), |key| self.entry_key_span(probe.node, key))
    }

    /// The places within a scalar's text.
    #[must_use]
    pub fn places(&self, node: NodeId) -> Places<'a> {
        let (file, text) = (&self.source.text, self.text(node).unwrap_or_default());
        let mut last = self.offsets.borrow_mut();
        if let Some((_, offsets)) = last.as_ref().filter(|(known, _)| *known == node) {
            return Places { text, file, offsets: Rc::clone(offsets) };
        }
        let places = Places::new(file, self.span(node), text);
        *last = Some((node, Rc::clone(&places.offsets)));
        places
    }

    /// Where a part of a scalar's text stands in the file; the whole scalar (on its first line) where escapes make
    /// the two differ.
    #[must_use]
    pub fn span_within(&self, node: NodeId, places: &Places<'_>, offset: usize, length: usize) -> Span {
        places.span(offset, length).unwrap_or_else(|| self.first_line(self.span(node)))
    }

    /// The same where the text may go on in the next line of the file: as much of it as stands on the line on which it
    /// begins.
    #[must_use]
    pub fn begin_within(&self, node: NodeId, places: &Places<'_>, offset: usize, length: usize) -> Span {
        places.begin(offset, length).unwrap_or_else(|| self.first_line(self.span(node)))
    }
}
