//! The walk over the tree of a script.

use std::collections::BTreeSet;

use tree_sitter::Node;

use super::commands::{self, Command};
use super::words::{literal, written};
use crate::finding::Finding;
use crate::paths;
use crate::policy::CodePolicy;
use crate::tree::{is_field, line, parts, shown, text};

struct Walk<'a> {
    code: &'a str,
    policy: &'a CodePolicy,
    functions: BTreeSet<String>,
    variables: BTreeSet<String>,
    findings: Vec<Finding>,
}

/// What is wrong with a script.
pub(crate) fn check(root: Node<'_>, code: &str, policy: &CodePolicy) -> Vec<Finding> {
    let (functions, variables) = (BTreeSet::new(), BTreeSet::new());
    let mut walk = Walk { code, policy, functions, variables, findings: Vec::new() };
    walk.declarations(root);
    walk.node(root);
    walk.findings
}

impl Walk<'_> {
    fn find(&mut self, node: Node<'_>, rule: &str, message: impl Into<String>) {
        self.findings.push(Finding::at(line(node), rule, message));
    }

    /// The functions and variables of a script.
    fn declarations(&mut self, node: Node<'_>) {
        let name = node.child_by_field_name("name");
        match node.kind() {
            "function_definition" => {
                self.functions.extend(name.map(|name| text(name, self.code).to_owned()));
            }
            "variable_assignment" => {
                let name =
                    name.map(|name| text(name, self.code).split('[').next().unwrap_or_default());
                self.variables.extend(name.map(str::to_owned));
            }
            "for_statement" => {
                let variable = node.child_by_field_name("variable");
                self.variables.extend(variable.map(|name| text(name, self.code).to_owned()));
            }
            "declaration_command" => {
                for part in parts(node) {
                    if part.kind() == "variable_name" {
                        self.variables.insert(text(part, self.code).to_owned());
                    }
                }
            }
            "command" => {
                let name = name.map(|name| text(name, self.code)).unwrap_or_default();
                if matches!(name, "read" | "getopts" | "mapfile" | "readarray" | "printf") {
                    for part in parts(node).into_iter().skip(1) {
                        self.variables.extend(literal(part, self.code));
                    }
                }
            }
            // `((i = 0))` sets variables too.
            "arithmetic_expansion" | "compound_statement" | "c_style_for_statement" => {}
            _ => {}
        }
        for part in parts(node) {
            self.declarations(part);
        }
    }

    fn node(&mut self, node: Node<'_>) {
        match node.kind() {
            "command" => self.command(node),
            "variable_assignment" => self.assignment(node),
            "file_redirect" => self.redirect(node),
            "simple_expansion" | "expansion" => self.expansion(node),
            "ansi_c_string" if spells_by_numbers(text(node, self.code)) => {
                self.find(node, "encoded", "spells characters by numbers: write them");
            }
            "translated_string" => self.find(node, "encoded", "is translated: write it plainly"),
            "word" | "string" | "raw_string" | "concatenation" => self.word(node),
            _ => {}
        }
        for part in parts(node) {
            self.node(part);
        }
    }

    fn command(&mut self, node: Node<'_>) {
        let Some(name) = node.child_by_field_name("name") else { return };
        let written_name = text(name, self.code);
        let plain = parts(name).first().is_none_or(|word| word.kind() == "word");
        if !plain
            || written_name.contains(['\\', '*', '?', '[', '{', '~', '$', '`'])
                && !matches!(written_name, "[" | "[[")
        {
            let message =
                format!("the command {} is computed: write its name", shown(written_name));
            self.find(node, "shell", message);
            return;
        }
        let name = written_name.to_owned();
        if self.policy.blocks(&name) {
            self.find(node, "blocked", format!("`{name}` is blocked: do without it"));
            return;
        }
        if !self.functions.contains(&name) {
            match commands::command(&name) {
                Command::Free => {}
                Command::Needs(permission) => {
                    if !self.policy.permits(permission) {
                        let message = format!(
                            "`{name}` needs the permission `{permission}`: declare it, or do without"
                        );
                        self.find(node, "permission", message);
                    }
                }
                Command::Refused(rule) => {
                    let message =
                        format!("{} may not be run: use a command of the list", shown(&name));
                    self.find(node, rule, message);
                }
            }
        }
        self.arguments(node, &name);
    }

    fn arguments(&mut self, node: Node<'_>, name: &str) {
        let mut cursor = node.walk();
        let arguments: Vec<_> = node.children_by_field_name("argument", &mut cursor).collect();
        let mut pattern = commands::begins_with_pattern(name);
        for argument in arguments {
            let value = written(argument, self.code);
            if matches!(name, "awk" | "sed")
                && pattern
                && !value.starts_with('-')
                && literal(argument, self.code).is_none()
            {
                let message =
                    format!("the program of `{name}` is computed: write it in single quotes");
                self.find(argument, "exec", message);
            }
            if let Some((rule, message)) = commands::check_argument(name, &value) {
                self.find(argument, rule, format!("{} {message}", shown(&value)));
            }
            if pattern {
                pattern = value.starts_with('-')
                    || matches!(name, "echo" | "printf" | "tr" | "test" | "[" | "cut" | "paste");
                continue;
            }
            // `--option=path` names one too.
            let path = match value.split_once('=') {
                Some((option, path)) if option.starts_with('-') => path,
                _ if value.starts_with('-') => continue,
                _ => value.as_str(),
            };
            if let Some(reason) = paths::check_path(path) {
                self.find(argument, "path", format!("{} {reason}", shown(&value)));
            }
        }
    }

    fn assignment(&mut self, node: Node<'_>) {
        let name = node.child_by_field_name("name").map(|name| text(name, self.code).to_owned());
        if let Some(name) = name.filter(|name| commands::is_ruling_variable(name)) {
            let message = format!("`{name}` rules what commands do: leave it as it is");
            self.find(node, "environment", message);
        }
    }

    fn redirect(&mut self, node: Node<'_>) {
        let Some(to) = node.child_by_field_name("destination") else { return };
        let value = written(to, self.code);
        if let Some(reason) = paths::check_path(&value) {
            self.find(node, "path", format!("{} {reason}", shown(&value)));
        }
        let operator = text(node, self.code);
        let operator = operator.trim_start_matches(|c: char| c.is_ascii_digit());
        let duplicates = operator.starts_with(">&") || operator.starts_with("<&");
        let discards = value.starts_with("/dev/")
            || duplicates && value.chars().all(|c| c.is_ascii_digit() || c == '-');
        let permission = if operator.starts_with('<') { "fs.read" } else { "fs.write" };
        if !discards && !self.policy.permits(permission) {
            let message =
                format!("redirecting needs the permission `{permission}`: declare it, or print");
            self.find(node, "permission", message);
        }
    }

    /// `$name` and `${name…}`.
    fn expansion(&mut self, node: Node<'_>) {
        let whole = text(node, self.code);
        if whole.starts_with("${!") && !whole.contains("[@]") && !whole.contains("[*]") {
            let message = "reads a variable by another's name: use an array";
            self.find(node, "introspection", message);
        }
        if whole.contains("@P}") || whole.contains("@E}") {
            self.find(node, "exec", "expands a text as code: do without it");
        }
        for part in parts(node) {
            let part = if part.kind() == "subscript" {
                part.child_by_field_name("name").unwrap_or(part)
            } else {
                part
            };
            let name = text(part, self.code);
            let first = part.kind() == "variable_name";
            if first && !self.variables.contains(name) && !commands::is_own_variable(name) {
                let message = format!("`{name}` is of the environment: take it as an argument");
                self.find(node, "environment", message);
            }
            if first {
                break;
            }
        }
    }

    /// A word that stands anywhere.
    fn word(&mut self, node: Node<'_>) {
        let inner = node.parent().is_some_and(|parent| {
            parent.kind() == "concatenation"
                || parent.kind() == "command_name"
                || is_field(node, parent, "destination")
        });
        if inner {
            return;
        }
        let value = written(node, self.code);
        if let Some(reason) = paths::check_text(&value) {
            self.find(node, "path", format!("{} {reason}", shown(&value)));
        }
        // `let`, `test -v` and `$((…))` run what such a text holds.
        let command = node.parent().and_then(|parent| parent.child_by_field_name("name"));
        let command = command.map_or("", |name| text(name, self.code));
        let runs = node.kind() == "raw_string" && (value.contains("$(") || value.contains('`'));
        if runs && !commands::begins_with_pattern(command) {
            let message =
                format!("{} holds a command that may be run later: write it out", shown(&value));
            self.find(node, "exec", message);
        }
    }
}

/// Whether a text such as `$'\x63'` names characters by their numbers.
fn spells_by_numbers(text: &str) -> bool {
    let marks = ['x', 'u', 'U', 'c', '0', '1', '2', '3', '4', '5', '6', '7'];
    text.contains('\\') && text.contains(marks)
}
