//! Asking an administration API: one page at a time, with further tries.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use agentos_domain::{Clock, ProviderSecret};
use async_trait::async_trait;
use reqwest::Response;
use reqwest::header::{ACCEPT, RETRY_AFTER, USER_AGENT};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;
use tokio_util::sync::CancellationToken;

use super::adapter::{Adapter, Report};
use super::error::CollectError;
use crate::config::CollectorConfig;
use crate::secrets::Secrets;

/// The largest page, in bytes.
const MAX_PAGE: usize = 32 * 1024 * 1024;
/// The largest error that is read, in bytes, and the most that is told of it.
const MAX_REFUSAL: usize = 64 * 1024;
const MAX_TOLD: usize = 300;
/// More pages than this 31 days do not have.
const MAX_PAGES: usize = 1000;
/// The longest pause that a provider may ask for.
const MAX_WAIT: Duration = Duration::from_secs(600);
/// Anthropic's own status for too much load.
const OVERLOADED: u16 = 529;
/// Limits that only a person can raise.
const SPENT: [&str; 5] = [
    "credit_balance_exhausted",
    "insufficient_quota",
    "organization_usage_limit_exceeded",
    "organization_spend_limit_exceeded",
    "enforced_spend_limit_reached",
];

/// Lets time pass between two tries.
#[async_trait]
pub trait Pause: Send + Sync + 'static {
    /// Returns after so long.
    async fn pause(&self, duration: Duration);
}

/// Waits for real.
#[derive(Debug, Clone, Copy, Default)]
pub struct RealPause;

#[async_trait]
impl Pause for RealPause {
    async fn pause(&self, duration: Duration) {
        tokio::time::sleep(duration).await;
    }
}

/// Asks one provider during one run.
pub(super) struct Client<'a> {
    pub(super) http: &'a reqwest::Client,
    pub(super) adapter: &'a dyn Adapter,
    pub(super) config: &'a CollectorConfig,
    pub(super) key: &'a ProviderSecret,
    pub(super) secrets: &'a Secrets,
    pub(super) clock: &'a Arc<dyn Clock>,
    pub(super) pause: &'a Arc<dyn Pause>,
    pub(super) cancel: &'a CancellationToken,
    pub(super) counts: Counts,
}

/// What it took.
#[derive(Default)]
pub(super) struct Counts {
    pub(super) pages: AtomicU64,
    pub(super) retries: AtomicU64,
}

/// One page of a report. What is not named here is kept in no other way: the
/// buckets are kept word for word.
#[derive(Deserialize)]
struct Page {
    data: Vec<Box<RawValue>>,
    has_more: bool,
    next_page: Option<String>,
}

impl Client<'_> {
    /// Every bucket of a report, of all its pages.
    pub(super) async fn buckets(
        &self,
        report: &Report,
        span: &[(&'static str, String)],
    ) -> Result<Vec<Box<RawValue>>, CollectError> {
        let name = report.name;
        let (mut buckets, mut cursor, mut seen) = (Vec::new(), None::<String>, HashSet::new());
        loop {
            let page = self.page(report, span, cursor.as_deref()).await?;
            buckets.extend(page.data);
            if !page.has_more {
                return Ok(buckets);
            }
            let Some(next) = page.next_page.filter(|next| !next.is_empty()) else {
                let message = format!("a page of `{name}` says that more follow and not where");
                return Err(CollectError::lasting("cursor_missing", message));
            };
            if !seen.insert(next.clone()) {
                let message = format!("the pages of `{name}` go round in a circle");
                return Err(CollectError::lasting("cursor_repeated", message));
            }
            if seen.len() > MAX_PAGES {
                let message = format!("`{name}` has more than {MAX_PAGES} pages");
                return Err(CollectError::lasting("too_many_pages", message));
            }
            cursor = Some(next);
        }
    }

    /// One page, tried again as configured.
    async fn page(
        &self,
        report: &Report,
        span: &[(&'static str, String)],
        cursor: Option<&str>,
    ) -> Result<Page, CollectError> {
        let mut tries = 0;
        loop {
            let stopping =
                || CollectError::lasting("stopping", "the hub is stopping: collect it again later");
            let asked = self.cancel.run_until_cancelled(self.ask(report, span, cursor)).await;
            let mut error = match asked.ok_or_else(stopping)? {
                Ok(page) => {
                    self.counts.pages.fetch_add(1, Ordering::Relaxed);
                    return Ok(page);
                }
                Err(error) => error,
            };
            error.message = self.secrets.redact(&error.message);
            let wait = error.wait.unwrap_or(self.config.retry_delay);
            if !error.may_pass || tries >= self.config.retry_count || wait > MAX_WAIT {
                return Err(error);
            }
            tries += 1;
            self.counts.retries.fetch_add(1, Ordering::Relaxed);
            let provider = self.adapter.provider().key;
            tracing::warn!(provider, report = report.name, %error, tries, ?wait, "it is tried again");
            let waited = self.cancel.run_until_cancelled(self.pause.pause(wait)).await;
            waited.ok_or_else(stopping)?;
        }
    }

    async fn ask(
        &self,
        report: &Report,
        span: &[(&'static str, String)],
        cursor: Option<&str>,
    ) -> Result<Page, CollectError> {
        let base = self.config.base_url.as_deref().unwrap_or(self.adapter.base_url());
        let groups = report.group_by.iter().map(|group| ("group_by[]", (*group).to_owned()));
        let page = cursor.map(|cursor| ("page", cursor.to_owned()));
        let query: Vec<_> = span.iter().cloned().chain(groups).chain(page).collect();
        let request = self.http.get(format!("{base}{}", report.path)).query(&query);
        let request = request
            .header(ACCEPT, "application/json")
            .header(USER_AGENT, concat!("agent-os/", env!("CARGO_PKG_VERSION")))
            .timeout(self.config.timeout);
        let response = self.adapter.authorise(request, self.key).send().await;
        let response = response.map_err(|error| self.broken(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(self.refused(response).await);
        }
        let text = self.text(response, MAX_PAGE).await?;
        serde_json::from_str(&text).map_err(|error| {
            let message =
                format!("the answer of `{}` is not what it should be: {error}", report.name);
            CollectError::passing("malformed", message)
        })
    }

    /// A body that is not too large. It may hold what nobody is to see.
    async fn text(&self, mut response: Response, most: usize) -> Result<String, CollectError> {
        let mut bytes = Vec::new();
        while let Some(more) = response.chunk().await.map_err(|error| self.broken(&error))? {
            if bytes.len() + more.len() > most {
                let message = format!("the answer is larger than {most} bytes");
                return Err(CollectError::lasting("too_large", message));
            }
            bytes.extend_from_slice(&more);
        }
        let no_text = |_| CollectError::passing("malformed", "the answer is no text");
        String::from_utf8(bytes).map_err(no_text)
    }

    /// What it means that a request came to nothing.
    fn broken(&self, error: &reqwest::Error) -> CollectError {
        let provider = self.adapter.provider().name;
        if error.is_timeout() {
            let limit = self.config.timeout;
            let message = format!("{provider} did not answer within {limit:?}");
            return CollectError::passing("timeout", message);
        }
        if error.is_connect() {
            let message = format!("{provider} cannot be reached: {}", cause(error));
            return CollectError::passing("unreachable", message);
        }
        let message = format!("the connection to {provider} broke off: {}", cause(error));
        CollectError::passing("broken", message)
    }

    /// What it means that the provider answered with an error.
    async fn refused(&self, response: Response) -> CollectError {
        let status = response.status();
        let headers = response.headers().get(RETRY_AFTER);
        let wait = headers.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let wait = wait.and_then(|text| self.clock.now().retry_after(&text));
        let body = self.text(response, MAX_REFUSAL).await.unwrap_or_default();
        let said = Said::of(&body);
        let provider = self.adapter.provider().name;
        let told = match &said.message {
            Some(message) => format!("{provider} answers {status}: {message}"),
            None => format!("{provider} answers {status}"),
        };
        let advised = || format!("{told}: {}", self.adapter.advice(status));
        match status.as_u16() {
            401 => CollectError::lasting("key_refused", advised()),
            403 => CollectError::lasting("forbidden", advised()),
            404 => CollectError::lasting("not_found", advised()),
            429 if said.is_spent() => CollectError::lasting("limit_reached", told),
            429 => CollectError { wait, ..CollectError::passing("rate_limited", told) },
            408 | OVERLOADED | 500..=599 => {
                CollectError { wait, ..CollectError::passing("provider_failed", told) }
            }
            _ => CollectError::lasting("refused", told),
        }
    }
}

/// The innermost reason, without the address.
fn cause(error: &reqwest::Error) -> String {
    let mut reason = std::error::Error::source(error);
    while let Some(inner) = reason.and_then(std::error::Error::source) {
        reason = Some(inner);
    }
    reason.map_or_else(|| "no reason is known".to_owned(), ToString::to_string)
}

/// What the body of an error says, in the form of either provider.
#[derive(Default)]
struct Said {
    message: Option<String>,
    words: Vec<String>,
}

impl Said {
    fn of(body: &str) -> Self {
        let Ok(document) = serde_json::from_str::<Value>(body) else { return Self::default() };
        let error = &document["error"];
        let visible = |c: &char| !c.is_control();
        let message = error["message"].as_str().filter(|message| !message.is_empty());
        let message = message.map(|text| text.chars().filter(visible).take(MAX_TOLD).collect());
        let words = [&error["code"], &error["type"], &error["details"]["error_code"]];
        let words = words.into_iter().filter_map(Value::as_str).map(str::to_owned).collect();
        Self { message, words }
    }

    fn is_spent(&self) -> bool {
        self.words.iter().any(|word| SPENT.contains(&word.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_both_providers_are_read() {
        let said = Said::of(r#"{"error":{"message":"no\nway","code":"insufficient_quota"}}"#);
        assert_eq!(said.message.as_deref(), Some("noway"));
        assert!(said.is_spent());
        let said =
            Said::of(r#"{"type":"error","error":{"type":"rate_limit_error","message":"m"}}"#);
        assert!(!said.is_spent() && said.message.is_some());
        assert!(Said::of("<html>").message.is_none());
    }
}
