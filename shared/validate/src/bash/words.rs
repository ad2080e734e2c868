//! Words: what they stand for where nothing is computed.

use tree_sitter::Node;

use crate::tree::{parts, text};

/// The text of a word as the shell has it; `None` where a part is computed.
pub(super) fn literal(node: Node<'_>, code: &str) -> Option<String> {
    let whole = text(node, code);
    match node.kind() {
        "word" | "variable_name" | "number" | "special_character" | "file_descriptor" => {
            Some(without_escapes(whole))
        }
        "raw_string" => Some(whole.trim_matches('\'').to_owned()),
        "string" => {
            let pieces = parts(node).into_iter().map(|part| match part.kind() {
                "string_content" => Some(text(part, code).to_owned()),
                _ => None,
            });
            pieces.collect()
        }
        "concatenation" | "command_name" => {
            parts(node).into_iter().map(|part| literal(part, code)).collect()
        }
        _ => None,
    }
}

/// What of a word is written as it is; each computed part becomes one
/// character that stands in no list.
pub(super) fn written(node: Node<'_>, code: &str) -> String {
    match node.kind() {
        "string" | "concatenation" | "command_name" => {
            let pieces = parts(node);
            if pieces.is_empty() {
                return text(node, code).trim_matches('"').to_owned();
            }
            pieces.into_iter().map(|part| written(part, code)).collect()
        }
        "string_content" => text(node, code).to_owned(),
        _ => literal(node, code).unwrap_or_else(|| "\u{FFFD}".to_owned()),
    }
}

fn without_escapes(word: &str) -> String {
    let mut chars = word.chars();
    let mut plain = String::new();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}
