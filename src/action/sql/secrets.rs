//! Secrets taken out of what a server said.

use serde_json::{Map, Value};

use crate::action::redact::redact;

/// No secret is shorter.
const SHORTEST: usize = 6;

/// Values that nobody may see.
#[derive(Clone, Default)]
pub struct Secrets(pub Vec<String>);

impl Secrets {
    /// The text without them.
    #[must_use]
    pub fn remove(&self, text: &str) -> String {
        if self.0.is_empty() || text.len() < SHORTEST {
            return text.to_owned();
        }
        redact(text.as_bytes(), &self.0)
            .map_or_else(|_| "[hidden]".to_owned(), |clean| String::from_utf8_lossy(&clean).into_owned())
    }

    /// The value without them, however deep they are in it.
    #[must_use]
    pub fn remove_from(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.remove(&text)),
            Value::Array(items) => items.into_iter().map(|item| self.remove_from(item)).collect(),
            Value::Object(pairs) => Value::Object(self.remove_from_row(pairs)),
            other => other,
        }
    }

    /// The row without them. Its keys are names of columns and stay.
    #[must_use]
    pub fn remove_from_row(&self, row: Map<String, Value>) -> Map<String, Value> {
        row.into_iter().map(|(name, value)| (name, self.remove_from(value))).collect()
    }
}
