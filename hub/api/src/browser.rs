//! What only browsers send: the session's cookie, and whose page asks.
//!
//! A browser sends a cookie whichever page made it ask. `SameSite=Strict`
//! keeps it from pages of other sites, but another port of the same machine is
//! the same site. So what a request with a cookie may change depends on the
//! page, which browsers name and pages cannot forge.

use axum::http::header::{COOKIE, HOST, ORIGIN};
use axum::http::{HeaderMap, HeaderName, Uri};

/// The name of the session's cookie.
pub(crate) const SESSION_COOKIE: &str = "agentos_session";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The session that a request names. Two are none: who can plant a cookie
/// beside the right one must not choose the session.
pub(crate) fn session_id(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut ids = pairs.filter(|(name, _)| name.trim() == SESSION_COOKIE).map(|(_, id)| id.trim());
    let id = ids.next()?;
    ids.next().is_none().then_some(id)
}

/// The header that gives a browser a session for `seconds`, or ends it with 0.
pub(crate) fn session_cookie(id: &str, seconds: u64, secure: bool) -> String {
    let secure = if secure { "; Secure" } else { "" };
    format!("{SESSION_COOKIE}={id}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}")
}

/// Whose page makes a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Page {
    /// The hub's own, or none: the user typed the address.
    Own,
    /// Another's.
    Foreign,
    /// It does not say. Browsers do, when they change something.
    Unsaid,
}

/// Whose page makes a request with these headers.
pub(crate) fn page(uri: &Uri, headers: &HeaderMap) -> Page {
    if headers.contains_key(SEC_FETCH_SITE) {
        return match single(headers, &SEC_FETCH_SITE) {
            Some("same-origin" | "none") => Page::Own,
            _ => Page::Foreign,
        };
    }
    if !headers.contains_key(ORIGIN) {
        return Page::Unsaid;
    }
    // HTTP/2 has the host in the address.
    let host = single(headers, &HOST).or_else(|| uri.authority().map(|host| host.as_str()));
    match (single(headers, &ORIGIN).and_then(host_of), host) {
        (Some(theirs), Some(ours)) if theirs.eq_ignore_ascii_case(ours) => Page::Own,
        _ => Page::Foreign,
    }
}

/// Whether the page that makes a request came by https, as far as it says so.
pub(crate) fn came_by_https(headers: &HeaderMap) -> bool {
    single(headers, &ORIGIN).is_some_and(|origin| origin.starts_with("https://"))
}

/// The host and port of an origin.
fn host_of(origin: &str) -> Option<&str> {
    origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"))
}

fn single<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let value = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(all: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    #[test]
    fn the_session_is_found_among_other_cookies() {
        let found = |lines: &[&str]| {
            let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
            session_id(&headers(&lines)).map(ToOwned::to_owned)
        };
        assert_eq!(found(&["agentos_session=x"]).as_deref(), Some("x"));
        assert_eq!(found(&["a=b; agentos_session=x-_; c"]).as_deref(), Some("x-_"));
        assert_eq!(found(&["a=b", "agentos_session=x"]).as_deref(), Some("x"));
        for lines in [
            &[][..],
            &["agentos_session"],
            &["my_agentos_session=x"],
            &["a=agentos_session"],
            &["agentos_session=x; agentos_session=y"],
            &["agentos_session=x", "agentos_session=x"],
        ] {
            assert_eq!(found(lines), None, "{lines:?}");
        }
    }

    #[test]
    fn a_page_is_the_hubs_own_or_it_is_not() {
        let host = ("host", "nas.local:7777");
        let of = |more: &[(&'static str, &str)]| {
            let all: Vec<_> = [host].into_iter().chain(more.iter().copied()).collect();
            page(&Uri::from_static("/api/tasks"), &headers(&all))
        };
        let (site, origin) = ("sec-fetch-site", "origin");
        let foreign = "https://evil.example";
        assert_eq!(of(&[]), Page::Unsaid);
        for own in [
            &[(site, "same-origin")][..],
            &[(site, "none")],
            // What the browser says of itself counts; a proxy may rename the host.
            &[(site, "same-origin"), (origin, "https://agents.example")],
            &[(origin, "http://nas.local:7777")],
            &[(origin, "https://NAS.local:7777")],
        ] {
            assert_eq!(of(own), Page::Own, "{own:?}");
        }
        for other in [
            &[(site, "cross-site")][..],
            &[(site, "same-site")],
            &[(site, "")],
            &[(site, "same-origin"), (site, "same-origin")],
            &[(site, "cross-site"), (origin, "http://nas.local:7777")],
            &[(origin, foreign)],
            &[(origin, "null")],
            &[(origin, "http://nas.local")],
            &[(origin, "http://nas.local:77777")],
            &[(origin, "http://nas.local:7777.evil.example")],
            &[(origin, "ftp://nas.local:7777")],
            &[(origin, "http://nas.local:7777"), (origin, foreign)],
        ] {
            assert_eq!(of(other), Page::Foreign, "{other:?}");
        }
        let none = headers(&[(origin, "http://nas.local:7777")]);
        assert_eq!(page(&Uri::from_static("/"), &none), Page::Foreign);
        assert_eq!(page(&Uri::from_static("http://nas.local:7777/"), &none), Page::Own);
    }
}
