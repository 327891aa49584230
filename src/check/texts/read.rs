//! One template or expression: the names that it reads, or why it cannot be read.

use std::ops::Range;

use super::{Dashed, Malformed, Place, Reference, Takes, TextAt};
use crate::check::context::Context;
use crate::check::tree::NodeId;
use crate::check::{characters, conditions};
use crate::expression::{Name, Parsed, SyntaxError};
use crate::model::diagnostic::Span;

/// Reads what stands at a node, where that is a template or an expression.
pub(super) fn parse(context: &mut Context, node: NodeId, text: Place) {
    let is_read = |body: &&str| text.expression || body.contains('{') || text.takes == Takes::List;
    let Some(body) = context.text(node).filter(is_read) else { return };
    let places = context.places(node);
    let parsed = read(context, body, text, "", |context, at, length| context.span_within(node, &places, at, length));
    context.texts.extend(parsed.map(|parsed| TextAt { node, parsed, place: text }));
}

/// Reads a text, and puts down what it reads or why it cannot be read.
pub(super) fn read<'t>(
    context: &mut Context,
    body: &'t str,
    text: Place,
    prefix: &str,
    place: impl Fn(&Context, usize, usize) -> Span,
) -> Option<Parsed<'t>> {
    let parsed = match Parsed::new(body, !text.expression) {
        Ok(parsed) => parsed,
        Err(error) => {
            let malformed = malformed(body, text.expression, &error);
            let span = place(context, malformed.0.start, malformed.0.len());
            let message = format!("{prefix}{}", malformed.1);
            context.malformed.push(Malformed { span, message, help: malformed.2 });
            return None;
        }
    };
    let names = parsed.names();
    if let Some((name, id)) = names.iter().find_map(|name| Some((name, dashed(context, body, name)?))) {
        let length = "steps.".len() + id.len();
        context.dashed.push(Dashed { span: place(context, name.offset, length), id });
        return None;
    }
    for name in names {
        let span = place(context, name.offset, name.end - name.offset);
        let under =
            name.under.iter().filter_map(|(range, holds)| Some(conditions::of(body.get(range.clone())?, *holds)));
        let under = under.flatten().collect();
        let mut path = name.path.into_iter();
        context.references.push(Reference {
            root: path.next().unwrap_or_default(),
            rest: path.collect(),
            span,
            step: text.step,
            guarded: name.guarded,
            result: text.result,
            before_loop: text.before_loop,
            exposure: text.exposure,
            own: text.own,
            var: text.var,
            decides: text.decides,
            under,
        });
    }
    Some(parsed)
}

/// The id of a step with a dash, where a name begins like one that there is.
fn dashed(context: &Context, body: &str, name: &Name) -> Option<String> {
    let [root, first] = name.path.as_slice() else { return None };
    if root != "steps" || context.step_named(first).is_some() || !body.get(name.end..)?.starts_with('-') {
        return None;
    }
    let after = body.get(name.end..)?;
    let length = after.find(|letter: char| !letter.is_ascii_alphanumeric() && !matches!(letter, '-' | '_'));
    let id = format!("{first}{}", &after[..length.unwrap_or(after.len())]);
    context.step_named(&id).map(|_| id)
}

/// Where a text goes wrong, how, and what to type where that is known.
fn malformed(body: &str, expression: bool, error: &SyntaxError) -> (Range<usize>, String, Option<String>) {
    let start = body.len() - body.trim_start().len();
    if expression && (body[start..].starts_with("{{") || body[start..].starts_with("{%")) {
        let inside = body.trim().trim_matches(['{', '}', '%']).trim();
        let message = "this is an expression already, and is written without braces".to_owned();
        let help = body[start..].starts_with("{{").then(|| format!("write `{inside}`"));
        return (start..start + 2, message, help);
    }
    let mut offset = body.floor_char_boundary(error.offset);
    if let Some(first) = body[offset..].chars().next().filter(|first| characters::is_disguise(*first)) {
        let message = format!("{} is no part of an expression", characters::name(first));
        return (offset..offset + first.len_utf8(), message, None);
    }
    // Of a doubled sign the second may be the one that was not expected.
    if body[offset..].starts_with(['=', '|']) && body[..offset].ends_with(['=', '|']) {
        offset -= 1;
    }
    let rest = body.get(offset..).unwrap_or_default();
    let known = [("&&", "and"), ("&", "and"), ("||", "or"), ("!", "not")];
    let single = rest.starts_with('=') && !rest.starts_with("==");
    let meant = known.into_iter().find(|(typed, _)| rest.starts_with(typed)).or(single.then_some(("=", "==")));
    let length = meant.map_or_else(|| rest.chars().next().map_or(0, char::len_utf8), |(typed, _)| typed.len());
    (offset..offset + length, error.message.clone(), meant.map(|(_, meant)| format!("write `{meant}`")))
}
