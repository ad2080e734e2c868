//! The shapes of a task's live events; see `schemas`.

use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

/// Each kind of event, and the schema of what its data holds.
const KINDS: [(&str, &str); 6] = [
    ("status", "Task"),
    ("step", "Step"),
    ("model_started", "ModelStarted"),
    ("token", "Token"),
    ("tool_started", "ToolStarted"),
    ("fetching", "Fetching"),
];

/// An event of a task's stream. The document shows [`task_event`] in its place.
#[derive(Serialize, ToSchema)]
pub(crate) struct TaskEvent {
    id: String,
    event: String,
    data: String,
}

/// A model call began.
#[derive(Serialize, ToSchema)]
pub(crate) struct ModelStarted {
    /// The model.
    model: String,
    /// Random weights that prove only that the path works.
    demonstration: bool,
}

/// A piece of the text that a model generates.
#[derive(Serialize, ToSchema)]
pub(crate) struct Token {
    /// The piece.
    text: String,
    /// Natural logarithm of its probability.
    logprob: f32,
}

/// A tool began.
#[derive(Serialize, ToSchema)]
pub(crate) struct ToolStarted {
    /// The call.
    call_id: String,
    /// The tool.
    name: String,
}

/// Files of the workspace are on their way to the executor.
#[derive(Serialize, ToSchema)]
pub(crate) struct Fetching {
    /// How many bytes.
    bytes: u64,
}

/// The schema of one event: data is text, and the text is JSON.
pub(crate) fn task_event() -> Value {
    let choices = KINDS.map(|(kind, schema)| {
        json!({
            "type": "object",
            "required": ["id", "event", "data"],
            "properties": {
                "id": {
                    "type": "string",
                    "description": "What to send as `Last-Event-ID` for all that follows",
                    "pattern": "^[0-9]+-[0-9]+-[0-9]+$",
                },
                "event": { "type": "string", "enum": [kind] },
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": { "$ref": format!("#/components/schemas/{schema}") },
                },
            },
        })
    });
    json!({
        "description": "One event of a task's stream.",
        "oneOf": choices,
    })
}
