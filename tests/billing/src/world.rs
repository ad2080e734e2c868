//! What a fake provider has billed.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bigdecimal::BigDecimal;

use crate::fault::Fault;

/// Whose API it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Api {
    /// OpenAI's.
    OpenAi,
    /// Anthropic's.
    Anthropic,
}

/// What was used and billed on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FakeDay {
    /// The amount of each line of the bill, in the API's own unit, digit for
    /// digit. A day without lines is billed as an empty list.
    pub amounts: Vec<String>,
    /// Their currency.
    pub currency: String,
    /// Input tokens that were in no cache.
    pub uncached: u64,
    /// Input tokens that were read from a cache.
    pub cached: u64,
    /// Input tokens that were written to a cache.
    pub cache_write: u64,
    /// Output tokens.
    pub output: u64,
    /// Tokens that were embedded; OpenAI's alone.
    pub embedded: u64,
    /// The service tier; Anthropic's alone.
    pub tier: String,
}

impl FakeDay {
    /// A day with these lines on its bill, and some tokens of each kind.
    #[must_use]
    pub fn of(amounts: &[&str]) -> Self {
        Self {
            amounts: amounts.iter().map(|amount| (*amount).to_owned()).collect(),
            currency: "USD".to_owned(),
            uncached: 1000,
            cached: 400,
            cache_write: 100,
            output: 500,
            embedded: 7,
            tier: "standard".to_owned(),
        }
    }

    /// The sum of the lines, exactly; `None` where one is no number.
    pub(crate) fn sum(&self) -> Option<String> {
        let amounts = self.amounts.iter().map(|amount| amount.parse::<BigDecimal>().ok());
        let amounts: Option<Vec<_>> = amounts.collect();
        Some(amounts?.iter().sum::<BigDecimal>().to_plain_string())
    }

    pub(crate) fn has_usage(&self) -> bool {
        self.uncached + self.cached + self.cache_write + self.output > 0
    }
}

/// The state of a fake.
pub(crate) struct World {
    pub(crate) api: Api,
    pub(crate) key: String,
    pub(crate) days: BTreeMap<i64, FakeDay>,
    /// Days of which nothing is said, and of which all is said twice.
    pub(crate) silent: BTreeSet<i64>,
    pub(crate) doubled: BTreeSet<i64>,
    /// The most buckets of a page.
    pub(crate) page_size: usize,
    pub(crate) faults: Vec<Fault>,
    /// The bill that is split has a line more, of this amount.
    pub(crate) split_extra: Option<String>,
    /// What was told as the next page: the request that it belongs to, and the
    /// first bucket of it.
    pub(crate) pages: HashMap<String, (String, usize)>,
}

/// Buckets as they are written, before pages are made of them.
pub(crate) struct Report {
    pub(crate) buckets: Vec<String>,
    /// What identifies the request, without its page.
    pub(crate) identity: String,
    /// The most buckets that it asked for.
    pub(crate) limit: usize,
    /// The token of the page that is asked for.
    pub(crate) page: Option<String>,
    /// What a page begins with, such as `"object":"page",`.
    pub(crate) opening: &'static str,
}

/// A refusal: the status, and the body.
pub(crate) type Refusal = (u16, String);

impl World {
    /// The page of a report that was asked for.
    pub(crate) fn page(&mut self, report: Report) -> Result<String, Refusal> {
        let Report { buckets, identity, limit, page, opening } = report;
        let from = match page {
            None => 0,
            Some(token) => match self.pages.get(&token) {
                Some((known, from)) if *known == identity => *from,
                _ => return Err((400, self.error("invalid_request_error", "unknown page"))),
            },
        };
        let end = buckets.len().min(from + self.page_size.min(limit));
        let more = end < buckets.len();
        let next = match more {
            false => "null".to_owned(),
            true => {
                // Opaque, and another one for each request.
                let token = format!("page_{:016x}=", (self.pages.len() as u64 + 1) * 0x9e37_79b9);
                self.pages.insert(token.clone(), (identity, end));
                format!("\"{token}\"")
            }
        };
        let data = buckets.get(from..end).unwrap_or_default().join(",");
        Ok(format!("{{{opening}\"data\":[{data}],\"has_more\":{more},\"next_page\":{next}}}"))
    }

    /// An error in the form of the API.
    pub(crate) fn error(&self, kind: &str, message: &str) -> String {
        match self.api {
            Api::OpenAi => serde_json::json!({
                "error": { "message": message, "type": kind, "param": null, "code": kind }
            }),
            Api::Anthropic => serde_json::json!({
                "type": "error", "error": { "type": kind, "message": message },
                "request_id": "req_1"
            }),
        }
        .to_string()
    }

    /// The days from one instant to another, each as often as it is told of.
    pub(crate) fn told(&self, from: i64, to: i64) -> impl Iterator<Item = i64> {
        let told = |day: &i64| !self.silent.contains(day);
        (from..to).filter(told).flat_map(|day| {
            let times = if self.doubled.contains(&day) { 2 } else { 1 };
            std::iter::repeat_n(day, times)
        })
    }
}
