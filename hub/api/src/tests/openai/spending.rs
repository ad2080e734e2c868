//! What calls cost and may cost, in the hub's own API.

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::json;

use super::{CLAUDE, Gateway, HOME, Setup};
use crate::tests::{ADMIN, OTHER, READER, request};

#[tokio::test]
async fn each_call_has_a_row_that_its_workspace_sees() {
    let gateway = Gateway::new().await;
    for model in [CLAUDE, HOME, CLAUDE] {
        let answer = gateway.chat(json!({ "model": model })).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    }
    let calls = gateway.calls(3).await;
    let costs: Vec<_> = calls.iter().map(|call| call["cost_usd"] == "0.000000000").collect();
    assert_eq!(costs.iter().filter(|free| **free).count(), 1, "{calls:?}");
    assert!(calls.iter().all(|call| call["outcome"] == "completed"), "{calls:?}");
    assert_eq!(calls[0]["attempts"][0]["result"], "ok");
    let others = gateway.hub.get("/api/calls", OTHER).await.json();
    assert_eq!(others["items"], json!([]));
    // Pages.
    let first = gateway.hub.get("/api/calls?limit=2", ADMIN).await.json();
    let cursor = first["next_cursor"].as_str().unwrap();
    let rest = gateway.hub.get(&format!("/api/calls?limit=2&cursor={cursor}"), ADMIN).await.json();
    assert_eq!((first["items"].as_array().unwrap().len(), &rest["next_cursor"]), (2, &json!(null)));
    assert_eq!(rest["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_budget_counts_at_once_and_until_it_is_removed() {
    let gateway = Gateway::new().await;
    let wrong = gateway.put("/api/budgets/workspace", json!({ "limit_usd": "5,00" })).await;
    assert!(wrong.problem(422, "INVALID_REQUEST").contains("limit_usd"));
    let unknown = format!("/api/budgets/key_{}", "0".repeat(32));
    gateway.put(&unknown, json!({ "limit_usd": "5" })).await.problem(404, "NOT_FOUND");
    let none = json!({ "limit_usd": "0.000000001" });
    let set = gateway.put("/api/budgets/workspace", none).await.json();
    assert_eq!((&set["limit_usd"], &set["on_limit"]), (&json!("0.000000001"), &json!("refuse")));
    let refused = gateway.chat(json!({ "model": CLAUDE })).await;
    assert_eq!(refused.status, StatusCode::PAYMENT_REQUIRED, "{}", refused.text());
    let free = gateway.chat(json!({ "model": HOME })).await;
    assert_eq!(free.status, StatusCode::OK);
    let list = gateway.hub.get("/api/budgets", READER).await.json();
    assert_eq!(list["items"][0]["scope"], "workspace");
    assert_eq!(gateway.hub.get("/api/budgets", OTHER).await.json()["items"], json!([]));
    assert_eq!(gateway.remove("/api/budgets/workspace").await, StatusCode::NO_CONTENT);
    assert_eq!(gateway.remove("/api/budgets/workspace").await, StatusCode::NOT_FOUND);
    let allowed = gateway.chat(json!({ "model": CLAUDE })).await;
    assert_eq!(allowed.status, StatusCode::OK, "{}", allowed.text());
}

#[tokio::test]
async fn what_others_have_spent_is_told_to_administrators_alone() {
    let setup = Setup { budget: Some(5_000_000_000), ..Setup::default() };
    let gateway = Gateway::with(setup).await;
    let known = gateway.hub.get("/api/budgets", ADMIN).await.json();
    assert_eq!(known["items"][0]["settled_usd"], "0.000000000");
    let hidden = gateway.hub.get("/api/budgets", READER).await.json();
    assert_eq!(hidden["items"][0]["limit_usd"], "5.000000000");
    assert_eq!(hidden["items"][0]["settled_usd"], json!(null));
}

#[tokio::test]
async fn models_tell_how_they_fare_and_metrics_what_they_did() {
    let gateway = Gateway::new().await;
    gateway.chat(json!({ "model": HOME })).await;
    let models = gateway.hub.get("/api/models", READER).await.json();
    let named = |name: &str| {
        let found = models["items"].as_array().unwrap().iter().find(|one| one["name"] == name);
        found.unwrap().clone()
    };
    assert_eq!(named(HOME)["deployments"][0]["state"], "ready");
    assert!(named(HOME)["deployments"][0]["first_content_ms"].is_u64());
    assert_eq!((&named(HOME)["local"], &named(CLAUDE)["local"]), (&json!(true), &json!(false)));
    gateway.calls(1).await;
    let metrics = gateway.hub.get("/metrics", READER).await;
    let line =
        "agentos_model_calls_total{deployment=\"local-fast/vllm/small\",outcome=\"completed\"} 1";
    assert!(metrics.text().contains(line), "{}", metrics.text());
}

impl Gateway {
    async fn put(&self, path: &str, body: serde_json::Value) -> crate::tests::Answer {
        self.hub.send(request(Method::PUT, path, ADMIN, Body::from(body.to_string()))).await
    }

    async fn remove(&self, path: &str) -> StatusCode {
        self.hub.send(request(Method::DELETE, path, ADMIN, Body::empty())).await.status
    }

    /// The calls, as soon as there are so many that have ended.
    async fn calls(&self, count: usize) -> Vec<serde_json::Value> {
        loop {
            let page = self.hub.get("/api/calls", ADMIN).await.json();
            let calls = page["items"].as_array().unwrap().clone();
            if calls.len() == count && calls.iter().all(|call| call["outcome"] != "under_way") {
                return calls;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    }
}
