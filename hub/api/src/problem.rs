//! Errors as clients see them: RFC 9457 problem documents. What happened inside
//! stays in the log, under the id that the client is given.

use agentos_domain::Classified;
use agentos_engine::EngineError;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// The kinds of errors. The words are part of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Code {
    Unauthenticated,
    InvalidToken,
    TokenExpired,
    AuthError,
    InsufficientScope,
    CsrfRefused,
    NotFound,
    MethodNotAllowed,
    BadRequest,
    InvalidJson,
    InvalidRequest,
    IdempotencyMismatch,
    Conflict,
    PayloadTooLarge,
    RequestTimeout,
    StorageFull,
    RateLimited,
    Unavailable,
    Internal,
}

impl Code {
    pub(crate) fn as_str(self) -> &'static str {
        self.parts().0
    }

    pub(crate) fn status(self) -> StatusCode {
        self.parts().1
    }

    /// Whether a key or token was presented that is not good.
    pub(crate) fn is_refused_token(self) -> bool {
        matches!(self, Self::InvalidToken | Self::TokenExpired)
    }

    fn parts(self) -> (&'static str, StatusCode) {
        match self {
            Self::Unauthenticated => ("UNAUTHENTICATED", StatusCode::UNAUTHORIZED),
            Self::InvalidToken => ("INVALID_TOKEN", StatusCode::FORBIDDEN),
            Self::TokenExpired => ("TOKEN_EXPIRED", StatusCode::FORBIDDEN),
            Self::AuthError => ("AUTH_ERROR", StatusCode::FORBIDDEN),
            Self::InsufficientScope => ("INSUFFICIENT_SCOPE", StatusCode::FORBIDDEN),
            Self::CsrfRefused => ("CSRF_REFUSED", StatusCode::FORBIDDEN),
            Self::NotFound => ("NOT_FOUND", StatusCode::NOT_FOUND),
            Self::MethodNotAllowed => ("METHOD_NOT_ALLOWED", StatusCode::METHOD_NOT_ALLOWED),
            Self::BadRequest => ("BAD_REQUEST", StatusCode::BAD_REQUEST),
            Self::InvalidJson => ("INVALID_JSON", StatusCode::BAD_REQUEST),
            Self::InvalidRequest => ("INVALID_REQUEST", StatusCode::UNPROCESSABLE_ENTITY),
            Self::IdempotencyMismatch => ("IDEMPOTENCY_MISMATCH", StatusCode::UNPROCESSABLE_ENTITY),
            Self::Conflict => ("CONFLICT", StatusCode::CONFLICT),
            Self::PayloadTooLarge => ("PAYLOAD_TOO_LARGE", StatusCode::PAYLOAD_TOO_LARGE),
            Self::RequestTimeout => ("REQUEST_TIMEOUT", StatusCode::REQUEST_TIMEOUT),
            Self::StorageFull => ("STORAGE_FULL", StatusCode::INSUFFICIENT_STORAGE),
            Self::RateLimited => ("RATE_LIMITED", StatusCode::TOO_MANY_REQUESTS),
            Self::Unavailable => ("UNAVAILABLE", StatusCode::SERVICE_UNAVAILABLE),
            Self::Internal => ("INTERNAL", StatusCode::INTERNAL_SERVER_ERROR),
        }
    }
}

/// An error on its way to a client. As a response it is only a status and an
/// extension; [`crate::observe`], which knows the request, writes the document.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) code: Code,
    detail: String,
    /// For the log alone.
    pub(crate) cause: Option<String>,
    /// Seconds after which the same request may succeed.
    retry_after: Option<u64>,
}

impl Problem {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        let retry_after = (code == Code::Unavailable).then_some(1);
        Self { code, detail: detail.into(), cause: None, retry_after }
    }

    pub(crate) fn caused_by(mut self, cause: impl ToString) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    pub(crate) fn retry_after(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    pub(crate) fn retry_after_seconds(&self) -> Option<u64> {
        self.retry_after
    }

    /// A field of a body that holds something it may not hold.
    pub(crate) fn field(name: &str, detail: impl std::fmt::Display) -> Self {
        Self::new(Code::InvalidRequest, format!("{name}: {detail}"))
    }

    /// For an answer of the framework that is an error without a document.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::NOT_FOUND => (Code::NotFound, "no such resource"),
            StatusCode::METHOD_NOT_ALLOWED => (Code::MethodNotAllowed, "wrong method"),
            StatusCode::PAYLOAD_TOO_LARGE => (Code::PayloadTooLarge, "the body is too large"),
            status if status.is_client_error() => (Code::BadRequest, "the request is malformed"),
            _ => (Code::Internal, INTERNAL),
        };
        Self::new(code, detail).caused_by(format!("an answer {status} without a document"))
    }

    /// The document, for the request `request_id` to `instance`.
    pub(crate) fn render(&self, instance: &str, request_id: &str) -> Response {
        let (code, status) = self.code.parts();
        let body = json!({
            "type": format!("https://agentos.invalid/errors/{code}"),
            "title": status.canonical_reason().unwrap_or("Error"),
            "status": status.as_u16(),
            "detail": self.detail,
            "instance": instance,
            "code": code,
            "request_id": request_id,
        });
        let mut response = (status, body.to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if self.code == Code::Unauthenticated {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// When a client may try again whose workspace has too many tasks waiting.
const QUEUE_PAUSE_SECONDS: u64 = 10;

const INTERNAL: &str =
    "something went wrong inside the hub: its log has more under this request id";

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        let problem = match error.code() {
            "not_found" | "unknown_edge" => Self::new(Code::NotFound, error.to_string()),
            "invalid_request" | "wrong_decision" => {
                Self::new(Code::InvalidRequest, error.to_string())
            }
            "already_decided" | "content_differs" | "schedule_exists" | "too_many_schedules" => {
                Self::new(Code::Conflict, error.to_string())
            }
            "queue_full" => {
                Self::new(Code::RateLimited, error.to_string()).retry_after(QUEUE_PAUSE_SECONDS)
            }
            "invalid_cursor" => Self::new(Code::BadRequest, error.to_string()),
            "idempotency_conflict" => Self::new(Code::IdempotencyMismatch, error.to_string()),
            "disk_full" => Self::new(
                Code::StorageFull,
                "the hub's disk is full: free some space on it; the request was not accepted",
            ),
            "no_master_key" => Self::new(
                Code::Unavailable,
                "the hub's master key cannot be used: the hub's log says why",
            ),
            "stopping" => Self::new(Code::Unavailable, error.to_string()),
            _ if error.is_retryable() => {
                Self::new(Code::Unavailable, "the hub cannot do this at the moment: try again")
            }
            _ => Self::new(Code::Internal, INTERNAL),
        };
        problem.caused_by(error)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.code.status().into_response();
        response.extensions_mut().insert(self);
        response
    }
}
