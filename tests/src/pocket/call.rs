//! Whether a call is the right one.

use agentos_domain::ToolCall;
use serde_json::{Map, Value, json};

use super::requests::RightCall;

/// Whether the first of `made` is the first of `right`; where none is right,
/// whether none was made.
pub(crate) fn first_is_right(right: &[RightCall], made: &[ToolCall]) -> bool {
    match (right.first(), made.first()) {
        (None, None) => true,
        (Some(right), Some(made)) => {
            let name = made.name.as_str();
            right.name == name && plain(name, &right.arguments) == plain(name, &made.arguments)
        }
        _ => false,
    }
}

/// Arguments in one spelling: without those that say what goes without saying.
fn plain(tool: &str, arguments: &Value) -> Value {
    let Value::Object(arguments) = arguments else { return arguments.clone() };
    let mut plain = Map::new();
    for (name, value) in arguments {
        let value = match value {
            Value::String(path) if name == "path" => plain_path(path).into(),
            other => other.clone(),
        };
        if !is_default(tool, name, &value) {
            plain.insert(name.clone(), value);
        }
    }
    Value::Object(plain)
}

fn plain_path(path: &str) -> &str {
    let path = path.strip_prefix("./").unwrap_or(path);
    // The root of a machine stays what it is.
    path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path)
}

fn is_default(tool: &str, name: &str, value: &Value) -> bool {
    match name {
        "recursive" | "literal" | "case_sensitive" | "hash" => *value == json!(false),
        "sort" => *value == json!("name"),
        "path" => {
            matches!(tool, "file_list" | "file_search")
                && (*value == json!("") || *value == json!("."))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn right(name: &str, right_arguments: Value, made: Value) -> bool {
        let right = RightCall { name: name.to_owned(), arguments: right_arguments };
        let made = ToolCall { id: "1".to_owned(), name: name.parse().unwrap(), arguments: made };
        first_is_right(&[right], &[made])
    }

    #[test]
    fn arguments_that_equal_the_defaults_make_no_difference() {
        assert!(right("file_list", json!({}), json!({ "recursive": false, "sort": "name" })));
        assert!(right("file_list", json!({ "path": "." }), json!({})));
        assert!(right("file_list", json!({ "path": "./" }), json!({ "path": "" })));
        let pattern = json!({ "pattern": "x" });
        let spoken = json!({ "literal": false, "pattern": "x", "case_sensitive": false });
        assert!(right("file_search", pattern, spoken));
        assert!(right(
            "metadata_extract",
            json!({ "path": "a" }),
            json!({ "path": "a", "hash": false })
        ));
        assert!(!right("file_list", json!({}), json!({ "recursive": true })));
        assert!(!right("file_list", json!({}), json!({ "sort": "newest" })));
        assert!(!right(
            "metadata_extract",
            json!({ "path": "a" }),
            json!({ "path": "a", "hash": true })
        ));
    }

    #[test]
    fn paths_have_one_spelling() {
        assert!(right("file_read", json!({ "path": "a/b" }), json!({ "path": "./a/b" })));
        assert!(right("file_list", json!({ "path": "a" }), json!({ "path": "a/" })));
        assert!(!right("file_read", json!({ "path": "a/b" }), json!({ "path": "b" })));
        assert!(!right("file_list", json!({}), json!({ "path": "/" })));
        // To read nothing is no default.
        assert!(!right("file_read", json!({}), json!({ "path": "." })));
        // Only paths are paths.
        assert!(!right("file_search", json!({ "pattern": "a" }), json!({ "pattern": "a/" })));
    }

    #[test]
    fn the_tool_and_the_number_of_calls_count() {
        let call = RightCall { name: "file_read".to_owned(), arguments: json!({ "path": "a" }) };
        let made = ToolCall {
            id: "1".to_owned(),
            name: "metadata_extract".parse().unwrap(),
            arguments: json!({ "path": "a" }),
        };
        assert!(!first_is_right(std::slice::from_ref(&call), std::slice::from_ref(&made)));
        assert!(!first_is_right(&[], &[made]));
        assert!(!first_is_right(&[call], &[]));
        assert!(first_is_right(&[], &[]));
    }
}
