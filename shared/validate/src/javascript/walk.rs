//! The walk over the tree of a file.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::bindings::declared;
use super::literals::{fold, written};
use super::names;
use crate::finding::Finding;
use crate::paths;
use crate::policy::CodePolicy;
use crate::tree::{is_field, line, parts, shown, text};

/// What the rules share while they walk.
pub(super) struct Walk<'a> {
    pub(super) code: &'a str,
    pub(super) policy: &'a CodePolicy,
    declared: BTreeSet<String>,
    /// Names that stand for what a computed name led to.
    pub(super) looked_up: BTreeSet<String>,
    findings: Vec<Finding>,
}

/// What is wrong with a file of JavaScript.
pub(crate) fn check(root: Node<'_>, code: &str, policy: &CodePolicy) -> Vec<Finding> {
    let declared = declared(root, code);
    let mut looked_up = BTreeSet::new();
    super::bindings::looked_up(root, code, &mut looked_up);
    let mut walk = Walk { code, policy, declared, looked_up, findings: Vec::new() };
    // A comment for scripts of old, and an operator in modules.
    if code.contains("<!--") || code.contains("\n-->") {
        let message = "`<!--` is a comment to some readers and code to others: remove it";
        walk.find(0, "line-end", message);
    }
    walk.node(root);
    walk.findings
}

impl Walk<'_> {
    pub(super) fn find(&mut self, line: u32, rule: &str, message: impl Into<String>) {
        self.findings.push(Finding::at(line, rule, message));
    }

    /// A finding where a permission was not declared.
    pub(super) fn need(&mut self, node: Node<'_>, permission: &str, what: &str) {
        if !self.policy.permits(permission) {
            let message =
                format!("`{what}` needs the permission `{permission}`: declare it, or do without");
            self.find(line(node), "permission", message);
        }
    }

    fn node(&mut self, node: Node<'_>) {
        match node.kind() {
            "import_statement" | "export_statement" => self.import(node),
            "call_expression" => self.call(node),
            "new_expression" => self.made(node),
            "identifier"
            | "shorthand_property_identifier"
            | "shorthand_property_identifier_pattern" => self.identifier(node),
            "property_identifier" => self.property_name(node),
            "subscript_expression" => self.subscript(node),
            "member_expression" => self.member(node),
            "string" | "template_string" | "binary_expression" => self.text(node),
            "with_statement" => {
                let message = "`with` hides what names stand for: do without it";
                self.find(line(node), "introspection", message);
            }
            "decorator" | "jsx_element" | "jsx_self_closing_element" => {
                let message = "is no plain JavaScript: write it without a compiler's help";
                self.find(line(node), "syntax", message);
            }
            _ => {}
        }
        for part in parts(node) {
            self.node(part);
        }
    }

    /// A name that is read or declared.
    fn identifier(&mut self, node: Node<'_>) {
        let name = text(node, self.code).to_owned();
        let Some(parent) = node.parent() else { return };
        if !name.is_ascii() || name.contains('\\') {
            let message = format!(
                "{} is not plain ASCII and may be read as another: rename it",
                shown(&name)
            );
            self.find(line(node), "name", message);
        }
        if let Some(rule) = names::forbidden(&name) {
            let message = format!("`{name}` runs or reaches what nobody checked: do without it");
            self.find(line(node), rule, message);
        } else if self.policy.blocks(&name) {
            self.find(line(node), "blocked", format!("`{name}` is blocked: do without it"));
        } else if matches!(name.as_str(), "require" | "module" | "process") {
            self.special(node, parent, &name);
        } else if !self.declared.contains(&name) && !names::is_global(&name) {
            let message =
                format!("{} is not defined in this file: define or import it", shown(&name));
            self.find(line(node), "name", message);
        }
        if node.kind() != "identifier" {
            self.property_name(node);
        }
    }

    /// `require`, `module` and `process` may only be used in known ways.
    fn special(&mut self, node: Node<'_>, parent: Node<'_>, name: &str) {
        let property =
            || parent.child_by_field_name("property").map_or("", |name| text(name, self.code));
        let before_dot = parent.kind() == "member_expression" && is_field(node, parent, "object");
        let is_main = || {
            let compared = |node: Node<'_>| {
                node.parent().is_some_and(|parent| parent.kind() == "binary_expression")
            };
            match name {
                "require" => before_dot && property() == "main" && compared(parent),
                _ => compared(node),
            }
        };
        let right = match name {
            "require" => {
                parent.kind() == "call_expression" && is_field(node, parent, "function")
                    || is_main()
            }
            "module" => before_dot && property() == "exports" || is_main(),
            _ => before_dot && names::is_of_process(property()),
        };
        if !right {
            let rule = if name == "process" { "environment" } else { "introspection" };
            let message = format!("`{name}` is used for what it may not be: do without it");
            self.find(line(node), rule, message);
        }
    }

    /// A name after a dot, in a pattern or of a property.
    fn property_name(&mut self, node: Node<'_>) {
        let name = text(node, self.code).to_owned();
        let parent = node.parent().map_or("", |parent| parent.kind());
        // A class has one by that name.
        if name == "constructor" && parent == "method_definition" {
            return;
        }
        self.property(node, &name);
    }

    fn property(&mut self, node: Node<'_>, name: &str) {
        // `import.meta.env` and an own `env` in an object are read by name only.
        if names::is_leading(name) {
            let message = format!("{} leads to code or to modules: do without it", shown(name));
            self.find(line(node), "introspection", message);
        } else if names::relinks(name) {
            let message = format!("{} leads out of the workspace: do without it", shown(name));
            self.find(line(node), "path", message);
        } else if names::writes(name) && self.reads_files() {
            self.need(node, "fs.write", name);
        }
        if name.contains('\\') {
            let message = format!("{} is spelt with escapes: write it plainly", shown(name));
            self.find(line(node), "name", message);
        }
    }

    /// Whether the file has `fs` at all: other things are opened too.
    fn reads_files(&self) -> bool {
        ["\"fs", "'fs", "\"node:fs", "'node:fs", "`fs"].iter().any(|name| self.code.contains(name))
    }

    /// `import.meta` and what is like it.
    fn member(&mut self, node: Node<'_>) {
        let Some(object) = node.child_by_field_name("object") else { return };
        if object.kind() == "import" {
            let message = "`import` has properties that lead out: do without them";
            self.find(line(node), "introspection", message);
        }
    }

    /// `object[index]`.
    fn subscript(&mut self, node: Node<'_>) {
        let (Some(object), Some(index)) =
            (node.child_by_field_name("object"), node.child_by_field_name("index"))
        else {
            return;
        };
        if let Some(name) = fold(index, self.code) {
            self.property(node, &name);
            return;
        }
        let has_few = matches!(
            object.kind(),
            "array"
                | "string"
                | "template_string"
                | "arrow_function"
                | "function_expression"
                | "regex"
                | "object"
        ) && parts(object).is_empty()
            || matches!(object.kind(), "arrow_function" | "function_expression" | "regex");
        if has_few && index.kind() != "number" {
            let message = "looks a computed name up on a literal: use a name after a dot";
            self.find(line(node), "introspection", message);
        }
    }

    /// `new what(…)`.
    fn made(&mut self, node: Node<'_>) {
        let Some(what) = node.child_by_field_name("constructor") else { return };
        if !matches!(what.kind(), "identifier" | "member_expression") {
            let message = "makes something of a computed class: name the class";
            self.find(line(node), "exec", message);
        }
    }

    /// A text, also in pieces.
    fn text(&mut self, node: Node<'_>) {
        let value = match fold(node, self.code) {
            Some(value) => value,
            None if node.kind() == "template_string" => written(node, self.code),
            None => return,
        };
        if names::is_leading(&value)
            && !matches!(value.as_str(), "env" | "require" | "binding" | "caller")
        {
            let message =
                format!("spells {}, which leads to code or modules: do without it", shown(&value));
            self.find(line(node), "introspection", message);
        }
        if let Some(reason) = paths::check_text(&value) {
            self.find(line(node), "path", format!("{} {reason}", shown(&value)));
        }
    }
}
