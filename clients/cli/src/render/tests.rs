use std::io::Write;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::*;
use crate::live::RawEvent;
use crate::terminal::Look;

#[derive(Clone, Default)]
struct Buffer(Arc<Mutex<Vec<u8>>>);

impl Write for Buffer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Buffer {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// What stands on the standard output and the standard error.
fn render(live_out: bool, events: &[(&str, Value)]) -> (String, String) {
    let (out, err) = (Buffer::default(), Buffer::default());
    let look = Look { live_out, live_err: false, color: false, width: 60, quiet: false };
    let mut terminal = Terminal::new(Box::new(out.clone()), Box::new(err.clone()), look);
    let mut renderer = Renderer::default();
    for (event, data) in events {
        let raw = RawEvent { id: String::new(), event: (*event).into(), data: data.clone() };
        renderer.event(&mut terminal, &raw.parse().unwrap()).unwrap();
    }
    (out.text(), err.text())
}

fn step(mut entry: Value) -> (&'static str, Value) {
    entry["task_id"] = json!("task_0192f5e0a0007000800000000000abcd");
    entry["seq"] = json!(1);
    entry["fence"] = json!(1);
    entry["recorded_at"] = json!("2026-11-21T08:00:00.000Z");
    ("step", entry)
}

fn reply(text: &str) -> (&'static str, Value) {
    step(json!({
        "type": "model_reply", "model": "m", "text": text, "tool_calls": [], "finish": "stop",
        "usage": {"input_tokens": 9, "cached_tokens": 0, "output_tokens": 4},
        "confidence": null, "duration_ms": 500,
    }))
}

fn finished(output: &str) -> (&'static str, Value) {
    step(json!({"type": "finished", "output": output, "truncated": false}))
}

fn token(text: &str) -> (&'static str, Value) {
    ("token", json!({"text": text, "logprob": -0.1}))
}

fn started() -> (&'static str, Value) {
    ("model_started", json!({"model": "m", "demonstration": true}))
}

#[test]
fn a_terminal_sees_the_answer_once_though_it_comes_thrice() {
    let events =
        [started(), token("The "), token("ans"), reply("The answer"), finished("The answer")];
    let (out, err) = render(true, &events);
    assert_eq!(out, "The answer\n");
    assert_eq!(err, "[model] m (demonstration)\n[model] 9 tokens in, 4 out, 500 ms, 8 tokens/s\n");
}

#[test]
fn a_pipe_gets_the_answer_alone_and_the_tokens_stay_visible() {
    let events = [started(), token("The "), reply("The answer"), finished("The answer")];
    let (out, err) = render(false, &events);
    assert_eq!(out, "The answer\n");
    assert!(err.contains("The answer\n[model] 9 tokens in"), "{err}");
}

#[test]
fn text_of_a_lost_model_call_is_marked_void() {
    let events = [started(), token("Wrong"), started(), token("Right"), reply("Right")];
    let (out, err) = render(true, &events);
    assert_eq!(out, "Wrong\nRight\n");
    assert!(err.contains("void"), "{err}");
}

#[test]
fn a_step_that_contradicts_the_tokens_wins() {
    let (out, err) = render(true, &[started(), token("Wrong"), reply("Right"), finished("Right")]);
    assert_eq!(out, "Wrong\nRight\n");
    assert!(err.contains("void"), "{err}");
}

#[test]
fn without_tokens_the_step_alone_tells_all() {
    let (out, err) = render(true, &[reply("Hello"), finished("Hello")]);
    assert_eq!(out, "Hello\n");
    assert!(err.starts_with("[model] m\n"), "{err}");
}

#[test]
fn tool_calls_and_results_keep_to_the_line() {
    let call = json!({"id": "1", "name": "file_read", "arguments": {"path": "x".repeat(99)}});
    let events = [
        step(json!({"type": "tool_intent", "call": call, "class": "read", "idempotency_key": "k"})),
        step(json!({"type": "tool_result", "call_id": "1", "duration_ms": 3,
            "outcome": {"err": {"code": "not_found", "message": "no\u{1b}[2J file"}}})),
    ];
    let (out, err) = render(true, &events);
    assert_eq!(out, "");
    assert!(err.lines().all(|line| line.chars().count() <= 60), "{err}");
    assert!(err.contains("[tool] file_read {\"path\""), "{err}");
    assert!(err.contains("[result] 3 ms: no[2J file (not_found)"), "{err}");
}

#[test]
fn sequences_cut_across_tokens_are_harmless() {
    let events = [token("a\u{1b}"), token("[31mb\r"), token("\u{9b}2J")];
    let (out, _) = render(true, &events);
    assert_eq!(out, "a[31mb2J");
}

#[test]
fn events_of_a_newer_hub_are_passed_over() {
    let events = [("dream", json!({})), step(json!({"type": "dreamt"})), finished("ok")];
    assert_eq!(render(true, &events).0, "ok\n");
}

#[test]
fn what_a_call_changed_is_listed() {
    let hash = "0".repeat(64);
    let (_, err) = render(
        true,
        &[step(
            json!({"type": "tool_result", "call_id": "1", "duration_ms": 3, "outcome": {"ok": 1},
            "changes": {
                "files": {
                    "a.md": {"put": {"hash": hash, "size": 7, "modified": "2026-11-21T08:00:00.000Z"}},
                    "b.md": {"delete": {"base": hash}},
                },
                "conflicts": {"c.md": "a.md", "d.md": null},
            }}),
        )],
    );
    let lines: Vec<_> = err.lines().skip(1).collect();
    assert_eq!(lines[..2], ["[files] a.md: 7 bytes", "[files] b.md: deleted"]);
    assert!(lines[2].contains("c.md was changed meanwhile") && lines[3].contains("d.md"), "{err}");
}
