//! Limits, other origins, and what browsers are told.

use std::net::IpAddr;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Method, Request, StatusCode};

use super::signed::{self, Issuer};
use super::{ADMIN, Answer, Fixture, OTHER, READER, config, request};
use crate::limits::RemoteAddress;
use crate::{ApiConfig, Rate, RateLimits};

fn limited() -> ApiConfig {
    let rates = RateLimits {
        per_key: Rate::new(60, 3),
        per_address: Rate::new(60, 5),
        refused_keys: Rate::new(6, 2),
    };
    ApiConfig { rates, ..config() }
}

async fn from(hub: &Fixture, address: &str, path: &str, key: Option<&str>) -> Answer {
    let mut request = Request::get(path);
    if let Some(key) = key {
        request = request.header("authorization", format!("Bearer {key}"));
    }
    let mut request = request.body(Body::empty()).unwrap();
    let address: IpAddr = address.parse().unwrap();
    request.extensions_mut().insert(RemoteAddress(address));
    hub.send(request).await
}

#[tokio::test]
async fn a_flood_from_one_key_is_held_back_and_others_are_not() {
    let hub = Fixture::with(limited()).await;
    for remaining in ["2", "1", "0"] {
        let answer = hub.get("/api/tasks", ADMIN).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.header("ratelimit-policy"), Some("\"key\";q=60;w=60;burst=3"));
        let state = answer.header("ratelimit").unwrap();
        assert!(state.starts_with(&format!("\"key\";r={remaining};")), "{state}");
    }
    // Whatever the key asks for, and also where it leads nowhere.
    for path in ["/api/tasks", "/health", "/nothing", "/api/keys"] {
        let answer = hub.get(path, ADMIN).await;
        assert_eq!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        let detail = answer.problem(429, "RATE_LIMITED");
        assert!(detail.contains("1 s"), "{detail}");
        assert_eq!(answer.header("retry-after"), Some("1"));
        assert!(answer.header("ratelimit").unwrap().starts_with("\"key\";r=0;"));
    }
    assert_eq!(hub.get("/api/tasks", READER).await.status, StatusCode::OK);
    assert_eq!(hub.get("/api/tasks", OTHER).await.status, StatusCode::OK);
    hub.clock.advance(Duration::from_secs(1));
    assert_eq!(hub.get("/api/tasks", ADMIN).await.status, StatusCode::OK);
    hub.get("/api/tasks", ADMIN).await.problem(429, "RATE_LIMITED");
}

#[tokio::test]
async fn requests_without_a_key_count_against_their_address() {
    let hub = Fixture::with(limited()).await;
    for path in ["/health", "/docs", "/nothing", "/api/tasks", "/ready"] {
        let answer = from(&hub, "10.0.0.1", path, None).await;
        assert_ne!(answer.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert!(answer.header("ratelimit").unwrap().starts_with("\"address\";"));
    }
    from(&hub, "10.0.0.1", "/health", None).await.problem(429, "RATE_LIMITED");
    assert_eq!(from(&hub, "10.0.0.2", "/health", None).await.status, StatusCode::OK);
    assert_eq!(from(&hub, "10.0.0.1", "/health", Some(ADMIN)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn wrong_keys_are_limited_more_strictly() {
    let hub = Fixture::with(limited()).await;
    let wrong = async |address: &str| from(&hub, address, "/api/tasks", Some("wrong")).await;
    assert_eq!(from(&hub, "10.0.0.1", "/api/tasks", Some(READER)).await.status, StatusCode::OK);
    for _ in 0..2 {
        wrong("10.0.0.1").await.problem(403, "INVALID_TOKEN");
    }
    let answer = wrong("10.0.0.1").await;
    answer.problem(429, "RATE_LIMITED");
    assert_eq!(answer.header("retry-after"), Some("10"));
    // Nobody is asked any more about keys that were not in use before.
    from(&hub, "10.0.0.1", "/api/tasks", Some(OTHER)).await.problem(429, "RATE_LIMITED");
    assert_eq!(from(&hub, "10.0.0.1", "/api/tasks", Some(READER)).await.status, StatusCode::OK);
    // Without a key, and from elsewhere, all is as before.
    assert_eq!(from(&hub, "10.0.0.1", "/health", None).await.status, StatusCode::OK);
    wrong("10.0.0.2").await.problem(403, "INVALID_TOKEN");
    hub.clock.advance(Duration::from_secs(10));
    assert_eq!(from(&hub, "10.0.0.1", "/api/tasks", Some(OTHER)).await.status, StatusCode::OK);
}

/// One stale script must not lock out those who sign in elsewhere.
#[tokio::test]
async fn signed_tokens_are_heard_where_keys_are_not() {
    let issuer = Issuer::new();
    let hub = Fixture::verifying_with(limited(), issuer.verifier()).await;
    let ask = async |token: &str| from(&hub, "10.0.0.1", "/api/tasks", Some(token)).await;
    for _ in 0..3 {
        ask("wrong").await;
    }
    ask(READER).await.problem(429, "RATE_LIMITED");
    let token = issuer.sign_hs(&signed::without("scope"));
    assert_eq!(ask(&token).await.status, StatusCode::OK);
    ask(&format!("{token}x")).await.problem(429, "RATE_LIMITED");
}

fn preflight(origin: &str) -> Request<Body> {
    Request::builder()
        .method(Method::OPTIONS)
        .uri("/api/tasks")
        .header("origin", origin)
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "authorization")
        .body(Body::empty())
        .unwrap()
}

fn with_origin(origin: &str, key: &str) -> Request<Body> {
    let mut request = request(Method::GET, "/api/tasks", key, Body::empty());
    request.headers_mut().insert("origin", origin.parse().unwrap());
    request
}

#[tokio::test]
async fn pages_of_other_origins_are_shut_out_unless_configured() {
    let hub = Fixture::new().await;
    hub.send(preflight("https://ui.example.org")).await.problem(405, "METHOD_NOT_ALLOWED");
    let answer = hub.send(with_origin("https://ui.example.org", ADMIN)).await;
    assert_eq!(answer.header("access-control-allow-origin"), None);

    let origins = vec!["https://ui.example.org".to_owned()];
    let hub = Fixture::with(ApiConfig { cors_origins: origins, ..config() }).await;
    let answer = hub.send(preflight("https://ui.example.org")).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://ui.example.org"));
    assert!(answer.header("access-control-allow-headers").unwrap().contains("authorization"));
    assert_eq!(answer.header("access-control-allow-credentials"), None);
    // Errors can be read as well.
    let refused = hub.send(with_origin("https://ui.example.org", "wrong")).await;
    refused.problem(403, "INVALID_TOKEN");
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://ui.example.org"));
    let exposed = refused.header("access-control-expose-headers").unwrap();
    assert!(exposed.contains("retry-after"), "{exposed}");
    for other in ["https://evil.example.org", "http://ui.example.org", "null"] {
        assert_eq!(
            hub.send(preflight(other)).await.header("access-control-allow-origin"),
            None,
            "{other}"
        );
    }
}

#[tokio::test]
async fn browsers_are_told_to_be_careful() {
    let hub = Fixture::new().await;
    for path in ["/health", "/api/tasks", "/nothing", "/docs"] {
        let answer = hub.get(path, READER).await;
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        assert_eq!(answer.header("x-frame-options"), Some("DENY"));
        assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
        assert_eq!(answer.header("cross-origin-resource-policy"), Some("same-origin"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(policy.contains("frame-ancestors 'none'"), "{policy}");
    }
}
