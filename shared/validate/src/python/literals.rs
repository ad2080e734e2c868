//! Texts that are written in code, also in pieces.

use tree_sitter::Node;

use crate::tree::{parts, text};

/// How many pieces deep a text is put together.
const MAX_DEPTH: u32 = 64;

/// The text that an expression stands for, where only literals make it up:
/// strings, `+`, `%` without arguments, f-strings of literals, `chr(65)`,
/// `"".join([…])`, `"…"[::-1]`.
pub(super) fn fold(node: Node<'_>, code: &str) -> Option<String> {
    fold_within(node, code, MAX_DEPTH)
}

fn fold_within(node: Node<'_>, code: &str, depth: u32) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match node.kind() {
        "string" => string(node, code, depth),
        "concatenated_string" | "parenthesized_expression" => {
            parts(node).into_iter().map(|part| fold_within(part, code, depth)).collect()
        }
        "binary_operator" => {
            let operator = text(node.child_by_field_name("operator")?, code);
            let left = fold_within(node.child_by_field_name("left")?, code, depth)?;
            let right = node.child_by_field_name("right")?;
            match operator {
                "+" => Some(left + &fold_within(right, code, depth)?),
                "%" => Some(left.replace("%s", &fold_within(right, code, depth)?)),
                _ => None,
            }
        }
        "subscript" => {
            let value = fold_within(node.child_by_field_name("value")?, code, depth)?;
            let index = node.child_by_field_name("subscript")?;
            (text(index, code).replace(' ', "") == "::-1").then(|| value.chars().rev().collect())
        }
        "call" => call(node, code, depth),
        _ => None,
    }
}

fn call(node: Node<'_>, code: &str, depth: u32) -> Option<String> {
    let function = node.child_by_field_name("function")?;
    let arguments = parts(node.child_by_field_name("arguments")?);
    if text(function, code) == "chr" {
        let [number] = arguments.as_slice() else { return None };
        return char::from_u32(integer(text(*number, code))?).map(String::from);
    }
    if function.kind() != "attribute" {
        return None;
    }
    let object = fold_within(function.child_by_field_name("object")?, code, depth)?;
    let method = text(function.child_by_field_name("attribute")?, code);
    match (method, arguments.as_slice()) {
        ("lower", []) => Some(object.to_lowercase()),
        ("strip" | "decode" | "encode", _) => Some(object),
        ("join", [list]) if matches!(list.kind(), "list" | "tuple") => {
            let pieces = parts(*list).into_iter().map(|part| fold_within(part, code, depth));
            Some(pieces.collect::<Option<Vec<_>>>()?.join(&object))
        }
        ("replace", [from, to, ..]) => {
            let (from, to) = (fold_within(*from, code, depth)?, fold_within(*to, code, depth)?);
            Some(object.replace(&from, &to))
        }
        _ => None,
    }
}

fn integer(text: &str) -> Option<u32> {
    let text = text.replace('_', "").to_ascii_lowercase();
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A string as the interpreter has it.
fn string(node: Node<'_>, code: &str, depth: u32) -> Option<String> {
    let (mut value, mut raw) = (String::new(), false);
    for part in parts(node) {
        match part.kind() {
            "string_start" => raw = text(part, code).to_ascii_lowercase().contains('r'),
            "string_content" => value.push_str(&content(part, code, raw)),
            "interpolation" => {
                value.push_str(&fold_within(part.child_by_field_name("expression")?, code, depth)?);
            }
            _ => {}
        }
    }
    Some(value)
}

/// What of a string is written as it is, without what f-strings compute.
pub(super) fn written(node: Node<'_>, code: &str) -> String {
    let (mut value, mut raw) = (String::new(), false);
    for part in parts(node) {
        match part.kind() {
            "string_start" => raw = text(part, code).to_ascii_lowercase().contains('r'),
            "string_content" => value.push_str(&content(part, code, raw)),
            // Something stands here: what is around it is not one word.
            "interpolation" => value.push('\u{FFFD}'),
            _ => {}
        }
    }
    value
}

fn content(node: Node<'_>, code: &str, raw: bool) -> String {
    let whole = text(node, code);
    let mut value = String::new();
    let mut at = node.start_byte();
    for part in parts(node) {
        if raw || part.kind() != "escape_sequence" {
            continue;
        }
        value.push_str(code.get(at..part.start_byte()).unwrap_or_default());
        value.push_str(&escaped(text(part, code)));
        at = part.end_byte();
    }
    if at == node.start_byte() {
        return whole.to_owned();
    }
    value.push_str(code.get(at..node.end_byte()).unwrap_or_default());
    value
}

/// What an escape sequence stands for.
fn escaped(sequence: &str) -> String {
    let body = sequence.strip_prefix('\\').unwrap_or(sequence);
    let number = |digits: &str, radix| {
        u32::from_str_radix(digits, radix).ok().and_then(char::from_u32).map(String::from)
    };
    let value = match body.chars().next() {
        Some('x' | 'u' | 'U') => number(body.get(1..).unwrap_or_default(), 16),
        Some('0'..='7') => number(body, 8),
        Some('N') => Some(if body.contains("LOW LINE") { "_" } else { "?" }.to_owned()),
        Some('n') => Some("\n".to_owned()),
        Some('t') => Some("\t".to_owned()),
        Some('r') => Some("\r".to_owned()),
        Some('\n') => Some(String::new()),
        _ => Some(body.to_owned()),
    };
    value.unwrap_or_default()
}
