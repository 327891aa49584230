//! Operators: which kinds they work with, and what they give.

use minijinja::machinery::ast::{BinOpKind, CompareOpKind};

use super::ProblemKind;
use super::kind::{ANY, BOOLEAN, DURATION, INTEGER, Kinds, LIST, MAPPING, NONE, NUMBER, NUMERIC, TEXT, TEXTUAL, Type};

/// A comparison, however it is spelt: as an operator, as a test, as a half of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    /// `==`, `!=`
    Equal { negated: bool },
    /// `<`, `<=`, `>`, `>=`
    Order,
    /// `in`, `not in`
    In { negated: bool },
}

/// The comparison of an operator and how it is written.
pub(super) const fn comparison(op: CompareOpKind) -> (Comparison, &'static str) {
    match op {
        CompareOpKind::Eq => (Comparison::Equal { negated: false }, "=="),
        CompareOpKind::Ne => (Comparison::Equal { negated: true }, "!="),
        CompareOpKind::Lt => (Comparison::Order, "<"),
        CompareOpKind::Lte => (Comparison::Order, "<="),
        CompareOpKind::Gt => (Comparison::Order, ">"),
        CompareOpKind::Gte => (Comparison::Order, ">="),
        CompareOpKind::In => (Comparison::In { negated: false }, "in"),
        CompareOpKind::NotIn => (Comparison::In { negated: true }, "in"),
    }
}

/// The comparison of a binary operator, where it is one.
pub(super) const fn compares(op: BinOpKind) -> Option<CompareOpKind> {
    Some(match op {
        BinOpKind::Eq => CompareOpKind::Eq,
        BinOpKind::Ne => CompareOpKind::Ne,
        BinOpKind::Lt => CompareOpKind::Lt,
        BinOpKind::Lte => CompareOpKind::Lte,
        BinOpKind::Gt => CompareOpKind::Gt,
        BinOpKind::Gte => CompareOpKind::Gte,
        BinOpKind::In => CompareOpKind::In,
        _ => return None,
    })
}

/// The comparison that a test is.
pub(super) fn compares_as(test: &str) -> Option<Comparison> {
    match test {
        "eq" | "equalto" | "==" | "sameas" => Some(Comparison::Equal { negated: false }),
        "ne" | "!=" => Some(Comparison::Equal { negated: true }),
        "lt" | "lessthan" | "<" | "le" | "<=" | "gt" | "greaterthan" | ">" | "ge" | ">=" => Some(Comparison::Order),
        _ => None,
    }
}

/// One operand: what it is, and as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operand<'o> {
    pub kind: &'o Type,
    pub text: &'o str,
}

/// What is said of two operands that do not fit: in which way, the sentence, what to type.
pub(super) type Misfit = (ProblemKind, String, String);

/// An expression with a filter behind it, which binds closer than an operator.
pub(super) fn filtered(text: &str, filter: &str) -> String {
    let bare = !text.contains(' ') || text.contains(" | ") || text.starts_with(['\'', '"', '[']);
    if bare { format!("`{text} | {filter}`") } else { format!("`({text}) | {filter}`") }
}

/// Why two values can never be compared, if so.
pub(super) fn compare(comparison: Comparison, left: Operand<'_>, right: Operand<'_>) -> Option<Misfit> {
    match comparison {
        Comparison::In { negated } => contained(negated, left, right),
        Comparison::Equal { negated } => {
            if left.kind.is_certainly(NONE) || right.kind.is_certainly(NONE) {
                return None;
            }
            durations(left, right, false).or_else(|| equal(negated, left, right))
        }
        Comparison::Order => durations(left, right, true).or_else(|| ordered(left, right)),
    }
}

/// A duration against anything but none, or ordered at all: while a run goes on it is text.
fn durations(left: Operand<'_>, right: Operand<'_>, ordering: bool) -> Option<Misfit> {
    let (duration, other) = match (left.kind.is_certainly(DURATION), right.kind.is_certainly(DURATION)) {
        (true, _) => (left, right),
        (false, true) => (right, left),
        (false, false) => return None,
    };
    if !ordering && (other.kind.may_be(NONE) || *other.kind == Type::ANY) {
        return None;
    }
    let seconds = filtered(duration.text, "seconds");
    let (message, help) = if other.kind.is_certainly(DURATION) {
        let message = "durations are compared as texts, in which `90s` comes after `1h`".to_owned();
        (message, format!("compare numbers: {seconds} on both sides"))
    } else if other.kind.is_certainly(NUMERIC) {
        let message = format!("a duration cannot be compared with {}", other.kind.name());
        (message, format!("compare seconds: {seconds}"))
    } else {
        let with = format!("a duration cannot be compared with {}", other.kind.name());
        let with = if *other.kind == Type::ANY { "a duration is compared as a text".to_owned() } else { with };
        let message = format!("{with}, in which `90s` and `1m30s` differ");
        (message, format!("compare numbers: {seconds} gives the seconds"))
    };
    Some((ProblemKind::Duration, message, help))
}

/// The kinds that can be equal among each other.
const LIKE: [Kinds; 5] = [BOOLEAN, NUMERIC, TEXTUAL, LIST, MAPPING];
/// The kinds that may be found among each other in a list, where true is one.
const FOUND: [Kinds; 4] = [BOOLEAN | NUMERIC, TEXTUAL, LIST, MAPPING];
/// The kinds that have an order.
const ORDERED: [Kinds; 3] = [NUMERIC, TEXTUAL, LIST];

fn alike(left: &Type, right: &Type, among: &[Kinds]) -> bool {
    among.iter().any(|kinds| left.may_be(*kinds) && right.may_be(*kinds))
}

fn equal(negated: bool, left: Operand<'_>, right: Operand<'_>) -> Option<Misfit> {
    if alike(left.kind, right.kind, &LIKE) || left.kind.may_be(NONE) || right.kind.may_be(NONE) {
        return None;
    }
    let scalars = BOOLEAN | NUMERIC | TEXTUAL;
    if left.kind.is_certainly(scalars) && right.kind.is_certainly(scalars) {
        return Some(unlike(left, right));
    }
    let word = if negated { "is always different from" } else { "is never equal to" };
    let message = format!("{} {word} {}", left.kind.name(), right.kind.name());
    let help = match (left.kind.is_certainly(LIST), right.kind.is_certainly(LIST)) {
        (true, false) if alike(&left.kind.items(), right.kind, &LIKE) => {
            format!("look for it in the list: `{} in {}`", right.text, left.text)
        }
        (false, true) if alike(&right.kind.items(), left.kind, &LIKE) => {
            format!("look for it in the list: `{} in {}`", left.text, right.text)
        }
        (true, false) if right.kind.is_certainly(NUMERIC) => {
            format!("count its items: {}", filtered(left.text, "length"))
        }
        _ => "compare values of the same type".to_owned(),
    };
    Some((ProblemKind::Constant, message, help))
}

fn ordered(left: Operand<'_>, right: Operand<'_>) -> Option<Misfit> {
    (!alike(left.kind, right.kind, &ORDERED)).then(|| unlike(left, right))
}

fn unlike(left: Operand<'_>, right: Operand<'_>) -> Misfit {
    let message = format!("{} cannot be compared with {}", left.kind.name(), right.kind.name());
    let as_number = |text: &Operand<'_>| number_of(text.text);
    let help = if left.kind.is_certainly(TEXTUAL) && right.kind.is_certainly(NUMERIC) {
        as_number(&left)
    } else if left.kind.is_certainly(NUMERIC) && right.kind.is_certainly(TEXTUAL) {
        as_number(&right)
    } else if left.kind.is_certainly(LIST) && right.kind.is_certainly(NUMERIC) {
        format!("count its items: {}", filtered(left.text, "length"))
    } else if right.kind.is_certainly(LIST) && left.kind.is_certainly(NUMERIC) {
        format!("count its items: {}", filtered(right.text, "length"))
    } else if left.kind.is_certainly(BOOLEAN) && matches!(right.text.trim_matches(['\'', '"']), "true" | "false") {
        format!("write {} without quotes", right.text.trim_matches(['\'', '"']))
    } else if left.kind.is_certainly(BOOLEAN) && right.kind.is_certainly(BOOLEAN) {
        "booleans have no order: use `==`, `and`, `or`, `not`".to_owned()
    } else {
        "compare values of the same type".to_owned()
    };
    (ProblemKind::Comparison, message, help)
}

/// A text as a number: without its quotes when it is written out.
fn number_of(text: &str) -> String {
    let inside = text.trim_matches(['\'', '"']);
    if inside.len() < text.len() && inside.parse::<f64>().is_ok() {
        return format!("write {inside} without quotes");
    }
    if inside.len() < text.len() {
        return "use values of the same type".to_owned();
    }
    format!("make the text a number: {}", filtered(text, "int"))
}

fn contained(negated: bool, left: Operand<'_>, right: Operand<'_>) -> Option<Misfit> {
    if !right.kind.may_be(TEXTUAL | LIST | MAPPING) {
        let message = format!("nothing can be in {}", right.kind.name());
        return Some((ProblemKind::Comparison, message, "use `==`, or look in a list, a mapping or a text".to_owned()));
    }
    let items = right.kind.items();
    if !right.kind.is_certainly(LIST) || items == Type::ANY || items.may_be(NONE) && left.kind.may_be(NONE) {
        return None;
    }
    if left.kind.is_certainly(DURATION) {
        return durations(left, Operand { kind: &items, text: right.text }, false);
    }
    if alike(left.kind, &items, &FOUND) {
        return None;
    }
    let word = if negated { "is always missing in" } else { "is never in" };
    let message = format!("{} {word} {}", left.kind.name(), right.kind.name());
    let help = if left.kind.is_certainly(TEXTUAL) && items.is_certainly(NUMERIC) {
        number_of(left.text)
    } else if left.kind.is_certainly(NUMERIC) && items.is_certainly(TEXTUAL) {
        format!("make the number a text: {}", filtered(left.text, "string"))
    } else {
        "look for a value of the type of the items".to_owned()
    };
    Some((ProblemKind::Constant, message, help))
}

/// What an arithmetic operator gives, or why it cannot give anything.
pub(super) fn arithmetic(op: BinOpKind, left: Operand<'_>, right: Operand<'_>) -> Result<Type, Misfit> {
    if left.kind.is_certainly(DURATION) || right.kind.is_certainly(DURATION) {
        let duration = if left.kind.is_certainly(DURATION) { left } else { right };
        let help = format!("calculate with seconds: {}; texts are joined by `~`", filtered(duration.text, "seconds"));
        return Err((ProblemKind::Duration, "a duration cannot be calculated with: it is a text".to_owned(), help));
    }
    let mut gives = Type::of(0);
    let countable = BOOLEAN | NUMERIC;
    if left.kind.may_be(countable) && right.kind.may_be(countable) {
        gives = gives.or(&number(op, left.kind, right.kind));
    }
    if matches!(op, BinOpKind::Add) {
        gives = if left.kind.may_be(TEXTUAL) && right.kind.may_be(TEXTUAL) { gives.or(&Type::of(TEXT)) } else { gives };
        if left.kind.may_be(LIST) && right.kind.may_be(LIST) {
            gives = gives.or(&Type::list(left.kind.items().or(&right.kind.items())));
        }
    }
    if matches!(op, BinOpKind::Mul) {
        for (repeated, times) in [(left.kind, right.kind), (right.kind, left.kind)] {
            if repeated.may_be(TEXTUAL) && times.may_be(countable) {
                gives = gives.or(&Type::of(TEXT));
            }
            if repeated.may_be(LIST) && times.may_be(countable) {
                gives = gives.or(&Type::list(repeated.items()));
            }
        }
    }
    if gives.kinds() == 0 { Err(impossible(op, left, right)) } else { Ok(gives) }
}

fn number(op: BinOpKind, left: &Type, right: &Type) -> Type {
    let whole = left.is_certainly(BOOLEAN | INTEGER) && right.is_certainly(BOOLEAN | INTEGER);
    Type::of(match op {
        BinOpKind::Div => NUMBER,
        BinOpKind::Pow => NUMERIC,
        _ if whole => INTEGER,
        _ => NUMERIC,
    })
}

fn impossible(op: BinOpKind, left: Operand<'_>, right: Operand<'_>) -> Misfit {
    let (one, other) = (left.kind.name(), right.kind.name());
    let message = match op {
        BinOpKind::Add => format!("{one} and {other} cannot be added"),
        BinOpKind::Sub => format!("{other} cannot be subtracted from {one}"),
        BinOpKind::Mul => format!("{one} and {other} cannot be multiplied"),
        BinOpKind::Pow => format!("{one} cannot be raised to the power of {other}"),
        _ => format!("{one} cannot be divided by {other}"),
    };
    let scalar = BOOLEAN | NUMERIC | TEXTUAL;
    let text = if left.kind.is_certainly(TEXTUAL) { Some(left) } else { Some(right) };
    let text = text.filter(|operand| operand.kind.is_certainly(TEXTUAL));
    let help = match text {
        Some(text) if left.kind.is_certainly(scalar) && right.kind.is_certainly(scalar) => {
            let literal = text.text.starts_with(['\'', '"']);
            match (matches!(op, BinOpKind::Add), literal) {
                (true, true) => format!("join texts with `~`: `{} ~ {}`", left.text, right.text),
                (true, false) => format!("{}, or join texts with `~`", number_of(text.text)),
                (false, _) => number_of(text.text),
            }
        }
        _ if left.kind.is_certainly(LIST) && matches!(op, BinOpKind::Add) => {
            format!("add a list: `{} + [{}]`", left.text, right.text)
        }
        _ => "calculate with numbers".to_owned(),
    };
    (ProblemKind::Arithmetic, message, help)
}

/// What is said of a value that has no negative.
pub(super) fn negation(operand: Operand<'_>) -> Option<Misfit> {
    if operand.kind.is_certainly(DURATION) {
        let help = format!("calculate with seconds: {}", filtered(operand.text, "seconds"));
        return Some((ProblemKind::Duration, "a duration cannot be calculated with: it is a text".to_owned(), help));
    }
    if operand.kind.may_be(NUMERIC) {
        return None;
    }
    let message = format!("{} has no negative", operand.kind.name());
    let help = match operand.kind.kinds() {
        BOOLEAN => format!("write `not {}`", operand.text),
        TEXT => number_of(operand.text),
        _ => "calculate with numbers".to_owned(),
    };
    Some((ProblemKind::Arithmetic, message, help))
}

/// What is said of a value that has no text.
pub(super) fn none_as_text(kind: &Type) -> Option<(String, String)> {
    kind.is_certainly(NONE).then(|| {
        let message = "the value is none, which has no text".to_owned();
        (message, "say what to write with `default('…', true)`".to_owned())
    })
}

const _: () = assert!(ANY == NONE | BOOLEAN | INTEGER | NUMBER | TEXT | DURATION | LIST | MAPPING);
