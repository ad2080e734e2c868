//! Every route of the document × every kind of credentials: who gets what.

use agentos_domain::{ProviderSecret, Timestamp, WorkspaceId};
use agentos_engine::Principal;
use async_trait::async_trait;
use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::json;

use super::signed::{self, Issuer};
use super::{ADMIN, Answer, Fixture, OTHER, READER};
use crate::openapi::document;
use crate::{TokenRefusal, TokenVerifier};

/// What a route wants.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    Nothing,
    /// Any good key, whatever its scopes.
    Key,
    Read,
    Run,
    Approve,
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
    ("post /api/session", "/api/session", Wants::Key),
    ("get /api/session", "/api/session", Wants::Key),
    ("delete /api/session", "/api/session", Wants::Nothing),
    ("post /api/tasks", "/api/tasks", Wants::Run),
    ("get /api/tasks", "/api/tasks", Wants::Read),
    ("get /api/tasks/{id}", "/api/tasks/TASK", Wants::Read),
    ("post /api/tasks/{id}/cancel", "/api/tasks/TASK/cancel", Wants::Run),
    ("get /api/tasks/{id}/steps", "/api/tasks/TASK/steps", Wants::Read),
    ("get /api/tasks/{id}/events", "/api/tasks/TASK/events", Wants::Read),
    ("get /api/approvals", "/api/approvals", Wants::Read),
    ("get /api/approvals/history", "/api/approvals/history", Wants::Read),
    ("get /api/approvals/grants", "/api/approvals/grants", Wants::Read),
    (
        "delete /api/approvals/grants/{agent}/{tool}",
        "/api/approvals/grants/canary/file_read",
        Wants::Approve,
    ),
    ("get /api/approvals/{id}", "/api/approvals/PROPOSAL", Wants::Read),
    ("post /api/approvals/{id}/approve", "/api/approvals/PROPOSAL/approve", Wants::Approve),
    ("post /api/approvals/{id}/reject", "/api/approvals/PROPOSAL/reject", Wants::Approve),
    ("post /api/approvals/{id}/resolve", "/api/approvals/PROPOSAL/resolve", Wants::Approve),
    ("get /api/audit", "/api/audit", Wants::Admin),
    ("post /api/schedules", "/api/schedules", Wants::Run),
    ("get /api/schedules", "/api/schedules", Wants::Read),
    ("get /api/schedules/{id}", "/api/schedules/SCHEDULE", Wants::Read),
    ("get /api/schedules/{id}/slots", "/api/schedules/SCHEDULE/slots", Wants::Read),
    ("post /api/schedules/{id}/pause", "/api/schedules/SCHEDULE/pause", Wants::Run),
    ("post /api/schedules/{id}/resume", "/api/schedules/SCHEDULE/resume", Wants::Run),
    ("delete /api/schedules/{id}", "/api/schedules/SCHEDULE", Wants::Run),
    ("get /api/files", "/api/files", Wants::Read),
    ("put /api/files/{path}", "/api/files/new.txt", Wants::Run),
    ("get /api/files/{path}", "/api/files/canary.txt", Wants::Read),
    ("delete /api/files/{path}", "/api/files/canary.txt", Wants::Run),
    ("get /api/edges", "/api/edges", Wants::Read),
    ("post /api/edges/invite", "/api/edges/invite", Wants::Admin),
    ("post /api/edges/{id}/drain", "/api/edges/EDGE/drain", Wants::Admin),
    ("post /api/edges/{id}/resume", "/api/edges/EDGE/resume", Wants::Admin),
    ("post /api/edges/{id}/revoke", "/api/edges/EDGE/revoke", Wants::Admin),
    ("get /api/keys", "/api/keys", Wants::Admin),
    ("post /api/keys", "/api/keys", Wants::Admin),
    ("post /api/keys/{id}/revoke", "/api/keys/KEY/revoke", Wants::Admin),
    ("get /api/provider-keys", "/api/provider-keys", Wants::Admin),
    ("put /api/provider-keys/{provider}", "/api/provider-keys/new", Wants::Admin),
    ("delete /api/provider-keys/{provider}", "/api/provider-keys/canary", Wants::Admin),
    ("get /api/models", "/api/models", Wants::Read),
    ("get /api/budgets", "/api/budgets", Wants::Read),
    ("put /api/budgets/{scope}", "/api/budgets/workspace", Wants::Admin),
    ("delete /api/budgets/{scope}", "/api/budgets/workspace", Wants::Admin),
    ("get /api/calls", "/api/calls", Wants::Read),
    ("post /api/kernel/tasks/{task}", "/api/kernel/tasks/summary", Wants::Admin),
    ("get /api/kernel/health", "/api/kernel/health", Wants::Admin),
    ("get /api/results", "/api/results", Wants::Admin),
    ("get /api/runs", "/api/runs", Wants::Admin),
    ("get /api/totals/{year}/{month}", "/api/totals/2026/11", Wants::Admin),
    ("get /api/export", "/api/export", Wants::Admin),
    ("get /api/reconciliation", "/api/reconciliation", Wants::Admin),
    ("post /api/plugins/{name}/trigger", "/api/plugins/none/trigger", Wants::Nothing),
];

const CANARY: &str = "canary-of-default";
/// What is the installation's, and no workspace's.
const OF_THE_HUB: [&str; 7] = [
    "/api/kernel/tasks/summary",
    "/api/kernel/health",
    "/api/results",
    "/api/runs",
    "/api/totals/2026/11",
    "/api/export",
    "/api/reconciliation",
];

/// A hub with a task, a file, keys of every kind and an issuer of signed tokens.
struct World {
    hub: Fixture,
    issuer: Issuer,
    task: String,
    proposal: String,
    schedule: String,
    key: String,
}

async fn world() -> World {
    let issuer = Issuer::new();
    let hub = Fixture::verifying(issuer.verifier()).await;
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
    let waits = hub.task(CANARY).await;
    let proposal = hub.engine.ask(&waits, CANARY).await.unwrap().proposal_id.to_string();
    let put = super::request("PUT".parse().unwrap(), "/api/files/canary.txt", ADMIN, CANARY.into());
    assert_eq!(hub.send(put).await.status, StatusCode::CREATED);
    let body = json!({ "name": CANARY, "cron": "0 6 * * *", "task": { "input": CANARY } });
    let schedule = hub.post("/api/schedules", ADMIN, body).await.json();
    let schedule = schedule["schedule_id"].as_str().unwrap().to_owned();
    let provider = "canary".parse().unwrap();
    let secret = ProviderSecret::new(CANARY.to_owned()).unwrap();
    hub.engine.handle.set_provider_key(&own, &provider, &secret).await.unwrap();
    World { hub, issuer, task: task.to_string(), proposal, schedule, key }
}

impl World {
    async fn send(&self, row: &(&str, &str, Wants), authorization: &[String]) -> Answer {
        let edge = "edge_0192f5e0a0007000800000000000abcd";
        let path = row.1.replace("TASK", &self.task).replace("EDGE", edge);
        let path = path.replace("PROPOSAL", &self.proposal).replace("SCHEDULE", &self.schedule);
        let (method, _) = row.0.split_once(' ').unwrap();
        let mut request = Request::builder()
            .method(method.to_uppercase().as_str())
            .uri(path.replace("KEY", &self.key));
        for value in authorization {
            request = request.header("authorization", value);
        }
        let body = match row.0 {
            "post /api/tasks" => json!({ "input": "x", "wait": false }).to_string(),
            "post /api/schedules" => {
                let at = "2100-01-01T00:00:00Z";
                json!({ "name": "x", "at": at, "task": { "input": "x" } }).to_string()
            }
            "post /api/approvals/{id}/reject" => json!({ "reason": "no" }).to_string(),
            "post /api/approvals/{id}/resolve" => json!({ "outcome": "done" }).to_string(),
            "post /api/keys" => json!({ "name": "x", "scopes": ["read"] }).to_string(),
            "put /api/provider-keys/{provider}" => json!({ "key": "sk-of-nobody" }).to_string(),
            _ => String::new(),
        };
        self.hub.send(request.body(Body::from(body)).unwrap()).await
    }
}

fn bearer(token: &str) -> Vec<String> {
    vec![format!("Bearer {token}")]
}

/// Credentials that open nothing, and what they are answered.
fn refused(issuer: &Issuer) -> Vec<(&'static str, Vec<String>, u16, &'static str)> {
    let mut refused = vec![
        ("none", vec![], 401, "UNAUTHENTICATED"),
        ("another scheme", vec!["Basic dTpw".into()], 401, "UNAUTHENTICATED"),
        ("no scheme", vec![ADMIN.into()], 401, "UNAUTHENTICATED"),
        ("empty", vec!["Bearer ".into()], 401, "UNAUTHENTICATED"),
        ("two", [bearer(ADMIN), bearer(READER)].concat(), 401, "UNAUTHENTICATED"),
        ("garbage", bearer("garbage"), 403, "INVALID_TOKEN"),
        ("long garbage", bearer(&"a.b.c".repeat(1000)), 403, "INVALID_TOKEN"),
        ("another case", bearer(&ADMIN.to_uppercase()), 403, "INVALID_TOKEN"),
        ("a part of a key", bearer(&ADMIN[..8]), 403, "INVALID_TOKEN"),
        ("expired", bearer("expired"), 403, "TOKEN_EXPIRED"),
        ("revoked", bearer("revoked"), 403, "INVALID_TOKEN"),
    ];
    let tokens = issuer.refused().into_iter();
    refused.extend(tokens.map(|(kind, token, code)| (kind, bearer(&token), 403, code)));
    refused
}

fn holds(held: &[Wants], wants: Wants) -> bool {
    matches!(wants, Wants::Nothing | Wants::Key)
        || held.contains(&Wants::Admin)
        || held.contains(&wants)
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
    let refused = refused(&world.issuer);
    for row in ROWS {
        for (kind, authorization, status, code) in &refused {
            let (status, code) = (*status, *code);
            let answer = world.send(row, authorization).await;
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
async fn credentials_open_what_their_scopes_allow() {
    let nobody: &[Wants] = &[];
    let keys = [
        (READER, &[Wants::Read][..]),
        ("run-only", &[Wants::Run]),
        ("approve-only", &[Wants::Approve]),
        (ADMIN, &[Wants::Admin]),
    ];
    for (token, held) in keys {
        opens(&world().await, token, held).await;
    }
    let tokens = [
        (json!("read"), &[Wants::Read][..]),
        (json!(["run"]), &[Wants::Run]),
        (json!("openid approve"), &[Wants::Approve]),
        (json!(""), nobody),
        (json!("email admin"), &[Wants::Admin]),
    ];
    for (scopes, held) in tokens {
        let world = world().await;
        let claims = signed::with("scope", scopes);
        opens(&world, &world.issuer.sign_es(&claims), held).await;
    }
    // A token that does not speak of scopes.
    let world = world().await;
    let token = world.issuer.sign_hs(&signed::without("scope"));
    opens(&world, &token, &[Wants::Read, Wants::Run]).await;
}

/// Asserts that `token`, of workspace `default`, opens what needs one of the
/// scopes `held`, and nothing else.
async fn opens(world: &World, token: &str, held: &[Wants]) {
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

#[tokio::test]
async fn nothing_of_another_workspace_is_seen_or_touched() {
    blind(&world().await, OTHER).await;
    // The workspace that a token names, and the user's own if it names none.
    for claims in [signed::with("workspaceId", "other"), signed::without("workspaceId")] {
        let world = world().await;
        blind(&world, &world.issuer.sign_es(&claims)).await;
    }
}

/// Asserts that `token`, which may do everything in another workspace, shows
/// and changes nothing of `default`.
async fn blind(world: &World, token: &str) {
    for row in ROWS {
        let answer = world.send(row, &bearer(token)).await;
        let named = ["TASK", "PROPOSAL", "SCHEDULE", "KEY", "canary"]
            .iter()
            .any(|name| row.1.contains(name));
        if named {
            answer.problem(404, "NOT_FOUND");
        } else if row.0.starts_with("post /api/edges/") || OF_THE_HUB.contains(&row.1) {
            // Edges and bills are of all workspaces: no single one's admin decides.
            answer.problem(403, "INSUFFICIENT_SCOPE");
        } else {
            assert!(!matches!(answer.status.as_u16(), 401 | 403 | 500), "{}", row.0);
        }
        let body = String::from_utf8_lossy(&answer.body);
        for secret in [CANARY, &world.task, &world.proposal, &world.schedule, &world.key] {
            let echoed = answer.status == StatusCode::NOT_FOUND && secret != CANARY;
            assert!(echoed || !body.contains(secret), "{}: {body}", row.0);
        }
    }
    let kept = world.hub.get("/api/schedules", ADMIN).await.json();
    assert_eq!(
        (kept["items"].as_array().unwrap().len(), &kept["items"][0]["enabled"]),
        (1, &json!(true))
    );
    let file = world.hub.get("/api/files/canary.txt", ADMIN).await;
    assert_eq!(file.text(), CANARY);
    let keys = world.hub.get("/api/provider-keys", ADMIN).await.json();
    assert_eq!(keys["items"].as_array().unwrap().len(), 1, "{keys}");
    assert_eq!(keys["items"][0]["provider"], "canary");
    assert_eq!(world.hub.get("/api/tasks", "for-the-path").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_hub_that_trusts_no_issuer_accepts_no_signed_token() {
    let (hub, issuer) = (Fixture::new().await, Issuer::new());
    for token in [issuer.sign_es(&signed::claims()), issuer.sign_hs(&signed::claims())] {
        hub.get("/api/tasks", &token).await.problem(403, "INVALID_TOKEN");
    }
    let tokens = issuer.refused().into_iter();
    for (_, token, _) in tokens.filter(|(kind, ..)| kind.starts_with("alg none")) {
        hub.get("/api/tasks", &token).await.problem(403, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn a_signed_token_opens_until_its_time_is_over() {
    let world = world().await;
    let token = world.issuer.sign_es(&signed::with("exp", signed::NOW + 60));
    assert_eq!(world.hub.get("/api/tasks", &token).await.status, StatusCode::OK);
    let known = world.hub.get("/health", &token).await.json();
    assert_eq!(known["tenant_context"], json!({ "user_id": "Ada", "workspace_id": "default" }));
    world.issuer.clock.advance(std::time::Duration::from_secs(60));
    world.hub.get("/api/tasks", &token).await.problem(403, "TOKEN_EXPIRED");
}

/// Knows tokens by their text.
struct Stub;

#[async_trait]
impl TokenVerifier for Stub {
    async fn verify(&self, token: &str) -> Result<Principal, TokenRefusal> {
        match token {
            "good.signed.token" => Ok(Principal {
                id: "user-1".to_owned(),
                name: "Ada".to_owned(),
                workspace_id: "other".parse().unwrap(),
                scopes: vec!["read".to_owned()],
                expires_at: None,
            }),
            "old.signed.token" => Err(TokenRefusal::Expired),
            "unlucky.signed.token" => Err(TokenRefusal::Unchecked("no key set".to_owned())),
            _ => Err(TokenRefusal::Invalid),
        }
    }
}

#[tokio::test]
async fn signed_tokens_are_left_to_whoever_knows_their_issuer() {
    let hub = Fixture::verifying(std::sync::Arc::new(Stub)).await;
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
