//! Billed money: exact decimals of any precision, never floats.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub};
use std::str::FromStr;

use agentos_domain::NanoUsd;
use bigdecimal::num_bigint::BigInt;
use bigdecimal::{BigDecimal, RoundingMode, Signed as _, Zero as _};
use serde::{Deserialize, Serialize};

/// The longest amount that is read, in bytes.
const MAX_TEXT: usize = 100;
/// The largest exponent that is read, to either side: an amount takes as many
/// digits when it is written out.
const MAX_EXPONENT: i64 = 60;
/// The decimals of metered money.
const METERED_DECIMALS: i64 = 9;

/// An amount in US dollars, exact to every digit that was billed. Below zero it
/// is a credit. Written without an exponent and without zeros at the end.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Usd(BigDecimal);

/// Why a text is no amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{got}` is no amount: expected a decimal number such as 12.3456, of at most {MAX_TEXT} digits"
)]
pub struct UsdError {
    got: String,
}

impl Usd {
    /// From an amount in cents, as a decimal number.
    ///
    /// # Errors
    /// Where the text is no decimal number.
    pub fn from_cents(text: &str) -> Result<Self, UsdError> {
        let (digits, scale) = text.parse::<Self>()?.0.into_bigint_and_exponent();
        Ok(Self::tidy(BigDecimal::new(digits, scale + 2)))
    }

    /// Without zeros after the last decimal.
    fn tidy(number: BigDecimal) -> Self {
        if number.fractional_digit_count() > 0 { Self(number.normalized()) } else { Self(number) }
    }

    /// Whether it is exactly nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.0.is_zero()
    }

    /// Whether it is a credit.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.0.is_negative()
    }

    /// How much it is without its sign.
    #[must_use]
    pub fn abs(&self) -> Self {
        Self(self.0.abs())
    }

    /// Rounded to the nine decimals of metered money, half-way to the even one.
    #[must_use]
    pub fn rounded(&self) -> Self {
        Self::tidy(self.0.with_scale_round(METERED_DECIMALS, RoundingMode::HalfEven))
    }

    /// So many thousandths of it.
    #[must_use]
    pub fn permille(&self, permille: u32) -> Self {
        Self::tidy(&self.0 * BigDecimal::new(BigInt::from(permille), 3))
    }
}

impl FromStr for Usd {
    type Err = UsdError;

    /// Reads a number as JSON writes it, with or without an exponent.
    fn from_str(text: &str) -> Result<Self, UsdError> {
        let refuse = || UsdError { got: text.chars().take(40).collect() };
        if text.len() > MAX_TEXT || !is_number(text) {
            return Err(refuse());
        }
        let number: BigDecimal = text.parse().map_err(|_| refuse())?;
        // What was written by this type is read often, and needs no tidying.
        let is_tidy = !text.ends_with('0') && !text.contains(['e', 'E']);
        Ok(if is_tidy { Self(number) } else { Self::tidy(number) })
    }
}

/// Whether a text is a decimal number of bounded size; zeros may lead.
fn is_number(text: &str) -> bool {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let bounded = exponent.is_none_or(|exponent| {
        let power = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        digits(power) && power.parse::<i64>().is_ok_and(|power| power <= MAX_EXPONENT)
    });
    let written = match mantissa.split_once('.') {
        Some((whole, fraction)) => digits(whole) && digits(fraction),
        None => digits(mantissa),
    };
    bounded && written
}

impl From<NanoUsd> for Usd {
    fn from(metered: NanoUsd) -> Self {
        Self::tidy(BigDecimal::new(BigInt::from(metered.0), METERED_DECIMALS))
    }
}

impl TryFrom<String> for Usd {
    type Error = UsdError;

    fn try_from(text: String) -> Result<Self, UsdError> {
        text.parse()
    }
}

impl From<Usd> for String {
    fn from(amount: Usd) -> Self {
        amount.to_string()
    }
}

impl Add<&Usd> for Usd {
    type Output = Self;

    fn add(self, other: &Self) -> Self {
        Self::tidy(self.0 + &other.0)
    }
}

impl AddAssign<&Usd> for Usd {
    fn add_assign(&mut self, other: &Self) {
        *self = Self::tidy(&self.0 + &other.0);
    }
}

impl Sub<&Usd> for &Usd {
    type Output = Usd;

    fn sub(self, other: &Usd) -> Usd {
        Usd::tidy(&self.0 - &other.0)
    }
}

impl<'a> Sum<&'a Usd> for Usd {
    fn sum<I: Iterator<Item = &'a Self>>(amounts: I) -> Self {
        Self::tidy(amounts.fold(BigDecimal::zero(), |sum, amount| sum + &amount.0))
    }
}

impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_plain_string())
    }
}

impl fmt::Debug for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self} USD")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> Usd {
        text.parse().unwrap()
    }

    #[test]
    fn no_digit_is_lost_and_none_is_added() {
        for (text, written) in [
            ("0", "0"),
            ("-0", "0"),
            ("0.00", "0"),
            ("100", "100"),
            ("0.8958740000000000", "0.895874"),
            ("0.1", "0.1"),
            ("-12.50", "-12.5"),
            ("1e3", "1000"),
            ("1.5E-7", "0.00000015"),
            ("2.5e+1", "25"),
            ("007.1", "7.1"),
            (
                "12345678901234567890.123456789012345678901234567890",
                "12345678901234567890.12345678901234567890123456789",
            ),
        ] {
            assert_eq!(usd(text).to_string(), written, "{text}");
            assert_eq!(usd(written), usd(text));
        }
        let json = serde_json::to_string(&usd("0.10")).unwrap();
        assert_eq!(json, "\"0.1\"");
        assert_eq!(serde_json::from_str::<Usd>(&json).unwrap(), usd("0.1"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in [
            "",
            "-",
            ".",
            ".5",
            "5.",
            "+1",
            " 1",
            "1 ",
            "1,5",
            "1_000",
            "NaN",
            "inf",
            "0x10",
            "1e",
            "1e999999999",
            "1e-61",
            "--1",
            "१",
            "1.2.3",
            "1e1.5",
            "$1",
        ] {
            let error = text.parse::<Usd>().unwrap_err().to_string();
            assert!(error.contains("is no amount"), "{text}: {error}");
        }
        assert!("9".repeat(101).parse::<Usd>().unwrap_err().to_string().len() < 200);
    }

    #[test]
    fn cents_are_hundredths() {
        for (cents, dollars) in
            [("123.45", "1.2345"), ("0", "0"), ("100", "1"), ("-5e-1", "-0.005")]
        {
            assert_eq!(Usd::from_cents(cents).unwrap().to_string(), dollars, "{cents}");
        }
    }

    #[test]
    fn sums_are_exact_where_floats_are_not() {
        let tenths: Vec<Usd> = (0..10).map(|_| usd("0.1")).collect();
        assert_eq!(tenths.iter().sum::<Usd>(), usd("1"));
        let (mut total, tiny) = (usd("99999999999999999999"), usd("0.000000000000000000001"));
        total += &tiny;
        assert_eq!(total.to_string(), "99999999999999999999.000000000000000000001");
        assert_eq!((&total - &tiny).to_string(), "99999999999999999999");
        assert!((&tiny - &total).is_negative());
    }

    #[test]
    fn metered_money_is_compared_at_nine_decimals() {
        assert_eq!(Usd::from(NanoUsd(1_500_000_001)).to_string(), "1.500000001");
        for (exact, rounded) in [
            ("0.0000000005", "0"),
            ("0.0000000015", "0.000000002"),
            ("0.0000000025", "0.000000002"),
            ("0.00000000250000000001", "0.000000003"),
            ("-0.0000000015", "-0.000000002"),
            ("7", "7"),
        ] {
            assert_eq!(usd(exact).rounded(), usd(rounded), "{exact}");
        }
        assert_eq!(usd("50").permille(20), usd("1"));
    }
}
