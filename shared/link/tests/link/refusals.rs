//! Who does not get in.

use std::path::Path;
use std::sync::Arc;

use agentos_link::{EdgeSessions as _, LinkState, TransportChoice};
use http_body_util::Empty;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::client::TlsStream;
use tokio_rustls::{TlsConnector, rustls};

use crate::support::{Edge, Hub, within};

const FIRST_LANE: [u8; 9] = [1, 0, 0, 0, 0, 0, 0, 0, 0];

/// For a hub whose authority lies in `state`; with the certificate of the edge
/// in `edge`, or none.
pub(crate) fn raw_config(state: &Path, edge: Option<&Path>, alpn: &[u8]) -> rustls::ClientConfig {
    let mut roots = rustls::RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(state.join("ca.pem")).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match edge {
        Some(dir) => {
            let file = dir.join("edge.pem");
            let certificate = CertificateDer::from_pem_file(&file).unwrap();
            let key = PrivateKeyDer::from_pem_file(&file).unwrap();
            builder.with_client_auth_cert(vec![certificate], key).unwrap()
        }
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols = vec![alpn.to_vec()];
    config
}

/// A TLS connection to the hub.
pub(crate) async fn raw(
    hub: &Hub,
    state: &Path,
    edge: Option<&Path>,
    alpn: &[u8],
) -> std::io::Result<TlsStream<TcpStream>> {
    let config = raw_config(state, edge, alpn);
    let stream = TcpStream::connect(hub.handle.local_addr()).await?;
    let name = ServerName::try_from("agentos-hub").unwrap();
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

/// Sends the header of a first lane; what the hub answers.
async fn knock(connection: std::io::Result<TlsStream<TcpStream>>) -> std::io::Result<u8> {
    let mut connection = connection?;
    connection.write_all(&FIRST_LANE).await?;
    within(connection.read_u8()).await
}

#[tokio::test]
async fn without_a_certificate_of_this_hub_nobody_gets_in() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (good, foreign) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (hub, stranger) = (Hub::start(ours.path()).await, Hub::start(theirs.path()).await);
    hub.join(good.path()).await;
    stranger.join(foreign.path()).await;

    let accepted = knock(raw(&hub, ours.path(), Some(good.path()), b"agentos/1").await).await;
    assert_eq!(accepted.unwrap(), 1);
    let none = knock(raw(&hub, ours.path(), None, b"agentos/1").await).await.unwrap_err();
    assert!(none.to_string().contains("CertificateRequired"), "{none}");
    let foreign = knock(raw(&hub, ours.path(), Some(foreign.path()), b"agentos/1").await).await;
    let foreign = foreign.unwrap_err();
    assert!(foreign.to_string().contains("alert"), "{foreign}");
    hub.stop().await;
    stranger.stop().await;
}

async fn grpc_status(io: TlsStream<TcpStream>, path: &str) -> String {
    let (mut send, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(io))
            .await
            .unwrap();
    let mut tasks = JoinSet::new();
    tasks.spawn(connection);
    let request = http::Request::post(format!("http://hub{path}"))
        .header("content-type", "application/grpc")
        .body(Empty::<&[u8]>::new())
        .unwrap();
    let response = within(send.send_request(request)).await.unwrap();
    response.headers()["grpc-status"].to_str().unwrap().to_owned()
}

#[tokio::test]
async fn before_hello_nothing_else_is_served() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    hub.join(dir.path()).await;
    for path in ["/agentos.v1.Liveness/Ping", "/agentos.v1.Runs/Append"] {
        let mut io = raw(&hub, state.path(), Some(dir.path()), b"agentos/1").await.unwrap();
        io.write_all(&FIRST_LANE).await.unwrap();
        assert_eq!(within(io.read_u8()).await.unwrap(), 1);
        assert_eq!(grpc_status(io, path).await, "9", "FAILED_PRECONDITION for {path}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn who_joins_reaches_enrolment_alone() {
    let state = tempfile::tempdir().unwrap();
    let hub = Hub::start(state.path()).await;
    for path in ["/agentos.v1.Session/Hello", "/agentos.v1.Runs/Append"] {
        let io = raw(&hub, state.path(), None, b"agentos-join/1").await.unwrap();
        assert_eq!(grpc_status(io, path).await, "12", "UNIMPLEMENTED for {path}");
    }
    hub.stop().await;
}

#[tokio::test]
async fn a_revoked_edge_is_refused() {
    let (state, dir) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let hub = Hub::start(state.path()).await;
    let identity = hub.join(dir.path()).await;
    hub.registry.revoke(identity.edge_id());
    for choice in [TransportChoice::Auto, TransportChoice::TcpOnly] {
        let edge = Edge::start(&hub.addr(), dir.path(), choice);
        assert_eq!(edge.refused().await, "it was revoked or is unknown");
        edge.stop().await;
    }
    assert!(hub.handle.sessions().is_empty());
    hub.stop().await;
}

#[tokio::test]
async fn an_edge_knows_another_hub_at_its_hubs_address() {
    let (ours, theirs) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let dir = tempfile::tempdir().unwrap();
    let (hub, stranger) = (Hub::start(ours.path()).await, Hub::start(theirs.path()).await);
    hub.join(dir.path()).await;
    for choice in [TransportChoice::QuicOnly, TransportChoice::TcpOnly] {
        let edge = Edge::start(&stranger.addr(), dir.path(), choice);
        edge.state(|state| {
            matches!(state, LinkState::Connecting { last_error: Some(error) }
                if error.starts_with("another hub answers"))
        })
        .await;
        edge.stop().await;
    }
    hub.stop().await;
    stranger.stop().await;
}
