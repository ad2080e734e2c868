//! Times as models read them.

use agentos_domain::Timestamp;

/// The minute that `time` lies in, in UTC: `2026-03-04T10:15Z`.
pub(super) fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    text.rsplit_once(':').map_or(text.clone(), |(minute, _)| format!("{minute}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_cut_to_the_minute() {
        for (millis, expected) in [
            (0, "1970-01-01T00:00Z"),
            (59_999, "1970-01-01T00:00Z"),
            (60_000, "1970-01-01T00:01Z"),
            (-1, "1969-12-31T23:59Z"),
            (1_772_619_359_999, "2026-03-04T10:15Z"),
        ] {
            assert_eq!(minute(Timestamp::from_millis(millis)), expected);
        }
    }
}
