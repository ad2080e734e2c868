//! Decimal numbers as exact integers.

/// The amount in units of `10^-decimals`, from a text of digits with at most
/// one point.
///
/// # Errors
/// What is wrong with the text, and what to write instead.
pub(crate) fn scaled(text: &str, decimals: u32, most: u64) -> Result<u64, String> {
    if text.starts_with('-') {
        return Err(format!("`{text}` is negative: give an amount of 0 or more"));
    }
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let pointless = text.ends_with('.') || text.len() > 40;
    if whole.is_empty() || pointless || !digits(whole) || !digits(fraction) {
        return Err(format!("`{}` is no decimal number: write it as in \"2.50\"", shorten(text)));
    }
    let fraction = fraction.trim_end_matches('0');
    let places = u32::try_from(fraction.len()).unwrap_or(u32::MAX);
    let Some(missing) = decimals.checked_sub(places) else {
        return Err(format!("`{text}` has more than {decimals} decimals: round it"));
    };
    let number = format!("{whole}{fraction}").parse::<u64>().ok();
    number
        .and_then(|number| number.checked_mul(10_u64.checked_pow(missing)?))
        .filter(|number| *number <= most)
        .ok_or_else(|| format!("`{text}` is too much: is it per million tokens, in dollars?"))
}

/// A quotient, rounded to the nearest whole, and half-way to the even one.
pub(crate) fn half_even(numerator: u128, denominator: u128) -> u128 {
    let (quotient, rest) = (numerator / denominator, numerator % denominator);
    let up = match rest.cmp(&(denominator - rest)) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Equal => !quotient.is_multiple_of(2),
        std::cmp::Ordering::Greater => true,
    };
    quotient.saturating_add(u128::from(up))
}

/// As much of a text as a message may quote.
pub(crate) fn shorten(text: &str) -> String {
    text.chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        for (text, millionths) in [
            ("0", 0),
            ("2", 2_000_000),
            ("2.50", 2_500_000),
            ("0.000001", 1),
            ("0.0000010", 1),
            ("007.1", 7_100_000),
            ("1000", 1_000_000_000),
        ] {
            assert_eq!(scaled(text, 6, 1_000_000_000), Ok(millionths), "{text}");
        }
        for text in ["", ".", ".5", "5.", "1.2.3", "1e3", "+1", " 1", "1 ", "NaN", "१", "1_000"] {
            let error = scaled(text, 6, u64::MAX).unwrap_err();
            assert!(error.contains("no decimal number"), "{text}: {error}");
        }
        assert!(scaled("-1", 6, u64::MAX).unwrap_err().contains("negative"));
        assert!(scaled("-0", 6, u64::MAX).unwrap_err().contains("negative"));
        assert!(scaled("0.0000001", 6, u64::MAX).unwrap_err().contains("more than 6 decimals"));
        assert!(scaled("1000.1", 6, 1_000_000_000).unwrap_err().contains("too much"));
        assert!(scaled("99999999999999999999", 6, u64::MAX).unwrap_err().contains("too much"));
        assert!(scaled(&"9".repeat(500), 6, u64::MAX).unwrap_err().len() < 150);
    }

    #[test]
    fn half_way_goes_to_the_even_one() {
        for (numerator, rounded) in
            [(0, 0), (4, 0), (5, 0), (6, 1), (14, 1), (15, 2), (16, 2), (25, 2), (35, 4)]
        {
            assert_eq!(half_even(numerator, 10), rounded, "{numerator}");
        }
        assert_eq!(half_even(1, 3), 0);
        assert_eq!(half_even(2, 3), 1);
        assert_eq!(half_even(u128::MAX, 1), u128::MAX);
    }
}
