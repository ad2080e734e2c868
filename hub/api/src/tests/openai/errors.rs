//! Errors, each in OpenAI's shape.

use std::num::NonZeroU32;
use std::time::Duration;

use agentos_mock_provider::{Fault, FaultKind, Refusal, Script};
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::json;

use super::{ADMIN, CLAUDE, Gateway, MODEL, READER, Setup, asking, config};
use crate::tests::request;
use crate::{ApiConfig, Rate, RateLimits};

const CHAT: &str = "/v1/chat/completions";

fn failing(kind: FaultKind) -> Script {
    Script::words(3).with_fault(Fault::before_headers(kind))
}

#[tokio::test]
async fn credentials_that_open_nothing_are_refused_as_openai_does() {
    let gateway = Gateway::new().await;
    let paths = [
        (Method::GET, "/v1/models"),
        (Method::POST, CHAT),
        (Method::POST, "/v1/responses"),
        (Method::POST, "/v1/embeddings"),
    ];
    for (method, path) in paths {
        let bare = Request::builder().method(method.clone()).uri(path).body(Body::empty());
        let bare = gateway.hub.send(bare.unwrap()).await;
        bare.error(401, "authentication_error", "invalid_api_key");
        let wrong = request(method.clone(), path, "sk-wrong", Body::empty());
        let wrong = gateway.hub.send(wrong).await;
        wrong.error(401, "authentication_error", "invalid_api_key");
        if method == Method::POST {
            let lacking = gateway.hub.post(path, READER, asking(json!({}))).await;
            lacking.error(403, "permission_error", "insufficient_permissions");
        }
    }
    assert_eq!(gateway.mock.count(), 0);
}

#[tokio::test]
async fn requests_that_make_no_sense_are_the_clients_fault() {
    let gateway = Gateway::new().await;
    let no_json = request(Method::POST, CHAT, ADMIN, Body::from("{half"));
    gateway.hub.send(no_json).await.error(400, "invalid_request_error", "invalid_request");
    for body in [json!({}), json!({ "model": MODEL }), json!({ "model": MODEL, "messages": "Hi" })]
    {
        let answer = gateway.post(CHAT, body).await;
        answer.error(400, "invalid_request_error", "invalid_request");
    }
    for (member, value, param) in [
        ("messages", json!([]), "messages"),
        ("n", json!(2), "n"),
        ("max_tokens", json!(0), "max_tokens"),
        ("temperature", json!(2.5), "temperature"),
    ] {
        let answer = gateway.chat(json!({ member: value })).await;
        let error = answer.error(400, "invalid_request_error", "invalid_request");
        assert_eq!(error["param"], param);
    }
    let one = gateway.chat(json!({ "n": 1 })).await;
    assert_eq!(one.status, 200, "{}", one.text());
    let unknown = gateway.chat(json!({ "model": "gpt-nobody-knows" })).await;
    let error = unknown.error(404, "invalid_request_error", "model_not_found");
    assert_eq!(error["param"], "model");
    // Only the one that was right went out.
    assert_eq!(gateway.mock.count(), 1);
}

#[tokio::test]
async fn other_routes_and_methods_are_refused_in_the_same_shape() {
    let gateway = Gateway::new().await;
    let unknown = gateway.post("/v1/audio/speech", json!({})).await;
    unknown.error(404, "invalid_request_error", "invalid_request");
    let wrong = gateway.hub.get(CHAT, ADMIN).await;
    wrong.error(405, "invalid_request_error", "invalid_request");
    let large = ApiConfig { model_body_limit_bytes: 1000, ..config() };
    let gateway = Gateway::with(Setup { config: large, ..Setup::default() }).await;
    let body = json!({ "messages": [{ "role": "user", "content": "x".repeat(2000) }] });
    gateway.chat(body).await.error(413, "invalid_request_error", "invalid_request");
}

#[tokio::test]
async fn a_call_that_does_not_fit_the_budget_is_not_made() {
    let gateway = Gateway::with(Setup { budget: Some(1000), ..Setup::default() }).await;
    for path in [CHAT, "/v1/responses"] {
        for stream in [false, true] {
            let mut body = asking(json!({ "stream": stream }));
            if path != CHAT {
                body["input"] = json!("Hi");
            }
            let answer = gateway.post(path, body).await;
            let error = answer.error(402, "insufficient_quota", "budget_exceeded");
            assert!(error["message"].as_str().unwrap().contains("budget"), "{error}");
        }
    }
    assert_eq!(gateway.mock.count(), 0);
    // What costs nothing is still served.
    let home = gateway.chat(json!({ "model": super::HOME })).await;
    assert_eq!(home.status, 200, "{}", home.text());
}

#[tokio::test]
async fn failures_of_providers_have_fitting_statuses() {
    let busy = FaultKind::Status(Refusal::Overloaded);
    let limited = FaultKind::Status(Refusal::RateLimited { retry_after: Some(7) });
    for (kind, status, kind_of, code) in [
        (FaultKind::Close, 502, "server_error", "broken"),
        (FaultKind::Status(Refusal::ServerError), 502, "server_error", "server_error"),
        (FaultKind::Status(Refusal::BadKey), 502, "server_error", "auth"),
        (FaultKind::Status(Refusal::InsufficientQuota), 502, "server_error", "quota"),
        (busy, 503, "server_error", "overloaded"),
        (
            FaultKind::Status(Refusal::ContextLength),
            400,
            "invalid_request_error",
            "context_length_exceeded",
        ),
        (FaultKind::Status(Refusal::BadRequest), 400, "invalid_request_error", "invalid_request"),
        (limited, 429, "rate_limit_error", "rate_limited"),
    ] {
        for stream in [false, true] {
            // A gateway of its own: after a failure a deployment may rest.
            let gateway = Gateway::answering(failing(kind.clone())).await;
            let answer = gateway.chat(json!({ "stream": stream })).await;
            answer.error(status, kind_of, code);
            if status == 429 {
                assert_eq!(answer.header("retry-after"), Some("7"));
            }
        }
    }
}

#[tokio::test]
async fn while_all_deployments_rest_clients_are_told_when_to_come_again() {
    let limited = FaultKind::Status(Refusal::RateLimited { retry_after: Some(30) });
    let gateway = Gateway::answering(failing(limited)).await;
    gateway.chat(json!({})).await.error(429, "rate_limit_error", "rate_limited");
    let asked = gateway.mock.count();
    let resting = gateway.chat(json!({})).await;
    resting.error(503, "server_error", "unavailable");
    let wait: u64 = resting.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(gateway.mock.count(), asked);
    // The other deployment is well, or rather was not asked yet.
    gateway.chat(json!({ "model": CLAUDE })).await.error(429, "rate_limit_error", "rate_limited");
}

#[tokio::test]
async fn a_provider_that_says_nothing_is_a_timeout() {
    let script = failing(FaultKind::Stall);
    let first = Duration::from_millis(50);
    let gateway = Gateway::with(Setup { script, first, ..Setup::default() }).await;
    let streamed = gateway.chat(json!({ "stream": true })).await;
    streamed.error(504, "server_error", "timeout");
}

#[tokio::test]
async fn nobody_there_is_unavailable() {
    let gateway = Gateway::new().await;
    gateway.mock.stop().await;
    for model in [MODEL, CLAUDE] {
        gateway.chat(json!({ "model": model })).await.error(503, "server_error", "connect");
    }
}

#[tokio::test]
async fn too_many_at_once_are_asked_to_come_again() {
    let gateway = Gateway::with(Setup { concurrent: 0, ..Setup::default() }).await;
    let answer = gateway.chat(json!({})).await;
    answer.error(429, "rate_limit_error", "busy");
    assert_eq!(answer.header("retry-after"), Some("1"));
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_again() {
    let all = Rate::new(1_000_000, 1_000_000);
    let per_key = Rate { burst: NonZeroU32::MIN, ..Rate::new(1, 1) };
    let rates = RateLimits { per_key, per_address: all, refused_keys: all };
    let gateway =
        Gateway::with(Setup { config: ApiConfig { rates, ..config() }, ..Setup::default() }).await;
    assert_eq!(gateway.chat(json!({})).await.status, 200);
    let answer = gateway.chat(json!({})).await;
    answer.error(429, "rate_limit_error", "rate_limit_exceeded");
    assert!(answer.header("retry-after").is_some());
}

#[tokio::test]
async fn a_hub_that_knows_no_model_says_what_may_be_named() {
    let hub = super::Fixture::new().await;
    for path in [CHAT, "/v1/embeddings"] {
        let body = json!({ "model": MODEL, "messages": [{ "role": "user", "content": "x" }],
            "input": "x" });
        let answer = hub.post(path, ADMIN, body).await;
        answer.error(404, "invalid_request_error", "model_not_found");
        assert!(answer.text().contains("fast, smart, auto"), "{}", answer.text());
    }
}
