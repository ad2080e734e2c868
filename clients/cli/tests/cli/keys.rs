//! Keys and logins.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Output, Stdio};

use crate::support::*;
use serde_json::{Value, json};

const KEY: &str = "key_0192f5e0a0007000800000000000abcd";

fn key(more: &Value) -> Value {
    let mut key = json!({"key_id": KEY, "name": "phone\u{1b}[2J", "prefix": "aos_12345678",
        "workspace_id": "default", "scopes": ["read", "run"],
        "created_at": "2026-11-21T08:00:00.000Z", "last_used_at": null, "expires_at": null,
        "revoked_at": null});
    for (member, value) in more.as_object().unwrap() {
        key[member] = value.clone();
    }
    key
}

#[test]
fn keys_are_made_listed_and_revoked() {
    let made = key(&json!({"key": "aos_secret"}));
    let used = json!({"last_used_at": "2026-11-21T09:00:00.000Z"});
    let gone = json!({"revoked_at": "2026-11-21T10:00:00.000Z", "last_used_at": "x"});
    let keys = json!({"items": [key(&json!({})), key(&used), key(&gone)], "next_cursor": null});
    let stub = Stub::new(vec![
        Reply::Json(201, made.clone()),
        Reply::Json(201, made),
        Reply::Json(200, keys),
        Reply::Json(200, key(&gone)),
    ]);
    let args = ["key", "create", "phone", "--scope", "read,run", "--expires", "30d"];
    let output = agentos(&stub.url, &args);
    assert_eq!(out(&output), "aos_secret\n", "{}", err(&output));
    assert!(err(&output).contains("it is shown this once"), "{}", err(&output));
    let args = ["key", "create", "x", "--scope", "admin", "--workspace", "third", "--quiet"];
    let output = agentos(&stub.url, &args);
    assert_eq!((out(&output).as_str(), err(&output).as_str()), ("aos_secret\n", ""));
    insta::assert_snapshot!(out(&agentos(&stub.url, &["key", "list"])));
    let output = agentos(&stub.url, &["key", "revoke", KEY]);
    assert_eq!(out(&output), format!("{KEY} is revoked\n"));

    let seen = stub.seen();
    let first = seen[0].json();
    assert_eq!(first["scopes"], json!(["read", "run"]));
    assert!(first["expires_at"].as_str().unwrap().ends_with('Z'), "{first}");
    let second = json!({"name": "x", "scopes": ["admin"], "workspace_id": "third"});
    assert_eq!(seen[1].json(), second);
    assert_eq!(seen[3].line, format!("POST /api/keys/{KEY}/revoke HTTP/1.1"));
}

/// `agentos ARGS` in a home of its own, with `input` and nothing else.
fn at_home(home: &Path, args: &[&str], input: &str) -> Output {
    let mut command = command("", args);
    command.env_remove("AGENT_OS_URL").env_remove("AGENT_OS_API_KEY").env("HOME", home);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

fn health(workspace: Option<&str>) -> Reply {
    let context = json!({"user_id": null, "workspace_id": workspace});
    Reply::Json(200, json!({"status": "ok", "version": "0.1.0", "tenant_context": context}))
}

#[test]
fn a_login_is_checked_kept_privately_and_used() {
    let home = tempfile::tempdir().unwrap();
    let page = json!({"items": [], "next_cursor": null});
    let stub = Stub::new(vec![health(Some("default")), Reply::Json(200, page)]);
    let output = at_home(home.path(), &["login", "--url", &stub.url], "aos_secret\n");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(out(&output), format!("logged in to {} (workspace default)\n", stub.url));
    assert!(!err(&output).contains("aos_secret"));
    let kept = home.path().join(".config/agentos/login.json");
    assert_eq!(std::fs::metadata(&kept).unwrap().permissions().mode() & 0o777, 0o600);

    let output = at_home(home.path(), &["task", "list"], "");
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    for seen in stub.seen() {
        assert_eq!(seen.header("authorization"), Some("Bearer aos_secret"), "{}", seen.line);
    }
}

#[test]
fn a_key_that_the_hub_does_not_know_is_not_kept() {
    let home = tempfile::tempdir().unwrap();
    let stub = Stub::new(vec![health(None)]);
    let args = ["login", "--url", &stub.url, "--api-key", "wrong"];
    let output = at_home(home.path(), &args, "");
    assert_eq!(output.status.code(), Some(4), "{}", err(&output));
    assert!(!home.path().join(".config").exists());
    stub.seen();
    for input in ["", "\n", "a b\n"] {
        let output = at_home(home.path(), &["login", "--url", "http://127.0.0.1:1"], input);
        assert_eq!(output.status.code(), Some(2), "{}", err(&output));
    }
}
