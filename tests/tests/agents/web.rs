//! A small web on this machine: a search engine, pages, and a package index.

use std::future::ready;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Result;
use axum::Router;
use axum::extract::Request;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

const BOILER: &str = "<html><head><title>The boiler</title></head><body><h1>The boiler</h1>\
    <p>It was built in 1998 and was serviced in March.</p></body></html>";
const INDEX: &str = r#"{"meta": {"api-version": "1.1"}, "name": "lentil-soup",
    "versions": ["1.0.0", "2.1.0"], "files": [
    {"filename": "lentil_soup-1.0.0-py3-none-any.whl", "url": "a.whl", "hashes": {}},
    {"filename": "lentil_soup-2.1.0-py3-none-any.whl", "url": "b.whl", "hashes": {}}]}"#;

pub(crate) struct FakeWeb {
    address: SocketAddr,
    asked: Arc<AtomicU32>,
    /// Ends with this.
    _server: JoinSet<std::io::Result<()>>,
}

impl FakeWeb {
    pub(crate) async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let results = format!(
            r#"{{"results": [{{"url": "http://{address}/boiler", "title": "The boiler",
                "content": "Built and serviced"}}]}}"#
        );
        let asked = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&asked);
        let router = Router::new()
            .route("/search", get(async || of("application/json", results)))
            .route("/boiler", get(async || of("text/html; charset=utf-8", BOILER)))
            .route(
                "/simple/lentil-soup/",
                get(async || of("application/vnd.pypi.simple.v1+json", INDEX)),
            )
            .fallback(async || StatusCode::NOT_FOUND)
            .layer(axum::middleware::map_request(move |request: Request| {
                count.fetch_add(1, Ordering::Relaxed);
                ready(request)
            }));
        let mut server = JoinSet::new();
        server.spawn(async move { axum::serve(listener, router).await });
        Ok(Self { address, asked, _server: server })
    }

    /// How many requests came.
    pub(crate) fn asked(&self) -> u32 {
        self.asked.load(Ordering::Relaxed)
    }

    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

fn of(content_type: &'static str, body: impl Into<String>) -> Response {
    ([(header::CONTENT_TYPE, content_type)], body.into()).into_response()
}
