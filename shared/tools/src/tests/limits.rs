//! Who may call what, and how often.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    Clock, ManualClock, Timestamp, ToolCall, ToolClass, ToolError, ToolName, ToolOutcome, ToolSpec,
};
use serde_json::{Value, json};

use super::{Place, call_of};
use crate::{FileWrite, Registry, Tool, ToolContext};

struct Counted(ToolSpec);

#[async_trait::async_trait]
impl Tool for Counted {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: Value, _: &ToolContext) -> Result<Value, ToolError> {
        tokio::task::yield_now().await;
        Ok(json!("done"))
    }
}

fn limited(limit: &str) -> (Registry, Arc<ManualClock>, ToolCall) {
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(0)));
    let mut registry = Registry::new().with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
    let spec =
        ToolSpec::new("counted".parse().unwrap(), ToolClass::Read, "", json!({ "type": "object" }));
    registry.insert(Arc::new(Counted(spec.limited_to(limit.parse().unwrap())))).unwrap();
    (registry, clock, call_of("counted", json!({})))
}

fn code(outcome: &ToolOutcome) -> Option<&str> {
    match outcome {
        ToolOutcome::Ok(_) => None,
        ToolOutcome::Err(error) => Some(&error.code),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_a_hundred_calls_at_once_exactly_ten_are_made() {
    let (registry, clock, call) = limited("10/minute");
    let (registry, place) = (Arc::new(registry), Place::new());
    let burst = async || {
        let mut calls = tokio::task::JoinSet::new();
        for _ in 0..100 {
            let (registry, call, context) =
                (Arc::clone(&registry), call.clone(), place.context.clone());
            calls.spawn(async move { registry.call(&call, &context).await });
        }
        let outcomes = calls.join_all().await;
        let refused = outcomes.iter().filter(|outcome| code(outcome) == Some("rate_limited"));
        (outcomes.iter().filter(|outcome| code(outcome).is_none()).count(), refused.count())
    };
    assert_eq!(burst().await, (10, 90));
    assert_eq!(burst().await, (0, 100));
    clock.advance(Duration::from_secs(6));
    assert_eq!(burst().await, (1, 99), "one comes back every six seconds");
    clock.advance(Duration::from_secs(3600));
    assert_eq!(burst().await, (10, 90), "no more than ten, however long the pause");
}

#[tokio::test]
async fn who_is_refused_is_told_when_to_come_back() {
    let (registry, clock, call) = limited("2/minute");
    let place = Place::new();
    for _ in 0..2 {
        assert_eq!(code(&registry.call(&call, &place.context).await), None);
    }
    clock.advance(Duration::from_millis(500));
    let ToolOutcome::Err(error) = registry.call(&call, &place.context).await else { panic!() };
    assert_eq!(error.code, "rate_limited");
    assert!(
        error.message.contains("2/minute") && error.message.contains("again in 30 s"),
        "{error}"
    );
    clock.advance(Duration::from_secs(30));
    assert_eq!(code(&registry.call(&call, &place.context).await), None);
}

#[tokio::test]
async fn workspaces_have_limits_of_their_own_and_wrong_calls_do_not_count() {
    let (registry, _, call) = limited("1/hour");
    let place = Place::new();
    let wrong = call_of("counted", json!(7));
    assert_eq!(code(&registry.call(&wrong, &place.context).await), Some("invalid_arguments"));
    for workspace in ["a", "b"] {
        assert_eq!(code(&registry.call_for(workspace, &call, &place.context).await), None);
        let again = registry.call_for(workspace, &call, &place.context).await;
        assert_eq!(code(&again), Some("rate_limited"));
    }
}

#[test]
fn names_count_as_they_are_written() {
    let mut registry = Registry::with_file_tools();
    registry.insert_code_tools().unwrap();
    let granted: Vec<ToolName> = vec!["file_read".parse().unwrap()];
    let check = |name: &str| {
        let call = call_of(name, json!({ "path": "a" }));
        registry.validate(&granted, &call).map(drop).map_err(|error| error.code)
    };
    assert_eq!(check("file_read"), Ok(()));
    assert_eq!(check("file_write"), Err("not_granted".to_owned()));
    for variant in ["File_Read", "FILE_READ", "file-read", "file.read", "file_read_"] {
        assert_eq!(check(variant), Err("unknown_tool".to_owned()), "{variant}");
    }
    for variant in
        [" file_read", "file_read ", "file_read\n", "file_read\u{200b}", "ｆile_read", ""]
    {
        assert!(variant.parse::<ToolName>().is_err(), "{variant:?}");
    }
}

#[tokio::test]
async fn what_the_installation_does_not_permit_is_refused() {
    let place = Place::new();
    let mut registry = Registry::with_file_tools().permitting(["fs.read".to_owned()]);
    registry.insert(Arc::new(FileWrite::default())).unwrap();
    let granted: Vec<ToolName> =
        ["file_read", "file_write"].map(|name| name.parse().unwrap()).to_vec();
    let write = call_of("file_write", json!({ "path": "temp/a", "content": "x" }));
    assert_eq!(registry.validate(&granted, &write).unwrap_err().code, "not_permitted");
    assert_eq!(code(&registry.call(&write, &place.context).await), Some("not_permitted"));
    place.file("a", "x");
    let read = call_of("file_read", json!({ "path": "a" }));
    assert_eq!(code(&registry.call(&read, &place.context).await), None);
}

/// A tool that does more than it declares.
struct Sly(ToolSpec);

#[async_trait::async_trait]
impl Tool for Sly {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    async fn call(&self, _: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let path = "temp/a".parse().unwrap();
        context.root.open(&"a".parse().unwrap())?;
        context.root.create_parents(&path)?;
        context.root.write_atomic(&path, &b"x"[..])?;
        Ok(json!("written"))
    }
}

#[tokio::test]
async fn a_tool_gets_no_more_than_it_declares() {
    let place = Place::new();
    place.file("a", "x");
    let schema = json!({ "type": "object" });
    let spec = ToolSpec::new("sly".parse().unwrap(), ToolClass::Read, "", schema);
    let call = call_of("sly", json!({}));
    for (permissions, expected) in [
        (&[][..], Some("undeclared_permission")),
        (&["fs.read"][..], Some("undeclared_permission")),
        (&["fs.write"][..], None),
    ] {
        let mut registry = Registry::new();
        let spec = permissions.iter().fold(spec.clone(), |spec, permission| spec.needs(permission));
        registry.insert(Arc::new(Sly(spec))).unwrap();
        let outcome = registry.call(&call, &place.context).await;
        assert_eq!(code(&outcome), expected, "{permissions:?}");
        assert_eq!(place.inside.join("temp/a").exists(), expected.is_none());
    }
}

#[test]
fn tools_that_are_not_there_are_named() {
    let registry = Registry::with_file_tools();
    let agent = agentos_domain::builtin_code_agent();
    let missing: Vec<_> =
        registry.missing(&agent.tools).into_iter().map(ToolName::as_str).collect();
    assert_eq!(missing, ["file_write", "bash_execution", "skill_validator", "package_search"]);
    assert!(registry.specs_for(&agent.tools).is_empty());
}
