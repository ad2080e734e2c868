//! Who may join, and who is shut out.
//!
//! Expired tokens, foreign certificates and raw connections are tested in the
//! crate `agentos-link`, where the clock and the certificates are in hand.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock, TaskStatus};
use agentos_tests::harness::{
    Edge, EdgeProgram, Hub, HubPorts, Launch, Place, Process, Setup, System, check_whole,
    eventually,
};
use anyhow::{Context as _, Result};

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const EDGE: &str = env!("CARGO_BIN_EXE_edge-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;

/// The line that says why a program ended; there is exactly one.
fn error_line(output: &str) -> Result<String> {
    let errors: Vec<_> = output.lines().filter(|line| line.starts_with("error: ")).collect();
    assert_eq!(errors.len(), 1, "not one line `error: …`:\n{output}");
    Ok(errors.first().context("no error")?.to_string())
}

/// A token with its last character changed: the checksum does not fit.
fn altered(token: &str) -> String {
    let (start, last) = token.split_at(token.len() - 1);
    // The last character holds padding bits: change the one before it as well.
    let (start, before) = start.split_at(start.len() - 1);
    let other = |character: &str| if character == "A" { "B" } else { "A" };
    format!("{start}{}{last}", other(before))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_unused_token_lets_an_edge_join() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let mut hub = Hub::new(&place, HUB.as_ref(), place.folder("hub")?, HubPorts::free()?, &[]);
    let client = hub.start().await?;
    let mut strange =
        Hub::new(&place, HUB.as_ref(), place.folder("other-hub")?, HubPorts::free()?, &[]);
    let strange_client = strange.start().await?;
    let address = hub.ports.link.to_string();
    let edge = Edge::new(&place, EdgeProgram::plain(EDGE.as_ref()), "edge")?;

    let token = client.invite().await?;
    let (code, said) = edge.try_join(&address, "not-a-token").await?;
    assert_eq!(code, 1, "{said}");
    assert!(error_line(&said)?.contains("not a join token"), "{said}");
    let (code, said) = edge.try_join(&address, &altered(&token)).await?;
    assert_eq!(code, 1, "{said}");
    assert!(error_line(&said)?.contains("was altered"), "{said}");
    // The token of one hub at another one: the edge sends it nothing.
    let foreign = strange_client.invite().await?;
    let (code, said) = edge.try_join(&address, &foreign).await?;
    assert_eq!(code, 1, "{said}");
    assert!(error_line(&said)?.contains("another hub answers"), "{said}");
    assert_eq!(client.edges().await?.len(), 0);

    // None of that has used the real one up.
    edge.join(&address, &token).await?;
    let second = Edge::new(&place, EdgeProgram::plain(EDGE.as_ref()), "second")?;
    let (code, said) = second.try_join(&address, &token).await?;
    assert_eq!(code, 1, "{said}");
    assert!(error_line(&said)?.contains("this token has been used"), "{said}");
    assert_eq!(client.edges().await?.len(), 1);

    // An edge that has joined keeps its identity unless it is told otherwise.
    let (code, said) = edge.try_join(&address, &client.invite().await?).await?;
    assert_eq!(code, 1, "{said}");
    assert!(error_line(&said)?.contains("--replace"), "{said}");
    place.passed();
    Ok(())
}

/// The command on the hub's own machine gives a token that works.
#[tokio::test(flavor = "multi_thread")]
async fn the_hub_itself_can_invite() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let mut hub = Hub::new(&place, HUB.as_ref(), place.folder("hub")?, HubPorts::free()?, &[]);
    let client = hub.start().await?;
    let data = hub.data.display().to_string();
    let invite = Launch::new("invite", HUB.as_ref(), ["edge", "invite", "--data", &data]);
    let mut process = Process::start(&place, &invite)?;
    assert!(process.exit().await?.success(), "{}", process.output());
    let edge = Edge::new(&place, EdgeProgram::plain(EDGE.as_ref()), "edge")?;
    edge.join(&hub.ports.link.to_string(), process.output().trim()).await?;
    assert_eq!(client.edge("edge").await?["connected"], false);
    place.passed();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_edge_without_a_certificate_says_what_to_do() -> Result<()> {
    let place = Arc::new(Place::new()?);
    let mut program = EdgeProgram::plain(EDGE.as_ref());
    program.args = vec!["--hub".to_owned(), HubPorts::free()?.link.to_string()];
    let mut edge = Edge::new(&place, program, "edge")?;
    let process = edge.run()?;
    assert_eq!(process.exit().await?.code(), Some(1));
    let line = error_line(&process.output())?;
    assert!(line.contains("has not joined") && line.contains("agentos-edge join"), "{line}");
    place.passed();
    Ok(())
}

/// A revoked edge is cut off at once, its work goes to others, and it does not
/// come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_edge_is_cut_off() -> Result<()> {
    let mut system = System::start(Setup::new(HUB, PROBED_EDGE)).await?;
    system.probe.close()?;
    let task = system.submit(SHORT).await?;
    system.probe.called(1).await?;
    let before = system.client.steps(&task).await?;
    let info = system.client.edge("edge").await?;
    let id = info["edge_id"].as_str().context("no id")?.to_owned();

    let reply = system.client.revoke(&id).await?;
    assert_eq!(reply["revoked"], true);
    let start = SystemClock.monotonic();
    eventually("the end of the session", async || {
        Ok((system.client.edge("edge").await?["connected"] == false).then_some(()))
    })
    .await?;
    let took = SystemClock.monotonic().saturating_sub(start);
    assert!(took <= Duration::from_secs(2), "the session lasted {took:?} after the revocation");
    let pending = system.client.reaches(&task, TaskStatus::Pending).await?;
    assert_eq!(pending.steps, before.len() as u64);

    // It can neither finish what it was at nor come back.
    system.probe.open()?;
    let refused = system.edge.process()?.says(&["the hub refuses this edge"]).await?;
    assert!(refused.contains("revoked"), "{refused}");
    system.edge.kill()?;
    let again = system.edge.run()?;
    let refused = again.says(&["the hub refuses this edge"]).await?;
    assert!(refused.contains("revoked"), "{refused}");
    assert_eq!(system.client.edge("edge").await?["connected"], false);
    assert_eq!(system.client.steps(&task).await?, before);

    // Another edge takes the task over where it was.
    let mut program = EdgeProgram::plain(PROBED_EDGE.as_ref());
    program.env.push(("AGENT_OS_PROBE_DIR".to_owned(), system.probe.folder()));
    let mut successor = Edge::new(&system.place, program, "successor")?;
    let token = system.client.invite().await?;
    successor.join(&system.hub.ports.link.to_string(), &token).await?;
    successor.start(&system.client).await?;
    let counts = system.completed(&task).await?;
    assert_eq!((counts.tool_intents, counts.tool_retries), (1, 1));
    check_whole(&system.client.steps(&task).await?)?;
    system.passed();
    Ok(())
}
