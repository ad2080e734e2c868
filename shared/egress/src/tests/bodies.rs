//! Answers that are too large, too packed or too slow.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agentos_domain::Classified as _;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::support::{LOOPBACK, Server, fetch, fetcher, head, page, policy, public};
use crate::*;

const MIB: usize = 1024 * 1024;

fn limits() -> FetchLimits {
    FetchLimits { body: MIB, unpacked: 2 * MIB, ..FetchLimits::default() }
}

fn to(port: u16, limits: FetchLimits) -> (Fetcher, String) {
    let (rules, resolver) = public(&["allowed.test"]);
    let policy = policy(&[&format!("allowed.test:{port}")], rules, resolver);
    (fetcher(policy).with_limits(limits), format!("http://allowed.test:{port}/"))
}

/// Sends a head, then the same piece again and again, and counts bytes.
async fn endless(
    first: &'static str,
    piece: Vec<u8>,
    times: usize,
    pause: Duration,
) -> (u16, Arc<AtomicU64>, JoinSet<()>) {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let sent = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&sent);
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            head(&mut stream).await;
            if stream.write_all(first.as_bytes()).await.is_err() {
                continue;
            }
            for _ in 0..times {
                if stream.write_all(&piece).await.is_err() {
                    break;
                }
                counter.fetch_add(piece.len() as u64, Ordering::SeqCst);
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
            }
        }
    });
    (port, sent, tasks)
}

#[tokio::test]
async fn a_gibibyte_in_chunks_is_cut_at_the_limit() {
    let mut piece = format!("{:x}\r\n", 64 * 1024).into_bytes();
    piece.extend(vec![b'a'; 64 * 1024]);
    piece.extend(b"\r\n");
    let first = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let (port, sent, _tasks) = endless(first, piece, 16 * 1024, Duration::ZERO).await;
    let (fetcher, url) = to(port, limits());
    let got = fetch(&fetcher, &url).await.unwrap();
    assert_eq!((got.body.len(), got.truncated), (MIB, true));
    // What the sockets' buffers hold comes on top.
    let sent = sent.load(Ordering::SeqCst);
    assert!(sent < 64 * MIB as u64, "{sent} bytes were taken");
}

fn packed(content: &[u8], times: usize) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    for _ in 0..times {
        encoder.write_all(content).unwrap();
    }
    encoder.finish().unwrap()
}

fn gzip(body: &[u8], encoding: &str) -> Vec<u8> {
    let head = format!("content-encoding: {encoding}\r\ncontent-length: {}", body.len());
    let mut answer = format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n").into_bytes();
    answer.extend_from_slice(body);
    answer
}

#[tokio::test]
async fn a_packed_bomb_is_cut_where_it_unpacks_too_far() {
    // 256 MiB of zeros in about one, under a body limit that lets all of it in.
    let bomb = packed(&vec![0; MIB], 256);
    let whole = bomb.len();
    let server = Server::start(move |_| gzip(&bomb, "gzip")).await;
    let (fetcher, url) = to(server.port(), FetchLimits { body: 16 * MIB, ..limits() });
    let got = fetch(&fetcher, &url).await.unwrap();
    assert!(whole < 16 * MIB);
    assert_eq!((got.body.len(), got.truncated), (2 * MIB, true));
}

#[tokio::test]
async fn what_is_packed_honestly_is_unpacked() {
    let text = "benign ".repeat(1000);
    let body = packed(text.as_bytes(), 1);
    let server = Server::start(move |_| gzip(&body, "gzip")).await;
    let (fetcher, url) = to(server.port(), limits());
    let got = fetch(&fetcher, &url).await.unwrap();
    assert_eq!((String::from_utf8(got.body).unwrap(), got.truncated), (text, false));
    assert!(server.heads()[0].to_lowercase().contains("accept-encoding: gzip\r\n"));
}

#[tokio::test]
async fn what_cannot_be_unpacked_says_so() {
    let body = packed(b"text", 1);
    for (body, encoding, code) in [
        (body.clone(), "br", "unknown_encoding"),
        (body.clone(), "gzip, gzip", "unknown_encoding"),
        (b"not packed at all".to_vec(), "gzip", "protocol"),
        (body[..body.len() - 6].to_vec(), "gzip", "protocol"),
    ] {
        let server = Server::start(move |_| gzip(&body, encoding)).await;
        let (fetcher, url) = to(server.port(), limits());
        assert_eq!(fetch(&fetcher, &url).await.unwrap_err().code(), code, "{encoding}");
    }
}

#[tokio::test]
async fn a_drip_is_given_up() {
    let first = "HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n";
    let (port, sent, _tasks) =
        endless(first, vec![b'a'], 1_000_000, Duration::from_millis(5)).await;
    let window = Duration::from_millis(300);
    let slow = FetchLimits { window, window_bytes: 64 * 1024, ..limits() };
    let (fetcher, url) = to(port, slow);
    assert_eq!(fetch(&fetcher, &url).await.unwrap_err(), FetchError::TooSlow);
    assert!(sent.load(Ordering::SeqCst) < 64 * 1024);
    // The twin: the same server is fast enough for who asks for less.
    let patient = FetchLimits { body: 20, window_bytes: 1, ..slow };
    let (fetcher, url) = to(port, patient);
    assert_eq!(fetch(&fetcher, &url).await.unwrap().body, vec![b'a'; 20]);
}

#[tokio::test]
async fn silence_ends_at_its_limit() {
    let listener = TcpListener::bind((LOOPBACK, 0)).await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let short = Duration::from_millis(100);
    let (fetcher, url) = to(port, FetchLimits { first_byte: short, ..limits() });
    let error = fetch(&fetcher, &url).await.unwrap_err();
    assert_eq!(error, FetchError::Timeout { stage: "to answer" });
    let (fetcher, url) = to(port, FetchLimits { total: short, ..limits() });
    let error = fetch(&fetcher, &url).await.unwrap_err();
    assert_eq!(error, FetchError::Timeout { stage: "altogether" });
}

#[tokio::test]
async fn heads_have_an_end() {
    let lines: String = (0..20_000).map(|number| format!("x-{number}: y\r\n")).collect();
    let answer = format!("HTTP/1.1 200 OK\r\n{lines}\r\n").into_bytes();
    let server = Server::start(move |_| answer.clone()).await;
    let (fetcher, url) = to(server.port(), limits());
    assert_eq!(fetch(&fetcher, &url).await.unwrap_err().code(), "protocol");
    let server = Server::start(|_| page("fine")).await;
    let (fetcher, url) = to(server.port(), limits());
    assert_eq!(fetch(&fetcher, &url).await.unwrap().body, b"fine");
}
