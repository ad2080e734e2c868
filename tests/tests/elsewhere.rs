//! Tasks that go on without their edge: at the hub, with the models that it has,
//! where they may; nowhere, where they may not. The cloud is a mock in the
//! test's own process.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Entry, Task, TaskStatus};
use agentos_mock_provider::{MockProvider, Script};
use agentos_tests::harness::{
    Client, Edge, Hub, HubPorts, Place, System, check_continued, check_whole, cloud_config,
    eventually, note,
};
use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens of a model call that lasts long enough to be interrupted.
const LONG: u32 = 2500;
/// What tasks say that may not leave the home network.
const CANARY: &str = "canary-8b1d4c";

/// A hub with a mock as its cloud, which works itself a second after the last
/// edge has gone, and an edge.
async fn system(mock: &MockProvider, engine: Value) -> Result<System> {
    let place = Arc::new(Place::new()?);
    let mut config = cloud_config(&mock.base_url(), json!({ "cache_responses": false }));
    config["engine"] = json!({ "elsewhere_after_seconds": 1, "lease_seconds": 2 });
    for (name, value) in engine.as_object().context("no settings")? {
        config["engine"][name] = value.clone();
    }
    let config = place.file("agent_os.yaml", config.to_string().as_bytes())?;
    let args = ["--config", config.to_str().context("a strange path")?];
    let mut hub = Hub::new(&place, HUB.as_ref(), place.folder("hub")?, HubPorts::free()?, &args);
    let client = hub.start().await?;
    System::with(place, hub, client, PROBED_EDGE.as_ref(), &[], |_: &mut Edge| ()).await
}

fn asking(input: &str, more: &Value) -> Value {
    let mut body = json!({ "input": input, "max_tokens": LONG, "temperature": 0, "wait": false });
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

/// A task that the edge is in the middle of a model call of.
async fn in_a_model_call(client: &Client, body: &Value) -> Result<Task> {
    let task = client.submit(body).await?;
    client.watch(&task).until_token(0).await?;
    Ok(task)
}

/// A cloud whose first answer calls a tool, a second after it was asked.
fn calls_a_tool_first() -> Script {
    let slow = Script { delay: Duration::from_secs(1), ..Script::text([""]) };
    slow.with_tool_call("call_1", "file_list", json!({}))
}

fn answered_by_cloud(task: &Task) -> Result<()> {
    ensure!(task.status == TaskStatus::Completed, "{task:#?}");
    ensure!(task.output.as_deref().is_some_and(|said| said.starts_with("w0 w1")), "{task:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_task_goes_on_at_the_hub_where_its_edge_is_lost() -> Result<()> {
    let mock = MockProvider::start(calls_a_tool_first()).await?;
    let mut system = system(&mock, json!({})).await?;
    system.client.upload("notes/boiler.md", b"serviced in March").await?;
    let elsewhere = json!({ "on_edge_lost": "elsewhere" });
    let task = in_a_model_call(&system.client, &asking("what is new?", &elsewhere)).await?;
    assert_eq!(mock.count(), 0, "the cloud was asked while the edge was well");
    system.edge.kill()?;
    let waits = system.client.submit(&asking("what is old?", &json!({}))).await?;
    let later = system.client.submit(&asking("and now?", &elsewhere)).await?;

    eventually("a call of the cloud", async || Ok((mock.count() >= 1).then_some(()))).await?;
    // Both of them call the tool once.
    eventually("both calls", async || Ok((mock.count() >= 2).then_some(()))).await?;
    mock.set(Script::words(5));
    for task in [&task, &later] {
        let task = system.client.finished(task).await?;
        answered_by_cloud(&task)?;
        ensure!(task.cost.0 > 0, "the calls of the cloud are not counted: {task:#?}");
        let steps = system.client.steps(&task).await?;
        check_whole(&steps)?;
        let listed = steps.iter().any(|step| {
            matches!(&step.entry, Entry::ToolResult { outcome, .. }
                if format!("{outcome:?}").contains("boiler.md"))
        });
        ensure!(listed, "the hub did not see the files: {steps:#?}");
    }
    let waiting = system.client.task(&waits).await?;
    ensure!(!waiting.status.is_final(), "it was to wait: {waiting:#?}");
    system.restart_edge().await?;
    assert_eq!(system.client.finished(&waits).await?.status, TaskStatus::Completed);
    system.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_is_killed_while_it_works_itself() -> Result<()> {
    let mock = MockProvider::start(calls_a_tool_first()).await?;
    let mut system = system(&mock, json!({ "on_edge_lost": "elsewhere" })).await?;
    system.edge.kill()?;
    let task = system.client.submit(&asking("what is new?", &json!({}))).await?;
    eventually("a call of the cloud", async || Ok((mock.count() >= 1).then_some(()))).await?;
    // The second call of the cloud does not end before the hub does.
    mock.set(Script { delay: Duration::from_secs(60), ..Script::words(5) });
    eventually("a second call", async || Ok((mock.count() >= 2).then_some(()))).await?;
    let before = system.client.steps(&task).await?;
    ensure!(before.len() >= 3, "the tool was not called: {before:#?}");
    system.hub.kill()?;
    mock.set(Script::words(5));
    system.restart_hub().await?;
    answered_by_cloud(&system.client.finished(&task).await?)?;
    let after = system.client.steps(&task).await?;
    check_continued(&before, &after)?;
    check_whole(&after)?;
    assert_eq!(mock.count(), 3, "what was durable was not asked again");
    system.passed();
    Ok(())
}

/// Whether the cloud was told what was to stay at home.
fn leaked(mock: &MockProvider) -> usize {
    let told = |body: &Value| body.to_string().matches(CANARY).count();
    mock.requests().iter().map(|request| told(&request.body)).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_at_home_waits_for_the_edge_whatever_fails() -> Result<()> {
    let mock = MockProvider::start(Script::words(5)).await?;
    let mut system = system(&mock, json!({ "on_edge_lost": "elsewhere" })).await?;
    let client = system.client.clone();
    client.upload("diary.md", format!("{CANARY} in a file").as_bytes()).await?;
    let private =
        |name: &str| asking(&format!("{CANARY} {name}"), &json!({ "privacy": "local_only" }));
    let mut kept = vec![in_a_model_call(&client, &private("in the middle of a call")).await?];
    system.edge.kill()?;
    for name in ["queued", "queued after it"] {
        kept.push(client.submit(&private(name)).await?);
    }
    // As a model of the gateway, an agent is bound by the header as well.
    let chat = json!({ "model": "agent/FileOpsAgent", "stream": true,
        "messages": [{ "role": "user", "content": format!("{CANARY} by the gateway") }] });
    let chat = client.request(Method::POST, "/v1/chat/completions").json(&chat);
    let chat = chat.header("x-agentos-privacy", "local_only").send().await?;
    ensure!(chat.status().is_success(), "{chat:?}");

    // Others go on meanwhile, so that there was somebody to tell.
    for round in 0..5 {
        let open = client.submit(&asking(&format!("round {round}"), &json!({}))).await?;
        answered_by_cloud(&client.finished(&open).await?)?;
        if round == 2 {
            system.hub.kill()?;
            system.restart_hub().await?;
        }
    }
    let client = system.client.clone();
    for task in &kept {
        let task = client.task(task).await?;
        ensure!(!task.status.is_final(), "it did not wait: {task:#?}");
    }
    assert_eq!(leaked(&mock), 0);
    let asked = mock.count();
    system.restart_edge().await?;
    for task in &kept {
        let task = system.client.finished(task).await?;
        ensure!(task.status == TaskStatus::Completed, "{task:#?}");
        assert_eq!(task.cost.0, 0, "{task:#?}");
    }
    assert_eq!((leaked(&mock), mock.count()), (0, asked));
    note(&format!("elsewhere: {} tasks stayed at home, {asked} calls of the cloud", kept.len()));
    system.passed();
    Ok(())
}
