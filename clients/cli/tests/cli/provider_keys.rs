//! Keys of models' providers.

use std::io::Write as _;
use std::process::{Output, Stdio};

use crate::support::*;
use serde_json::{Value, json};

const CANARY: &str = "sk-canary-5f1d0c7b9e";

fn with_input(url: &str, args: &[&str], input: &[u8]) -> Output {
    let mut command = command(url, args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that reads nothing may be gone already.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn key(provider: &str, hint: Option<&str>, readable: bool) -> Value {
    json!({"provider": provider, "hint": hint, "created_at": "2026-11-21T08:00:00.000Z",
        "updated_at": "2026-11-21T09:30:00.000Z", "readable": readable})
}

#[test]
fn a_provider_key_is_set_from_the_input_and_shown_nowhere() {
    let longest = "k".repeat(4096);
    let inputs = [
        (CANARY.to_owned(), CANARY),
        (format!("{CANARY}\n"), CANARY),
        (format!("{CANARY}\r\n"), CANARY),
        (format!("{longest}\r\n"), longest.as_str()),
    ];
    for (input, sent) in inputs {
        let stub = Stub::new(vec![Reply::Json(200, key("openai", Some("7b9e"), true))]);
        let args = ["provider-key", "set", "openai"];
        let output = with_input(&stub.url, &args, input.as_bytes());
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        assert_eq!(out(&output), "");
        assert_eq!(err(&output), "the key of openai is set\n");
        let seen = stub.seen();
        assert_eq!(seen[0].line, "PUT /api/provider-keys/openai HTTP/1.1");
        assert_eq!(seen[0].json(), json!({ "key": sent }));
    }
    let stub = Stub::new(vec![Reply::Json(200, key("openai", None, true))]);
    let args = ["provider-key", "set", "openai", "--json"];
    let output = with_input(&stub.url, &args, CANARY.as_bytes());
    let printed: Value = serde_json::from_str(&out(&output)).unwrap();
    assert_eq!(printed["provider"], "openai");
    assert!(!out(&output).contains("canary") && !err(&output).contains("canary"));
}

#[test]
fn what_is_no_key_or_no_name_is_refused_before_it_is_sent() {
    let nowhere = "http://127.0.0.1:1";
    let too_long = format!("canary{}", "k".repeat(4091));
    for input in ["", "\n", "canary\ncanary\n", "canary\n\n", " canary\n", "\tcanary", &too_long] {
        let output = with_input(nowhere, &["provider-key", "set", "openai"], input.as_bytes());
        assert_eq!(output.status.code(), Some(2), "{input:?}: {}", err(&output));
        assert!(!err(&output).contains("canary"), "{}", err(&output));
    }
    let output = with_input(nowhere, &["provider-key", "set", "openai"], b"\xff\xfe");
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    for args in [
        &["provider-key", "set"][..],
        &["provider-key", "set", "OpenAI"],
        &["provider-key", "set", "a/b"],
        // Never as an argument: others on the machine see those.
        &["provider-key", "set", "openai", CANARY],
        &["provider-key", "remove", ".."],
    ] {
        let output = with_input(nowhere, args, CANARY.as_bytes());
        assert_eq!(output.status.code(), Some(2), "{args:?}: {}", err(&output));
    }
}

#[test]
fn provider_keys_are_listed_and_removed() {
    let keys = json!({"items": [key("anthropic", Some("7b\u{1b}9"), false),
        key("openai", None, true)], "next_cursor": null});
    let stub = Stub::new(vec![
        Reply::Json(200, keys.clone()),
        Reply::Json(200, keys),
        Reply::Json(200, json!({})),
        Reply::Json(404, json!({"code": "NOT_FOUND", "detail": "no key of provider `x`"})),
    ]);
    insta::assert_snapshot!(out(&agentos(&stub.url, &["provider-key", "list"])));
    let output = agentos(&stub.url, &["provider-key", "list", "--quiet"]);
    assert_eq!(out(&output), "anthropic\nopenai\n");
    let output = agentos(&stub.url, &["provider-key", "remove", "openai"]);
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(err(&output), "the key of openai is removed\n");
    let output = agentos(&stub.url, &["provider-key", "remove", "x"]);
    assert_eq!(output.status.code(), Some(3), "{}", err(&output));
    assert_eq!(stub.seen()[2].line, "DELETE /api/provider-keys/openai HTTP/1.1");
}
