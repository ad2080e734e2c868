//! The least that a gateway can be: it checks a key, names the model, and hands
//! everything on as it comes. What the hub costs is told beside it.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use axum::serve::ListenerExt as _;
use clap::Parser;
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpListener;

/// Hands requests on to a provider. The first line that it prints is the address
/// it listens on.
#[derive(Debug, Parser)]
#[command(name = "bare-proxy", version)]
struct Cli {
    /// The address to listen on; port 0 is any that is free
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// The provider, without a slash at the end and without /v1
    #[arg(long)]
    upstream: String,
    /// The key that requests have to show, and that the provider is shown
    #[arg(long)]
    key: String,
    /// The model that the provider is asked for
    #[arg(long)]
    model: String,
}

struct Proxy {
    http: reqwest::Client,
    url: String,
    bearer: String,
    model: String,
}

#[tokio::main]
async fn main() -> Result<()> {
    let cli = Cli::parse();
    let proxy = Proxy {
        http: client()?,
        url: format!("{}/v1/chat/completions", cli.upstream),
        bearer: format!("Bearer {}", cli.key),
        model: cli.model,
    };
    let routes = axum::Router::new().route("/v1/chat/completions", post(complete));
    let listener = TcpListener::bind(cli.listen).await.context("cannot listen")?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "{address}").context("cannot say the address")?;
    let listener = listener.tap_io(|stream| {
        // Without it, small pieces wait for each other; with an error it is slower.
        let _ = stream.set_nodelay(true);
    });
    Ok(axum::serve(listener, routes.with_state(Arc::new(proxy))).await?)
}

/// As the hub's own, which trusts other authorities; here nothing is encrypted.
fn client() -> Result<reqwest::Client> {
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    let client = reqwest::Client::builder().tls_backend_preconfigured(tls).tcp_nodelay(true);
    Ok(client.build()?)
}

async fn complete(State(proxy): State<Arc<Proxy>>, headers: HeaderMap, body: Bytes) -> Response {
    let shown = headers.get(AUTHORIZATION).map(|shown| shown.as_bytes());
    if shown != Some(proxy.bearer.as_bytes()) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let Ok(Value::Object(mut request)) = serde_json::from_slice::<Value>(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    request.insert("model".to_owned(), proxy.model.clone().into());
    let asked = proxy.http.post(&proxy.url).header(AUTHORIZATION, &proxy.bearer);
    match asked.json(&request).send().await {
        Ok(answer) => {
            let (status, kind) = (answer.status(), answer.headers().get(CONTENT_TYPE).cloned());
            let mut response = Body::from_stream(answer.bytes_stream()).into_response();
            *response.status_mut() = status;
            response.headers_mut().extend(kind.map(|kind| (CONTENT_TYPE, kind)));
            response
        }
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}
