//! A full disk under the hub: what cannot be kept is refused, what was
//! accepted is never lost.
#![cfg(target_os = "linux")]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use agentos_domain::TaskStatus;
use agentos_tests::harness::{Hub, HubPorts, Place, System, check_whole, eventually, skip};
use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::json;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;

/// A disk of 2 MiB in memory.
struct SmallDisk {
    folder: PathBuf,
}

impl SmallDisk {
    fn mount(folder: PathBuf, owner: u32) -> Result<Self> {
        let options = format!("size=2m,mode=0700,uid={owner},gid={owner}");
        let output = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "agentos-small-disk"])
            .arg(&folder)
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "mount: {}", said.trim());
        Ok(Self { folder })
    }

    /// Takes all the space that is left; deleting the file gives it back.
    fn fill(&self) -> Result<PathBuf> {
        let path = self.folder.join("filler");
        let mut file = std::fs::File::create(&path)?;
        let block = [0; 4096];
        loop {
            match file.write_all(&block) {
                Ok(()) => {}
                Err(error) if error.kind() == std::io::ErrorKind::StorageFull => return Ok(path),
                Err(error) => return Err(error).context("cannot fill the disk"),
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A drop has nobody to tell.
        let _ = Command::new("umount").arg("--lazy").arg(&self.folder).status();
    }
}

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
    let disk = match SmallDisk::mount(place.folder("hub")?, user) {
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
