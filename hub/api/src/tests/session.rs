//! Signing in and out, and what a cookie opens to which page.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock as _, ManualClock, Timestamp, WorkspaceId};
use agentos_engine::testing::engine_with_clock;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::signed::{self, Issuer};
use super::{ADMIN, Answer, Fixture, READER, config};
use crate::routes::{Access, ROUTES};
use crate::{ApiConfig, ApiState, Rate, TokenVerifier, router};

const HOST: &str = "nas.local:7777";
const OWN: (&str, &str) = ("sec-fetch-site", "same-origin");
const TASK: &str = r#"{"input":"x","wait":false}"#;

/// A hub whose API and engine go by one clock.
async fn hub_with(config: ApiConfig, verifier: Option<Arc<dyn TokenVerifier>>) -> Fixture {
    let dir = TempDir::new().unwrap();
    let clock = Arc::new(ManualClock::at(Timestamp::from_millis(signed::NOW * 1000)));
    let engine = engine_with_clock(dir.path(), Arc::clone(&clock) as _).await.unwrap();
    let shutdown = CancellationToken::new();
    let (handle, by) = (engine.handle.clone(), Arc::clone(&clock) as _);
    let state = ApiState::with_clock(config, handle, shutdown.clone(), by).with_verifier(verifier);
    Fixture { engine, router: router(state), shutdown, clock, _dir: dir }
}

async fn hub() -> Fixture {
    hub_with(config(), None).await
}

async fn send(
    hub: &Fixture,
    (method, path): (Method, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", HOST);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    hub.send(request.body(Body::from(body.to_owned())).unwrap()).await
}

async fn sign_in(hub: &Fixture, key: &str) -> Answer {
    let body = json!({ "key": key }).to_string();
    send(hub, (Method::POST, "/api/session"), &[OWN], &body).await
}

/// The cookie as the browser sends it back.
async fn cookie(hub: &Fixture, key: &str) -> String {
    let answer = sign_in(hub, key).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.text());
    let set = answer.header("set-cookie").unwrap();
    set.split(';').next().unwrap().to_owned()
}

async fn get(hub: &Fixture, path: &str, cookie: &str) -> Answer {
    send(hub, (Method::GET, path), &[("cookie", cookie)], "").await
}

/// Asserts that the session is over.
#[track_caller]
fn ended(answer: &Answer) {
    let detail = answer.problem(403, "TOKEN_EXPIRED");
    assert!(detail.contains("sign in again"), "{detail}");
}

#[tokio::test]
async fn one_signs_in_looks_and_signs_out() {
    let hub = hub().await;
    let answer = sign_in(&hub, READER).await;
    let ends = hub.clock.now().plus(Duration::from_secs(12 * 3600));
    let me = json!({
        "user_id": "reader", "workspace_id": "default", "scopes": ["read"],
        "expires_at": ends.to_string(),
    });
    assert_eq!((answer.status, answer.json()), (StatusCode::CREATED, me.clone()));
    let set = answer.header("set-cookie").unwrap();
    let (pair, attributes) = set.split_once("; ").unwrap();
    assert_eq!(attributes, "Path=/; Max-Age=43200; HttpOnly; SameSite=Strict");
    let id = pair.strip_prefix("agentos_session=").unwrap();
    assert_eq!(id.len(), 43, "{id}");
    assert!(!answer.text().contains(id) && !answer.text().contains(READER));

    assert_eq!(get(&hub, "/api/session", pair).await.json(), me);
    assert_eq!(get(&hub, "/api/tasks", pair).await.status, StatusCode::OK);
    get(&hub, "/api/keys", pair).await.problem(403, "INSUFFICIENT_SCOPE");
    let known = get(&hub, "/health", pair).await.json();
    assert_eq!(known["tenant_context"]["user_id"], "reader");

    let out = send(&hub, (Method::DELETE, "/api/session"), &[OWN, ("cookie", pair)], "").await;
    assert_eq!(out.status, StatusCode::NO_CONTENT);
    let gone = "agentos_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict";
    assert_eq!(out.header("set-cookie"), Some(gone));
    ended(&get(&hub, "/api/session", pair).await);
    // The key goes on, and what is public stays so.
    assert_eq!(hub.get("/api/session", READER).await.json()["expires_at"], Value::Null);
    assert_eq!(get(&hub, "/health", pair).await.json()["tenant_context"]["user_id"], Value::Null);
    let again = send(&hub, (Method::DELETE, "/api/session"), &[OWN, ("cookie", pair)], "").await;
    assert_eq!(again.status, StatusCode::NO_CONTENT);
}

#[tokio::test]
async fn a_key_may_stand_in_the_header_or_in_the_body() {
    let hub = hub().await;
    let sign_in = (Method::POST, "/api/session");
    let bearer = ("authorization", "Bearer test-read-key");
    let by_header = send(&hub, sign_in.clone(), &[OWN, bearer], "").await;
    assert_eq!(by_header.json()["user_id"], "reader");
    let pasted = send(&hub, sign_in.clone(), &[bearer], r#"{"key":" test-other-key\n"}"#).await;
    assert_eq!(pasted.json()["user_id"], "other");
    send(&hub, sign_in.clone(), &[OWN], "").await.problem(401, "UNAUTHENTICATED");
    // A session does not beget another.
    let cookie = cookie(&hub, READER).await;
    let prolonged = send(&hub, sign_in.clone(), &[OWN, ("cookie", &cookie)], "{}").await;
    prolonged.problem(401, "UNAUTHENTICATED");
    for (body, status, code) in [
        (r#"{"key":"nobody"}"#, 403, "INVALID_TOKEN"),
        (r#"{"key":" "}"#, 422, "INVALID_REQUEST"),
        (r#"{"key":7}"#, 422, "INVALID_REQUEST"),
        (r#"{"name":"x"}"#, 422, "INVALID_REQUEST"),
        ("key=x", 400, "INVALID_JSON"),
    ] {
        let answer = send(&hub, sign_in.clone(), &[OWN], body).await;
        answer.problem(status, code);
        assert_eq!(answer.header("set-cookie"), None);
    }
    let long = json!({ "key": "x".repeat(9000) }).to_string();
    send(&hub, sign_in, &[OWN], &long).await.problem(422, "INVALID_REQUEST");
}

#[tokio::test]
async fn who_signs_in_anew_leaves_no_session_behind() {
    let hub = hub().await;
    let first = cookie(&hub, READER).await;
    let headers = [OWN, ("cookie", first.as_str())];
    let body = json!({ "key": ADMIN }).to_string();
    let second = send(&hub, (Method::POST, "/api/session"), &headers, &body).await;
    assert_eq!(second.json()["user_id"], "admin");
    ended(&get(&hub, "/api/session", &first).await);
}

#[tokio::test]
async fn the_cookie_is_secure_where_the_page_is() {
    let hub = hub().await;
    let body = json!({ "key": ADMIN }).to_string();
    let secure = async |hub: &Fixture, origin: &str| {
        let headers = [OWN, ("origin", origin)];
        let answer = send(hub, (Method::POST, "/api/session"), &headers, &body).await;
        let out = send(hub, (Method::DELETE, "/api/session"), &headers, "").await;
        let ends = |answer: &Answer| answer.header("set-cookie").unwrap().ends_with("; Secure");
        assert_eq!(ends(&answer), ends(&out));
        ends(&answer)
    };
    assert!(!secure(&hub, "http://nas.local:7777").await);
    assert!(secure(&hub, "https://nas.local:7777").await);
    let behind_https = hub_with(ApiConfig { secure_cookies: true, ..config() }, None).await;
    assert!(secure(&behind_https, "http://nas.local:7777").await);
}

#[tokio::test]
async fn with_the_cookie_only_the_hubs_own_page_changes_anything() {
    let hub = hub().await;
    let cookie = cookie(&hub, ADMIN).await;
    let cookie = ("cookie", cookie.as_str());
    let (site, origin) = ("sec-fetch-site", "origin");
    let submit = async |page: &[(&str, &str)]| {
        let headers: Vec<_> = [cookie].into_iter().chain(page.iter().copied()).collect();
        send(&hub, (Method::POST, "/api/tasks"), &headers, TASK).await
    };
    for own in [
        &[(site, "same-origin")][..],
        &[(site, "none")],
        &[(origin, "http://nas.local:7777")],
        &[(origin, "https://nas.local:7777")],
    ] {
        let answer = submit(own).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED, "{own:?}: {}", answer.text());
    }
    let before = get(&hub, "/api/tasks", cookie.1).await.json();
    for foreign in [
        &[][..],
        &[(site, "cross-site")],
        &[(site, "same-site")],
        &[(site, "cross-site"), (origin, "http://nas.local:7777")],
        &[(origin, "https://evil.example")],
        &[(origin, "http://nas.local:8080")],
        &[(origin, "null")],
    ] {
        submit(foreign).await.problem(403, "CSRF_REFUSED");
    }
    assert_eq!(get(&hub, "/api/tasks", cookie.1).await.json(), before);
    // Reading is no change, and a key does not travel by itself.
    let cross = (site, "cross-site");
    let read = send(&hub, (Method::GET, "/api/tasks"), &[cookie, cross], "").await;
    assert_eq!(read.status, StatusCode::OK);
    let bearer = ("authorization", "Bearer test-admin-key");
    let by_key = send(&hub, (Method::POST, "/api/tasks"), &[cookie, bearer, cross], TASK).await;
    assert_eq!(by_key.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn no_route_is_changed_by_a_foreign_page() {
    let hub = hub().await;
    let cookie = cookie(&hub, ADMIN).await;
    let foreign = [("cookie", cookie.as_str()), ("sec-fetch-site", "cross-site")];
    // A signature is no cookie: whoever has it may come from anywhere.
    let by_signature = |path: &str| path.ends_with("/trigger");
    let changes = ROUTES.iter().filter(|route| !route.method.is_safe());
    for route in changes.filter(|route| !by_signature(route.path)) {
        let path = route.path.replace("{id}", "x").replace("{*path}", "notes.txt");
        let answer = send(&hub, (route.method.clone(), &path), &foreign, "{}").await;
        answer.problem(403, "CSRF_REFUSED");
        // Without a cookie there is nothing that a page could abuse.
        if matches!(route.access, Access::Scope(_)) {
            let bare = send(&hub, (route.method.clone(), &path), &foreign[1..], "{}").await;
            bare.problem(401, "UNAUTHENTICATED");
        }
    }
    // It cannot sign its visitor in as somebody else, nor out.
    let key = json!({ "key": READER }).to_string();
    for page in [("sec-fetch-site", "same-site"), ("origin", "http://nas.local:8080")] {
        let answer = send(&hub, (Method::POST, "/api/session"), &[page], &key).await;
        answer.problem(403, "CSRF_REFUSED");
        assert_eq!(answer.header("set-cookie"), None);
    }
    assert_eq!(get(&hub, "/api/session", &cookie).await.json()["user_id"], "admin");
}

#[tokio::test]
async fn a_session_ends_with_its_key() {
    let hub = hub().await;
    let own = WorkspaceId::default();
    let key = hub.engine.add_key("short", "short", &own, &["read"], None).await.unwrap();
    let (cookie, other) = (cookie(&hub, "short").await, cookie(&hub, READER).await);
    assert_eq!(get(&hub, "/api/tasks", &cookie).await.status, StatusCode::OK);
    let path = format!("/api/keys/{}/revoke", key.key_id);
    assert_eq!(hub.post(&path, ADMIN, json!({})).await.status, StatusCode::OK);
    ended(&get(&hub, "/api/tasks", &cookie).await);
    assert_eq!(get(&hub, "/api/tasks", &other).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_expires_with_its_key_and_after_twelve_hours() {
    let hub = hub().await;
    let own = WorkspaceId::default();
    let end = hub.clock.now().plus(Duration::from_secs(100));
    hub.engine.add_key("short", "short", &own, &["read"], Some(end)).await.unwrap();
    let answer = sign_in(&hub, "short").await;
    assert!(answer.header("set-cookie").unwrap().contains("; Max-Age=100;"));
    assert_eq!(answer.json()["expires_at"], end.to_string());
    let (short, long) = (cookie(&hub, "short").await, cookie(&hub, READER).await);
    hub.clock.advance(Duration::from_millis(99_999));
    assert_eq!(get(&hub, "/api/session", &short).await.json()["expires_at"], end.to_string());
    hub.clock.advance(Duration::from_millis(1));
    ended(&get(&hub, "/api/session", &short).await);
    sign_in(&hub, "short").await.problem(403, "TOKEN_EXPIRED");
    hub.clock.advance(Duration::from_millis(12 * 3_600_000 - 100_001));
    assert_eq!(get(&hub, "/api/session", &long).await.status, StatusCode::OK);
    hub.clock.advance(Duration::from_millis(1));
    ended(&get(&hub, "/api/session", &long).await);
}

#[tokio::test]
async fn a_signed_token_signs_in_until_its_end() {
    let issuer = Issuer::new();
    let hub = hub_with(config(), Some(issuer.verifier())).await;
    for (kind, token, code) in issuer.refused() {
        let answer = sign_in(&hub, &token).await;
        assert_eq!((answer.status.as_u16(), answer.header("set-cookie")), (403, None), "{kind}");
        answer.problem(403, code);
    }
    let token = issuer.sign_es(&signed::with("exp", signed::NOW + 60));
    let answer = sign_in(&hub, &token).await;
    assert!(answer.header("set-cookie").unwrap().contains("; Max-Age=60;"));
    let cookie = cookie(&hub, &token).await;
    assert_eq!(get(&hub, "/api/session", &cookie).await.json()["user_id"], "Ada");
    // By the verifier's clock alone: the token is checked with each request.
    issuer.clock.advance(Duration::from_secs(60));
    ended(&get(&hub, "/api/session", &cookie).await);
    sign_in(&hub, &token).await.problem(403, "TOKEN_EXPIRED");
}

#[tokio::test]
async fn wrong_keys_are_counted_and_ended_sessions_are_not() {
    let mut config = config();
    config.rates.refused_keys = Rate::new(1, 3);
    let hub = hub_with(config, None).await;
    let good = cookie(&hub, READER).await;
    for _ in 0..20 {
        ended(&get(&hub, "/api/tasks", "agentos_session=invented").await);
    }
    for _ in 0..3 {
        sign_in(&hub, "nobody").await.problem(403, "INVALID_TOKEN");
    }
    let shut_out = sign_in(&hub, "nobody").await;
    shut_out.problem(429, "RATE_LIMITED");
    assert!(shut_out.header("retry-after").is_some());
    sign_in(&hub, "one-more").await.problem(429, "RATE_LIMITED");
    get(&hub, "/api/tasks", "agentos_session=invented").await.problem(429, "RATE_LIMITED");
    assert_eq!(get(&hub, "/api/tasks", &good).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_session_counts_against_its_key() {
    let mut config = config();
    config.rates.per_key = Rate::new(1, 3);
    let hub = hub_with(config, None).await;
    let cookie = cookie(&hub, READER).await;
    for _ in 0..2 {
        assert_eq!(get(&hub, "/api/tasks", &cookie).await.status, StatusCode::OK);
    }
    get(&hub, "/api/tasks", &cookie).await.problem(429, "RATE_LIMITED");
    hub.get("/api/tasks", READER).await.problem(429, "RATE_LIMITED");
}

#[tokio::test]
async fn two_sessions_at_once_are_none() {
    let hub = hub().await;
    let (one, other) = (cookie(&hub, READER).await, cookie(&hub, ADMIN).await);
    let both = format!("{one}; {other}");
    get(&hub, "/api/session", &both).await.problem(401, "UNAUTHENTICATED");
    // A header wins, also one that is not good.
    let headers = [("cookie", one.as_str()), ("authorization", "Basic dTpw")];
    let basic = send(&hub, (Method::GET, "/api/session"), &headers, "").await;
    basic.problem(401, "UNAUTHENTICATED");
    let headers = [("cookie", one.as_str()), ("authorization", "Bearer nobody")];
    let nobody = send(&hub, (Method::GET, "/api/session"), &headers, "").await;
    nobody.problem(403, "INVALID_TOKEN");
}
