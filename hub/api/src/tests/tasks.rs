//! Tasks over the API.

use std::time::Duration;

use agentos_domain::TaskId;
use agentos_engine::TaskFilter;
use axum::body::Body;
use axum::http::{Method, Request, StatusCode};
use futures::StreamExt;
use serde_json::{Value, json};

use super::{ADMIN, Answer, Fixture, READER, config, request};

async fn submit_with(hub: &Fixture, header: (&str, &str), body: Value) -> Answer {
    let request = Request::post("/api/tasks")
        .header("authorization", format!("Bearer {ADMIN}"))
        .header(header.0, header.1)
        .body(Body::from(body.to_string()))
        .unwrap();
    hub.send(request).await
}

/// The id of the one task that there is or will be.
async fn the_task(hub: &Fixture) -> TaskId {
    let find = async {
        loop {
            let all = TaskFilter::default();
            let tasks = hub.engine.handle.tasks(&"default".parse().unwrap(), &all).await.unwrap();
            match tasks.into_iter().next() {
                Some(task) => return task.task_id,
                None => tokio::task::yield_now().await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), find).await.unwrap()
}

#[tokio::test]
async fn a_submission_waits_for_its_task() {
    let hub = Fixture::new().await;
    let body = json!({ "input": "say hi", "tier": "fast", "agent": "FileOpsAgent", "seed": 7,
        "temperature": 0, "max_tokens": 32_768 });
    let complete = async {
        let id = the_task(&hub).await;
        hub.engine.complete(&id, "hi").await.unwrap();
    };
    let (answer, ()) = tokio::join!(hub.post("/api/tasks", ADMIN, body), complete);
    assert_eq!(answer.status, StatusCode::OK);
    let task = answer.json();
    assert_eq!(task["status"], "completed");
    assert_eq!(task["output"], "hi");
    assert_eq!(task["agent_type"], "FileOpsAgent");
    assert_eq!(task["tokens"], json!({ "input": 3, "output": 2 }));
    assert_eq!(task["input_tokens"], 3);
    assert!(task.get("queue_position").is_none());
    assert_eq!(answer.header("location"), None);
}

#[tokio::test]
async fn a_client_that_does_not_wait_is_told_where_to_look() {
    let hub = Fixture::new().await;
    let mut expected_position = 0;
    let bodies = [json!({ "input": "a", "wait": false }), json!({ "input": "b", "wait": 0 })];
    for body in bodies {
        expected_position += 1;
        let answer = hub.post("/api/tasks", ADMIN, body).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        let task = answer.json();
        assert_eq!(task["status"], "pending");
        assert_eq!(task["queue_position"], expected_position);
        let place = answer.header("location").unwrap();
        assert_eq!(place, format!("/api/tasks/{}", task["task_id"].as_str().unwrap()));
        assert_eq!(hub.get(place, READER).await.json(), task);
    }
    for preference in ["respond-async", "wait=5, Respond-Async"] {
        let answer = submit_with(&hub, ("prefer", preference), json!({ "input": "c" })).await;
        assert_eq!(answer.status, StatusCode::ACCEPTED);
        assert_eq!(answer.header("preference-applied"), Some("respond-async"));
    }
}

#[tokio::test]
async fn waiting_ends_with_its_limit_and_with_the_hub() {
    let mut config = config();
    config.wait_limit = Duration::from_millis(1);
    let hub = Fixture::with(config).await;
    let answer = hub.post("/api/tasks", ADMIN, json!({ "input": "a", "wait": 120 })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);

    let hub = Fixture::new().await;
    hub.shutdown.cancel();
    let answer = hub.post("/api/tasks", ADMIN, json!({ "input": "a" })).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    assert_eq!(answer.json()["status"], "pending");
}

#[tokio::test]
async fn one_key_is_one_task() {
    let hub = Fixture::new().await;
    let key = ("idempotency-key", "order 66");
    let first = submit_with(&hub, key, json!({ "input": "a", "wait": false })).await;
    assert_eq!(first.header("idempotency-replayed"), None);
    let id: TaskId = first.json()["task_id"].as_str().unwrap().parse().unwrap();
    hub.engine.complete(&id, "done").await.unwrap();

    let again = submit_with(&hub, key, json!({ "input": "a" })).await;
    assert_eq!(again.status, StatusCode::OK);
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.json()["task_id"], id.to_string());
    assert_eq!(again.json()["output"], "done");

    let other = submit_with(&hub, key, json!({ "input": "b" })).await;
    other.problem(422, "IDEMPOTENCY_MISMATCH");
    assert_eq!(hub.get("/api/tasks", ADMIN).await.json()["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn idempotency_keys_are_short_and_printable() {
    let hub = Fixture::new().await;
    let long = "k".repeat(256);
    for key in ["", " ", "tab\there", "é", &long] {
        let answer = submit_with(&hub, ("idempotency-key", key), json!({ "input": "a" })).await;
        assert!(answer.problem(400, "BAD_REQUEST").contains("Idempotency-Key"), "{key:?}");
    }
    let body = json!({ "input": "a", "wait": false });
    let answer = submit_with(&hub, ("idempotency-key", &long[1..]), body).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_said() {
    let hub = Fixture::new().await;
    let text = "x".repeat(100_001);
    let cases = [
        (json!({ "input": "a", "colour": 1 }), "`colour`, expected one of `input`, `agent`"),
        (json!({}), "missing field `input`"),
        (json!({ "input": 5 }), "input: "),
        (json!({ "input": "" }), "input: 0 characters: use 1 to 100000"),
        (json!({ "input": text }), "input: 100001 characters"),
        (json!({ "input": "a", "tier": "huge" }), "`huge`, expected `fast` or `smart`"),
        (json!({ "input": "a", "wait": 121 }), "wait: "),
        (json!({ "input": "a", "wait": true }), "whole seconds from 0 to 120, or false"),
        (json!({ "input": "a", "wait": -1 }), "wait: "),
        (json!({ "input": "a", "max_tokens": 0 }), "max_tokens: 0 is out of range"),
        (json!({ "input": "a", "max_tokens": 32_769 }), "max_tokens: "),
        (json!({ "input": "a", "temperature": 2.1 }), "temperature: 2.1 is out of range"),
        (json!({ "input": "a", "seed": 1.5 }), "seed: "),
        (json!({ "input": "a", "session": "task_1" }), "session: "),
        (json!({ "input": "a", "agent": "Nobody" }), "FileOpsAgent"),
        (json!({ "input": "a", "tool_choice": "rm" }), "file_read"),
        (json!([1]), "invalid"),
    ];
    for (body, expected) in cases {
        let shown: String = body.to_string().chars().take(80).collect();
        let detail = hub.post("/api/tasks", ADMIN, body).await.problem(422, "INVALID_REQUEST");
        assert!(detail.contains(expected), "{shown}: {detail}");
    }
    assert_eq!(hub.get("/api/tasks", ADMIN).await.json()["items"], json!([]));
}

#[tokio::test]
async fn what_is_no_json_is_refused_with_its_place() {
    let hub = Fixture::new().await;
    for text in ["{\"input\": \"a\",\n oops}", "", "{\"input\": \"a\"} trailing", "\u{1}"] {
        let post = request(Method::POST, "/api/tasks", ADMIN, Body::from(text));
        let detail = hub.send(post).await.problem(400, "INVALID_JSON");
        assert!(detail.contains("line 1") || detail.contains("line 2"), "{text:?}: {detail}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_not_read_to_its_end() {
    let hub = Fixture::new().await;
    // It never ends: the request is answered only because reading stops.
    let chunk = || Ok::<_, std::io::Error>(vec![b' '; 64 * 1024]);
    let endless = Body::from_stream(futures::stream::repeat_with(chunk).boxed());
    let post = request(Method::POST, "/api/tasks", ADMIN, endless);
    let detail = hub.send(post).await.problem(413, "PAYLOAD_TOO_LARGE");
    assert!(detail.contains("1048576"), "{detail}");
}

#[tokio::test]
async fn a_list_has_pages() {
    let hub = Fixture::new().await;
    let mut ids = Vec::new();
    for n in 0..5 {
        ids.insert(0, hub.task(&format!("task {n}")).await.to_string());
    }
    let mut seen = Vec::new();
    let mut path = "/api/tasks?limit=2&status=&agent_type=&cursor=".to_owned();
    let mut pages = 0;
    loop {
        let page = hub.get(&path, READER).await.json();
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        seen.extend(items.iter().map(|task| task["task_id"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/tasks?limit=2&cursor={cursor}");
    }
    assert_eq!((seen, pages), (ids, 3));
}

#[tokio::test]
async fn a_full_last_page_has_no_next_one() {
    let hub = Fixture::new().await;
    hub.task("a").await;
    hub.task("b").await;
    let page = hub.get("/api/tasks?limit=2", READER).await.json();
    assert_eq!(page["items"].as_array().unwrap().len(), 2);
    assert_eq!(page["next_cursor"], Value::Null);
}

#[tokio::test]
async fn a_list_can_be_filtered() {
    let hub = Fixture::new().await;
    let first = hub.task("a").await;
    hub.task("b").await;
    hub.engine.complete(&first, "done").await.unwrap();
    for (query, count) in [
        ("status=completed", 1),
        ("status=pending&agent_type=FileOpsAgent", 1),
        ("status=failed", 0),
        ("agent_type=Nobody", 0),
        ("", 2),
    ] {
        let page = hub.get(&format!("/api/tasks?{query}"), READER).await.json();
        assert_eq!(page["items"].as_array().unwrap().len(), count, "{query}");
    }
    for (query, expected) in [
        ("limit=0", "1 to 100"),
        ("limit=101", "1 to 100"),
        ("limit=x", "limit: "),
        ("status=done", "waiting_approval"),
        ("agent_type=a/b", "agent_type: "),
        ("cursor=abc", "cursor: "),
        ("colour=red", "`colour`"),
    ] {
        let answer = hub.get(&format!("/api/tasks?{query}"), READER).await;
        let detail = answer.problem(400, "BAD_REQUEST");
        assert!(detail.contains(expected), "{query}: {detail}");
    }
}

#[tokio::test]
async fn a_task_can_be_cancelled_once_and_for_all() {
    let hub = Fixture::new().await;
    let id = hub.task("a").await;
    let path = format!("/api/tasks/{id}/cancel");
    let bad = hub.post(&path, ADMIN, json!({ "why": "x" })).await;
    assert!(bad.problem(422, "INVALID_REQUEST").contains("`reason`"));
    let long = hub.post(&path, ADMIN, json!({ "reason": "x".repeat(1001) })).await;
    assert!(long.problem(422, "INVALID_REQUEST").starts_with("reason: "));

    let cancel = request(Method::POST, &path, ADMIN, Body::empty());
    let answer = hub.send(cancel).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.json()["status"], "cancelled");
    let again = hub.post(&path, ADMIN, json!({ "reason": "again" })).await;
    assert_eq!(again.json()["status"], "cancelled");
    let steps = hub.get(&format!("/api/tasks/{id}/steps"), READER).await.json();
    assert_eq!(steps["items"].as_array().unwrap().len(), 1);
    assert_eq!(steps["items"][0]["type"], "cancelled");
    assert_eq!(steps["items"][0]["reason"], "cancelled by admin");
}

#[tokio::test]
async fn steps_are_the_journal() {
    let hub = Fixture::new().await;
    let id = hub.task("a").await;
    hub.engine.complete(&id, "done").await.unwrap();
    let path = format!("/api/tasks/{id}/steps");
    let all = hub.get(&path, READER).await.json();
    let kinds: Vec<_> = all["items"].as_array().unwrap().iter().map(|s| &s["type"]).collect();
    assert_eq!(kinds, ["model_reply", "finished"]);
    assert_eq!(all["next_cursor"], Value::Null);
    let rest = hub.get(&format!("{path}?after=1"), READER).await.json();
    assert_eq!(rest["items"], json!([all["items"][1]]));
    hub.get(&format!("{path}?after=x"), READER).await.problem(400, "BAD_REQUEST");
}

#[tokio::test]
async fn what_is_no_id_names_no_task() {
    let hub = Fixture::new().await;
    for id in [TaskId::generate().to_string(), "1".to_owned(), "%FF".to_owned()] {
        for rest in ["", "/steps", "/events"] {
            hub.get(&format!("/api/tasks/{id}{rest}"), ADMIN).await.problem(404, "NOT_FOUND");
        }
    }
}
