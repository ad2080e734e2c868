//! The values of a call, one by one, each with what its argument decides.

use agentos_domain::{ArgumentRole, ToolCall, ToolSpec};
use serde_json::Value;

/// A value of a call that is no list and no object.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    /// The argument that it is of.
    pub(crate) argument: String,
    pub(crate) role: ArgumentRole,
    pub(crate) value: Value,
}

impl Leaf {
    /// It as text, where it is one.
    pub(crate) fn text(&self) -> Option<&str> {
        self.value.as_str()
    }

    /// Whether it is a text that says something.
    pub(crate) fn is_text(&self) -> bool {
        self.text().is_some_and(|text| !text.is_empty())
    }

    /// It as it is shown.
    pub(crate) fn to_text(&self) -> String {
        self.text().map_or_else(|| self.value.to_string(), str::to_owned)
    }

    /// Whether it carries nothing: absent, empty, not set.
    pub(crate) fn is_nothing(&self) -> bool {
        match &self.value {
            Value::Null | Value::Bool(false) => true,
            Value::String(text) => text.is_empty(),
            _ => false,
        }
    }

    /// Whether it names where something has its effect.
    pub(crate) fn is_name(&self) -> bool {
        matches!(self.role, ArgumentRole::Destination | ArgumentRole::Recipient)
    }

    /// Whether it decides upon what the call has its effect.
    pub(crate) fn aims(&self) -> bool {
        self.is_name() || self.role == ArgumentRole::Object
    }
}

/// All values of a call. Names of fields inside an argument are values too:
/// whoever chooses them chooses what is said.
pub(crate) fn leaves(spec: &ToolSpec, call: &ToolCall) -> Vec<Leaf> {
    let mut found = Vec::new();
    match &call.arguments {
        Value::Object(arguments) => {
            for (name, value) in arguments {
                collect(name, spec.role(name), value, &mut found);
            }
        }
        Value::Null => {}
        other => collect("", spec.role(""), other, &mut found),
    }
    found
}

fn collect(argument: &str, role: ArgumentRole, value: &Value, found: &mut Vec<Leaf>) {
    let leaf = |value: Value| Leaf { argument: argument.to_owned(), role, value };
    match value {
        Value::Array(items) => {
            for item in items {
                collect(argument, role, item, found);
            }
        }
        Value::Object(fields) => {
            for (name, value) in fields {
                found.push(leaf(Value::String(name.clone())));
                collect(argument, role, value, found);
            }
        }
        other => found.push(leaf(other.clone())),
    }
}
