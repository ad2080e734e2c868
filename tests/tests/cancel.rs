//! Cancelling a task stops its work and ends its journal.

use agentos_domain::{Entry, Step, Task, TaskStatus};
use agentos_tests::harness::{Setup, System, check_continued, check_whole};
use anyhow::Result;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;
/// Tokens of a model call that lasts long enough to be interrupted.
const LONG: u32 = 3000;

/// Cancels, and checks that nothing happens after it.
async fn cancel(system: System, task: &Task, before: &[Step]) -> Result<()> {
    let cancelled = system.client.cancel(task).await?;
    assert_eq!(cancelled.status, TaskStatus::Cancelled);
    let steps = system.client.steps(task).await?;
    check_continued(before, &steps)?;
    check_whole(&steps)?;
    assert_eq!(steps.len(), before.len() + 1, "{steps:#?}");
    assert!(matches!(steps[before.len()].entry, Entry::Cancelled { .. }), "{steps:#?}");
    // The edge lets go of it: the model and the tool have stopped.
    system.edge.works_on(&system.client, 0).await?;

    // Again: no error, no second end.
    let again = system.client.cancel(task).await?;
    assert_eq!(again.status, TaskStatus::Cancelled);
    // The edge is free for other work, and nothing came after the end.
    system.probe.open()?;
    let other = system.submit(SHORT).await?;
    let other = system.client.finished(&other).await?;
    assert_eq!(other.status, TaskStatus::Completed);
    assert_eq!(system.client.steps(task).await?, steps);
    assert_eq!(system.client.task(task).await?.status, TaskStatus::Cancelled);
    system.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_call_is_cancelled() -> Result<()> {
    let system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    // Held at the tool until the hub has heard of the run: what it hears after
    // the end is news then.
    system.probe.close()?;
    let task = system.submit(LONG).await?;
    system.probe.called(1).await?;
    system.edge.works_on(&system.client, 1).await?;
    system.probe.open()?;
    system.client.watch(&task).until_token(3).await?;
    let before = system.client.steps(&task).await?;
    cancel(system, &task, &before).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_call_is_cancelled() -> Result<()> {
    let system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    system.probe.close()?;
    let task = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    system.edge.works_on(&system.client, 1).await?;
    let before = system.client.steps(&task).await?;
    cancel(system, &task, &before).await
}

/// A task that nobody works on ends at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_task_is_cancelled() -> Result<()> {
    let mut system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    system.edge.kill()?;
    let task = system.submit(SHORT).await?;
    let cancelled = system.client.cancel(&task).await?;
    assert_eq!(cancelled.status, TaskStatus::Cancelled);
    system.restart_edge().await?;
    let other = system.submit(SHORT).await?;
    system.client.finished(&other).await?;
    let steps = system.client.steps(&task).await?;
    assert_eq!(steps.len(), 1);
    assert!(matches!(steps[0].entry, Entry::Cancelled { .. }), "{steps:#?}");
    system.passed();
    Ok(())
}
