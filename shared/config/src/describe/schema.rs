//! A JSON schema, for editors.

use serde_json::{Map, Value, json};

use crate::error::Origin;
use crate::kind::{Kind, Setting};
use crate::load::Machine;
use crate::resolve::resolve;
use crate::yaml::Node;

/// The JSON schema (2020-12) of a machine's file.
#[must_use]
pub fn schema(machine: Machine) -> Value {
    let mut schema = record(machine.settings());
    if let Value::Object(map) = &mut schema {
        map.insert("$schema".into(), "https://json-schema.org/draft/2020-12/schema".into());
        map.insert("title".into(), machine.file_name().into());
    }
    schema
}

fn record(settings: &'static [Setting]) -> Value {
    let mut properties = Map::new();
    for setting in settings {
        properties.insert(setting.key.to_owned(), property(setting));
    }
    let required: Vec<_> =
        settings.iter().filter(|setting| setting.default.is_none()).map(|s| s.key).collect();
    let mut schema = json!({
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": properties,
    });
    if !required.is_empty() {
        schema["required"] = json!(required);
    }
    schema
}

fn property(setting: &'static Setting) -> Value {
    let mut schema = of(&setting.kind);
    if setting.optional() {
        schema = json!({ "anyOf": [schema, { "type": "null" }] });
    }
    schema["description"] = Value::from(setting.doc);
    let leaf = !matches!(setting.kind, Kind::Record(_) | Kind::Map(_));
    if leaf && setting.default.is_some_and(|default| default != "null") {
        let resolution = resolve(std::slice::from_ref(setting), &Node::empty(Origin::Default));
        schema["default"] = resolution.value[setting.key].clone();
    }
    schema
}

fn of(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => or_variable(&json!({ "type": "boolean" })),
        Kind::Integer(min, max, _) => {
            or_variable(&json!({ "type": "integer", "minimum": min, "maximum": max }))
        }
        Kind::Number(min, max) => {
            or_variable(&json!({ "type": "number", "minimum": min, "maximum": max }))
        }
        Kind::Text(format) => json!({ "type": "string", "minLength": 1,
            "$comment": format.allowed() }),
        Kind::Choice(words) => or_variable(&json!({ "enum": words })),
        Kind::List(item) => json!({ "type": "array", "items": of(item) }),
        Kind::Record(settings) => record(settings),
        Kind::Map(item) => json!({
            "type": ["object", "null"],
            "propertyNames": { "pattern": "^[A-Za-z0-9_-]+$" },
            "additionalProperties": of(item),
        }),
    }
}

/// A value, or a text with a variable in it.
fn or_variable(schema: &Value) -> Value {
    json!({ "anyOf": [schema, { "type": "string", "pattern": "\\$\\{" }] })
}
