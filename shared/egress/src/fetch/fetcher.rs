//! The way from an address to an answer, redirects included.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_TYPE, HOST, LOCATION, USER_AGENT};
use http::{HeaderValue, Method, Request, StatusCode};
use http_body_util::Empty;
use rustls::ClientConfig;
use tokio::time::timeout;
use url::Url;

use super::exchange::{self, Exchange};
use super::{FetchError, FetchLimits, body};
use crate::{Credentials, EgressPolicy, Host, LeakScanner, MethodClass, Refusal, Subject};

/// What is to be fetched.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// From where.
    pub url: Url,
    /// On whose behalf.
    pub subject: Subject,
    /// The media types that are understood, as the header `accept`.
    pub accept: &'static str,
    /// The name of a credential to attach.
    pub credential: Option<String>,
    /// Whether redirects are followed to other hosts.
    pub leaves_host: bool,
}

impl FetchRequest {
    /// A page, without a credential.
    #[must_use]
    pub fn new(url: Url, subject: Subject) -> Self {
        Self { url, subject, accept: "*/*", credential: None, leaves_host: true }
    }

    /// Says which media types are understood.
    #[must_use]
    pub fn accepting(mut self, accept: &'static str) -> Self {
        self.accept = accept;
        self
    }

    /// Follows redirects only within the host, to it with `www.` before it, and
    /// back: whoever allowed one host did not allow where its pages point.
    #[must_use]
    pub fn within_host(mut self) -> Self {
        self.leaves_host = false;
        self
    }

    /// Attaches a credential, if it is for this address.
    #[must_use]
    pub fn with_credential(mut self, name: Option<String>) -> Self {
        self.credential = name;
        self
    }
}

/// Whether these are of one host, `www.` or not, at its usual ports or the same.
fn is_same_site(one: &Url, other: &Url) -> bool {
    let bare = |url: &Url| url.host_str().map(|host| host.trim_start_matches("www.").to_owned());
    let is_same_port = one.port_or_known_default() == other.port_or_known_default()
        || (one.port().is_none() && other.port().is_none());
    bare(one) == bare(other) && is_same_port
}

/// What a server answered.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// The status of the last answer; no redirect that was followed.
    pub status: u16,
    /// Where it came from.
    pub url: Url,
    /// Its media type, as the server says.
    pub content_type: Option<String>,
    /// The body, unpacked.
    pub body: Vec<u8>,
    /// Whether the body was longer than the limits allow.
    pub truncated: bool,
    /// How many redirects were followed.
    pub redirects: usize,
}

/// Fetches pages by GET, each hop under the whole policy. It knows no proxy,
/// no cookies and no cache.
#[derive(Clone)]
pub struct Fetcher {
    policy: Arc<EgressPolicy>,
    tls: Arc<ClientConfig>,
    limits: FetchLimits,
    credentials: Arc<Credentials>,
    scanner: Option<Arc<LeakScanner>>,
}

impl fmt::Debug for Fetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fetcher")
            .field("policy", &self.policy)
            .field("limits", &self.limits)
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}

impl Fetcher {
    /// Under a policy, with the roots of [`super::tls_config`] or others.
    #[must_use]
    pub fn new(policy: Arc<EgressPolicy>, tls: &Arc<ClientConfig>) -> Self {
        let mut tls = ClientConfig::clone(tls);
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        Self {
            policy,
            tls: Arc::new(tls),
            limits: FetchLimits::default(),
            credentials: Arc::default(),
            scanner: None,
        }
    }

    /// With other limits.
    #[must_use]
    pub fn with_limits(mut self, limits: FetchLimits) -> Self {
        self.limits = limits;
        self
    }

    /// With credentials that requests can name.
    #[must_use]
    pub fn with_credentials(mut self, credentials: Arc<Credentials>) -> Self {
        self.credentials = credentials;
        self
    }

    /// Looks for secrets in every address.
    #[must_use]
    pub fn with_scanner(mut self, scanner: Arc<LeakScanner>) -> Self {
        self.scanner = Some(scanner);
        self
    }

    /// Fetches. Dropping the future closes the connection.
    ///
    /// # Errors
    /// See [`FetchError`].
    pub async fn fetch(&self, request: &FetchRequest) -> Result<Fetched, FetchError> {
        let fetching = Box::pin(self.follow(request));
        timeout(self.limits.total, fetching)
            .await
            .map_err(|_| FetchError::Timeout { stage: "altogether" })?
    }

    async fn follow(&self, request: &FetchRequest) -> Result<Fetched, FetchError> {
        let mut url = request.url.clone();
        let mut credential = request.credential.as_deref();
        let mut redirects = 0;
        loop {
            let exchange = self.hop(request, &url, credential).await?;
            let Some(next) = next_url(&url, &exchange)? else {
                return self.finish(url, exchange, redirects).await;
            };
            if redirects == self.limits.redirects {
                return Err(FetchError::TooManyRedirects { limit: redirects });
            }
            redirects += 1;
            if url.scheme() == "https" && next.scheme() == "http" {
                return Err(FetchError::Downgrade);
            }
            if !request.leaves_host && !is_same_site(&url, &next) {
                return Err(FetchError::Elsewhere { url: Box::new(next) });
            }
            // Once another origin is involved, nothing is attached any more.
            if next.origin() != url.origin() {
                credential = None;
            }
            url = next;
        }
    }

    async fn hop(
        &self,
        request: &FetchRequest,
        url: &Url,
        credential: Option<&str>,
    ) -> Result<Exchange, FetchError> {
        let (host, port) = self.check(url)?;
        let method = Method::GET;
        let attached = match credential {
            Some(name) => Some(self.credentials.header(name, url, &method)?),
            None => None,
        };
        let target = self.policy.admit(&request.subject, &host, port, MethodClass::Read).await?;
        let mut question = Request::builder()
            .method(method)
            .uri(&url[url::Position::BeforePath..url::Position::AfterQuery])
            .header(HOST, authority(url, &host))
            .header(USER_AGENT, concat!("agent-os/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, request.accept)
            .header(ACCEPT_ENCODING, "gzip");
        if let Some((name, value)) = attached {
            question = question.header(name, value);
        }
        let question = question.body(Empty::<Bytes>::new()).map_err(|_| FetchError::Address)?;
        let tls = (url.scheme() == "https").then_some(&self.tls);
        exchange::ask(&target, tls, question, &self.limits).await
    }

    /// What can be said about an address without asking anybody.
    fn check(&self, url: &Url) -> Result<(Host, u16), FetchError> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(FetchError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(FetchError::UserInfo);
        }
        if let Some(scanner) = &self.scanner
            && let Some(name) = scanner.in_url(url)
        {
            return Err(Refusal::Secret { name }.into());
        }
        let port = url.port_or_known_default().ok_or(FetchError::Scheme)?;
        Ok((Host::of(url)?, port))
    }

    async fn finish(
        &self,
        url: Url,
        exchange: Exchange,
        redirects: usize,
    ) -> Result<Fetched, FetchError> {
        let Exchange { response, connection } = exchange;
        let (head, incoming) = response.into_parts();
        let content_type = head.headers.get(CONTENT_TYPE).map(lossy);
        let body = body::read(&head.headers, incoming, &self.limits).await?;
        drop(connection);
        Ok(Fetched {
            status: head.status.as_u16(),
            url,
            content_type,
            body: body.bytes,
            truncated: body.truncated,
            redirects,
        })
    }
}

fn lossy(value: &HeaderValue) -> String {
    String::from_utf8_lossy(value.as_bytes()).into_owned()
}

/// The value of the header `host`, from what was decided about.
fn authority(url: &Url, host: &Host) -> String {
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_string(),
    }
}

/// Where an answer redirects to, if it does.
fn next_url(url: &Url, exchange: &Exchange) -> Result<Option<Url>, FetchError> {
    let response = &exchange.response;
    let follows = matches!(
        response.status(),
        StatusCode::MOVED_PERMANENTLY
            | StatusCode::FOUND
            | StatusCode::SEE_OTHER
            | StatusCode::TEMPORARY_REDIRECT
            | StatusCode::PERMANENT_REDIRECT
    );
    let Some(location) = response.headers().get(LOCATION).filter(|_| follows) else {
        return Ok(None);
    };
    let location = location.to_str().map_err(|_| FetchError::Location)?;
    url.join(location).map(Some).map_err(|_| FetchError::Location)
}
