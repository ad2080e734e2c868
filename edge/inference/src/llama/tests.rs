//! The engine with a model of random weights.

use agentos_generation::{
    Completion, Engine, EngineError, GenerateEvent, GenerateRequest, Generation, ToolChoice,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{
    Classified, FinishReason, Message, Role, Sampling, SystemClock, ToolClass, ToolSpec,
};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{LlamaConfig, LlamaEngine};
use crate::tiny::write_tiny_model;

mod pocket;
mod transcript;

const DEADLINE: Duration = Duration::from_secs(120);

struct Fixture {
    engine: LlamaEngine,
    _folder: TempDir,
}

fn config(model: &Path) -> LlamaConfig {
    LlamaConfig {
        model: model.to_owned(),
        context_tokens: 2048,
        threads: 1,
        gpu_layers: 0,
        queue_limit: 4,
    }
}

async fn load(config: LlamaConfig) -> Result<LlamaEngine, EngineError> {
    LlamaEngine::load(config, Arc::new(SystemClock)).await
}

async fn fixture_with(change: impl FnOnce(&mut LlamaConfig)) -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tiny.gguf");
    write_tiny_model(&path, 1).unwrap();
    let mut config = config(&path);
    change(&mut config);
    Fixture { engine: load(config).await.unwrap(), _folder: folder }
}

async fn fixture() -> Fixture {
    fixture_with(|_| {}).await
}

fn user(text: &str) -> Message {
    Message::text(Role::User, text)
}

fn request(messages: Vec<Message>, max_tokens: u32) -> GenerateRequest {
    GenerateRequest {
        messages,
        tools: vec![],
        tool_choice: ToolChoice::Auto,
        sampling: Sampling { temperature: 0.0, max_tokens, ..Sampling::default() },
        output_schema: None,
        conversation: None,
    }
}

fn tool(name: &str, parameters: Value) -> ToolSpec {
    ToolSpec::new(name.parse().unwrap(), ToolClass::Read, "does", parameters)
}

/// A request whose answer has at least a thousand tokens.
fn endless() -> GenerateRequest {
    let text = json!({ "type": "string", "minLength": 1000 });
    let schema = json!({
        "type": "object",
        "properties": { "a": text, "b": text },
        "required": ["a", "b"],
    });
    GenerateRequest {
        tools: vec![tool("long", schema)],
        tool_choice: ToolChoice::Required("long".parse().unwrap()),
        ..request(vec![user("go")], 100_000)
    }
}

async fn start(engine: &LlamaEngine, request: GenerateRequest) -> Generation {
    engine.generate(request, CancellationToken::new()).await.unwrap()
}

/// All the text that was streamed, and the completion.
async fn finish(mut events: Generation) -> Result<(String, Completion), EngineError> {
    let mut text = String::new();
    loop {
        let event = timeout(DEADLINE, events.recv()).await.unwrap();
        match event.expect("the stream ends with a completion or an error")? {
            GenerateEvent::Started { model } => panic!("{model} is the only model"),
            GenerateEvent::Token { text: piece, logprob } => {
                assert!(!piece.is_empty() && logprob <= 0.0);
                text.push_str(&piece);
            }
            GenerateEvent::Done(completion) => {
                assert!(events.recv().await.is_none());
                return Ok((text, completion));
            }
        }
    }
}

async fn ask(engine: &LlamaEngine, request: GenerateRequest) -> Completion {
    finish(start(engine, request).await).await.unwrap().1
}

#[tokio::test]
async fn it_loads_and_says_what_it_is() {
    let fixture = fixture().await;
    let status = fixture.engine.status();
    assert_eq!(status.model, "demonstration-weights");
    assert!(status.demonstration);
    assert!(status.size_bytes > 1_000_000);
    assert_eq!((status.context_tokens, status.queued), (2048, 0));
    assert_eq!(status.tokens_per_second, 0.0);
    let completion = ask(&fixture.engine, request(vec![user("hi")], 20)).await;
    assert_eq!(completion.model, "demonstration-weights");
    assert!(completion.confidence.is_some_and(|it| it > 0.0 && it < 1.0));
    assert!(fixture.engine.status().tokens_per_second > 0.0);
    fixture.engine.shutdown().await;
    let late = fixture.engine.generate(endless(), CancellationToken::new()).await;
    assert_eq!(late.unwrap_err(), EngineError::Stopped);
}

#[tokio::test]
async fn the_same_seed_gives_the_same_answer() {
    let fixture = fixture().await;
    let seeded = |seed| {
        let mut request = request(vec![user("tell me")], 40);
        request.sampling.temperature = 1.5;
        request.sampling.seed = Some(seed);
        request
    };
    let first = ask(&fixture.engine, seeded(7)).await;
    assert_eq!(first.text, ask(&fixture.engine, seeded(7)).await.text);
    assert_ne!(first.text, ask(&fixture.engine, seeded(8)).await.text);
    let greedy = || request(vec![user("tell me")], 40);
    let first = ask(&fixture.engine, greedy()).await;
    assert_eq!(first.text, ask(&fixture.engine, greedy()).await.text);
}

#[tokio::test]
async fn what_is_streamed_is_the_answer_and_max_tokens_ends_it() {
    let fixture = fixture().await;
    let events = start(&fixture.engine, request(vec![user("count")], 5)).await;
    let (streamed, completion) = finish(events).await.unwrap();
    assert_eq!(streamed, completion.text);
    assert_eq!(completion.finish, FinishReason::Length);
    assert_eq!(completion.usage.output_tokens, 5);
    assert!(completion.usage.input_tokens > 5);
    let none = ask(&fixture.engine, request(vec![user("count")], 0)).await;
    assert_eq!((none.text.as_str(), none.finish), ("", FinishReason::Length));
    assert_eq!(none.confidence, None);
}

#[tokio::test]
async fn a_stop_text_ends_the_answer_before_itself() {
    let fixture = fixture().await;
    let whole = ask(&fixture.engine, request(vec![user("stop me")], 30)).await.text;
    assert!(whole.len() >= 8 && whole.is_ascii(), "{whole:?}");
    let stop = whole[3..6].to_owned();
    let before = whole.split(&stop).next().unwrap();
    let mut request = request(vec![user("stop me")], 30);
    request.sampling.stop = vec![stop.clone()];
    let (streamed, completion) = finish(start(&fixture.engine, request).await).await.unwrap();
    assert_eq!(completion.finish, FinishReason::Stop);
    assert_eq!((streamed.as_str(), completion.text.as_str()), (before, before));
}

#[tokio::test]
async fn a_required_tool_is_called_with_arguments_of_its_schema() {
    let fixture = fixture().await;
    let schema = json!({
        "type": "object",
        "properties": {
            "mode": { "enum": ["fast", "slow"] },
            "path": { "type": "string", "maxLength": 12 },
            "deep": { "type": "boolean" },
        },
        "required": ["mode", "path", "deep"],
        "additionalProperties": false,
    });
    let tools = vec![tool("other", json!({})), tool("walk", schema)];
    for seed in 0..5 {
        let mut request = GenerateRequest {
            tools: tools.clone(),
            tool_choice: ToolChoice::Required("walk".parse().unwrap()),
            ..request(vec![user("walk")], 400)
        };
        request.sampling.temperature = 1.0;
        request.sampling.seed = Some(seed);
        let (streamed, completion) = finish(start(&fixture.engine, request).await).await.unwrap();
        assert_eq!(completion.finish, FinishReason::ToolCalls);
        assert_eq!(completion.text, "");
        assert!(streamed.starts_with("<tool_call>\n") && streamed.ends_with("\n</tool_call>"));
        let [call] = completion.tool_calls.as_slice() else { panic!("{completion:?}") };
        assert_eq!(call.name.as_str(), "walk");
        assert!(call.id.starts_with("call_"));
        let fields = call.arguments.as_object().unwrap();
        assert_eq!(fields.keys().collect::<Vec<_>>(), ["mode", "path", "deep"]);
        assert!(["fast", "slow"].contains(&fields["mode"].as_str().unwrap()));
        assert!(fields["path"].as_str().unwrap().chars().count() <= 12);
        assert!(fields["deep"].is_boolean());
    }
}

#[tokio::test]
async fn a_call_cut_by_max_tokens_is_no_call() {
    let fixture = fixture().await;
    let mut request = endless();
    request.sampling.max_tokens = 40;
    let completion = ask(&fixture.engine, request).await;
    assert_eq!(completion.finish, FinishReason::Length);
    assert_eq!((completion.text.as_str(), completion.tool_calls.len()), ("", 0));
}

#[tokio::test]
async fn requests_that_cannot_be_served_are_refused_at_once() {
    let fixture = fixture().await;
    let refuse = async |parameters: Value, name: &str| {
        let request = GenerateRequest {
            tools: vec![tool("known", parameters)],
            tool_choice: ToolChoice::Required(name.parse().unwrap()),
            ..request(vec![user("x")], 5)
        };
        fixture.engine.generate(request, CancellationToken::new()).await.unwrap_err()
    };
    assert_eq!(refuse(json!({}), "unknown").await.code(), "unknown_tool");
    let odd = json!({ "type": "object", "properties": { "a": { "$ref": "#/nowhere" } } });
    assert_eq!(refuse(odd, "known").await.code(), "tool_schema");
}

#[tokio::test]
async fn cancelling_ends_the_call_within_a_token() {
    let fixture = fixture().await;
    let cancel = CancellationToken::new();
    let mut events = fixture.engine.generate(endless(), cancel.clone()).await.unwrap();
    let first = timeout(DEADLINE, events.recv()).await.unwrap().unwrap().unwrap();
    assert!(matches!(first, GenerateEvent::Token { .. }));
    cancel.cancel();
    let (_, completion) = finish(events).await.unwrap();
    assert_eq!(completion.finish, FinishReason::Cancelled);
    assert!(completion.usage.output_tokens < 1000 && completion.tool_calls.is_empty());
    // Cancelled before it began: nothing is generated.
    let completion =
        finish(fixture.engine.generate(endless(), cancel).await.unwrap()).await.unwrap().1;
    assert_eq!((completion.finish, completion.usage.output_tokens), (FinishReason::Cancelled, 0));
}

#[tokio::test]
async fn dropping_the_receiver_frees_the_engine() {
    let fixture = fixture().await;
    let mut request = endless();
    request.sampling.max_tokens = u32::MAX;
    let mut events = start(&fixture.engine, request).await;
    events.recv().await.unwrap().unwrap();
    drop(events);
    let completion = ask(&fixture.engine, self::request(vec![user("hi")], 3)).await;
    assert_eq!(completion.usage.output_tokens, 3);
}

#[tokio::test]
async fn a_full_queue_refuses_and_shutting_down_answers_who_waits() {
    let fixture = fixture_with(|config| config.queue_limit = 2).await;
    let mut running = start(&fixture.engine, endless()).await;
    running.recv().await.unwrap().unwrap();
    let waiting = start(&fixture.engine, endless()).await;
    let cancel = CancellationToken::new();
    let cancelled = fixture.engine.generate(endless(), cancel.clone()).await.unwrap();
    assert_eq!(fixture.engine.status().queued, 2);
    let busy = fixture.engine.generate(endless(), CancellationToken::new()).await.unwrap_err();
    assert_eq!(busy, EngineError::Busy { queued: 2 });
    assert!(busy.is_retryable());
    // Who no longer wants an answer gives up the place.
    drop(cancelled);
    let late = start(&fixture.engine, endless()).await;
    timeout(DEADLINE, fixture.engine.shutdown()).await.unwrap();
    for events in [running, waiting, late] {
        assert_eq!(finish(events).await.unwrap_err(), EngineError::Stopped);
    }
}

#[tokio::test]
async fn files_that_are_no_models_are_told_apart() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &[u8]| -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let error = async |path: &Path| load(config(path)).await.unwrap_err();
    let missing = error(&folder.path().join("missing.gguf")).await;
    assert!(missing.to_string().contains("set AGENT_OS_MODEL to a GGUF file"), "{missing}");
    assert_eq!(missing.code(), "model_missing");
    assert_eq!(error(folder.path()).await.code(), "model_not_gguf");
    assert_eq!(error(&file("empty", b"")).await.code(), "model_not_gguf");
    assert_eq!(error(&file("zip", b"PK\x03\x04 and more")).await.code(), "model_not_gguf");
    assert_eq!(error(&file("short", b"GGUF\x03\0\0\0")).await.code(), "model_broken");
    let whole = folder.path().join("whole.gguf");
    write_tiny_model(&whole, 1).unwrap();
    let bytes = std::fs::read(&whole).unwrap();
    for length in [1000, bytes.len() / 2, bytes.len() - 64] {
        assert_eq!(error(&file("cut", &bytes[..length])).await.code(), "model_broken", "{length}");
    }
    load(config(&whole)).await.unwrap().shutdown().await;
}
