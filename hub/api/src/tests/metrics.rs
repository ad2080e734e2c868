//! The page of metrics.

use std::io::Write as _;
use std::process::{Command, Stdio};

use axum::body::Body;
use axum::http::{Request, StatusCode};

use super::{ADMIN, Fixture, READER, config};
use crate::ApiConfig;

async fn page(hub: &Fixture) -> String {
    let answer = hub.get("/metrics", READER).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    answer.text().to_owned()
}

/// A hub on which something has happened.
async fn busy() -> Fixture {
    let hub = Fixture::new().await;
    let done = hub.task("done").await;
    hub.engine.complete(&done, "the answer").await.unwrap();
    hub.task("waits").await;
    hub.get("/api/tasks/nothing", ADMIN).await.problem(404, "NOT_FOUND");
    hub.get("/nothing", ADMIN).await.problem(404, "NOT_FOUND");
    hub
}

#[tokio::test]
async fn what_happens_is_counted_under_the_names_that_are_promised() {
    let hub = busy().await;
    let page = page(&hub).await;
    for line in [
        "agentos_build_info{version=\"1.2.3\"} 1",
        "tasks_total{agent=\"FileOpsAgent\",status=\"completed\"} 1",
        "task_duration_seconds_count 1",
        "active_tasks 0",
        "queue_length 1",
        "link_sessions 0",
        "model_requests_total{model=\"test-model\",tier=\"local-fast\"} 1",
        "model_tokens_total{model=\"test-model\",direction=\"input\"} 3",
        "model_tokens_total{model=\"test-model\",direction=\"output\"} 2",
        "agent_iterations_count{agent=\"FileOpsAgent\"} 1",
        "http_requests_total{method=\"POST\",route=\"/api/tasks\",status=\"2xx\"} 2",
        "http_requests_total{method=\"GET\",route=\"/api/tasks/{id}\",status=\"4xx\"} 1",
        "http_requests_total{method=\"GET\",route=\"none\",status=\"4xx\"} 1",
        "http_request_duration_seconds_count{method=\"POST\",route=\"/api/tasks\"} 2",
    ] {
        assert!(page.lines().any(|held| held == line), "no `{line}` in\n{page}");
    }
    assert!(!page.contains("task_0"), "an id is no label:\n{page}");
}

#[tokio::test]
async fn every_metric_says_what_it_is() {
    let page = page(&busy().await).await;
    let said = |kind: &str, name: &str| {
        page.lines().any(|line| line.starts_with(&format!("# {kind} {name} ")))
    };
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let family = ["_bucket", "_sum", "_count"]
            .iter()
            .find_map(|end| name.strip_suffix(end))
            .unwrap_or(name);
        assert!(said("HELP", family) && said("TYPE", family), "{line}");
    }
}

#[tokio::test]
async fn promtool_finds_nothing_to_complain_about() {
    let page = page(&busy().await).await;
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut promtool) = promtool else {
        eprintln!("skipped: promtool (Debian's package prometheus) is not installed");
        return;
    };
    promtool.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = promtool.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}\n{page}");
}

#[tokio::test]
async fn the_page_is_for_readers_unless_it_is_opened() {
    let bare = || Request::get("/metrics").body(Body::empty()).unwrap();
    let hub = Fixture::new().await;
    hub.send(bare()).await.problem(401, "UNAUTHENTICATED");
    let hub = Fixture::with(ApiConfig { metrics_open: true, ..config() }).await;
    assert_eq!(hub.send(bare()).await.status, StatusCode::OK);
}
