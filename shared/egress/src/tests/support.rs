//! Servers that count, and what is asked of them.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ipnet::IpNet;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::*;

pub(super) const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

pub(super) fn subject() -> Subject {
    Subject::new("researcher", "web_fetch")
}

/// A server that counts connections and keeps the heads of requests.
pub(super) struct Server {
    pub(super) address: SocketAddr,
    connections: Arc<AtomicUsize>,
    heads: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

pub(super) fn page(text: &str) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n";
    format!("{head}content-length: {}\r\n\r\n{text}", text.len()).into_bytes()
}

pub(super) fn redirect(to: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n").into_bytes()
}

/// Reads up to the end of a head.
pub(super) async fn head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => break,
        }
    }
    String::from_utf8_lossy(&head).into_owned()
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

impl Server {
    /// Answers each connection's one request, by what its first line says.
    pub(super) async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::at(LOOPBACK, None, answer).await
    }

    pub(super) async fn at(
        ip: IpAddr,
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        Self::on((ip, 0), tls, answer).await
    }

    pub(super) async fn on(
        place: (IpAddr, u16),
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(place).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (connections, heads) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::default()));
        let (seen, kept, answer) = (Arc::clone(&connections), Arc::clone(&heads), Arc::new(answer));
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut open = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                seen.fetch_add(1, Ordering::SeqCst);
                let (kept, answer, tls) =
                    (Arc::clone(&kept), Arc::clone(&answer), tls.clone().map(TlsAcceptor::from));
                open.spawn(async move {
                    let mut stream: Box<dyn Stream> = match tls {
                        None => Box::new(stream),
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => Box::new(stream),
                            Err(_) => return,
                        },
                    };
                    let head = head(&mut stream).await;
                    let reply = answer(head.lines().next().unwrap_or_default());
                    let _: &Mutex<Vec<String>> = &kept;
                    kept.lock().unwrap().push(head);
                    let _ = stream.write_all(&reply).await;
                    let _ = stream.shutdown().await;
                });
                while open.try_join_next().is_some() {}
            }
        });
        Self { address, connections, heads, _tasks: tasks }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// A certificate for some names, and a client that trusts it.
pub(super) fn certificate(names: &[&str]) -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let made = rcgen::generate_simple_self_signed(names).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let server = ServerConfig::builder_with_provider(Arc::clone(&ring))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(made.cert.der().clone()).unwrap();
    let client = ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    (Arc::new(server), Arc::new(client))
}

pub(super) fn net(text: &str) -> IpNet {
    text.parse().unwrap()
}

pub(super) fn host(text: &str) -> Host {
    text.parse().unwrap()
}

/// Names that stand for public hosts: each is at the loopback interface and
/// excepted for it.
pub(super) fn public(names: &[&str]) -> (AddressRules, ScriptedResolver) {
    names.iter().fold((AddressRules::new(), ScriptedResolver::new()), |(rules, resolver), name| {
        let rules = rules.except(host(name), net("127.0.0.1/32"));
        (rules, resolver.answer(name, &[LOOPBACK]))
    })
}

pub(super) fn policy(
    patterns: &[&str],
    rules: AddressRules,
    resolver: ScriptedResolver,
) -> EgressPolicy {
    EgressPolicy::new(AllowList::new(patterns).unwrap(), rules, Arc::new(resolver))
}

pub(super) fn fetcher(policy: EgressPolicy) -> Fetcher {
    Fetcher::new(Arc::new(policy), &tls_config().unwrap())
}

pub(super) async fn fetch(fetcher: &Fetcher, url: &str) -> Result<Fetched, FetchError> {
    let url = Url::parse(url).unwrap();
    Box::pin(fetcher.fetch(&FetchRequest::new(url, subject()))).await
}

/// A proxy at a socket, and requests to it.
pub(super) struct Proxied {
    folder: tempfile::TempDir,
    cancel: CancellationToken,
    _tasks: JoinSet<()>,
}

impl Drop for Proxied {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

impl Proxied {
    pub(super) fn start(policy: EgressPolicy, limits: ProxyLimits) -> Self {
        Self::scanning(policy, limits, None)
    }

    pub(super) fn scanning(
        policy: EgressPolicy,
        limits: ProxyLimits,
        scanner: Option<LeakScanner>,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("proxy")).unwrap();
        let (cancel, mut tasks) = (CancellationToken::new(), JoinSet::new());
        let proxy = EgressProxy::new(Arc::new(policy), subject(), limits);
        let proxy = match scanner {
            Some(scanner) => proxy.with_scanner(Arc::new(scanner)),
            None => proxy,
        };
        let stop = cancel.clone();
        tasks.spawn(async move { Box::pin(proxy.serve_unix(listener, stop)).await });
        Self { folder, cancel, _tasks: tasks }
    }

    pub(super) fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("proxy")
    }

    pub(super) async fn connect(&self) -> UnixStream {
        UnixStream::connect(self.socket()).await.unwrap()
    }

    /// The status and the body of what the proxy answers to these bytes.
    pub(super) async fn ask(&self, request: &[u8]) -> (u16, String) {
        let mut stream = self.connect().await;
        stream.write_all(request).await.unwrap();
        answer(&mut stream).await
    }

    pub(super) async fn get(&self, url: &str) -> (u16, String) {
        self.ask(format!("GET {url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
            .await
    }

    pub(super) async fn tunnel(&self, authority: &str) -> (u16, String) {
        let close = "connection: close\r\n\r\n";
        self.ask(format!("CONNECT {authority} HTTP/1.1\r\nhost: x\r\n{close}").as_bytes()).await
    }
}

/// The status and, where it is no tunnel, the body.
pub(super) async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> (u16, String) {
    let head = head(stream).await;
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
    let mut body = Vec::new();
    if status != 200 || !head.contains("content-length: 0") && head.contains("content-") {
        let _ = stream.read_to_end(&mut body).await;
    }
    (status, String::from_utf8_lossy(&body).into_owned())
}
