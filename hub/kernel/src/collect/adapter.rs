//! What a provider's adapter says: where its reports are and how they are read.

use std::collections::BTreeMap;

use agentos_domain::{ProviderSecret, Timestamp};
use agentos_store::{Day, Usd};
use reqwest::{RequestBuilder, StatusCode};
use serde_json::value::RawValue;

/// Whose bill is collected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Provider {
    /// As arguments name it, such as `openai`.
    pub key: &'static str,
    /// As results name it, such as `OpenAI`.
    pub name: &'static str,
    /// The plugin that collects it, such as `openai_collector`.
    pub plugin: &'static str,
    /// The name of the secret that opens its administration API.
    pub secret: &'static str,
    /// How people set that secret.
    pub secret_hint: &'static str,
}

/// One report of a provider's administration API: pages of buckets, one bucket
/// for each day in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Its name in what is kept of the answers.
    pub name: &'static str,
    /// Its path.
    pub path: &'static str,
    /// By what its rows are split.
    pub group_by: &'static [&'static str],
}

/// What a provider answered for one day: the bucket of each report, word for word.
#[derive(Debug, Default)]
pub struct Answers(pub(super) BTreeMap<&'static str, Box<RawValue>>);

impl Answers {
    /// A report's bucket.
    ///
    /// # Errors
    /// Where it was not answered: that is not an answer of nothing.
    pub fn of(&self, report: &str) -> Result<&RawValue, String> {
        let bucket = self.0.get(report).map(Box::as_ref);
        bucket.ok_or_else(|| format!("the report `{report}` says nothing about it"))
    }
}

/// What a day came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// All tokens, of every kind, each once.
    pub tokens: u64,
    /// What the provider billed.
    pub cost: Usd,
    /// The same as the sum of the report that is split by kind.
    pub split_cost: Usd,
    /// What is known to be missing in the figures.
    pub notes: Vec<String>,
}

/// A provider, as its collector needs to know it.
pub trait Adapter: Send + Sync + 'static {
    /// Whose bill it is.
    fn provider(&self) -> &'static Provider;

    /// Where the administration API is, without a slash at the end.
    fn base_url(&self) -> &'static str;

    /// What is asked for every span of days.
    fn reports(&self) -> &'static [Report];

    /// The parameters for the days from one to another, both included: at most 31.
    fn span(&self, from: Day, to: Day) -> Vec<(&'static str, String)>;

    /// Shows the key.
    fn authorise(&self, request: RequestBuilder, key: &ProviderSecret) -> RequestBuilder;

    /// When a bucket begins and ends.
    ///
    /// # Errors
    /// Where it does not say so.
    fn bounds(&self, bucket: &RawValue) -> Result<(Timestamp, Timestamp), String>;

    /// Reads a day.
    ///
    /// # Errors
    /// What of it cannot be read; nothing of the day is recorded then.
    fn read(&self, answers: &Answers) -> Result<Reading, String>;

    /// What to do where the provider refuses the key.
    fn advice(&self, status: StatusCode) -> &'static str;
}
