//! A task from its submission to its answer.

use std::time::Duration;

use agentos_domain::{Entry, TaskStatus, ToolOutcome};
use agentos_tests::harness::{Counts, Setup, System, check_whole};
use anyhow::{Context as _, Result};
use reqwest::{Method, StatusCode};
use serde_json::json;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const EDGE: &str = env!("CARGO_BIN_EXE_edge-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;
/// Tokens of a model call that lasts long enough to be interrupted.
const LONG: u32 = 2500;

/// The programs as they are delivered, with the model that the edge brings
/// along: it chooses the tool, and answers from the file.
#[tokio::test(flavor = "multi_thread")]
async fn a_task_completes_on_the_edge() -> Result<()> {
    let mut system = System::start(Setup::new(HUB, EDGE)).await?;
    let plan = b"Project: garden shed\nWifi password: QX-4471\nOwner: Mara Lind\n";
    system.client.upload("notes/plan.txt", plan).await?;
    system.client.upload("notes/other.txt", b"Wifi password: none\n").await?;
    let body = json!({ "input": "What is the wifi password according to notes/plan.txt?" });
    let request = system.client.request(Method::POST, "/api/tasks").json(&body);
    let reply = system.client.send(request).await?;
    assert_eq!(reply.status, StatusCode::OK, "{}", String::from_utf8_lossy(&reply.body));
    let request_id = reply.headers["x-request-id"].to_str()?;
    // One id leads through the logs of both machines.
    let (hub, edge) = (system.hub.process()?, system.edge.process()?);
    hub.says(&[request_id, "the edge has the run"]).await?;
    hub.says(&[request_id, "answered", "status=200"]).await?;
    edge.says(&[request_id, "chat", "the model answered"]).await?;
    edge.says(&[request_id, "execute_tool", "file_read", "the tool answered"]).await?;
    for log in [hub.output(), edge.output()] {
        assert!(!log.contains("wifi") && !log.contains("QX-4471"), "a log holds users' texts");
    }

    let answer = reply.json()?;
    let task: agentos_domain::Task = serde_json::from_value(answer.clone())?;
    let steps = system.client.steps(&task).await?;
    let counts = check_whole(&steps)?;
    assert_eq!(task.status, TaskStatus::Completed, "{steps:#?}");
    assert_eq!((counts.tool_results, counts.tool_retries), (1, 0), "{steps:#?}");
    let Entry::ToolResult { outcome: ToolOutcome::Ok(page), .. } = &steps[2].entry else {
        panic!("the call failed: {steps:#?}")
    };
    assert_eq!(page["path"], "notes/plan.txt");
    assert!(task.output.as_ref().is_some_and(|text| text.contains("QX-4471")), "{steps:#?}");
    let Some(Entry::Finished { output, .. }) = steps.last().map(|step| &step.entry) else {
        panic!("the last step is no answer: {steps:#?}")
    };
    assert_eq!(task.output.as_ref(), Some(output));
    assert_eq!(task.steps, steps.len() as u64);
    assert_eq!(task.tool_calls as usize, counts.tool_results);
    assert_eq!(task.model_used.as_deref(), Some("agentos-pocket"));
    assert!(task.started_at.is_some() && task.completed_at >= task.started_at);
    assert!(task.execution_time_ms.is_some());
    let usage = steps.iter().filter_map(|step| match &step.entry {
        Entry::ModelReply { usage, .. } => Some(*usage),
        _ => None,
    });
    let (input, output) =
        usage.fold((0, 0), |sum, usage| (sum.0 + usage.input_tokens, sum.1 + usage.output_tokens));
    assert!(input > 0 && output > 0);
    assert_eq!((task.input_tokens, task.output_tokens), (input, output));
    assert_eq!(answer["tokens"], json!({ "input": input, "output": output }));
    system.passed();
    Ok(())
}

/// A call that succeeds makes its path a source of the answer.
#[tokio::test(flavor = "multi_thread")]
async fn an_answer_names_its_sources() -> Result<()> {
    let system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    let task = system.submit(SHORT).await?;
    system.completed(&task).await?;
    let task = system.client.task(&task).await?;
    assert_eq!(task.context_sources, ["probe"]);
    system.passed();
    Ok(())
}

/// Who watches live sees what the journal holds, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn the_live_stream_is_the_journal() -> Result<()> {
    let system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    let task = system.submit(300).await?;
    let mut watch = system.client.watch(&task);
    watch.to_end().await?;
    let counts = system.completed(&task).await?;
    let whole = Counts { model_replies: 2, tool_intents: 1, tool_retries: 0, tool_results: 1 };
    assert_eq!(counts, whole);

    let steps = system.client.steps(&task).await?;
    assert_eq!(watch.steps()?, steps);
    let kinds: Vec<_> = watch.events.iter().map(|event| event.kind.as_str()).collect();
    assert_eq!(kinds.first(), Some(&"status"));
    let last = watch.events.last().context("no event")?;
    assert_eq!(last.data["status"], "completed");
    assert!(kinds.contains(&"model_started"), "{kinds:?}");
    watch.check_gapless(3)?;

    let Entry::ModelReply { text, .. } = &steps[3].entry else { panic!("{steps:#?}") };
    let streamed = watch.text_after(3);
    assert!(!streamed.is_empty() && text.starts_with(&streamed), "{streamed:?} of {text:?}");

    // A watcher who comes when all is over sees the same journal.
    let mut late = system.client.watch(&task);
    late.to_end().await?;
    assert_eq!(late.steps()?, steps);
    system.passed();
    Ok(())
}

/// Losing the connection in the middle of the tokens loses and repeats none.
#[tokio::test(flavor = "multi_thread")]
async fn a_reconnect_gives_each_token_once() -> Result<()> {
    let system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    let task = system.submit(LONG).await?;
    let (mut steady, mut broken) = (system.client.watch(&task), system.client.watch(&task));
    let interrupted = async {
        broken.until_token(3).await?;
        // Again and again, as long as the call lasts.
        for _ in 0..20 {
            for _ in 0..10 {
                broken.next().await?;
            }
            broken.disconnect();
        }
        broken.to_end().await
    };
    tokio::try_join!(steady.to_end(), interrupted)?;
    steady.check_gapless(3)?;
    broken.check_gapless(3)?;
    let tokens = |watch: &agentos_tests::harness::Watch| watch.text_after(3);
    assert_eq!(tokens(&steady), tokens(&broken));
    assert_eq!(steady.live(), broken.live());
    assert_eq!(steady.steps()?, broken.steps()?);
    system.completed(&task).await?;
    system.passed();
    Ok(())
}

/// The same request again is the same task; another under its key is refused.
#[tokio::test(flavor = "multi_thread")]
async fn an_idempotency_key_is_one_task() -> Result<()> {
    let system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    let ask = async |input: &str| {
        let request = system.client.request(Method::POST, "/api/tasks");
        let request = request.header("idempotency-key", "once").json(&json!({
            "input": input, "tool_choice": "file_list", "max_tokens": SHORT,
        }));
        system.client.send(request).await
    };
    let (first, again, other) = (ask("a").await?, ask("a").await?, ask("b").await?);
    assert_eq!(first.json()?["task_id"], again.json()?["task_id"]);
    assert!(!first.headers.contains_key("idempotency-replayed"));
    assert_eq!(again.headers["idempotency-replayed"], "true");
    assert_eq!(other.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(other.json()?["code"], "IDEMPOTENCY_MISMATCH");
    assert_eq!(system.probe.calls()?.len(), 1);
    system.passed();
    Ok(())
}

/// Nothing that the hub does after a run's end keeps the next one waiting.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_has_ended_takes_no_room() -> Result<()> {
    let mut setup = Setup::new(HUB, PROBED_EDGE);
    setup.hub_args = &["--runs-per-edge", "1"];
    let system = System::start(setup).await?;
    let mut tasks = Vec::new();
    for _ in 0..6 {
        tasks.push(system.submit(SHORT).await?);
    }
    let mut gaps = Vec::new();
    let mut before = None;
    for task in &tasks {
        let task = system.client.finished(task).await?;
        let (started, ended) = (task.started_at.context("no start")?, task.completed_at);
        gaps.extend(before.map(|before| started.since(before)));
        before = ended;
    }
    // The machine may be slow once, but not each time.
    let least = gaps.iter().min().context("no gap")?;
    assert!(*least < Duration::from_millis(500), "an edge was left idle: {gaps:?}");
    system.passed();
    Ok(())
}
