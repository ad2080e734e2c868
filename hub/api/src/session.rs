//! Signing in and out: a browser shows its key once and is given a cookie,
//! which no script of a page can read.

use agentos_domain::Timestamp;
use agentos_engine::Principal;
use axum::extract::State;
use axum::http::header::SET_COOKIE;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::{Extension, Json};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::auth::{self, Caller};
use crate::body::OptionalJsonBody;
use crate::browser::{self, Page};
use crate::limits::{Network, RemoteAddress};
use crate::problem::{Code, Problem};
use crate::{ApiState, openapi};

/// As long as a signed token may be.
const MAX_KEY_CHARS: usize = 8192;

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SessionRequest)]
pub(crate) struct SignIn {
    /// An API key or a signed token; that of the header if left out.
    #[schema(min_length = 1, max_length = 8192, pattern = r"\S")]
    key: Option<String>,
}

/// Sign in
///
/// Gives a browser a cookie that stands for the key until the key ends, for 12
/// hours at most. Whatever ends the key ends the session. Requests that change
/// something are refused with the cookie unless a page of the hub makes them.
#[utoipa::path(post, path = "/api/session", tag = "session", operation_id = "open_session",
    request_body = Option<SignIn>,
    responses((status = 201, description = "Who one is now", body = openapi::Session,
        headers(("Set-Cookie" = String, description = "`agentos_session`")))))]
pub(crate) async fn open(
    State(state): State<ApiState>,
    remote: Option<Extension<RemoteAddress>>,
    uri: Uri,
    headers: HeaderMap,
    OptionalJsonBody(body): OptionalJsonBody<SignIn>,
) -> Result<Response, Problem> {
    // A page of somebody else could sign its visitor in as somebody else.
    if browser::page(&uri, &headers) == Page::Foreign {
        return Err(auth::foreign_page());
    }
    let token = match &body.key {
        Some(key) => key_of(key)?,
        None => auth::bearer_token(&headers)?,
    };
    let network = Network::of(remote.map(|Extension(address)| address).unwrap_or_default().0);
    let (principal, standing) = auth::admit_token(&state, token, network).await;
    if let Some(seconds) = standing.retry_after() {
        return Err(auth::too_many(seconds));
    }
    let principal = principal?;
    if let Some(id) = browser::session_id(&headers) {
        state.sessions.end(id);
    }
    let begun = state.sessions.begin(&principal, auth::credential(&state, token));
    let secure = state.config.secure_cookies || browser::came_by_https(&headers);
    let cookie = browser::session_cookie(&begun.id, begun.life.as_secs(), secure);
    tracing::info!(by = principal.id, "a session was begun");
    let body = document(&principal, Some(begun.expires_at));
    Ok((StatusCode::CREATED, AppendHeaders([(SET_COOKIE, cookie)]), Json(body)).into_response())
}

/// See who one is
#[utoipa::path(get, path = "/api/session", tag = "session", operation_id = "get_session",
    responses((status = 200, description = "Who asks", body = openapi::Session)))]
pub(crate) async fn show(Extension(principal): Extension<Principal>) -> Json<Value> {
    Json(document(&principal, principal.expires_at))
}

/// Sign out
///
/// Ends the session of the cookie, if there is one. The key stays as it is.
#[utoipa::path(delete, path = "/api/session", tag = "session", operation_id = "close_session",
    responses((status = 204, description = "There is no session any more",
        headers(("Set-Cookie" = String, description = "`agentos_session`, empty")))))]
pub(crate) async fn close(
    State(state): State<ApiState>,
    Extension(Caller(caller)): Extension<Caller>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let refused = caller.as_ref().err().filter(|problem| problem.code == Code::CsrfRefused);
    if let Some(problem) = refused {
        return Err(problem.clone());
    }
    if browser::page(&uri, &headers) == Page::Foreign {
        return Err(auth::foreign_page());
    }
    if let Some(id) = browser::session_id(&headers) {
        state.sessions.end(id);
    }
    let secure = state.config.secure_cookies || browser::came_by_https(&headers);
    let cookie = browser::session_cookie("", 0, secure);
    Ok((StatusCode::NO_CONTENT, AppendHeaders([(SET_COOKIE, cookie)])).into_response())
}

/// The key as it was pasted, without what surrounds it.
fn key_of(text: &str) -> Result<&str, Problem> {
    let key = text.trim();
    if key.is_empty() || text.chars().count() > MAX_KEY_CHARS {
        return Err(Problem::field("key", format!("use 1 to {MAX_KEY_CHARS} characters")));
    }
    Ok(key)
}

fn document(principal: &Principal, expires_at: Option<Timestamp>) -> Value {
    let Principal { name, workspace_id, scopes, .. } = principal;
    json!({
        "user_id": name,
        "workspace_id": workspace_id,
        "scopes": scopes,
        "expires_at": expires_at,
    })
}
