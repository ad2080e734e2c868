//! Every route of the document × every kind of credentials: who gets what.

use agentos_domain::{Timestamp, WorkspaceId};
use agentos_engine::Principal;
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::{ADMIN, Answer, Fixture, OTHER, READER};
use crate::openapi::document;
use crate::{TokenRefusal, TokenVerifier};

/// What a route wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    Nothing,
    Read,
    Run,
    Admin,
}

/// One row for each route. A route without a row fails the test: decide here
/// who may use it. The second column is a path to a thing of workspace
/// `default`, where the route names one.
const ROWS: &[(&str, &str, Wants)] = &[
    ("get /health", "/health", Wants::Nothing),
    ("get /ready", "/ready", Wants::Nothing),
    ("get /openapi.json", "/openapi.json", Wants::Nothing),
    ("get /docs", "/docs", Wants::Nothing),
    ("get /docs/{file}", "/docs/script.js", Wants::Nothing),
    ("get /redoc", "/redoc", Wants::Nothing),
    ("get /metrics", "/metrics", Wants::Read),
    ("post /api/tasks", "/api/tasks", Wants::Run),
    ("get /api/tasks", "/api/tasks", Wants::Read),
    ("get /api/tasks/{id}", "/api/tasks/TASK", Wants::Read),
    ("post /api/tasks/{id}/cancel", "/api/tasks/TASK/cancel", Wants::Run),
    ("get /api/tasks/{id}/steps", "/api/tasks/TASK/steps", Wants::Read),
    ("get /api/tasks/{id}/events", "/api/tasks/TASK/events", Wants::Read),
    ("get /api/files", "/api/files", Wants::Read),
    ("put /api/files/{path}", "/api/files/new.txt", Wants::Run),
    ("get /api/files/{path}", "/api/files/canary.txt", Wants::Read),
    ("delete /api/files/{path}", "/api/files/canary.txt", Wants::Run),
    ("get /api/edges", "/api/edges", Wants::Read),
    ("post /api/edges/invite", "/api/edges/invite", Wants::Admin),
    ("post /api/edges/{id}/revoke", "/api/edges/EDGE/revoke", Wants::Admin),
    ("get /api/keys", "/api/keys", Wants::Admin),
    ("post /api/keys", "/api/keys", Wants::Admin),
    ("post /api/keys/{id}/revoke", "/api/keys/KEY/revoke", Wants::Admin),
];

const CANARY: &str = "canary-of-default";

/// A hub with a task, a file and keys of every kind.
struct World {
    hub: Fixture,
    task: String,
    key: String,
}

async fn world() -> World {
    let hub = Fixture::new().await;
    let own = WorkspaceId::default();
    let past = Some(Timestamp::from_millis(1000));
    let add = async |token: &str, scopes: &[&str], end| {
        hub.engine.add_key(token, CANARY, &own, scopes, end).await.unwrap()
    };
    add("expired", &["admin"], past).await;
    add("run-only", &["run"], None).await;
    add("approve-only", &["approve"], None).await;
    let revoked = add("revoked", &["admin"], None).await;
    hub.engine.handle.revoke_key(None, &revoked.key_id).await.unwrap();
    let key = add("for-the-path", &["read"], None).await.key_id.to_string();

    let task = hub.task(CANARY).await;
    // Ended, so that its events end as well.
    hub.engine.complete(&task, CANARY).await.unwrap();
    let put = super::request("PUT".parse().unwrap(), "/api/files/canary.txt", ADMIN, CANARY.into());
    assert_eq!(hub.send(put).await.status, StatusCode::CREATED);
    World { hub, task: task.to_string(), key }
}

impl World {
    async fn send(&self, row: &(&str, &str, Wants), authorization: &[String]) -> Answer {
        let edge = "edge_0192f5e0a0007000800000000000abcd";
        let path = row.1.replace("TASK", &self.task).replace("EDGE", edge);
        let (method, _) = row.0.split_once(' ').unwrap();
        let mut request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(path.replace("KEY", &self.key));
        for value in authorization {
            request = request.header("authorization", value);
        }
        let body = match row.0 {
            "post /api/tasks" => json!({ "input": "x", "wait": false }).to_string(),
            "post /api/keys" => json!({ "name": "x", "scopes": ["read"] }).to_string(),
            _ => String::new(),
        };
        self.hub.send(request.body(Body::from(body)).unwrap()).await
    }
}

fn bearer(token: &str) -> Vec<String> {
    vec![format!("Bearer {token}")]
}

fn jwt(header: &serde_json::Value, signature: &str) -> String {
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({ "sub": "u", "workspaceId": "default", "exp": 4_000_000_000_u64 });
    format!("{}.{}.{signature}", part(header), part(&claims))
}

/// Credentials that open nothing, and what they are answered.
fn refused() -> Vec<(&'static str, Vec<String>, u16, &'static str)> {
    let forged = URL_SAFE_NO_PAD.encode([7; 32]);
    vec![
        ("none", vec![], 401, "UNAUTHENTICATED"),
        ("another scheme", vec!["Basic dTpw".into()], 401, "UNAUTHENTICATED"),
        ("no scheme", vec![ADMIN.into()], 401, "UNAUTHENTICATED"),
        ("empty", vec!["Bearer ".into()], 401, "UNAUTHENTICATED"),
        ("two", [bearer(ADMIN), bearer(READER)].concat(), 401, "UNAUTHENTICATED"),
        ("garbage", bearer("garbage"), 403, "INVALID_TOKEN"),
        ("long garbage", bearer(&"a.b.c".repeat(1000)), 403, "INVALID_TOKEN"),
        ("another case", bearer(&ADMIN.to_uppercase()), 403, "INVALID_TOKEN"),
        ("a part of a key", bearer(&ADMIN[..8]), 403, "INVALID_TOKEN"),
        ("alg none", bearer(&jwt(&json!({ "alg": "none" }), "")), 403, "INVALID_TOKEN"),
        ("forged HS256", bearer(&jwt(&json!({ "alg": "HS256" }), &forged)), 403, "INVALID_TOKEN"),
        ("expired", bearer("expired"), 403, "TOKEN_EXPIRED"),
        ("revoked", bearer("revoked"), 403, "INVALID_TOKEN"),
    ]
}

fn holds(held: Wants, wants: Wants) -> bool {
    wants == Wants::Nothing || held == Wants::Admin || held == wants
}

#[test]
fn every_route_of_the_document_has_a_row() {
    let paths = document()["paths"].as_object().unwrap();
    let mut routes: Vec<String> = paths
        .iter()
        .flat_map(|(path, item)| {
            item.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
        })
        .collect();
    let mut rows: Vec<_> = ROWS.iter().map(|(route, ..)| (*route).to_owned()).collect();
    routes.sort();
    rows.sort();
    assert_eq!(rows, routes);
}

#[tokio::test]
async fn credentials_that_are_not_good_open_nothing() {
    let world = world().await;
    for row in ROWS {
        for (kind, authorization, status, code) in refused() {
            let answer = world.send(row, &authorization).await;
            if row.2 == Wants::Nothing {
                assert!(!matches!(answer.status.as_u16(), 401 | 403), "{} with {kind}", row.0);
            } else {
                assert_eq!(answer.status.as_u16(), status, "{} with {kind}", row.0);
                answer.problem(status, code);
            }
            let body = String::from_utf8_lossy(&answer.body);
            assert!(!body.contains(CANARY), "{} with {kind}", row.0);
        }
    }
}

#[tokio::test]
async fn a_key_opens_what_its_scopes_allow() {
    for (token, held) in [
        (READER, Wants::Read),
        ("run-only", Wants::Run),
        ("approve-only", Wants::Nothing),
        (ADMIN, Wants::Admin),
    ] {
        let world = world().await;
        for row in ROWS {
            let answer = world.send(row, &bearer(token)).await;
            if holds(held, row.2) {
                let refused = matches!(answer.status.as_u16(), 401 | 403 | 500);
                assert!(!refused, "{} with {token}: {}", row.0, answer.status);
            } else {
                answer.problem(403, "INSUFFICIENT_SCOPE");
            }
        }
    }
}

#[tokio::test]
async fn nothing_of_another_workspace_is_seen_or_touched() {
    let world = world().await;
    for row in ROWS {
        let answer = world.send(row, &bearer(OTHER)).await;
        let named = ["TASK", "KEY", "canary"].iter().any(|name| row.1.contains(name));
        if named {
            answer.problem(404, "NOT_FOUND");
        }
        let body = String::from_utf8_lossy(&answer.body);
        for secret in [CANARY, &world.task, &world.key] {
            let echoed = answer.status == StatusCode::NOT_FOUND && secret != CANARY;
            assert!(echoed || !body.contains(secret), "{}: {body}", row.0);
        }
    }
    let file = world.hub.get("/api/files/canary.txt", ADMIN).await;
    assert_eq!(file.text(), CANARY);
    assert_eq!(world.hub.get("/api/tasks", "for-the-path").await.status, StatusCode::OK);
}

struct Issuer;

#[async_trait]
impl TokenVerifier for Issuer {
    async fn verify(&self, token: &str) -> Result<Principal, TokenRefusal> {
        match token {
            "good.signed.token" => Ok(Principal {
                id: "user-1".to_owned(),
                name: "Ada".to_owned(),
                workspace_id: "other".parse().unwrap(),
                scopes: vec!["read".to_owned()],
            }),
            "old.signed.token" => Err(TokenRefusal::Expired),
            "unlucky.signed.token" => Err(TokenRefusal::Unchecked("no key set".to_owned())),
            _ => Err(TokenRefusal::Invalid),
        }
    }
}

#[tokio::test]
async fn signed_tokens_are_left_to_whoever_knows_their_issuer() {
    let hub = Fixture::verifying(std::sync::Arc::new(Issuer)).await;
    let known = hub.get("/health", "good.signed.token").await.json();
    assert_eq!(known["tenant_context"], json!({ "user_id": "Ada", "workspace_id": "other" }));
    assert_eq!(hub.get("/api/tasks", "good.signed.token").await.status, StatusCode::OK);
    hub.get("/api/keys", "good.signed.token").await.problem(403, "INSUFFICIENT_SCOPE");
    hub.get("/api/tasks", "old.signed.token").await.problem(403, "TOKEN_EXPIRED");
    hub.get("/api/tasks", "bad.signed.token").await.problem(403, "INVALID_TOKEN");
    let detail = hub.get("/api/tasks", "unlucky.signed.token").await.problem(403, "AUTH_ERROR");
    assert!(!detail.contains("key set"), "{detail}");
    // Keys go on working beside it.
    assert_eq!(hub.get("/api/tasks", ADMIN).await.status, StatusCode::OK);
}
