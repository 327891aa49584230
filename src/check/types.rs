//! The types of all templates and expressions of a document: what cannot work, and what its place cannot take.

mod known;

use std::ops::Range;

use known::Known;

use super::context::Context;
use super::texts::{self, Place, Takes};
use super::tree::NodeId;
use crate::expression::Parsed;
use crate::expression::types::kind::{BOOLEAN, LIST, MAPPING, NONE, NUMERIC, TEXTUAL};
use crate::expression::types::{Problem, ProblemKind, Typed};
use crate::model::diagnostic::{Label, Span};

/// What of a text cannot work, where it stands in the file.
#[derive(Debug)]
pub struct Misfit {
    /// In which way.
    pub way: Way,
    /// The operator, the name or the value at fault.
    pub span: Span,
    /// One sentence without a full stop.
    pub message: String,
    /// What to type; empty where the nearest name says it.
    pub help: String,
    /// The operands, and where what they read is declared.
    pub labels: Vec<Label>,
}

/// The ways in which a text cannot work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// Within an expression.
    Expression(ProblemKind),
    /// A condition that is not true or false.
    Condition,
    /// A value that its place cannot take.
    Place,
}

/// Everything that cannot work, in the order of the texts.
pub(super) fn misfits(context: &Context) -> Vec<Misfit> {
    let known = Known::new(context);
    let mut found = Vec::new();
    for (at, text) in context.texts.iter().enumerate() {
        let typed = known.result(at);
        let whole = context.text(text.node).unwrap_or_default();
        let misfit = unfit(text.place.takes, typed, whole);
        if typed.problems.is_empty() && misfit.is_none() {
            continue;
        }
        let places = context.places(text.node);
        let place = |range: &Range<usize>| context.span_within(text.node, &places, range.start, range.len());
        for problem in &typed.problems {
            found.push(of_problem(&known, text.place, problem, "", place));
        }
        if let Some((way, message, help)) = misfit.filter(|_| typed.problems.is_empty()) {
            let span = typed.place.as_ref().map_or_else(|| context.first_line(context.span(text.node)), place);
            let labels = declared(&known, text.place, typed.cause.as_deref());
            found.push(Misfit { way, span, message, help, labels });
        }
    }
    for (at, step) in context.steps.iter().enumerate() {
        let named = context.field(step.node, "file").and_then(|file| context.field(file, "template"));
        found.extend(named.into_iter().flat_map(|named| in_file(&known, at, named)));
    }
    found
}

/// What cannot work in a file that is a template.
fn in_file(known: &Known<'_>, step: usize, named: NodeId) -> Vec<Misfit> {
    let context = known.context;
    let Some((prefix, body)) = texts::template_file(context, named) else { return Vec::new() };
    let Ok(parsed) = Parsed::new(&body, true) else { return Vec::new() };
    let place = Place { step: Some(step), ..Place::default() };
    let whole = context.span(named);
    let problems = known.typed(&parsed, place).problems;
    problems.iter().map(|problem| of_problem(known, place, problem, &prefix, |_| whole)).collect()
}

fn of_problem(
    known: &Known<'_>,
    at: Place,
    problem: &Problem,
    prefix: &str,
    place: impl Fn(&Range<usize>) -> Span,
) -> Misfit {
    let span = place(&problem.place);
    let operands = problem.operands.iter().map(|(range, text)| Label { span: place(range), text: text.clone() });
    let mut labels: Vec<Label> = operands.filter(|label| label.span != span).collect();
    labels.extend(declared(known, at, problem.cause.as_deref()));
    Misfit {
        way: Way::Expression(problem.kind.clone()),
        span,
        message: format!("{prefix}{}", problem.message),
        help: problem.help.clone(),
        labels,
    }
}

/// Where a name is declared.
fn declared(known: &Known<'_>, at: Place, cause: Option<&[String]>) -> Vec<Label> {
    let span = cause.and_then(|path| known.declaration(path, at));
    span.map(|span| Label { span, text: "declared here".to_owned() }).into_iter().collect()
}

/// What is said of a value that its place cannot take.
fn unfit(takes: Takes, typed: &Typed, text: &str) -> Option<(Way, String, String)> {
    let kind = &typed.result;
    let name = kind.name();
    let written = typed.place.clone().and_then(|place| text.get(place)).unwrap_or_default();
    let place = |message: String, help: String| Some((Way::Place, message, help));
    match takes {
        Takes::Truth if !kind.may_be(BOOLEAN) => {
            let help = if kind.is_certainly(LIST | MAPPING) {
                format!("ask whether there is any: `{written} | length > 0`")
            } else if kind.is_certainly(NUMERIC) {
                format!("compare it: `{written} > 0`")
            } else if kind.is_certainly(TEXTUAL) {
                format!("compare it: `{written} == '…'`")
            } else {
                "write a comparison".to_owned()
            };
            Some((Way::Condition, format!("a condition is true or false, and this is {name}"), help))
        }
        Takes::Text if kind.is_certainly(NONE) => place(
            "the value is none, which has no text".to_owned(),
            "say what to write with `default('…', true)`".to_owned(),
        ),
        Takes::Scalar if !kind.may_be(BOOLEAN | NUMERIC | TEXTUAL) => {
            let help = if kind.is_certainly(LIST) {
                let first = if written.contains(' ') { format!("({written})") } else { written.to_owned() };
                format!("pick one: `{first}[0]`, or join them: `{written} | join(',')`")
            } else {
                "give one value".to_owned()
            };
            place(format!("one value belongs here, and this is {name}"), help)
        }
        Takes::Duration if !kind.may_be(TEXTUAL) => {
            let help = if kind.is_certainly(NUMERIC) {
                format!("write the unit behind it: `{{{{ {written} }}}}s`")
            } else {
                "give a duration such as 90s".to_owned()
            };
            place(format!("a duration belongs here, and this is {name}"), help)
        }
        Takes::List if !kind.may_be(LIST) => {
            let help = match typed.place {
                Some(_) if kind.is_certainly(TEXTUAL) => format!("make it a list: `{written} | split(',')`"),
                Some(_) if kind.is_certainly(MAPPING) => format!("take its entries: `{written} | items`"),
                Some(_) if kind.is_certainly(NUMERIC) => format!("count up to it: `range({written})`"),
                _ => "write a list, or one `{{ … }}` that gives one".to_owned(),
            };
            place(format!("a list belongs here, and this is {name}"), help)
        }
        Takes::Hosts if !kind.may_be(LIST | TEXTUAL) => {
            place(format!("names of hosts belong here, and this is {name}"), "give a list of names".to_owned())
        }
        _ => None,
    }
}
