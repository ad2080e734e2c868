//! The documented example.

use std::fmt::Write as _;

use super::text::inline;
use crate::error::Origin;
use crate::kind::{Kind, Leaf, Setting};
use crate::load::Machine;
use crate::resolve::resolve;
use crate::yaml::Node;

/// A file with every setting, its default and what it means. It loads, and
/// means the same as no file at all.
#[must_use]
pub fn example(machine: Machine) -> String {
    let mut out = head(machine);
    for setting in machine.settings() {
        out.push('\n');
        section(&mut out, setting, setting.key, 0);
    }
    out
}

fn head(machine: Machine) -> String {
    let (of, file, variable) = match machine {
        Machine::Hub => ("hub", machine.file_name(), machine.variable()),
        Machine::Edge => ("edge", machine.file_name(), machine.variable()),
    };
    format!(
        "# Configuration of the {of}: every setting with its default.\n\
         #\n\
         # Looked for: the path given, {variable}, ./{file}, ./config/{file}, ~/.{file}.\n\
         # The environment wins over this file, and this file over the defaults. A .env file\n\
         # beside this file adds to the environment and never overrides it. Every setting is\n\
         # AGENT_OS_<SECTION>__<KEY> there (__ nests; lists and maps as JSON); that name wins\n\
         # over the shorter ones. ${{NAME}} and ${{NAME:-default}} in values are replaced.\n"
    )
}

fn section(out: &mut String, setting: &'static Setting, path: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    let _ = writeln!(out, "{indent}# {}.{}", setting.doc, planned(setting));
    match setting.kind {
        Kind::Record(settings) => {
            let _ = writeln!(out, "{indent}{}:", setting.key);
            for inner in settings {
                section(out, inner, &format!("{path}.{}", inner.key), depth + 1);
            }
        }
        Kind::Map(Kind::Record(settings)) => {
            let _ = writeln!(out, "{indent}{}:", setting.key);
            let names = setting.default_node().map_or_else(Vec::new, |node| node.keys());
            for name in names {
                let _ = writeln!(out, "{indent}  {name}:");
                for inner in *settings {
                    section(out, inner, &format!("{path}.{name}.{}", inner.key), depth + 2);
                }
            }
        }
        _ => value(out, setting, path, &indent),
    }
}

fn value(out: &mut String, setting: &'static Setting, path: &str, indent: &str) {
    let _ = match setting.kind {
        Kind::List(Kind::Record(_)) => writeln!(out, "{indent}# Allowed: a list, each item with:"),
        kind if setting.nullable => {
            writeln!(out, "{indent}# Allowed: {}, or null.", kind.allowed())
        }
        kind => writeln!(out, "{indent}# Allowed: {}.", kind.allowed()),
    };
    if let Kind::List(Kind::Record(items)) = setting.kind {
        items_of(out, items, &format!("{indent}#   "));
    }
    let leaf = Leaf { path: path.to_owned(), setting };
    let mut names: Vec<_> = setting.aliases.iter().map(|alias| alias.name.to_owned()).collect();
    names.push(leaf.variable());
    let _ = writeln!(out, "{indent}# Environment: {}.", names.join(", "));
    let _ = match (setting.default, names.first(), setting.samples) {
        (Some("null"), Some(name), _) if setting.secret => {
            writeln!(out, "{indent}# {}: ${{{name}}}", setting.key)
        }
        (Some("null"), _, Some([one, _])) => writeln!(out, "{indent}# {}: {one}", setting.key),
        (Some("null"), _, None) => {
            writeln!(out, "{indent}# {}: {}", setting.key, sample(&setting.kind))
        }
        _ => writeln!(out, "{indent}{}: {}", setting.key, default_text(setting)),
    };
}

/// The keys of a list's items, in comments.
fn items_of(out: &mut String, settings: &'static [Setting], indent: &str) {
    for setting in settings {
        let need = if setting.default.is_none() { " (required)" } else { "" };
        let (key, doc) = (setting.key, setting.doc);
        match setting.kind {
            Kind::Record(inner) | Kind::List(&Kind::Record(inner)) => {
                let _ = writeln!(out, "{indent}{key}{need}: {doc}; with:");
                items_of(out, inner, &format!("{indent}  "));
            }
            kind => {
                let _ = writeln!(out, "{indent}{key}{need}: {doc}. Allowed: {}.", kind.allowed());
            }
        }
    }
}

fn planned(setting: &Setting) -> &'static str {
    if all_planned(setting) { " (Not in use yet.)" } else { "" }
}

fn sample(kind: &Kind) -> String {
    match kind {
        Kind::Integer(min, _, _) => min.to_string(),
        Kind::Number(min, _) => min.to_string(),
        Kind::Choice(words) => words.first().copied().unwrap_or_default().to_owned(),
        _ => String::new(),
    }
}

/// The default, as the example writes it.
fn default_text(setting: &'static Setting) -> String {
    let one = std::slice::from_ref(setting);
    let resolution = resolve(one, &Node::empty(Origin::Default));
    inline(&resolution.value[setting.key])
}

fn all_planned(setting: &Setting) -> bool {
    match setting.kind {
        Kind::Record(settings) | Kind::Map(&Kind::Record(settings)) => {
            settings.iter().all(all_planned)
        }
        _ => setting.planned,
    }
}
