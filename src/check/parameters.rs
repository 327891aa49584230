//! Values given for parameters: typed, checked against their declarations, completed by defaults.

use std::collections::BTreeMap;

use serde_json::Value;
use thiserror::Error;

use super::suggest;
use crate::expression::fits::{fits, with_article};
use crate::model::runbook::{Parameter, ParameterType};

/// Why the values given for a run cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParameterError {
    /// No such parameter.
    #[error("the runbook has no parameter `{name}`: {help}")]
    Unknown {
        /// What was typed.
        name: String,
        /// What may have been meant.
        help: String,
    },
    /// Required, and not given.
    #[error("parameter `{name}` is required: give it with -p {name}={example}")]
    Missing {
        /// Which.
        name: String,
        /// The sort of value.
        example: String,
    },
    /// It does not fit its declaration.
    #[error("parameter `{name}`: {reason}")]
    Misfit {
        /// Which.
        name: String,
        /// In which way.
        reason: String,
    },
}

/// The typed value of every declared parameter: the given one, else the default.
///
/// A list is given as `a,b` or as JSON. A duration stays the text that was given.
///
/// # Errors
///
/// Every mistake at once.
pub fn typed(
    declared: &BTreeMap<String, Parameter>,
    given: &BTreeMap<String, String>,
) -> Result<BTreeMap<String, Value>, Vec<ParameterError>> {
    let mut errors = Vec::new();
    let mut values = BTreeMap::new();
    for name in given.keys().filter(|name| !declared.contains_key(*name)) {
        let help = suggest::help(name, declared.keys().map(String::as_str), "parameters");
        errors.push(ParameterError::Unknown { name: name.clone(), help });
    }
    for (name, parameter) in declared {
        match value(name, parameter, given.get(name)) {
            Ok(value) => {
                values.insert(name.clone(), value);
            }
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(values) } else { Err(errors) }
}

fn value(name: &str, parameter: &Parameter, given: Option<&String>) -> Result<Value, ParameterError> {
    let misfit = |reason| ParameterError::Misfit { name: name.to_owned(), reason };
    if let Some(text) = given {
        let value = read(parameter, text).map_err(misfit)?;
        return fits(parameter, &value).map(|()| value).map_err(misfit);
    }
    parameter.default.clone().ok_or_else(|| ParameterError::Missing {
        name: name.to_owned(),
        example: format!("<{}>", type_name(parameter.kind)),
    })
}

fn read(parameter: &Parameter, text: &str) -> Result<Value, String> {
    if parameter.kind != ParameterType::List {
        return read_scalar(parameter.kind, text);
    }
    if text.trim_start().starts_with('[') {
        return serde_json::from_str(text).map_err(|error| format!("`{text}` is not a JSON list: {error}"));
    }
    if text.is_empty() {
        return Ok(Value::Array(Vec::new()));
    }
    let item = parameter.items.unwrap_or(ParameterType::String);
    text.split(',').map(|part| read_scalar(item, part.trim())).collect::<Result<_, _>>().map(Value::Array)
}

fn read_scalar(kind: ParameterType, text: &str) -> Result<Value, String> {
    let wrong = || format!("`{text}` is not {}", with_article(kind));
    match kind {
        ParameterType::Integer => text.parse::<i64>().map(Value::from).map_err(|_| wrong()),
        ParameterType::Number => {
            let number: f64 = text.parse().map_err(|_| wrong())?;
            text.parse::<i64>().map_or_else(
                |_| serde_json::Number::from_f64(number).map(Value::Number).ok_or_else(wrong),
                |whole| Ok(Value::from(whole)),
            )
        }
        ParameterType::Boolean => match text {
            "true" => Ok(Value::Bool(true)),
            "false" => Ok(Value::Bool(false)),
            _ => Err(format!("`{text}` is not a boolean: write true or false")),
        },
        ParameterType::String | ParameterType::Duration | ParameterType::List => Ok(Value::String(text.to_owned())),
    }
}

const fn type_name(kind: ParameterType) -> &'static str {
    match kind {
        ParameterType::String => "string",
        ParameterType::Integer => "integer",
        ParameterType::Number => "number",
        ParameterType::Boolean => "boolean",
        ParameterType::Duration => "duration",
        ParameterType::List => "list",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn declared() -> BTreeMap<String, Parameter> {
        let declarations = json!({
            "count": { "type": "integer", "default": 3, "minimum": 1.0, "maximum": 9.0, "enum": [] },
            "mode": { "type": "string", "enum": ["link", "copy"], "default": "link" },
            "backup": { "type": "string", "pattern": "^base_", "default": "base_1", "enum": [] },
            "hosts": { "type": "list", "items": "string", "default": ["a"], "enum": [] },
            "ports": { "type": "list", "items": "integer", "default": [], "enum": [] },
            "ratio": { "type": "number", "default": 1, "enum": [] },
            "pause": { "type": "duration", "default": "5s", "enum": [] },
            "fast": { "type": "boolean", "enum": [] },
        });
        serde_json::from_value(declarations).unwrap()
    }

    fn given(values: &[(&str, &str)]) -> Result<BTreeMap<String, Value>, Vec<String>> {
        let mut given: BTreeMap<_, _> = values.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        given.entry("fast".to_owned()).or_insert_with(|| "true".to_owned());
        typed(&declared(), &given).map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    fn refused(name: &str, value: &str) -> String {
        given(&[(name, value)]).unwrap_err().join("\n")
    }

    #[test]
    fn values_have_the_types_of_their_declarations_and_defaults_fill_in() {
        let values = given(&[("hosts", "x, y"), ("ports", "[1, 2]"), ("ratio", "0.5"), ("pause", "1h30m")]).unwrap();
        let expected = json!({
            "backup": "base_1", "count": 3, "fast": true, "hosts": ["x", "y"], "mode": "link", "pause": "1h30m",
            "ports": [1, 2], "ratio": 0.5,
        });
        assert_eq!(json!(values), expected);
        assert_eq!(given(&[("hosts", "")]).unwrap()["hosts"], json!([]));
    }

    #[test]
    fn a_value_that_does_not_fit_is_refused_with_the_reason() {
        for (name, value, reason) in [
            ("count", "many", "`many` is not an integer"),
            ("count", "1.5", "`1.5` is not an integer"),
            ("count", "10", "10 is above the maximum 9"),
            ("count", "0", "0 is below the minimum 1"),
            ("mode", "move", "`move` is none of link, copy"),
            ("backup", "x", "`x` does not match `^base_`"),
            ("ports", "1,x", "`x` is not an integer"),
            ("ports", "[\"1\"]", "`1` is not an integer"),
            ("ratio", "NaN", "`NaN` is not a number"),
            ("fast", "yes", "`yes` is not a boolean: write true or false"),
            ("pause", "90", "`90` has no unit: write 90s for seconds, 90m for minutes, 90h for hours"),
        ] {
            assert_eq!(refused(name, value), format!("parameter `{name}`: {reason}"));
        }
    }

    #[test]
    fn every_mistake_is_told_at_once() {
        let given = BTreeMap::from([("cuont".to_owned(), "1".to_owned()), ("mode".to_owned(), "x".to_owned())]);
        let errors: Vec<String> = typed(&declared(), &given).unwrap_err().iter().map(ToString::to_string).collect();
        assert_eq!(
            errors,
            [
                "the runbook has no parameter `cuont`: did you mean `count`?",
                "parameter `fast` is required: give it with -p fast=<boolean>",
                "parameter `mode`: `x` is none of link, copy",
            ]
        );
    }
}
