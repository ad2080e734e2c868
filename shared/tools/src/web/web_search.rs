//! `web_search`: asks a search engine, SearXNG or Brave.

use std::sync::Arc;

use agentos_domain::{ArgumentRole, Effect, RateLimit, RatePeriod, ToolClass, ToolError, ToolSpec};
use agentos_egress::{
    Credential, Credentials, FetchLimits, FetchRequest, Fetcher, Host, Resolver, Subject, TlsConfig,
};
use http::HeaderName;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use super::{access, html};
use crate::{Tool, ToolContext, arguments};

/// The most results of a page.
const MAX_RESULTS: usize = 10;
/// The most characters of a title or a text of a result.
const MAX_TEXT: usize = 500;
/// The most characters of a question.
const MAX_QUERY: usize = 400;
/// The most pages of results.
const MAX_PAGE: u32 = 10;
const RATE: RateLimit = RateLimit { calls: 10, per: RatePeriod::Minute };
const KEY: &str = "web_search";

/// A search engine.
#[derive(Clone)]
pub enum SearchEngine {
    /// SearXNG with its JSON format switched on (`search.formats`).
    Searxng {
        /// Where it is, such as `http://search.home:8888/`.
        base: Url,
    },
    /// The Brave Search API.
    Brave {
        /// Where it is, such as `https://api.search.brave.com/`.
        base: Url,
        /// The subscription's token.
        key: Zeroizing<String>,
    },
}

impl std::fmt::Debug for SearchEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Searxng { .. } => "Searxng",
            Self::Brave { .. } => "Brave",
        })
    }
}

/// The tool `web_search`.
#[derive(Debug)]
pub struct WebSearch {
    spec: ToolSpec,
    engine: SearchEngine,
    fetcher: Fetcher,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    query: String,
    page: Option<u32>,
}

fn spec() -> ToolSpec {
    let properties = json!({
        "query": {
            "type": "string", "minLength": 1, "maxLength": MAX_QUERY,
            "description": "what to search for, in a few words",
        },
        "page": {
            "type": "integer", "minimum": 1, "maximum": MAX_PAGE,
            "description": "which page of results, 1 by default",
        },
    });
    let description = "Searches the web: titles, addresses and short texts of up to 10 results; \
        read the pages themselves with web_fetch";
    // The engine is the configuration's choice, so the query is no destination.
    // It is carried out of the house to somebody who keeps it, so it is more
    // than a selector: what may not leave may not be in it.
    arguments::spec("web_search", ToolClass::Read, description, properties, &["query"])
        .needs("network.http.get")
        .argument("query", ArgumentRole::Content)
        .argument("page", ArgumentRole::Selector)
        .with_untrusted_output()
        .with_effect(Effect::Outside)
        .limited_to(RATE)
}

impl WebSearch {
    /// With a configured engine, which may be in the home network.
    ///
    /// # Errors
    /// `not_configured`: its address or its key is unusable.
    pub fn new(
        engine: SearchEngine,
        tls: &TlsConfig,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, ToolError> {
        let unusable = |reason: &str| ToolError::new("not_configured", reason.to_owned());
        let mut credentials = Credentials::new();
        let base = match &engine {
            SearchEngine::Searxng { base } => base,
            SearchEngine::Brave { base, key } => {
                let Ok(Host::Name(host)) = Host::of(base) else {
                    return Err(unusable("the search engine has no host: write its address"));
                };
                let header = HeaderName::from_static("x-subscription-token");
                let port = base.port_or_known_default().unwrap_or(443);
                let credential = Credential::header(host, header, key.clone()).at_port(port);
                credentials
                    .add(KEY, credential)
                    .map_err(|_| unusable("the search engine's key is unusable: enter it again"))?;
                base
            }
        };
        let limits = FetchLimits::default();
        let fetcher = access::to_service(base, credentials, tls, resolver, limits)?;
        Ok(Self { spec: spec(), engine, fetcher })
    }

    fn request(&self, arguments: &Arguments) -> Result<FetchRequest, ToolError> {
        let page = arguments.page.unwrap_or(1).max(1);
        let (base, path) = match &self.engine {
            SearchEngine::Searxng { base } => (base, "search"),
            SearchEngine::Brave { base, .. } => (base, "res/v1/web/search"),
        };
        let mut url = in_folder(base).join(path).map_err(|_| {
            ToolError::new("not_configured", "the search engine's address is unusable")
        })?;
        let mut query = url.query_pairs_mut();
        query.append_pair("q", &arguments.query);
        match &self.engine {
            SearchEngine::Searxng { .. } => {
                query.append_pair("format", "json").append_pair("pageno", &page.to_string());
            }
            SearchEngine::Brave { .. } => {
                let count = MAX_RESULTS.to_string();
                query.append_pair("count", &count).append_pair("offset", &(page - 1).to_string());
            }
        }
        drop(query);
        let credential = match &self.engine {
            SearchEngine::Searxng { .. } => None,
            SearchEngine::Brave { .. } => Some(KEY.to_owned()),
        };
        let request = FetchRequest::new(url, Subject::new("", "web_search"));
        Ok(request.accepting("application/json").with_credential(credential))
    }
}

/// An address that paths can be put after.
pub(super) fn in_folder(base: &Url) -> Url {
    let mut base = base.clone();
    if !base.path().ends_with('/') {
        base.set_path(&format!("{}/", base.path()));
    }
    base
}

#[async_trait::async_trait]
impl Tool for WebSearch {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let arguments: Arguments = arguments::parse(arguments)?;
        let request = self.request(&arguments)?;
        let fetched = access::fetch(&self.fetcher, &request, context).await?;
        if fetched.status != 200 {
            return Err(refused(fetched.status));
        }
        let body: Value = serde_json::from_slice(&fetched.body).map_err(|_| {
            let message = "the search engine did not answer in JSON: switch its JSON format on";
            ToolError::new("search_failed", message)
        })?;
        let (list, text) = match &self.engine {
            SearchEngine::Searxng { .. } => (&body["results"], "content"),
            SearchEngine::Brave { .. } => (&body["web"]["results"], "description"),
        };
        let results: Vec<Value> = list
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|result| entry(result, text))
            .take(MAX_RESULTS)
            .collect();
        let page = arguments.page.unwrap_or(1);
        let mut answer = json!({ "query": arguments.query, "results": results });
        if results.is_empty() {
            answer["note"] = "nothing was found: try other words".into();
        } else if page < MAX_PAGE {
            answer["next"] = format!("web_search with page {}", page + 1).into();
        }
        Ok(answer)
    }
}

fn refused(status: u16) -> ToolError {
    let message = match status {
        401 | 403 => "the search engine refuses the request: check its key and its JSON format",
        429 => "the search engine has had too many questions: try again later",
        _ => "the search engine failed: try again later",
    };
    ToolError::new("search_failed", format!("{message} (status {status})"))
}

/// A result as the model reads it; `None` where it leads nowhere.
fn entry(result: &Value, text: &str) -> Option<Value> {
    let url = Url::parse(result["url"].as_str()?).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let plain = |field: &str| -> String {
        let marked = result[field].as_str().unwrap_or_default();
        html::read(marked, None).text.chars().take(MAX_TEXT).collect()
    };
    let mut entry = json!({ "title": plain("title"), "url": url.as_str(), "text": plain(text) });
    let date = ["publishedDate", "page_age"].iter().find_map(|field| result[*field].as_str());
    if let Some(date) = date {
        entry["date"] = date.chars().take(32).collect::<String>().into();
    }
    Some(entry)
}
