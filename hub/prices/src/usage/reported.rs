//! The cost that an answer itself reports.

use agentos_domain::NanoUsd;
use serde_json::Value;

use crate::decimal::half_even;

/// No call costs as much, in nano-dollars: 10,000 dollars.
const ABSURD: u128 = 10_000 * 1_000_000_000;
/// The longest number that is read, in bytes; its digits fit an integer.
const MAX_DIGITS: usize = 36;

/// What OpenRouter and those who pass it on say was billed: `cost`, and where
/// that cannot be meant, `cost_details.upstream_inference_cost`. With a key of
/// the user's own at the provider (`is_byok`) both were billed, in two places.
/// What is missing, negative, absurd or no number is no cost.
pub(super) fn reported_cost(usage: &Value) -> Option<NanoUsd> {
    let cost = usage.get("cost").and_then(amount);
    let details = usage.get("cost_details");
    let upstream = details.and_then(|d| amount(d.get("upstream_inference_cost")?));
    match (usage.get("is_byok").and_then(Value::as_bool), cost, upstream) {
        (Some(true), Some(fee), Some(upstream)) => Some(fee + upstream),
        // The fee alone, or the provider's part alone, is not what it cost.
        (Some(true), ..) => None,
        (_, cost, upstream) => cost.or(upstream),
    }
}

/// An amount in dollars, a number or a text.
fn amount(value: &Value) -> Option<NanoUsd> {
    let text = match value {
        Value::String(text) => text.trim().to_owned(),
        // The shortest decimal that means this number: the one that was sent,
        // where it has at most 15 digits.
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    let nano = nano(&text).filter(|nano| *nano <= ABSURD)?;
    Some(NanoUsd(i64::try_from(nano).ok()?))
}

/// Dollars, as a decimal with or without exponent, in nano-dollars; rounded
/// half to even.
fn nano(text: &str) -> Option<u128> {
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i16>().ok()?),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let read = digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.len() <= MAX_DIGITS;
    let number = digits.parse::<u128>().ok().filter(|_| read && !whole.is_empty())?;
    let places = i32::try_from(fraction.len()).ok()?;
    let shift = i32::from(exponent) + 9 - places;
    let power = 10_u128.checked_pow(shift.unsigned_abs());
    match (shift >= 0, power) {
        (true, Some(power)) => number.checked_mul(power),
        (true, None) => (number == 0).then_some(0),
        (false, Some(power)) => Some(half_even(number, power)),
        (false, None) => Some(0),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn reported(text: &str) -> Option<i64> {
        let usage: Value = serde_json::from_str(text).unwrap();
        reported_cost(&usage).map(|cost| cost.0)
    }

    #[test]
    fn amounts_are_read_to_the_nano_dollar() {
        for (number, nano) in [
            ("0.00014", 140_000),
            ("1.4e-4", 140_000),
            ("0", 0),
            ("0.0", 0),
            ("3", 3_000_000_000),
            ("0.054399", 54_399_000),
            ("0.123456789", 123_456_789),
            ("0.8958740000000000", 895_874_000),
            ("0.0000000005", 0),
            ("0.0000000015", 2),
            ("0.00000000050001", 1),
            ("1E-12", 0),
            ("1e-300", 0),
            ("1e3", 1_000_000_000_000),
            ("0.01250000000000000000000", 12_500_000),
        ] {
            assert_eq!(reported(&format!("{{\"cost\":{number}}}")), Some(nano), "{number}");
            assert_eq!(reported(&format!("{{\"cost\":\"{number}\"}}")), Some(nano), "{number}");
        }
    }

    #[test]
    fn what_cannot_be_meant_is_no_cost() {
        for value in [
            "null",
            "-0.1",
            "\"NaN\"",
            "\"inf\"",
            "\"\"",
            "\"-0.1\"",
            "\"1,5\"",
            "\"$1\"",
            "\".\"",
            "\"1e\"",
            "\"1e99999\"",
            "\"0x10\"",
            "1e9",
            "10000.01",
            "true",
            "[]",
            "{}",
            "\".5\"",
            "\"1e40\"",
            "\"99999999999999999999999999999999999999\"",
        ] {
            assert_eq!(reported(&format!("{{\"cost\":{value}}}")), None, "{value}");
            let text =
                format!("{{\"cost\":{value},\"cost_details\":{{\"upstream_inference_cost\":2}}}}");
            assert_eq!(reported(&text), Some(2_000_000_000), "{value}");
        }
        assert_eq!(reported("{}"), None);
        assert_eq!(reported_cost(&json!({"cost": "10000"})), Some(NanoUsd(10_000_000_000_000)));
    }

    #[test]
    fn with_a_key_of_the_users_own_both_parts_were_billed() {
        let usage = |cost: Value, upstream: Value, byok: bool| {
            let details = json!({"upstream_inference_cost": upstream});
            reported_cost(&json!({"cost": cost, "cost_details": details, "is_byok": byok}))
        };
        assert_eq!(usage(json!(0.05), json!(1), true), Some(NanoUsd(1_050_000_000)));
        // Otherwise the upstream cost is part of what was billed.
        assert_eq!(usage(json!(0.95), json!(0.95), false), Some(NanoUsd(950_000_000)));
        assert_eq!(usage(json!(0), json!(0), true), Some(NanoUsd(0)));
        assert_eq!(usage(json!(0.05), Value::Null, true), None);
    }
}
