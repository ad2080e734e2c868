//! The outermost layer: request ids, documents for errors, one line of log for
//! each request.

use agentos_domain::{Clock, RequestId, SystemClock};
use agentos_telemetry::{join_trace, names};
use axum::extract::{MatchedPath, Request, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument;

use crate::problem::Problem;
use crate::{ApiState, openai};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What browsers are told with every response.
const ALWAYS: [(HeaderName, &str); 4] = [
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (X_FRAME_OPTIONS, "DENY"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];
/// The same, unless a handler says otherwise: data is kept nowhere, and if it
/// is taken for a page, that page may do nothing.
const UNLESS_SET: [(HeaderName, &str); 2] = [
    (CACHE_CONTROL, "no-store"),
    (CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
];

/// Runs a request and finishes its response.
pub(crate) async fn observe(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let clock = SystemClock;
    let began = clock.monotonic();
    let id = RequestId::generate();
    request.extensions_mut().insert(id.clone());
    let method = request.method().clone();
    let instance = request.uri().path().to_owned();
    // The pattern and not the path: paths hold the names of users' files.
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "none".to_owned(), |path| path.as_str().to_owned());
    let span = tracing::info_span!("request", { names::REQUEST_ID } = %id, %method, route);
    join_trace(&span, &id);
    let id = id.to_string();
    let known = method_name(&method);
    async move {
        let mut response = next.run(request).await;
        let problem = response.extensions_mut().remove::<Problem>();
        let problem = problem
            .or_else(|| is_bare_error(&response).then(|| Problem::of_status(response.status())));
        if let Some(problem) = problem {
            response = document(&problem, &response, &instance, &id);
        }
        finish(&mut response, &id);
        let took = clock.monotonic().saturating_sub(began);
        state.http_metrics.observe(known, &route, response.status(), took);
        let milliseconds = took.as_millis();
        tracing::info!(status = response.status().as_u16(), milliseconds, "answered");
        response
    }
    .instrument(span)
    .await
}

/// A method as a label: whatever word a client sends, there are few.
fn method_name(method: &Method) -> &'static str {
    let known = [Method::GET, Method::POST, Method::PUT, Method::DELETE];
    let names = ["GET", "POST", "PUT", "DELETE"];
    known.iter().zip(names).find(|(known, _)| *known == method).map_or("other", |(_, name)| name)
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
    let mut response = if openai::is_facade(instance) {
        openai::Failure::of_problem(problem).into_response()
    } else {
        problem.render(instance, id)
    };
    // Of the answer that it replaces, everything but its body is kept.
    for (name, value) in bare.headers() {
        if ![CONTENT_TYPE, CONTENT_LENGTH].contains(name) {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}

fn finish(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    for (name, value) in ALWAYS {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in UNLESS_SET {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
}
