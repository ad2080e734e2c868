//! A full disk under the hub: what cannot be kept is refused, what was
//! accepted is never lost.
#![cfg(target_os = "linux")]

use std::path::Path;
use std::sync::Arc;

use agentos_domain::TaskStatus;
use agentos_tests::harness::{
    Hub, HubPorts, Place, SmallDisk, System, check_whole, eventually, skip,
};
use anyhow::{Context as _, Result};
use reqwest::{Method, StatusCode};
use serde_json::json;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;

fn remove(path: &Path) -> Result<()> {
    std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_loses_nothing() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let Some(user) = place.user() else {
        let _ = skip("only root can mount a small disk");
        return Ok(());
    };
    let disk = match SmallDisk::mount(place.folder("hub")?, user, 2) {
        Ok(disk) => disk,
        Err(error) if skip(&format!("no small disk here: {error:#}")) => return Ok(()),
        Err(error) => return Err(error),
    };
    let data = disk.folder.clone();
    let mut hub = Hub::new(&place, HUB.as_ref(), data, HubPorts::free()?, &[]);
    let client = hub.start().await?;
    let talkative = ["--log-level", "info,agentos_worker=debug"];
    let edge = PROBED_EDGE.as_ref();
    let system = System::with(Arc::clone(&place), hub, client, edge, &talkative, |_| {});
    let mut system = system.await?;

    // A run is in the middle of a tool's call while the disk fills up.
    system.probe.close()?;
    let running = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    let filler = disk.fill()?;
    let refused = eventually("a refusal", async || {
        let request = system.client.request(Method::POST, "/api/tasks");
        // Large, so that no page with room is found.
        let body = json!({ "input": "x".repeat(50_000), "wait": false });
        let reply = system.client.send(request.json(&body)).await?;
        Ok((reply.status != StatusCode::ACCEPTED).then_some(reply))
    })
    .await?;
    assert_eq!(refused.status, StatusCode::INSUFFICIENT_STORAGE, "{:?}", refused.json());
    assert_eq!(refused.headers["content-type"], "application/problem+json");
    let problem = refused.json()?;
    assert_eq!(problem["code"], "STORAGE_FULL");
    assert_eq!(problem["status"], 507);
    assert!(problem["detail"].as_str().is_some_and(|text| text.contains("free some space")));

    // A file is refused as well, and what can be read is read.
    let upload = system.client.request(Method::PUT, "/api/files/large.bin");
    let upload = system.client.send(upload.body(vec![1_u8; 300_000])).await?;
    assert_eq!(upload.status, StatusCode::INSUFFICIENT_STORAGE, "{:?}", upload.json());
    assert_eq!(system.client.files().await?, Vec::<String>::new());
    let accepted = system.client.tasks().await?;
    assert!(accepted.iter().any(|task| task.task_id == running.task_id));

    // The run's next report finds no room, and is not dropped.
    let before = system.client.steps(&running).await?;
    system.probe.open()?;
    system.edge.process()?.says(&["the hub has not taken a report yet", "disk_full"]).await?;
    remove(&filler)?;
    let done = system.client.finished(&running).await?;
    assert_eq!(done.status, TaskStatus::Completed, "{done:#?}");
    let steps = system.client.steps(&running).await?;
    check_whole(&steps)?;
    assert_eq!(steps[..before.len()], before);

    all_are_kept(&mut system, accepted.len()).await?;
    system.passed();
    Ok(())
}

/// Everything that was accepted is there, also after a restart; new work is
/// done.
async fn all_are_kept(system: &mut System, accepted: usize) -> Result<()> {
    let after = system.submit(SHORT).await?;
    system.client.finished(&after).await?;
    let tasks = system.client.tasks().await?;
    assert_eq!(tasks.len(), accepted + 1);
    system.hub.kill()?;
    system.restart_hub().await?;
    let again = system.client.tasks().await?;
    let ids = |tasks: &[agentos_domain::Task]| {
        tasks.iter().map(|task| task.task_id.clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&again), ids(&tasks));
    Ok(())
}
