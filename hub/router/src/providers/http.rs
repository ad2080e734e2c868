//! Providers that are asked over HTTP: OpenAI and those who speak like it, and
//! Anthropic.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{Clock, ProviderSecret};
use async_trait::async_trait;
use futures::{Stream, StreamExt as _};
use reqwest::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{RequestBuilder, Response};
use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;

use super::{Call, EmbedCall, Provider};
use crate::config::Location;
use crate::error::{CallError, ErrorKind};
use crate::piece::{Piece, Pieces};
use crate::wire::failure::classify;
use crate::wire::sse::Events;
use crate::wire::{anthropic, openai};

/// OpenAI itself; its newer models refuse the older name of a field.
const OPENAI: &str = "https://api.openai.com/";
/// The version of Anthropic's API that is spoken.
const ANTHROPIC_VERSION: &str = "2023-06-01";
/// The largest answer that comes whole, and the largest error, in bytes.
const MAX_WHOLE: usize = 64 * 1024 * 1024;
const MAX_ERROR: usize = 64 * 1024;
/// How long connections without work are kept.
const IDLE_CONNECTION: Duration = Duration::from_secs(60);

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// OpenAI's chat completions.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

/// A provider that is asked over HTTP.
pub struct HttpProviderConfig {
    /// How it is spoken to.
    pub shape: Shape,
    /// Its address, such as `https://api.openai.com/v1`, without a slash at the
    /// end.
    pub base: String,
    /// The key, if it wants one.
    pub key: Option<ProviderSecret>,
}

/// Asks a provider over HTTP.
pub struct HttpProvider {
    http: reqwest::Client,
    config: HttpProviderConfig,
    clock: Arc<dyn Clock>,
}

/// The client that all providers at one place share. A proxy that the environment
/// names is for clouds alone: what is asked at home stays there.
///
/// # Errors
/// Where TLS cannot be set up.
pub fn http_client(connect: Duration, location: Location) -> Result<reqwest::Client, String> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let builder = match location {
        Location::Local => reqwest::Client::builder().no_proxy(),
        Location::Cloud => reqwest::Client::builder(),
    };
    builder
        .tls_backend_preconfigured(tls)
        .redirect(reqwest::redirect::Policy::none())
        .connect_timeout(connect)
        .pool_idle_timeout(IDLE_CONNECTION)
        .tcp_nodelay(true)
        .user_agent(concat!("agent-os/", env!("CARGO_PKG_VERSION")))
        .build()
        .map_err(|error| error.to_string())
}

impl HttpProvider {
    /// A provider. The clock tells how far off the date is until which it asks
    /// to be left alone.
    #[must_use]
    pub fn new(http: reqwest::Client, config: HttpProviderConfig, clock: Arc<dyn Clock>) -> Self {
        Self { http, config, clock }
    }

    /// The answer to a request, or the error that it is.
    async fn send(&self, request: RequestBuilder) -> Result<Response, CallError> {
        let response = request.send().await.map_err(|error| failure(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let wait = response.headers().get(RETRY_AFTER).and_then(|wait| wait.to_str().ok());
        let wait = wait.and_then(|wait| self.clock.now().retry_after(wait));
        // An error without a document that can be read is classified by its status.
        let document = bounded(response, MAX_ERROR).await.ok();
        let document = document.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        Err(classify(Some(status.as_u16()), wait, &document.unwrap_or(Value::Null)))
    }

    fn post(&self, path: &str, body: Vec<u8>, own: Option<&ProviderSecret>) -> RequestBuilder {
        let url = format!("{}{path}", self.config.base);
        let request = self.http.post(url).header(CONTENT_TYPE, "application/json").body(body);
        let key = own.or(self.config.key.as_ref());
        match (self.config.shape, key) {
            (Shape::OpenAi, Some(key)) => request.bearer_auth(key.expose()),
            (Shape::OpenAi, None) => request,
            (Shape::Anthropic, key) => {
                let request = request.header("anthropic-version", ANTHROPIC_VERSION);
                match key {
                    Some(key) => request.header("x-api-key", key.expose()),
                    None => request,
                }
            }
        }
    }
}

#[async_trait]
impl Provider for HttpProvider {
    async fn chat(&self, call: Call<'_>) -> Result<Pieces, CallError> {
        let (path, body, reader) = match self.config.shape {
            Shape::OpenAi => {
                let reader = Reader::OpenAi(openai::Reader::default());
                (
                    "/chat/completions",
                    openai::body(&call, self.config.base.starts_with(OPENAI))?,
                    reader,
                )
            }
            Shape::Anthropic => {
                let reader = Reader::Anthropic(Box::new(anthropic::Reader::of(&call)));
                ("/v1/messages", anthropic::body(&call)?, reader)
            }
        };
        let accept = if call.streamed { "text/event-stream" } else { "application/json" };
        let request = self.post(path, body, call.key).header(ACCEPT, accept);
        let response = self.send(request).await?;
        if is_stream(&response) {
            return Ok(Box::pin(streamed(response, reader)));
        }
        let pieces = whole(response, reader).await?;
        Ok(Box::pin(futures::stream::iter(pieces.into_iter().map(Ok))))
    }

    async fn embed(&self, call: EmbedCall<'_>) -> Result<Value, CallError> {
        if self.config.shape == Shape::Anthropic {
            let message = "this provider makes no embeddings";
            return Err(CallError::new(ErrorKind::Unsupported, message));
        }
        let mut body = call.request.clone();
        body["model"] = Value::from(call.model);
        let body = body.to_string().into_bytes();
        let request = self.post("/embeddings", body, call.key);
        let response = self.send(request).await?;
        let bytes = bounded(response, MAX_WHOLE).await?;
        serde_json::from_slice(&bytes).map_err(|error| unreadable(&error))
    }

    fn answers_whole(&self) -> bool {
        true
    }
}

/// Reads what one answer consists of.
enum Reader {
    OpenAi(openai::Reader),
    Anthropic(Box<anthropic::Reader>),
}

impl Reader {
    fn read(&mut self, data: &[u8], pieces: &mut Vec<Piece>) -> Result<(), CallError> {
        match self {
            Self::OpenAi(reader) => reader.read(data, pieces),
            Self::Anthropic(reader) => reader.read(data, pieces),
        }
    }

    fn is_done(&self) -> bool {
        match self {
            Self::OpenAi(reader) => reader.done,
            Self::Anthropic(reader) => reader.done,
        }
    }
}

/// A stream while it is read.
struct Reading<S> {
    bytes: S,
    events: Events,
    reader: Reader,
    ready: VecDeque<Piece>,
    finished: bool,
    over: bool,
}

fn streamed(
    response: Response,
    reader: Reader,
) -> impl Stream<Item = Result<Piece, CallError>> + Send {
    let reading = Reading {
        bytes: Box::pin(response.bytes_stream()),
        events: Events::default(),
        reader,
        ready: VecDeque::new(),
        finished: false,
        over: false,
    };
    futures::stream::unfold(reading, |mut reading| async move {
        let next = reading.next().await.transpose()?;
        reading.over |= next.is_err();
        Some((next, reading))
    })
}

impl<S, B> Reading<S>
where
    S: Stream<Item = Result<B, reqwest::Error>> + Unpin,
    B: Into<bytes::Bytes>,
{
    async fn next(&mut self) -> Result<Option<Piece>, CallError> {
        loop {
            if let Some(piece) = self.ready.pop_front() {
                self.finished |= matches!(piece, Piece::Finish(_));
                return Ok(Some(piece));
            }
            if self.over || self.reader.is_done() {
                return Ok(None);
            }
            let too_long =
                |_| CallError::new(ErrorKind::Protocol, "the provider sends an event without end");
            if let Some(data) = self.events.next().map_err(too_long)? {
                let mut pieces = Vec::new();
                let read = self.reader.read(&data, &mut pieces);
                self.ready.extend(pieces);
                read?;
                continue;
            }
            match self.bytes.next().await {
                Some(Ok(bytes)) => self.events.push(&bytes.into()).map_err(too_long)?,
                Some(Err(error)) => return Err(failure(&error)),
                // Some end without saying so.
                None if self.finished => return Ok(None),
                None => {
                    let message = "the provider's answer ended before it was complete";
                    return Err(CallError::new(ErrorKind::Broken, message));
                }
            }
        }
    }
}

async fn whole(response: Response, mut reader: Reader) -> Result<Vec<Piece>, CallError> {
    let bytes = bounded(response, MAX_WHOLE).await?;
    let mut pieces = Vec::new();
    reader.read(&bytes, &mut pieces)?;
    if !pieces.iter().any(|piece| matches!(piece, Piece::Finish(_))) {
        let message = "the provider's answer holds no answer of a model";
        return Err(CallError::new(ErrorKind::Protocol, message));
    }
    Ok(pieces)
}

fn is_stream(response: &Response) -> bool {
    let kind = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/event-stream"))
}

async fn bounded(mut response: Response, limit: usize) -> Result<Vec<u8>, CallError> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(&error))? {
        if bytes.len() + chunk.len() > limit {
            let message = format!("the provider's answer is larger than {limit} bytes");
            return Err(CallError::new(ErrorKind::Protocol, message));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

fn unreadable(error: &serde_json::Error) -> CallError {
    CallError::new(ErrorKind::Protocol, format!("the provider's answer is no JSON: {error}"))
}

/// What became of a request without an answer. The address stays out of it: it
/// may hold what is secret.
fn failure(error: &reqwest::Error) -> CallError {
    let (kind, what) = if error.is_connect() {
        (ErrorKind::Connect, "the provider cannot be reached")
    } else if error.is_timeout() {
        (ErrorKind::Timeout, "the provider takes too long")
    } else {
        (ErrorKind::Broken, "the connection to the provider broke")
    };
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let cause = if std::ptr::eq(cause, error) { String::new() } else { format!(": {cause}") };
    CallError::new(kind, format!("{what}{cause}"))
}
