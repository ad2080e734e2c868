//! Attributes: of modules, and of everything else.

use tree_sitter::Node;

use super::modules::Known;
use super::names;
use super::walk::Walk;
use crate::tree::{is_field, line, shown, text};

/// Methods that write, of `pathlib.Path` and what is like it.
const WRITING: &[&str] = &[
    "write_text",
    "write_bytes",
    "unlink",
    "rmdir",
    "mkdir",
    "touch",
    "hardlink_to",
    "symlink_to",
    "link_to",
    "chmod",
    "lchmod",
    "lchown",
    "chown",
    "extractall",
    "truncate",
];
/// Methods that read files.
const READING: &[&str] = &["read_text", "read_bytes", "iterdir", "rglob"];
/// Methods that change what a path leads to or who may use it.
const FORBIDDEN: &[&str] = &[
    "hardlink_to",
    "symlink_to",
    "link_to",
    "chmod",
    "lchmod",
    "lchown",
    "chown",
    "expanduser",
    "home",
    "load_module",
    "exec_module",
    "find_module",
    "find_spec",
    "enable_load_extension",
    "load_extension",
];

impl Walk<'_> {
    /// `object.attribute`.
    pub(super) fn attribute(&mut self, node: Node<'_>) {
        let (Some(object), Some(attribute)) =
            (node.child_by_field_name("object"), node.child_by_field_name("attribute"))
        else {
            return;
        };
        let name = text(attribute, self.code).to_owned();
        if let Some(module) = self.module_of(object) {
            let known = self.member(node, &module, &name);
            if matches!(known, Some(Known::Module)) && !self.is_before_dot(node) {
                self.module_as_value(node, &format!("{module}.{name}"));
            }
            return;
        }
        self.any_attribute(node, object, &name);
    }

    /// The module that an expression stands for.
    pub(super) fn module_of(&self, node: Node<'_>) -> Option<String> {
        match node.kind() {
            "identifier" => self.bindings.modules.get(text(node, self.code)).cloned(),
            "attribute" => {
                let object = self.module_of(node.child_by_field_name("object")?)?;
                let name = text(node.child_by_field_name("attribute")?, self.code);
                let whole = format!("{object}.{name}");
                let module = super::modules::is_known(&whole) || self.is_namespace(&whole);
                module.then_some(whole)
            }
            _ => None,
        }
    }

    /// Whether a node stands before a dot.
    pub(super) fn is_before_dot(&self, node: Node<'_>) -> bool {
        node.parent()
            .is_some_and(|parent| parent.kind() == "attribute" && is_field(node, parent, "object"))
    }

    pub(super) fn module_as_value(&mut self, node: Node<'_>, module: &str) {
        let message =
            format!("the module `{module}` is used as a value: use its functions by name");
        self.find(line(node), "module-value", message);
    }

    /// An attribute of something that is no module.
    fn any_attribute(&mut self, node: Node<'_>, object: Node<'_>, name: &str) {
        self.attribute_name(node, name);
        let own = matches!(text(object, self.code), "self" | "cls" | "mcs" | "super()" | "other")
            || self.bindings.attributes.contains(name);
        if name.starts_with('_')
            && !names::is_dunder(name)
            && !own
            && !names::is_documented_private(name)
        {
            let message =
                format!("{} is private to what it belongs to: do without it", shown(name));
            self.find(line(node), "attribute", message);
        }
        let called = node
            .parent()
            .is_some_and(|parent| parent.kind() == "call" && is_field(node, parent, "function"));
        if matches!(name, "format" | "format_map" | "vformat") && !called {
            let message = format!("`{name}` is passed on: call it on a constant text");
            self.find(line(node), "format", message);
        }
        if FORBIDDEN.contains(&name) {
            let message = format!("{} leads out of the workspace: do without it", shown(name));
            self.find(line(node), "path", message);
        } else if WRITING.contains(&name) {
            self.need(node, "fs.write", name);
        } else if READING.contains(&name) {
            self.need(node, "fs.read", name);
        }
    }

    /// A name that is looked up on an object, by a dot, `getattr` or a pattern.
    pub(super) fn attribute_name(&mut self, node: Node<'_>, name: &str) {
        let dunder = names::is_dunder(name) && !names::is_harmless_dunder(name);
        if dunder || names::is_introspection(name) {
            let message = format!("{} leads to the interpreter: do without it", shown(name));
            self.find(line(node), "introspection", message);
        }
        if !name.is_ascii() {
            let message =
                format!("{} is not ASCII and may be read as another: rename it", shown(name));
            self.find(line(node), "name", message);
        }
    }
}
