//! The description of the API, held against the table of routes, the snapshot
//! and what the API really answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use agentos_domain::{
    BlobHash, Change, Changeset, Entry, ErrorInfo, Fence, FinishReason, RelPath, Step, TaskId,
    Timestamp, ToolCall, ToolClass, ToolError, ToolOutcome, Usage,
};
use agentos_engine::LiveKind;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};

use super::{Fixture, READER};
use crate::openapi::{document, templates};
use crate::routes::{Access, ROUTES};

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

fn described() -> BTreeSet<(String, String)> {
    let paths = document()["paths"].as_object().unwrap();
    let operations = paths.iter().flat_map(|(path, item)| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| (method.clone(), path.clone()))
    });
    operations.collect()
}

#[test]
fn every_route_is_described_and_nothing_else() {
    let routes: BTreeSet<_> = ROUTES
        .iter()
        .map(|route| (route.method.as_str().to_lowercase(), templates(route.path)))
        .collect();
    assert_eq!(described(), routes);
    assert!(routes.iter().all(|(method, _)| METHODS.contains(&method.as_str())));
}

#[test]
fn the_snapshot_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let found = format!("{}\n", serde_json::to_string_pretty(document()).unwrap());
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        std::fs::write(&path, &found).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == found,
        "the API is not the one in hub/api/openapi.json. If it is meant to have changed: \
         `UPDATE_OPENAPI=1 cargo test -p agentos-api`, and commit the file"
    );
}

#[test]
fn the_document_is_complete() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let list = &document["paths"]["/api/tasks"]["get"]["parameters"];
    assert_eq!(list[0]["schema"]["type"], "integer");
    assert_eq!(list[1]["schema"]["$ref"], "#/components/schemas/TaskStatus");
    assert_eq!(document["components"]["securitySchemes"]["key"]["scheme"], "bearer");
    let cookie = &document["components"]["securitySchemes"]["session"];
    assert_eq!((&cookie["in"], &cookie["name"]), (&json!("cookie"), &json!("agentos_session")));
    let invite = &document["paths"]["/api/edges/invite"]["post"]["requestBody"];
    let schema = &invite["content"]["application/json"]["schema"];
    assert_eq!(schema["$ref"], "#/components/schemas/InvitationRequest", "{invite}");
    assert_ne!(invite["required"], true);
    assert_eq!(list[1]["schema"].get("type"), None);
    let mut ids = BTreeSet::new();
    for route in &ROUTES {
        let path = templates(route.path);
        let operation = &document["paths"][&path][route.method.as_str().to_lowercase()];
        let id = operation["operationId"].as_str().unwrap();
        assert!(ids.insert(id), "{id} is there twice");
        assert!(operation["summary"].as_str().is_some_and(|text| !text.is_empty()), "{id}");
        let secured = operation["security"] == json!([{ "key": [] }, { "session": [] }]);
        assert_eq!(secured, route.access != Access::Public, "{id}");
        let statuses = operation["responses"].as_object().unwrap();
        assert!(statuses.contains_key("429") && statuses.contains_key("500"), "{id}");
        // Who signs in may show the key in the body; a webhook is signed.
        let shown = ["open_session", "trigger_plugin"].contains(&id);
        assert_eq!(statuses.contains_key("401"), secured || shown, "{id}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let named: BTreeSet<_> = parameters
            .iter()
            .filter(|parameter| parameter["in"] == "path")
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect();
        let wanted = path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'));
        assert_eq!(named, wanted.collect(), "{id}");
    }
}

/// The reference in `value` and all below it can be followed.
fn check_references(value: &Value) {
    match value {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                let found = document().pointer(target.trim_start_matches('#'));
                assert!(found.is_some(), "{target} leads nowhere");
            }
            members.values().for_each(check_references);
        }
        Value::Array(items) => items.iter().for_each(check_references),
        _ => {}
    }
}

#[test]
fn all_references_lead_somewhere() {
    check_references(document());
}

/// The document with schemas that allow nothing that they do not name, so that
/// an answer with a member that nobody described is found.
fn strict() -> Value {
    fn close(value: &mut Value) {
        match value {
            Value::Object(members) => {
                // Parts of a whole are closed as the whole.
                if members.contains_key("properties") || members.contains_key("allOf") {
                    members.insert("unevaluatedProperties".to_owned(), json!(false));
                }
                for (name, member) in members.iter_mut() {
                    if name != "allOf" {
                        close(member);
                    }
                }
            }
            Value::Array(items) => items.iter_mut().for_each(close),
            _ => {}
        }
    }
    let mut document = document().clone();
    close(&mut document["components"]["schemas"]);
    // These are parts of others, flattened.
    for part in ["Entry", "Key"] {
        open(&mut document["components"]["schemas"][part]);
    }
    document
}

fn open(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.shift_remove("unevaluatedProperties");
            members.iter_mut().filter(|(name, _)| *name != "properties").for_each(|(_, v)| open(v));
        }
        Value::Array(items) => items.iter_mut().for_each(open),
        _ => {}
    }
}

/// Asserts that `value` is what the schema at `pointer` of the document says.
#[track_caller]
pub(crate) fn matches_schema(pointer: &str, value: &Value) {
    let mut schema = strict();
    let encoded = pointer.replace('{', "%7B").replace('}', "%7D");
    schema["$ref"] = json!(format!("#{encoded}"));
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<_> = validator.iter_errors(value).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{pointer}: {errors:#?} in {value:#}");
}

/// Asserts that an answer is one that the document foresees.
#[track_caller]
pub(crate) fn foreseen(method: &Method, path: &str, status: StatusCode, kind: &str, body: &[u8]) {
    let path = path.split('?').next().unwrap();
    let matches = |template: &str| {
        let (mut given, mut wanted) = (path.split('/'), template.split('/'));
        loop {
            match (given.next(), wanted.next()) {
                (None, None) => return true,
                (Some(_), Some(part)) if part.starts_with("{*") => return true,
                (Some(given), Some(part)) if part == given || part.starts_with('{') => {}
                _ => return false,
            }
        }
    };
    let route = ROUTES.iter().find(|route| route.method == method && matches(route.path));
    // Routes that are not there, and wrong methods, are not in the document.
    let Some(route) = route else { return };
    let template = templates(route.path).replace('/', "~1");
    let method = method.as_str().to_lowercase();
    let pointer = format!("/paths/{template}/{method}/responses/{}", status.as_u16());
    let response = document().pointer(&pointer);
    let response = response.unwrap_or_else(|| panic!("{method} {path}: {status} is not foreseen"));
    let kind = kind.split(';').next().unwrap();
    if kind == "text/event-stream" {
        events_foreseen(std::str::from_utf8(body).unwrap());
    }
    let Some(content) = response["content"].as_object() else {
        assert!(body.is_empty(), "{method} {path}: no body is foreseen for {status}");
        return;
    };
    assert!(content.contains_key(kind), "{method} {path}: {status} is not foreseen as `{kind}`");
    if kind.ends_with("json") && path != "/openapi.json" {
        let kind = kind.replace('/', "~1");
        let value = serde_json::from_slice(body).unwrap();
        matches_schema(&format!("{pointer}/content/{kind}/schema"), &value);
    }
}

/// Asserts that all events of a stream are as the document says.
#[track_caller]
fn events_foreseen(stream: &str) {
    for block in stream.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':')) {
        let fields = block.lines().map(|line| line.split_once(": ").unwrap());
        event_foreseen(&json!(fields.collect::<BTreeMap<_, _>>()));
    }
}

/// Asserts that an event is as the document says, and that its data is.
#[track_caller]
fn event_foreseen(event: &Value) {
    matches_schema("/components/schemas/TaskEvent", event);
    let choices = document().pointer("/components/schemas/TaskEvent/oneOf").unwrap();
    let properties = choices.as_array().unwrap().iter().map(|choice| &choice["properties"]);
    let kind = |of: &&Value| of["event"]["enum"] == json!([event["event"]]);
    let data = &properties.clone().find(kind).unwrap()["data"];
    assert_eq!(data["contentMediaType"], "application/json");
    let pointer = data["contentSchema"]["$ref"].as_str().unwrap().trim_start_matches('#');
    matches_schema(pointer, &serde_json::from_str(event["data"].as_str().unwrap()).unwrap());
}

#[test]
fn every_kind_of_live_event_is_described() {
    let kinds = [
        LiveKind::ModelStarted { model: "m".into(), demonstration: true },
        LiveKind::Token { text: "t".into(), logprob: -0.5 },
        LiveKind::ToolStarted { call_id: "1".into(), name: "file_read".into() },
        LiveKind::Fetching { bytes: 1 },
    ];
    for kind in kinds {
        let data = serde_json::to_string(&kind).unwrap();
        event_foreseen(&json!({ "id": "1-1-1", "event": kind.name(), "data": data }));
    }
}

#[test]
#[should_panic(expected = "/components/schemas/Fetching")]
fn an_event_whose_data_is_another_is_found() {
    event_foreseen(&json!({ "id": "1-1-1", "event": "fetching", "data": "{\"text\":\"t\"}" }));
}

/// One with everything in it.
fn changeset() -> Changeset {
    let hash = BlobHash::of(b"x");
    let (size, modified) = (1, Timestamp::from_millis(1));
    let put = |base| Change::Put { hash, size, modified, base };
    let path = |text: &str| text.parse::<RelPath>().unwrap();
    let changes = [put(None), put(Some(hash)), Change::Delete { base: hash }];
    let files = ["a", "b", "c"].map(path).into_iter().zip(changes).collect();
    Changeset { files, conflicts: [(path("d"), None), (path("e"), Some(path("a")))].into() }
}

#[test]
fn every_kind_of_step_is_described() {
    let call = ToolCall {
        id: "1".into(),
        name: "file_read".parse().unwrap(),
        arguments: json!({ "path": "a" }),
    };
    let call_id = || "1".to_owned();
    let entries = [
        Entry::ModelReply {
            model: "m".into(),
            text: "t".into(),
            tool_calls: vec![call.clone()],
            finish: FinishReason::ToolCalls,
            usage: Usage { input_tokens: 1, cached_tokens: 1, output_tokens: 1 },
            confidence: Some(0.5),
            duration_ms: 1,
        },
        Entry::ToolIntent { call, class: ToolClass::Once, idempotency_key: "k".into() },
        Entry::ToolRetry { call_id: call_id() },
        Entry::ToolResult {
            call_id: call_id(),
            outcome: ToolOutcome::Ok(json!([1])),
            duration_ms: 1,
            changes: changeset(),
        },
        Entry::ToolResult {
            call_id: call_id(),
            outcome: ToolOutcome::Err(ToolError::new("a", "b")),
            duration_ms: 1,
            changes: Changeset::default(),
        },
        Entry::ToolRefused { call_id: call_id(), error: ToolError::new("a", "b") },
        Entry::ToolUnknown { call_id: call_id() },
        Entry::AnswerChecked { problems: vec!["p".into()] },
        Entry::Finished { output: "o".into(), truncated: true },
        Entry::Failed { error: ErrorInfo::new("a", "b") },
        Entry::Cancelled { reason: "r".into() },
    ];
    for entry in entries {
        let step = Step {
            task_id: TaskId::generate(),
            seq: 1,
            fence: Fence(1),
            recorded_at: Timestamp::from_millis(0),
            entry,
        };
        matches_schema("/components/schemas/Step", &json!(step));
    }
}

#[test]
#[should_panic(expected = "/components/schemas/Tokens")]
fn a_member_that_nobody_described_is_found() {
    matches_schema("/components/schemas/Tokens", &json!({ "input": 1, "output": 2, "new": 3 }));
}

#[tokio::test]
async fn the_document_and_its_page_are_open_and_load_nothing_from_elsewhere() {
    let hub = Fixture::new().await;
    let open = async |path: &str| {
        let answer = hub.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        answer
    };
    let served = open("/openapi.json").await;
    assert_eq!(served.header("content-type"), Some("application/json"));
    assert_eq!(served.json(), *document());
    for (path, kind) in [
        ("/docs", "text/html; charset=utf-8"),
        ("/docs/style.css", "text/css; charset=utf-8"),
        ("/docs/script.js", "text/javascript; charset=utf-8"),
    ] {
        let answer = open(path).await;
        assert_eq!(answer.header("content-type"), Some(kind));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'self';"), "{policy}");
        for elsewhere in ["http://", "https://", "//cdn", "@import", "innerHTML"] {
            assert!(!answer.text().contains(elsewhere), "{path} holds {elsewhere}");
        }
        for inline in ["<style", "style=", "onclick", "<script>"] {
            assert!(
                !answer.text().contains(inline),
                "{path} holds {inline}, which its policy bans"
            );
        }
    }
    let away = hub.get("/redoc", READER).await;
    assert_eq!((away.status.as_u16(), away.header("location")), (308, Some("/docs")));
    hub.get("/docs/other", READER).await.problem(404, "NOT_FOUND");
}
