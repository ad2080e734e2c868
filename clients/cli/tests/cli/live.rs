//! Tasks as they happen: events, lost connections, Ctrl-C.

use std::io::{BufRead, BufReader, Read};
use std::process::Stdio;

use crate::support::*;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::{Value, json};

#[test]
fn run_shows_steps_beside_the_answer_and_only_that_in_the_pipe() {
    let stub = Stub::new(vec![
        Reply::Json(202, task("pending", None)),
        Reply::Events(vec![
            status("0-1-0", "running", None),
            event("0-1-1", "model_started", &json!({"model": "demo", "demonstration": true})),
            token("0-1-2", "For"),
            token("0-1-3", "ty\u{1b}[31m"),
            reply("1-1-0", "Forty\u{1b}[31m-two"),
            finished("2-1-0", "Forty\u{1b}[31m-two"),
            status("2-1-0", "completed", Some("Forty-two")),
        ]),
    ]);
    let args = ["task", "run", "how", "many?", "--tool", "file_list", "--temperature", "0.3"];
    let output = agentos(&stub.url, &args);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output), "Forty[31m-two\n");
    insta::assert_snapshot!(err(&output));

    let seen = stub.seen();
    assert_eq!(seen[0].line, "POST /api/tasks HTTP/1.1");
    assert_eq!(seen[0].header("authorization"), Some("Bearer k1"));
    assert_eq!(seen[0].header("prefer"), Some("respond-async"));
    let body = json!({"input": "how many?", "tool_choice": "file_list", "temperature": 0.3});
    assert_eq!(seen[0].json(), body);
    assert_eq!(seen[1].header("last-event-id"), None);
}

#[test]
fn a_lost_connection_is_resumed_where_it_broke_and_said_once() {
    let stub = Stub::new(vec![
        Reply::Json(202, task("running", None)),
        Reply::Events(vec![token("0-1-2", "For")]),
        // The end of a stream is checked: the task might have ended with it.
        Reply::Json(200, task("running", None)),
        Reply::Drop,
        Reply::Json(503, json!({"code": "stopping", "detail": "the hub is stopping"})),
        Reply::Events(vec![
            token("0-1-3", "ty"),
            reply("1-1-0", "Forty"),
            finished("2-1-0", "Forty"),
            status("2-1-0", "completed", Some("Forty")),
        ]),
    ]);
    let output = agentos(&stub.url, &["task", "run", "x"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output), "Forty\n");
    assert_eq!(err(&output).matches("connection lost").count(), 1, "{}", err(&output));
    assert_eq!(err(&output).matches("connected again").count(), 1, "{}", err(&output));
    let seen = stub.seen();
    assert_eq!(seen[5].header("last-event-id"), Some("0-1-2"));
}

#[test]
fn a_task_that_ended_while_nobody_looked_is_shown_to_its_end() {
    let stub = Stub::new(vec![
        Reply::Json(200, task("running", None)),
        Reply::Events(vec![]),
        Reply::Json(200, task("completed", Some("Done"))),
    ]);
    let output = agentos(&stub.url, &["task", "watch", TASK]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output), "Done\n");
    stub.seen();
}

#[test]
fn a_hub_that_stays_away_ends_the_watch_with_its_own_exit_code() {
    let stub = Stub::new(vec![
        Reply::Json(202, task("running", None)),
        Reply::Events(vec![token("0-1-1", "x")]),
    ]);
    let output = agentos(&stub.url, &["task", "run", "x", "--reconnect", "1"]);
    assert_eq!(output.status.code(), Some(6), "{}", err(&output));
    assert!(err(&output).contains(&format!("agentos task watch {TASK}")), "{}", err(&output));
    stub.seen();
}

#[test]
fn the_same_idempotency_key_is_sent_again_when_the_answer_is_lost() {
    let stub = Stub::new(vec![Reply::Drop, Reply::Json(202, task("pending", None))]);
    let output = agentos(&stub.url, &["task", "run", "x", "--async"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output), format!("{TASK}\n"));
    let seen = stub.seen();
    let key = seen[0].header("idempotency-key").unwrap();
    assert!(key.starts_with("cli-"));
    assert_eq!(seen[1].header("idempotency-key"), Some(key));
}

#[test]
fn ctrl_c_leaves_the_task_and_says_how_to_come_back() {
    let stub = Stub::new(vec![
        Reply::Json(202, task("running", None)),
        Reply::Hold(vec![token("0-1-1", "half a line\n")]),
    ]);
    let mut child = command(&stub.url, &["task", "run", "x"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("half a line") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "ended early");
    }
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let mut rest = String::new();
    lines.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(rest.contains(&format!("agentos task watch {TASK}")), "{rest}");
    assert!(rest.contains(&format!("agentos task cancel {TASK}")), "{rest}");
    stub.seen();
}

#[test]
fn a_deadline_ends_the_watch_and_not_the_task() {
    let stub = Stub::new(vec![Reply::Json(202, task("running", None)), Reply::Hold(vec![])]);
    let output = agentos(&stub.url, &["task", "run", "x", "--timeout", "1"]);
    assert_eq!(output.status.code(), Some(124), "{}", err(&output));
    assert!(err(&output).contains("The task goes on"), "{}", err(&output));
    stub.seen();
}

#[test]
fn tasks_that_fail_or_wait_have_their_own_exit_codes() {
    for (word, code) in [("failed", 1), ("cancelled", 1), ("waiting_approval", 5)] {
        let stub = Stub::new(vec![
            Reply::Json(202, task("running", None)),
            Reply::Events(vec![status("1-1-0", word, None)]),
        ]);
        let output = agentos(&stub.url, &["task", "run", "x"]);
        assert_eq!(output.status.code(), Some(code), "{word}: {}", err(&output));
        stub.seen();
    }
}

#[test]
fn watch_as_json_is_a_document_per_event() {
    let stub = Stub::new(vec![
        Reply::Json(200, task("running", None)),
        Reply::Events(vec![token("0-1-1", "\u{9b}x"), status("1-1-0", "completed", Some("Done"))]),
    ]);
    let output = agentos(&stub.url, &["task", "watch", TASK, "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(!out(&output).contains('\u{9b}'));
    let lines: Vec<Value> =
        out(&output).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["id"], "0-1-1");
    assert_eq!(lines[0]["data"]["text"], "\u{9b}x");
    assert_eq!(lines[1]["event"], "status");
    stub.seen();
}

#[test]
fn run_as_json_is_one_document() {
    let stub = Stub::new(vec![
        Reply::Json(202, task("running", None)),
        Reply::Events(vec![token("0-1-1", "x"), status("1-1-0", "completed", Some("Done"))]),
        Reply::Json(200, task("completed", Some("Done"))),
    ]);
    let output = agentos(&stub.url, &["task", "run", "x", "--json"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let document: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(document["tokens"]["output"], 34);
    assert_eq!(err(&output), "");
    stub.seen();
}
