//! Texts that are written in code, also in pieces.

use tree_sitter::Node;

use crate::tree::{parts, text};

/// How many pieces deep a text is put together.
const MAX_DEPTH: u32 = 64;

/// The text that an expression stands for, where only literals make it up.
pub(super) fn fold(node: Node<'_>, code: &str) -> Option<String> {
    fold_within(node, code, MAX_DEPTH)
}

fn fold_within(node: Node<'_>, code: &str, depth: u32) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match node.kind() {
        "string" | "template_string" => {
            let pieces = parts(node).into_iter().map(|part| match part.kind() {
                "escape_sequence" => Some(escaped(text(part, code))),
                "template_substitution" => fold_within(*parts(part).first()?, code, depth),
                _ => Some(text(part, code).to_owned()),
            });
            pieces.collect()
        }
        "parenthesized_expression" => fold_within(*parts(node).first()?, code, depth),
        "binary_expression" => {
            let operator = node.child_by_field_name("operator")?;
            let left = fold_within(node.child_by_field_name("left")?, code, depth)?;
            let right = fold_within(node.child_by_field_name("right")?, code, depth)?;
            (text(operator, code) == "+").then(|| left + &right)
        }
        "call_expression" => {
            let function = node.child_by_field_name("function")?;
            let object = function.child_by_field_name("object")?;
            let method = text(function.child_by_field_name("property")?, code);
            let arguments = parts(node.child_by_field_name("arguments")?);
            let first = arguments.first().and_then(|one| fold_within(*one, code, depth));
            if object.kind() == "array" && method == "join" {
                let pieces = parts(object).into_iter().map(|part| fold_within(part, code, depth));
                return Some(
                    pieces.collect::<Option<Vec<_>>>()?.join(&first.unwrap_or(",".into())),
                );
            }
            let object = fold_within(object, code, depth)?;
            match (method, first) {
                ("concat", Some(more)) => Some(object + &more),
                ("toLowerCase" | "trim" | "toString", _) => Some(object.trim().to_lowercase()),
                _ => None,
            }
        }
        _ => None,
    }
}

/// What of a template is written as it is.
pub(super) fn written(node: Node<'_>, code: &str) -> String {
    parts(node)
        .into_iter()
        .map(|part| match part.kind() {
            "escape_sequence" => escaped(text(part, code)),
            // Something stands here: what is around it is not one word.
            "template_substitution" => "\u{FFFD}".to_owned(),
            _ => text(part, code).to_owned(),
        })
        .collect()
}

/// What an escape sequence stands for.
fn escaped(sequence: &str) -> String {
    let body = sequence.strip_prefix('\\').unwrap_or(sequence);
    let digits = body.trim_start_matches(['x', 'u', '{']).trim_end_matches('}');
    let number = |radix| u32::from_str_radix(digits, radix).ok().and_then(char::from_u32);
    match body.chars().next() {
        Some('x' | 'u') => number(16).map(String::from).unwrap_or_default(),
        Some('0'..='7') => number(8).map(String::from).unwrap_or_default(),
        Some('n') => "\n".to_owned(),
        Some('t') => "\t".to_owned(),
        Some('r') => "\r".to_owned(),
        Some('\n') => String::new(),
        _ => body.to_owned(),
    }
}
