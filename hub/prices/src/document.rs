//! The price document as it is written, and as it is checked.

use std::fmt;

use agentos_domain::{ProviderName, Timestamp};
use serde::Deserialize;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde_json::Value;

use crate::PriceError;
use crate::decimal::{scaled, shorten};
use crate::prices::{Multipliers, ONE, Prices, Rates, Tier};

/// A dollar per million tokens is a million pico-dollars per token.
const PRICE_DECIMALS: u32 = 6;
/// A dollar per token, in pico-dollars.
const MOST_PER_TOKEN: u64 = 1_000_000_000_000;
const MULTIPLIER_DECIMALS: u32 = 6;
const MOST_TIMES: u64 = 100 * ONE;
/// The longest name of a model, in bytes.
const MAX_NAME: usize = 200;
/// The longest source, in bytes.
const MAX_SOURCE: usize = 1000;

/// One entry of the document, checked.
pub(crate) struct Entry {
    pub(crate) aliases: Vec<String>,
    pub(crate) prices: Prices,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(default, rename = "about")]
    _about: Option<String>,
    prices: Entries,
}

/// A list whose errors name the entry.
struct Entries(Vec<Written>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    provider: String,
    model: String,
    #[serde(default)]
    aliases: Vec<String>,
    effective_from: String,
    source: String,
    usd_per_million: WrittenRates,
    #[serde(default)]
    tiers: Vec<WrittenTier>,
    #[serde(default)]
    multipliers: WrittenMultipliers,
}

/// Values of any kind, so that an error about one names its field.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenRates {
    input: Option<Value>,
    cache_read: Option<Value>,
    cache_write: Option<Value>,
    cache_write_1h: Option<Value>,
    output: Option<Value>,
    reasoning: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTier {
    above_prompt_tokens: Value,
    usd_per_million: WrittenRates,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct WrittenMultipliers {
    batch: Option<Value>,
    flex: Option<Value>,
    priority: Option<Value>,
    fast: Option<Value>,
    inference_geo_us: Option<Value>,
}

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List;

        impl<'de> Visitor<'de> for List {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of entries")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                loop {
                    let number = entries.len() + 1;
                    let next = seq.next_element();
                    match next.map_err(|e| A::Error::custom(format!("entry {number}: {e}")))? {
                        Some(entry) => entries.push(entry),
                        None => return Ok(Entries(entries)),
                    }
                }
            }
        }

        deserializer.deserialize_seq(List)
    }
}

/// The entries of a document, each checked by itself.
pub(crate) fn read(text: &str) -> Result<Vec<Entry>, PriceError> {
    let document: Document = serde_json::from_str(text)
        .map_err(|error| PriceError::Form { reason: error.to_string() })?;
    document.prices.0.into_iter().map(Written::check).collect()
}

impl Written {
    fn check(self) -> Result<Entry, PriceError> {
        let entry = shorten(&format!("{} {} {}", self.provider, self.model, self.effective_from));
        let refuse = |(field, reason)| PriceError::Field { entry: entry.clone(), field, reason };
        let wrong = |field: &str, reason: String| refuse((field.to_owned(), reason));
        self.provider
            .parse::<ProviderName>()
            .map_err(|error| wrong("provider", error.to_string()))?;
        name(&self.model).map_err(|reason| wrong("model", reason))?;
        for alias in &self.aliases {
            name(alias).map_err(|reason| wrong("aliases", reason))?;
        }
        if self.source.trim().is_empty() || self.source.len() > MAX_SOURCE {
            let reason = format!("say in 1 to {MAX_SOURCE} bytes where the prices were read");
            return Err(wrong("source", reason));
        }
        let from = day(&self.effective_from).map_err(|reason| wrong("effective_from", reason))?;
        let base = self.usd_per_million.check("usd_per_million").map_err(refuse)?;
        let tiers = tiers(self.tiers).map_err(refuse)?;
        let multipliers = self.multipliers.check().map_err(refuse)?;
        let prices = Prices {
            provider: self.provider,
            model: self.model,
            day: self.effective_from,
            from,
            source: self.source,
            base,
            tiers,
            multipliers,
        };
        Ok(Entry { aliases: self.aliases, prices })
    }
}

/// The name of a field, and what is wrong with it.
type Wrong = (String, String);

impl WrittenRates {
    fn check(&self, at: &str) -> Result<Rates, Wrong> {
        let price = |kind: &str, value: &Option<Value>| {
            decimal(value.as_ref(), PRICE_DECIMALS, MOST_PER_TOKEN)
                .map_err(|reason| (format!("{at}.{kind}"), reason))
        };
        let needed = |kind: &str, value: &Option<Value>| {
            let missing = "is missing: every entry and every tier gives it".to_owned();
            price(kind, value)?.ok_or_else(|| (format!("{at}.{kind}"), missing))
        };
        let input = needed("input", &self.input)?;
        let output = needed("output", &self.output)?;
        let cache_write = price("cache_write", &self.cache_write)?.unwrap_or(input);
        Ok(Rates {
            input,
            cache_read: price("cache_read", &self.cache_read)?.unwrap_or(input),
            cache_write,
            cache_write_1h: price("cache_write_1h", &self.cache_write_1h)?.unwrap_or(cache_write),
            output,
            reasoning: price("reasoning", &self.reasoning)?.unwrap_or(output),
        })
    }
}

impl WrittenMultipliers {
    fn check(&self) -> Result<Multipliers, Wrong> {
        let times = |service: &str, value: &Option<Value>| {
            decimal(value.as_ref(), MULTIPLIER_DECIMALS, MOST_TIMES)
                .map_err(|reason| (format!("multipliers.{service}"), reason))
        };
        Ok(Multipliers {
            batch: times("batch", &self.batch)?,
            flex: times("flex", &self.flex)?,
            priority: times("priority", &self.priority)?,
            fast: times("fast", &self.fast)?,
            us: times("inference_geo_us", &self.inference_geo_us)?,
        })
    }
}

fn tiers(written: Vec<WrittenTier>) -> Result<Vec<Tier>, Wrong> {
    let mut tiers: Vec<Tier> = Vec::new();
    for (index, tier) in written.iter().enumerate() {
        let wrong =
            |reason: &str| Err((format!("tiers[{index}].above_prompt_tokens"), reason.to_owned()));
        let Some(above_prompt_tokens) = tier.above_prompt_tokens.as_u64().filter(|n| *n > 0) else {
            return wrong("is no number of tokens: give a whole number above 0");
        };
        if tiers.last().is_some_and(|last| last.above_prompt_tokens >= above_prompt_tokens) {
            return wrong("is not above that of the tier before: sort the tiers by length");
        }
        let rates = tier.usd_per_million.check(&format!("tiers[{index}].usd_per_million"))?;
        tiers.push(Tier { above_prompt_tokens, rates });
    }
    Ok(tiers)
}

fn decimal(value: Option<&Value>, decimals: u32, most: u64) -> Result<Option<u64>, String> {
    match value {
        None => Ok(None),
        Some(Value::String(text)) => scaled(text, decimals, most).map(Some),
        Some(_) => Err("is no text: write the number in quotes, for it is read exactly".to_owned()),
    }
}

fn name(name: &str) -> Result<(), String> {
    let whole = !name.contains(|c: char| c.is_whitespace() || c.is_control());
    match !name.is_empty() && name.len() <= MAX_NAME && whole {
        true => Ok(()),
        false => {
            Err(format!("`{}` is no name: give 1 to {MAX_NAME} bytes, no spaces", shorten(name)))
        }
    }
}

/// The instant at which a day begins in UTC.
fn day(text: &str) -> Result<Timestamp, String> {
    let digits =
        |range| text.get(range).is_some_and(|t: &str| t.bytes().all(|b| b.is_ascii_digit()));
    let formed = text.len() == 10 && digits(0..4) && digits(5..7) && digits(8..10);
    let instant = format!("{text}T00:00:00Z").parse().ok().filter(|_| formed);
    instant.ok_or_else(|| format!("`{}` is no day: write it as 2026-10-07", shorten(text)))
}
