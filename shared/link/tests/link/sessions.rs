//! Calls in both directions, and the life of sessions.

use std::time::Duration;

use agentos_link::{
    EdgeIdentity, EdgeSession, EdgeSessions as _, LinkChannel, Transport, TransportChoice,
};
use agentos_proto::v1::executor_client::ExecutorClient;
use agentos_proto::v1::runs_client::RunsClient;
use agentos_proto::v1::{
    AppendRequest, AttachRequest, FetchBlobRequest, PutBlobHeader, PutBlobRequest, RunEvent,
};
use tonic::{Code, Streaming};

use crate::services::{ENDLESS, MESSAGES};
use crate::support::{Edge, Hub, hub_config, until, within};

pub(crate) async fn attach(channel: LinkChannel, attempt: &str) -> Streaming<RunEvent> {
    let request = AttachRequest { attempt_id: attempt.to_owned(), from_seq: 1 };
    within(ExecutorClient::new(channel).attach(request)).await.unwrap().into_inner()
}

pub(crate) async fn read(stream: &mut Streaming<RunEvent>, from: u64, to: u64) {
    for seq in from..=to {
        let event = within(stream.message()).await.unwrap().unwrap();
        assert_eq!(event.seq, seq);
    }
}

async fn calls_in_both_directions(edge: &Edge, session: &EdgeSession) {
    for channel in [session.calls(), session.bulk()] {
        let mut stream = attach(channel, "short").await;
        read(&mut stream, 1, MESSAGES).await;
        assert!(within(stream.message()).await.unwrap().is_none());
    }
    let mut runs = RunsClient::new(edge.handle.channel().unwrap());
    let request = AppendRequest { attempt_id: session.edge_id.to_string(), ..Default::default() };
    let reply = within(runs.append(request)).await.unwrap().into_inner();
    assert_eq!(reply.durable_seq, session.epoch.0);
    let mut blob = within(runs.fetch_blob(FetchBlobRequest::default())).await.unwrap().into_inner();
    let mut bytes = 0;
    while let Some(chunk) = within(blob.message()).await.unwrap() {
        bytes += chunk.data.len();
    }
    assert_eq!(bytes, 40 * (256 << 10));
    let header = PutBlobHeader { size: 40 * (256 << 10), ..Default::default() };
    let first = PutBlobRequest { header: Some(header), ..Default::default() };
    let part = |_| PutBlobRequest { data: vec![7; 256 << 10], ..Default::default() };
    let parts = futures::stream::iter(std::iter::once(first).chain((0..40).map(part)));
    within(runs.put_blob(parts)).await.unwrap();
}

async fn connects_and_calls(choice: TransportChoice, expected: Transport) {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut hub = Hub::start(state.path()).await;
    let identity = hub.join(dir.path()).await;
    let edge = Edge::start(&hub.addr(), dir.path(), choice);
    let session = hub.next_up().await;
    let (epoch, transport) = edge.connected().await;
    assert_eq!((epoch, transport), (session.epoch, expected));
    assert_eq!(session.edge_id, *identity.edge_id());
    assert_eq!(session.certificate_serial, identity.serial());
    assert_eq!(session.version, "0.0.2-test");
    assert_eq!(session.capabilities, ["execute"]);
    assert_eq!(session.attempts[0].attempt_id, "att_1");
    assert_eq!(hub.handle.sessions().len(), 1);
    calls_in_both_directions(&edge, &session).await;

    edge.stop().await;
    assert_eq!(hub.next_down().await.0, epoch);
    assert!(hub.handle.session(identity.edge_id()).is_none());
    within(session.closed()).await;
    until(|| hub.registry.closed() == [epoch]).await;
    hub.stop().await;
}

#[tokio::test]
async fn either_side_calls_over_quic() {
    connects_and_calls(TransportChoice::Auto, Transport::Quic).await;
}

#[tokio::test]
async fn either_side_calls_over_tcp() {
    connects_and_calls(TransportChoice::TcpOnly, Transport::Tcp).await;
}

async fn fails_at_once_after_disconnect(choice: TransportChoice) {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut hub = Hub::start(state.path()).await;
    let identity = hub.join(dir.path()).await;
    let edge = Edge::start(&hub.addr(), dir.path(), choice);
    let session = hub.next_up().await;
    let mut stream = attach(session.calls(), ENDLESS).await;
    read(&mut stream, 1, MESSAGES).await;

    hub.registry.revoke(identity.edge_id());
    hub.handle.disconnect(identity.edge_id(), "revoked by its owner");
    assert_eq!(hub.next_down().await, (session.epoch, "revoked by its owner".to_owned()));
    let broken = within(stream.message()).await.unwrap_err();
    assert_eq!(broken.code(), Code::Unavailable, "{broken}");
    let mut client = ExecutorClient::new(session.calls());
    let refused = within(client.attach(AttachRequest::default())).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unavailable);
    assert!(refused.message().starts_with("edge offline"), "{refused}");
    assert_eq!(edge.refused().await, "it was revoked or is unknown");
    assert!(edge.handle.channel().is_none());
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn revocation_cuts_a_live_link_over_quic() {
    fails_at_once_after_disconnect(TransportChoice::QuicOnly).await;
}

#[tokio::test]
async fn revocation_cuts_a_live_link_over_tcp() {
    fails_at_once_after_disconnect(TransportChoice::TcpOnly).await;
}

#[tokio::test]
async fn a_newer_session_replaces_the_older() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut hub = Hub::start(state.path()).await;
    hub.join(dir.path()).await;
    let first = Edge::start(&hub.addr(), dir.path(), TransportChoice::QuicOnly);
    let old = hub.next_up().await;
    first.connected().await;
    let second = Edge::start(&hub.addr(), dir.path(), TransportChoice::TcpOnly);
    let (ended, reason) = hub.next_down().await;
    assert_eq!((ended, reason.as_str()), (old.epoch, "replaced by a newer session"));
    let new = hub.next_up().await;
    assert!(new.epoch > old.epoch && new.boot_id != old.boot_id);
    within(old.closed()).await;
    first.stop().await;
    second.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn a_certificate_is_renewed_without_touching_the_link() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut config = hub_config(state.path());
    config.certificate_life = Duration::from_secs(9);
    let mut hub = Hub::with(config, std::sync::Arc::default()).await;
    let identity = hub.join(dir.path()).await;
    let edge = Edge::start(&hub.addr(), dir.path(), TransportChoice::Auto);
    let session = hub.next_up().await;
    assert_eq!(session.certificate_serial, identity.serial());
    until(|| EdgeIdentity::load(dir.path()).unwrap().serial() != identity.serial()).await;
    assert!(hub.events.try_recv().is_err(), "the link was touched");

    hub.handle.disconnect(identity.edge_id(), "show the new one");
    let next = hub.next_up().await;
    assert_ne!(next.certificate_serial, identity.serial());
    assert_eq!(next.edge_id, *identity.edge_id());
    edge.stop().await;
    hub.stop().await;
}

async fn survives_a_restart(choice: TransportChoice) {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    hub.join(dir.path()).await;
    let edge = Edge::start(&hub.addr(), dir.path(), choice);
    let (epoch, _) = edge.connected().await;
    let (registry, mut config) = (std::sync::Arc::clone(&hub.registry), hub_config(state.path()));
    config.listen = hub.handle.local_addr();
    hub.stop().await;
    let hub = Hub::with(config, registry).await;
    let (newer, _) = edge.connected_after(epoch).await;
    assert!(newer > epoch);
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn an_edge_returns_by_itself_after_the_hub_restarts() {
    survives_a_restart(TransportChoice::QuicOnly).await;
    survives_a_restart(TransportChoice::TcpOnly).await;
}
