//! The tools of the web, against servers of this machine.

mod fetches;
mod html;
mod packages;
mod searches;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use agentos_domain::{ArgumentRole, ToolClass};
use agentos_egress::{
    AddressRules, AllowList, EgressPolicy, Fetcher, Host, Resolver, ScriptedResolver, Subject,
    TlsConfig, tls_config,
};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::Place;
use crate::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// A server that keeps the heads of requests.
struct Server {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
    _tasks: JoinSet<()>,
}

fn reply(status: &str, kind: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}", body.len());
    [head.as_bytes(), b"\r\n\r\n", body].concat()
}

async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    answer: &(impl Fn(&str) -> Vec<u8> + ?Sized),
    heads: &Mutex<Vec<String>>,
) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let reply = answer(head.lines().next().unwrap_or_default());
    heads.lock().unwrap().push(head);
    let _ = stream.write_all(&reply).await;
    let _ = stream.shutdown().await;
}

impl Server {
    async fn start(answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static) -> Self {
        Self::with(None, answer).await
    }

    async fn with(
        tls: Option<Arc<ServerConfig>>,
        answer: impl Fn(&str) -> Vec<u8> + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let heads: Arc<Mutex<Vec<String>>> = Arc::default();
        let kept = Arc::clone(&heads);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                match tls.clone().map(TlsAcceptor::from) {
                    None => serve(stream, &answer, &kept).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, &answer, &kept).await;
                        }
                    }
                }
            }
        });
        Self { port, heads, _tasks: tasks }
    }

    fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }
}

/// A certificate for a name, and a client that trusts it.
fn certificate(name: &str) -> (Arc<ServerConfig>, TlsConfig) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
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

fn resolver(name: &str) -> Arc<dyn Resolver> {
    Arc::new(ScriptedResolver::new().answer(name, &[LOOPBACK]))
}

/// The way to `site.test`, which is at a server of this machine.
fn web(port: u16) -> Web {
    let host: Host = "site.test".parse().unwrap();
    let rules = AddressRules::new().except(host, "127.0.0.1/32".parse().unwrap());
    let allow = AllowList::new([format!("*:{port}")]).unwrap();
    let policy = EgressPolicy::new(allow, rules, resolver("site.test"));
    let fetcher = Fetcher::new(Arc::new(policy), &tls_config().unwrap());
    Web { fetcher, subject: Subject::new("researcher", "web_fetch") }
}

impl Place {
    fn with_tool(tool: impl Tool) -> Self {
        let mut place = Self::new();
        place.registry = Registry::new();
        place.registry.insert(Arc::new(tool)).unwrap();
        place
    }
}

#[test]
fn the_declarations_say_what_leaves_and_what_comes_back() {
    let tls = tls_config().unwrap();
    let base = url::Url::parse("http://search.home:8888").unwrap();
    let engine = SearchEngine::Searxng { base };
    let indexes = PackageIndexes::default();
    let any: Arc<dyn Resolver> = resolver("x.test");
    let tools: [Arc<dyn Tool>; 4] = [
        Arc::new(WebFetch::new(Arc::new(web(1)))),
        Arc::new(WebSearch::new(engine, &tls, Arc::clone(&any)).unwrap()),
        Arc::new(DocumentParser::new(ParserProgram::new("/nowhere".into()))),
        Arc::new(PackageSearch::new(indexes, &tls, &any).unwrap()),
    ];
    let mut registry = Registry::new();
    for tool in &tools {
        let spec = tool.spec();
        assert_eq!(spec.class, ToolClass::Read);
        assert!(spec.untrusted_output, "{}", spec.name);
        for argument in spec.parameters["properties"].as_object().unwrap().keys() {
            assert!(spec.arguments.contains_key(argument), "{}: {argument}", spec.name);
        }
        registry.insert(Arc::clone(tool)).unwrap();
    }
    let role = |tool: usize, argument: &str| tools[tool].spec().arguments[argument];
    assert_eq!(role(0, "url"), ArgumentRole::Destination);
    assert_eq!(role(0, "auth"), ArgumentRole::Destination);
    assert_eq!(role(1, "query"), ArgumentRole::Content);
    assert_eq!(tools[0].spec().permissions, ["network.http.get"]);
    assert_eq!(tools[0].spec().rate_limit.unwrap().to_string(), "10/minute");
    assert_eq!(tools[2].spec().permissions, ["fs.read"]);
}
