//! The hub's REST API.

use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{HeaderMap, HeaderValue};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::error::CliError;
use crate::settings::Settings;
use crate::trust;

/// What a part of a path may hold as it is.
const PART: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
/// The longest time without a byte: the hub sends a ping every 15 s.
const SILENCE: Duration = Duration::from_secs(40);
/// The same, where the hub has to ask others first.
const PATIENCE: Duration = Duration::from_secs(4 * 60 * 60);
/// The longest time for a request that asks for no stream.
const ANSWER: Duration = Duration::from_secs(30);
/// Tries of a request that may be repeated, and the pause after the first.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(250);

/// A page of a list.
#[derive(Deserialize)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    /// Where the next page begins; none after the last.
    pub(crate) next_cursor: Option<String>,
}

/// A connection to the hub.
pub(crate) struct Client {
    http: reqwest::Client,
    settings: Settings,
}

impl Client {
    /// For the hub of `settings`. Does not connect yet.
    pub(crate) fn new(settings: Settings) -> Result<Self, CliError> {
        Self::silent_for(SILENCE, settings)
    }

    /// As [`Client::new`], for requests that are answered when a provider has
    /// answered the hub, page by page.
    ///
    /// # Errors
    /// As there.
    pub(crate) fn patient(settings: Settings) -> Result<Self, CliError> {
        Self::silent_for(PATIENCE, settings)
    }

    fn silent_for(silence: Duration, settings: Settings) -> Result<Self, CliError> {
        let mut headers = HeaderMap::new();
        if let Some(key) = &settings.api_key {
            let value = HeaderValue::from_str(&format!("Bearer {key}"));
            let mut value = value.map_err(|error| CliError::usage(error.to_string(), "--help"))?;
            value.set_sensitive(true);
            headers.insert("authorization", value);
        }
        let mut builder = reqwest::Client::builder()
            .default_headers(headers)
            .user_agent(concat!("agentos/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(5))
            .read_timeout(silence)
            .tcp_nodelay(true)
            .tls_backend_preconfigured(trust::config(&settings.url, settings.ca.as_deref())?)
            // Nowhere else than where it began.
            .https_only(settings.url.starts_with("https://"));
        let local = ["127.", "localhost", "[::1]"];
        let host = settings.url.split_once("://").map_or("", |(_, host)| host);
        if local.iter().any(|name| host.starts_with(name)) {
            builder = builder.no_proxy();
        }
        let http = builder.build().map_err(|error| CliError::Protocol {
            url: settings.url.clone(),
            what: error.to_string(),
        })?;
        Ok(Self { http, settings })
    }

    /// The hub's address.
    pub(crate) fn url(&self) -> &str {
        &self.settings.url
    }

    /// Whether a key is at hand.
    pub(crate) fn has_key(&self) -> bool {
        self.settings.api_key.is_some()
    }

    /// A request to `path`, which begins with a slash and is encoded.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.settings.url))
    }

    /// Sends a request; an answer other than 2xx is an error.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Result<Response, CliError> {
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.refused(response).await)
    }

    /// `GET path` as JSON.
    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        self.json(self.request(Method::GET, path)).await
    }

    /// Sends a request and reads JSON.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, CliError> {
        let response = self.send(request.timeout(ANSWER)).await?;
        self.body(response).await
    }

    /// The JSON of an answer, whatever its status.
    pub(crate) async fn json_of_any_status(&self, path: &str) -> Result<Value, CliError> {
        let request = self.request(Method::GET, path).timeout(ANSWER);
        let response = request.send().await.map_err(|error| self.failed(&error))?;
        if response.status() == StatusCode::OK
            || response.status() == StatusCode::SERVICE_UNAVAILABLE
        {
            return self.body(response).await;
        }
        Err(self.refused(response).await)
    }

    /// Sends a request that may be repeated (it carries an idempotency key)
    /// until it gets an answer, a few times.
    pub(crate) async fn json_with_retries<T: DeserializeOwned>(
        &self,
        request: impl Fn() -> RequestBuilder,
    ) -> Result<T, CliError> {
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            match self.json(request()).await {
                Err(error) if error.is_outage() => tokio::time::sleep(pause).await,
                answer => return answer,
            }
            pause *= 2;
        }
        self.json(request()).await
    }

    /// What a failed request means.
    pub(crate) fn failed(&self, error: &reqwest::Error) -> CliError {
        let url = self.settings.url.clone();
        if error.is_timeout() && !error.is_connect() {
            return CliError::TimedOut { url };
        }
        trust::failed(&url, self.settings.ca.as_deref(), error)
    }

    /// The JSON of an answer.
    pub(crate) async fn body<T: DeserializeOwned>(
        &self,
        response: Response,
    ) -> Result<T, CliError> {
        let bytes = response.bytes().await.map_err(|error| self.failed(&error))?;
        serde_json::from_slice(&bytes).map_err(|error| CliError::Protocol {
            url: self.settings.url.clone(),
            what: error.to_string(),
        })
    }

    async fn refused(&self, response: Response) -> CliError {
        let status = response.status();
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or("unknown").to_owned()
        };
        let request_id = header("x-request-id");
        let body = response.bytes().await.unwrap_or_default();
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        let field = |name: &str| problem[name].as_str().map(ToOwned::to_owned);
        let code = field("code").unwrap_or_else(|| "no code".to_owned());
        let message = field("detail").or_else(|| field("title")).unwrap_or_else(|| {
            status.canonical_reason().unwrap_or("an answer without explanation").to_owned()
        });
        let url = self.url();
        match status.as_u16() {
            400 if url.starts_with("http://") && names_https(&body) => {
                let hint = format!("agentos login {}", url.replacen("http://", "https://", 1));
                trust::untrusted(url, "it speaks https, not http", hint)
            }
            401 if !self.has_key() => {
                CliError::NotAllowed { code, message: "the hub wants a key".to_owned() }
            }
            401 | 403 => CliError::NotAllowed { code, message },
            404 => CliError::NotFound { message },
            status => CliError::Refused { status, code, message, request_id },
        }
    }
}

/// Whether this is what servers say to those who speak plain HTTP to a port for
/// HTTPS: a line of text.
fn names_https(body: &[u8]) -> bool {
    body.len() < 1000 && !body.starts_with(b"{") && body.windows(5).any(|word| word == b"HTTPS")
}

/// A part of a path, encoded.
pub(crate) fn part(text: &str) -> String {
    utf8_percent_encode(text, PART).to_string()
}

/// A path of several parts, encoded, with its slashes.
pub(crate) fn parts(path: &str) -> String {
    path.split('/').map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_for_https_is_known_by_its_words() {
        assert!(names_https(b"this port speaks HTTPS: begin the address with https://"));
        assert!(names_https(b"Client sent an HTTP request to an HTTPS server."));
        assert!(!names_https(b"bad request"));
        assert!(!names_https(br#"{"detail": "HTTPS"}"#));
    }

    #[test]
    fn paths_are_encoded_part_by_part() {
        assert_eq!(parts("a b/ü?#%.txt"), "a%20b/%C3%BC%3F%23%25.txt");
        assert_eq!(part("../x"), "..%2Fx");
    }
}
