//! What a field takes beyond its Rust type: the schemas that the document types name for their fields.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::check::document::step::{Probe, Step};

/// A type that is only a schema.
macro_rules! kind {
    ($(#[$doc:meta])* $name:ident, $generator:ident, $schema:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub struct $name;

        impl JsonSchema for $name {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

kind!(
    /// The format's version.
    Version,
    _generator,
    json_schema!({ "const": 1 })
);
kind!(
    /// A runbook's name.
    Name,
    _generator,
    json_schema!({ "type": "string", "pattern": "^[a-z0-9-]+$", "examples": ["sunday-database-upgrade"] })
);
kind!(
    /// A step's id.
    Id,
    _generator,
    json_schema!({ "type": "string", "pattern": "^[a-z0-9_-]+$", "examples": ["stop-writers"] })
);
kind!(
    /// A length of time.
    Duration,
    _generator,
    json_schema!({
        "description": "Whole numbers with their units, largest first, or a template that gives such a text.",
        "type": "string",
        "pattern": r"^\s*(?=\S)([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?\s*$|\{\{",
        "examples": ["90s", "15m", "1h30m", "250ms", "{{ parameters.limit }}"]
    })
);
kind!(
    /// An expression without braces around it.
    Expression,
    _generator,
    json_schema!({
        "description": "An expression, without {{ }} around it.",
        "type": ["string", "number", "boolean"],
        "examples": ["rows[0].lag == 0", "steps.members.outputs.leader is defined"]
    })
);
kind!(
    /// A regular expression.
    Regex,
    _generator,
    json_schema!({ "type": "string", "examples": ["Clusters are compatible"] })
);
kind!(
    /// Permission bits.
    Mode,
    _generator,
    json_schema!({
        "description": "Octal digits in quotes: without them YAML reads a number.",
        "type": "string",
        "pattern": "^(0o)?[0-7]{1,}$",
        "examples": ["0644"]
    })
);
kind!(
    /// Steps that the journal names one by one.
    Steps,
    generator,
    json_schema!({ "type": "array", "minItems": 1, "items": generator.subschema_for::<Step>() })
);
kind!(
    /// Steps of a part, which need no id: one, or a list of them.
    PartSteps,
    generator,
    {
        // It is made of that one.
        generator.subschema_for::<Step>();
        json_schema!({
            "anyOf": [
                { "$ref": "#/$defs/PartStep" },
                { "type": "array", "minItems": 1, "items": { "$ref": "#/$defs/PartStep" } }
            ]
        })
    }
);
kind!(
    /// How a step is undone.
    Rollback,
    generator,
    json_schema!({
        "anyOf": [
            generator.subschema_for::<PartSteps>(),
            {
                "type": "object",
                "properties": { "not_needed": { "description": "Why there is nothing to undo.", "type": "string" } },
                "required": ["not_needed"],
                "additionalProperties": false
            }
        ]
    })
);
kind!(
    /// One read-only action.
    Question,
    generator,
    json_schema!({ "allOf": [generator.subschema_for::<Probe>()], "oneOf": questions() })
);
kind!(
    /// A question, or an expression, or both.
    Precondition,
    generator,
    json_schema!({
        "allOf": [generator.subschema_for::<Probe>()],
        "anyOf": [{ "oneOf": questions() }, { "required": ["that"], "not": { "anyOf": questions() } }]
    })
);
kind!(
    /// A question that is asked again and again, and what trips it.
    Watch,
    generator,
    json_schema!({ "allOf": [generator.subschema_for::<Probe>()], "oneOf": questions() })
);
kind!(
    /// A question, or the path of a file.
    Observe,
    generator,
    json_schema!({ "anyOf": [{ "type": "string" }, generator.subschema_for::<Question>()] })
);

fn questions() -> serde_json::Value {
    ["shell", "command", "query", "http"].iter().map(|key| serde_json::json!({ "required": [key] })).collect()
}
