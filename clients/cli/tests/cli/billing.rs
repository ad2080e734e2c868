//! What providers charge.

use crate::support::*;
use serde_json::{Value, json};

fn report(task: &str, errors: &[&str]) -> Value {
    json!({"task": task, "success": errors.is_empty(), "exit_code": u8::from(!errors.is_empty()),
        "duration": 0.5, "providers": [], "passed_over": [], "errors": errors,
        "message": "openai: success, 1 day recorded", "totals": null, "export": null,
        "alerts": []})
}

#[test]
fn tasks_are_asked_for_by_either_name_and_exit_as_they_went() {
    for (args, task, body) in [
        (&["run_all"][..], "run_all", json!({})),
        (&["billing", "run-all", "--force"], "run_all", json!({ "force": true })),
        (
            &["fetch_openai", "--date", "2026-11-21"],
            "fetch_openai",
            json!({ "from": "2026-11-21", "to": "2026-11-21" }),
        ),
        (
            &["billing", "fetch_anthropic", "--from", "2026-11-01"],
            "fetch_anthropic",
            json!({ "from": "2026-11-01" }),
        ),
        (&["summary", "2026-11"], "summary", json!({ "month": "2026-11" })),
        (&["billing", "totals"], "summary", json!({})),
        (&["export", "--format", "focus"], "export", json!({ "format": "focus" })),
        (&["daily_report"], "daily_report", json!({})),
    ] {
        let stub = Stub::new(vec![Reply::Json(200, report(task, &[]))]);
        let output = command(&stub.url, args).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{args:?}: {}", err(&output));
        assert_eq!(out(&output), "openai: success, 1 day recorded\n");
        let seen = stub.seen();
        assert_eq!(seen[0].line, format!("POST /api/kernel/tasks/{task} HTTP/1.1"));
        assert_eq!(seen[0].json(), body);
    }
    let failed = report("run_all", &["openai_collector: OpenAI answers 500"]);
    let stub = Stub::new(vec![Reply::Json(200, failed.clone()), Reply::Json(200, failed)]);
    let output = command(&stub.url, &["run_all"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("OpenAI answers 500"), "{}", err(&output));
    let output = command(&stub.url, &["run_all", "--json"]).output().unwrap();
    let printed: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!((output.status.code(), &printed["exit_code"]), (Some(1), &json!(1)));
}

#[test]
fn a_report_comes_after_the_events_that_tell_how_far_it_is() {
    let event = |name: &str, data: &Value| format!("event: {name}\ndata: {data}\n\n");
    let progress = json!({ "plugin": "openai_collector", "done": 31, "total": 90 });
    let events = vec![event("progress", &progress), event("report", &report("run_all", &[]))];
    let refused = json!({ "code": "UNAVAILABLE", "detail": "the hub is stopping" });
    let refused = vec![event("progress", &progress), event("error", &refused)];
    let broken = vec![event("progress", &progress)];
    let script = vec![Reply::Events(events), Reply::Events(refused), Reply::Events(broken)];
    let stub = Stub::new(script);
    let output = command(&stub.url, &["run_all"]).output().unwrap();
    // Nobody looks at this standard error.
    assert_eq!(
        (out(&output).as_str(), err(&output).as_str()),
        ("openai: success, 1 day recorded\n", "")
    );
    let output = command(&stub.url, &["run_all"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("the hub is stopping"), "{}", err(&output));
    let output = command(&stub.url, &["run_all"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("agentos billing runs"), "{}", err(&output));
    let seen = stub.seen();
    assert!(seen[0].header("accept").unwrap().contains("text/event-stream"));
}

#[test]
fn an_unknown_task_exits_with_1_and_names_the_known_ones() {
    let problem = json!({"code": "NOT_FOUND", "status": 404,
        "detail": "there is no task `fetch_other`: the tasks are fetch_openai, run_all"});
    let stub = Stub::new(vec![Reply::Json(404, problem)]);
    let output = command(&stub.url, &["billing", "fetch_other"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("the tasks are fetch_openai, run_all"), "{}", err(&output));
}

#[test]
fn results_and_runs_are_listed() {
    let results = json!({"items": [{"provider": "OpenAI", "date": "2026-11-21",
        "tokens": 12, "cost": "0.000000000001"}], "next_cursor": null});
    let runs = json!({"items": [{"id": "01890000-0000-7000-8000-000000000000",
        "plugin_name": "openai_collector", "status": "failed",
        "started_at": "2026-11-22T06:00:00.000Z", "error": "no key"}], "next_cursor": null});
    let stub = Stub::new(vec![Reply::Json(200, results), Reply::Json(200, runs)]);
    let args = ["billing", "results", "--provider", "openai", "--from", "2026-11-01"];
    let output = command(&stub.url, &args).output().unwrap();
    assert_eq!(out(&output), "2026-11-21 OpenAI 0.000000000001 USD 12 tokens\n");
    let output = command(&stub.url, &["billing", "runs", "--status", "failed"]).output().unwrap();
    assert!(out(&output).contains("failed openai_collector no key"), "{}", out(&output));
    let seen = stub.seen();
    for part in ["/api/results?", "provider=openai", "start_date=2026-11-01", "limit=31"] {
        assert!(seen[0].line.contains(part), "{}", seen[0].line);
    }
    for part in ["/api/runs?", "status=failed", "limit=20"] {
        assert!(seen[1].line.contains(part), "{}", seen[1].line);
    }
}
