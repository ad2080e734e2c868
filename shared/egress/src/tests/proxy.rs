//! The proxy: what it lets through, and how it says no.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use serde_json::Value;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::support::{Proxied, Server, answer, head, page, policy, public, subject};
use crate::*;

fn code((status, body): &(u16, String)) -> (u16, String) {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    (*status, body["error"].as_str().unwrap_or_default().to_owned())
}

fn refused(code: &str) -> (u16, String) {
    (403, code.to_owned())
}

/// `allowed.test` at a server of this machine.
async fn allowed(limits: ProxyLimits) -> (Server, Proxied) {
    let server = Server::start(|_| page("hello")).await;
    let (rules, resolver) = public(&["allowed.test", "evil.test"]);
    let list = format!("allowed.test:{}", server.port());
    let proxy = Proxied::start(policy(&[&list], rules, resolver), limits);
    (server, proxy)
}

#[tokio::test]
async fn only_hosts_of_the_list_are_reached() {
    let (server, proxy) = allowed(ProxyLimits::default()).await;
    let port = server.port();
    for host in ["evil.test", "allowed.test.evil.test", "evilallowed.test", "www.allowed.test"] {
        let tunnel = proxy.tunnel(&format!("{host}:{port}")).await;
        assert_eq!(code(&tunnel), refused("host_not_allowed"), "{host}");
        let plain = proxy.get(&format!("http://{host}:{port}/")).await;
        assert_eq!(code(&plain), refused("host_not_allowed"), "{host}");
    }
    let evil = proxy.tunnel("evil.test:443").await;
    assert_eq!(code(&evil), refused("host_not_allowed"));
    // What is no host at all: refused by the parser or by us.
    for host in [
        "evil.test\0.allowed.test",
        "evil.test%00.allowed.test",
        "allowed.test@evil.test",
        "evil.test\\.allowed.test",
        "allowed.test evil.test",
        "allowed.test\t",
        "[allowed.test]",
    ] {
        let (status, _) = proxy.tunnel(&format!("{host}:{port}")).await;
        assert!(matches!(status, 400 | 403), "{host:?}: {status}");
        let (status, _) = proxy.get(&format!("http://{host}:{port}/")).await;
        assert!(matches!(status, 400 | 403), "{host:?}: {status}");
    }
    assert_eq!(server.connections(), 0);
    for host in ["allowed.test", "ALLOWED.test.", "allowed.test."] {
        let got = proxy.get(&format!("http://{host}:{port}/path?x=1")).await;
        assert_eq!(got, (200, "hello".to_owned()), "{host}");
        assert_eq!(proxy.tunnel(&format!("{host}:{port}")).await.0, 200, "{host}");
    }
    assert_eq!(server.connections(), 6);
}

#[tokio::test]
async fn a_list_of_everything_has_nothing_private_in_it() {
    let server = Server::start(|_| page("secret")).await;
    let list = ["*".to_owned(), "*:22".to_owned(), format!("*:{}", server.port())];
    let list: Vec<&str> = list.iter().map(String::as_str).collect();
    let (_, resolver) = public(&["rebound.test"]);
    let proxy =
        Proxied::start(policy(&list, AddressRules::new(), resolver), ProxyLimits::default());
    let own = [format!("127.0.0.1:{}", server.port()), format!("rebound.test:{}", server.port())];
    let fixed =
        ["127.0.0.1:22", "[::1]:22", "169.254.169.254:80", "10.0.0.1:80", "100.100.100.100:80"];
    for authority in fixed.into_iter().chain(own.iter().map(String::as_str)) {
        let tunnel = proxy.tunnel(authority).await;
        assert_eq!(code(&tunnel), refused("private_address"), "{authority}");
        let plain = proxy.get(&format!("http://{authority}/")).await;
        assert_eq!(code(&plain), refused("private_address"), "{authority}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn an_empty_list_denies_everything() {
    for list in [&[][..], &[""][..]] {
        let (rules, resolver) = public(&["allowed.test"]);
        let proxy = Proxied::start(policy(list, rules, resolver), ProxyLimits::default());
        assert_eq!(code(&proxy.tunnel("allowed.test:443").await), refused("host_not_allowed"));
        assert_eq!(code(&proxy.get("http://allowed.test/").await), refused("host_not_allowed"));
    }
}

#[tokio::test]
async fn what_is_no_request_to_a_proxy_is_told_so() {
    let (server, proxy) = allowed(ProxyLimits::default()).await;
    let port = server.port();
    for request in [
        "GET / HTTP/1.1\r\nhost: allowed.test\r\nconnection: close\r\n\r\n".to_owned(),
        format!(
            "GET https://allowed.test:{port}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ),
        format!("GET ftp://allowed.test:{port}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        format!(
            "GET http://u:p@allowed.test:{port}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
        ),
    ] {
        let (status, body) = proxy.ask(request.as_bytes()).await;
        assert_eq!(status, 400, "{request}: {body}");
    }
    assert_eq!(server.connections(), 0);
}

#[tokio::test]
async fn a_request_is_passed_on_as_decided_and_without_the_proxys_headers() {
    let (server, proxy) = allowed(ProxyLimits::default()).await;
    let port = server.port();
    let request = format!(
        "POST http://ALLOWED.test.:{port}/a?b=c HTTP/1.1\r\nhost: evil.test\r\nx-mine: 1\r\n\
         proxy-authorization: Basic eA==\r\nproxy-connection: keep-alive\r\nx-hop: 2\r\n\
         connection: close, x-hop\r\nupgrade: websocket\r\ncontent-length: 2\r\n\r\nhi"
    );
    assert_eq!(proxy.ask(request.as_bytes()).await, (200, "hello".to_owned()));
    let head = server.heads().remove(0).to_lowercase();
    assert!(head.starts_with("post /a?b=c http/1.1\r\n"), "{head}");
    assert!(head.contains(&format!("host: allowed.test:{port}\r\n")), "{head}");
    assert!(head.contains("x-mine: 1\r\n") && head.contains("content-length: 2"), "{head}");
    for gone in ["proxy-", "evil.test", "x-hop", "upgrade"] {
        assert!(!head.contains(gone), "{gone}: {head}");
    }
}

#[tokio::test]
async fn a_host_gets_no_more_than_a_run_may_send_it() {
    let (server, proxy) = allowed(ProxyLimits { upload: 10_000, ..ProxyLimits::default() }).await;
    let url = format!("http://allowed.test:{}/", server.port());
    let post = |size: usize| {
        let head = format!(
            "POST {url} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {size}"
        );
        [head.into_bytes(), b"\r\n\r\n".to_vec(), vec![b'a'; size]].concat()
    };
    assert_eq!(proxy.ask(&post(4_000)).await.0, 200);
    assert_eq!(code(&proxy.ask(&post(8_000)).await), refused("upload_limit"));
    // Neither in many small pieces, nor in the address.
    let mut last = 0;
    for _ in 0..400 {
        last = proxy.get(&format!("{url}?{}", "x".repeat(100))).await.0;
        if last != 200 {
            break;
        }
    }
    assert_eq!(last, 403);
}

#[tokio::test]
async fn a_port_is_served_to_who_has_the_token() {
    let server = Server::start(|_| page("hello")).await;
    let (rules, resolver) = public(&["allowed.test"]);
    let policy = policy(&[&format!("allowed.test:{}", server.port())], rules, resolver);
    let proxy = EgressProxy::new(policy.into(), subject(), ProxyLimits::default());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (token, cancel) = (ProxyToken::random().unwrap(), CancellationToken::new());
    let url = url::Url::parse(&token.proxy_url(port)).unwrap();
    let right = format!("{}:{}", url.username(), url.password().unwrap());
    let (mut tasks, stop) = (JoinSet::new(), cancel.clone());
    tasks.spawn(async move { Box::pin(proxy.serve_tcp(listener, token, stop)).await });
    let wrong = format!("{}x", &right[..right.len() - 1]);
    let cut = right[..right.len() - 1].to_owned();
    for (shown, expected) in [
        (None, 407),
        (Some(String::new()), 407),
        (Some("run:".to_owned()), 407),
        (Some(wrong), 407),
        (Some(cut), 407),
        (Some(right), 200),
    ] {
        let line = shown.map_or(String::new(), |shown| {
            let encoded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, shown);
            format!("proxy-authorization: Basic {encoded}\r\n")
        });
        for request in [
            format!("GET http://allowed.test:{}/ HTTP/1.1\r\nhost: x\r\n", server.port()),
            format!("CONNECT allowed.test:{} HTTP/1.1\r\nhost: x\r\n", server.port()),
        ] {
            let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            let request = format!("{request}{line}connection: close\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            assert_eq!(answer(&mut stream).await.0, expected, "{request}");
        }
    }
    assert_eq!(server.connections(), 2);
    cancel.cancel();
    tasks.join_next().await.unwrap().unwrap().unwrap();
    // It is for this machine alone.
    let all = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let (rules, resolver) = public(&[]);
    let none = super::support::policy(&[], rules, resolver);
    let proxy = EgressProxy::new(none.into(), subject(), ProxyLimits::default());
    let token = ProxyToken::random().unwrap();
    assert!(Box::pin(proxy.serve_tcp(all, token, cancel)).await.is_err());
}

#[tokio::test]
async fn a_plain_request_with_a_secret_in_its_address_is_refused() {
    let server = Server::start(|_| page("hello")).await;
    let (rules, resolver) = public(&["allowed.test"]);
    let policy = policy(&[&format!("allowed.test:{}", server.port())], rules, resolver);
    let scanner = LeakScanner::new([("mine", b"CANARY-f00ba4".as_slice())]).unwrap();
    let proxy = Proxied::scanning(policy, ProxyLimits::default(), Some(scanner));
    let url = format!("http://allowed.test:{}/", server.port());
    for query in ["?k=CANARY-f00ba4", "?k=%43ANARY-f00b%614"] {
        assert_eq!(code(&proxy.get(&format!("{url}{query}")).await), refused("secret_in_request"));
    }
    assert_eq!(server.connections(), 0);
    assert_eq!(proxy.get(&format!("{url}?k=benign")).await.0, 200);
}

#[tokio::test]
async fn tunnels_count_among_the_connections() {
    let (server, proxy) = allowed(ProxyLimits { connections: 2, ..ProxyLimits::default() }).await;
    let url = format!("http://allowed.test:{}/", server.port());
    let mut open = Vec::new();
    for _ in 0..2 {
        let mut stream = proxy.connect().await;
        let request = format!("CONNECT allowed.test:{} HTTP/1.1\r\nhost: x\r\n\r\n", server.port());
        stream.write_all(request.as_bytes()).await.unwrap();
        assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
        open.push(stream);
    }
    let mut third = Box::pin(proxy.get(&url));
    let soon = std::time::Duration::from_millis(100);
    assert!(tokio::time::timeout(soon, &mut third).await.is_err(), "there was room for a third");
    open.pop();
    assert_eq!(third.await.0, 200);
}

#[tokio::test]
async fn a_stopped_proxy_closes_what_is_open() {
    let (server, proxy) = allowed(ProxyLimits::default()).await;
    let mut stream = proxy.connect().await;
    let request = format!("CONNECT allowed.test:{} HTTP/1.1\r\nhost: x\r\n\r\n", server.port());
    stream.write_all(request.as_bytes()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    drop(proxy);
    assert_eq!(head(&mut stream).await, "");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_bridge_carries_a_port_to_the_socket() {
    let (server, proxy) = allowed(ProxyLimits::default()).await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let socket = proxy.socket();
    // It runs until the test's process ends, as it does in a sandbox.
    std::thread::spawn(move || bridge(&listener, &socket));
    let ask = move |request: String| {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let port = server.port();
    let answers = tokio::task::spawn_blocking(move || {
        let get = |host: &str| {
            ask(format!(
                "GET http://{host}:{port}/ HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
            ))
        };
        (get("allowed.test"), get("evil.test"))
    });
    let (good, bad) = answers.await.unwrap();
    assert!(good.starts_with("HTTP/1.1 200") && good.ends_with("hello"), "{good}");
    assert!(bad.starts_with("HTTP/1.1 403") && bad.contains("host_not_allowed"), "{bad}");
}
