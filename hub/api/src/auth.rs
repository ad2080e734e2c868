//! Who asks, and whether they may.
//!
//! Each request passes the [`gate`] once: there it is found out who asks, and
//! counted. Routes then [`require`] what they need of what was found.

use std::time::Duration;

use agentos_engine::{Authentication, KeyDigest, Principal};
use async_trait::async_trait;
use axum::extract::{Request, State};
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::ApiState;
use crate::browser::{self, Page};
use crate::limits::{Network, RemoteAddress, Standing};
use crate::problem::{Code, Problem};
use crate::sessions::Credential;
use crate::state::answer_within;

/// The longest that finding out who asks may take.
const AUTH_LIMIT: Duration = Duration::from_secs(5);

/// Checks tokens that are no keys of this hub: signed ones (JWT), of whoever
/// the hub trusts to know its users.
#[async_trait]
pub trait TokenVerifier: Send + Sync + 'static {
    /// Who is behind a token.
    ///
    /// # Errors
    /// Why it is not accepted.
    async fn verify(&self, token: &str) -> Result<Principal, TokenRefusal>;
}

/// Why a signed token is not accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenRefusal {
    /// Its time is over.
    Expired,
    /// It is malformed, not yet valid, for somebody else, or signed wrongly.
    Invalid,
    /// It cannot be checked; the text is for the log.
    Unchecked(String),
}

/// What was found out about who sends a request; among its extensions.
#[derive(Clone)]
pub(crate) struct Caller(pub(crate) Result<Principal, Problem>);

/// Finds out who sends a request, and refuses it if they ask too often.
pub(crate) async fn gate(
    State(state): State<ApiState>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = request.extensions().get::<RemoteAddress>().copied().unwrap_or_default();
    let network = Network::of(address.0);
    let (caller, standing) =
        admit(&state, request.method(), request.uri(), request.headers(), network).await;
    let mut response = match standing.retry_after() {
        Some(seconds) => too_many(seconds).into_response(),
        None => {
            if let Ok(principal) = &caller {
                request.extensions_mut().insert(principal.clone());
            }
            request.extensions_mut().insert(Caller(caller));
            next.run(request).await
        }
    };
    standing.write(response.headers_mut());
    response
}

async fn admit(
    state: &ApiState,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    network: Network,
) -> (Result<Principal, Problem>, Standing) {
    if !headers.contains_key(AUTHORIZATION)
        && let Some(id) = browser::session_id(headers)
    {
        // A page of the hub's own must have made it, if it may change something.
        let own = method.is_safe() || browser::page(uri, headers) == Page::Own;
        return admit_session(state, id, own, network).await;
    }
    match bearer_token(headers) {
        Ok(token) => admit_token(state, token, network).await,
        Err(problem) => (Err(problem), state.limits.of_address(network)),
    }
}

/// Who presents `token`, a key or a signed one, and where they stand.
pub(crate) async fn admit_token(
    state: &ApiState,
    token: &str,
    network: Network,
) -> (Result<Principal, Problem>, Standing) {
    let shut_out = state.limits.of_shut_out(network);
    let caller = authenticate(state, token, shut_out.is_some()).await;
    let standing = match (&caller, shut_out) {
        (Ok(principal), _) => state.limits.of_caller(&principal.id),
        (Err(_), Some(standing)) => standing,
        (Err(problem), None) if problem.code.is_refused_token() => {
            let standing = state.limits.of_refusal(network);
            if standing.wait.is_some() { standing } else { state.limits.of_address(network) }
        }
        (Err(_), None) => state.limits.of_address(network),
    };
    (caller, standing)
}

/// Who is behind a session, and where they stand. A session that has ended is
/// not counted as a refused key: a restart of the hub ends all, and nobody
/// guesses one.
async fn admit_session(
    state: &ApiState,
    id: &str,
    own_page: bool,
    network: Network,
) -> (Result<Principal, Problem>, Standing) {
    let shut_out = state.limits.of_shut_out(network);
    let caller = if own_page { resume(state, id).await } else { Err(foreign_page()) };
    let standing = match (&caller, shut_out) {
        (Ok(principal), _) => state.limits.of_caller(&principal.id),
        (Err(_), Some(standing)) => standing,
        (Err(_), None) => state.limits.of_address(network),
    };
    (caller, standing)
}

/// Who is behind a session.
async fn resume(state: &ApiState, id: &str) -> Result<Principal, Problem> {
    let ended = || Problem::new(Code::TokenExpired, "the session has ended: sign in again");
    let (credential, expires_at) = state.sessions.find(id).ok_or_else(ended)?;
    let principal = match &credential {
        Credential::Key(digest) => {
            let known = state.engine.authenticate_digest(digest);
            answer_within(AUTH_LIMIT, known).await.and_then(judge)
        }
        Credential::Token(token) => verify(state, token).await,
    };
    match principal {
        Ok(principal) => Ok(Principal { expires_at: Some(expires_at), ..principal }),
        Err(problem) if problem.code.is_refused_token() => {
            state.sessions.end(id);
            Err(ended())
        }
        Err(problem) => Err(problem),
    }
}

/// What a session that begins with `token` stands for.
pub(crate) fn credential(state: &ApiState, token: &str) -> Credential {
    if is_signed(state, token) {
        Credential::Token(token.into())
    } else {
        Credential::Key(KeyDigest::of(token))
    }
}

pub(crate) fn too_many(seconds: u64) -> Problem {
    let detail = format!("too many requests: try again in {seconds} s");
    Problem::new(Code::RateLimited, detail).retry_after(seconds)
}

/// What guards a route: the scope that it needs, or none where any good key
/// does.
#[derive(Clone, Copy)]
pub(crate) struct Guard(pub(crate) Option<&'static str>);

/// Lets a request through to its handler if who sends it has the scope.
pub(crate) async fn require(
    State(Guard(scope)): State<Guard>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let caller = request.extensions().get::<Caller>();
    // Every request passes the gate before it gets here.
    let Some(Caller(caller)) = caller else { return Err(no_credentials()) };
    match caller {
        Err(problem) => Err(problem.clone()),
        Ok(principal) => match scope.filter(|scope| !principal.has(scope)) {
            None => Ok(next.run(request).await),
            Some(scope) => {
                let detail = format!("the key lacks the scope `{scope}`: use one that has it");
                Err(Problem::new(Code::InsufficientScope, detail))
            }
        },
    }
}

/// Who presents `token`; with `known_only`, a key only if it is known already.
/// Nobody guesses a signature, so that signed tokens are always looked at.
async fn authenticate(
    state: &ApiState,
    token: &str,
    known_only: bool,
) -> Result<Principal, Problem> {
    if is_signed(state, token) {
        return verify(state, token).await;
    }
    if known_only {
        let known = state.engine.authenticate_remembered(&KeyDigest::of(token)).await;
        return judge(known.unwrap_or(Authentication::Unknown));
    }
    answer_within(AUTH_LIMIT, state.engine.authenticate(token)).await.and_then(judge)
}

/// Whether `token` is for the verifier of signed tokens. Keys hold no dots; a
/// signed token has two.
fn is_signed(state: &ApiState, token: &str) -> bool {
    state.verifier.is_some() && token.bytes().filter(|byte| *byte == b'.').count() == 2
}

async fn verify(state: &ApiState, token: &str) -> Result<Principal, Problem> {
    let Some(verifier) = &state.verifier else { return Err(invalid_token()) };
    match tokio::time::timeout(AUTH_LIMIT, verifier.verify(token)).await {
        Ok(verdict) => verdict.map_err(refusal),
        Err(_) => Err(refusal(TokenRefusal::Unchecked("it took too long".to_owned()))),
    }
}

fn judge(authentication: Authentication) -> Result<Principal, Problem> {
    match authentication {
        Authentication::Known(principal) => Ok(principal),
        Authentication::Unknown => Err(invalid_token()),
        Authentication::Expired => Err(expired()),
    }
}

fn refusal(refusal: TokenRefusal) -> Problem {
    match refusal {
        TokenRefusal::Expired => expired(),
        TokenRefusal::Invalid => invalid_token(),
        TokenRefusal::Unchecked(cause) => {
            let detail = "the token cannot be checked at the moment: try again, or use a key";
            Problem::new(Code::AuthError, detail).caused_by(cause)
        }
    }
}

fn expired() -> Problem {
    Problem::new(Code::TokenExpired, "the key has expired: use a new one")
}

fn invalid_token() -> Problem {
    Problem::new(Code::InvalidToken, "the key is not valid: check it, or ask for a new one")
}

fn no_credentials() -> Problem {
    Problem::new(Code::Unauthenticated, "send a key: `Authorization: Bearer <key>`")
}

/// For what a page of another origin makes a browser send.
pub(crate) fn foreign_page() -> Problem {
    let detail = "this comes from another page than the hub's own: send a key instead of a cookie";
    Problem::new(Code::CsrfRefused, detail)
}

/// The token of the header `Authorization`.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Result<&str, Problem> {
    let unauthenticated = |detail| Problem::new(Code::Unauthenticated, detail);
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or_else(no_credentials)?;
    if values.next().is_some() {
        return Err(unauthenticated("send one header `Authorization`, not several"));
    }
    let (scheme, token) = match value.to_str() {
        Ok(text) => text.split_once(' ').unwrap_or((text, "")),
        Err(_) if value.as_bytes().get(..7).is_some_and(is_bearer) => return Err(invalid_token()),
        Err(_) => ("", ""),
    };
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(unauthenticated("only `Authorization: Bearer <key>` is understood"));
    }
    Ok(token)
}

fn is_bearer(start: &[u8]) -> bool {
    start.eq_ignore_ascii_case(b"bearer ")
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn the_token_follows_the_scheme() {
        for value in ["Bearer abc", "bearer abc", "BEARER  abc"] {
            assert_eq!(bearer_token(&headers(&[value.as_bytes()])).unwrap(), "abc");
        }
    }

    #[test]
    fn everything_else_is_no_credentials() {
        let none: [&[&[u8]]; 6] = [
            &[],
            &[b"Bearer"],
            &[b"Bearer "],
            &[b"Basic abc"],
            &[b"Bearer a", b"Bearer b"],
            &[b"\xff\xff\xff\xff\xff\xff\xff\xff"],
        ];
        for values in none {
            let problem = bearer_token(&headers(values)).unwrap_err();
            assert_eq!(problem.code, Code::Unauthenticated, "{values:?}");
        }
    }

    #[test]
    fn a_token_that_is_no_text_is_invalid() {
        let problem = bearer_token(&headers(&[b"Bearer \xff"])).unwrap_err();
        assert_eq!(problem.code, Code::InvalidToken);
    }
}
