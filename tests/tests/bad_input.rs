//! What cannot work ends with one line that says what to do, and harms nothing.

use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::Arc;

use agentos_domain::TaskStatus;
use agentos_tests::harness::{Client, Edge, EdgeProgram, Hub, HubPorts, Place, Process};
use anyhow::{Context as _, Result};
use serde_json::json;

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const EDGE: &str = env!("CARGO_BIN_EXE_edge-under-test");

fn hub(place: &Arc<Place>, data: &str, ports: HubPorts) -> Result<Hub> {
    Ok(Hub::new(place, HUB.as_ref(), place.folder(data)?, ports, &[]))
}

/// The process ends with code 1 and one line `error: …` that holds all `words`.
async fn ends_with(process: &mut Process, words: &[&str]) -> Result<()> {
    let status = process.exit().await?;
    let said = process.output();
    assert_eq!(status.code(), Some(1), "{said}");
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "not one line `error: …`:\n{said}");
    assert_eq!(said.lines().last(), errors.first().copied(), "something follows it:\n{said}");
    assert!(!said.contains("panicked"), "{said}");
    let missing: Vec<_> = words.iter().filter(|word| !errors[0].contains(**word)).collect();
    assert!(missing.is_empty(), "{missing:?} not in {:?}", errors[0]);
    Ok(())
}

/// A file of random weights, as the edge makes it for itself.
fn model(path: &Path) -> Result<Vec<u8>> {
    agentos_inference::tiny::write_tiny_model(path, 1)?;
    Ok(std::fs::read(path)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unusable_model_ends_the_edge() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let mut hub = hub(&place, "hub", HubPorts::free()?)?;
    let client = hub.start().await?;
    let whole = model(&place.path("whole.gguf"))?;
    place.file("empty.gguf", b"")?;
    place.file("text.gguf", b"These are no weights, but the length would do for a header.")?;
    place.file("cut.gguf", &whole[..whole.len() / 2])?;
    place.file("header-only.gguf", &whole[..4])?;
    let mut garbled = whole.clone();
    garbled[8..16].fill(0xff);
    place.file("garbled.gguf", &garbled)?;

    let joined = Edge::new(&place, EdgeProgram::plain(EDGE.as_ref()), "edge")?;
    joined.join(&hub.ports.link.to_string(), &client.invite().await?).await?;
    for (file, words) in [
        ("missing.gguf", ["no model file at", "AGENT_OS_MODEL"]),
        ("empty.gguf", ["is not a GGUF file", "AGENT_OS_MODEL"]),
        ("text.gguf", ["is not a GGUF file", "AGENT_OS_MODEL"]),
        ("cut.gguf", ["truncated, damaged", "download it again"]),
        ("header-only.gguf", ["truncated, damaged", "download it again"]),
        ("garbled.gguf", ["truncated, damaged", "download it again"]),
    ] {
        let mut program = EdgeProgram::plain(EDGE.as_ref());
        program.args = vec!["--model".to_owned(), place.path(file).display().to_string()];
        // The same name: the folder of the edge that joined.
        let mut edge = Edge::new(&place, program, "edge")?;
        let path = place.path(file).display().to_string();
        ends_with(edge.run()?, &[&path, words[0], words[1]]).await.context(file)?;
    }
    assert_eq!(client.edge("edge").await?["connected"], false);
    place.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_port_is_named_with_the_option_that_changes_it() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let (ports, others) = (HubPorts::free()?, HubPorts::free()?);
    let mut first = hub(&place, "hub", ports)?;
    let client = first.start().await?;

    let mut same_api = hub(&place, "api", HubPorts { api: ports.api, ..others })?;
    same_api.launch()?;
    let port = ports.api.port().to_string();
    ends_with(same_api.process()?, &[&port, "in use", "--listen"]).await?;

    let mut same_link = hub(&place, "link", HubPorts { link: ports.link, ..others })?;
    same_link.launch()?;
    let port = ports.link.port().to_string();
    ends_with(same_link.process()?, &[&port, "in use", "--link-listen"]).await?;

    // Neither has harmed the first, nor its own folder.
    client.health().await?;
    let mut elsewhere = hub(&place, "link", others)?;
    elsewhere.start().await?;
    place.passed();
    Ok(())
}

async fn submit(client: &Client) -> Result<agentos_domain::Task> {
    client.submit(&json!({ "input": "Wait for an edge." })).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_hub_on_the_same_data_is_refused() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let mut first = hub(&place, "hub", HubPorts::free()?)?;
    let client = first.start().await?;
    let task = submit(&client).await?;
    let mut second = hub(&place, "hub", HubPorts::free()?)?;
    second.launch()?;
    ends_with(second.process()?, &["in use by another hub", "stop that one"]).await?;
    assert_eq!(client.task(&task).await?.status, TaskStatus::Pending);
    submit(&client).await?;
    place.passed();
    Ok(())
}

/// Raises the schema version in the header of the database, as a newer hub
/// would have.
fn raise_version(database: &Path, version: u32) -> Result<[u8; 4]> {
    let before = std::fs::read(database)?[60..64].try_into()?;
    write_version(database, version.to_be_bytes())?;
    Ok(before)
}

fn write_version(database: &Path, version: [u8; 4]) -> Result<()> {
    let mut file = std::fs::OpenOptions::new().write(true).open(database)?;
    file.seek(SeekFrom::Start(60))?;
    file.write_all(&version)?;
    Ok(file.sync_all()?)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_of_a_newer_version_is_left_alone() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let mut hub = hub(&place, "hub", HubPorts::free()?)?;
    let client = hub.start().await?;
    let task = submit(&client).await?;
    hub.process()?.terminate()?;
    assert!(hub.process()?.exit().await?.success(), "{}", hub.process()?.output());
    let database = hub.data.join("agent_os.db");
    let wal = hub.data.join("agent_os.db-wal");
    assert!(!wal.exists() || std::fs::metadata(&wal)?.len() == 0, "the stop left a log behind");

    let before = raise_version(&database, 999)?;
    let content = std::fs::read(&database)?;
    hub.launch()?;
    ends_with(hub.process()?, &["newer version", "999", "install that version"]).await?;
    assert!(std::fs::read(&database)? == content, "the refused database was changed");

    // The version that fits finds everything.
    write_version(&database, before)?;
    let client = hub.start().await?;
    assert_eq!(client.task(&task).await?.status, TaskStatus::Pending);
    place.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_no_database_is_left_alone() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let mut hub = hub(&place, "hub", HubPorts::free()?)?;
    let content = b"The diary of somebody who likes short file names. ".repeat(100);
    let database = place.file("hub/agent_os.db", &content)?;
    hub.launch()?;
    let words = ["agent_os.db", "is no database of this program", "move that file away"];
    ends_with(hub.process()?, &words).await?;
    assert!(std::fs::read(&database)? == content, "the foreign file was changed");
    place.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreachable_hub_is_named() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let mut hub = hub(&place, "hub", HubPorts::free()?)?;
    let client = hub.start().await?;
    let (first, second) = (client.invite().await?, client.invite().await?);
    let address = hub.ports.link.to_string();
    let mut edge = Edge::new(&place, EdgeProgram::plain(EDGE.as_ref()), "edge")?;
    edge.join(&address, &first).await?;
    hub.kill()?;

    let other = Edge::new(&place, EdgeProgram::plain(EDGE.as_ref()), "other")?;
    let (code, said) = other.try_join(&address, &second).await?;
    assert_eq!(code, 1, "{said}");
    let errors: Vec<_> = said.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "{said}");
    assert!(errors[0].contains(&format!("no hub at {address}")), "{said}");
    assert!(errors[0].contains("is it running"), "{said}");

    // One that has joined keeps trying, says so, and finds the hub when it is there.
    edge.run()?.says(&["no hub at", &address]).await?;
    assert!(edge.process()?.is_running()?);
    let client = hub.start().await?;
    edge.connected(&client).await?;
    place.passed();
    Ok(())
}
