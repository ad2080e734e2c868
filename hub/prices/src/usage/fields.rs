//! Fields of a usage object.

use serde_json::Value;

use super::UsageError;

/// The usage as an object.
pub(super) fn object(usage: &Value) -> Result<&Value, UsageError> {
    match usage {
        Value::Object(_) => Ok(usage),
        Value::Null => Err(UsageError::Missing),
        _ => Err(UsageError::NotAnObject),
    }
}

/// A number of tokens by its path; `None` where it or what holds it is null or
/// absent.
pub(super) fn count(usage: &Value, path: &[&str]) -> Result<Option<u64>, UsageError> {
    let mut value = usage;
    for field in path {
        match value.get(field) {
            Some(inner) => value = inner,
            None if value.is_object() || value.is_null() => return Ok(None),
            None => return Err(UsageError::NotACount { field: path.join(".") }),
        }
    }
    match value {
        Value::Null => Ok(None),
        _ => match value.as_u64() {
            Some(count) => Ok(Some(count)),
            None => Err(UsageError::NotACount { field: path.join(".") }),
        },
    }
}

/// A number of tokens that the API guarantees.
pub(super) fn needed(usage: &Value, field: &str) -> Result<u64, UsageError> {
    count(usage, &[field])?.ok_or_else(|| UsageError::Lacks { field: field.to_owned() })
}
