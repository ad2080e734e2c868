//! Amounts as providers write them, each in its own unit.

use agentos_store::Usd;
use serde::Deserialize;
use serde_json::value::RawValue;

/// A decimal number, as JSON's number or in quotes, digit for digit.
#[derive(Deserialize)]
#[serde(transparent)]
struct Decimal(Box<RawValue>);

impl Decimal {
    /// Its digits, without quotes.
    fn text(&self) -> String {
        let raw = self.0.get();
        match raw.starts_with('"') {
            true => serde_json::from_str(raw).unwrap_or_default(),
            false => raw.to_owned(),
        }
    }
}

/// An amount in dollars.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Dollars(Decimal);

impl Dollars {
    pub(crate) fn usd(&self) -> Result<Usd, String> {
        self.0.text().parse().map_err(|error: agentos_store::UsdError| error.to_string())
    }
}

/// An amount in hundredths of a dollar, with fractions.
#[derive(Deserialize)]
#[serde(transparent)]
pub(crate) struct Cents(Decimal);

impl Cents {
    pub(crate) fn usd(&self) -> Result<Usd, String> {
        Usd::from_cents(&self.0.text()).map_err(|error| error.to_string())
    }
}

/// Refuses what is not in dollars.
pub(crate) fn only_usd(currency: &str) -> Result<(), String> {
    match currency.eq_ignore_ascii_case("usd") {
        true => Ok(()),
        false => {
            let shown: String = currency.chars().take(10).collect();
            Err(format!("it is billed in `{shown}`: only US dollars can be recorded"))
        }
    }
}

/// Adds counts; a sum beyond all counts is refused.
pub(crate) fn total(counts: impl IntoIterator<Item = u64>) -> Result<u64, String> {
    // SQLite's integers are signed.
    let most = u64::try_from(i64::MAX).unwrap_or(u64::MAX);
    counts
        .into_iter()
        .try_fold(0_u64, u64::checked_add)
        .filter(|sum| *sum <= most)
        .ok_or_else(|| "its tokens are more than can be counted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_read_digit_for_digit() {
        for (json, dollars) in [
            ("0.1", "0.1"),
            ("\"0.1\"", "0.1"),
            ("0.8958740000000000001234567", "0.8958740000000000001234567"),
            ("1e-7", "0.0000001"),
            ("-3", "-3"),
            ("\"\\u0031.5\"", "1.5"),
        ] {
            let amount: Dollars = serde_json::from_str(json).unwrap();
            assert_eq!(amount.usd().unwrap().to_string(), dollars, "{json}");
        }
        let cents: Cents = serde_json::from_str("\"123.45\"").unwrap();
        assert_eq!(cents.usd().unwrap().to_string(), "1.2345");
        for json in ["null", "true", "[]", "{}", "\"\"", "\"1,5\"", "\"NaN\""] {
            let amount: Dollars = serde_json::from_str(json).unwrap();
            assert!(amount.usd().is_err(), "{json}");
        }
        assert!(only_usd("USD").is_ok() && only_usd("usd").is_ok());
        assert!(only_usd("eur").unwrap_err().contains("`eur`"));
        assert_eq!(total([1, 2]), Ok(3));
        assert!(total([u64::MAX, 1]).is_err() && total([1 << 63]).is_err());
    }
}
