//! Builds the tree from the events of the parser, and finds what a runbook may not contain.

use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle};

use super::{ALIAS_LIMIT, Comment, DEPTH_LIMIT, Entry, KEY_LIMIT, Kind, NODE_LIMIT, Node, NodeId, SCALAR_LIMIT, Tree};
use crate::check::source::Source;
use crate::check::syntax::{self, Progress};
use crate::check::{comments, foreign, unreadable};
use crate::model::diagnostic::{Diagnostic, Label, Span};

mod keys;

/// What ends the reading of a file at once.
type Fatal = Box<Diagnostic>;

pub(super) fn parse(source: &Source) -> Result<Tree, Vec<Diagnostic>> {
    let unreadable = unreadable::characters(source);
    if !unreadable.is_empty() {
        return Err(unreadable);
    }
    let mut builder = Builder::new(source);
    let fatal = builder.read().err();
    let unused_anchors = builder.unused_anchors();
    let Builder { nodes, root, comments, mut findings, .. } = builder;
    if let Some(fatal) = fatal {
        // What could not be read may stand in an unquoted template that was found already.
        let (line, _) = source.line_column(fatal.span.start);
        if !findings.iter().any(|found| found.code == "RB0108" && source.line_column(found.span.start).0 == line) {
            findings.push(*fatal);
        }
    }
    let Some(root) = root else { return Err(findings) };
    let tree = Tree::new(nodes, root, comments, unused_anchors);
    // What another tool allows is no mistake in its own file.
    if let Some(found) = foreign::recognise(source, &tree) {
        return Err(vec![found]);
    }
    findings.extend(cut_quotations(source, &tree));
    if findings.is_empty() { Ok(tree) } else { Err(findings) }
}

/// Values whose quote or bracket is closed only in the comment behind them.
fn cut_quotations(source: &Source, tree: &Tree) -> Vec<Diagnostic> {
    let cuts = comments::cuts(source, tree).into_iter();
    let certain = cuts.filter_map(|cut| {
        let open = cut.closed?;
        let message = format!("` #` begins a comment, so that the `{open}` in the value is never closed");
        let help = Some("put quotes around the whole value");
        let found = syntax::finding(source, "RB0121", cut.comment, message, help);
        Some(Diagnostic {
            labels: vec![Label { span: cut.value, text: "all that is left of the value".to_owned() }],
            ..found
        })
    });
    certain.collect()
}

/// How much a finished node adds to the limits.
#[derive(Clone, Copy)]
struct Extent {
    nodes: usize,
    height: usize,
}

const LEAF: Extent = Extent { nodes: 1, height: 1 };

/// A collection whose end was not met yet.
struct Open {
    id: NodeId,
    anchor: usize,
    flow: bool,
    extent: Extent,
    /// Where its last child ends so far.
    end: usize,
    /// The key that waits for its value.
    key: Option<NodeId>,
    /// The keys met so far, for duplicates: the first of each, by their texts.
    keys: Vec<NodeId>,
    /// Whether a key without a value was found in it.
    has_bare_key: bool,
}

/// An anchor, by the number that the parser gives it.
struct Anchor {
    /// The `&` and the name.
    span: Span,
    used: bool,
    /// It stands before no value.
    names_nothing: bool,
}

struct Builder<'s> {
    source: &'s Source,
    nodes: Vec<Node>,
    open: Vec<Open>,
    anchors: HashMap<usize, (NodeId, Extent)>,
    /// The anchors as they are written.
    written: HashMap<usize, Anchor>,
    aliases: usize,
    /// All nodes, aliases counted with what they stand for.
    expanded: usize,
    /// The end of the last event.
    last: usize,
    root: Option<NodeId>,
    comments: Vec<Comment>,
    findings: Vec<Diagnostic>,
}

impl<'s> Builder<'s> {
    fn new(source: &'s Source) -> Self {
        Self {
            source,
            nodes: Vec::new(),
            open: Vec::new(),
            anchors: HashMap::new(),
            written: HashMap::new(),
            aliases: 0,
            expanded: 0,
            last: 0,
            root: None,
            comments: Vec::new(),
            findings: Vec::new(),
        }
    }

    fn read(&mut self) -> Result<(), Fatal> {
        let source = self.source;
        let options = granit_parser::options! {
            strict_indentation: true,
            max_buffered_comment_events: source.text.len(),
            emit_anchor_events: true,
        };
        for event in Parser::new_from_str_with_options(&source.text, options) {
            let (event, place) = event.map_err(|error| Box::new(syntax::explain(source, &error, self.progress())))?;
            self.last = span(&place).end.max(self.last);
            if let Some(tag) = place.tag_span() {
                self.findings.push(syntax::tag(source, span(&tag)));
            }
            self.event(event, span(&place))?;
        }
        if self.root.is_none_or(|root| self.is_blank(root)) {
            let place = Span { start: 0, end: self.source.text.trim_end().len().min(1) };
            let help = "a runbook begins with `runbook: 1`";
            return Err(self.fatal("RB0104", place, "the document is empty".to_owned(), help));
        }
        Ok(())
    }

    fn progress(&self) -> Progress {
        let innermost = self.open.iter().rev().find(|open| open.flow);
        Progress { last: self.last, bracket: innermost.map(|open| self.nodes[open.id.0].span.start) }
    }

    fn event(&mut self, event: Event<'_>, span: Span) -> Result<(), Fatal> {
        match event {
            Event::DocumentStart(..) if self.root.is_some() => {
                let help = "keep one runbook in a file, and remove this line and what follows";
                Err(self.fatal("RB0105", span, "a second document begins here".to_owned(), help))
            }
            Event::Scalar(text, style, anchor, _) => {
                let plain = style == ScalarStyle::Plain;
                // The parser writes `~` for what is not there; a tilde of the author has a place.
                let text = if plain && span.start == span.end { String::new() } else { text.into_owned() };
                let span = self.trimmed(span);
                self.check_length(&text, span);
                let id = self.add(Node { span, kind: Kind::Scalar { text, plain } })?;
                self.finish(id, anchor, LEAF)
            }
            Event::SequenceStart(_, anchor, _) => self.open(Kind::Sequence(Vec::new()), anchor, span),
            Event::MappingStart(_, anchor, _) => self.open(Kind::Mapping(Vec::new()), anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::Anchor(anchor, _) => {
                let blank = Kind::Scalar { text: String::new(), plain: true };
                let names_nothing = self.nodes.last().is_some_and(|node| node.kind == blank);
                self.written.insert(anchor, Anchor { span, used: false, names_nothing });
                Ok(())
            }
            Event::Comment(text, _) => {
                self.comments.push(Comment { span, text: text.into_owned() });
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, node: Node) -> Result<NodeId, Fatal> {
        self.expanded += 1;
        if self.expanded > NODE_LIMIT {
            let message = format!("the document has more than {NODE_LIMIT} values");
            return Err(self.fatal("RB0106", node.span, message, "keep data in files of their own"));
        }
        self.nodes.push(node);
        Ok(NodeId(self.nodes.len() - 1))
    }

    fn open(&mut self, kind: Kind, anchor: usize, span: Span) -> Result<(), Fatal> {
        if self.open.len() >= DEPTH_LIMIT {
            return Err(self.too_deep(span));
        }
        let flow = span.start < span.end;
        let id = self.add(Node { span, kind })?;
        self.open.push(Open {
            id,
            anchor,
            flow,
            extent: LEAF,
            end: span.end,
            key: None,
            keys: Vec::new(),
            has_bare_key: false,
        });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Fatal> {
        let Some(open) = self.open.pop() else { return Ok(()) };
        // A block collection ends with what it holds; the parser looked further.
        let end = if open.flow { end.end } else { open.end };
        let span = &mut self.nodes[open.id.0].span;
        span.end = end;
        let span = *span;
        if self.is_unquoted_template(open.id) {
            self.findings.push(syntax::unquoted_template(self.source, span));
        }
        self.finish(open.id, open.anchor, open.extent)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Fatal> {
        self.aliases += 1;
        if self.aliases > ALIAS_LIMIT {
            let message = format!("the document has more than {ALIAS_LIMIT} aliases");
            return Err(self.fatal("RB0106", span, message, "write out what is needed"));
        }
        if let Some(written) = self.written.get_mut(&anchor) {
            written.used = true;
        }
        let Some((id, extent)) = self.anchors.get(&anchor).copied() else {
            let message = "the alias stands for something that contains it".to_owned();
            return Err(self.fatal("RB0106", span, message, "write the value out"));
        };
        self.expanded = self.expanded.saturating_add(extent.nodes);
        if self.expanded > NODE_LIMIT {
            let message = format!("aliases make the document larger than {NODE_LIMIT} values");
            return Err(self.fatal("RB0106", span, message, "write out what is needed instead of nesting aliases"));
        }
        if self.open.len() + extent.height > DEPTH_LIMIT + 1 {
            return Err(self.too_deep(span));
        }
        self.attach(id, extent, span.end)
    }

    /// A node is complete: later aliases may stand for it, and it takes its place in what is open.
    fn finish(&mut self, id: NodeId, anchor: usize, extent: Extent) -> Result<(), Fatal> {
        if anchor != 0 {
            self.anchors.insert(anchor, (id, extent));
        }
        self.attach(id, extent, self.nodes[id.0].span.end)
    }

    fn attach(&mut self, id: NodeId, extent: Extent, end: usize) -> Result<(), Fatal> {
        let Some(parent) = self.open.last_mut() else {
            self.root = Some(id);
            return Ok(());
        };
        parent.end = parent.end.max(end);
        parent.extent.nodes = parent.extent.nodes.saturating_add(extent.nodes);
        parent.extent.height = parent.extent.height.max(extent.height + 1);
        match &mut self.nodes[parent.id.0].kind {
            Kind::Sequence(items) => items.push(id),
            Kind::Mapping(entries) => {
                if let Some(key) = parent.key.take() {
                    entries.push(Entry { key, value: id });
                    self.check_value(key, id);
                } else if entries.len() == KEY_LIMIT {
                    let message = format!("a mapping has more than {KEY_LIMIT} keys");
                    return Err(self.fatal(
                        "RB0106",
                        self.nodes[id.0].span,
                        message,
                        "keep data in files of their own",
                    ));
                } else {
                    parent.key = Some(id);
                    self.check_key(id);
                }
            }
            Kind::Scalar { .. } => {}
        }
        Ok(())
    }

    fn check_length(&mut self, text: &str, span: Span) {
        if text.len() > SCALAR_LIMIT {
            let message = format!("a value is longer than {} KiB", SCALAR_LIMIT >> 10);
            let help = "keep data, and scripts of that size, in files of their own";
            let place = self.source.first_line(span);
            self.findings.push(syntax::finding(self.source, "RB0106", place, message, Some(help)));
        }
    }

    /// Anchors that no alias names, in the order of the file. Those that name nothing were values to their author.
    fn unused_anchors(&mut self) -> Vec<Span> {
        let mut unused: Vec<&Anchor> = self.written.values().filter(|anchor| !anchor.used).collect();
        unused.sort_unstable_by_key(|anchor| anchor.span);
        for anchor in unused.iter().filter(|anchor| anchor.names_nothing) {
            let message = "`&` names an anchor here, and no value follows it".to_owned();
            let help = Some("put quotes around a value that begins with `&`");
            self.findings.push(syntax::finding(self.source, "RB0101", anchor.span, message, help));
        }
        unused.iter().map(|anchor| anchor.span).collect()
    }

    fn is_blank(&self, id: NodeId) -> bool {
        matches!(&self.nodes[id.0].kind, Kind::Scalar { text, plain: true } if text.is_empty())
    }

    /// A block scalar's place without the line breaks behind it.
    fn trimmed(&self, span: Span) -> Span {
        let text = self.source.text.get(span.start..span.end).unwrap_or_default();
        Span { start: span.start, end: span.start + text.trim_end().len() }
    }

    fn too_deep(&self, span: Span) -> Fatal {
        let message = format!("values are nested deeper than {DEPTH_LIMIT} levels");
        self.fatal("RB0106", span, message, "move the inner part out, for instance into a group of its own")
    }

    fn fatal(&self, code: &'static str, span: Span, message: String, help: &str) -> Fatal {
        Box::new(syntax::finding(self.source, code, span, message, Some(help)))
    }
}

fn span(place: &granit_parser::Span) -> Span {
    let range = place.byte_range().unwrap_or_default();
    Span { start: range.start, end: range.end }
}
