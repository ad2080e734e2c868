//! `kill -9` at the worst moments. The task completes all the same, what was
//! finished stays as it was, and the tool is called as often as the journal
//! says.

use agentos_domain::{Entry, Step, Task};
use agentos_tests::harness::{Counts, Setup, System, check_continued, check_whole};
use anyhow::{Result, ensure};

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;
/// Tokens of a model call that lasts long enough to be interrupted.
const LONG: u32 = 2500;
/// Steps before the second model call: a reply, an intent, a result.
const BEFORE_ANSWER: u64 = 3;

/// A system that is in the middle of the model's answer.
async fn in_a_model_call(setup: Setup<'_>) -> Result<(System, Task, Vec<Step>)> {
    let system = System::start(setup).await?;
    let task = system.submit(LONG).await?;
    system.client.watch(&task).until_token(BEFORE_ANSWER).await?;
    let before = system.client.steps(&task).await?;
    ensure!(before.len() as u64 == BEFORE_ANSWER, "too late to interrupt: {before:#?}");
    Ok((system, task, before))
}

/// A system that is in the middle of a tool's call.
async fn in_a_tool_call(setup: Setup<'_>) -> Result<(System, Task, Vec<Step>)> {
    let system = System::start(setup).await?;
    system.probe.close()?;
    let task = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    let before = system.client.steps(&task).await?;
    let in_call = matches!(before.last().map(|step| &step.entry), Some(Entry::ToolIntent { .. }));
    ensure!(in_call, "not in a call: {before:#?}");
    Ok((system, task, before))
}

/// The end of every test: all is done, once.
async fn complete(system: System, task: &Task, before: &[Step]) -> Result<(Counts, Vec<Step>)> {
    let counts = system.completed(task).await?;
    let after = system.client.steps(task).await?;
    check_continued(before, &after)?;
    check_whole(&after)?;
    assert_eq!(counts.model_replies, 2, "{after:#?}");
    assert_eq!((counts.tool_intents, counts.tool_results), (1, 1), "{after:#?}");
    // Both calls, if there were two, had the key that the journal names.
    let keys: Vec<_> = after
        .iter()
        .filter_map(|step| match &step.entry {
            Entry::ToolIntent { idempotency_key, .. } => Some(idempotency_key.clone()),
            _ => None,
        })
        .collect();
    assert!(system.probe.calls()?.iter().all(|key| *key == keys[0]), "{keys:?}");
    system.passed();
    Ok((counts, after))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_dies_in_a_model_call() -> Result<()> {
    let (mut system, task, before) = in_a_model_call(Setup::new(HUB, PROBED_EDGE)).await?;
    system.edge.kill()?;
    ensure!(system.client.steps(&task).await? == before, "too late to interrupt");
    system.restart_edge().await?;
    let (counts, _) = complete(system, &task, &before).await?;
    assert_eq!(counts.tool_retries, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_edge_dies_in_a_tool_call() -> Result<()> {
    let (mut system, task, before) = in_a_tool_call(Setup::new(HUB, PROBED_EDGE)).await?;
    system.edge.kill()?;
    system.probe.open()?;
    system.restart_edge().await?;
    let (counts, after) = complete(system, &task, &before).await?;
    assert_eq!(counts.tool_retries, 1, "{after:#?}");
    Ok(())
}

/// Again and again: each try is in the journal, and the call has one result.
#[tokio::test(flavor = "multi_thread")]
async fn the_edge_dies_in_every_try_of_a_tool_call() -> Result<()> {
    let (mut system, task, before) = in_a_tool_call(Setup::new(HUB, PROBED_EDGE)).await?;
    for tries in 2..=4 {
        system.edge.kill()?;
        system.restart_edge().await?;
        system.probe.called(tries).await?;
    }
    system.probe.open()?;
    let (counts, after) = complete(system, &task, &before).await?;
    assert_eq!(counts.tool_retries, 3, "{after:#?}");
    Ok(())
}

/// A lease that outlasts the hub's absence on a slow machine: the edge that
/// holds the run goes on with it.
fn patient() -> Setup<'static> {
    let mut setup = Setup::new(HUB, PROBED_EDGE);
    setup.hub_args = &["--lease-seconds", "60"];
    setup
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_dies_in_a_model_call() -> Result<()> {
    let (mut system, task, before) = in_a_model_call(patient()).await?;
    let mut watch = system.client.watch(&task);
    watch.until_token(BEFORE_ANSWER).await?;
    system.hub.kill()?;
    system.restart_hub().await?;
    watch.to_end().await?;
    // The stream goes on where it broke off: nothing missing, nothing twice.
    watch.check_gapless(BEFORE_ANSWER)?;
    let steps = watch.steps()?;
    let (counts, after) = complete(system, &task, &before).await?;
    assert_eq!(counts.tool_retries, 0);
    assert!(after.iter().all(|step| step.fence == after[0].fence), "the run changed hands");
    assert_eq!(steps, after);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hub_dies_in_a_tool_call() -> Result<()> {
    let (mut system, task, before) = in_a_tool_call(patient()).await?;
    system.hub.kill()?;
    // The call ends while there is nobody to tell.
    system.probe.open()?;
    system.restart_hub().await?;
    let (counts, after) = complete(system, &task, &before).await?;
    assert_eq!(counts.tool_retries, 0, "{after:#?}");
    assert!(after.iter().all(|step| step.fence == after[0].fence), "the run changed hands");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_die_in_a_model_call() -> Result<()> {
    let (mut system, task, before) = in_a_model_call(Setup::new(HUB, PROBED_EDGE)).await?;
    system.hub.kill()?;
    system.edge.kill()?;
    system.restart_hub().await?;
    system.restart_edge().await?;
    let (counts, _) = complete(system, &task, &before).await?;
    assert_eq!(counts.tool_retries, 0);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_die_in_a_tool_call() -> Result<()> {
    let (mut system, task, before) = in_a_tool_call(Setup::new(HUB, PROBED_EDGE)).await?;
    system.edge.kill()?;
    system.hub.kill()?;
    system.probe.open()?;
    // The other way round: the edge is there first and waits for its hub.
    system.edge.run()?;
    system.restart_hub().await?;
    let (counts, after) = complete(system, &task, &before).await?;
    assert_eq!(counts.tool_retries, 1, "{after:#?}");
    Ok(())
}
