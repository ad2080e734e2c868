//! Files that tools write, while machines are killed. What a call changed comes
//! with its result, once, or not at all.

use agentos_domain::{Entry, Task};
use agentos_tests::harness::{Setup, System, check_continued, eventually};
use anyhow::{Context as _, Result, ensure};
use reqwest::{Method, StatusCode};

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;
/// Tokens of a model call that lasts long enough to be interrupted.
const LONG: u32 = 2500;
/// Steps before the second model call: a reply, an intent, a result.
const BEFORE_ANSWER: u64 = 3;
/// What the workspace has before a run.
const BEFORE: &str = "before\n";

/// The tool adds its key to the file `log.md`.
async fn start() -> Result<System> {
    let mut setup = Setup::new(HUB, PROBED_EDGE);
    setup.probe_class = "idempotent";
    setup.hub_args = &["--lease-seconds", "60"];
    let system = System::start(setup).await?;
    system.client.upload("log.md", BEFORE.as_bytes()).await?;
    system.client.upload("other.md", b"untouched").await?;
    Ok(system)
}

async fn download(system: &System, path: &str) -> Result<String> {
    let request = system.client.request(Method::GET, &format!("/api/files/{path}"));
    let reply = system.client.send(request).await?;
    ensure!(reply.status == StatusCode::OK, "{path}: {}", reply.status);
    Ok(String::from_utf8(reply.body)?)
}

/// The log after one call of the run.
async fn expected(system: &System, task: &Task) -> Result<String> {
    let steps = system.client.steps(task).await?;
    let key = steps.iter().find_map(|step| match &step.entry {
        Entry::ToolIntent { idempotency_key, .. } => Some(idempotency_key.clone()),
        _ => None,
    });
    Ok(format!("{BEFORE}{}\n", key.context("no call")?))
}

/// The end: one line more, whatever happened.
async fn complete(system: System, task: &Task, retries: usize) -> Result<()> {
    let counts = system.completed(task).await?;
    assert_eq!((counts.tool_results, counts.tool_retries), (1, retries));
    assert_eq!(download(&system, "log.md").await?, expected(&system, task).await?);
    assert_eq!(system.client.files().await?, ["log.md", "other.md"]);
    assert_eq!(download(&system, "other.md").await?, "untouched");
    system.passed();
    Ok(())
}

/// The first try had written; nobody saw it, and the second begins anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_edge_dies_in_a_call_that_has_written() -> Result<()> {
    let mut system = start().await?;
    system.probe.close()?;
    let task = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    for tries in 2..=3 {
        system.edge.kill()?;
        assert_eq!(download(&system, "log.md").await?, BEFORE);
        system.restart_edge().await?;
        system.probe.called(tries).await?;
    }
    system.probe.open()?;
    complete(system, &task, 2).await
}

/// What a finished step wrote is in the workspace, and the next executor works
/// on it. It has nothing of the first but its name.
#[tokio::test(flavor = "multi_thread")]
async fn the_edge_dies_after_a_step_that_wrote() -> Result<()> {
    let mut system = start().await?;
    let task = system.submit(LONG).await?;
    system.client.watch(&task).until_token(BEFORE_ANSWER).await?;
    let before = system.client.steps(&task).await?;
    ensure!(before.len() as u64 == BEFORE_ANSWER, "too late to interrupt: {before:#?}");
    let log = expected(&system, &task).await?;
    assert_eq!(download(&system, "log.md").await?, log, "before the run ends");
    system.edge.kill()?;
    for folder in ["blobs", "spool"] {
        std::fs::remove_dir_all(system.edge.data.join(folder))
            .with_context(|| format!("no folder {folder}"))?;
    }
    // Somebody else goes on in the workspace: no matter of this run.
    system.client.upload("log.md", b"a much longer text of somebody else").await?;
    let mut watch = system.client.watch(&task);
    system.restart_edge().await?;
    watch.to_end().await?;
    let fetched = watch.events.iter().rfind(|event| event.kind == "fetching");
    let bytes = fetched.map(|event| event.data["bytes"].clone());
    assert_eq!(bytes, Some((log.len() + "untouched".len()).into()));
    let counts = system.completed(&task).await?;
    assert_eq!((counts.tool_results, counts.tool_retries), (1, 0));
    check_continued(&before, &system.client.steps(&task).await?)?;
    assert!(download(&system, "log.md").await?.ends_with("somebody else"), "written once");
    system.passed();
    Ok(())
}

/// The call ends while the hub is away; then its edge is killed, too. Result
/// and content are on its disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_result_that_nobody_could_take_comes_with_its_content() -> Result<()> {
    let mut system = start().await?;
    system.probe.close()?;
    let task = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    system.hub.kill()?;
    system.probe.open()?;
    let spool = system.edge.data.join("spool/spool.db-wal");
    eventually("a result in the spool", async || {
        let kept = std::fs::read(&spool)?;
        let word = b"\"tool_result\"";
        Ok(kept.windows(word.len()).any(|part| part == word).then_some(()))
    })
    .await?;
    system.edge.kill()?;
    system.restart_hub().await?;
    assert_eq!(download(&system, "log.md").await?, BEFORE);
    system.restart_edge().await?;
    complete(system, &task, 0).await
}

/// Two change one file. Both contents are there afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_run_and_a_person_change_one_file() -> Result<()> {
    let system = start().await?;
    system.probe.close()?;
    let task = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    system.client.upload("log.md", b"theirs").await?;
    system.probe.open()?;
    system.completed(&task).await?;
    let kept = format!("log ({}).md", task.task_id);
    assert_eq!(system.client.files().await?, [kept.as_str(), "log.md", "other.md"]);
    assert_eq!(download(&system, "log.md").await?, "theirs");
    assert_eq!(download(&system, &kept).await?, expected(&system, &task).await?);
    system.passed();
    Ok(())
}
