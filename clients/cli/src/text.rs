//! Text from elsewhere: made harmless, short, and readable.

use std::time::Duration;

use agentos_domain::Timestamp;

/// Whether a terminal would obey the character rather than show it: C0 and C1
/// controls, and the marks that change the direction of writing.
fn is_control(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || matches!(c, '\u{061c}' | '\u{2028}' | '\u{2029}')
}

/// The text without anything that a terminal would obey, but for line ends and
/// tabs. Works character by character, so that a sequence which is cut in two
/// by the ends of tokens is harmless as well.
pub(crate) fn clean(text: &str) -> String {
    text.chars().filter(|&c| matches!(c, '\n' | '\t') || !is_control(c)).collect()
}

/// The text on one line.
pub(crate) fn one_line(text: &str) -> String {
    clean(text).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text on one line of at most `width` characters.
pub(crate) fn shorten(text: &str, width: usize) -> String {
    let line = one_line(text);
    if line.chars().count() <= width {
        return line;
    }
    let mut short: String = line.chars().take(width.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// JSON in which every character that a terminal would obey is escaped;
/// `serde_json` leaves those above 0x7e as they are. They can only stand in
/// strings, so that the meaning stays the same.
pub(crate) fn clean_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        if c != '\n' && is_control(c) {
            safe.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            safe.push(c);
        }
    }
    safe
}

/// `480 ms`, `3.1 s`, `2 min 5 s`.
pub(crate) fn millis(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => format!("{} min {} s", ms / 60_000, ms % 60_000 / 1_000),
    }
}

/// `5s`, `12m`, `3h`, `9d`.
pub(crate) fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..60 => format!("{seconds}s"),
        seconds @ 60..3_600 => format!("{}m", seconds / 60),
        seconds @ 3_600..86_400 => format!("{}h", seconds / 3_600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// The minute that `time` lies in, in UTC: `2026-03-04T10:15Z`.
pub(crate) fn minute(time: Timestamp) -> String {
    let text = time.to_string();
    text.rsplit_once(':').map_or(text.clone(), |(minute, _)| format!("{minute}Z"))
}

/// `512 B`, `1.4 kB`, `20.0 MB`.
pub(crate) fn bytes(bytes: u64) -> String {
    match bytes {
        0..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{}.{} kB", bytes / 1_000, bytes % 1_000 / 100),
        1_000_000..1_000_000_000 => {
            format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
        }
        _ => format!("{}.{} GB", bytes / 1_000_000_000, bytes % 1_000_000_000 / 100_000_000),
    }
}

/// `1 tool call`, `2 tool calls`.
pub(crate) fn count(n: u64, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// The parts, joined by commas, on lines of at most `width` characters.
pub(crate) fn wrap_parts(parts: &[String], width: usize) -> String {
    let mut text = String::new();
    let mut column = 0;
    for part in parts {
        let length = part.chars().count();
        if column > 0 && column + 2 + length > width {
            text.push_str(",\n  ");
            column = 2;
        } else if column > 0 {
            text.push_str(", ");
            column += 2;
        }
        text.push_str(part);
        column += length;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_command_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mb\u{7}\r\u{9b}2J\n\tc\u{202e}"), "a[31mb2J\n\tc");
        assert_eq!(one_line("a\n\n b\t c\u{1b}"), "a b c");
    }

    #[test]
    fn json_keeps_its_meaning() {
        let json = serde_json::to_string("a\u{1b}\u{9b}\u{7f}\u{202e}é").unwrap();
        let safe = clean_json(&json);
        assert!(!safe.chars().any(is_control));
        assert_eq!(serde_json::from_str::<String>(&safe).unwrap(), "a\u{1b}\u{9b}\u{7f}\u{202e}é");
    }

    #[test]
    fn lines_keep_to_their_width() {
        assert_eq!(shorten("one two three", 8), "one two…");
        assert_eq!(shorten("one", 3), "one");
        let parts = ["aaaa", "bbbb", "cccc"].map(String::from);
        assert_eq!(wrap_parts(&parts, 10), "aaaa, bbbb,\n  cccc");
    }

    #[test]
    fn amounts_read_well() {
        assert_eq!(
            [millis(999), millis(3_140), millis(125_000)],
            ["999 ms", "3.1 s", "2 min 5 s"].map(String::from)
        );
        assert_eq!([bytes(512), bytes(1_450)], ["512 B", "1.4 kB"].map(String::from));
        assert_eq!(age(Duration::from_secs(7_300)), "2h");
        assert_eq!(minute(Timestamp::from_millis(1_772_619_359_999)), "2026-03-04T10:15Z");
        assert_eq!([count(1, "step"), count(0, "step")], ["1 step", "0 steps"].map(String::from));
    }
}
