//! From what a model sends to what a tool takes.

use agentos_domain::{PathError, RelPath, ToolClass, ToolError, ToolSpec};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The longest path, in characters of the schema.
pub(crate) const MAX_PATH: usize = 1024;

/// The arguments as a tool's own type.
pub(crate) fn parse<T: DeserializeOwned>(arguments: Value) -> Result<T, ToolError> {
    serde_json::from_value(arguments)
        .map_err(|error| ToolError::new("invalid_arguments", error.to_string()))
}

fn refused(error: &PathError) -> ToolError {
    let code = match error {
        PathError::Absolute(_) | PathError::Parent(_) => "path_outside_grant",
        _ => "invalid_path",
    };
    ToolError::new(code, error.to_string())
}

/// The path of a file.
pub(crate) fn file_path(text: &str) -> Result<RelPath, ToolError> {
    text.parse().map_err(|error| refused(&error))
}

/// The path of a file or folder; nothing and `.` are the workspace itself.
pub(crate) fn any_path(text: Option<&str>) -> Result<Option<RelPath>, ToolError> {
    match text.unwrap_or_default().parse() {
        Ok(path) => Ok(Some(path)),
        Err(PathError::Empty) => Ok(None),
        Err(error) => Err(refused(&error)),
    }
}

/// Whether `path` is `folder` or lies in it.
pub(crate) fn lies_in(path: &RelPath, folder: Option<&RelPath>) -> bool {
    folder.is_none_or(|folder| {
        let rest = path.as_str().strip_prefix(folder.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    })
}

/// The declaration of a built-in tool; a call has these arguments and no others.
#[expect(clippy::expect_used, reason = "constants, checked by the registry's tests")]
pub(crate) fn spec(
    name: &'static str,
    class: ToolClass,
    description: impl Into<String>,
    properties: Value,
    required: &[&str],
) -> ToolSpec {
    let parameters = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    ToolSpec::new(name.parse().expect("a valid constant"), class, description, parameters)
}

/// The declaration of a built-in tool that reads files.
pub(crate) fn reading_spec(
    name: &'static str,
    description: &'static str,
    properties: Value,
    required: &[&str],
) -> ToolSpec {
    spec(name, ToolClass::Read, description, properties, required)
        .needs("fs.read")
        // Documents are what anybody may have written.
        .with_untrusted_output()
}
