//! All prices that are known.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Place;

use agentos_domain::Timestamp;

use crate::document::{Entry, read};
use crate::{PriceError, Prices};

/// The document that is part of the program.
const SHIPPED: &str = include_str!("../prices.json");

/// Prices by provider, model and day.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PriceTable {
    providers: BTreeMap<String, Provider>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
struct Provider {
    /// By the main name of the model, then by the instant from which they hold.
    models: BTreeMap<String, BTreeMap<Timestamp, Prices>>,
    /// Main names by other names. An alias is one of the model, not of an entry.
    aliases: BTreeMap<String, String>,
}

impl PriceTable {
    /// The prices that are part of the program.
    ///
    /// # Errors
    /// Never, as a test holds: it is read as any other document.
    pub fn shipped() -> Result<Self, PriceError> {
        Self::parse(SHIPPED)
    }

    /// The prices of a document; its form is that of the crate's documentation.
    ///
    /// # Errors
    /// Where it is not of that form, where an entry cannot be meant, and where
    /// two entries say the same thing.
    pub fn parse(text: &str) -> Result<Self, PriceError> {
        let mut table = Self::default();
        for entry in read(text)? {
            table.add(entry)?;
        }
        Ok(table)
    }

    /// This table with the entries of another, which replace those of the same
    /// provider, model and day; its aliases go before those that were there.
    #[must_use]
    pub fn extended_by(mut self, other: Self) -> Self {
        for (name, theirs) in other.providers {
            let provider = self.providers.entry(name).or_default();
            for (model, prices) in theirs.models {
                provider.models.entry(model).or_default().extend(prices);
            }
            provider.aliases.extend(theirs.aliases);
        }
        self
    }

    /// The prices of a model that were in force at `at`: those of the newest
    /// entry that begins on that day (UTC) or before. None where there are none.
    ///
    /// The model is looked for by these names, in this order, and never by a
    /// part of one:
    /// 1. the name itself;
    /// 2. the name as an alias;
    /// 3. the name without a date at its end (`-20250514` or `-2025-05-14`);
    /// 4. that as an alias.
    ///
    /// A name whose entries all begin later is passed over.
    #[must_use]
    pub fn find(&self, provider: &str, model: &str, at: Timestamp) -> Option<&Prices> {
        let provider = self.providers.get(provider)?;
        provider.named(model, at).or_else(|| provider.named(without_date(model)?, at))
    }

    /// Every entry, by provider, model and day.
    pub fn iter(&self) -> impl Iterator<Item = &Prices> {
        let models = self.providers.values().flat_map(|provider| provider.models.values());
        models.flat_map(BTreeMap::values)
    }

    fn add(&mut self, entry: Entry) -> Result<(), PriceError> {
        let Entry { aliases, prices } = entry;
        let wrong = |field: &str, reason: String| PriceError::Field {
            entry: format!("{} {} {}", prices.provider, prices.model, prices.day),
            field: field.to_owned(),
            reason,
        };
        let provider = self.providers.entry(prices.provider.clone()).or_default();
        for alias in aliases {
            let before = provider.aliases.insert(alias.clone(), prices.model.clone());
            if let Some(other) = before.filter(|other| *other != prices.model) {
                let reason = format!("`{alias}` is one of {other} already: leave it to one model");
                return Err(wrong("aliases", reason));
            }
        }
        let entries = provider.models.entry(prices.model.clone()).or_default();
        match entries.entry(prices.from) {
            Place::Vacant(place) => {
                place.insert(prices);
                Ok(())
            }
            Place::Occupied(_) => {
                Err(wrong("effective_from", "this day has an entry already: remove one".into()))
            }
        }
    }
}

impl Provider {
    fn named(&self, name: &str, at: Timestamp) -> Option<&Prices> {
        let newest = |model: &str| {
            let (_, prices) = self.models.get(model)?.range(..=at).next_back()?;
            Some(prices)
        };
        newest(name).or_else(|| newest(self.aliases.get(name)?))
    }
}

/// A name without the date at its end, where it has one.
fn without_date(name: &str) -> Option<&str> {
    let short = |date: &str| date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
    let cut = |length: usize| name.split_at_checked(name.len().checked_sub(length)?);
    let dated = |length, is_date: &dyn Fn(&str) -> bool| {
        let (rest, date) = cut(length)?;
        let date = date.strip_prefix('-')?;
        (!rest.is_empty() && is_date(date)).then_some(rest)
    };
    dated(9, &|date| short(date) && real(&date[..4], &date[4..6], &date[6..])).or_else(|| {
        dated(11, &|date| match date.split('-').collect::<Vec<_>>()[..] {
            [year, month, day] => real(year, month, day),
            _ => false,
        })
    })
}

/// Whether these are a year of this century, a month and a day of a calendar.
fn real(year: &str, month: &str, day: &str) -> bool {
    let within = |text: &str, digits: usize, least: u32, most: u32| {
        let number = text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u32>());
        text.len() == digits && matches!(number, Some(Ok(n)) if (least..=most).contains(&n))
    };
    within(year, 4, 2000, 2099) && within(month, 2, 1, 12) && within(day, 2, 1, 31)
}
