//! Calls and imports.

use tree_sitter::Node;

use super::literals::fold;
use super::names::{self, Module};
use super::walk::Walk;
use crate::paths;
use crate::tree::{line, parts, shown, text};

/// Functions whose first texts are paths.
fn takes_paths(name: &str) -> bool {
    let of_files = ["File", "FileSync", "Stream", "dir", "dirSync", "Sync", "rm", "stat", "unlink"];
    let others = ["access", "existsSync", "rename", "cp", "open", "lstat", "opendir"];
    of_files.iter().any(|ending| name.ends_with(ending)) || others.contains(&name)
}

impl Walk<'_> {
    /// `import … from "name"`, `export … from "name"`.
    pub(super) fn import(&mut self, node: Node<'_>) {
        if let Some(source) = node.child_by_field_name("source") {
            let name = fold(source, self.code).unwrap_or_default();
            self.module(node, &name);
        }
    }

    fn module(&mut self, node: Node<'_>, name: &str) {
        let bare = name.strip_prefix("node:").unwrap_or(name);
        let own = name
            .strip_prefix("./")
            .map(|rest| rest.rsplit_once('.').map_or(rest, |(stem, _)| stem));
        if own.is_some_and(|own| self.policy.own_modules.contains(own)) {
            return;
        }
        if self.policy.blocks(bare) {
            self.find(line(node), "blocked", format!("{} is blocked: do without it", shown(name)));
            return;
        }
        match names::module(name) {
            Module::Free => {}
            Module::Needs(permission) => self.need(node, permission, name),
            Module::Refused("import")
                if self.policy.allowed_imports.is_some() && self.policy.lists(bare) => {}
            Module::Refused(rule) => {
                let message = format!("{} may not be imported: do without it", shown(name));
                self.find(line(node), rule, message);
            }
        }
    }

    /// `function(arguments)`.
    pub(super) fn call(&mut self, node: Node<'_>) {
        let Some(function) = node.child_by_field_name("function") else { return };
        let list = node.child_by_field_name("arguments");
        // A tagged template has no list.
        let list = list.filter(|list| list.kind() == "arguments");
        let arguments = list.map(parts).unwrap_or_default();
        let first = arguments.first().copied();
        match function.kind() {
            "import" => {
                let message = "imports at run time: import at the top of the file";
                match first.and_then(|name| fold(name, self.code)) {
                    Some(name) => self.module(node, &name),
                    None => self.find(line(node), "import", message),
                }
            }
            "identifier" => match text(function, self.code) {
                "require" => match first.and_then(|name| fold(name, self.code)) {
                    Some(name) if arguments.len() == 1 => self.module(node, &name),
                    _ => {
                        let message = "requires a computed name: write the module's name";
                        self.find(line(node), "import", message);
                    }
                },
                "setTimeout" | "setInterval" | "setImmediate" => self.timer(node, first),
                name if self.looked_up.contains(name) => {
                    let message = "calls what a computed name led to: use a Map of functions";
                    self.find(line(node), "introspection", message);
                }
                name => self.paths(name, &arguments),
            },
            "member_expression" => {
                let property = function.child_by_field_name("property");
                let name = property.map_or("", |name| text(name, self.code));
                self.paths(name, &arguments);
            }
            "subscript_expression" => self.computed_call(function),
            _ => {}
        }
    }

    /// A text that is handed to a timer is run.
    fn timer(&mut self, node: Node<'_>, first: Option<Node<'_>>) {
        let function = first.is_some_and(|first| {
            matches!(
                first.kind(),
                "arrow_function" | "function_expression" | "identifier" | "member_expression"
            )
        });
        if !function {
            let message = "a timer is given something else than a function: give it a function";
            self.find(line(node), "exec", message);
        }
    }

    /// `object[name](…)`: what is called cannot be seen.
    fn computed_call(&mut self, function: Node<'_>) {
        let Some(index) = function.child_by_field_name("index") else { return };
        if index.kind() != "number" && fold(index, self.code).is_none() {
            let message = "calls what a computed name leads to: use a Map of functions";
            self.find(line(function), "introspection", message);
        }
    }

    fn paths(&mut self, name: &str, arguments: &[Node<'_>]) {
        if !takes_paths(name) {
            return;
        }
        for argument in arguments.iter().take(2) {
            let Some(path) = fold(*argument, self.code) else { continue };
            if path.len() < 256
                && let Some(reason) = paths::check_path(&path)
            {
                self.find(line(*argument), "path", format!("{} {reason}", shown(&path)));
            }
        }
    }
}
