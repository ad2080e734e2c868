//! Putting the document together.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use super::stream;
use crate::browser::SESSION_COOKIE;
use crate::problem::Code;
use crate::routes::{Access, ROUTES, Route};
use crate::{
    approvals, billing, docs, edges, events, files, health, keys, metrics, provider_keys,
    schedules, session, spending, tasks, trigger,
};

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Agent OS",
        description = "Tasks, files, edges and keys of a hub. Errors are `application/problem+json` \
            (RFC 9457) with a `code` for programs and a `detail` that says what to do.",
        license(name = "MIT OR Apache-2.0", identifier = "MIT OR Apache-2.0"),
    ),
    paths(
        tasks::submit, tasks::list, tasks::show, tasks::cancel, tasks::steps, events::events,
        approvals::pending, approvals::history, approvals::show, approvals::approve,
        approvals::reject, approvals::resolve, approvals::grants, approvals::revoke_grant,
        approvals::audit,
        schedules::create, schedules::list, schedules::show, schedules::remove, schedules::pause,
        schedules::resume, schedules::slots,
        files::list, files::store, files::fetch, files::remove,
        edges::list, edges::invite, edges::revoke, edges::drain, edges::resume,
        keys::create, keys::list, keys::revoke,
        provider_keys::list, provider_keys::set, provider_keys::remove,
        spending::models, spending::budgets, spending::set_budget, spending::remove_budget,
        spending::calls,
        billing::perform, billing::results, billing::runs, billing::totals, billing::export,
        billing::reconcile, billing::health, trigger::trigger,
        session::open, session::show, session::close,
        health::health, health::ready, metrics::serve,
        serve, docs::page, docs::asset, docs::redoc,
    ),
    components(schemas(
        super::Problem,
        super::spending::CallAttempt,
        stream::ModelStarted, stream::Token, stream::ToolStarted, stream::Fetching,
    )),
    tags(
        (name = "tasks", description = "Asking for work, and watching it"),
        (name = "approvals", description = "What waits for a person, and who decided what"),
        (name = "schedules", description = "Tasks that are made when their time has come"),
        (name = "files", description = "The workspace that agents see"),
        (name = "edges", description = "The machines that run models and agents"),
        (name = "keys", description = "API keys"),
        (name = "provider keys", description = "Keys of models' providers, encrypted"),
        (name = "models", description = "Models, what they may cost, and what they have cost"),
        (name = "billing", description = "What providers charged, collected day by day"),
        (name = "session", description = "Signing in and out, for browsers"),
        (name = "hub", description = "The hub itself"),
    ),
)]
struct Described;

/// The names of the security schemes.
const SCHEME: &str = "key";
const SESSION_SCHEME: &str = "session";

/// The errors that any route may answer.
const ALWAYS: [Code; 3] = [Code::RateLimited, Code::Unavailable, Code::Internal];
/// The errors of routes that want a key.
const GUARDED: [Code; 4] =
    [Code::Unauthenticated, Code::InvalidToken, Code::TokenExpired, Code::AuthError];

/// The document.
pub(crate) fn document() -> &'static Value {
    static DOCUMENT: LazyLock<Value> = LazyLock::new(complete);
    &DOCUMENT
}

/// A path of the table as OpenAPI writes it.
pub(crate) fn templates(path: &str) -> String {
    path.replace("{*", "{")
}

fn complete() -> Value {
    let mut document = json!(Described::openapi());
    document["info"]["version"] = json!(env!("CARGO_PKG_VERSION"));
    document["components"]["securitySchemes"] = json!({
        SCHEME: {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key: `Authorization: Bearer aos_…`",
        },
        SESSION_SCHEME: {
            "type": "apiKey",
            "in": "cookie",
            "name": SESSION_COOKIE,
            "description": "A browser's session, begun by `POST /api/session`",
        },
    });
    document["components"]["schemas"]["TaskEvent"] = stream::task_event();
    for route in &ROUTES {
        let method = route.method.as_str().to_lowercase();
        let path = templates(route.path);
        // One that is missing is found by the test that compares the two.
        let operation = document["paths"].get_mut(&path).and_then(|item| item.get_mut(&method));
        if let Some(operation) = operation.and_then(Value::as_object_mut) {
            describe(operation, route);
        }
    }
    document
}

fn describe(operation: &mut Map<String, Value>, route: &Route) {
    let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        forbid_null(&mut parameter["schema"]);
    }
    if let Some(body) = operation.get_mut("requestBody") {
        describe_body(body);
    }
    let mut codes: Vec<Code> = route.problems.to_vec();
    codes.extend(ALWAYS);
    match route.access {
        Access::Public => {
            operation.insert("security".to_owned(), json!([]));
        }
        Access::Known => guarded(operation, &mut codes),
        Access::Scope(scope) => {
            guarded(operation, &mut codes);
            codes.push(Code::InsufficientScope);
            operation.insert("x-required-scope".to_owned(), json!(scope));
            if !route.method.is_safe() {
                codes.push(Code::CsrfRefused);
            }
        }
    }
    let mut by_status: BTreeMap<StatusCode, Vec<&str>> = BTreeMap::new();
    for code in codes {
        by_status.entry(code.status()).or_default().push(code.as_str());
    }
    let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
    let Some(responses) = responses else { return };
    for (status, codes) in by_status {
        let response = responses
            .entry(status.as_str())
            .or_insert_with(|| json!({ "description": codes.join(", ") }));
        if status == StatusCode::TOO_MANY_REQUESTS {
            response["headers"]["Retry-After"] = json!({
                "description": "Seconds after which to try again",
                "schema": { "type": "integer", "minimum": 1 },
            });
        }
        response["content"]["application/problem+json"]["schema"] = json!({
            "allOf": [
                { "$ref": "#/components/schemas/Problem" },
                { "properties": { "code": { "enum": codes } } },
            ],
        });
    }
}

/// For a route that wants a key.
fn guarded(operation: &mut Map<String, Value>, codes: &mut Vec<Code>) {
    codes.extend(GUARDED);
    operation.insert("security".to_owned(), json!([{ SCHEME: [] }, { SESSION_SCHEME: [] }]));
}

fn describe_body(body: &mut Value) {
    if let Some(json) = body["content"].get_mut("application/json") {
        forbid_null(&mut json["schema"]);
    } else {
        // A file may be empty.
        body["required"] = json!(false);
    }
}

/// An optional parameter or body is left out; null does not stand for it.
fn forbid_null(schema: &mut Value) {
    if let Some(kinds) = schema.get_mut("type").and_then(Value::as_array_mut) {
        kinds.retain(|kind| kind != "null");
        if let [only] = kinds.as_slice() {
            schema["type"] = only.clone();
        }
    }
    if let Some(choices) = schema.get_mut("oneOf").and_then(Value::as_array_mut) {
        choices.retain(|choice| choice["type"] != "null");
        if let [only] = choices.as_slice() {
            *schema = only.clone();
        }
    }
}

/// This document (OpenAPI 3.1)
#[utoipa::path(get, path = "/openapi.json", tag = "hub", operation_id = "get_openapi",
    responses((status = 200, description = "The document", body = Object)))]
pub(crate) async fn serve() -> impl IntoResponse {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    ([(CONTENT_TYPE, "application/json")], TEXT.as_str())
}
