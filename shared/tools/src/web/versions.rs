//! Which of two versions is the newer one, as PEP 440 and SemVer agree on it.

use std::cmp::Ordering;

/// A part of a version.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// `dev`, `a`, `beta`, `rc` …: before the release of that number.
    Before(String),
    /// Where nothing follows: the release itself.
    End,
    /// A number. Leading zeros count nothing.
    Number(u64),
}

fn parts(version: &str) -> Vec<Part> {
    // What is built from the same source is the same version.
    let release = version.split('+').next().unwrap_or_default().trim_start_matches(['v', 'V']);
    let (mut parts, mut rest) = (Vec::new(), release);
    while let Some(first) = rest.chars().next() {
        let digits = first.is_ascii_digit();
        let same = |c: char| c.is_ascii_digit() == digits && !".-_!".contains(c);
        let end = rest.find(|c| !same(c)).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end.max(first.len_utf8()));
        rest = after;
        if digits {
            parts.push(Part::Number(part.parse().unwrap_or(u64::MAX)));
        } else if part.starts_with(char::is_alphanumeric) {
            match part.to_ascii_lowercase().as_str() {
                // A post-release comes after; sorted as a number it does.
                "post" => parts.push(Part::Number(0)),
                "dev" => close(&mut parts, Part::Before(String::new())),
                word => close(&mut parts, Part::Before(word.to_owned())),
            }
        }
    }
    close(&mut parts, Part::End);
    parts
}

/// Puts a part after the last number that counts: 1.0 is 1.
fn close(parts: &mut Vec<Part>, part: Part) {
    while parts.last() == Some(&Part::Number(0)) {
        parts.pop();
    }
    parts.push(part);
}

/// Which of two versions is older.
pub(super) fn compare(one: &str, other: &str) -> Ordering {
    parts(one).cmp(&parts(other))
}

/// Whether a version is meant to be tried out only.
pub(super) fn is_early(version: &str) -> bool {
    parts(version).iter().any(|part| matches!(part, Part::Before(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_sorted_by_number_and_early_ones_come_first() {
        let sorted = [
            "0.9",
            "0.10",
            "1.0.dev1",
            "1.0a1",
            "1.0b2",
            "1.0-rc.1",
            "1.0.0",
            "1.0.post1",
            "1.0.1",
            "1.2",
            "1.10",
            "2.0.0-beta.2",
            "2.0.0-beta.11",
            "2.0",
            "10",
        ];
        for pair in sorted.windows(2) {
            assert_eq!(compare(pair[0], pair[1]), Ordering::Less, "{pair:?}");
            assert_eq!(compare(pair[1], pair[0]), Ordering::Greater, "{pair:?}");
        }
        for (one, other) in [("1.0", "1.0.0"), ("v1.2", "1.2"), ("1.0+local", "1")] {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
        assert!(is_early("1.0rc1") && is_early("2.0.0-beta.2") && !is_early("1.0.post1"));
    }
}
