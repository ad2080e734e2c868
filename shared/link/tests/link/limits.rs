//! How much the hub grants to whom it does not know yet.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use agentos_link::{EdgeSessions as _, LinkState, TransportChoice};
use agentos_proto::v1::enrolment_client::EnrolmentClient;
use agentos_proto::v1::liveness_client::LivenessClient;
use agentos_proto::v1::runs_client::RunsClient;
use agentos_proto::v1::session_client::SessionClient;
use agentos_proto::v1::{AppendRequest, HelloRequest, JoinRequest, PingRequest};
use futures::FutureExt;
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use hyper_util::rt::{TokioExecutor, TokioIo};
use quinn::crypto::rustls::QuicClientConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;
use tonic::Code;
use tonic::body::Body;

use crate::refusals::{raw, raw_config};
use crate::support::{Edge, Hub, any_port, until, within};

const JOIN: &[u8] = b"agentos-join/1";

/// Calls over a connection of the test's own.
#[derive(Clone)]
struct Raw(SendRequest<Body>);

impl tower::Service<http::Request<Body>> for Raw {
    type Response = http::Response<Incoming>;
    type Error = hyper::Error;
    type Future = Pin<Box<dyn Future<Output = hyper::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.0.send_request(request))
    }
}

fn origin() -> http::Uri {
    http::Uri::from_static("http://hub")
}

async fn calls(io: TlsStream<TcpStream>, tasks: &mut JoinSet<()>) -> Raw {
    let (send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io))
            .await
            .unwrap();
    tasks.spawn(connection.map(|_| ()));
    Raw(send)
}

#[tokio::test]
async fn a_request_to_join_is_small_and_the_only_one_of_its_connection() {
    let state = tempfile::tempdir().unwrap();
    let hub = Hub::start(state.path()).await;
    let cases = [
        (15, 100, Code::InvalidArgument, "not the secret"),
        (16, 5000, Code::InvalidArgument, "longer than 4096"),
    ];
    for (secret, csr, code, told) in cases {
        let mut tasks = JoinSet::new();
        let io = raw(&hub, state.path(), None, JOIN).await.unwrap();
        let mut client = EnrolmentClient::with_origin(calls(io, &mut tasks).await, origin());
        let request =
            JoinRequest { secret: vec![1; secret], csr_pem: "x".repeat(csr), name: "mac".into() };
        let refused = within(client.join(request)).await.unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.message().contains(told), "{refused}");
        // Sooner than the limit of the connection.
        let ended = tokio::time::timeout(Duration::from_secs(8), tasks.join_next()).await;
        assert!(ended.is_ok(), "the connection stays open");
    }
    let mut tasks = JoinSet::new();
    let io = raw(&hub, state.path(), None, JOIN).await.unwrap();
    let mut client = EnrolmentClient::with_origin(calls(io, &mut tasks).await, origin());
    let huge = JoinRequest { csr_pem: "x".repeat(17 << 10), ..Default::default() };
    assert_eq!(within(client.join(huge)).await.unwrap_err().code(), Code::OutOfRange);
    assert_eq!(hub.registry.redeems(), 0);
    hub.stop().await;
}

#[tokio::test]
async fn who_says_nothing_holds_up_only_its_own_address() {
    let state = tempfile::tempdir().unwrap();
    let hub = Hub::start(state.path()).await;
    let mut silent = Vec::new();
    for _ in 0..8 {
        silent.push(TcpStream::connect(hub.handle.local_addr()).await.unwrap());
    }
    assert!(raw(&hub, state.path(), None, JOIN).await.is_err());
    drop(silent);
    let again = async { while raw(&hub, state.path(), None, JOIN).await.is_err() {} };
    within(again).await;
    hub.stop().await;
}

/// Passes datagrams on to the hub, and none back.
async fn one_way(socket: UdpSocket, hub: std::net::SocketAddr, passed: Arc<AtomicUsize>) {
    let mut buffer = vec![0; 65536];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        if from != hub {
            socket.send_to(&buffer[..length], hub).await.unwrap();
            passed.fetch_add(1, Ordering::SeqCst);
        }
    }
}

#[tokio::test]
async fn forged_addresses_keep_no_edge_from_connecting_over_quic() {
    const FORGED: usize = 100;
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    hub.join(dir.path()).await;
    let socket = UdpSocket::bind(any_port()).await.unwrap();
    let (forger, passed) = (socket.local_addr().unwrap(), Arc::new(AtomicUsize::new(0)));
    let mut tasks = JoinSet::new();
    tasks.spawn(one_way(socket, hub.handle.local_addr(), Arc::clone(&passed)));
    let tls = raw_config(state.path(), None, b"agentos/1");
    let config = quinn::ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
    let endpoint = quinn::Endpoint::client(any_port()).unwrap();
    let dial = |_| endpoint.connect_with(config.clone(), forger, "agentos-hub").unwrap();
    let _dials: Vec<_> = (0..FORGED).map(dial).collect();
    until(|| passed.load(Ordering::SeqCst) >= FORGED).await;

    let edge = Edge::start(&hub.addr(), dir.path(), TransportChoice::QuicOnly);
    let mut state = edge.handle.state();
    within(state.changed()).await.unwrap();
    let first = state.borrow().clone();
    assert!(matches!(first, LinkState::Connected { .. }), "{first:?}");
    edge.stop().await;
    hub.stop().await;
}

#[tokio::test]
async fn over_tcp_an_edge_has_no_rights_before_its_session_is_up() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut hub = Hub::start(state.path()).await;
    let identity = hub.join(dir.path()).await;
    let lane = async |kind: u8, epoch: u64| {
        let mut io = raw(&hub, state.path(), Some(dir.path()), b"agentos/1").await.unwrap();
        io.write_all(&[kind]).await.unwrap();
        io.write_all(&epoch.to_be_bytes()).await.unwrap();
        assert_eq!(within(io.read_u8()).await.unwrap(), 1);
        io
    };
    let mut tasks = JoinSet::new();
    let raw = calls(lane(1, 0).await, &mut tasks).await;
    let mut session = SessionClient::with_origin(raw.clone(), origin());
    let welcome = within(session.hello(HelloRequest::default())).await.unwrap().into_inner();
    let mut runs = RunsClient::with_origin(raw.clone(), origin());
    let attempt_id = identity.edge_id().to_string();
    let append = runs.append(AppendRequest { attempt_id, ..Default::default() });
    let mut append = std::pin::pin!(append);
    assert!(append.as_mut().now_or_never().is_none());
    let mut liveness = LivenessClient::with_origin(raw, origin());
    for _ in 0..20 {
        within(liveness.ping(PingRequest::default())).await.unwrap();
        assert!(append.as_mut().now_or_never().is_none(), "served before the session is up");
    }
    assert!(hub.handle.sessions().is_empty());

    let _lanes = (lane(2, welcome.session_epoch).await, lane(3, welcome.session_epoch).await);
    let reply = within(append).await.unwrap().into_inner();
    assert_eq!(reply.durable_seq, welcome.session_epoch);
    assert_eq!(hub.next_up().await.epoch.0, welcome.session_epoch);
    hub.stop().await;
}
