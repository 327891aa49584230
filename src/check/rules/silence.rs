//! `# runbook: allow RB0507 <why>`: warnings that somebody has looked at, silenced on the line where they stand.
//!
//! The comment stands at the end of that line, or alone above it, and may name several codes. A line that begins a text
//! of several lines stands for all of them: in a block scalar there is no place for a comment of the runbook's. An
//! error is never silenced: the runbook could not be run as it is.

use std::collections::HashMap;
use std::ops::RangeInclusive;

use super::{Findings, Silenced};
use crate::check::catalogue;
use crate::check::context::Context;
use crate::check::tree::{Kind, NodeId};
use crate::model::diagnostic::{Severity, Span};

/// One comment.
struct Allowed<'c> {
    comment: Span,
    codes: Vec<(Span, &'c str)>,
    reason: &'c str,
}

/// Every comment of that kind, in the order of the file.
fn allowed<'c>(context: &'c Context) -> impl Iterator<Item = Allowed<'c>> {
    let text = context.source.text.as_str();
    context.tree.comments().iter().filter_map(|comment| read(text, comment.span))
}

fn read(text: &str, comment: Span) -> Option<Allowed<'_>> {
    let whole = text.get(comment.start..comment.end)?.trim_end();
    let order = whole.trim_start_matches('#').trim_start().strip_prefix("runbook:")?.trim_start();
    let mut rest = order.strip_prefix("allow").filter(|rest| !rest.starts_with(char::is_alphanumeric))?.trim_start();
    let mut codes = Vec::new();
    loop {
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let (word, behind) = rest.split_at(length);
        if word.is_empty() || !(codes.is_empty() || is_code(word)) {
            break;
        }
        let start = comment.start + whole.len() - rest.len();
        codes.push((Span { start, end: start + length }, word));
        rest = behind.trim_start_matches([',', ' ', '\t']);
    }
    let reason = rest.trim_start_matches([':', '-', '–', '—', ' ', '\t']);
    Some(Allowed { comment: Span { end: comment.start + whole.len(), ..comment }, codes, reason })
}

fn is_code(word: &str) -> bool {
    word.strip_prefix("RB").is_some_and(|digits| digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// One without a reason, or for what cannot be silenced.
pub fn without_effect(context: &Context, findings: &mut Findings) {
    for Allowed { comment, codes, reason } in allowed(context) {
        if codes.is_empty() {
            let help = "write `# runbook: allow RB0507 <why>`";
            findings.report(comment, "this does not say which warning is allowed", help);
        }
        let mut silenced = Vec::new();
        for (span, code) in codes {
            match catalogue::find(code) {
                None => {
                    let message = format!("there is no rule `{code}` to be silenced");
                    findings.report(span, message, "write `# runbook: allow RB0507 <why>`");
                }
                Some(rule) if rule.severity == Severity::Error => {
                    let message = format!("{code} is an error, and errors are not silenced");
                    findings.report(span, message, "mend what it finds");
                }
                Some(_) => silenced.push(code),
            }
        }
        if reason.is_empty() && !silenced.is_empty() {
            let (codes, them) = (silenced.join(" "), if silenced.len() > 1 { "they are" } else { "it is" });
            let verb = if silenced.len() > 1 { "are" } else { "is" };
            let message = format!("{} {verb} silenced without a reason, so {them} not", silenced.join(" and "));
            findings.report(comment, message, format!("write `# runbook: allow {codes} <why>`"));
        }
    }
}

/// Takes away what is silenced, and reports a comment that silences nothing. Comes last in the list.
pub fn useless(context: &Context, findings: &mut Findings) {
    let mut meant = Meant::default();
    let mut extents = None;
    for Allowed { comment, codes, reason } in allowed(context).filter(|allowed| !allowed.reason.is_empty()) {
        let extents = extents.get_or_insert_with(|| Extents::new(context));
        let lines = extents.meant_by(context, comment);
        for (span, code) in codes {
            if catalogue::find(code).is_some_and(|rule| rule.severity == Severity::Warning) {
                meant.add(Order { span, code, reason, used: false }, lines.clone());
            }
        }
    }
    for diagnostic in std::mem::take(&mut findings.found) {
        match meant.order(diagnostic.code, context.source.line(diagnostic.span.start)) {
            Some(order) => {
                order.used = true;
                let reason = order.reason.to_owned();
                findings.silenced.push(Silenced { diagnostic, reason });
            }
            None => findings.found.push(diagnostic),
        }
    }
    for Order { span, code, .. } in meant.orders.into_iter().filter(|order| !order.used) {
        let message = format!("{code} is silenced here, and finds nothing");
        findings.report(span, message, "remove it, or put the comment on the line of the finding");
    }
}

/// One code of a comment.
struct Order<'c> {
    span: Span,
    code: &'c str,
    reason: &'c str,
    used: bool,
}

/// Which comment speaks for a code on a line; of several, the first.
#[derive(Default)]
struct Meant<'c> {
    orders: Vec<Order<'c>>,
    lines: HashMap<(&'c str, usize), usize>,
}

impl<'c> Meant<'c> {
    fn add(&mut self, order: Order<'c>, lines: RangeInclusive<usize>) {
        let at = self.orders.len();
        // Where one speaks for the first line already, it speaks for all of them.
        if !self.lines.contains_key(&(order.code, *lines.start())) {
            for line in lines {
                self.lines.entry((order.code, line)).or_insert(at);
            }
        }
        self.orders.push(order);
    }

    fn order(&mut self, code: &str, line: usize) -> Option<&mut Order<'c>> {
        let at = self.lines.get(&(code, line))?;
        self.orders.get_mut(*at)
    }
}

/// The lines that comments may stand for.
struct Extents {
    /// The last line of a text of several lines, by the line of what begins it.
    texts: HashMap<usize, usize>,
    /// For every line, the next below it that is more than a comment.
    next: Vec<usize>,
}

impl Extents {
    fn new(context: &Context) -> Self {
        let mut extents = Self { texts: HashMap::new(), next: following(&context.source.text) };
        for node in context.tree.nodes() {
            match &node.kind {
                Kind::Mapping(entries) => {
                    for entry in entries {
                        extents.add(extent(context, Some(entry.key), entry.value));
                    }
                }
                Kind::Sequence(items) => {
                    for item in items {
                        extents.add(extent(context, None, *item));
                    }
                }
                Kind::Scalar { .. } => {}
            }
        }
        extents
    }

    fn add(&mut self, extent: Option<RangeInclusive<usize>>) {
        if let Some(extent) = extent {
            let last = self.texts.entry(*extent.start()).or_default();
            *last = (*last).max(*extent.end());
        }
    }

    /// The line of the comment, or when nothing but the dash of a list stands before it, the next one that is more than
    /// a comment; with it all of a text that begins there.
    fn meant_by(&self, context: &Context, comment: Span) -> RangeInclusive<usize> {
        let text = context.source.text.as_str();
        let line = context.source.line(comment.start);
        let before = text[..comment.start].rsplit('\n').next().unwrap_or_default();
        let alone = before.chars().all(|c| c == '-' || c.is_whitespace());
        let line = if alone { self.next.get(line).copied().unwrap_or(line) } else { line };
        line..=self.texts.get(&line).copied().unwrap_or(line)
    }
}

/// For every line, counted from 1, the next below it that is more than a comment; the line itself where there is none.
fn following(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let mut next = vec![0; lines.len() + 1];
    let mut below = None;
    for line in (1..=lines.len()).rev() {
        next[line] = below.unwrap_or(line);
        let content = lines[line - 1].trim();
        if !content.is_empty() && !content.starts_with('#') {
            below = Some(line);
        }
    }
    next
}

/// From the line of its key, or of the `|` that announces it, to the last line of a text.
fn extent(context: &Context, key: Option<NodeId>, value: NodeId) -> Option<RangeInclusive<usize>> {
    context.text(value)?;
    let line = |offset| context.source.line(offset);
    let Span { start, end } = context.span(value);
    let begins = key.map_or_else(|| header(context, start), |key| line(context.span(key).start));
    let ends = line(end);
    (begins < ends).then_some(begins..=ends)
}

/// The line that announces a block scalar whose content begins there; the line itself for another text.
fn header(context: &Context, begin: usize) -> usize {
    let line = context.source.line(begin);
    let before = context.source.text[..begin].trim_end();
    let last = before.rsplit('\n').next().unwrap_or_default();
    let announced =
        last.split(" #").next().unwrap_or_default().trim_end_matches(|c: char| "+-123456789 \t\r".contains(c));
    if announced.ends_with(['|', '>']) { context.source.line(before.len()) } else { line }
}
