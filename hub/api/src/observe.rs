//! The outermost layer: request ids, documents for errors, one line of log for
//! each request.

use agentos_domain::{Clock, SystemClock};
use axum::extract::{MatchedPath, Request};
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

use crate::problem::Problem;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Runs a request and finishes its response.
pub(crate) async fn observe(request: Request, next: Next) -> Response {
    let clock = SystemClock;
    let began = clock.monotonic();
    let id = format!("req_{}", uuid::Uuid::now_v7().simple());
    let method = request.method().clone();
    let instance = request.uri().path().to_owned();
    // The pattern and not the path: paths hold the names of users' files.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!("request", request_id = %id, %method, route);
    async move {
        let mut response = next.run(request).await;
        let problem = response.extensions_mut().remove::<Problem>();
        let problem = problem
            .or_else(|| is_bare_error(&response).then(|| Problem::of_status(response.status())));
        if let Some(problem) = problem {
            response = document(&problem, &response, &instance, &id);
        }
        finish(&mut response, &id);
        let milliseconds = clock.monotonic().saturating_sub(began).as_millis();
        tracing::info!(status = response.status().as_u16(), milliseconds, "answered");
        response
    }
    .instrument(span)
    .await
}

/// Whether this is an error of the framework: every one of a handler is a
/// [`Problem`], or like that of `/ready` a document of its own.
fn is_bare_error(response: &Response) -> bool {
    let status = response.status();
    let json = HeaderValue::from_static("application/json");
    (status.is_client_error() || status.is_server_error())
        && response.headers().get(CONTENT_TYPE) != Some(&json)
}

fn document(problem: &Problem, bare: &Response, instance: &str, id: &str) -> Response {
    let code = problem.code.as_str();
    match &problem.cause {
        Some(cause) if problem.code.status().is_server_error() => {
            tracing::error!(code, cause, "request failed");
        }
        Some(cause) => tracing::debug!(code, cause, "request refused"),
        None => tracing::debug!(code, "request refused"),
    }
    let mut response = problem.render(instance, id);
    if let Some(allow) = bare.headers().get(ALLOW) {
        response.headers_mut().insert(ALLOW, allow.clone());
    }
    response
}

fn finish(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
