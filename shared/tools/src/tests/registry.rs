use std::sync::Arc;

use agentos_domain::{
    Classified, ToolClass, ToolError, ToolName, ToolOutcome, ToolSpec, builtin_file_agent,
};
use serde_json::{Value, json};

use super::{Place, call_of};
use crate::{Registry, RegistryError, Tool, ToolContext};

struct Custom(ToolSpec);

#[async_trait::async_trait]
impl Tool for Custom {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: Value, context: &ToolContext) -> Result<Value, ToolError> {
        Ok(context.idempotency_key.clone().into())
    }
}

fn custom(name: &str, parameters: Value) -> Arc<dyn Tool> {
    Arc::new(Custom(ToolSpec::new(name.parse().unwrap(), ToolClass::Once, "", parameters)))
}

#[test]
fn the_file_agent_finds_its_tools() {
    let registry = Registry::with_file_tools();
    let agent = builtin_file_agent();
    let specs = registry.specs_for(&agent.tools);
    let names: Vec<_> = specs.iter().map(|spec| spec.name.clone()).collect();
    assert_eq!(names, agent.tools);
    for spec in specs {
        assert_eq!(spec.class, ToolClass::Read);
        assert_eq!(spec.permissions, ["fs.read"]);
        let properties = spec.parameters["properties"].as_object().unwrap();
        for (name, schema) in properties {
            let bounded = schema["maxLength"].is_u64() || schema["enum"].is_array();
            assert!(schema["type"] != "string" || bounded, "{}: {name} is unbounded", spec.name);
        }
        assert_eq!(registry.spec(&spec.name), Some(&spec));
    }
    assert_eq!(registry.specs_for(&["absent".parse().unwrap()]), []);
}

#[test]
fn only_granted_calls_with_fitting_arguments_pass() {
    let registry = Registry::with_file_tools();
    let granted: Vec<ToolName> = vec!["file_read".parse().unwrap(), "gone".parse().unwrap()];
    let check = |tool: &str, arguments: Value| {
        registry.validate(&granted, &call_of(tool, arguments)).map(|spec| spec.name.to_string())
    };
    assert_eq!(check("file_read", json!({ "path": "a" })), Ok("file_read".to_owned()));
    for unknown in ["FILE_READ", "file-read", "gone"] {
        let error = check(unknown, json!({ "path": "a" })).unwrap_err();
        assert_eq!(error.code, "unknown_tool", "{unknown}");
        assert!(error.message.contains("your tools: file_read"), "{error}");
    }
    let error = check("file_list", json!({})).unwrap_err();
    assert_eq!(error.code, "not_granted");
    let none = registry.validate(&[], &call_of("file_list", json!({}))).unwrap_err();
    assert!(none.message.ends_with("your tools: none"), "{none}");
    for (arguments, word) in [
        (json!({}), "path"),
        (json!({ "path": 7 }), "path"),
        (json!({ "path": "a", "mode": "x" }), "mode"),
        (json!({ "path": "a".repeat(2000) }), "path"),
        (json!({ "path": "a", "offset_line": 0 }), "offset_line"),
        (json!({ "path": "a", "offset_line": "1" }), "offset_line"),
        (json!({ "path": "a", "offset_byte": 1 }), "offset_line"),
        (json!("a"), "object"),
        (json!(null), "object"),
    ] {
        let error = check("file_read", arguments.clone()).unwrap_err();
        assert_eq!(error.code, "invalid_arguments", "{arguments}");
        assert!(error.message.contains(word), "{error}");
        assert!(error.message.len() < 600, "{error}");
    }
}

#[tokio::test]
async fn a_call_checks_its_arguments_itself() {
    let place = Place::new();
    for tool in ["file_read", "file_list", "file_search", "metadata_extract"] {
        let code = place.code(tool, json!({ "unknown": 1 })).await;
        assert_eq!(code, "invalid_arguments", "{tool}");
    }
    assert_eq!(place.code("absent", json!({})).await, "unknown_tool");
}

#[tokio::test]
async fn tools_of_others_are_registered_once_and_with_a_valid_schema() {
    let mut registry = Registry::new();
    registry.insert(custom("mine", json!({ "type": "object" }))).unwrap();
    let twice = registry.insert(custom("mine", json!({ "type": "object" }))).unwrap_err();
    assert_eq!(twice, RegistryError::Duplicate { tool: "mine".parse().unwrap() });
    let invalid = registry.insert(custom("bad", json!({ "type": "objekt" }))).unwrap_err();
    assert_eq!(invalid.code(), "invalid_schema");
    let place = Place::new();
    let outcome = registry.call(&call_of("mine", json!({})), &place.context).await;
    assert_eq!(outcome, ToolOutcome::Ok("key".into()));
}

#[tokio::test]
async fn a_cancelled_call_says_so() {
    let place = Place::new();
    place.file("a", "x");
    place.context.cancel.cancel();
    for (tool, arguments) in [
        ("file_read", json!({ "path": "a" })),
        ("file_list", json!({})),
        ("file_search", json!({ "pattern": "x" })),
        ("metadata_extract", json!({ "path": "a" })),
    ] {
        assert_eq!(place.code(tool, arguments).await, "cancelled", "{tool}");
    }
}

#[test]
fn the_lints_for_paths_of_agents_come_on_top_of_the_workspaces() {
    let of = |path: &str| {
        let path = format!("{}/{path}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(path).unwrap()
    };
    let whole = of("../../clippy.toml");
    for own in [of("clippy.toml"), of("../worker/clippy.toml")] {
        for line in whole.lines() {
            assert!(own.lines().any(|there| there == line), "missing: {line}");
        }
        assert!(own.contains("std::fs::read_to_string") && own.contains("std::fs::File::open"));
    }
}
