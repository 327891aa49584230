//! What a reviewer sees is not what runs: characters that are not seen, or are seen as others.

use super::Findings;
use crate::check::characters::{Unusual, belongs, lookalike, name, plain, unusual};
use crate::check::comments::PROSE;
use crate::check::context::Context;
use crate::check::decode::DecodeErrorKind;
use crate::check::tree::Kind;
use crate::model::diagnostic::Span;

/// So many places are reported one by one.
const REPORTED: usize = 500;

/// Characters that turn the order of a text round, or are not shown at all, anywhere in the file: one finding a line.
pub fn unseen(context: &Context, findings: &mut Findings) {
    let text = &context.source.text;
    let named = Named::new(context);
    let (mut before, mut reported) = (None, 0);
    let mut line: Option<Line> = None;
    for (at, c) in text.char_indices() {
        let kind = if c.is_ascii() { None } else { unusual(c) };
        let is_unseen = matches!(kind, Some(Unusual::Direction | Unusual::Invisible)) && !belongs(c, before);
        before = Some(c);
        if c == '\n'
            && let Some(line) = line.take()
        {
            report_unseen(&line, findings);
            reported += 1;
            if reported == REPORTED {
                return;
            }
        } else if is_unseen && !named.holds(at) {
            let end = at + c.len_utf8();
            let line = line.get_or_insert(Line { first: c, span: Span { start: at, end: at }, more: 0 });
            if line.span.end == at {
                line.span.end = end;
            }
            line.more += usize::from(line.span.start != at);
        }
    }
    if let Some(line) = line {
        report_unseen(&line, findings);
    }
}

/// What is not seen in a line.
struct Line {
    first: char,
    /// The first of them, and those side by side with it.
    span: Span,
    more: usize,
}

fn report_unseen(line: &Line, findings: &mut Findings) {
    let what = match line.more {
        0 => name(line.first),
        1 => format!("{} and one more on this line", name(line.first)),
        more => format!("{} and {more} more on this line", name(line.first)),
    };
    let message = match unusual(line.first) {
        Some(Unusual::Direction) => format!("{what}: what follows is shown in another order than it is read"),
        _ => format!("{what}: nothing is seen here, and it is part of the text"),
    };
    findings.report(line.span, message, escape(line.first));
}

/// What to type instead of a character.
fn escape(c: char) -> String {
    let code = u32::from(c);
    let escape = if code > 0xffff { format!("\\U{code:08x}") } else { format!("\\u{code:04x}") };
    format!("remove it; where a value needs it, write \"{escape}\" in double quotes, so that it is seen")
}

/// Spaces that are none, in what is not a sentence for people: nothing splits words there.
pub fn unusual_spaces(context: &Context, findings: &mut Findings) {
    let named = Named::new(context);
    for span in code(context) {
        let written = &context.source.text[span.start..span.end];
        let spaces = |c: char| !c.is_ascii() && unusual(c) == Some(Unusual::Space);
        let mut at = 0;
        while let Some(found) = written[at..].find(spaces) {
            let start = at + found;
            let length = written[start..].find(|c| !spaces(c)).unwrap_or(written.len() - start);
            at = start + length;
            let line = written[..start].rfind('\n').map_or(0, |feed| feed + 1);
            let is_comment = written[line..start].trim_start().starts_with(['#', '-']) && line > 0;
            let place = Span { start: span.start + start, end: span.start + at };
            if !is_comment && !named.holds(place.start) {
                let first = written[start..].chars().next().unwrap_or(' ');
                let message = format!("{} is shown as a space and is none: it is part of the word", name(first));
                findings.report(place, message, "type a space; where the text needs this one, write it as an escape");
            }
        }
    }
}

/// Words of a program or names that mix Latin letters with others that look like them.
pub fn mixed_alphabets(context: &Context, findings: &mut Findings) {
    let named = Named::new(context);
    for span in code(context) {
        let written = &context.source.text[span.start..span.end];
        let mut at = 0;
        for word in written.split(|c: char| !c.is_alphanumeric() && c != '_') {
            let start = span.start + at;
            at += word.len() + written[at + word.len()..].chars().next().map_or(0, char::len_utf8);
            let other = word.chars().find(|c| lookalike(*c).is_some());
            let (Some(other), Some(plain)) = (other, plain(word)) else { continue };
            if !plain.is_ascii() || !word.chars().any(|c| c.is_ascii_alphabetic()) || named.holds(start) {
                continue;
            }
            let latin = lookalike(other).map_or(' ', |(latin, _)| latin);
            let message = format!("`{word}` is not what it looks like: {} looks like `{latin}`", name(other));
            findings.report(Span { start, end: start + word.len() }, message, format!("type it anew: `{plain}`"));
        }
    }
}

/// Scripts with carriage returns in them, which a shell takes as part of the last word of a line.
pub fn carriage_returns(context: &Context, findings: &mut Findings) {
    for node in context.tree.nodes() {
        let Kind::Mapping(entries) = &node.kind else { continue };
        for entry in entries.iter().filter(|entry| context.text(entry.key) == Some("shell")) {
            let Some(at) = context.text(entry.value).and_then(|text| text.find('\r')) else { continue };
            let places = context.places(entry.value);
            let span = context.span_within(entry.value, &places, at, 1);
            let message = "the script has a carriage return in it, which the shell takes as part of a word";
            findings.report(span, message, "remove the `\\r`, or write the script as a block with `|`");
        }
    }
}

/// The places of every key and of every value that has something in it beside ASCII, and is no sentence for people.
fn code(context: &Context) -> Vec<Span> {
    let nodes = context.tree.nodes();
    let mut is_prose = vec![false; nodes.len()];
    for node in nodes {
        let Kind::Mapping(entries) = &node.kind else { continue };
        for entry in entries.iter().filter(|entry| context.text(entry.key).is_some_and(|key| PROSE.contains(&key))) {
            is_prose[entry.value.0] = true;
        }
    }
    let scalars = nodes.iter().zip(is_prose).filter(|(node, is_prose)| match &node.kind {
        Kind::Scalar { text, .. } => !is_prose && !text.is_ascii(),
        _ => false,
    });
    scalars.map(|(node, _)| node.span).collect()
}

/// The places that another rule refuses whatever is in them: unknown fields, ids, what is no expression.
struct Named(Vec<Span>);

impl Named {
    fn new(context: &Context) -> Self {
        let unknown =
            context.mistakes.iter().filter(|found| matches!(found.kind, DecodeErrorKind::UnknownField { .. }));
        let mut spans: Vec<Span> = unknown.map(|found| found.span).collect();
        let ids = context.steps.iter().filter_map(|step| context.field(step.node, "id"));
        spans.extend(context.malformed.iter().map(|found| found.span));
        spans.extend(ids.chain(context.field(context.root, "name")).map(|node| context.span(node)));
        spans.sort_unstable();
        Self(spans)
    }

    fn holds(&self, at: usize) -> bool {
        let behind = self.0.partition_point(|span| span.start <= at);
        behind.checked_sub(1).is_some_and(|before| at < self.0[before].end)
    }
}
