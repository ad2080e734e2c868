//! Provider keys through the API.

use std::io;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tracing_subscriber::fmt::MakeWriter;

use super::{ADMIN, Answer, Fixture, OTHER, READER, request};

const CANARY: &str = "sk-canary-5f1d0c7b9e";

async fn put(hub: &Fixture, key: &str, provider: &str, body: impl Into<Body>) -> Answer {
    let path = format!("/api/provider-keys/{provider}");
    hub.send(request(Method::PUT, &path, key, body.into())).await
}

async fn set(hub: &Fixture, key: &str, provider: &str, secret: &str) -> Answer {
    put(hub, key, provider, json!({ "key": secret }).to_string()).await
}

async fn delete(hub: &Fixture, key: &str, provider: &str) -> Answer {
    let path = format!("/api/provider-keys/{provider}");
    hub.send(request(Method::DELETE, &path, key, Body::empty())).await
}

async fn list(hub: &Fixture, key: &str) -> Vec<Value> {
    let answer = hub.get("/api/provider-keys", key).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn a_provider_key_is_set_listed_replaced_and_removed() {
    let hub = Fixture::new().await;
    let first = set(&hub, ADMIN, "openai", CANARY).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.text());
    let first = first.json();
    assert_eq!((&first["provider"], &first["hint"]), (&json!("openai"), &json!("7b9e")));
    assert_eq!(first["readable"], true);
    let second = set(&hub, ADMIN, "openai", "short").await.json();
    assert_eq!((&second["hint"], &second["created_at"]), (&Value::Null, &first["created_at"]));
    set(&hub, ADMIN, "a-vllm_2", CANARY).await;
    let names: Vec<_> = list(&hub, ADMIN).await.iter().map(|key| key["provider"].clone()).collect();
    assert_eq!(names, ["a-vllm_2", "openai"]);

    assert_eq!(list(&hub, OTHER).await, [] as [Value; 0]);
    delete(&hub, OTHER, "openai").await.problem(404, "NOT_FOUND");
    assert_eq!(delete(&hub, ADMIN, "openai").await.status, StatusCode::NO_CONTENT);
    delete(&hub, ADMIN, "openai").await.problem(404, "NOT_FOUND");
    assert_eq!(list(&hub, ADMIN).await.len(), 1);
    for answer in [
        set(&hub, READER, "openai", CANARY).await,
        delete(&hub, READER, "a-vllm_2").await,
        hub.get("/api/provider-keys", READER).await,
    ] {
        answer.problem(403, "INSUFFICIENT_SCOPE");
    }
}

#[tokio::test]
async fn wrong_provider_keys_are_refused_and_the_one_before_stays() {
    let hub = Fixture::new().await;
    set(&hub, ADMIN, "openai", CANARY).await;
    for secret in ["", " ", "canary\ncanary", "canary\n", " canary", &"k".repeat(4097)] {
        let detail = set(&hub, ADMIN, "openai", secret).await.problem(422, "INVALID_REQUEST");
        assert!(detail.starts_with("key: ") && !detail.contains("canary"), "{detail}");
    }
    let longest = "a".repeat(41);
    for provider in ["OpenAI", "a.b", "a%2Fb", "a%20b", "%C3%A9", "%FF", &longest] {
        let detail = set(&hub, ADMIN, provider, CANARY).await.problem(422, "INVALID_REQUEST");
        assert!(detail.starts_with("provider: "), "{detail}");
        delete(&hub, ADMIN, provider).await.problem(404, "NOT_FOUND");
    }
    // What is sent by mistake may be the key itself.
    for (body, status, code) in [
        (json!(CANARY).to_string(), 422, "INVALID_REQUEST"),
        (json!({ CANARY: "openai" }).to_string(), 422, "INVALID_REQUEST"),
        (json!({ "key": CANARY, CANARY: 1 }).to_string(), 422, "INVALID_REQUEST"),
        (json!({ "key": [CANARY] }).to_string(), 422, "INVALID_REQUEST"),
        (json!({ "key": 5 }).to_string(), 422, "INVALID_REQUEST"),
        ("{}".to_owned(), 422, "INVALID_REQUEST"),
        (CANARY.to_owned(), 400, "INVALID_JSON"),
        (format!("{{\"key\": \"{CANARY}"), 400, "INVALID_JSON"),
        (String::new(), 400, "INVALID_JSON"),
    ] {
        let answer = put(&hub, ADMIN, "openai", body.clone()).await;
        answer.problem(status, code);
        assert!(!answer.text().contains("canary"), "{body}: {}", answer.text());
    }
    let big = put(&hub, ADMIN, "openai", "x".repeat(2 * 1024 * 1024)).await;
    big.problem(413, "PAYLOAD_TOO_LARGE");
    let keys = list(&hub, ADMIN).await;
    assert_eq!((keys.len(), &keys[0]["hint"]), (1, &json!("7b9e")));
}

#[tokio::test]
async fn a_master_key_that_cannot_be_used_is_told_without_its_place() {
    let hub = Fixture::new().await;
    std::fs::write(hub._dir.path().join("secrets.key"), "broken").unwrap();
    let detail = set(&hub, ADMIN, "openai", CANARY).await.problem(503, "UNAVAILABLE");
    assert!(detail.contains("master key") && !detail.contains("secrets.key"), "{detail}");
    assert_eq!(list(&hub, ADMIN).await, [] as [Value; 0]);
}

/// The log lines of this process, as far as they are about provider keys: other
/// tests write lines too.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<String>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // One write is one line.
        let line = String::from_utf8_lossy(bytes);
        if line.contains("provider key") || line.contains(CANARY) {
            self.0.lock().unwrap().push_str(&line);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn no_answer_and_no_log_line_holds_a_provider_key() {
    let lines = Lines::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(lines.clone())
        .finish();
    // For all threads: what is logged elsewhere counts too.
    tracing::subscriber::set_global_default(subscriber).unwrap();
    let hub = Fixture::new().await;
    let mut answers = vec![
        set(&hub, ADMIN, "openai", CANARY).await,
        set(&hub, ADMIN, "openai", CANARY).await,
        set(&hub, ADMIN, "openai", &format!("{CANARY}\n{CANARY}")).await,
        put(&hub, ADMIN, "openai", json!(CANARY).to_string()).await,
        put(&hub, ADMIN, "openai", CANARY).await,
        hub.get("/api/provider-keys", ADMIN).await,
        hub.get("/metrics", ADMIN).await,
        hub.get("/api/provider-keys/openai", ADMIN).await,
    ];
    answers.push(delete(&hub, ADMIN, "openai").await);
    for answer in &answers {
        let body = String::from_utf8_lossy(&answer.body);
        assert!(!body.contains("canary"), "{body}");
        assert!(!format!("{:?}", answer.headers).contains("canary"));
    }
    let log = lines.0.lock().unwrap().clone();
    assert!(log.contains("set a provider key") && log.contains("removed a provider key"), "{log}");
    assert!(!log.contains(CANARY), "{log}");
}
