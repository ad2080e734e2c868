//! What can be said of a file before it is parsed.

use crate::finding::Finding;

/// Characters that turn the direction of text, join it, or do not show: what a
/// person reads is then not what runs (CVE-2021-42574).
fn is_hidden(c: char) -> bool {
    matches!(
        c,
        '\u{00AD}'
            | '\u{034F}'
            | '\u{061C}'
            | '\u{115F}' | '\u{1160}'
            | '\u{17B4}' | '\u{17B5}'
            | '\u{180B}'..='\u{180F}'
            | '\u{200B}'..='\u{200F}'
            | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}'
            | '\u{3164}'
            | '\u{FE00}'..='\u{FE0F}'
            | '\u{FEFF}'
            | '\u{FFA0}'
            | '\u{FFF0}'..='\u{FFFB}'
            | '\u{E0000}'..='\u{E0FFF}'
    )
}

/// Line ends of some languages and not of others: a comment that ends for the
/// interpreter goes on for whoever reads it.
fn is_odd_line_end(c: char) -> bool {
    matches!(c, '\u{000B}' | '\u{000C}' | '\u{0085}' | '\u{2028}' | '\u{2029}')
}

/// Size, and characters that do not belong in code.
pub(crate) fn check(text: &str, max_bytes: usize) -> Vec<Finding> {
    if text.len() > max_bytes {
        let message =
            format!("the file has {} bytes, at most {max_bytes} are allowed: split it", text.len());
        return vec![Finding::whole("size", message)];
    }
    let mut findings = Vec::new();
    // A mark at the very beginning is what some editors put there.
    let body = text.strip_prefix('\u{FEFF}').unwrap_or(text);
    let (mut line, mut chars) = (1, body.chars().peekable());
    while let Some(c) = chars.next() {
        let lone = c == '\r' && chars.peek() != Some(&'\n');
        if is_hidden(c) {
            let message = format!("U+{:04X} does not show or turns the text: remove it", c as u32);
            findings.push(Finding::at(line, "hidden-character", message));
        } else if lone || is_odd_line_end(c) {
            let message = format!(
                "U+{:04X} ends a line for some readers and not for others: use line feeds",
                c as u32
            );
            findings.push(Finding::at(line, "line-end", message));
        } else if c.is_control() && !matches!(c, '\n' | '\t' | '\r') {
            let message = format!("U+{:04X} is a control character: remove it", c as u32);
            findings.push(Finding::at(line, "control-character", message));
        }
        line += u32::from(c == '\n');
    }
    findings
}
