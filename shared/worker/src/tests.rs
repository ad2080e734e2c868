//! Runs against a scripted model and a hub in memory.

#![expect(clippy::disallowed_methods, reason = "tests make the files that runs then meet")]

use std::collections::{BTreeMap, VecDeque};
use std::io::Read as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use agentos_domain::{
    BlobHash, Entry, FileEntry, FinishReason, Journal, Manifest, SystemClock, TaskId, Tier,
    Timestamp, ToolCall, ToolClass, ToolError, ToolOutcome, ToolSpec, Usage, builtin_file_agent,
};
use agentos_generation::{
    Completion, Engine, EngineError, GenerateRequest, Generation, ScriptedEngine,
};
use agentos_run::RunConfig;
use agentos_tools::{Registry, Tool, ToolContext};
use async_trait::async_trait;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::attempts::Attempt;
use crate::blocking::Blocking;
use crate::error::WorkerError;
use crate::events::EventLog;
use crate::files::RunFiles;
use crate::hub::{Content, Hub, Open, Taken};
use crate::runner::{Assignment, Bench, Runner};
use crate::spool::Spool;

mod answers;
mod changes;
mod models;

const NOTE: &[u8] = b"the boiler was serviced in March";

/// A hub that keeps the journal and refuses from a given entry on.
#[derive(Default)]
struct MemoryHub {
    entries: Mutex<Vec<Entry>>,
    fetched: Mutex<Vec<BlobHash>>,
    /// What edges brought.
    blobs: Mutex<BTreeMap<BlobHash, Vec<u8>>>,
    /// What the next appends that bring changes meet.
    obstacles: Mutex<VecDeque<Taken>>,
    fenced_after: Option<usize>,
    /// The models that it has.
    models: ScriptedEngine,
}

/// The contents that these entries refer to.
fn contents(entries: &[Entry]) -> BTreeMap<BlobHash, u64> {
    let changes = entries.iter().filter_map(|entry| match entry {
        Entry::ToolResult { changes, .. } => Some(changes.contents()),
        _ => None,
    });
    changes.flatten().collect()
}

#[async_trait]
impl Hub for MemoryHub {
    async fn append(
        &self,
        _attempt: &Attempt,
        first_seq: u64,
        entries: &[Entry],
    ) -> Result<Taken, WorkerError> {
        let contents = contents(entries);
        let missing = |hash: &BlobHash| !self.blobs.lock().unwrap().contains_key(hash);
        let missing: Vec<_> = contents.keys().copied().filter(missing).collect();
        if !missing.is_empty() {
            return Ok(Taken::Missing(missing));
        }
        if !contents.is_empty()
            && let Some(obstacle) = self.obstacles.lock().unwrap().pop_front()
        {
            return Ok(obstacle);
        }
        let mut kept = self.entries.lock().unwrap();
        assert_eq!(first_seq, kept.len() as u64 + 1, "no gap and no repetition");
        if self.fenced_after.is_some_and(|limit| kept.len() + entries.len() > limit) {
            return Err(WorkerError::Fenced);
        }
        kept.extend(entries.iter().cloned());
        Ok(Taken::Durable)
    }

    async fn put(
        &self,
        _attempt: &Attempt,
        hash: &BlobHash,
        size: u64,
        open: &Open<'_>,
    ) -> Result<(), WorkerError> {
        let mut content = Vec::new();
        open()?.read_to_end(&mut content).unwrap();
        assert_eq!((BlobHash::of(&content), content.len() as u64), (*hash, size));
        self.blobs.lock().unwrap().insert(*hash, content);
        Ok(())
    }

    async fn release(&self, _attempt: &Attempt) -> Result<(), WorkerError> {
        Ok(())
    }

    async fn fetch(&self, _attempt: &Attempt, hash: &BlobHash) -> Result<Content, WorkerError> {
        self.fetched.lock().unwrap().push(*hash);
        let brought = self.blobs.lock().unwrap().get(hash).cloned();
        Ok(Box::new(std::io::Cursor::new(brought.unwrap_or_else(|| NOTE.to_vec()))))
    }

    async fn generate(
        &self,
        _attempt: &Attempt,
        request: &GenerateRequest,
    ) -> Result<Generation, EngineError> {
        self.models.generate(request.clone(), CancellationToken::new()).await
    }
}

fn says(text: &str, tool: Option<(&str, serde_json::Value)>) -> Completion {
    let tool_calls: Vec<_> = tool
        .map(|(name, arguments)| ToolCall {
            id: "call_1".into(),
            name: name.parse().unwrap(),
            arguments,
        })
        .into_iter()
        .collect();
    let finish = if tool_calls.is_empty() { FinishReason::Stop } else { FinishReason::ToolCalls };
    Completion {
        model: "scripted".into(),
        text: text.into(),
        tool_calls,
        finish,
        usage: Usage::default(),
        confidence: None,
        duration_ms: 0,
    }
}

struct Scene {
    dir: tempfile::TempDir,
    hub: Arc<MemoryHub>,
    engine: Arc<ScriptedEngine>,
    bench: Arc<Bench>,
    attempt: Arc<Attempt>,
    send: Arc<Send>,
    approval_required: bool,
    tier: Tier,
}

/// A tool that must not be called twice.
#[derive(Default)]
struct Send {
    calls: AtomicUsize,
    spec: OnceLock<ToolSpec>,
}

#[async_trait]
impl Tool for Send {
    fn spec(&self) -> &ToolSpec {
        self.spec.get_or_init(|| {
            ToolSpec::new(
                "send".parse().unwrap(),
                ToolClass::Once,
                "Sends a letter",
                serde_json::json!({ "type": "object", "required": ["to"] }),
            )
            // What the policy says is tried elsewhere.
            .with_effect(agentos_domain::Effect::None)
        })
    }

    async fn call(&self, arguments: Value, _: &ToolContext) -> Result<Value, ToolError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if arguments["to"] == "nobody" {
            std::future::pending::<()>().await;
        }
        Ok("sent".into())
    }
}

/// A tool that never comes to an end.
#[derive(Default)]
struct Wait {
    spec: OnceLock<ToolSpec>,
}

#[async_trait]
impl Tool for Wait {
    fn spec(&self) -> &ToolSpec {
        self.spec.get_or_init(|| {
            ToolSpec::new(
                "wait".parse().unwrap(),
                ToolClass::Read,
                "Waits",
                serde_json::json!({ "type": "object" }),
            )
        })
    }

    async fn call(&self, _: Value, _: &ToolContext) -> Result<Value, ToolError> {
        std::future::pending().await
    }
}

fn scene(script: Vec<Completion>, hub: MemoryHub, journal: &Journal) -> Scene {
    let dir = tempfile::tempdir().unwrap();
    let (hub, engine) = (Arc::new(hub), Arc::new(ScriptedEngine::new(script)));
    hub.entries.lock().unwrap().extend(journal.entries().iter().cloned());
    let (mut tools, send) = (Registry::with_file_tools(), Arc::new(Send::default()));
    tools.insert(Arc::clone(&send) as Arc<dyn Tool>).unwrap();
    tools.insert(Arc::new(Wait::default())).unwrap();
    tools.insert(Arc::new(changes::Edit::default())).unwrap();
    let bench = Bench {
        engine: Some(Arc::clone(&engine) as Arc<dyn Engine>),
        tools: Arc::new(tools),
        checker: None,
        files: RunFiles::open(dir.path(), u64::MAX, Blocking::Threads).unwrap(),
        spool: Spool::open(dir.path(), Blocking::Threads).unwrap(),
        hub: Arc::clone(&hub) as Arc<dyn Hub>,
        clock: Arc::new(SystemClock),
        fatal: CancellationToken::new(),
        draining: CancellationToken::new(),
    };
    let attempt = Attempt {
        task: TaskId::generate(),
        id: agentos_domain::AttemptId::generate(),
        fence: agentos_domain::Fence(1),
        events: Arc::new(EventLog::new(journal.len(), 0)),
        cancel: CancellationToken::new(),
    };
    let (bench, attempt) = (Arc::new(bench), Arc::new(attempt));
    Scene {
        dir,
        hub,
        engine,
        bench,
        attempt,
        send,
        approval_required: false,
        tier: Tier::LocalFast,
    }
}

impl Scene {
    fn assignment(&self, journal: Journal) -> Assignment {
        let mut agent = builtin_file_agent();
        agent.tools.extend(["send", "wait", "edit"].map(|tool| tool.parse().unwrap()));
        agent.approval_required = self.approval_required;
        agent.model_tier = self.tier;
        let config = RunConfig {
            task_id: self.attempt.task.clone(),
            user_input: "when was the boiler serviced?".into(),
            tools: self.bench.tools.specs_for(&agent.tools),
            agent,
            first_tool: None,
            granted: vec![],
        };
        let modified = Timestamp::from_millis(1_772_619_359_000);
        let entry = FileEntry { hash: BlobHash::of(NOTE), size: NOTE.len() as u64, modified };
        let manifest = Manifest { files: [("notes.md".parse().unwrap(), entry)].into() };
        let (durable, limit) = (journal.len(), Duration::from_secs(60));
        let (pinned, worked, spooled) = (vec![], Duration::ZERO, false);
        Assignment { config, journal, durable, manifest, pinned, limit, worked, spooled }
    }

    async fn run(&self, journal: Journal) -> Result<(), WorkerError> {
        let (bench, attempt) = (Arc::clone(&self.bench), Arc::clone(&self.attempt));
        Runner::run(bench, attempt, self.assignment(journal)).await
    }

    fn kinds(&self) -> Vec<&'static str> {
        self.hub.entries.lock().unwrap().iter().map(Entry::kind).collect()
    }
}

fn read_note() -> Completion {
    says("", Some(("file_read", serde_json::json!({ "path": "notes.md" }))))
}

#[tokio::test]
async fn a_run_reads_a_file_and_answers() {
    let script = vec![read_note(), says("In March.", None)];
    let scene = scene(script, MemoryHub::default(), &Journal::new());
    scene.run(Journal::new()).await.unwrap();
    let expected = ["model_reply", "tool_intent", "tool_result", "model_reply", "finished"];
    assert_eq!(scene.kinds(), expected);
    let entries = scene.hub.entries.lock().unwrap().clone();
    let Entry::ToolResult { outcome: ToolOutcome::Ok(result), .. } = &entries[2] else {
        panic!("{:?}", entries[2])
    };
    assert!(result["content"].as_str().unwrap().contains("serviced in March"));
    assert_eq!(scene.hub.fetched.lock().unwrap().len(), 1);
    let last = scene.engine.requests().last().unwrap().messages.last().unwrap().content.clone();
    assert!(last.contains("serviced in March"), "the model reads the tool's result");
    assert_eq!(scene.engine.ended_conversations(), [scene.attempt.id.to_string()]);
}

#[tokio::test]
async fn a_resumed_run_makes_the_open_call_again_and_nothing_else() {
    let call = read_note().tool_calls.remove(0);
    let begun = [
        Entry::ModelReply {
            model: "scripted".into(),
            text: String::new(),
            tool_calls: vec![call.clone()],
            finish: FinishReason::ToolCalls,
            usage: Usage::default(),
            confidence: None,
            duration_ms: 0,
        },
        Entry::ToolIntent {
            call,
            class: agentos_domain::ToolClass::Read,
            idempotency_key: "k".into(),
        },
    ];
    let journal = Journal::replay(begun).unwrap();
    let scene = scene(vec![says("In March.", None)], MemoryHub::default(), &journal);
    scene.run(journal).await.unwrap();
    let expected =
        ["model_reply", "tool_intent", "tool_retry", "tool_result", "model_reply", "finished"];
    assert_eq!(scene.kinds(), expected);
    assert_eq!(scene.engine.requests().len(), 1, "the first model call is not paid twice");
}

fn send() -> Completion {
    says("", Some(("send", serde_json::json!({ "to": "Ann" }))))
}

#[tokio::test]
async fn a_call_that_must_not_repeat_is_made_once() {
    let scene = scene(vec![send(), says("Sent.", None)], MemoryHub::default(), &Journal::new());
    scene.run(Journal::new()).await.unwrap();
    let expected = ["model_reply", "tool_intent", "tool_result", "model_reply", "finished"];
    assert_eq!(scene.kinds(), expected);
    assert_eq!(scene.send.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_lost_call_that_must_not_repeat_goes_to_a_person() {
    let call = send().tool_calls.remove(0);
    let intent = Entry::ToolIntent {
        call: call.clone(),
        class: ToolClass::Once,
        idempotency_key: "k".into(),
    };
    let journal = Journal::replay([send().into(), intent]).unwrap();
    let scene = scene(vec![], MemoryHub::default(), &journal);
    scene.run(journal).await.unwrap();
    assert_eq!(scene.kinds(), ["model_reply", "tool_intent", "tool_unknown"]);
    assert_eq!(scene.send.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_call_that_must_not_repeat_and_takes_too_long_goes_to_a_person() {
    let slow = says("", Some(("send", serde_json::json!({ "to": "nobody" }))));
    let scene = scene(vec![slow], MemoryHub::default(), &Journal::new());
    let mut assignment = scene.assignment(Journal::new());
    assignment.limit = Duration::from_secs(2);
    let (bench, attempt) = (Arc::clone(&scene.bench), Arc::clone(&scene.attempt));
    Runner::run(bench, attempt, assignment).await.unwrap();
    assert_eq!(scene.kinds(), ["model_reply", "tool_intent", "tool_unknown"]);
}

/// A tool or a model that takes too long does not take the whole run's time.
#[tokio::test]
async fn a_step_that_takes_too_long_ends_before_the_run() {
    let wait = says("", Some(("wait", serde_json::json!({}))));
    let scene = scene(vec![wait, says("Never mind.", None)], MemoryHub::default(), &Journal::new());
    let mut assignment = scene.assignment(Journal::new());
    assignment.config.agent.tool_timeout_seconds = 1;
    let (bench, attempt) = (Arc::clone(&scene.bench), Arc::clone(&scene.attempt));
    Runner::run(bench, attempt, assignment).await.unwrap();
    let expected = ["model_reply", "tool_intent", "tool_result", "model_reply", "finished"];
    assert_eq!(scene.kinds(), expected);
    let told = scene.engine.requests().last().unwrap().messages.last().unwrap().content.clone();
    assert!(told.contains("took longer than 1 s"), "the model is told: {told}");
}

#[tokio::test]
async fn a_call_that_a_person_has_to_confirm_is_not_made() {
    let bad = says("", Some(("send", serde_json::json!({}))));
    let script = vec![bad, read_note(), send()];
    let mut scene = scene(script, MemoryHub::default(), &Journal::new());
    scene.approval_required = true;
    scene.run(Journal::new()).await.unwrap();
    let looked = ["model_reply", "tool_refused", "model_reply", "tool_intent", "tool_result"];
    assert_eq!(scene.kinds()[..5], looked, "nobody is asked for what cannot be, or only looks");
    assert_eq!(scene.kinds()[5..], ["model_reply", "approval_asked"]);
    assert_eq!(scene.send.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn a_fenced_run_stops_before_the_effect() {
    let hub = MemoryHub { fenced_after: Some(1), ..MemoryHub::default() };
    let scene = scene(vec![read_note(), says("In March.", None)], hub, &Journal::new());
    assert!(matches!(scene.run(Journal::new()).await, Err(WorkerError::Fenced)));
    assert_eq!(scene.engine.requests().len(), 1);
}

#[tokio::test]
async fn bad_arguments_are_refused_and_told_to_the_model() {
    let bad = says("", Some(("file_read", serde_json::json!({ "file": 7 }))));
    let script = vec![bad, says("I could not read it.", None)];
    let scene = scene(script, MemoryHub::default(), &Journal::new());
    scene.run(Journal::new()).await.unwrap();
    assert_eq!(scene.kinds(), ["model_reply", "tool_refused", "model_reply", "finished"]);
    let told = scene.engine.requests().last().unwrap().messages.last().unwrap().content.clone();
    assert!(told.contains("invalid_arguments"), "{told}");
}

#[tokio::test]
async fn a_run_out_of_time_fails_with_the_reason() {
    let scene = scene(vec![says("late", None)], MemoryHub::default(), &Journal::new());
    let mut assignment = scene.assignment(Journal::new());
    assignment.limit = Duration::ZERO;
    let (bench, attempt) = (Arc::clone(&scene.bench), Arc::clone(&scene.attempt));
    Runner::run(bench, attempt, assignment).await.unwrap();
    let entries = scene.hub.entries.lock().unwrap().clone();
    assert!(matches!(entries.last(), Some(Entry::Failed { error }) if error.code == "timeout"));
}

#[tokio::test]
async fn a_cancelled_run_reports_nothing_more() {
    let scene = scene(vec![read_note()], MemoryHub::default(), &Journal::new());
    scene.attempt.cancel.cancel();
    assert!(matches!(scene.run(Journal::new()).await, Err(WorkerError::Cancelled)));
    assert!(scene.kinds().is_empty());
}
