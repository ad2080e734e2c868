//! Commands that ask once: what they send, print and exit with.

use std::net::TcpListener;

use crate::support::*;
use nix::sys::stat::futimens;
use nix::sys::time::TimeSpec;
use serde_json::json;

#[test]
fn help_reads_well_on_sixty_columns() {
    for args in [
        &["--help"][..],
        &["task", "--help"],
        &["task", "run", "--help"],
        &["task", "list", "--help"],
        &["task", "watch", "--help"],
        &["schedule", "--help"],
        &["schedule", "add", "--help"],
        &["files", "put", "--help"],
        &["edge", "--help"],
        &["key", "create", "--help"],
        &["provider-key", "--help"],
        &["billing", "--help"],
        &["billing", "run-all", "--help"],
        &["provider-key", "set", "--help"],
        &["login", "--help"],
        &["config", "--help"],
        &["config", "check", "--help"],
        &["config", "example", "--help"],
    ] {
        let output = agentos("http://127.0.0.1:1", args);
        assert_eq!(output.status.code(), Some(0));
        let text = out(&output);
        assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
        let name = args.iter().filter(|arg| **arg != "--help").copied().collect::<Vec<_>>();
        insta::assert_snapshot!(format!("help_{}", name.join("_")), text);
    }
}

#[test]
fn mistakes_in_what_is_typed_exit_with_2() {
    for args in [
        &["task", "run"][..],
        &["task", "run", "x", "--temperature", "3"],
        &["task", "list", "--status", "asleep"],
        &["task", "list", "--limit", "101"],
        &["task", "show", "../../etc"],
        &["files", "get", "../secret"],
        &["health", "--url", "ftp://nas:7777"],
        &["login", "https://nas:7777", "--fingerprint", "12:34"],
        &["login", "http://nas:7777", "--url", "http://nas:7777"],
        &["key", "create", "phone"],
        &["key", "create", "phone", "--scope", "root"],
        &["key", "create", "phone", "--scope", "read", "--expires", "soon"],
        &["config"],
        &["config", "example", "--config", "x"],
        &["dance"],
    ] {
        let output = agentos("http://127.0.0.1:1", args);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", err(&output));
        assert_eq!(out(&output), "", "{args:?}");
    }
}

#[test]
fn refusals_of_the_hub_have_exit_codes_and_say_what_to_try() {
    let cases = [(401, 4), (403, 4), (404, 3), (422, 2), (400, 2), (409, 1), (500, 1)];
    for (status, code) in cases {
        let problem = json!({"code": "WORD", "detail": "because\u{1b}[2J of this"});
        let stub = Stub::new(vec![Reply::Json(status, problem)]);
        let output = agentos(&stub.url, &["task", "show", TASK]);
        assert_eq!(output.status.code(), Some(code), "{status}: {}", err(&output));
        assert!(err(&output).contains("because[2J of this"), "{}", err(&output));
        assert!(err(&output).contains("\n  try: "), "{}", err(&output));
        assert_eq!(out(&output), "");
        stub.seen();
    }
}

#[test]
fn a_hub_that_is_not_there_exits_with_6() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    for args in [&["health"][..], &["task", "watch", TASK], &["task", "run", "x"]] {
        let output = agentos(&url, args);
        assert_eq!(output.status.code(), Some(6), "{args:?}: {}", err(&output));
        assert!(err(&output).contains("  try: start the hub"), "{}", err(&output));
    }
}

#[test]
fn something_else_on_the_port_is_told_apart_from_a_hub() {
    let stub = Stub::new(vec![Reply::Bytes(b"<html>".to_vec())]);
    let output = agentos(&stub.url, &["task", "list"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("is the address that of a hub?"), "{}", err(&output));
    stub.seen();
}

#[test]
fn the_list_fits_and_its_ids_can_be_used() {
    let page = json!({"items": [task("waiting_approval", None)], "next_cursor": "c2"});
    let stub = Stub::new(vec![Reply::Json(200, page.clone())]);
    let output = agentos(&stub.url, &["task", "list", "--status", "running", "--agent", "A"]);
    let text = out(&output);
    assert!(text.lines().all(|line| line.chars().count() <= 60), "{text}");
    assert!(text.contains("What is in my files?"), "{text}");
    assert!(err(&output).contains("--cursor c2"), "{}", err(&output));
    let short = text.lines().nth(1).unwrap().split_whitespace().next().unwrap().to_owned();
    let seen = stub.seen();
    assert_eq!(seen[0].line, "GET /api/tasks?limit=20&status=running&agent_type=A HTTP/1.1");

    let page = json!({"items": [task("running", None)], "next_cursor": null});
    let stub =
        Stub::new(vec![Reply::Json(200, page), Reply::Json(200, task("completed", Some("42")))]);
    let output = agentos(&stub.url, &["task", "show", &short]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).ends_with("\n42\n"), "{}", out(&output));
    assert_eq!(stub.seen()[1].line, format!("GET /api/tasks/{TASK} HTTP/1.1"));
}

#[test]
fn cancelling_says_what_became_of_the_task() {
    for (status, code) in [("cancelled", 0), ("running", 0), ("completed", 1)] {
        let stub = Stub::new(vec![Reply::Json(200, task(status, None))]);
        let output = agentos(&stub.url, &["task", "cancel", TASK, "--reason", "bored"]);
        assert_eq!(output.status.code(), Some(code), "{status}: {}", err(&output));
        assert_eq!(stub.seen()[0].json(), json!({"reason": "bored"}));
    }
}

#[test]
fn files_go_up_and_come_down_unchanged() {
    let dir = tempfile::tempdir().unwrap();
    let content: Vec<u8> = (0..=255).cycle().take(70_000).collect();
    let local = dir.path().join("a b.bin");
    std::fs::write(&local, &content).unwrap();
    let time = TimeSpec::new(1_772_619_359, 999_999_999);
    futimens(std::fs::File::open(&local).unwrap(), &time, &time).unwrap();
    let answer = json!({"path": "to/a b.bin", "size": content.len(), "hash": "0",
        "modified": "2026-03-04T10:15:59.000Z"});
    let stub = Stub::new(vec![Reply::Json(201, answer)]);
    let output = agentos(&stub.url, &["files", "put", local.to_str().unwrap(), "--to", "to"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let seen = stub.seen();
    assert_eq!(seen[0].line, "PUT /api/files/to/a%20b.bin HTTP/1.1");
    assert_eq!(seen[0].header("last-modified"), Some("Wed, 04 Mar 2026 10:15:59 GMT"));
    assert_eq!(seen[0].body, content);

    let stub = Stub::new(vec![Reply::Bytes(content.clone()), Reply::Bytes(content.clone())]);
    let target = dir.path().join("down");
    let output =
        agentos(&stub.url, &["files", "get", "to/a b.bin", "-o", target.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(std::fs::read(&target).unwrap(), content);
    let output = agentos(&stub.url, &["files", "get", "to/a b.bin"]);
    assert_eq!(output.stdout, content);
    stub.seen();
}

#[test]
fn files_are_listed_with_size_and_time() {
    let page = json!({"next_cursor": null, "items": [
        {"path": "a b.md", "size": 1400, "hash": "0", "modified": "2026-03-04T10:15:59.999Z"},
        // From a hub that tells no times yet.
        {"path": "old.md", "size": 3, "hash": "0"},
    ]});
    let stub = Stub::new(vec![Reply::Json(200, page.clone()), Reply::Json(200, page)]);
    let output = agentos(&stub.url, &["files", "list"]);
    let expected = "   1.4 kB  2026-03-04T10:15Z  a b.md\n      3 B                     old.md\n";
    assert_eq!(out(&output), expected, "{}", err(&output));
    let output = agentos(&stub.url, &["files", "list", "--quiet"]);
    assert_eq!(out(&output), "a b.md\nold.md\n", "{}", err(&output));
    stub.seen();
}

#[test]
fn edges_are_invited_listed_and_revoked() {
    let invitation = json!({"token": "t", "expires_at": "2026-11-21T08:00:00.000Z",
        "command": "agentos-edge join nas:7443 t"});
    let edges = json!({"items": [{"edge_id": "edge_1", "name": "mac\u{1b}[2J", "connected": true,
        "transport": "quic", "revoked_at": null, "load": {"cpu_percent": 12.5,
        "memory_used_bytes": 4e9, "memory_total_bytes": 16e9, "running_attempts": 1,
        "queued_model_calls": 0, "models": [{"name": "demo", "demonstration": true}]}}]});
    let stub = Stub::new(vec![
        Reply::Json(200, invitation),
        Reply::Json(200, edges),
        Reply::Json(200, json!({"edge_id": "edge_1", "revoked": true})),
    ]);
    let output = agentos(&stub.url, &["edge", "invite", "--name", "mac"]);
    assert_eq!(out(&output), "agentos-edge join nas:7443 t\n");
    let output = agentos(&stub.url, &["edge", "list"]);
    insta::assert_snapshot!(out(&output));
    let output = agentos(&stub.url, &["edge", "revoke", "edge_1"]);
    assert_eq!(out(&output), "edge_1 is revoked\n");
    assert_eq!(stub.seen()[2].line, "POST /api/edges/edge_1/revoke HTTP/1.1");
}

#[test]
fn health_tells_ready_from_alive() {
    let health =
        json!({"status": "ok", "version": "0.1.0", "tenant_context": {"workspace_id": null}});
    let ready = json!({"ready": false, "database": true, "edges_connected": 0, "models": 0});
    let stub = Stub::new(vec![Reply::Json(200, health), Reply::Json(503, ready)]);
    let output = agentos(&stub.url, &["health"]);
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    assert!(out(&output).contains("NOT ready for tasks"), "{}", out(&output));
    assert!(out(&output).contains("key       not valid"), "{}", out(&output));
    stub.seen();
}

#[test]
fn completions_need_no_hub() {
    let output = agentos("nonsense", &["completions", "bash"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).contains("_agentos"));
}
