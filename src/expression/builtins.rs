//! The engine's environment: strict, limited, with our filters and tests and with comparisons that check their sides.

use std::cmp::Ordering;
use std::sync::OnceLock;

use minijinja::value::{Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};

use super::duration;
use super::value::{MAX_TEXT, TOO_MUCH, kind_name, to_engine, to_text};

/// Work that one evaluation may do; 64 bytes of text cost one.
const FUEL: u64 = 250_000;

/// Longest regular expression that `regex_search` compiles, as the size of its automaton.
const REGEX_SIZE: usize = 1 << 20;

/// The one environment; it holds no templates and nothing that changes.
pub(super) fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        environment.remove_global("debug");
        environment.set_formatter(|output, _, value| {
            if value.is_undefined() {
                return Err(Error::from(ErrorKind::UndefinedError));
            }
            let text = text_of(value)?;
            output.write_str(&text).map_err(Error::from)
        });
        add_filters(&mut environment);
        add_comparisons(&mut environment);
        environment.add_test("version", is_version);
        environment
    })
}

fn add_filters(environment: &mut Environment<'static>) {
    environment.add_filter("from_json", |text: &str| {
        let value: serde_json::Value =
            serde_json::from_str(text).map_err(|error| invalid(format!("the text is not JSON: {error}")))?;
        Ok::<_, Error>(to_engine(&value))
    });
    environment.add_filter(
        "lookup",
        |value: Value, key: Value| {
            if value.is_undefined() { Ok(value) } else { value.get_item(&key) }
        },
    );
    environment.add_filter("regex_search", regex_search);
    environment.add_filter("seconds", seconds);
    environment.add_filter("string", |value: Value| text_of(&value));
    environment.add_filter("join", |items: Value, separator: Option<&str>| join(&items, separator.unwrap_or_default()));
}

fn join(items: &Value, separator: &str) -> Result<String, Error> {
    if items.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    let mut joined = String::new();
    for (at, item) in items.try_iter()?.enumerate() {
        joined.push_str(if at > 0 { separator } else { "" });
        joined.push_str(&text_of(&item)?);
        if joined.len() > MAX_TEXT {
            return Err(invalid(TOO_MUCH));
        }
    }
    Ok(joined)
}

/// The first match: its first group when there is one, else all of it; none when there is no match.
fn regex_search(text: &str, pattern: &str) -> Result<Value, Error> {
    let regex = regex::RegexBuilder::new(pattern)
        .size_limit(REGEX_SIZE)
        .build()
        .map_err(|error| invalid(format!("`{pattern}` is not a regular expression: {error}")))?;
    let Some(found) = regex.captures(text) else { return Ok(Value::from(())) };
    let group = found.get(1).or_else(|| if found.len() == 1 { found.get(0) } else { None });
    Ok(group.map_or_else(|| Value::from(()), |group| Value::from(group.as_str())))
}

/// A duration as a number: durations are texts, which have no length and another order.
fn seconds(text: &str) -> Result<Value, Error> {
    let duration = duration::parse(text).map_err(|error| invalid(format!("{error}: {}", error.help())))?;
    let whole = duration.subsec_nanos() == 0;
    Ok(if whole { Value::from(duration.as_secs()) } else { Value::from(duration.as_secs_f64()) })
}

/// Every spelling of a comparison, as an operator and as a test (`select('>', 3)` uses those).
fn add_comparisons(environment: &mut Environment<'static>) {
    for name in ["eq", "equalto", "==", "sameas"] {
        environment.add_test(name, |left: Value, right: Value| equal(&left, &right));
    }
    for name in ["ne", "!="] {
        environment.add_test(name, |left: Value, right: Value| equal(&left, &right).map(|same| !same));
    }
    for name in ["lt", "lessthan", "<"] {
        environment.add_test(name, |left: Value, right: Value| order(&left, &right).map(Ordering::is_lt));
    }
    for name in ["le", "<="] {
        environment.add_test(name, |left: Value, right: Value| order(&left, &right).map(Ordering::is_le));
    }
    for name in ["gt", "greaterthan", ">"] {
        environment.add_test(name, |left: Value, right: Value| order(&left, &right).map(Ordering::is_gt));
    }
    for name in ["ge", ">="] {
        environment.add_test(name, |left: Value, right: Value| order(&left, &right).map(Ordering::is_ge));
    }
}

/// Values of different scalar kinds are never silently unequal: comparing `"0"` with `0` is a mistake.
fn equal(left: &Value, right: &Value) -> Result<bool, Error> {
    let scalar = |kind| matches!(kind, ValueKind::Bool | ValueKind::Number | ValueKind::String);
    defined(left, right)?;
    if left.kind() != right.kind() && scalar(left.kind()) && scalar(right.kind()) {
        return Err(unlike(left, right));
    }
    Ok(left == right)
}

fn order(left: &Value, right: &Value) -> Result<Ordering, Error> {
    defined(left, right)?;
    match (left.kind(), right.kind()) {
        (ValueKind::Number, ValueKind::Number) | (ValueKind::String, ValueKind::String) => Ok(left.cmp(right)),
        (ValueKind::Seq, ValueKind::Seq) => order_lists(left, right),
        _ => Err(unlike(left, right)),
    }
}

fn order_lists(left: &Value, right: &Value) -> Result<Ordering, Error> {
    for (one, other) in left.try_iter()?.zip(right.try_iter()?) {
        let ordering = order(&one, &other)?;
        if ordering.is_ne() {
            return Ok(ordering);
        }
    }
    Ok(left.len().cmp(&right.len()))
}

fn defined(left: &Value, right: &Value) -> Result<(), Error> {
    if left.is_undefined() || right.is_undefined() {
        return Err(Error::from(ErrorKind::UndefinedError));
    }
    Ok(())
}

fn unlike(left: &Value, right: &Value) -> Error {
    let convert = match (left.kind(), right.kind()) {
        (ValueKind::String, ValueKind::Number) | (ValueKind::Number, ValueKind::String) => {
            "; make the text a number with `| int` or `| float`"
        }
        _ => "",
    };
    invalid(format!("{} cannot be compared with {}{convert}", kind_name(left), kind_name(right)))
}

/// `value is version('3.5', '>=')`: parts between dots, dashes and underscores, numbers by value, a missing part as
/// zero; a part of letters, as in `rc1` or `beta`, comes before the end.
fn is_version(value: &str, wanted: &str, operator: Option<&str>) -> Result<bool, Error> {
    let ordering = compare_versions(value, wanted);
    match operator.unwrap_or("==") {
        "==" | "=" | "eq" => Ok(ordering.is_eq()),
        "!=" | "ne" => Ok(ordering.is_ne()),
        "<" | "lt" => Ok(ordering.is_lt()),
        "<=" | "le" => Ok(ordering.is_le()),
        ">" | "gt" => Ok(ordering.is_gt()),
        ">=" | "ge" => Ok(ordering.is_ge()),
        other => Err(invalid(format!("`{other}` is none of ==, !=, <, <=, >, >="))),
    }
}

/// Ordered so that a word (`rc`) comes before the end of a version, which counts as zero.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part<'a> {
    Word(&'a str),
    Number(u128),
}

fn compare_versions(left: &str, right: &str) -> Ordering {
    let (left, right) = (version_parts(left), version_parts(right));
    let zero = Part::Number(0);
    (0..left.len().max(right.len()))
        .map(|at| left.get(at).unwrap_or(&zero).cmp(right.get(at).unwrap_or(&zero)))
        .find(|ordering| ordering.is_ne())
        .unwrap_or(Ordering::Equal)
}

fn version_parts(version: &str) -> Vec<Part<'_>> {
    let version = version.trim();
    let version = version.strip_prefix('v').unwrap_or(version);
    let mut parts = Vec::new();
    for field in version.split(|letter: char| !letter.is_alphanumeric()) {
        let mut rest = field;
        while !rest.is_empty() {
            let digits = rest.starts_with(|letter: char| letter.is_ascii_digit());
            let end = rest.find(|letter: char| letter.is_ascii_digit() != digits).unwrap_or(rest.len());
            let (part, behind) = rest.split_at(end);
            parts.push(if digits { Part::Number(part.parse().unwrap_or(u128::MAX)) } else { Part::Word(part) });
            rest = behind;
        }
    }
    parts
}

/// A value as it stands in a text.
fn text_of(value: &Value) -> Result<String, Error> {
    to_text(value).map_err(invalid)
}

fn invalid(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}
