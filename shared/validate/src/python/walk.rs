//! The walk over the tree of a file.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::bindings::Bindings;
use super::literals::{fold, written};
use super::names;
use crate::finding::Finding;
use crate::paths;
use crate::policy::CodePolicy;
use crate::tree::{is_field, line, parts, shown, text};

/// Names in texts that are only of use to get around the rules for names.
const SPELT: &[&str] = &[
    "__base__",
    "__bases__",
    "__builtins__",
    "__class__",
    "__closure__",
    "__code__",
    "__dict__",
    "__func__",
    "__getattribute__",
    "__globals__",
    "__import__",
    "__loader__",
    "__mro__",
    "__reduce__",
    "__reduce_ex__",
    "__self__",
    "__spec__",
    "__subclasses__",
    "__wrapped__",
];

/// What the rules share while they walk.
pub(super) struct Walk<'a> {
    pub(super) code: &'a str,
    pub(super) policy: &'a CodePolicy,
    pub(super) bindings: Bindings,
    /// Names that are only ever given texts that are written there.
    pub(super) texts: BTreeSet<String>,
    findings: Vec<Finding>,
}

/// What is wrong with a file of Python.
pub(crate) fn check(root: Node<'_>, code: &str, policy: &CodePolicy) -> Vec<Finding> {
    let bindings = Bindings::of(root, code);
    let mut texts = Texts::default();
    texts.visit(root, code);
    let texts = texts.constant.difference(&texts.computed).cloned().collect();
    let mut walk = Walk { code, policy, bindings, texts, findings: Vec::new() };
    walk.encoding();
    walk.node(root);
    walk.findings
}

/// Which names are given texts, and which something else.
#[derive(Default)]
struct Texts {
    constant: BTreeSet<String>,
    computed: BTreeSet<String>,
}

impl Texts {
    fn visit(&mut self, node: Node<'_>, code: &str) {
        let target = match node.kind() {
            "assignment" => node.child_by_field_name("left"),
            "augmented_assignment" => node.child_by_field_name("left"),
            "named_expression" | "default_parameter" => node.child_by_field_name("name"),
            _ => None,
        };
        if let Some(target) = target {
            let value = node.child_by_field_name("right").or(node.child_by_field_name("value"));
            let plain = node.kind() == "assignment" || node.kind() == "named_expression";
            let constant = plain && value.is_some_and(|value| fold(value, code).is_some());
            let name = target.child_by_field_name("attribute").unwrap_or(target);
            let set = if constant { &mut self.constant } else { &mut self.computed };
            set.insert(text(name, code).to_owned());
        }
        if matches!(
            node.kind(),
            "parameters"
                | "lambda_parameters"
                | "for_statement"
                | "for_in_clause"
                | "as_pattern_target"
        ) {
            let bound = node.child_by_field_name("left").unwrap_or(node);
            let mut names = vec![bound];
            while let Some(part) = names.pop() {
                if part.kind() == "identifier" {
                    self.computed.insert(text(part, code).to_owned());
                }
                names.extend(parts(part));
            }
        }
        for part in parts(node) {
            self.visit(part, code);
        }
    }
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

    /// A declaration in the first two lines has the interpreter read the file
    /// otherwise than it was checked.
    fn encoding(&mut self) {
        for (text, number) in self.code.lines().take(2).zip(1_u32..) {
            let Some((_, said)) =
                text.split_once("coding").filter(|_| text.trim_start().starts_with('#'))
            else {
                continue;
            };
            let said = said.trim_start_matches([':', '=']).trim_start().to_ascii_lowercase();
            let harmless = ["utf-8", "utf8", "ascii", "us-ascii"].iter().any(|name| {
                said.strip_prefix(name).is_some_and(|rest| {
                    !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-' || c == '_')
                })
            });
            if !harmless && said.starts_with(|c: char| c.is_alphanumeric()) {
                let message = "declares another encoding than UTF-8: remove the declaration";
                self.find(number, "encoding", message);
            }
        }
    }

    fn node(&mut self, node: Node<'_>) {
        match node.kind() {
            "import_statement" => return self.import(node),
            "import_from_statement" => return self.import_from(node),
            "future_import_statement" => return,
            "identifier" => self.identifier(node),
            "attribute" => self.attribute(node),
            "call" => {
                self.call(node);
                self.text(node);
            }
            "type" => self.annotation(node),
            "string" | "concatenated_string" | "binary_operator" => self.text(node),
            "exec_statement" | "print_statement" => {
                let message = "is Python 2: write Python 3";
                self.find(line(node), "exec", message);
            }
            _ => {}
        }
        for part in parts(node) {
            self.node(part);
        }
    }

    /// A name that is read or bound.
    fn identifier(&mut self, node: Node<'_>) {
        let name = text(node, self.code).to_owned();
        let Some(parent) = node.parent() else { return };
        if parent.kind() == "attribute" && is_field(node, parent, "attribute") {
            return;
        }
        // Checked wherever it stands: a keyword of a pattern reads an attribute.
        self.attribute_name(node, &name);
        let keyword = parent.kind() == "keyword_argument" && is_field(node, parent, "name");
        if keyword || parent.kind() == "keyword_pattern" {
            return;
        }
        if names::is_executing(&name)
            || self.policy.blocks(&name) && !self.bindings.modules.contains_key(&name)
        {
            let message = format!("`{name}` runs or reaches what nobody checked: do without it");
            self.find(line(node), "exec", message);
        } else if names::CALLED_ONLY.contains(&name.as_str()) {
            let called = parent.kind() == "call" && is_field(node, parent, "function");
            // `type` stands in annotations too, and `type(x)` is a class.
            let harmless =
                name == "type" && !matches!(parent.kind(), "assignment" | "argument_list");
            if !called && !harmless {
                let message = format!("`{name}` is passed on: call it where it is needed");
                self.find(line(node), "introspection", message);
            }
        } else if let Some(module) = self.bindings.modules.get(&name).cloned() {
            if !self.is_before_dot(node) && !matches!(parent.kind(), "global_statement") {
                self.module_as_value(node, &module);
            }
        } else if !(self.bindings.names.contains(&name)
            || names::is_builtin(&name)
            || names::is_dunder(&name))
        {
            let message =
                format!("{} is not defined in this file: define or import it", shown(&name));
            self.find(line(node), "name", message);
        }
    }

    /// A type that is written as a text: `functools.singledispatch` and others
    /// run it. A type needs no call.
    fn annotation(&mut self, node: Node<'_>) {
        for part in parts(node) {
            if part.kind() == "string" && written(part, self.code).contains(['(', ':', '\u{FFFD}'])
            {
                let message = "a type is a text with code in it: write the type";
                self.find(line(part), "exec", message);
            }
            self.annotation(part);
        }
    }

    /// A text, also in pieces.
    fn text(&mut self, node: Node<'_>) {
        let value = match fold(node, self.code) {
            Some(value) => value,
            None if node.kind() == "string" => written(node, self.code),
            None => return,
        };
        if let Some(word) = SPELT.iter().find(|word| value.contains(**word)) {
            let message = format!("spells `{word}`, which leads to the interpreter: do without it");
            self.find(line(node), "introspection", message);
        }
        if let Some(reason) = paths::check_text(&value) {
            self.find(line(node), "path", format!("{} {reason}", shown(&value)));
        }
    }
}
