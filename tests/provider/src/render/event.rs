//! Server-sent events.

use bytes::Bytes;
use serde_json::Value;

/// An event without a name.
pub(crate) fn data(value: &Value) -> Bytes {
    format!("data: {value}\n\n").into()
}

/// An event with a name.
pub(crate) fn named(name: &str, value: &Value) -> Bytes {
    format!("event: {name}\ndata: {value}\n\n").into()
}

/// Several events that are written together.
pub(crate) fn together(events: &[Bytes]) -> Bytes {
    events.concat().into()
}
