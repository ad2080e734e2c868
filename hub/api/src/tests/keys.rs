//! API keys through the API.

use agentos_domain::KeyId;
use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};

use super::{ADMIN, Fixture, OTHER, READER, request};

async fn create(hub: &Fixture, by: &str, body: Value) -> Value {
    let answer = hub.post("/api/keys", by, body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    answer.json()
}

async fn list(hub: &Fixture, by: &str) -> Vec<Value> {
    let answer = hub.get("/api/keys", by).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_key_is_shown_once_used_and_revoked() {
    let hub = Fixture::new().await;
    let body = json!({ "name": "phone", "scopes": ["read"], "expires_at": "2999-01-01T00:00:00Z" });
    let made = create(&hub, ADMIN, body).await;
    let (key, id) = (made["key"].as_str().unwrap(), made["key_id"].as_str().unwrap());
    assert!(key.starts_with("aos_") && key.len() == 47, "{key}");
    assert!(key.starts_with(made["prefix"].as_str().unwrap()));
    assert_eq!(made["workspace_id"], "default");
    assert_eq!(made["expires_at"], "2999-01-01T00:00:00.000Z");

    assert_eq!(hub.get("/api/tasks", key).await.status, StatusCode::OK);
    hub.post("/api/tasks", key, json!({ "input": "x" })).await.problem(403, "INSUFFICIENT_SCOPE");
    hub.get("/api/keys", key).await.problem(403, "INSUFFICIENT_SCOPE");

    let keys = list(&hub, ADMIN).await;
    let listed = keys.iter().find(|listed| listed["key_id"] == id).unwrap();
    assert!(listed["last_used_at"].is_string() && listed["revoked_at"].is_null(), "{listed}");
    let text = json!(keys).to_string();
    assert!(!text.contains(key) && !text.contains("hash"), "{text}");

    let path = format!("/api/keys/{id}/revoke");
    let revoke = async || hub.send(request(Method::POST, &path, ADMIN, Body::empty())).await;
    let revoked = revoke().await;
    assert_eq!(revoked.status, StatusCode::OK, "{}", revoked.text());
    assert!(revoked.json()["revoked_at"].is_string());
    assert_eq!(revoke().await.json(), revoked.json());
    hub.get("/api/tasks", key).await.problem(403, "INVALID_TOKEN");
}

#[tokio::test]
async fn wrong_requests_for_keys_say_what_is_wrong() {
    let hub = Fixture::new().await;
    let before = list(&hub, ADMIN).await.len();
    for (body, field) in [
        (json!({ "name": "", "scopes": ["read"] }), "name: "),
        (json!({ "name": "a", "scopes": [] }), "scopes: "),
        (json!({ "name": "a", "scopes": ["root"] }), "scopes: "),
        (json!({ "name": "a", "scopes": ["read"], "expires_at": "2020-01-01T00:00:00Z" }), "exp"),
        (json!({ "name": "a", "scopes": ["read"], "expires_at": "tomorrow" }), "expires_at"),
        (json!({ "name": "a", "scopes": ["read"], "workspace_id": "../x" }), "workspace_id"),
        (json!({ "name": "a", "scopes": ["read"], "more": 1 }), ""),
        (json!({ "scopes": ["read"] }), ""),
    ] {
        let detail = hub.post("/api/keys", ADMIN, body).await.problem(422, "INVALID_REQUEST");
        assert!(detail.contains(field), "{detail}");
    }
    for id in ["x".to_owned(), KeyId::generate().to_string()] {
        let answer = hub.post(&format!("/api/keys/{id}/revoke"), ADMIN, json!({})).await;
        answer.problem(404, "NOT_FOUND");
    }
    assert_eq!(list(&hub, ADMIN).await.len(), before);
}

#[tokio::test]
async fn a_workspace_handles_its_own_keys_alone() {
    let hub = Fixture::new().await;
    let names = |keys: Vec<Value>| {
        keys.into_iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(names(list(&hub, OTHER).await), ["other"]);
    let body = json!({ "name": "a", "scopes": ["read"], "workspace_id": "default" });
    hub.post("/api/keys", OTHER, body).await.problem(422, "INVALID_REQUEST");
    let mine = create(&hub, OTHER, json!({ "name": "a", "scopes": ["read"] })).await;
    assert_eq!(mine["workspace_id"], "other");

    let keys = list(&hub, ADMIN).await;
    let reader = keys.iter().find(|key| key["name"] == "reader").unwrap();
    let path = format!("/api/keys/{}/revoke", reader["key_id"].as_str().unwrap());
    hub.post(&path, OTHER, json!({})).await.problem(404, "NOT_FOUND");
    assert_eq!(hub.get("/api/tasks", READER).await.status, StatusCode::OK);

    // Who administers the hub itself makes workspaces by making their keys.
    let body = json!({ "name": "c", "scopes": ["run", "read"], "workspace_id": "third" });
    let third = create(&hub, ADMIN, body).await;
    let third = third["key"].as_str().unwrap();
    let health = hub.get("/health", third).await.json();
    assert_eq!(health["tenant_context"], json!({ "user_id": "c", "workspace_id": "third" }));
    assert!(names(list(&hub, ADMIN).await).contains(&"c".to_owned()));
}
