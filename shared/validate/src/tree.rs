//! Syntax trees: parsing, and what the checks of all languages ask of nodes.

use tree_sitter::{Node, Parser, Tree};

use crate::finding::Finding;
use crate::language::Language;

/// How deep code may be nested. Every walk is at most this deep.
const MAX_DEPTH: usize = 400;

/// The line of a node, from 1.
pub(crate) fn line(node: Node<'_>) -> u32 {
    u32::try_from(node.start_position().row).unwrap_or(u32::MAX).saturating_add(1)
}

/// The text of a node.
pub(crate) fn text<'a>(node: Node<'_>, code: &'a str) -> &'a str {
    code.get(node.byte_range()).unwrap_or_default()
}

/// The named parts of a node, comments left out.
pub(crate) fn parts(node: Node<'_>) -> Vec<Node<'_>> {
    let mut cursor = node.walk();
    node.named_children(&mut cursor).filter(|part| !part.is_extra()).collect()
}

/// Whether `node` is what its parent holds under `field`.
pub(crate) fn is_field(node: Node<'_>, parent: Node<'_>, field: &str) -> bool {
    parent.child_by_field_name(field).is_some_and(|child| child.id() == node.id())
}

/// A text for a message: short, and without control characters.
pub(crate) fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    let mark = if short.len() < text.len() { "…" } else { "" };
    format!("`{}{mark}`", short.escape_debug())
}

/// The tree of a whole file.
///
/// # Errors
/// Where it is no correct code, or nested too deeply.
pub(crate) fn parse(language: Language, code: &str) -> Result<Tree, Finding> {
    let mut parser = Parser::new();
    let broken = || Finding::whole("syntax", "the code cannot be parsed: correct it");
    parser.set_language(&language.grammar()).map_err(|_| broken())?;
    let tree = parser.parse(code, None).ok_or_else(broken)?;
    match fault(&tree, code) {
        None => Ok(tree),
        Some(finding) => Err(finding),
    }
}

/// The first place that is no correct code, or is nested too deeply.
fn fault(tree: &Tree, code: &str) -> Option<Finding> {
    let mut cursor = tree.walk();
    let mut depth = 0_usize;
    loop {
        let node = cursor.node();
        if node.is_error() || node.is_missing() {
            let near = shown(text(node, code));
            let message = format!("the code cannot be parsed near {near}: correct its syntax");
            return Some(Finding::at(line(node), "syntax", message));
        }
        if depth > MAX_DEPTH {
            let message = format!("nested more than {MAX_DEPTH} deep: split the expression");
            return Some(Finding::at(line(node), "syntax", message));
        }
        if cursor.goto_first_child() {
            depth += 1;
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return None;
            }
            depth = depth.saturating_sub(1);
        }
    }
}

/// A longer text for a message, without control characters.
pub(crate) fn shown_whole(text: &str) -> String {
    let short: String = text.chars().take(200).collect();
    format!("`{}`", short.escape_debug())
}
