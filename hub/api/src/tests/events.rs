//! Live events over the API.

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt;
use serde_json::Value;
use tower::ServiceExt;

use super::{Answer, Fixture, READER};

#[derive(Debug, Clone, PartialEq)]
struct Event {
    id: String,
    name: String,
    data: Value,
}

fn parse(text: &str) -> Vec<Event> {
    let blocks = text.split("\n\n").filter(|block| !block.is_empty() && !block.starts_with(':'));
    let field = |block: &str, name: &str| {
        let prefix = format!("{name}: ");
        block.lines().find_map(|line| line.strip_prefix(&prefix)).unwrap().to_owned()
    };
    blocks
        .map(|block| Event {
            id: field(block, "id"),
            name: field(block, "event"),
            data: serde_json::from_str(&field(block, "data")).unwrap(),
        })
        .collect()
}

fn steps(events: &[Event]) -> Vec<&Event> {
    events.iter().filter(|event| event.name == "step").collect()
}

fn follow(path: &str, last: Option<&str>) -> Request<Body> {
    let mut request = Request::get(path).header("authorization", format!("Bearer {READER}"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.body(Body::empty()).unwrap()
}

async fn followed(hub: &Fixture, path: &str, last: Option<&str>) -> Answer {
    let answer = hub.send(follow(path, last));
    tokio::time::timeout(Duration::from_secs(60), answer).await.unwrap()
}

fn assert_ends_with_final_status(events: &[Event]) {
    let end = events.last().unwrap();
    assert_eq!((end.name.as_str(), &end.data["status"]), ("status", &"completed".into()));
    assert_eq!(end.data["tokens"]["output"], 2);
}

#[tokio::test]
async fn a_task_is_followed_to_its_end() {
    let hub = Fixture::new().await;
    let id = hub.task("a").await;
    let path = format!("/api/tasks/{id}/events");
    let response = hub.router.clone().oneshot(follow(&path, None)).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    assert_eq!(response.headers()["x-accel-buffering"], "no");

    hub.engine.complete(&id, "done").await.unwrap();
    let collected = response.into_body().collect();
    let body = tokio::time::timeout(Duration::from_secs(60), collected).await.unwrap().unwrap();
    let events = parse(std::str::from_utf8(&body.to_bytes()).unwrap());
    assert_eq!((events[0].name.as_str(), &events[0].data["status"]), ("status", &"pending".into()));
    let seqs: Vec<_> = steps(&events).iter().map(|step| step.data["seq"].clone()).collect();
    assert_eq!(seqs, [1, 2]);
    assert_ends_with_final_status(&events);
}

#[tokio::test]
async fn a_client_that_comes_back_gets_what_it_has_not_seen() {
    let hub = Fixture::new().await;
    let id = hub.task("a").await;
    hub.engine.complete(&id, "done").await.unwrap();
    let path = format!("/api/tasks/{id}/events");
    let all = parse(followed(&hub, &path, None).await.text());
    assert_ends_with_final_status(&all);
    let all_steps = steps(&all);
    assert_eq!(all_steps.len(), 2);
    for (seen, last) in all_steps.iter().enumerate() {
        let rest = parse(followed(&hub, &path, Some(&last.id)).await.text());
        assert_eq!(steps(&rest), all_steps[seen + 1..]);
        assert_ends_with_final_status(&rest);
    }
}

#[tokio::test]
async fn an_id_that_is_none_is_refused() {
    let hub = Fixture::new().await;
    let id = hub.task("a").await;
    let path = format!("/api/tasks/{id}/events");
    for last in ["7", "a-b-c", "1-2-3-4", "-1-0-0"] {
        followed(&hub, &path, Some(last)).await.problem(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn streams_end_with_the_hub() {
    let hub = Fixture::new().await;
    let id = hub.task("a").await;
    hub.shutdown.cancel();
    let answer = followed(&hub, &format!("/api/tasks/{id}/events"), None).await;
    assert_eq!(answer.status, StatusCode::OK);
}

#[tokio::test]
async fn a_quiet_stream_says_that_it_lives() {
    let hub = Fixture::new().await;
    let id = hub.task("a").await;
    let path = format!("/api/tasks/{id}/events");
    let mut body = hub.router.clone().oneshot(follow(&path, None)).await.unwrap().into_body();
    let status = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(parse(std::str::from_utf8(&status).unwrap())[0].name, "status");
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    for _ in 0..3 {
        let ping = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(ping, ": ping\n\n");
    }
    let rounds = began.elapsed().as_secs() / 15;
    assert!((2..=3).contains(&rounds), "{:?}", began.elapsed());
}
