//! Deciding what waits.

use crate::support::*;
use serde_json::{Value, json};

const ID: &str = "prop_0192f5e0a0007000800000000000abcd";
const HASH: &str = "00000000000000000000000000000000000000000000000000000000000000aa";

fn proposal(kind: &str, more: &Value) -> Value {
    let mut proposal = json!({"proposal_id": ID, "workspace_id": "default", "type": kind,
        "status": "pending", "title": "Mail\u{1b}[2J wants to call mail_send",
        "rationale": "I will tell her.", "task_id": TASK, "agent": "Mail",
        "call": {"id": "call_1", "name": "mail_send", "arguments": {"to": "ann@example.org"}},
        "class": "once", "content_hash": HASH, "idempotency_key": null, "called_at": null,
        "decision": null, "reviewer": null, "reviewer_notes": null,
        "created_at": "2026-11-21T08:00:00.000Z", "reviewed_at": null, "applied_at": null,
        "expires_at": null});
    for (member, value) in more.as_object().unwrap() {
        proposal[member] = value.clone();
    }
    proposal
}

#[test]
fn what_waits_is_listed_and_shown_with_what_can_be_typed() {
    let waits = proposal("tool_call", &json!({}));
    let page = json!({"pending": [waits.clone()], "next_cursor": null});
    let nothing = json!({"pending": [], "next_cursor": null});
    let stub =
        Stub::new(vec![Reply::Json(200, page), Reply::Json(200, waits), Reply::Json(200, nothing)]);
    let list = agentos(&stub.url, &["approvals", "list"]);
    assert!(list.status.success(), "{list:?}");
    let text = out(&list);
    assert!(text.contains(ID) && text.contains("Mail[2J wants to call mail_send"), "{text}");
    let show = out(&agentos(&stub.url, &["approvals", "show", ID]));
    for part in ["ann@example.org", "I will tell her.", "pending", TASK] {
        assert!(show.contains(part), "{part}: {show}");
    }
    let none = agentos(&stub.url, &["approvals", "list"]);
    assert_eq!((out(&none).as_str(), none.status.code()), ("", Some(0)));
    assert!(stub.seen().iter().all(|request| request.line.starts_with("GET /api/approvals")));
}

#[test]
fn nothing_hides_in_what_is_to_be_decided() {
    let to = format!("ann@example.org{}", "\u{200b}".repeat(300));
    let reasons = json!([{"code": "unknown_destination", "argument": "to", "value": to,
        "message": "nobody named it"}]);
    let waits = proposal(
        "tool_call",
        &json!({ "reasons": reasons,
        "rationale": "Done.\nstatus     approved\n\u{1b}[2J\u{202e}gnihton",
        "call": {"id": "c", "name": "mail_send", "arguments": {"to": "ann\u{202e}@\u{200b}x"}}}),
    );
    let stub = Stub::new(vec![Reply::Json(200, waits)]);
    let show = out(&agentos(&stub.url, &["approvals", "show", ID]));
    assert!(show.contains("  | status     approved"), "set apart: {show}");
    for part in [
        "to = ann@example.org\\u{200b}",
        "more characters)",
        "nobody named it",
        "ann\\u{202e}@\\u{200b}x",
        "\\u{1b}[2J\\u{202e}gnihton",
    ] {
        assert!(show.contains(part), "{part}: {show}");
    }
    assert!(!show.contains(['\u{202e}', '\u{200b}', '\u{1b}']), "{show}");
}

#[test]
fn exactly_what_is_there_is_decided() {
    let waits = proposal("tool_call", &json!({}));
    let decision = json!({"decision": "approve", "scope": "task"});
    let decided = proposal("tool_call", &json!({"status": "approved", "decision": decision}));
    let page = json!({"pending": [waits.clone()], "next_cursor": null});
    let stub = Stub::new(vec![Reply::Json(200, page), Reply::Json(200, decided)]);
    let run = agentos(&stub.url, &["approvals", "approve", "abcd", "--scope", "task"]);
    assert!(run.status.success(), "{run:?}");
    let requests = stub.seen();
    assert_eq!(requests[1].line, format!("POST /api/approvals/{ID}/approve HTTP/1.1"));
    let body = requests[1].json();
    assert_eq!((&body["scope"], &body["content_hash"]), (&json!("task"), &json!(HASH)));
}

#[test]
fn a_lost_call_is_resolved_and_a_late_decision_is_refused() {
    let lost = proposal("unknown_outcome", &json!({"idempotency_key": "k-1"}));
    let late = json!({"status": 409, "code": "CONFLICT", "title": "Conflict", "request_id": "req_1",
        "detail": "this proposal is applied already: a decision is taken once"});
    let stub = Stub::new(vec![Reply::Json(200, lost), Reply::Json(409, late)]);
    let run = agentos(&stub.url, &["approvals", "resolve", ID, "retry", "--notes", "no trace"]);
    assert_eq!(run.status.code(), Some(1), "{run:?}");
    assert!(err(&run).contains("a decision is taken once"), "{}", err(&run));
    let body = stub.seen()[1].json();
    assert_eq!((&body["outcome"], &body["notes"]), (&json!("retry"), &json!("no trace")));
}

#[test]
fn an_id_that_is_missing_decides_nothing() {
    let stub = Stub::new(vec![]);
    for id in ["", "a", "prop_", "%"] {
        let run = agentos(&stub.url, &["approvals", "approve", id, "--scope", "agent"]);
        assert_eq!(run.status.code(), Some(2), "{id}: {run:?}");
    }
    assert!(stub.seen().is_empty());
}

#[test]
fn an_id_that_nothing_has_is_not_found() {
    let page = json!({"pending": [], "next_cursor": null});
    let stub = Stub::new(vec![Reply::Json(200, page)]);
    let run = agentos(&stub.url, &["approvals", "reject", "ffff", "--reason", "no"]);
    assert_eq!(run.status.code(), Some(3), "{run:?}");
}
