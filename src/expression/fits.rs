//! Whether a value is what the declaration of a parameter allows.

use serde_json::Value;

use super::duration;
use crate::model::runbook::{Parameter, ParameterType};

/// Whether a value is what the declaration allows.
///
/// # Errors
///
/// In which way it is not, as the end of a sentence.
pub fn fits(parameter: &Parameter, value: &Value) -> Result<(), String> {
    fits_type(parameter.kind, value)?;
    if let Value::Array(items) = value {
        let kind = parameter.items.unwrap_or(ParameterType::String);
        items.iter().try_for_each(|item| fits_type(kind, item))?;
    }
    if !parameter.choices.is_empty() && !parameter.choices.contains(value) {
        let choices: Vec<String> = parameter.choices.iter().map(shown).collect();
        return Err(format!("`{}` is none of {}", shown(value), choices.join(", ")));
    }
    if let (Some(pattern), Value::String(text)) = (&parameter.pattern, value) {
        let expression = regex::Regex::new(pattern).map_err(|_| format!("its pattern `{pattern}` is malformed"))?;
        if !expression.is_match(text) {
            return Err(format!("`{text}` does not match `{pattern}`"));
        }
    }
    let number = value.as_f64();
    match (number, parameter.minimum, parameter.maximum) {
        (Some(number), Some(minimum), _) if number < minimum => Err(format!("{number} is below the minimum {minimum}")),
        (Some(number), _, Some(maximum)) if number > maximum => Err(format!("{number} is above the maximum {maximum}")),
        _ => Ok(()),
    }
}

fn fits_type(kind: ParameterType, value: &Value) -> Result<(), String> {
    let right = match kind {
        ParameterType::String => value.is_string(),
        ParameterType::Integer => value.is_i64() || value.is_u64(),
        ParameterType::Number => value.is_number(),
        ParameterType::Boolean => value.is_boolean(),
        ParameterType::List => value.is_array(),
        ParameterType::Duration => {
            let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            return match duration::parse(&text) {
                Ok(_) => Ok(()),
                Err(error) => Err(format!("{error}: {}", error.help())),
            };
        }
    };
    if right { Ok(()) } else { Err(format!("`{}` is not {}", shown(value), with_article(kind))) }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned)
}

/// The name of a type in a sentence.
#[must_use]
pub const fn with_article(kind: ParameterType) -> &'static str {
    match kind {
        ParameterType::String => "a string",
        ParameterType::Integer => "an integer",
        ParameterType::Number => "a number",
        ParameterType::Boolean => "a boolean",
        ParameterType::Duration => "a duration",
        ParameterType::List => "a list",
    }
}
