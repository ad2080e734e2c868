//! The environment over the file.
//!
//! The strongest first: a setting's own variable in the environment, its
//! alias there, its own variable in `.env`, its alias there, the file, the
//! default. So `.env` never overrides what the environment sets.

use std::path::Path;

use serde_json::Value;

use crate::environment::{Layers, Source};
use crate::error::{ConfigError, Origin};
use crate::kind::{Alias, AliasForm, Kind, Leaf, PREFIX, Setting, leaves};
use crate::nearest::nearest;
use crate::scalar::{Scalar, Style};
use crate::yaml::{Content, Entry, Node};

/// Puts what the environment sets into the tree. Settings of the `other`
/// machine may stand in the environment too.
pub(crate) fn overlay(
    root: &mut Node,
    settings: &'static [Setting],
    other: &'static [Setting],
    layers: &Layers<'_>,
    errors: &mut Vec<ConfigError>,
) {
    let known = leaves(settings);
    for source in layers.highest_first().iter().rev() {
        for leaf in &known {
            match strongest_alias(leaf, source) {
                Some(Ok(node)) => insert(root, &segments(&leaf.path), node),
                Some(Err(error)) => errors.push(error),
                None => {}
            }
        }
        for name in long_names(source) {
            let path = name[PREFIX.len()..].to_ascii_lowercase();
            let path: Vec<_> = path.split("__").collect();
            let Some((text, origin)) = source.get(&name) else { continue };
            match kind_at(settings, &path) {
                Some(kind) => match node_of(&kind, &text, &origin) {
                    Ok(node) => insert(root, &path, node),
                    Err(error) => errors.push(error.key(&path.join("."))),
                },
                None if kind_at(other, &path).is_some() => {}
                None => errors.push(unknown(&name, origin, &known)),
            }
        }
    }
}

/// Variables with a setting's own name, those of whole sections first.
fn long_names(source: &Source<'_>) -> Vec<String> {
    let own = |name: &String| name.strip_prefix(PREFIX).is_some_and(|rest| rest.contains("__"));
    let mut names: Vec<_> = source.names().into_iter().filter(own).collect();
    names.sort_by_key(|name| name.matches("__").count());
    names
}

fn strongest_alias(leaf: &Leaf, source: &Source<'_>) -> Option<Result<Node, ConfigError>> {
    let found = |alias: &Alias| source.get(alias.name).map(|found| (alias.form, found));
    let (form, (text, origin)) = leaf.setting.aliases.iter().find_map(found)?;
    let text = match form {
        AliasForm::Value => text,
        AliasForm::SqliteUrl => match sqlite_path(&text) {
            Some(path) => path.to_owned(),
            None => {
                return Some(Err(ConfigError::new(
                    origin,
                    "not_allowed",
                    "not an SQLite database: there is no other store yet",
                )
                .key(&leaf.path)
                .allowed("sqlite:PATH")));
            }
        },
    };
    let key = |error: ConfigError| error.key(&leaf.path);
    Some(node_of(&leaf.setting.kind, &text, &origin).map_err(key))
}

/// `sqlite:PATH`, `sqlite://PATH` and `sqlite:///ABSOLUTE`.
fn sqlite_path(url: &str) -> Option<&str> {
    let path = url.strip_prefix("sqlite:")?;
    let path = path.strip_prefix("//").unwrap_or(path);
    let path = path.split('?').next().unwrap_or(path);
    (!path.is_empty()).then_some(path)
}

fn segments(path: &str) -> Vec<&str> {
    path.split('.').collect()
}

/// What the setting or section at a path may be.
fn kind_at(settings: &'static [Setting], path: &[&str]) -> Option<Kind> {
    let mut kind = Kind::Record(settings);
    for segment in path {
        kind = match kind {
            Kind::Record(settings) => settings.iter().find(|setting| setting.key == *segment)?.kind,
            Kind::Map(item) if !segment.is_empty() => *item,
            _ => return None,
        };
    }
    Some(kind)
}

/// The text of a variable as a tree: lists and maps are JSON; a list of
/// plain things may also be separated by commas.
fn node_of(kind: &Kind, text: &str, origin: &Origin) -> Result<Node, ConfigError> {
    let untyped = |text: &str| {
        let scalar = Scalar { text: text.to_owned(), style: Style::Untyped };
        Node::new(Content::Scalar(scalar), origin.clone())
    };
    match kind {
        Kind::List(Kind::Text(_) | Kind::Choice(_)) if !text.trim_start().starts_with('[') => {
            let items = text.split(',').map(|item| untyped(item.trim())).collect();
            Ok(Node::new(Content::List(items), origin.clone()))
        }
        Kind::List(_) | Kind::Record(_) | Kind::Map(_) => match serde_json::from_str(text) {
            Ok(value) => Ok(tree(value, origin)),
            Err(_) => Err(ConfigError::new(origin.clone(), "syntax", "not JSON")
                .allowed(format!("JSON: {}", kind.allowed()))),
        },
        _ => Ok(untyped(text)),
    }
}

fn tree(value: Value, origin: &Origin) -> Node {
    let scalar = |text: String, style| Content::Scalar(Scalar { text, style });
    let content = match value {
        Value::Null => scalar("null".to_owned(), Style::Plain),
        Value::Bool(value) => scalar(value.to_string(), Style::Plain),
        Value::Number(value) => scalar(value.to_string(), Style::Plain),
        Value::String(text) => scalar(text, Style::Quoted),
        Value::Array(items) => {
            Content::List(items.into_iter().map(|item| tree(item, origin)).collect())
        }
        Value::Object(entries) => Content::Map(
            entries
                .into_iter()
                .map(|(key, value)| Entry {
                    key,
                    origin: origin.clone(),
                    node: tree(value, origin),
                })
                .collect(),
        ),
    };
    Node::new(content, origin.clone())
}

/// Puts a value at a path. Where a section is no map, it is left to be refused.
fn insert(root: &mut Node, path: &[&str], value: Node) {
    let Some((first, rest)) = path.split_first() else {
        put_over(root, value);
        return;
    };
    if root.is_null() {
        root.content = Content::Map(Vec::new());
    }
    let Content::Map(entries) = &mut root.content else { return };
    match entries.iter_mut().find(|entry| entry.key == *first) {
        Some(entry) => insert(&mut entry.node, rest, value),
        None => {
            let origin = value.origin.clone();
            let mut node = Node::empty(origin.clone());
            insert(&mut node, rest, value);
            entries.push(Entry { key: (*first).to_owned(), origin, node });
        }
    }
}

/// Maps are put together, of anything else the upper one stays.
fn put_over(lower: &mut Node, upper: Node) {
    match (&mut lower.content, upper.content) {
        (Content::Map(entries), Content::Map(upper_entries)) if !entries.is_empty() => {
            for entry in upper_entries {
                match entries.iter_mut().find(|known| known.key == entry.key) {
                    Some(known) => put_over(&mut known.node, entry.node),
                    None => entries.push(entry),
                }
            }
        }
        (_, content) => *lower = Node { content, ..upper },
    }
}

/// Adds to a tree what a weaker one has beside it.
pub(crate) fn put_under(upper: &mut Node, mut lower: Node) {
    std::mem::swap(upper, &mut lower);
    put_over(upper, lower);
}

fn unknown(name: &str, origin: Origin, known: &[Leaf]) -> ConfigError {
    let variables: Vec<_> = known.iter().map(Leaf::variable).collect();
    let meant = nearest(name, variables.iter().map(String::as_str))
        .map_or_else(String::new, |meant| format!(", did you mean {meant}?"));
    ConfigError::new(origin, "unknown_key", format!("no setting has this name{meant}"))
        .allowed("AGENT_OS_<SECTION>__<KEY> of a setting")
}

/// A path as it is in a file, from the folder of the file.
pub(crate) fn beside(base: &Path, path: &Path, home: Option<&Path>) -> std::path::PathBuf {
    match (path.strip_prefix("~"), home) {
        (Ok(rest), Some(home)) => home.join(rest),
        _ => base.join(path),
    }
}
