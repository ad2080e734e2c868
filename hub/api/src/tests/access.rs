//! Who may do what, for every line of the table of routes.

use agentos_domain::{EdgeId, KeyId, TaskId};
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::json;

use super::{ADMIN, Answer, Fixture, OTHER, READER, request};
use crate::routes::{Access, ROUTES, Route};

fn path(route: &Route) -> String {
    let id = match route.path {
        path if path.starts_with("/api/edges") => EdgeId::generate().to_string(),
        path if path.starts_with("/api/keys") => KeyId::generate().to_string(),
        _ => TaskId::generate().to_string(),
    };
    let path = route.path.replace("{id}", &id).replace("{file}", "script.js");
    path.replace("{*path}", "notes.txt")
}

fn protected() -> impl Iterator<Item = (&'static Route, &'static str)> {
    ROUTES.iter().filter_map(|route| match route.access {
        Access::Scope(scope) => Some((route, scope)),
        // The matrix has these.
        Access::Public | Access::Known => None,
    })
}

/// What only admins read.
const OF_ADMINS: [&str; 9] = [
    "/api/keys",
    "/api/provider-keys",
    "/api/audit",
    "/api/kernel/health",
    "/api/results",
    "/api/runs",
    "/api/totals/{year}/{month}",
    "/api/export",
    "/api/reconciliation",
];

async fn send_with(hub: &Fixture, route: &Route, authorization: Option<&str>) -> Answer {
    let mut request = Request::builder().method(&route.method).uri(path(route));
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    hub.send(request.body(Body::empty()).unwrap()).await
}

#[tokio::test]
async fn without_credentials_only_public_routes_answer() {
    let hub = Fixture::new().await;
    let public: Vec<_> =
        ROUTES.iter().filter(|r| r.access == Access::Public).map(|r| r.path).collect();
    assert_eq!(
        public,
        [
            "/health",
            "/ready",
            "/openapi.json",
            "/docs",
            "/docs/{file}",
            "/redoc",
            "/api/session",
            "/api/session",
            // Its signature is the credential.
            "/api/plugins/{name}/trigger",
        ],
        "a public route is a decision: add it here"
    );
    for (route, _) in protected() {
        for authorization in [None, Some("Basic dTpw"), Some("Bearer"), Some("test-admin-key")] {
            let answer = send_with(&hub, route, authorization).await;
            answer.problem(401, "UNAUTHENTICATED");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
}

#[tokio::test]
async fn an_unknown_key_is_forbidden_everywhere() {
    let hub = Fixture::new().await;
    for (route, _) in protected() {
        send_with(&hub, route, Some("Bearer nobody")).await.problem(403, "INVALID_TOKEN");
    }
}

#[tokio::test]
async fn a_reader_reads_and_changes_nothing() {
    let hub = Fixture::new().await;
    for (route, scope) in protected() {
        let answer = send_with(&hub, route, Some("Bearer test-read-key")).await;
        let of_admins = OF_ADMINS.contains(&route.path);
        let reads = route.method == Method::GET && !of_admins;
        assert_eq!(scope == "read", reads, "{}", route.path);
        if scope == "read" {
            assert!(
                matches!(answer.status, StatusCode::OK | StatusCode::NOT_FOUND),
                "{} {}: {}",
                route.method,
                route.path,
                answer.status
            );
        } else {
            answer.problem(403, "INSUFFICIENT_SCOPE");
        }
    }
    let files = hub.get("/api/files", READER).await.json();
    assert_eq!(files, json!({ "items": [], "next_cursor": null }));
    let tasks = hub.get("/api/tasks", READER).await.json();
    assert_eq!(tasks, json!({ "items": [], "next_cursor": null }));
}

#[tokio::test]
async fn an_admin_is_refused_nowhere() {
    let hub = Fixture::new().await;
    for (route, _) in protected() {
        let answer = send_with(&hub, route, Some("bearer test-admin-key")).await;
        assert!(
            !matches!(answer.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN),
            "{} {}",
            route.method,
            route.path
        );
    }
}

#[tokio::test]
async fn another_workspace_sees_nothing_of_this_one() {
    let hub = Fixture::new().await;
    let id = hub.task("mine").await;
    let put = request(Method::PUT, "/api/files/mine.txt", ADMIN, Body::from("mine"));
    assert_eq!(hub.send(put).await.status, StatusCode::CREATED);

    for path in ["", "/steps", "/events"] {
        hub.get(&format!("/api/tasks/{id}{path}"), OTHER).await.problem(404, "NOT_FOUND");
    }
    let cancel = hub.post(&format!("/api/tasks/{id}/cancel"), OTHER, json!({})).await;
    cancel.problem(404, "NOT_FOUND");
    hub.get("/api/files/mine.txt", OTHER).await.problem(404, "NOT_FOUND");
    let delete = request(Method::DELETE, "/api/files/mine.txt", OTHER, Body::empty());
    hub.send(delete).await.problem(404, "NOT_FOUND");
    let cursor = hub.get(&format!("/api/tasks?cursor={id}"), OTHER).await;
    assert!(!cursor.text().contains("mine"));
    for path in ["/api/tasks", "/api/files"] {
        assert_eq!(hub.get(path, OTHER).await.json()["items"], json!([]));
    }

    assert_eq!(hub.get(&format!("/api/tasks/{id}"), ADMIN).await.json()["status"], "pending");
    assert_eq!(hub.get("/api/files/mine.txt", ADMIN).await.text(), "mine");
}

#[tokio::test]
async fn unknown_routes_and_wrong_methods_are_problems_too() {
    let hub = Fixture::new().await;
    for path in ["/", "/api", "/api/nothing", "/api/files/"] {
        let detail = hub.get(path, ADMIN).await.problem(404, "NOT_FOUND");
        assert!(!detail.is_empty());
    }
    for route in &ROUTES {
        let patch = request(Method::PATCH, &path(route), ADMIN, Body::empty());
        let answer = hub.send(patch).await;
        answer.problem(405, "METHOD_NOT_ALLOWED");
        let allowed = answer.header("allow").unwrap();
        assert!(allowed.contains(route.method.as_str()), "{}: {allowed}", route.path);
    }
}

#[tokio::test]
async fn every_response_has_its_own_request_id() {
    let hub = Fixture::new().await;
    let mut ids = std::collections::BTreeSet::new();
    for path in ["/health", "/ready", "/api/tasks", "/nothing"] {
        let answer = hub.get(path, ADMIN).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        ids.insert(answer.header("x-request-id").unwrap().to_owned());
    }
    assert_eq!(ids.len(), 4);
}

#[tokio::test]
async fn health_tells_who_asks_only_to_those_with_a_key() {
    let hub = Fixture::new().await;
    let nobody = json!({ "user_id": null, "workspace_id": null });
    let known = hub.get("/health", OTHER).await.json();
    assert_eq!(known["status"], "ok");
    assert_eq!(known["version"], "1.2.3");
    assert_eq!(known["environment"], json!({ "database_configured": true, "edges": 0, "port": 0 }));
    assert_eq!(known["tenant_context"], json!({ "user_id": "other", "workspace_id": "other" }));
    assert_eq!(hub.get("/health", "nobody").await.json()["tenant_context"], nobody);
    let bare = hub.send(Request::get("/health").body(Body::empty()).unwrap()).await;
    assert_eq!(bare.status, StatusCode::OK);
    assert_eq!(bare.json()["tenant_context"], nobody);
}

#[tokio::test]
async fn a_hub_without_an_edge_is_not_ready() {
    let hub = Fixture::new().await;
    let answer = hub.send(Request::get("/ready").body(Body::empty()).unwrap()).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    let expected = json!({ "ready": false, "database": true, "edges_connected": 0, "models": 0 });
    assert_eq!(answer.json(), expected);
}

#[tokio::test]
async fn edges_that_do_not_exist_cannot_be_revoked() {
    let hub = Fixture::new().await;
    assert_eq!(hub.get("/api/edges", READER).await.json()["items"], json!([]));
    for id in [EdgeId::generate().to_string(), "x".to_owned()] {
        let answer = hub.post(&format!("/api/edges/{id}/revoke"), ADMIN, json!({})).await;
        answer.problem(404, "NOT_FOUND");
    }
    let named = hub.post("/api/edges/invite", ADMIN, json!({ "name": "a b" })).await;
    assert!(named.problem(422, "INVALID_REQUEST").starts_with("name: "));
    // Without a link there is nothing to join.
    let answer = hub.post("/api/edges/invite", ADMIN, json!({ "name": "mac" })).await;
    answer.problem(503, "UNAVAILABLE");
    assert_eq!(answer.header("retry-after"), Some("1"));
}
