//! Text of others as a person is shown it: nothing in it can hide, move or
//! imitate what stands around it.
//!
//! A model's arguments may hold anything: characters that turn the direction of
//! writing, that take no room, that steer a terminal, line breaks that begin a
//! false "Approved by" line. All of these are shown as their code points.

/// The most characters of a value that are shown at first.
const MAX_SHOWN: usize = 200;

/// A value as it is shown to somebody who decides about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// On one line, escaped, at most 200 characters and a note of what is left
    /// out.
    pub text: String,
    /// Whole and escaped, where `text` leaves something out.
    pub full: Option<String>,
}

/// A value as it is shown, cut where it is long.
#[must_use]
pub fn shown(value: &str) -> Shown {
    let full = escaped(value);
    let count = full.chars().count();
    if count <= MAX_SHOWN {
        return Shown { text: full, full: None };
    }
    let head: String = full.chars().take(MAX_SHOWN).collect();
    let text = format!("{head}… ({} more characters)", count - MAX_SHOWN);
    Shown { text, full: Some(full) }
}

/// The text on one line, with everything that is not plainly visible written as
/// `\u{…}`: controls, line breaks, marks of direction, what takes no room,
/// characters for private use, and spaces other than the usual one.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '\n' => shown.push_str("\\n"),
            '\t' => shown.push_str("\\t"),
            '\\' => shown.push_str("\\\\"),
            _ if is_hidden(char) => shown.extend(char.escape_unicode()),
            _ => shown.push(char),
        }
    }
    shown
}

/// Whether a character shows nothing, or changes how others are shown: the
/// categories Cc, Cf, Co, Zl, Zp and Zs of Unicode, fillers and variation
/// selectors.
fn is_hidden(char: char) -> bool {
    let invisible = matches!(u32::from(char),
        0xAD | 0x34F | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x8E2 | 0x115F | 0x1160
        | 0x17B4 | 0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F | 0x2028..=0x202E
        | 0x2060..=0x206F | 0x3164 | 0xE000..=0xF8FF | 0xFE00..=0xFE0F | 0xFEFF | 0xFFA0
        | 0xFFF0..=0xFFFC | 0x110BD | 0x13430..=0x1345F | 0x1BCA0..=0x1BCA3
        | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF | 0xF0000..=0x10_FFFF);
    char.is_control() || invisible || (char.is_whitespace() && char != ' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hides_in_what_is_shown() {
        for (text, expected) in [
            ("plain text, ü, 漢字, 🙂", "plain text, ü, 漢字, 🙂"),
            ("pay\u{202E}100", "pay\\u{202e}100"),
            ("a\u{200B}b\u{FEFF}", "a\\u{200b}b\\u{feff}"),
            ("\u{1b}[2Jgone", "\\u{1b}[2Jgone"),
            ("x\nApproved by admin", "x\\nApproved by admin"),
            ("\u{A0}\u{3000}", "\\u{a0}\\u{3000}"),
            ("tag \u{E0041}", "tag \\u{e0041}"),
            // What is written is told from what was escaped.
            ("\\u{202e}", "\\\\u{202e}"),
        ] {
            assert_eq!(escaped(text), expected);
        }
    }

    #[test]
    fn what_is_long_is_cut_and_can_be_had_whole() {
        let short = shown("bob@example.com");
        assert_eq!((short.text.as_str(), short.full), ("bob@example.com", None));
        let long = format!("{}\u{202E}end", "a".repeat(10_000));
        let cut = shown(&long);
        assert!(cut.text.chars().count() < 240 && cut.text.contains("more characters"));
        assert!(cut.full.unwrap().ends_with("\\u{202e}end"), "nothing is lost");
    }
}
