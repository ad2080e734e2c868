//! Which names a file binds, and which of them are modules.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Node;

use crate::tree::{is_field, parts, text};

/// What a file's names stand for, wherever they are bound.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    /// Names that are bound: variables, functions, classes, parameters, imports.
    pub(super) names: BTreeSet<String>,
    /// Names that stand for modules, and which.
    pub(super) modules: BTreeMap<String, String>,
    /// Every module that is imported, by its full name.
    pub(super) imported: BTreeSet<String>,
    /// Attributes that the file itself sets or defines.
    pub(super) attributes: BTreeSet<String>,
}

impl Bindings {
    /// Those of a whole file.
    pub(super) fn of(root: Node<'_>, code: &str) -> Self {
        let mut bindings = Self::default();
        bindings.visit(root, code);
        bindings
    }

    fn visit(&mut self, node: Node<'_>, code: &str) {
        match node.kind() {
            "import_statement" => self.import(node, code),
            "import_from_statement" => self.import_from(node, code),
            "assignment"
            | "augmented_assignment"
            | "for_statement"
            | "for_in_clause"
            | "type_alias_statement" => self.field(node, "left", code),
            "named_expression" | "function_definition" | "class_definition" => {
                self.field(node, "name", code);
                self.own_attribute(node, code);
            }
            "parameters" | "lambda_parameters" | "global_statement" | "nonlocal_statement"
            | "as_pattern_target" | "case_pattern" | "type_parameter" => self.targets(node, code),
            _ => {}
        }
        for part in parts(node) {
            self.visit(part, code);
        }
    }

    fn field(&mut self, node: Node<'_>, field: &str, code: &str) {
        if let Some(target) = node.child_by_field_name(field) {
            self.targets(target, code);
        }
    }

    fn own_attribute(&mut self, node: Node<'_>, code: &str) {
        if let Some(name) = node.child_by_field_name("name") {
            self.attributes.insert(text(name, code).to_owned());
        }
    }

    /// The names that a pattern binds. What is read in it is left out: the
    /// object of an attribute, a default, a type.
    fn targets(&mut self, node: Node<'_>, code: &str) {
        match node.kind() {
            "identifier" => {
                self.names.insert(text(node, code).to_owned());
                self.attributes.insert(text(node, code).to_owned());
            }
            "attribute" => {
                if let Some(name) = node.child_by_field_name("attribute") {
                    self.attributes.insert(text(name, code).to_owned());
                }
            }
            "subscript" | "call" | "string" => {}
            "default_parameter" | "typed_default_parameter" => self.field(node, "name", code),
            _ => {
                for part in parts(node) {
                    let read = is_field(part, node, "type") || is_field(part, node, "value");
                    if !read {
                        self.targets(part, code);
                    }
                }
            }
        }
    }

    fn import(&mut self, node: Node<'_>, code: &str) {
        for part in parts(node) {
            if part.kind() == "aliased_import" {
                let (Some(name), Some(alias)) =
                    (part.child_by_field_name("name"), part.child_by_field_name("alias"))
                else {
                    continue;
                };
                let module = text(name, code).to_owned();
                self.bind_module(text(alias, code), &module);
                self.imported.insert(module);
            } else {
                let module = text(part, code).to_owned();
                let root = module.split('.').next().unwrap_or_default().to_owned();
                self.bind_module(&root, &root);
                self.imported.insert(module);
            }
        }
    }

    fn import_from(&mut self, node: Node<'_>, code: &str) {
        let Some(module) = node.child_by_field_name("module_name") else { return };
        let module = text(module, code).to_owned();
        let mut cursor = node.walk();
        let names: Vec<_> = node.children_by_field_name("name", &mut cursor).collect();
        for name in names {
            let (name, alias) = match name.kind() {
                "aliased_import" => {
                    (name.child_by_field_name("name"), name.child_by_field_name("alias"))
                }
                _ => (Some(name), Some(name)),
            };
            let (Some(name), Some(alias)) = (name, alias) else { continue };
            let whole = format!("{module}.{}", text(name, code));
            if super::modules::is_known(&whole) {
                self.imported.insert(whole.clone());
                self.bind_module(text(alias, code), &whole);
            } else {
                self.names.insert(text(alias, code).to_owned());
            }
        }
    }

    fn bind_module(&mut self, name: &str, module: &str) {
        self.names.insert(name.to_owned());
        self.modules.insert(name.to_owned(), module.to_owned());
    }
}
