//! What begins a tunnel must ask for the host that CONNECT named.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

use super::support::{LOOPBACK, Proxied, Server, answer, certificate, page, policy, public};
use crate::*;

async fn secure(limits: ProxyLimits) -> (Server, Proxied, Arc<ClientConfig>) {
    let (server_tls, client_tls) = certificate(&["allowed.test", "evil.test"]);
    let server = Server::at(LOOPBACK, Some(server_tls), |_| page("hello")).await;
    let (rules, resolver) = public(&["allowed.test"]);
    let list = format!("allowed.test:{}", server.port());
    (server, Proxied::start(policy(&[&list], rules, resolver), limits), client_tls)
}

async fn opened(proxy: &Proxied, port: u16) -> UnixStream {
    let mut stream = proxy.connect().await;
    let request = format!("CONNECT allowed.test:{port} HTTP/1.1\r\nhost: x\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut stream).await.0, 200);
    stream
}

async fn ask(
    stream: UnixStream,
    tls: &Arc<ClientConfig>,
    name: &'static str,
) -> std::io::Result<String> {
    let name = ServerName::try_from(name).unwrap();
    let mut stream = TlsConnector::from(Arc::clone(tls)).connect(name, stream).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await?;
    let mut text = String::new();
    stream.read_to_string(&mut text).await?;
    Ok(text)
}

#[tokio::test]
async fn another_name_in_the_first_message_closes_the_tunnel() {
    let (server, proxy, tls) = secure(ProxyLimits::default()).await;
    for name in ["evil.test", "www.allowed.test", "allowed.test.evil.test", "127.0.0.1"] {
        let stream = opened(&proxy, server.port()).await;
        assert!(ask(stream, &tls, name).await.is_err(), "{name}");
    }
    assert_eq!(server.heads().len(), 0);
    let stream = opened(&proxy, server.port()).await;
    assert!(ask(stream, &tls, "allowed.test").await.unwrap().ends_with("hello"));
    // The control: without the proxy the server gladly serves the other name.
    let direct = tokio::net::TcpStream::connect(server.address).await.unwrap();
    let name = ServerName::try_from("evil.test").unwrap();
    assert!(TlsConnector::from(tls).connect(name, direct).await.is_ok());
}

#[tokio::test]
async fn what_is_no_tls_is_not_carried() {
    let plain = Server::start(|_| page("secret")).await;
    let (rules, resolver) = public(&["allowed.test"]);
    let policy = policy(&[&format!("allowed.test:{}", plain.port())], rules, resolver);
    let proxy = Proxied::start(policy, ProxyLimits::default());
    for begin in [
        b"GET / HTTP/1.1\r\nhost: evil.test\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
        vec![0x16, 3, 1, 0, 4, 1, 0, 0, 0],
        [vec![0x16, 3, 1, 0x40, 0], vec![1; 0x4000]].concat(),
        Vec::new(),
    ] {
        let mut stream = opened(&proxy, plain.port()).await;
        stream.write_all(&begin).await.unwrap();
        stream.shutdown().await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty(), "{begin:?}");
    }
    assert!(plain.heads().iter().all(String::is_empty), "{:?}", plain.heads());
}

#[tokio::test]
async fn who_says_nothing_is_cut_off() {
    let begin = Duration::from_millis(100);
    let (server, proxy, _) = secure(ProxyLimits { begin, ..ProxyLimits::default() }).await;
    let mut stream = opened(&proxy, server.port()).await;
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn a_tunnel_carries_no_more_than_a_run_may_send() {
    let (server, proxy, tls) =
        secure(ProxyLimits { upload: 20_000, ..ProxyLimits::default() }).await;
    let stream = opened(&proxy, server.port()).await;
    let name = ServerName::try_from("allowed.test").unwrap();
    let mut stream = TlsConnector::from(Arc::clone(&tls)).connect(name, stream).await.unwrap();
    let mut sent = Ok(());
    for _ in 0..100 {
        sent = stream.write_all(&[b'a'; 4000]).await;
        if sent.is_err() {
            break;
        }
        let _ = stream.flush().await;
    }
    let ended = sent.is_err() || stream.read(&mut [0]).await.is_err();
    assert!(ended, "the tunnel took 400 kB");
    assert_eq!(server.heads().iter().filter(|head| head.len() > 20_000).count(), 0);
    // What is left is soon used up by other tunnels, and the host gets no more.
    let mut asked = 0;
    while asked < 100 {
        let stream = opened(&proxy, server.port()).await;
        if ask(stream, &tls, "allowed.test").await.is_err() {
            break;
        }
        asked += 1;
    }
    assert!(asked < 50, "{asked} more were let through");
}
