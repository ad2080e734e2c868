//! The link under a changing, silent or partly blocked network: two network
//! namespaces with a cable between them.
#![cfg(target_os = "linux")]

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock as _, SystemClock};
use agentos_tests::harness::{
    Edge, Hub, HubPorts, Network, Place, System, Way, eventually, inside, note, skip,
};
use anyhow::{Context as _, Result};

const HUB: &str = env!("CARGO_BIN_EXE_hub-under-test");
const PROBED_EDGE: &str = env!("CARGO_BIN_EXE_probed-edge");
/// Tokens enough for a call of a tool.
const SHORT: u32 = 150;
/// Tokens of a model call that lasts long enough to be interrupted.
const LONG: u32 = 3000;

/// Runs a test that lives in the hub's namespace, on a thread of its own.
fn with_network<F: Future<Output = Result<()>>>(
    test: impl FnOnce(Arc<Network>) -> F + Send,
) -> Result<()> {
    let network = match Network::new() {
        Ok(network) => Arc::new(network),
        Err(error) if skip(&format!("no network namespaces here: {error:#}")) => return Ok(()),
        Err(error) => return Err(error),
    };
    let hub = Arc::clone(&network.hub);
    inside(&hub, move || {
        // One thread: all its sockets are in the namespace.
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(test(network))
    })
}

async fn begin(network: &Network) -> Result<System> {
    let place = Arc::new(Place::new()?);
    let ports = HubPorts::fixed(Network::HUB);
    let mut hub = Hub::new(&place, HUB.as_ref(), place.folder("hub")?, ports, &[]);
    hub.live_in(&network.hub);
    let client = hub.start().await?;
    let edge_lives = |edge: &mut Edge| edge.live_in(&network.edge);
    System::with(place, hub, client, PROBED_EDGE.as_ref(), &[], edge_lives).await
}

/// How long after `start` the hub notices that the edge is gone.
async fn time_to_notice(system: &System, start: Duration) -> Result<Duration> {
    eventually("the end of the session", async || {
        Ok((system.client.edge("edge").await?["connected"] == false).then_some(()))
    })
    .await?;
    let took = SystemClock.monotonic().saturating_sub(start);
    note(&format!("noticed after {took:?}"));
    Ok(took)
}

#[test]
fn a_new_address_keeps_the_stream_alive() -> Result<()> {
    with_network(async |network| {
        let system = begin(&network).await?;
        let before = system.client.edge("edge").await?;
        assert_eq!(before["transport"], "quic");
        let task = system.submit(LONG).await?;
        let mut watch = system.client.watch(&task);
        let last = watch.until_token(3).await?;
        network.change_address()?;
        // Tokens go on coming from the new address.
        watch
            .until("a token from the new address", |event| {
                event.kind == "token" && event.place.index > last.place.index + 500
            })
            .await?;
        watch.to_end().await?;
        watch.check_gapless(3)?;
        let after = system.client.edge("edge").await?;
        assert_eq!(after["session_epoch"], before["session_epoch"], "the session was replaced");
        assert_eq!(after["transport"], "quic");
        system.completed(&task).await?;
        // The old address is gone for good; the link is not.
        let again = system.submit(SHORT).await?;
        system.client.finished(&again).await?;
        system.passed();
        Ok(())
    })
}

/// A bound of the protocol's timers, not of this machine's speed; one more try
/// in case that the machine stood still.
async fn within(bound: Duration, mut attempt: impl AsyncFnMut() -> Result<Duration>) -> Result<()> {
    let first = attempt().await?;
    if first > bound {
        let second = attempt().await?;
        assert!(second <= bound, "noticed after {first:?}, then after {second:?}");
    }
    Ok(())
}

#[test]
fn a_silent_network_is_noticed_within_4_s() -> Result<()> {
    with_network(async |network| {
        within(Duration::from_secs(4), async || {
            let system = begin(&network).await?;
            let start = SystemClock.monotonic();
            network.swallow(Way::Both)?;
            let took = time_to_notice(&system, start).await?;
            network.let_through()?;
            // When the network is back, so is the edge.
            eventually("the edge's return", async || {
                Ok((system.client.edge("edge").await?["connected"] == true).then_some(()))
            })
            .await?;
            system.passed();
            Ok(took)
        })
        .await
    })
}

#[test]
fn a_killed_edge_is_noticed_within_half_a_second() -> Result<()> {
    with_network(async |network| {
        within(Duration::from_millis(500), async || {
            let mut system = begin(&network).await?;
            assert_eq!(system.client.edge("edge").await?["transport"], "quic");
            let start = SystemClock.monotonic();
            system.edge.kill()?;
            let took = time_to_notice(&system, start).await?;
            system.passed();
            Ok(took)
        })
        .await
    })
}

#[test]
fn a_blocked_udp_port_falls_back_to_tcp() -> Result<()> {
    with_network(async |network| {
        let mut system = begin(&network).await?;
        assert_eq!(system.client.edge("edge").await?["transport"], "quic");
        system.edge.kill()?;
        network.block_udp()?;
        system.restart_edge().await?;
        let edge = system.edge.connected(&system.client).await?;
        assert_eq!(edge["transport"], "tcp");
        let task = system.submit(SHORT).await?;
        let mut watch = system.client.watch(&task);
        watch.to_end().await?;
        watch.check_gapless(3).context("over TCP")?;
        system.completed(&task).await?;
        system.passed();
        Ok(())
    })
}
