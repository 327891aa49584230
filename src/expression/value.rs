//! From JSON values to the template engine's and back, and from values to text.

use minijinja::value::{Value as Engine, ValueKind};
use serde_json::{Map, Number, Value};

/// Most memory that one value or text may take, in bytes.
pub(super) const MAX_TEXT: usize = 16 << 20;

/// Deepest nesting of a value.
const MAX_DEPTH: usize = 64;

/// Said when a limit is reached.
pub(super) const TOO_MUCH: &str = "it does too much work or makes too much text";

/// A JSON value as the engine takes it.
pub(super) fn to_engine(value: &Value) -> Engine {
    match value {
        Value::Null => Engine::from(()),
        Value::Bool(flag) => Engine::from(*flag),
        Value::Number(number) => number
            .as_i64()
            .map(Engine::from)
            .or_else(|| number.as_u64().map(Engine::from))
            .unwrap_or_else(|| Engine::from(number.as_f64().unwrap_or(f64::NAN))),
        Value::String(text) => Engine::from(text.as_str()),
        Value::Array(items) => items.iter().map(to_engine).collect(),
        Value::Object(fields) => map_to_engine(fields),
    }
}

/// A JSON mapping as the engine takes it.
pub(super) fn map_to_engine(fields: &Map<String, Value>) -> Engine {
    Engine::from_pairs(fields.iter().map(|(key, value)| (key.as_str(), to_engine(value))))
}

/// The engine's value as JSON, or what is wrong with it.
pub(super) fn to_json(value: &Engine) -> Result<Value, String> {
    Copy { room: MAX_TEXT, depth: 0 }.value(value)
}

/// A copy in the making. The engine's values share their parts, so that a small one can be endless when it is copied.
struct Copy {
    room: usize,
    depth: usize,
}

impl Copy {
    fn value(&mut self, value: &Engine) -> Result<Value, String> {
        self.take(size_of::<Value>())?;
        match value.kind() {
            ValueKind::None => Ok(Value::Null),
            ValueKind::Bool => Ok(Value::Bool(value.is_true())),
            ValueKind::Number => number_to_json(value),
            ValueKind::String => {
                let text = value.as_str().unwrap_or_default();
                self.take(text.len())?;
                Ok(Value::String(text.to_owned()))
            }
            ValueKind::Seq | ValueKind::Iterable | ValueKind::Map => {
                self.depth += 1;
                if self.depth > MAX_DEPTH {
                    return Err("the value is nested too deeply".to_owned());
                }
                let copied = if value.kind() == ValueKind::Map { self.mapping(value) } else { self.list(value) };
                self.depth -= 1;
                copied
            }
            ValueKind::Undefined => Err("the value is not defined".to_owned()),
            other => Err(format!("a value of kind {other} cannot be used here")),
        }
    }

    fn list(&mut self, list: &Engine) -> Result<Value, String> {
        let items = list.try_iter().map_err(|error| error.to_string())?;
        items.map(|item| self.value(&item)).collect::<Result<_, _>>().map(Value::Array)
    }

    fn mapping(&mut self, mapping: &Engine) -> Result<Value, String> {
        let mut fields = Map::new();
        for key in mapping.try_iter().map_err(|error| error.to_string())? {
            let item = mapping.get_item(&key).map_err(|error| error.to_string())?;
            let name = self.value(&key).and_then(|key| json_to_text(&key))?;
            fields.insert(name, self.value(&item)?);
        }
        Ok(Value::Object(fields))
    }

    fn take(&mut self, bytes: usize) -> Result<(), String> {
        self.room = self.room.checked_sub(bytes).ok_or_else(|| TOO_MUCH.to_owned())?;
        Ok(())
    }
}

fn number_to_json(value: &Engine) -> Result<Value, String> {
    if let Ok(number) = i64::try_from(value.clone()).and_then(|number| {
        if value.is_integer() { Ok(number) } else { Err(minijinja::ErrorKind::InvalidOperation.into()) }
    }) {
        return Ok(Value::from(number));
    }
    if value.is_integer() {
        return u64::try_from(value.clone())
            .map(Value::from)
            .map_err(|_| "the number is larger than 64 bits".to_owned());
    }
    let number = f64::try_from(value.clone()).map_err(|error| error.to_string())?;
    Number::from_f64(number).map(Value::Number).ok_or_else(|| "the number is not finite".to_owned())
}

/// The engine's value as it stands in a text.
pub(super) fn to_text(value: &Engine) -> Result<String, String> {
    match value.as_str() {
        Some(text) => Ok(text.to_owned()),
        None => json_to_text(&to_json(value)?),
    }
}

/// A value as it stands in a text: text as it is, booleans `true` and `false`, lists and mappings as JSON. None has
/// no text.
pub(super) fn json_to_text(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => {
            Err("the value is none, which has no text; say what to write with `default('…', true)`".to_owned())
        }
        Value::String(text) => Ok(text.clone()),
        other => Ok(other.to_string()),
    }
}

/// What people call the kind of a value.
pub(super) fn kind_name(value: &Engine) -> &'static str {
    match value.kind() {
        ValueKind::Undefined => "an undefined value",
        ValueKind::None => "none",
        ValueKind::Bool => "a boolean",
        ValueKind::Number => "a number",
        ValueKind::String => "a text",
        ValueKind::Seq | ValueKind::Iterable => "a list",
        ValueKind::Map => "a mapping",
        _ => "something else",
    }
}
