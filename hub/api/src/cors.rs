//! Pages of other origins.

use std::time::Duration;

use axum::http::header::{
    AUTHORIZATION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LAST_MODIFIED, LOCATION, RETRY_AFTER,
};
use axum::http::uri::Uri;
use axum::http::{HeaderName, HeaderValue, Method};
use tower_http::cors::CorsLayer;

use crate::ApiError;
use crate::limits::{RATE_LIMIT, RATE_LIMIT_POLICY};
use crate::observe::REQUEST_ID;

/// How long a browser may remember what it was told.
const MAX_AGE: Duration = Duration::from_secs(600);

/// What lets pages of `origins` use the API; `None` where there are none.
/// Cookies are not let in: a key has to be sent knowingly.
///
/// # Errors
/// [`ApiError::Origin`], for the first that is none.
pub(crate) fn layer(origins: &[String]) -> Result<Option<CorsLayer>, ApiError> {
    if origins.is_empty() {
        return Ok(None);
    }
    let origins: Vec<HeaderValue> =
        origins.iter().map(|text| origin(text)).collect::<Result<_, _>>()?;
    let name = HeaderName::from_static;
    Ok(Some(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
            .allow_headers([
                AUTHORIZATION,
                CONTENT_TYPE,
                IF_NONE_MATCH,
                LAST_MODIFIED,
                name("idempotency-key"),
                name("last-event-id"),
                name("prefer"),
            ])
            .expose_headers([
                ETAG,
                LOCATION,
                RETRY_AFTER,
                RATE_LIMIT,
                RATE_LIMIT_POLICY,
                REQUEST_ID,
                name("idempotency-replayed"),
            ])
            .max_age(MAX_AGE),
    ))
}

/// An origin as browsers send it: compared letter by letter.
fn origin(text: &str) -> Result<HeaderValue, ApiError> {
    let wrong = || ApiError::Origin(text.to_owned());
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(wrong());
    };
    let written = format!("{scheme}://{}", authority.as_str().to_lowercase());
    if !matches!(scheme, "http" | "https") || written != text || authority.as_str().contains('@') {
        return Err(wrong());
    }
    HeaderValue::from_str(text).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_origins_are_taken() {
        for good in ["http://localhost:3000", "https://ui.example.org", "http://[::1]:8080"] {
            assert!(layer(&[good.to_owned()]).unwrap().is_some(), "{good}");
        }
        let bad = [
            "*",
            "example.org",
            "https://a.org/",
            "https://a.org/x",
            "https://A.org",
            "null",
            "file:///x",
            "https://u@a.org",
            "",
        ];
        for bad in bad {
            let error = layer(&[bad.to_owned()]).err().unwrap();
            assert!(matches!(&error, ApiError::Origin(text) if text == bad), "{bad}");
        }
        assert!(layer(&[]).unwrap().is_none());
    }
}
