//! Errors in OpenAI's shape.

use std::time::Duration;

use agentos_domain::Classified;
use agentos_router::{CallError, ErrorKind, RouterError};
use axum::Json;
use axum::http::header::RETRY_AFTER;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::problem::{Code, Problem};

/// What OpenAI's clients look at before they try again.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");

/// Whether a path belongs to this API.
pub(crate) fn is_facade(path: &str) -> bool {
    path.starts_with("/v1/")
}

/// An error as clients of OpenAI expect it.
#[derive(Debug)]
pub(crate) struct Failure {
    status: StatusCode,
    /// OpenAI's word for the kind of error.
    kind: &'static str,
    /// A word for programs.
    code: String,
    param: Option<&'static str>,
    message: String,
    /// Seconds after which the same request may succeed.
    retry_after: Option<u64>,
    /// Whether clients are told not to try again by themselves.
    once: bool,
}

impl Failure {
    /// A field that holds something it may not hold.
    pub(crate) fn field(param: &'static str, message: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            kind: "invalid_request_error",
            code: "invalid_value".to_owned(),
            param: Some(param),
            message: message.into(),
            retry_after: None,
            once: false,
        }
    }

    /// The same, and clients are told not to try again by themselves: what was
    /// asked for has been done, or is being done.
    pub(crate) fn once(mut self) -> Self {
        self.once = true;
        self.retry_after = None;
        self
    }

    /// The same with another status and code.
    pub(crate) fn with(mut self, status: StatusCode, code: &str) -> Self {
        self.status = status;
        code.clone_into(&mut self.code);
        self
    }

    /// A problem of the hub's own API.
    pub(crate) fn of_problem(problem: &Problem) -> Self {
        let (status, kind, code) = match problem.code {
            Code::Unauthenticated | Code::InvalidToken | Code::TokenExpired | Code::AuthError => {
                (StatusCode::UNAUTHORIZED, "authentication_error", "invalid_api_key")
            }
            Code::InsufficientScope | Code::CsrfRefused => {
                (StatusCode::FORBIDDEN, "permission_error", "insufficient_permissions")
            }
            Code::RateLimited => {
                (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error", "rate_limit_exceeded")
            }
            Code::InvalidRequest | Code::InvalidJson | Code::BadRequest => {
                (StatusCode::BAD_REQUEST, "invalid_request_error", "invalid_request")
            }
            code if code.status().is_client_error() => {
                (code.status(), "invalid_request_error", "invalid_request")
            }
            code => (code.status(), "server_error", "server_error"),
        };
        Self {
            status,
            kind,
            code: code.to_owned(),
            param: None,
            message: problem.detail().to_owned(),
            retry_after: problem.retry_after_seconds(),
            once: false,
        }
    }

    /// The error alone, as it stands in an answer and in a stream.
    pub(crate) fn body(&self) -> Value {
        json!({ "error": {
            "message": self.message, "type": self.kind, "param": self.param, "code": self.code,
        } })
    }
}

impl Failure {
    /// The error as it stands in a response that failed, which knows few words.
    pub(crate) fn of_response(&self) -> Value {
        let code = match self.status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limit_exceeded",
            status if status.is_client_error() => "invalid_prompt",
            _ => "server_error",
        };
        json!({ "code": code, "message": self.message })
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        if let Some(cause) = &problem.cause {
            tracing::warn!(code = problem.code.as_str(), cause, "request refused");
        }
        Self::of_problem(&problem)
    }
}

impl From<RouterError> for Failure {
    fn from(error: RouterError) -> Self {
        let (status, kind) = class(&error);
        let retry_after = match &error {
            RouterError::AllResting { retry_after } => Some(*retry_after),
            RouterError::Busy { .. } => Some(Duration::from_secs(1)),
            RouterError::Failed { error, .. } => error.retry_after,
            _ => None,
        };
        let param = match &error {
            RouterError::UnknownModel { .. } => Some("model"),
            RouterError::Invalid { param, .. } => Some(*param),
            _ => None,
        };
        let retry_after = retry_after.map(|wait| wait.as_secs().max(1));
        let code = error.code().to_owned();
        Self { status, kind, code, param, message: error.to_string(), retry_after, once: false }
    }
}

fn class(error: &RouterError) -> (StatusCode, &'static str) {
    match error {
        RouterError::UnknownModel { .. } => (StatusCode::NOT_FOUND, "invalid_request_error"),
        RouterError::Invalid { .. } => (StatusCode::BAD_REQUEST, "invalid_request_error"),
        RouterError::OverBudget(_) => (StatusCode::PAYMENT_REQUIRED, "insufficient_quota"),
        RouterError::Busy { .. } => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
        RouterError::AllResting { .. } => (StatusCode::SERVICE_UNAVAILABLE, "server_error"),
        RouterError::Failed { error, .. } => of_call(error),
    }
}

fn of_call(error: &CallError) -> (StatusCode, &'static str) {
    match error.kind {
        ErrorKind::Invalid | ErrorKind::Refused | ErrorKind::TooLong | ErrorKind::Unsupported => {
            (StatusCode::BAD_REQUEST, "invalid_request_error")
        }
        ErrorKind::RateLimited => (StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
        ErrorKind::OverBudget | ErrorKind::Unpriced => {
            (StatusCode::PAYMENT_REQUIRED, "insufficient_quota")
        }
        ErrorKind::LocalOnly | ErrorKind::Connect | ErrorKind::Overloaded | ErrorKind::Store => {
            (StatusCode::SERVICE_UNAVAILABLE, "server_error")
        }
        ErrorKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "server_error"),
        // The hub's own key or account at the provider, not the client's.
        _ => (StatusCode::BAD_GATEWAY, "server_error"),
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        if self.status.is_server_error() {
            tracing::warn!(code = self.code, message = self.message, "request failed");
        }
        let mut response = (self.status, Json(self.body())).into_response();
        if self.once {
            response.headers_mut().insert(SHOULD_RETRY, HeaderValue::from_static("false"));
        }
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}
