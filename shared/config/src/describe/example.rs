//! The documented example.

use std::fmt::Write as _;

use super::text::inline;
use crate::kind::{Kind, Leaf, Setting};
use crate::load::Machine;
use crate::resolve::resolve;
use crate::yaml::Node;
use crate::error::Origin;

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
    let planned = if all_planned(setting) { " (Not in use yet.)" } else { "" };
    let _ = writeln!(out, "{indent}# {}.{planned}", setting.doc);
    match setting.kind {
        Kind::Record(settings) => {
            let _ = writeln!(out, "{indent}{}:", setting.key);
            for inner in settings {
                entry(out, inner, &format!("{path}.{}", inner.key), depth + 1);
            }
        }
        Kind::Map(Kind::Record(settings)) => {
            let _ = writeln!(out, "{indent}{}:", setting.key);
            let names = setting.default_node().map_or_else(Vec::new, |node| node.keys());
            for name in names {
                let _ = writeln!(out, "{indent}  {name}:");
                for inner in *settings {
                    entry(out, inner, &format!("{path}.{name}.{}", inner.key), depth + 2);
                }
            }
        }
        _ => value(out, setting, path, depth),
    }
}

fn entry(out: &mut String, setting: &'static Setting, path: &str, depth: usize) {
    if matches!(setting.kind, Kind::Record(_) | Kind::Map(_)) {
        section(out, setting, path, depth);
    } else {
        value(out, setting, path, depth);
    }
}

fn value(out: &mut String, setting: &'static Setting, path: &str, depth: usize) {
    let indent = "  ".repeat(depth);
    if !matches!(setting.kind, Kind::Record(_) | Kind::Map(_)) {
        let planned = if setting.planned { " (Not in use yet.)" } else { "" };
        let _ = writeln!(out, "{indent}# {}.{planned}", setting.doc);
    }
    let leaf = Leaf { path: path.to_owned(), setting };
    let mut names: Vec<_> = setting.aliases.iter().map(|alias| alias.name.to_owned()).collect();
    names.push(leaf.variable());
    let _ = writeln!(out, "{indent}# Allowed: {}.", allowed(setting));
    if let Kind::List(Kind::Record(items)) = setting.kind {
        items_of(out, items, &indent);
    }
    let _ = writeln!(out, "{indent}# Environment: {}.", names.join(", "));
    if setting.default == Some("null") {
        let sample = setting.samples.map_or_else(|| sample(&setting.kind), |[one, _]| one.into());
        let _ = writeln!(out, "{indent}# {}: {sample}", setting.key);
    } else {
        let _ = writeln!(out, "{indent}{}: {}", setting.key, default_text(setting));
    }
}

fn allowed(setting: &Setting) -> String {
    match (setting.nullable, setting.kind) {
        (_, Kind::List(Kind::Record(_))) => "a list of maps, each with".to_owned(),
        (true, kind) => format!("{}, or null", kind.allowed()),
        (false, kind) => kind.allowed(),
    }
}

/// The keys of a list's items, in comments.
fn items_of(out: &mut String, settings: &'static [Setting], indent: &str) {
    for setting in settings {
        let need = if setting.default.is_none() { "required; " } else { "" };
        let doc = setting.doc;
        match setting.kind {
            Kind::Record(inner) | Kind::List(&Kind::Record(inner)) => {
                let _ = writeln!(out, "{indent}#   {}: {need}{doc}; with", setting.key);
                items_of(out, inner, &format!("{indent}#   ").replace("##", "#"));
            }
            kind => {
                let _ =
                    writeln!(out, "{indent}#   {}: {need}{doc}: {}", setting.key, kind.allowed());
            }
        }
    }
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
