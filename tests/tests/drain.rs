//! Edges that are stopped or drained: nothing of theirs is lost or has to wait.

use agentos_domain::{Entry, TaskStatus};
use agentos_tests::harness::{Setup, System, check_continued};
use anyhow::{Result, ensure};
use reqwest::Method;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;

/// A lease that outlasts everything here: whoever had to wait for its end would
/// wait too long.
fn patient() -> Setup<'static> {
    let hub_args = &["--lease-seconds", "600"];
    Setup { hub_args, probe_class: "once", ..Setup::new(HUB, PROBED_EDGE) }
}

/// An edge that is told to stop ends the step that it is in, gives its run back
/// and ends; the run goes on with the next edge that there is.
#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_edge_ends_its_step_and_gives_the_run_back() -> Result<()> {
    let mut system = System::start(patient()).await?;
    system.probe.close()?;
    let task = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    let before = system.client.steps(&task).await?;
    system.edge.process()?.terminate()?;
    system.probe.open()?;
    let status = system.edge.process()?.exit().await?;
    ensure!(status.success(), "{status}");
    system.client.reaches(&task, TaskStatus::Pending).await?;
    let steps = system.client.steps(&task).await?;
    check_continued(&before, &steps)?;
    let last = steps.last().map(|step| &step.entry);
    ensure!(matches!(last, Some(Entry::ToolResult { .. })), "the step was ended: {steps:#?}");
    system.restart_edge().await?;
    let counts = system.completed(&task).await?;
    ensure!((counts.tool_intents, counts.tool_retries) == (1, 0), "{counts:?}");
    system.passed();
    Ok(())
}

async fn edge_verb(system: &System, verb: &str) -> Result<serde_json::Value> {
    let id = system.client.edge(&system.edge.name).await?["edge_id"].clone();
    let path = format!("/api/edges/{}/{verb}", id.as_str().unwrap_or_default());
    system.client.send(system.client.request(Method::POST, &path)).await?.json()
}

/// A drained edge goes on with what it has and gets nothing new, also after
/// restarts, until it is resumed.
#[tokio::test(flavor = "multi_thread")]
async fn a_drained_edge_ends_its_work_and_gets_no_more() -> Result<()> {
    let mut system = System::start(patient()).await?;
    system.probe.close()?;
    let first = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    let edge = edge_verb(&system, "drain").await?;
    ensure!(edge["draining_since"].is_string(), "{edge}");
    system.probe.open()?;
    system.completed(&first).await?;
    let second = system.submit(SHORT).await?;
    system.hub.kill()?;
    system.restart_hub().await?;
    system.edge.connected(&system.client).await?;
    system.edge.works_on(&system.client, 0).await?;
    ensure!(system.client.task(&second).await?.status == TaskStatus::Pending);
    let edge = edge_verb(&system, "resume").await?;
    ensure!(edge["draining_since"].is_null(), "{edge}");
    let second = system.client.finished(&second).await?;
    ensure!(second.status == TaskStatus::Completed, "{second:#?}");
    system.passed();
    Ok(())
}
