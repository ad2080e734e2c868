//! What requests carry: JSON bodies, ids in paths.

use std::time::Duration;

use agentos_domain::TaskId;
use axum::Json;
use axum::body::Body;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Path, Request};
use axum::http::request::Parts;
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::ApiState;
use crate::problem::{Code, Problem};

/// The longest that a client may take to send a JSON body.
const READ_LIMIT: Duration = Duration::from_secs(30);
/// How much of a body that is too large is read all the same and thrown away:
/// most clients that are cut off while they send never look at the answer.
const DRAIN_BYTES: usize = 64 * 1024 * 1024;
/// The longest that this may take.
const DRAIN_LIMIT: Duration = Duration::from_secs(5);

/// A JSON body. Its type need not be declared: the routes that take one take
/// nothing else, and what a page of somebody else sends is refused by the gate.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let bytes = read(request.into_body(), state.config.body_limit_bytes).await?;
        parse(&bytes).map(Self)
    }
}

/// As [`JsonBody`], for a request to a model: conversations and images are large.
pub(crate) struct ModelBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for ModelBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let bytes = read(request.into_body(), state.config.model_body_limit_bytes).await?;
        parse(&bytes).map(Self)
    }
}

/// A body as it is.
pub(crate) struct RawBody(pub(crate) Bytes);

impl FromRequest<ApiState> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        read(request.into_body(), state.config.body_limit_bytes).await.map(Self)
    }
}

/// As [`JsonBody`]; no body at all stands for an empty object.
pub(crate) struct OptionalJsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for OptionalJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let bytes = read(request.into_body(), state.config.body_limit_bytes).await?;
        parse(if bytes.is_empty() { b"{}" } else { &bytes }).map(Self)
    }
}

/// As [`JsonBody`], for what holds a secret: an error never quotes what was sent.
pub(crate) struct SecretJsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<ApiState> for SecretJsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> Result<Self, Problem> {
        let bytes = read(request.into_body(), state.config.body_limit_bytes).await?;
        serde_json::from_slice(&bytes).map(Self).map_err(|error| {
            let (code, what) = if error.is_data() {
                (Code::InvalidRequest, "the body has not the right members")
            } else {
                (Code::InvalidJson, "not valid JSON")
            };
            let (line, column) = (error.line(), error.column());
            Problem::new(code, format!("{what}: see line {line}, column {column}"))
        })
    }
}

async fn read(mut body: Body, limit: usize) -> Result<Bytes, Problem> {
    let limited = Limited::new(&mut body, limit);
    match tokio::time::timeout(READ_LIMIT, limited.collect()).await {
        Ok(Ok(collected)) => Ok(collected.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            // Whether it ended or not, the answer is the same.
            let _ = tokio::time::timeout(DRAIN_LIMIT, drain(body)).await;
            Err(too_large(limit as u64))
        }
        Ok(Err(error)) => {
            Err(Problem::new(Code::BadRequest, "the body broke off").caused_by(error))
        }
        Err(_) => {
            let seconds = READ_LIMIT.as_secs();
            let detail = format!("the body did not arrive within {seconds} s: send it again");
            Err(Problem::new(Code::RequestTimeout, detail))
        }
    }
}

async fn drain(mut body: Body) {
    let mut drained = 0;
    while drained < DRAIN_BYTES
        && let Some(Ok(frame)) = body.frame().await
    {
        drained += frame.data_ref().map_or(0, Bytes::len);
    }
}

/// For a body of more than `limit` bytes.
pub(crate) fn too_large(limit: u64) -> Problem {
    let detail = format!("the body is too large: at most {limit} bytes are taken here");
    Problem::new(Code::PayloadTooLarge, detail)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    Json::from_bytes(bytes).map(|Json(value)| value).map_err(|rejection| match &rejection {
        JsonRejection::JsonDataError(error) => {
            Problem::new(Code::InvalidRequest, without_place(&reason(error)))
        }
        other => Problem::new(Code::InvalidJson, format!("not valid JSON: {}", reason(other))),
    })
}

/// What is wrong and where, without the framework's preface.
fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut deepest = error;
    while let Some(source) = deepest.source() {
        // The parser's own error says the place in the text but not the field.
        if source.is::<serde_json::Error>() {
            break;
        }
        deepest = source;
    }
    deepest.to_string()
}

/// Without the line and column at the end: the member is named.
fn without_place(reason: &str) -> &str {
    reason.rsplit_once(" at line ").map_or(reason, |(what, _)| what)
}

/// The id of a task in a route's path. What cannot be one names no task.
pub(crate) struct TaskPath(pub(crate) TaskId);

impl<S: Send + Sync> FromRequestParts<S> for TaskPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let text = Path::<String>::from_request_parts(parts, state).await;
        let id = text.ok().and_then(|Path(text)| text.parse().ok());
        id.map(Self).ok_or_else(|| Problem::new(Code::NotFound, "no such task"))
    }
}
