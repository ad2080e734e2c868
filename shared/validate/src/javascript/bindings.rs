//! Which names a file declares.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::literals::fold;
use crate::tree::{is_field, parts, text};

/// The names that a file declares, wherever.
pub(super) fn declared(root: Node<'_>, code: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    visit(root, code, &mut names);
    names
}

fn visit(node: Node<'_>, code: &str, names: &mut BTreeSet<String>) {
    let target = match node.kind() {
        "variable_declarator"
        | "function_declaration"
        | "function_expression"
        | "generator_function_declaration"
        | "generator_function"
        | "class_declaration"
        | "class" => node.child_by_field_name("name"),
        "for_in_statement" => node.child_by_field_name("left"),
        "catch_clause" | "arrow_function" => node.child_by_field_name("parameter"),
        "formal_parameters" | "import_clause" => Some(node),
        _ => None,
    };
    if let Some(target) = target {
        targets(target, code, names);
    }
    for part in parts(node) {
        visit(part, code, names);
    }
}

/// The names that a pattern declares. Defaults are read, not declared.
fn targets(node: Node<'_>, code: &str, names: &mut BTreeSet<String>) {
    match node.kind() {
        "identifier" | "shorthand_property_identifier_pattern" => {
            names.insert(text(node, code).to_owned());
        }
        "member_expression" | "subscript_expression" => {}
        _ => {
            for part in parts(node) {
                let read =
                    matches!(node.kind(), "assignment_pattern" | "object_assignment_pattern")
                        && is_field(part, node, "right");
                if !read {
                    targets(part, code, names);
                }
            }
        }
    }
}

/// The names that are given what a computed name leads to: `f = object[name]`.
pub(super) fn looked_up(node: Node<'_>, code: &str, names: &mut BTreeSet<String>) {
    let target = node.child_by_field_name("name").or(node.child_by_field_name("left"));
    let value = node.child_by_field_name("value").or(node.child_by_field_name("right"));
    if let Some((target, value)) = target.zip(value)
        && value.kind() == "subscript_expression"
        && target.kind() == "identifier"
        && let Some(index) = value.child_by_field_name("index")
        && index.kind() != "number"
        && fold(index, code).is_none()
    {
        names.insert(text(target, code).to_owned());
    }
    for part in parts(node) {
        looked_up(part, code, names);
    }
}
