//! Who asks, and whether they may.

use agentos_engine::{Authentication, EngineHandle, Principal};
use axum::extract::{Request, State};
use axum::http::HeaderMap;
use axum::http::header::AUTHORIZATION;
use axum::middleware::Next;
use axum::response::Response;

use crate::problem::{Code, Problem};
use crate::state::answer;

/// What guards a route.
#[derive(Clone)]
pub(crate) struct Guard {
    pub(crate) engine: EngineHandle,
    pub(crate) scope: &'static str,
}

/// Lets a request through to its handler if its key has the scope. The handler
/// finds the [`Principal`] among the request's extensions.
pub(crate) async fn require(
    State(guard): State<Guard>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let principal = authenticate(&guard.engine, request.headers()).await?;
    if !principal.has(guard.scope) {
        let detail = format!("the key lacks the scope `{}`: use one that has it", guard.scope);
        return Err(Problem::new(Code::InsufficientScope, detail));
    }
    request.extensions_mut().insert(principal);
    Ok(next.run(request).await)
}

/// Who sends these headers.
pub(crate) async fn authenticate(
    engine: &EngineHandle,
    headers: &HeaderMap,
) -> Result<Principal, Problem> {
    let token = bearer_token(headers)?;
    admit(answer(engine.authenticate(token)).await?)
}

fn admit(authentication: Authentication) -> Result<Principal, Problem> {
    match authentication {
        Authentication::Known(principal) => Ok(principal),
        Authentication::Unknown => Err(invalid_token()),
        Authentication::Expired => {
            Err(Problem::new(Code::TokenExpired, "the key has expired: use a new one"))
        }
    }
}

fn invalid_token() -> Problem {
    Problem::new(Code::InvalidToken, "the key is not valid: check it, or ask for a new one")
}

fn bearer_token(headers: &HeaderMap) -> Result<&str, Problem> {
    let unauthenticated = |detail| Problem::new(Code::Unauthenticated, detail);
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values
        .next()
        .ok_or_else(|| unauthenticated("send a key: `Authorization: Bearer <key>`"))?;
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
    fn an_expired_key_is_told_from_an_unknown_one() {
        let expired = admit(Authentication::Expired).unwrap_err();
        assert_eq!(expired.code, Code::TokenExpired);
        assert_eq!(admit(Authentication::Unknown).unwrap_err().code, Code::InvalidToken);
    }

    #[test]
    fn a_token_that_is_no_text_is_invalid() {
        let problem = bearer_token(&headers(&[b"Bearer \xff"])).unwrap_err();
        assert_eq!(problem.code, Code::InvalidToken);
    }
}
