//! What an edge has taken on survives its process: a restart goes on where it
//! was, and what the hub did not get is told it then.

use agentos_domain::{Entry, Step, Task};
use agentos_tests::harness::{Setup, System, check_continued, eventually};
use anyhow::{Result, ensure};

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;
/// Tokens of a model call that lasts long enough to be interrupted.
const LONG: u32 = 2500;

/// A lease that outlasts everything here.
fn patient(probe_class: &str) -> Setup<'_> {
    Setup { hub_args: &["--lease-seconds", "600"], probe_class, ..Setup::new(HUB, PROBED_EDGE) }
}

/// Waits until an entry of this kind is on the edge's disk.
async fn spooled(system: &System, kind: &str) -> Result<()> {
    let wal = system.edge.data.join("spool/spool.db-wal");
    let wanted = format!("\"type\":\"{kind}\"");
    eventually(&format!("a {kind} in the spool"), async || {
        let content = std::fs::read(&wal).unwrap_or_default();
        Ok(content.windows(wanted.len()).any(|part| part == wanted.as_bytes()).then_some(()))
    })
    .await
}

/// The end of every test: one call, in one attempt.
async fn complete(system: System, task: &Task, before: &[Step]) -> Result<()> {
    let counts = system.completed(task).await?;
    let steps = system.client.steps(task).await?;
    check_continued(before, &steps)?;
    ensure!(counts.tool_results == 1 && counts.tool_retries == 0, "{steps:#?}");
    let unknown = |step: &Step| matches!(step.entry, Entry::ToolUnknown { .. });
    ensure!(!steps.iter().any(unknown), "nobody needed to be asked: {steps:#?}");
    ensure!(steps.iter().all(|step| step.fence == steps[0].fence), "the run changed hands");
    system.passed();
    Ok(())
}

/// A call that must not repeat ends while the hub is away; then the edge dies
/// as well. Its result is not lost, so nobody has to be asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_the_hub_did_not_get_survives_both() -> Result<()> {
    let mut system = System::start(patient("once")).await?;
    system.probe.close()?;
    let task = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    let before = system.client.steps(&task).await?;
    system.hub.kill()?;
    system.probe.open()?;
    spooled(&system, "tool_result").await?;
    system.edge.kill()?;
    system.restart_hub().await?;
    system.restart_edge().await?;
    complete(system, &task, &before).await
}

/// A restarted edge goes on in the attempt that it had, with nothing done
/// twice but the model call that was under way.
#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_edge_goes_on_with_its_attempt() -> Result<()> {
    let mut system = System::start(patient("once")).await?;
    let task = system.submit(LONG).await?;
    system.client.watch(&task).until_token(3).await?;
    let before = system.client.steps(&task).await?;
    system.edge.kill()?;
    system.restart_edge().await?;
    complete(system, &task, &before).await
}
