//! Files of code that a run wrote.

use agentos_domain::Validation;
use tree_sitter::Node;

use crate::code::check_code_bytes;
use crate::finding::Finding;
use crate::language::Language;
use crate::policy::CodePolicy;
use crate::results::WrittenFile;
use crate::tree::{self, line, parts, shown, text};

/// What is wrong with a file: as [`crate::check_code`], with access to the
/// workspace and nothing else, and whether it is written as the agent's
/// configuration asks.
pub(super) fn check(file: &WrittenFile, validation: &Validation) -> Vec<Finding> {
    let named = |mut finding: Finding| {
        finding.message = format!("{}: {}", file.path, finding.message);
        finding
    };
    let Some(language) = Language::of_path(file.path.as_str()) else {
        return too_large(file, validation).into_iter().map(named).collect();
    };
    let policy = CodePolicy::of(validation).permit("fs.read").permit("fs.write");
    let mut findings = check_code_bytes(language, &file.content, &policy);
    if let Ok(code) = std::str::from_utf8(&file.content)
        && code.len() <= policy.max_bytes
        && let Ok(tree) = tree::parse(language, code)
    {
        findings.extend(style(language, tree.root_node(), code, validation));
    }
    findings.into_iter().map(named).collect()
}

fn too_large(file: &WrittenFile, validation: &Validation) -> Option<Finding> {
    let limit = validation.max_bytes();
    (file.content.len() > limit).then(|| {
        let size = file.content.len();
        Finding::whole(
            "size",
            format!("the file has {size} bytes, at most {limit} are allowed: split it"),
        )
    })
}

fn style(language: Language, root: Node<'_>, code: &str, validation: &Validation) -> Vec<Finding> {
    let mut style =
        Style { language, code, validation, opens: None, handles: false, findings: Vec::new() };
    style.visit(root);
    if validation.require_error_handling
        && !style.handles
        && let Some((line, what)) = style.opens.take()
    {
        let message =
            format!("{} may fail and nothing handles that: {}", shown(&what), handle(language));
        style.findings.push(Finding::at(line, "error-handling", message));
    }
    style.findings
}

fn handle(language: Language) -> &'static str {
    match language {
        Language::Python => "use try and except, and say what went wrong",
        Language::Javascript => "use try and catch, and say what went wrong",
        Language::Bash => "begin with `set -euo pipefail`, or use `||`",
    }
}

/// Calls that fail for reasons that no code can rule out.
const FAILING: &[&str] = &[
    "open",
    "load",
    "loads",
    "read_text",
    "read_bytes",
    "write_text",
    "write_bytes",
    "urlopen",
    "parse",
    "readFileSync",
    "writeFileSync",
    "readFile",
    "writeFile",
    "listdir",
    "iterdir",
];

struct Style<'a> {
    language: Language,
    code: &'a str,
    validation: &'a Validation,
    /// The first call that may fail, and where.
    opens: Option<(u32, String)>,
    handles: bool,
    findings: Vec<Finding>,
}

impl Style<'_> {
    fn visit(&mut self, node: Node<'_>) {
        match node.kind() {
            "try_statement" => self.handles = true,
            "call" | "call_expression" => self.call(node),
            "command" if self.language == Language::Bash => self.command(node),
            "list" if self.language == Language::Bash => {
                self.handles |= text(node, self.code).contains("||");
            }
            "function_definition" | "class_definition" | "function_declaration" => {
                self.defined(node)
            }
            _ => {}
        }
        for part in parts(node) {
            self.visit(part);
        }
    }

    fn call(&mut self, node: Node<'_>) {
        let Some(function) = node.child_by_field_name("function") else { return };
        let name = function
            .child_by_field_name("attribute")
            .or(function.child_by_field_name("property"))
            .unwrap_or(function);
        let name = text(name, self.code);
        self.handles |= name == "catch" || name == "suppress";
        if FAILING.contains(&name) && self.opens.is_none() {
            self.opens = Some((line(node), name.to_owned()));
        }
    }

    fn command(&mut self, node: Node<'_>) {
        let whole = text(node, self.code);
        let sets = whole.strip_prefix("set ").is_some_and(|options| options.contains('e'));
        self.handles |= sets;
        if !sets && self.opens.is_none() {
            self.opens =
                Some((line(node), whole.split_whitespace().next().unwrap_or_default().to_owned()));
        }
    }

    /// A function or class: what it is for, and its types.
    fn defined(&mut self, node: Node<'_>) {
        let Some(name) = node.child_by_field_name("name") else { return };
        let name = text(name, self.code).to_owned();
        let private = name.starts_with('_') && name != "__init__";
        if self.validation.required_docstring
            && !private
            && name != "__init__"
            && !self.explained(node)
        {
            let how = if self.language == Language::Python {
                "a docstring"
            } else {
                "a comment before it"
            };
            let message = format!("{} is not explained: give it {how}", shown(&name));
            self.findings.push(Finding::at(line(node), "docstring", message));
        }
        let typed = self.language == Language::Python && node.kind() == "function_definition";
        if self.validation.require_type_hints && typed {
            self.hints(node, &name);
        }
    }

    fn explained(&self, node: Node<'_>) -> bool {
        if self.language != Language::Python {
            let outer = node.parent().filter(|parent| parent.kind() == "export_statement");
            let before = outer.unwrap_or(node).prev_sibling();
            return before.is_some_and(|before| before.kind() == "comment");
        }
        let body = node.child_by_field_name("body");
        let first = body.and_then(|body| parts(body).first().copied());
        let text_of = first.and_then(|first| parts(first).first().copied());
        text_of.is_some_and(|text| matches!(text.kind(), "string" | "concatenated_string"))
    }

    fn hints(&mut self, node: Node<'_>, name: &str) {
        if node.child_by_field_name("return_type").is_none() {
            let message = format!("{} has no type for what it returns: add `-> …`", shown(name));
            self.findings.push(Finding::at(line(node), "type-hint", message));
        }
        let Some(parameters) = node.child_by_field_name("parameters") else { return };
        for (parameter, index) in parts(parameters).into_iter().zip(0..) {
            let bare = match parameter.kind() {
                "identifier" => {
                    !(index == 0 && matches!(text(parameter, self.code), "self" | "cls"))
                }
                "default_parameter" | "list_splat_pattern" | "dictionary_splat_pattern" => true,
                _ => false,
            };
            if bare {
                let message = format!(
                    "{} of {} has no type: add `: …`",
                    shown(text(parameter, self.code)),
                    shown(name)
                );
                self.findings.push(Finding::at(line(parameter), "type-hint", message));
            }
        }
    }
}
