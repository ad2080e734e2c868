//! Files of the workspace, from the client to the tool and back.

use agentos_domain::{BlobHash, Entry, Task, ToolOutcome};
use agentos_tests::harness::{Setup, System};
use anyhow::{Context as _, Result};
use reqwest::{Method, StatusCode};
use serde_json::Value;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;

/// The files that the tool of a run found.
async fn listed(system: &System, task: &Task) -> Result<Vec<String>> {
    let found = found(system, task).await?;
    Ok(found.iter().filter_map(|file| Some(file["path"].as_str()?.to_owned())).collect())
}

/// All that the tool of a run told of files.
async fn found(system: &System, task: &Task) -> Result<Vec<Value>> {
    let steps = system.client.steps(task).await?;
    let result = steps.iter().find_map(|step| match &step.entry {
        Entry::ToolResult { outcome: ToolOutcome::Ok(value), .. } => Some(value.clone()),
        _ => None,
    });
    let result = result.with_context(|| format!("no result: {steps:#?}"))?;
    let entries = result["entries"].as_array().context("no entries")?;
    Ok(entries.iter().filter(|entry| entry["type"] == "file").cloned().collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn files_come_back_as_they_were_sent() -> Result<()> {
    let system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    let client = &system.client;
    // Larger than a chunk of the link, and every byte there is.
    let large: Vec<u8> = (0..700_000_u32).flat_map(|number| number.to_le_bytes()).collect();
    let entry = client.upload("data/large.bin", &large).await?;
    assert_eq!(entry["size"], large.len());
    assert_eq!(entry["hash"], BlobHash::of(&large).to_string());
    client.upload("a.txt", b"first").await?;
    client.upload("a.txt", b"second").await?;
    assert_eq!(client.files().await?, ["a.txt", "data/large.bin"]);

    let download = async |path: &str| {
        client.send(client.request(Method::GET, &format!("/api/files/{path}"))).await
    };
    let reply = download("data/large.bin").await?;
    assert_eq!((reply.status, &reply.body), (StatusCode::OK, &large));
    assert_eq!(reply.headers["x-content-type-options"], "nosniff");
    assert_eq!(download("a.txt").await?.body, b"second");

    // The edge fetches what it needs over the link, and lays it out whole.
    let task = system.submit(SHORT).await?;
    let mut watch = client.watch(&task);
    watch.to_end().await?;
    let fetched = watch.events.iter().find(|event| event.kind == "fetching");
    let bytes = fetched.map(|event| event.data["bytes"].clone());
    assert_eq!(bytes, Some((large.len() + b"second".len()).into()));
    system.completed(&task).await?;
    assert_eq!(listed(&system, &task).await?, ["a.txt", "data/large.bin"]);

    let deletion = client.send(client.request(Method::DELETE, "/api/files/a.txt")).await?;
    assert_eq!(deletion.status, StatusCode::NO_CONTENT);
    assert_eq!(client.files().await?, ["data/large.bin"]);
    assert_eq!(download("a.txt").await?.status, StatusCode::NOT_FOUND);
    system.passed();
    Ok(())
}

/// A run works on the files as they were when it was handed over.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_sees_a_snapshot() -> Result<()> {
    let system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    system.client.upload("before.txt", b"1").await?;
    system.probe.close()?;
    let task = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    system.client.upload("after.txt", b"2").await?;
    system.client.send(system.client.request(Method::DELETE, "/api/files/before.txt")).await?;
    system.probe.open()?;
    system.completed(&task).await?;
    assert_eq!(listed(&system, &task).await?, ["before.txt"]);

    let later = system.submit(SHORT).await?;
    system.client.finished(&later).await?;
    assert_eq!(listed(&system, &later).await?, ["after.txt"]);
    system.passed();
    Ok(())
}

/// What a tool tells of a file's time is what its owner's machine said, also
/// where files share their content, and in a second run, from the cache.
#[tokio::test(flavor = "multi_thread")]
async fn files_keep_their_times() -> Result<()> {
    let system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    let client = &system.client;
    for (path, content, date) in [
        ("a.txt", "same", "Wed, 04 Mar 2026 10:15:59 GMT"),
        ("b.txt", "same", "Mon, 31 Dec 2001 23:59:00 GMT"),
        ("c.txt", "other", "Sat, 01 Jan 2050 00:00:00 GMT"),
    ] {
        let upload = client.request(Method::PUT, &format!("/api/files/{path}"));
        let reply = client.send(upload.header("last-modified", date).body(content)).await?;
        assert_eq!(reply.status, StatusCode::CREATED);
        let download = client.request(Method::GET, &format!("/api/files/{path}"));
        assert_eq!(client.send(download).await?.headers["last-modified"], date);
    }
    for _ in 0..2 {
        let task = system.submit(SHORT).await?;
        let task = client.finished(&task).await?;
        let files = found(&system, &task).await?;
        let times: Vec<_> = files.iter().map(|file| file["modified"].as_str()).collect();
        let expected = ["2026-03-04T10:15Z", "2001-12-31T23:59Z", "2050-01-01T00:00Z"];
        assert_eq!(times, expected.map(Some), "{files:#?}");
    }
    system.passed();
    Ok(())
}
