//! Whole runs: with an engine that says what it is told to, and with the
//! demonstration model.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, FinishReason, ManualClock, SystemClock, ToolCall, Usage};
use agentos_generation::{Completion, EngineError, ScriptedEngine};
use agentos_inference::tiny;
use clap::Parser as _;
use serde_json::{Value, json};

use super::super::drive::{Bench, Made};
use super::super::error::PocketError;
use super::super::{Options, judge, requests, run};
use super::{Fixture, parsed, write_requests};
use crate::bench::Samples;
use crate::pocket::{Outcome, Tally};

fn says(text: &str, calls: &[(&str, Value)]) -> Completion {
    let call = |(index, (name, arguments)): (usize, &(&str, Value))| ToolCall {
        id: format!("call_{index}"),
        name: name.parse().unwrap(),
        arguments: arguments.clone(),
    };
    Completion {
        model: "scripted".to_owned(),
        text: text.to_owned(),
        tool_calls: calls.iter().enumerate().map(call).collect(),
        finish: FinishReason::Stop,
        usage: Usage { output_tokens: 7, ..Usage::default() },
        confidence: None,
        duration_ms: 1,
    }
}

async fn made(fixture: &Fixture, script: Vec<Completion>) -> (Made, Arc<ScriptedEngine>) {
    let engine = Arc::new(ScriptedEngine::new(script));
    let clock: Arc<dyn Clock> = Arc::new(ManualClock::default());
    let bench = Bench::new(Arc::clone(&engine) as _, clock);
    (bench.run("what is it?", &fixture.root()).await.unwrap(), engine)
}

#[tokio::test]
async fn a_run_calls_the_real_tools_and_shows_the_model_their_results() {
    let fixture = Fixture::new();
    let read = ("file_read", json!({ "path": "notes/old.txt" }));
    let script = vec![says("", &[read]), says("It says: short", &[])];
    let (made, engine) = made(&fixture, script).await;
    assert_eq!(made.answer.as_deref(), Some("It says: short"));
    assert_eq!((made.calls.len(), made.tokens, made.reads_only), (1, 14, true));
    assert_eq!(made.first_call, Some(Duration::ZERO));
    let asked = engine.requests();
    assert!(asked[1].messages.iter().any(|message| message.content.contains("short")));
    assert_eq!((asked[0].sampling.temperature, asked[0].tools.len()), (0.0, 4));
    assert_eq!(engine.ended_conversations().len(), 1);
}

#[tokio::test]
async fn a_reply_without_a_call_has_no_time_to_it() {
    let (made, _) = made(&Fixture::new(), vec![says("I cannot do that.", &[])]).await;
    assert_eq!((made.first_call, made.calls.len()), (None, 0));
}

#[tokio::test]
async fn a_run_that_never_answers_is_wrong() {
    let fixture = Fixture::new();
    let unknown = ("file_remove", json!({ "path": "notes/a.md" }));
    let (made, _) = made(&fixture, vec![says("There is no such file.", &[unknown]); 9]).await;
    assert_eq!((made.answer.as_ref(), made.calls.len(), made.reads_only), (None, 5, false));
    assert!(made.failure.as_ref().unwrap().contains("max_iterations"));
    let expected = fixture.expected("missing_file", &json!({ "file": "z" })).unwrap();
    assert!(!judge::is_right(&expected, &made));
}

#[tokio::test]
async fn errors_of_the_engine_fail_the_run_and_its_end_fails_all() {
    let fixture = Fixture::new();
    let engine = Arc::new(ScriptedEngine::default());
    engine.push(Err(EngineError::ContextFull { needed: 9, size: 8 }));
    let bench = Bench::new(Arc::clone(&engine) as _, Arc::new(SystemClock));
    let made = bench.run("?", &fixture.root()).await.unwrap();
    assert!(made.failure.unwrap().contains("context_full"));
    assert_eq!(bench.run("?", &fixture.root()).await, Err(EngineError::Stopped));
}

fn questions() -> Value {
    json!([
        {
            "workspace": "w", "kind": "read", "request": "show notes/old.txt",
            "calls": [{ "name": "file_read", "arguments": { "path": "notes/old.txt" } }],
            "slots": { "file": "notes/old.txt" },
        },
        { "workspace": "w", "kind": "refuse_no_tool", "request": "remove notes/a.md", "calls": [] },
    ])
}

fn options(args: &[&str]) -> Options {
    Options::parse_from(std::iter::once("eval-pocket").chain(args.iter().copied()))
}

#[tokio::test]
async fn the_demonstration_model_runs_through_and_is_wrong() {
    let folder = tempfile::tempdir().unwrap();
    let (model, file) = (folder.path().join("m.gguf"), folder.path().join("requests.json"));
    tiny::write_tiny_model(&model, 1).unwrap();
    write_requests(&file, &questions());
    let (model, file) = (model.display().to_string(), file.display().to_string());
    let options = options(&["--model", &model, "--requests", &file, "--min-refusal=0.5"]);
    let done = std::sync::Mutex::new(Vec::new());
    let outcome = run(&options, |at, all| done.lock().unwrap().push((at, all))).await.unwrap();
    assert_eq!(done.into_inner().unwrap(), [(1, 2), (2, 2)]);
    let figures = outcome.figures();
    assert_eq!((figures.requests, figures.task, figures.refusal), (2, Some(0.0), Some(0.0)));
    assert_eq!((outcome.model.as_str(), outcome.failures.len()), (tiny::NAME, 2));
    assert!(outcome.tokens_per_second > 0.0);
    assert_eq!(outcome.missed(&options).len(), 1);
}

#[tokio::test]
async fn bad_input_is_told_before_the_model_is_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    let (file, model) = (at("requests.json"), at("m.gguf"));
    let args = ["--requests", &file, "--model", &model];
    let fails = async || run(&options(&args), |_, _| {}).await.unwrap_err();
    assert!(matches!(fails().await, PocketError::Unreadable { .. }));
    std::fs::write(&file, "{}").unwrap();
    assert!(matches!(fails().await, PocketError::Malformed { .. }));
    write_requests(file.as_ref(), &questions());
    assert!(matches!(fails().await, PocketError::NoModel { .. }));
    std::fs::write(&model, "no model").unwrap();
    assert!(matches!(fails().await, PocketError::Engine(EngineError::NotGguf { .. })));
    let mut wrong = questions();
    wrong[1]["workspace"] = "elsewhere".into();
    write_requests(file.as_ref(), &wrong);
    assert!(matches!(fails().await, PocketError::Request { number: 2, .. }));
    write_requests(file.as_ref(), &json!([]));
    assert!(matches!(fails().await, PocketError::NoRequests));
}

#[test]
fn a_limit_keeps_all_kinds() {
    let kinds = ["read", "read", "read", "read", "size", "size", "lines", "lines"];
    let set: Vec<Value> = kinds
        .iter()
        .map(|kind| json!({ "workspace": "w", "kind": kind, "request": "?" }))
        .collect();
    let set = parsed(Value::Array(set));
    let chosen = requests::chosen(&set.requests, Some(4));
    let kept: Vec<&str> = chosen.iter().map(|place| kinds[*place]).collect();
    assert_eq!(kept, ["read", "read", "size", "lines"]);
    assert_eq!(requests::chosen(&set.requests, None), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(requests::chosen(&set.requests, Some(99)).len(), 8);
    assert!(requests::chosen(&set.requests, Some(0)).is_empty());
}

fn outcome() -> Outcome {
    let tally = |requests, first_call, task| Tally { requests, first_call, task };
    Outcome {
        judged: Vec::new(),
        model: "pocket".to_owned(),
        kinds: [
            ("read".to_owned(), tally(4, 4, 3)),
            ("qa_what".to_owned(), tally(2, 1, 1)),
            ("refuse_outside".to_owned(), tally(4, 4, 3)),
        ]
        .into(),
        failures: Vec::new(),
        first_calls: [80.0, 90.04, 100.0].into_iter().collect(),
        tokens_per_second: 100.0,
    }
}

#[test]
fn refusals_are_no_part_of_first_calls_and_tasks() {
    let json = serde_json::to_string(&outcome().figures()).unwrap();
    let shares = r#""first_call":0.833,"task":0.667,"refusal":0.75"#;
    assert_eq!(json, format!(r#"{{"requests":10,{shares},"first_call_ms":90.0}}"#));
    let empty = Outcome { first_calls: Samples::default(), ..Outcome::default() };
    let json = serde_json::to_string(&empty.figures()).unwrap();
    let shares = r#""first_call":null,"task":null,"refusal":null"#;
    assert_eq!(json, format!(r#"{{"requests":0,{shares},"first_call_ms":null}}"#));
}

#[test]
fn minima_are_compared_with_what_was_measured() {
    let missed = |args: &[&str]| outcome().missed(&options(args)).len();
    assert_eq!(missed(&[]), 0);
    // 5 of 6 is a little more than 0.833.
    assert_eq!(missed(&["--min-first-call=0.8333", "--min-task=0.66", "--min-refusal=0.75"]), 0);
    assert_eq!(missed(&["--min-first-call=0.84", "--min-task=0.667", "--min-refusal=0.76"]), 3);
    assert_eq!(Outcome::default().missed(&options(&["--min-refusal=0"])).len(), 1);
}

#[test]
fn the_text_has_a_row_for_each_kind_and_group() {
    let text = outcome().text();
    for row in [
        "qa_what                     2      50.0 %    50.0 %",
        "questions ",
        "all to be served            6      83.3 %    66.7 %",
        "all to be refused           4           -    75.0 %",
        "p50 90.0 ms, p95 100.0 ms, of 3 calls",
    ] {
        assert!(text.contains(row), "{row}\n{text}");
    }
}
