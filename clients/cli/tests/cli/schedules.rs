//! Schedules.

use crate::support::*;
use serde_json::{Value, json};

const ID: &str = "sched_0192f5e0a0007000800000000000abcd";

fn schedule(more: &Value) -> Value {
    let mut schedule = json!({"schedule_id": ID, "workspace_id": "default",
        "name": "daily_report", "cron": "0 6 * * MON-FRI", "timezone": "Europe/Berlin",
        "task": {"input": "what is new?\u{1b}[2J", "agent": null, "tier": "smart",
            "tool_choice": null, "session": null, "max_tokens": 50, "temperature": null,
            "seed": null, "priority": "high"},
        "enabled": true, "next_slot": "2026-11-23T05:00:00.000Z", "held_up": null,
        "created_by": "ann", "created_at": "2026-11-21T08:00:00.000Z"});
    for (member, value) in more.as_object().unwrap() {
        schedule[member] = value.clone();
    }
    schedule
}

fn page(items: &[Value]) -> Value {
    json!({"items": items, "next_cursor": null})
}

#[test]
fn a_schedule_is_asked_for_as_it_was_typed() {
    let made = schedule(&json!({}));
    let stub = Stub::new(vec![Reply::Json(201, made.clone()), Reply::Json(201, made.clone())]);
    let cron = [
        "schedule",
        "add",
        "daily_report",
        "--cron",
        "0 6 * * MON-FRI",
        "--timezone",
        "Europe/Berlin",
        "--max-tokens",
        "50",
        "--priority",
        "high",
        "what",
        "is",
        "new?",
    ];
    let run = agentos(&stub.url, &cron);
    assert!(run.status.success(), "{run:?}");
    assert_eq!(out(&run).trim(), ID);
    assert!(err(&run).contains("next 2026-11-23T05:00Z"), "{}", err(&run));
    let once = ["schedule", "add", "x", "--at", "2027-03-01T08:30", "--json", "hello"];
    let run = agentos(&stub.url, &once);
    assert_eq!(serde_json::from_str::<Value>(&out(&run)).unwrap(), made);
    let requests = stub.seen();
    assert_eq!(requests[0].line, "POST /api/schedules HTTP/1.1");
    assert_eq!(
        requests[0].json(),
        json!({"name": "daily_report", "cron": "0 6 * * MON-FRI", "timezone": "Europe/Berlin",
            "task": {"input": "what is new?", "max_tokens": 50, "priority": "high"}})
    );
    assert_eq!(
        requests[1].json(),
        json!({"name": "x", "at": "2027-03-01T08:30", "task": {"input": "hello"}})
    );
}

#[test]
fn what_cannot_be_is_said_without_asking_the_hub() {
    let stub = Stub::new(vec![]);
    let wrong: [(&[&str], &str); 4] = [
        (&["schedule", "add", "x", "hello"], "--cron"),
        (&["schedule", "add", "x", "--cron", "@daily", "--at", "2027-01-01", "hello"], "--at"),
        (&["schedule", "add", "x", "--cron", "@daily"], "INPUT"),
        (&["schedule", "add", "x", "--cron", "@daily", " "], "empty"),
    ];
    for (args, named) in wrong {
        let run = agentos(&stub.url, args);
        assert_eq!(run.status.code(), Some(2), "{args:?}: {run:?}");
        assert!(err(&run).contains(named), "{args:?}: {}", err(&run));
    }
    assert!(stub.seen().is_empty());
    let help = out(&agentos("http://127.0.0.1:1", &["schedule", "add", "--help"]));
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in ["--timezone", "Europe/Berlin", "skip in spring", "@hourly"] {
        assert!(help.contains(part), "{part}: {help}");
    }
}

#[test]
fn what_the_hub_refuses_is_told_with_its_way_out() {
    let detail = "timezone: `Berlin` is unknown: use an IANA name such as Europe/Berlin";
    let problem = json!({"status": 422, "code": "INVALID_REQUEST", "title": "x",
        "request_id": "req_1", "detail": detail});
    let stub = Stub::new(vec![Reply::Json(422, problem)]);
    let args = ["schedule", "add", "x", "--cron", "@daily", "--timezone", "Berlin", "hello"];
    let run = agentos(&stub.url, &args);
    assert!(!run.status.success());
    let said = err(&run).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(detail), "{said}");
}

#[test]
fn schedules_are_listed_and_shown() {
    let (fine, paused) = (json!({}), json!({"enabled": false, "next_slot": null, "name": "b"}));
    let held = json!({"held_up": "9 tasks wait", "name": "c"});
    let mut once = schedule(&json!({"next_slot": null, "name": "d"}));
    once.as_object_mut().unwrap().remove("cron");
    once["at"] = json!("2026-11-20T05:00:00.000Z");
    let all = [schedule(&fine), schedule(&paused), schedule(&held), once];
    let stub = Stub::new(vec![
        Reply::Json(200, page(&all)),
        Reply::Json(200, page(&all)),
        Reply::Json(200, schedule(&fine)),
        Reply::Json(200, page(&[])),
    ]);
    let list = out(&agentos(&stub.url, &["schedule", "list"]));
    for part in [
        "0 6 * * MON-FRI in Europe/Berlin",
        "next 2026-11-23T05:00Z",
        "paused",
        "tried again",
        "once, at 2026-11-20T05:00Z",
        "over",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    let show = out(&agentos(&stub.url, &["schedule", "show", "daily_report"]));
    for part in [ID, "ann", "what is new?[2J", "smart", "50", "high"] {
        assert!(show.contains(part), "{part}: {show}");
    }
    let none = agentos(&stub.url, &["schedule", "list"]);
    assert_eq!((out(&none).as_str(), none.status.code()), ("", Some(0)));
    let requests = stub.seen();
    assert_eq!(requests[2].line, format!("GET /api/schedules/{ID} HTTP/1.1"));
}

#[test]
fn a_schedule_is_found_by_name_id_and_end_of_its_id() {
    let paused = schedule(&json!({"enabled": false, "next_slot": null}));
    let listed = page(&[schedule(&json!({}))]);
    let stub = Stub::new(vec![
        Reply::Json(200, listed.clone()),
        Reply::Json(200, paused),
        Reply::Json(200, schedule(&json!({}))),
        Reply::Json(200, listed.clone()),
        Reply::Bytes(vec![]),
        Reply::Json(200, listed),
    ]);
    let pause = agentos(&stub.url, &["schedule", "pause", "daily_report"]);
    assert!(err(&pause).contains("paused") || out(&pause).contains("paused"), "{pause:?}");
    assert!(agentos(&stub.url, &["schedule", "resume", ID]).status.success());
    assert!(agentos(&stub.url, &["schedule", "remove", "abcd"]).status.success());
    let none = agentos(&stub.url, &["schedule", "remove", "weekly"]);
    assert_eq!(none.status.code(), Some(3), "{none:?}");
    let lines: Vec<_> = stub.seen().into_iter().map(|request| request.line).collect();
    assert_eq!(lines[1], format!("POST /api/schedules/{ID}/pause HTTP/1.1"));
    assert_eq!(lines[2], format!("POST /api/schedules/{ID}/resume HTTP/1.1"));
    assert_eq!(lines[4], format!("DELETE /api/schedules/{ID} HTTP/1.1"));
}

#[test]
fn slots_are_listed_with_what_became_of_them() {
    let slot = |hour: u32, more: Value| {
        let mut slot = json!({"schedule_id": ID, "recorded_at": "2026-11-21T09:00:00.000Z",
            "slot_at": format!("2026-11-21T0{hour}:00:00.000Z")});
        for (member, value) in more.as_object().unwrap() {
            slot[member] = value.clone();
        }
        slot
    };
    let mut slots = page(&[
        slot(8, json!({"status": "run", "task_id": TASK})),
        slot(7, json!({"status": "missed"})),
        slot(6, json!({"status": "failed", "reason": "there is no\u{1b} agent"})),
    ]);
    slots["next_cursor"] = json!("2026-11-21T06:00:00.000Z");
    let stub = Stub::new(vec![Reply::Json(200, slots.clone()), Reply::Json(200, slots.clone())]);
    let args = ["schedule", "slots", ID, "--limit", "3", "--cursor", "2026-11-21T09:00:00.000Z"];
    let run = agentos(&stub.url, &args);
    let expected = format!(
        "2026-11-21T08:00Z  run     {TASK}\n2026-11-21T07:00Z  missed\n\
         2026-11-21T06:00Z  failed  there is no agent\n"
    );
    assert_eq!(out(&run), expected);
    assert!(err(&run).contains("--cursor 2026-11-21T06:00:00.000Z"), "{}", err(&run));
    let as_json = agentos(&stub.url, &["schedule", "slots", ID, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out(&as_json)).unwrap(), slots);
    let line = &stub.seen()[0].line;
    assert!(line.contains("limit=3") && line.contains("cursor=2026-11-21T09%3A00"), "{line}");
}
