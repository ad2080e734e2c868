//! Imports: which modules, and which of their names.

use tree_sitter::Node;

use super::modules::{self, Known};
use super::walk::Walk;
use crate::tree::{line, parts, text};

impl Walk<'_> {
    /// `import a.b, c as d`.
    pub(super) fn import(&mut self, node: Node<'_>) {
        for part in parts(node) {
            let name = part.child_by_field_name("name").unwrap_or(part);
            let module = text(name, self.code).to_owned();
            self.module(node, &module);
        }
    }

    /// `from a.b import c as d`.
    pub(super) fn import_from(&mut self, node: Node<'_>) {
        let Some(module) = node.child_by_field_name("module_name") else { return };
        let relative = module.kind() == "relative_import";
        let module = text(module, self.code).to_owned();
        if parts(node).iter().any(|part| part.kind() == "wildcard_import") {
            let message = format!("`from {module} import *` hides what is imported: name it");
            self.find(line(node), "import", message);
            return;
        }
        let mut cursor = node.walk();
        let names: Vec<_> = node.children_by_field_name("name", &mut cursor).collect();
        let names: Vec<_> = names
            .into_iter()
            .map(|name| {
                text(name.child_by_field_name("name").unwrap_or(name), self.code).to_owned()
            })
            .collect();
        if relative {
            self.relative(node, &module, &names);
            return;
        }
        // `from os import path` imports `os.path` as much as `os`.
        let of_modules = names.iter().all(|name| modules::is_known(&format!("{module}.{name}")));
        if !(of_modules || self.module(node, &module)) {
            return;
        }
        for name in names {
            let whole = format!("{module}.{name}");
            if modules::is_known(&whole) {
                self.module(node, &whole);
            } else {
                self.member(node, &module, &name);
            }
        }
    }

    fn relative(&mut self, node: Node<'_>, module: &str, names: &[String]) {
        let own = module.trim_start_matches('.');
        let known = |name: &str| self.policy.own_modules.contains(name);
        let all = if own.is_empty() { names.iter().all(|name| known(name)) } else { known(own) };
        if module.starts_with("..") || !all {
            let message =
                format!("`{module}` is not checked with this file: import what lies beside it");
            self.find(line(node), "import", message);
        }
    }

    /// Whether a module may be imported; a finding where not.
    pub(super) fn module(&mut self, node: Node<'_>, module: &str) -> bool {
        let policy = self.policy;
        if policy.own_modules.contains(module) {
            return true;
        }
        let never = modules::is_never_allowed(module);
        if never || policy.blocks(module) || module.starts_with('_') && module != "__future__" {
            let message = format!("`{module}` may not be imported: do without it");
            self.find(line(node), rule_of(module), message);
            return false;
        }
        if module == "__future__" {
            return true;
        }
        let listed = policy.lists(module);
        // What an agent's list names explicitly is its owner's decision.
        let named = policy.allowed_imports.is_some() && listed;
        if !listed || !(named || modules::is_known(module)) {
            let message = format!("`{module}` is not among the allowed imports: do without it");
            self.find(line(node), "import", message);
            return false;
        }
        if let Some(permission) = modules::needed_for_all(module) {
            self.need(node, permission, module);
        }
        true
    }

    /// Whether a name of a module may be used; a finding where not.
    pub(super) fn member(&mut self, node: Node<'_>, module: &str, name: &str) -> Option<Known> {
        let whole = format!("{module}.{name}");
        if self.policy.blocks(&whole) {
            self.find(line(node), "blocked", format!("`{whole}` is blocked: do without it"));
            return None;
        }
        if self.policy.own_modules.contains(module) {
            return Some(Known::Name(None));
        }
        let known = match modules::lookup(module, name) {
            // Its owner listed a module that the table does not have.
            None if !modules::is_known(module) && !name.starts_with('_') => {
                let namespace = self.is_namespace(&whole);
                Some(if namespace { Known::Module } else { Known::Name(None) })
            }
            other => other,
        };
        match known {
            Some(Known::Name(Some(permission))) => self.need(node, permission, &whole),
            Some(_) => {}
            None => {
                let message = format!("`{whole}` may not be used: do without it");
                self.find(line(node), rule_of(&whole), message);
            }
        }
        known
    }

    /// Whether a longer name than this is imported, as `xml` by `xml.etree`.
    pub(super) fn is_namespace(&self, name: &str) -> bool {
        self.bindings.imported.iter().any(|module| {
            module.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

/// The rule that a refused module or name of a module breaks.
fn rule_of(name: &str) -> &'static str {
    let (root, rest) = name.split_once('.').unwrap_or((name, ""));
    match root {
        "subprocess" | "pty" | "commands" | "pexpect" | "sh" | "multiprocessing" => "shell",
        "os" | "posix" | "nt" if matches!(rest, "environ" | "environb" | "getenv") => "environment",
        "os" | "posix" | "nt" => "shell",
        "socket" | "ssl" | "ftplib" | "smtplib" | "telnetlib" | "socketserver" | "xmlrpc"
        | "paramiko" | "poplib" | "imaplib" | "webbrowser" => "network",
        "pickle" | "marshal" | "shelve" | "dill" | "joblib" | "code" | "codeop" | "runpy"
        | "timeit" => "exec",
        _ => "import",
    }
}
