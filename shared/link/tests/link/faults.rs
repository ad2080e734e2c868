//! What networks and dying processes do to a link.

use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, ManualClock, SystemClock};
use agentos_link::{EdgeIdentity, EdgeSessions as _, LinkState, Transport, TransportChoice};
use tokio::net::UdpSocket;

use crate::relay::Relay;
use crate::services::ENDLESS;
use crate::sessions::{attach, read};
use crate::support::{DEADLINE, Edge, Hub, edge_config, hub_config, until};

/// So long that only other means can notice a death in these tests.
const NEVER: Duration = Duration::from_secs(600);
const DAY: Duration = Duration::from_secs(24 * 3600);

#[tokio::test]
async fn where_udp_does_not_get_through_tcp_is_used() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut hub = Hub::start(state.path()).await;
    hub.join(dir.path()).await;
    let relay = Relay::start(hub.handle.local_addr(), true).await;
    relay.silence_udp();
    let mut config = edge_config(&relay.addr(), dir.path().to_owned(), TransportChoice::Auto);
    config.quic_deadline = Duration::from_millis(300);
    let edge = Edge::with(config);
    assert_eq!(edge.connected().await.1, Transport::Tcp);
    read(&mut attach(hub.next_up().await.calls(), ENDLESS).await, 1, 1000).await;
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn quic_gets_a_second_try_where_tcp_answers() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    hub.join(dir.path()).await;
    let relay = Relay::start(hub.handle.local_addr(), true).await;
    relay.ignore_the_first_dial();
    let mut config = edge_config(&relay.addr(), dir.path().to_owned(), TransportChoice::Auto);
    (config.quic_deadline, config.quic_retry) = (Duration::from_millis(100), DEADLINE);
    let edge = Edge::with(config);
    assert_eq!(edge.connected().await.1, Transport::Quic);
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn an_edge_on_tcp_returns_to_quic() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut hub = Hub::start(state.path()).await;
    hub.join(dir.path()).await;
    let relay = Relay::start(hub.handle.local_addr(), true).await;
    relay.silence_udp();
    let mut config = edge_config(&relay.addr(), dir.path().to_owned(), TransportChoice::Auto);
    config.quic_deadline = Duration::from_millis(300);
    (config.quic_retry, config.quic_interval) = (Duration::from_millis(1), config.quic_deadline);
    let edge = Edge::with(config);
    let (epoch, transport) = edge.connected().await;
    assert_eq!((epoch, transport), (hub.next_up().await.epoch, Transport::Tcp));
    relay.resume_udp();
    let (newer, transport) = edge.connected_after(epoch).await;
    assert_eq!(transport, Transport::Quic);
    assert_eq!(hub.next_up().await.epoch, newer);
    let session = hub.handle.sessions().remove(0);
    read(&mut attach(session.calls(), ENDLESS).await, 1, 1000).await;
    assert!(edge.handle.channel().is_some());
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_sentinel_is_dialled_with_the_certificate_of_then() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let clock = Arc::new(ManualClock::at(SystemClock.now()));
    let mut config = hub_config(state.path());
    (config.certificate_life, config.keepalive) = (3 * DAY, Duration::from_millis(50));
    let hub = Hub::with_clock(config, Arc::default(), Arc::clone(&clock) as _).await;
    let first = hub.join(dir.path()).await;
    let relay = Relay::start(hub.handle.local_addr(), true).await;
    let config = edge_config(&relay.addr(), dir.path().to_owned(), TransportChoice::QuicOnly);
    // Due for renewal, which happens at once; then the first expires.
    clock.advance(3 * DAY / 2);
    let edge = Edge::with_clock(config, Arc::clone(&clock) as _);
    until(|| relay.tcp_chunks(0) > 12).await;
    until(|| EdgeIdentity::load(dir.path()).unwrap().serial() != first.serial()).await;
    clock.advance(2 * DAY);
    let older = relay.cut_tcp();
    until(|| relay.tcp_chunks(older) > 12).await;
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_stream_survives_a_change_of_address() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut hub = Hub::start(state.path()).await;
    hub.join(dir.path()).await;
    let relay = Relay::start(hub.handle.local_addr(), false).await;
    let edge = Edge::start(&relay.addr(), dir.path(), TransportChoice::QuicOnly);
    let session = hub.next_up().await;
    let before = session.peer_addr();
    let mut stream = attach(session.calls(), ENDLESS).await;
    read(&mut stream, 1, 500).await;
    relay.change_address();
    until(|| session.peer_addr() != before).await;
    read(&mut stream, 501, 1000).await;
    read(&mut attach(session.calls(), "short").await, 1, 1000).await;
    assert!(hub.events.try_recv().is_err(), "the session was replaced");
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn the_death_of_a_process_is_noticed_by_the_sentinel_on_both_sides() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = hub_config(state.path());
    (config.idle, config.keepalive) = (NEVER, Duration::from_millis(50));
    let mut hub = Hub::with(config, Arc::default()).await;
    hub.join(dir.path()).await;
    let mut relay = Relay::start(hub.handle.local_addr(), true).await;
    let mut config = edge_config(&relay.addr(), dir.path().to_owned(), TransportChoice::QuicOnly);
    (config.idle, config.keepalive) = (NEVER, Duration::from_millis(50));
    let edge = Edge::with(config);
    let session = hub.next_up().await;
    edge.connected().await;
    // A handshake takes fewer: the hub's sentinel beats.
    until(|| relay.tcp_chunks(0) > 12).await;
    relay.die();
    let (epoch, reason) = hub.next_down().await;
    assert_eq!((epoch, reason.as_str()), (session.epoch, "the edge's process is gone"));
    edge.state(|state| {
        matches!(state, LinkState::Connecting { last_error: Some(reason) }
            if reason.contains("process is gone") || reason.contains("no hub at"))
    })
    .await;
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_restarted_hub_tells_edges_at_once_that_their_connections_are_gone() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = hub_config(state.path());
    config.idle = NEVER;
    // A runtime of its own, that can die without a word.
    let doomed = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let first = config.clone();
    let hub = doomed.spawn(Hub::with(first, Arc::default())).await.unwrap();
    hub.join(dir.path()).await;
    let relay = Relay::start(hub.handle.local_addr(), false).await;
    let mut edge = edge_config(&relay.addr(), dir.path().to_owned(), TransportChoice::QuicOnly);
    (edge.idle, edge.keepalive) = (NEVER, Duration::from_millis(100));
    let edge = Edge::with(edge);
    let (epoch, _) = edge.connected().await;
    config.listen = hub.handle.local_addr();
    let registry = Arc::clone(&hub.registry);
    doomed.shutdown_background();
    drop(hub);
    until(|| std::net::UdpSocket::bind(config.listen).is_ok()).await;
    let hub = Hub::with(config, registry).await;
    let mut state = edge.handle.state();
    let lost = |state: &LinkState| matches!(state, LinkState::Connecting { last_error: Some(reason) } if reason.contains("reset"));
    crate::support::within(state.wait_for(lost)).await.unwrap();
    assert!(edge.connected_after(epoch).await.0 > epoch);
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_silent_peer_is_noticed_by_the_idle_limit() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = hub_config(state.path());
    (config.keepalive, config.idle) = (Duration::from_millis(100), Duration::from_millis(600));
    let mut hub = Hub::with(config, Arc::default()).await;
    hub.join(dir.path()).await;
    let relay = Relay::start(hub.handle.local_addr(), false).await;
    let edge = Edge::start(&relay.addr(), dir.path(), TransportChoice::QuicOnly);
    let session = hub.next_up().await;
    edge.connected().await;
    assert!(relay.datagrams() > 0);
    relay.silence_udp();
    assert_eq!(hub.next_down().await, (session.epoch, "timed out".to_owned()));
    edge.state(|state| matches!(state, LinkState::Connecting { .. })).await;
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_hub_that_never_answers_is_said_so() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    hub.join(dir.path()).await;
    let hole = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let addr = hole.local_addr().unwrap().to_string();
    let mut config = edge_config(&addr, dir.path().to_owned(), TransportChoice::Auto);
    config.quic_deadline = Duration::from_millis(100);
    let edge = Edge::with(config);
    let told = format!("no hub at {addr}: is it running");
    edge.state(|state| {
        matches!(state, LinkState::Connecting { last_error: Some(error) } if error.starts_with(&told))
    })
    .await;
    let error = edge.handle.connected(Duration::from_millis(10)).await.unwrap_err();
    assert!(error.to_string().contains(&told), "{error}");
    edge.stop().await;
    hub.stop().await;
}
