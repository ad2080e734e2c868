//! The endpoints.

use std::future::pending;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use serde_json::{Value, json};

use crate::active::Active;
use crate::asked::{Asked, EmbeddingsAsked};
use crate::embeddings;
use crate::fault::{Fault, FaultAt, FaultKind};
use crate::feed::Feed;
use crate::recorded::{Ending, Entry};
use crate::refusal::Refusal;
use crate::render::{CREATED, Form, Rendered, Shape};
use crate::server::Shared;
use crate::wire::Wire;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const EVENTS: HeaderValue = HeaderValue::from_static("text/event-stream; charset=utf-8");
const HTML: HeaderValue = HeaderValue::from_static("text/html");

pub(crate) fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/responses", post(responses))
        .route("/v1/messages", post(messages))
        .route("/v1/embeddings", post(embeddings))
        .route("/v1/models", get(models))
        .route("/mock/requests", get(requests))
        .fallback(unknown)
        .with_state(shared)
}

async fn chat(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answer(&shared, Shape::Chat, request).await
}

async fn responses(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answer(&shared, Shape::Responses, request).await
}

async fn messages(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    answer(&shared, Shape::Messages, request).await
}

/// A request that was written down.
struct Call {
    shape: Shape,
    active: Arc<Active>,
    headers: HeaderMap,
    body: Bytes,
    entry: Entry,
    wire: Wire,
}

/// What is to be answered: an error, where a stage refuses to go on.
type Step<T> = Result<T, Box<Response>>;

impl Call {
    async fn read(shared: &Shared, shape: Shape, request: Request) -> Step<Self> {
        let (Parts { uri, headers, extensions, .. }, body) = request.into_parts();
        let Ok(body) = to_bytes(body, usize::MAX).await else {
            return Err(refuse(&Refusal::BadRequest, shape));
        };
        let entry = shared.ledger.begin(uri.path(), &headers, &body);
        let wire = extensions.get::<Wire>().cloned().unwrap_or_default();
        Ok(Self { shape, active: shared.next(), headers, body, entry, wire })
    }

    fn refused(mut self, refusal: &Refusal) -> Box<Response> {
        self.entry.end(Ending::Completed);
        refuse(refusal, self.shape)
    }

    /// Whether the key is right, and the headers are there that the shape needs.
    fn admitted(&self) -> bool {
        let header = |name: &str| self.headers.get(name).and_then(|value| value.to_str().ok());
        let expected = self.active.script.api_key.as_deref();
        if self.shape == Shape::Messages {
            let key = header("x-api-key");
            return key.is_some_and(|key| expected.is_none_or(|expected| key == expected))
                && header("anthropic-version").is_some();
        }
        let key = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        expected.is_none_or(|expected| key == Some(expected))
    }

    /// Waits as long as the script says, and does what goes wrong before
    /// anything is answered. The rest of the fault is returned.
    async fn before_headers(&mut self) -> Step<Option<Fault>> {
        let fault = self.active.next_fault().cloned();
        let delay = self.active.script.delay;
        if !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        match &fault {
            Some(Fault { kind: FaultKind::Status(refusal), .. }) => {
                self.entry.end(Ending::CutOff);
                Err(refuse(refusal, self.shape))
            }
            Some(Fault { at: FaultAt::BeforeHeaders, kind: FaultKind::Close, .. }) => {
                self.entry.end(Ending::CutOff);
                self.wire.reset().await
            }
            Some(Fault { at: FaultAt::BeforeHeaders, kind: FaultKind::Stall, .. }) => {
                pending().await
            }
            _ => Ok(fault),
        }
    }

    /// The answer in one piece, of so many chunks of content.
    fn whole(mut self, whole: Bytes, chunks: usize, fault: Option<&Fault>) -> Response {
        let Some(fault) = fault else {
            self.entry.end(Ending::Completed);
            return reply(StatusCode::OK, JSON, whole.into());
        };
        if let FaultKind::ErrorEvent(refusal) = &fault.kind {
            self.entry.end(Ending::CutOff);
            return reply(StatusCode::OK, JSON, refusal.body(self.shape).into());
        }
        let length = whole.len();
        let feed = Feed::broken(&whole, chunks, fault, self.entry, self.wire);
        let mut response = reply(StatusCode::OK, JSON, feed.into_body());
        if fault.kind != FaultKind::MalformedJson {
            response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
        }
        response
    }

    fn stream(self, rendered: &Rendered, fault: Option<&Fault>) -> Response {
        let manner = (self.shape, self.active.script.gap);
        let feed = Feed::stream(rendered, manner, fault, self.entry, self.wire);
        reply(StatusCode::OK, EVENTS, feed.into_body())
    }
}

async fn answer(shared: &Shared, shape: Shape, request: Request) -> Response {
    try_answer(shared, shape, request).await.unwrap_or_else(|refusal| *refusal)
}

async fn try_answer(shared: &Shared, shape: Shape, request: Request) -> Step<Response> {
    let mut call = Call::read(shared, shape, request).await?;
    if !call.admitted() {
        return Err(call.refused(&Refusal::BadKey));
    }
    let Ok(asked) = serde_json::from_slice::<Asked>(&call.body) else {
        return Err(call.refused(&Refusal::BadRequest));
    };
    let fault = call.before_headers().await?;
    let rendered = call.active.rendered(Form::new(shape, &call.active.script, &asked));
    if asked.stream() {
        return Ok(call.stream(&rendered, fault.as_ref()));
    }
    Ok(call.whole(rendered.whole.clone(), rendered.content.len(), fault.as_ref()))
}

async fn embeddings(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    try_embeddings(&shared, request).await.unwrap_or_else(|refusal| *refusal)
}

async fn try_embeddings(shared: &Shared, request: Request) -> Step<Response> {
    let mut call = Call::read(shared, Shape::Chat, request).await?;
    if !call.admitted() {
        return Err(call.refused(&Refusal::BadKey));
    }
    let asked = serde_json::from_slice::<EmbeddingsAsked>(&call.body);
    let asked = asked.map_err(|_| Refusal::BadRequest);
    let whole = match asked.and_then(|asked| embeddings::answer(&call.active.script, &asked)) {
        Ok(whole) => whole,
        Err(refusal) => return Err(call.refused(&refusal)),
    };
    let fault = call.before_headers().await?;
    Ok(call.whole(whole, 0, fault.as_ref()))
}

/// The one model that there is. Faults leave this alone.
async fn models(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let call = match Call::read(&shared, Shape::Chat, request).await {
        Ok(call) if call.admitted() => call,
        Ok(call) => return *call.refused(&Refusal::BadKey),
        Err(refusal) => return *refusal,
    };
    let id = call.active.script.model.as_deref().unwrap_or(crate::render::MODEL);
    let model = json!({"id": id, "object": "model", "created": CREATED, "owned_by": "mock"});
    let list = json!({"object": "list", "data": [model]}).to_string();
    call.whole(list.into(), 0, None)
}

/// What was asked, for tests in other processes. This itself is not written down.
async fn requests(State(shared): State<Arc<Shared>>) -> Response {
    let list: Vec<Value> = shared
        .ledger
        .requests()
        .iter()
        .map(|one| {
            json!({"path": one.path, "body": one.body, "ending": one.ending.as_str(),
                "chunks": one.chunks})
        })
        .collect();
    reply(StatusCode::OK, JSON, Value::from(list).to_string().into())
}

async fn unknown(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let body = json!({"error": {"message": "no such route", "type": "invalid_request_error",
        "param": null, "code": "unknown_url"}});
    let refusal = Refusal::Other { status: 404, body: body.to_string(), retry_after: None };
    match Call::read(&shared, Shape::Chat, request).await {
        Ok(call) => *call.refused(&refusal),
        Err(refusal) => *refusal,
    }
}

fn reply(status: StatusCode, kind: HeaderValue, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

fn refuse(refusal: &Refusal, shape: Shape) -> Box<Response> {
    let body = refusal.body(shape);
    let kind = if body.starts_with('<') { HTML } else { JSON };
    let mut response = reply(refusal.status(shape), kind, body.into());
    if let Some(seconds) = refusal.retry_after() {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Box::new(response)
}
