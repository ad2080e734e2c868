//! HTTPS on a real socket.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, KeyPair};
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use super::{Fixture, READER, config};
use crate::{Api, ServerTls, TlsError};

/// A certificate and its key, PEM.
fn pair() -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(["localhost".to_owned()]).unwrap();
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

struct Running {
    _hub: Fixture,
    address: SocketAddr,
    tls: ServerTls,
    certificate: String,
    cancel: CancellationToken,
    server: JoinSet<()>,
}

impl Running {
    async fn new() -> Self {
        let (certificate, key) = pair();
        let tls = ServerTls::new(certificate.as_bytes(), key.as_bytes()).unwrap();
        let hub = Fixture::new().await;
        let api = Api::bind(config(), hub.engine.handle.clone()).await.unwrap();
        let api = api.with_tls(Some(tls.clone()));
        let (address, cancel, mut server) =
            (api.local_addr(), CancellationToken::new(), JoinSet::new());
        server.spawn(api.run(cancel.clone()));
        Self { _hub: hub, address, tls, certificate, cancel, server }
    }

    /// A connection, of which the client trusts `certificate` alone.
    async fn connect(
        &self,
        certificate: &str,
        alpn: &[u8],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from("localhost").unwrap();
        deadline(TlsConnector::from(Arc::new(config)).connect(name, stream)).await
    }

    /// What `/health` answers over HTTP/1.1.
    async fn health(&self) -> String {
        let mut stream = self.connect(&self.certificate, b"http/1.1").await.unwrap();
        let request = "GET /health HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n";
        stream.write_all(request.as_bytes()).await.unwrap();
        read_all(&mut stream).await
    }

    /// A connection of HTTP/2, and what drives it.
    async fn http2(&self) -> (SendRequest<Body>, JoinSet<()>) {
        let stream = self.connect(&self.certificate, b"h2").await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
        let connected = http2::handshake(TokioExecutor::new(), TokioIo::new(stream));
        let (sender, connection) = deadline(connected).await.unwrap();
        let mut driver = JoinSet::new();
        driver.spawn(async move { drop(connection.await) });
        (sender, driver)
    }

    async fn stop(mut self) {
        self.cancel.cancel();
        deadline(self.server.join_next()).await.unwrap().unwrap();
    }
}

async fn deadline<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap()
}

async fn read_all(stream: &mut (impl tokio::io::AsyncRead + Unpin)) -> String {
    let mut text = Vec::new();
    // A reset is an end, too.
    let _ = deadline(stream.read_to_end(&mut text)).await;
    String::from_utf8(text).unwrap()
}

fn get(path: &str) -> Request<Body> {
    let request = Request::get(format!("https://localhost{path}"));
    request.header("authorization", format!("Bearer {READER}")).body(Body::empty()).unwrap()
}

#[tokio::test]
async fn requests_are_answered_over_either_version_of_http() {
    let server = Running::new().await;
    let answer = server.health().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let (mut sender, driver) = server.http2().await;
    // Several at once on one connection.
    let answers = [0; 8].map(|_| sender.send_request(get("/api/tasks")));
    for answer in answers {
        let answer = deadline(answer).await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK);
        let body = deadline(answer.into_body().collect()).await.unwrap().to_bytes();
        assert!(body.starts_with(b"{\"items\":"), "{body:?}");
    }
    // The idle connection does not hold it up.
    server.stop().await;
    drop(driver);
}

#[tokio::test]
async fn requests_over_http2_have_limits() {
    let server = Running::new().await;
    let (mut sender, mut driver) = server.http2().await;
    let mut many = get("/health");
    for number in 0..65 {
        let name = axum::http::HeaderName::try_from(format!("x-{number}")).unwrap();
        many.headers_mut().insert(name, "y".parse().unwrap());
    }
    let answer = deadline(sender.send_request(many)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    let answer = deadline(sender.send_request(get("/health"))).await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    drop(answer);
    // Without a request it is ended, though its client is alive.
    tokio::time::pause();
    let began = tokio::time::Instant::now();
    deadline(driver.join_next()).await.unwrap().unwrap();
    let after = began.elapsed();
    assert!(after > Duration::from_secs(5) && after < Duration::from_secs(45), "{after:?}");
    tokio::time::resume();
    server.stop().await;
}

#[tokio::test]
async fn who_speaks_plain_http_is_told() {
    let server = Running::new().await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!("GET /health HTTP/1.1\r\nHost: hub\r\nX: {}\r\n\r\n", "y".repeat(9000));
    stream.write_all(request.as_bytes()).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(answer.ends_with("this port speaks HTTPS: begin the address with https://\n"));
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(b"\0\0\0").await.unwrap();
    assert_eq!(read_all(&mut stream).await, "");
    server.stop().await;
}

#[tokio::test]
async fn a_handshake_has_a_deadline() {
    let server = Running::new().await;
    // Nothing; the beginning of a record.
    for bytes in [&b""[..], &[0x16, 3, 1, 2, 0, 1]] {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        assert_eq!(read_all(&mut stream).await, "");
        assert!(began.elapsed() <= Duration::from_secs(11), "{:?}", began.elapsed());
        tokio::time::resume();
    }
    server.stop().await;
}

#[tokio::test]
async fn stalled_handshakes_make_room_for_others_of_their_address() {
    let server = Running::new().await;
    let mut stalled = Vec::new();
    for _ in 0..70 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        stream.write_all(&[0x16, 3, 1]).await.unwrap();
        stalled.push(stream);
    }
    let answer = server.health().await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    // The first of them had to go.
    assert_eq!(read_all(&mut stalled[0]).await, "");
    server.stop().await;
}

#[tokio::test]
async fn another_certificate_is_taken_for_new_connections() {
    let server = Running::new().await;
    let (first, (second, key)) = (server.certificate.clone(), pair());
    let mut before = server.connect(&first, b"http/1.1").await.unwrap();
    server.tls.replace(second.as_bytes(), key.as_bytes()).unwrap();
    assert!(server.connect(&first, b"http/1.1").await.is_err());
    server.connect(&second, b"http/1.1").await.unwrap();
    // What cannot be used changes nothing.
    assert_eq!(server.tls.replace(first.as_bytes(), key.as_bytes()), Err(TlsError::Mismatch));
    server.connect(&second, b"http/1.1").await.unwrap();
    // An open connection goes on.
    let request = "GET /health HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\r\n";
    before.write_all(request.as_bytes()).await.unwrap();
    assert!(read_all(&mut before).await.starts_with("HTTP/1.1 200 OK\r\n"));
    server.stop().await;
}

#[test]
fn certificates_and_keys_that_cannot_be_used_are_told_apart() {
    let ((one, one_key), (_, other_key)) = (pair(), pair());
    let error = |chain: &str, key: &str| {
        let error = ServerTls::new(chain.as_bytes(), key.as_bytes()).err();
        error.map(|error| (error.is_of_key(), error))
    };
    assert_eq!(error(&one, &one_key), None);
    assert_eq!(error("", &one_key), Some((false, TlsError::NoCertificate)));
    assert_eq!(error(&one_key, &one_key), Some((false, TlsError::NoCertificate)));
    assert_eq!(error(&one, ""), Some((true, TlsError::NoKey)));
    assert_eq!(error(&one, &other_key), Some((true, TlsError::Mismatch)));
    let broken = one.replace("MII", "AAA");
    assert!(matches!(error(&broken, &one_key), Some((false, TlsError::Certificate(_)))));
    let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(matches!(error(&one, broken), Some((true, TlsError::Key(_)))));
}
