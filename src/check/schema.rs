//! The format as a JSON Schema (draft 2020-12), for editors: made of the types that a document is decoded into, so
//! that the two cannot differ. What the types cannot say is said in [`kinds`] and added here.

pub mod kinds;

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::document::Document;
use super::steps::ACTIONS;

/// The schema of a runbook.
#[must_use]
pub fn schema() -> Value {
    let generator = SchemaSettings::draft2020_12().into_generator();
    let mut schema = generator.into_root_schema_for::<Document>().to_value();
    tidy(&mut schema);
    if let Some(root) = schema.as_object_mut() {
        root.insert("title".to_owned(), json!("Runbook"));
        root.insert("description".to_owned(), json!("A maintenance-window runbook, format version 1."));
    }
    if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        steps(definitions);
        exactly_one(definitions, "Secret", &["env", "file", "command"]);
        exactly_one(definitions, "Target", &["postgres", "hosts"]);
    }
    schema
}

/// A key that may be left out may not be there without a value, and a number has no width for people.
fn tidy(value: &mut Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Object(fields) => {
            let is_noise = |key: &str, value: &Value| match key {
                "default" => value.is_null(),
                "format" => value.is_string(),
                _ => false,
            };
            fields.retain(|key, value| !is_noise(key, value));
            without_null(fields);
            fields.values_mut().for_each(tidy);
        }
        _ => {}
    }
}

fn without_null(fields: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = fields.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = kinds.as_slice() {
            let kind = kind.clone();
            fields.insert("type".to_owned(), kind);
        }
    }
    let null = json!({ "type": "null" });
    let Some(Value::Array(forms)) = fields.get_mut("anyOf") else { return };
    let before = forms.len();
    forms.retain(|form| *form != null);
    if forms.len() == before {
        return;
    }
    if let [Value::Object(form)] = forms.as_slice() {
        let form = form.clone();
        fields.remove("anyOf");
        fields.extend(form);
    }
}

/// A step has exactly one action. One that the journal names has an id; one of a part needs none, nor do its members.
fn steps(definitions: &mut Map<String, Value>) {
    let Some(Value::Object(mut step)) = definitions.get("Step").cloned() else { return };
    let any = required(&ACTIONS);
    let mut forms: Vec<Value> = any.clone();
    forms.push(json!({ "required": ["hold"], "not": { "anyOf": any } }));
    step.insert("oneOf".to_owned(), Value::Array(forms));
    let mut part = step.clone();
    if let Some(members) = part.get_mut("properties").and_then(|properties| properties.get_mut("steps")) {
        let about = members.get("description").cloned().unwrap_or_default();
        *members = json!({
            "description": about, "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/PartStep" }
        });
    }
    step.insert("required".to_owned(), json!(["id"]));
    definitions.insert("Step".to_owned(), Value::Object(step));
    definitions.insert("PartStep".to_owned(), Value::Object(part));
}

fn exactly_one(definitions: &mut Map<String, Value>, name: &str, keys: &[&str]) {
    if let Some(definition) = definitions.get_mut(name).and_then(Value::as_object_mut) {
        definition.insert("oneOf".to_owned(), Value::Array(required(keys)));
    }
}

fn required(keys: &[&str]) -> Vec<Value> {
    keys.iter().map(|key| json!({ "required": [key] })).collect()
}
