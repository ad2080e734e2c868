//! Calls whose arguments decide what they do.

use tree_sitter::Node;

use super::literals::fold;
use super::walk::Walk;
use crate::paths;
use crate::tree::{line, parts, shown, text};

/// Functions whose texts are paths.
const TAKES_PATHS: &[&str] = &[
    "open",
    "Path",
    "PurePath",
    "PosixPath",
    "PurePosixPath",
    "glob",
    "iglob",
    "rglob",
    "joinpath",
    "listdir",
    "scandir",
    "walk",
    "stat",
    "remove",
    "unlink",
    "rename",
    "makedirs",
    "mkdir",
    "rmdir",
    "rmtree",
    "copy",
    "copy2",
    "copyfile",
    "copytree",
    "move",
    "ZipFile",
    "basicConfig",
    "TemporaryDirectory",
    "NamedTemporaryFile",
    "with_name",
    "FileType",
    "write_text",
];

impl Walk<'_> {
    /// `function(arguments)`.
    pub(super) fn call(&mut self, node: Node<'_>) {
        let (Some(function), Some(list)) =
            (node.child_by_field_name("function"), node.child_by_field_name("arguments"))
        else {
            return;
        };
        // A generator in place of a list has no arguments to look at.
        let arguments = if list.kind() == "argument_list" { parts(list) } else { Vec::new() };
        let name = match function.kind() {
            "identifier" => text(function, self.code),
            "attribute" => {
                function.child_by_field_name("attribute").map_or("", |name| text(name, self.code))
            }
            _ => "",
        };
        let name = name.to_owned();
        if function.kind() == "identifier" {
            match name.as_str() {
                "getattr" | "setattr" | "hasattr" => self.looked_up(node, &arguments),
                "open" => self.open(node, &arguments, 1),
                "type" if arguments.len() != 1 => {
                    let message = "a class is made at run time: write it as a class";
                    self.find(line(node), "exec", message);
                }
                _ => {}
            }
        } else if name == "open" && self.module_of(function).is_none() {
            self.open(node, &arguments, 0);
        }
        if matches!(name.as_str(), "format" | "format_map") && function.kind() == "attribute" {
            self.formatted(node, function);
        }
        if TAKES_PATHS.contains(&name.as_str()) {
            self.paths(&arguments);
        }
    }

    /// `getattr(x, "name")`: the name must be written there, and be one that
    /// may stand after a dot.
    fn looked_up(&mut self, node: Node<'_>, arguments: &[Node<'_>]) {
        let Some((object, name)) = arguments.first().zip(arguments.get(1)) else { return };
        let Some(name) = fold(*name, self.code) else {
            let message =
                "an attribute is looked up by a computed name: write it after a dot, or use a dict";
            self.find(line(node), "introspection", message);
            return;
        };
        match self.module_of(*object) {
            Some(module) => drop(self.member(node, &module, &name)),
            None => self.attribute_name(node, &name),
        }
    }

    /// `open(path, mode)` and `path.open(mode)`: the mode decides what it needs.
    fn open(&mut self, node: Node<'_>, arguments: &[Node<'_>], mode_at: usize) {
        let named = |argument: &&Node<'_>| argument.kind() == "keyword_argument";
        let of_name = |name: &str| {
            arguments.iter().filter(named).find_map(|argument| {
                let key = argument.child_by_field_name("name")?;
                (text(key, self.code) == name).then(|| argument.child_by_field_name("value"))?
            })
        };
        let unnamed: Vec<_> = arguments.iter().filter(|one| !named(one)).collect();
        let mode = of_name("mode").or_else(|| unnamed.get(mode_at).map(|mode| **mode));
        let writes = match mode {
            None => false,
            Some(mode) => {
                fold(mode, self.code).is_none_or(|mode| mode.contains(['w', 'a', 'x', '+']))
            }
        };
        if of_name("opener").is_some() {
            let message = "`opener` opens what nobody sees: leave it out";
            self.find(line(node), "path", message);
        }
        self.need(node, if writes { "fs.write" } else { "fs.read" }, "open");
    }

    /// `text.format(…)`: a text that was put together may name any attribute.
    fn formatted(&mut self, node: Node<'_>, function: Node<'_>) {
        let Some(object) = function.child_by_field_name("object") else { return };
        let known = match object.kind() {
            "identifier" => self.texts.contains(text(object, self.code)),
            "attribute" => {
                let name = object.child_by_field_name("attribute");
                name.is_some_and(|name| self.texts.contains(text(name, self.code)))
            }
            _ => fold(object, self.code).is_some(),
        };
        if !known {
            let message = "a computed text is formatted, which may reach attributes: use an f-string or a constant text";
            self.find(line(node), "format", message);
        }
    }

    fn paths(&mut self, arguments: &[Node<'_>]) {
        for argument in arguments {
            let value = argument.child_by_field_name("value").unwrap_or(*argument);
            let Some(path) = fold(value, self.code) else { continue };
            if let Some(reason) = paths::check_path(&path) {
                self.find(line(*argument), "path", format!("{} {reason}", shown(&path)));
            }
        }
    }
}
