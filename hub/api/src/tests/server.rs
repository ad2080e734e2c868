//! The server on a real socket.

use std::net::SocketAddr;
use std::time::Duration;

use agentos_domain::Classified;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Fixture, READER, config};
use crate::{Api, ApiConfig, Rate, RateLimits};

struct Running {
    hub: Fixture,
    address: SocketAddr,
    cancel: CancellationToken,
    server: JoinSet<()>,
}

impl Running {
    async fn new() -> Self {
        Self::with(config()).await
    }

    async fn with(config: ApiConfig) -> Self {
        let hub = Fixture::new().await;
        let api = Api::bind(config, hub.engine.handle.clone()).await.unwrap();
        let address = api.local_addr();
        let cancel = CancellationToken::new();
        let mut server = JoinSet::new();
        server.spawn(api.run(cancel.clone()));
        Self { hub, address, cancel, server }
    }

    async fn send(&self, text: &str) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        stream
    }

    async fn stop(mut self) {
        self.cancel.cancel();
        deadline(self.server.join_next()).await.unwrap().unwrap();
    }
}

async fn deadline<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), future).await.unwrap()
}

async fn read_all(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    // A reset is an end, too.
    let _ = deadline(stream.read_to_end(&mut text)).await;
    String::from_utf8(text).unwrap()
}

async fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    while !text.contains(end) {
        let byte = deadline(stream.read_u8()).await.unwrap();
        text.push(char::from(byte));
    }
    text
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer {READER}\r\n\r\n")
}

#[tokio::test]
async fn it_serves_and_stops() {
    let server = Running::new().await;
    let mut stream = server.send(&get("/health")).await;
    let answer = read_until(&mut stream, "}}").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    let port = format!("\"port\":{}", server.address.port());
    assert!(answer.contains(&port), "{answer}");
    // The idle connection does not hold it up.
    server.stop().await;
    assert_eq!(read_all(&mut stream).await, "");
}

#[tokio::test]
async fn a_stream_of_events_does_not_keep_it_from_stopping() {
    let server = Running::new().await;
    let id = server.hub.task("a").await;
    let mut stream = server.send(&get(&format!("/api/tasks/{id}/events"))).await;
    read_until(&mut stream, "event: status").await;
    server.stop().await;
    let rest = read_all(&mut stream).await;
    assert!(rest.ends_with("0\r\n\r\n"), "the stream was not ended in order: {rest}");
}

#[tokio::test]
async fn a_port_in_use_is_an_error_that_says_what_to_do() {
    let server = Running::new().await;
    let mut taken = config();
    taken.listen = server.address;
    let error = Api::bind(taken, server.hub.engine.handle.clone()).await.err().unwrap();
    assert_eq!(error.code(), "port_in_use");
    let port = server.address.port();
    assert_eq!(
        error.to_string(),
        format!(
            "port {port} is in use: stop the other program or choose another with --listen or \
             AGENTOS_PORT"
        )
    );
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_does_not_finish_its_request_is_given_up() {
    let server = Running::new().await;
    for text in ["", "GET /health HTTP/1.1\r\nHo"] {
        let mut stream = server.send(text).await;
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        read_all(&mut stream).await;
        assert!(began.elapsed() <= Duration::from_secs(11), "{:?}", began.elapsed());
        tokio::time::resume();
    }
    server.stop().await;
}

#[tokio::test]
async fn heads_have_limits() {
    let server = Running::new().await;
    let many = "x: y\r\n".repeat(65);
    let long = format!("x: {}\r\n", "y".repeat(33_000));
    for headers in [many, long] {
        let text = format!("GET /health HTTP/1.1\r\nHost: hub\r\n{headers}\r\n");
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        // The server may close before it has read everything.
        let _ = stream.write_all(text.as_bytes()).await;
        let answer = read_all(&mut stream).await;
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_refused_upload_is_answered_before_it_is_sent() {
    let server = Running::new().await;
    let head = "PUT /api/files/x HTTP/1.1\r\nHost: hub\r\nAuthorization: Bearer test-admin-key\r\n\
                Content-Length: 99999999999\r\nExpect: 100-continue\r\n\r\n";
    let mut stream = server.send(head).await;
    let answer = read_until(&mut stream, "\r\n").await;
    assert_eq!(answer, "HTTP/1.1 413 Payload Too Large\r\n");
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_held_back() {
    let rates = RateLimits { per_address: Rate::new(1, 2), ..config().rates };
    let server = Running::with(ApiConfig { rates, ..config() }).await;
    let ask = async |claimed: &str| {
        let text = format!(
            "GET /health HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\
             X-Forwarded-For: {claimed}\r\nForwarded: for={claimed}\r\n\r\n"
        );
        read_all(&mut server.send(&text).await).await
    };
    for claimed in ["10.0.0.1", "10.0.0.2"] {
        let answer = ask(claimed).await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    }
    let answer = ask("10.0.0.3").await;
    assert!(answer.starts_with("HTTP/1.1 429 "), "{answer}");
    assert!(answer.contains("retry-after: "), "{answer}");
    // A key is counted for itself.
    let mut stream = server.send(&get("/health")).await;
    assert!(read_until(&mut stream, "}}").await.starts_with("HTTP/1.1 200 "));
    drop(stream);
    server.stop().await;
}

#[tokio::test]
async fn an_origin_that_is_none_keeps_it_from_starting() {
    let hub = Fixture::new().await;
    let wrong = ApiConfig { cors_origins: vec!["*".to_owned()], ..config() };
    let error = Api::bind(wrong, hub.engine.handle.clone()).await.err().unwrap();
    assert_eq!(error.code(), "invalid_origin");
    assert!(error.to_string().contains("write `https://host`"), "{error}");
}

#[tokio::test]
async fn slow_clients_make_room_for_others_of_their_address() {
    let server = Running::new().await;
    let mut slow = Vec::new();
    for _ in 0..70 {
        slow.push(server.send("GET /health HTTP/1.1\r\nx").await);
        // Well-behaved ones get in at the first attempt, however many are slow.
        let mut stream = server.send(&get("/health")).await;
        assert!(read_until(&mut stream, "}}").await.starts_with("HTTP/1.1 200 "));
    }
    // The first of them had to go.
    assert_eq!(read_all(&mut slow[0]).await, "");
    server.stop().await;
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused_after_it_was_sent() {
    let server = Running::new().await;
    let size = 10_000_000;
    let head = format!(
        "POST /api/tasks HTTP/1.1\r\nHost: hub\r\nConnection: close\r\n\
         Authorization: Bearer test-admin-key\r\nContent-Length: {size}\r\n\r\n"
    );
    let mut stream = server.send(&head).await;
    // Many clients give up on the answer if they cannot send all of it.
    deadline(stream.write_all(&vec![b'x'; size])).await.unwrap();
    let answer = read_all(&mut stream).await;
    assert!(
        answer.starts_with("HTTP/1.1 413 ") && answer.contains("PAYLOAD_TOO_LARGE"),
        "{answer}"
    );
    server.stop().await;
}
