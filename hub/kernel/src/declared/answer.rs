//! What a plugin outside of the hub answers.

use serde_json::Value;

use crate::plugin::PluginResult;

/// Reads an answer. A document with a `status` is a result; any other document,
/// or text, is output of a plugin that succeeded.
pub(super) fn read(text: &str) -> PluginResult {
    let text = text.trim();
    if text.is_empty() {
        return PluginResult::success(Value::Null);
    }
    match serde_json::from_str::<Value>(text) {
        Ok(document) if document.get("status").is_some() => serde_json::from_value(document)
            .unwrap_or_else(|error| {
                let expected = "expected status (success, failed, partial), data, error, metadata";
                PluginResult::failed(format!(
                    "the plugin's result cannot be read: {error}: {expected}"
                ))
            }),
        Ok(document) => PluginResult::success(document),
        Err(_) => PluginResult::success(Value::from(text)),
    }
}
