//! A stub of an issuer's web server, which publishes whatever it is told to.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// What the stub answers.
#[derive(Clone)]
pub(super) enum Answer {
    Body(String),
    Raw(String),
    Silence,
}

impl Answer {
    fn bytes(&self) -> Option<String> {
        match self {
            Self::Body(body) => Some(format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
                body.len()
            )),
            Self::Raw(text) => Some(text.clone()),
            Self::Silence => None,
        }
    }
}

struct State {
    answer: Mutex<Answer>,
    requests: AtomicUsize,
    asked: Notify,
}

pub(super) struct Stub {
    state: Arc<State>,
    pub(super) port: u16,
    /// Ends the server with the stub.
    _server: JoinSet<()>,
}

impl Stub {
    pub(super) async fn plain(answer: Answer) -> Self {
        Self::start(answer, None).await
    }

    pub(super) async fn tls(answer: Answer, acceptor: TlsAcceptor) -> Self {
        Self::start(answer, Some(acceptor)).await
    }

    async fn start(answer: Answer, acceptor: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (requests, asked) = (AtomicUsize::new(0), Notify::new());
        let state = Arc::new(State { answer: Mutex::new(answer), requests, asked });
        let (mut server, shared) = (JoinSet::new(), state.clone());
        server.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (tcp, _) = listener.accept().await.unwrap();
                let (state, acceptor) = (shared.clone(), acceptor.clone());
                connections.spawn(async move {
                    match acceptor {
                        None => serve(tcp, &state).await,
                        Some(acceptor) => match acceptor.accept(tcp).await {
                            Ok(tls) => serve(tls, &state).await,
                            Err(_) => None,
                        },
                    }
                });
            }
        });
        Self { state, port, _server: server }
    }

    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}/jwks.json", self.port)
    }

    pub(super) fn answer(&self, answer: Answer) {
        *self.state.answer.lock().unwrap() = answer;
    }

    pub(super) fn requests(&self) -> usize {
        self.state.requests.load(Ordering::SeqCst)
    }

    /// Waits for the next request.
    pub(super) async fn asked(&self) {
        self.state.asked.notified().await;
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S, state: &State) -> Option<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        request.push(stream.read_u8().await.ok()?);
    }
    assert!(request.starts_with(b"GET /jwks.json HTTP/1.1\r\n"));
    state.requests.fetch_add(1, Ordering::SeqCst);
    state.asked.notify_one();
    let answer = state.answer.lock().unwrap().bytes();
    match answer {
        Some(text) => {
            stream.write_all(text.as_bytes()).await.ok()?;
            stream.shutdown().await.ok()
        }
        None => std::future::pending().await,
    }
}
