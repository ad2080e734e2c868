//! A tree and the table of settings into values, or all that is wrong.

use serde_json::{Map, Value};

use crate::error::{ConfigError, Origin};
use crate::interpolate::{UNKNOWN, join};
use crate::kind::{Kind, Leaf, Setting, leaves};
use crate::nearest::nearest;
use crate::scalar::{Found, Scalar, Style};
use crate::yaml::{Content, Entry, Node};

/// What is shown in a secret's place.
pub(crate) const MASK: &str = "********";

/// A setting's value as it may be shown, and where it is from.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) shown: Value,
    pub(crate) origin: Origin,
}

/// What came of a tree.
#[derive(Debug)]
pub(crate) struct Resolution {
    /// All values, defaults filled in. Without meaning where there are errors.
    pub(crate) value: Value,
    pub(crate) rows: Vec<Row>,
    pub(crate) errors: Vec<ConfigError>,
}

/// Checks a tree against a table.
pub(crate) fn resolve(settings: &'static [Setting], root: &Node) -> Resolution {
    let mut resolver =
        Resolver { known: leaves(settings), rows: Vec::new(), errors: Vec::new(), in_list: false };
    let out = resolver.record(settings, root, "");
    Resolution { value: out.value, rows: resolver.rows, errors: resolver.errors }
}

struct Resolver {
    known: Vec<Leaf>,
    rows: Vec<Row>,
    errors: Vec<ConfigError>,
    /// Items of a list are not settings of their own.
    in_list: bool,
}

/// A value, and the same as it may be shown.
struct Out {
    value: Value,
    shown: Value,
}

impl Out {
    fn same(value: Value) -> Self {
        Self { shown: value.clone(), value }
    }

    fn nothing() -> Self {
        Self::same(Value::Null)
    }
}

impl Resolver {
    fn record(&mut self, settings: &'static [Setting], node: &Node, path: &str) -> Out {
        let entries: &[Entry] = match &node.content {
            Content::Map(entries) => entries,
            _ if node.is_null() => &[],
            _ => {
                self.wrong_type(&Kind::Record(settings), node, path);
                return Out::nothing();
            }
        };
        for entry in entries {
            if settings.iter().all(|setting| setting.key != entry.key) {
                self.unknown(settings, entry, path);
            }
        }
        let (mut value, mut shown) = (Map::new(), Map::new());
        for setting in settings {
            let given = entries.iter().find(|entry| entry.key == setting.key);
            let path = join(path, setting.key);
            let out = self.setting(setting, given.map(|entry| &entry.node), &path, &node.origin);
            value.insert(setting.key.to_owned(), out.value);
            shown.insert(setting.key.to_owned(), out.shown);
        }
        Out { value: Value::Object(value), shown: Value::Object(shown) }
    }

    fn setting(
        &mut self,
        setting: &'static Setting,
        given: Option<&Node>,
        path: &str,
        parent: &Origin,
    ) -> Out {
        let container = matches!(setting.kind, Kind::Record(_) | Kind::Map(_));
        let given = given.filter(|node| !(container && node.is_null()));
        let mut node = match (given, setting.default_node()) {
            (Some(node), _) => node.clone(),
            (None, Some(default)) => default,
            (None, None) => {
                self.errors.push(
                    ConfigError::new(parent.clone(), "missing", "missing: it must be given")
                        .key(path)
                        .allowed(setting.kind.allowed()),
                );
                return Out::nothing();
            }
        };
        if let (Kind::Map(_), Some(default)) = (setting.kind, setting.default_node()) {
            add_missing(&mut node, default);
        }
        let mut out = if node.is_null() && setting.optional() {
            Out::nothing()
        } else {
            self.value(&setting.kind, &node, path)
        };
        if setting.secret && !out.value.is_null() {
            out.shown = Value::from(MASK);
        }
        if !container && !self.in_list {
            let (key, shown) = (path.to_owned(), out.shown.clone());
            self.rows.push(Row { key, shown, origin: node.origin });
        }
        out
    }

    fn value(&mut self, kind: &Kind, node: &Node, path: &str) -> Out {
        if matches!(&node.content, Content::Scalar(scalar) if scalar.text == UNKNOWN) {
            return Out::nothing();
        }
        match kind {
            Kind::Record(settings) => self.record(settings, node, path),
            Kind::Map(item) => self.map(kind, item, node, path),
            Kind::List(item) => self.list(kind, item, node, path),
            _ => match &node.content {
                Content::Scalar(scalar) => match read(kind, scalar) {
                    Ok(value) if node.tainted => Out { value, shown: Value::from(MASK) },
                    Ok(value) => Out::same(value),
                    Err(problem) => {
                        self.refuse(kind, node, path, problem);
                        Out::nothing()
                    }
                },
                _ => {
                    self.wrong_type(kind, node, path);
                    Out::nothing()
                }
            },
        }
    }

    fn map(&mut self, kind: &Kind, item: &Kind, node: &Node, path: &str) -> Out {
        let Content::Map(entries) = &node.content else {
            self.wrong_type(kind, node, path);
            return Out::nothing();
        };
        let (mut value, mut shown) = (Map::new(), Map::new());
        for entry in entries {
            let path = join(path, &entry.key);
            let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
            if entry.key.is_empty() || !entry.key.chars().all(known) {
                self.errors.push(
                    ConfigError::new(entry.origin.clone(), "not_allowed", "not a name")
                        .key(&path)
                        .allowed("letters, digits, _ and -"),
                );
            }
            let out = self.value(item, &entry.node, &path);
            value.insert(entry.key.clone(), out.value);
            shown.insert(entry.key.clone(), out.shown);
        }
        Out { value: Value::Object(value), shown: Value::Object(shown) }
    }

    fn list(&mut self, kind: &Kind, item: &Kind, node: &Node, path: &str) -> Out {
        let Content::List(items) = &node.content else {
            self.wrong_type(kind, node, path);
            return Out::nothing();
        };
        let outer = std::mem::replace(&mut self.in_list, true);
        let outs: Vec<Out> = items
            .iter()
            .enumerate()
            .map(|(index, node)| self.value(item, node, &format!("{path}[{index}]")))
            .collect();
        self.in_list = outer;
        let (value, shown) = outs.into_iter().map(|out| (out.value, out.shown)).unzip();
        Out { value: Value::Array(value), shown: Value::Array(shown) }
    }

    fn wrong_type(&mut self, kind: &Kind, node: &Node, path: &str) {
        self.refuse(kind, node, path, Problem::Type(""));
    }

    fn refuse(&mut self, kind: &Kind, node: &Node, path: &str, problem: Problem) {
        let (code, problem) = match problem {
            Problem::Type(hint) => ("wrong_type", format!("wrong type: {}{hint}", node.noun())),
            Problem::Range => ("out_of_range", "out of range".to_owned()),
            Problem::Value(Some(meant)) => {
                ("not_allowed", format!("not allowed, did you mean {meant}?"))
            }
            Problem::Value(None) => ("not_allowed", "not allowed".to_owned()),
        };
        self.errors.push(
            ConfigError::new(node.origin.clone(), code, problem).key(path).allowed(kind.allowed()),
        );
    }

    fn unknown(&mut self, settings: &'static [Setting], entry: &Entry, path: &str) {
        let siblings = settings.iter().map(|setting| setting.key);
        let same = |leaf: &&Leaf| leaf.path.rsplit('.').next() == Some(entry.key.as_str());
        let paths = self.known.iter().map(|leaf| leaf.path.as_str());
        let sibling = || nearest(&entry.key, siblings.clone()).map(|key| join(path, key));
        let meant = self.known.iter().find(same).map(|leaf| leaf.path.clone());
        let meant = meant
            .or_else(sibling)
            .or_else(|| nearest(&join(path, &entry.key), paths).map(str::to_owned))
            .map_or_else(String::new, |meant| format!(", did you mean {meant}?"));
        self.errors.push(
            ConfigError::new(entry.origin.clone(), "unknown_key", format!("unknown key{meant}"))
                .key(&join(path, &entry.key))
                .allowed(siblings.collect::<Vec<_>>().join(", ")),
        );
    }
}

/// Adds the entries of `default` that a map lacks.
fn add_missing(node: &mut Node, default: Node) {
    if let (Content::Map(entries), Content::Map(defaults)) = (&mut node.content, default.content) {
        for default in defaults {
            if entries.iter().all(|entry| entry.key != default.key) {
                entries.push(default);
            }
        }
    }
}

enum Problem {
    /// With a hint.
    Type(&'static str),
    Range,
    /// With the word that may be meant.
    Value(Option<&'static str>),
}

/// A scalar as the kind wants it.
fn read(kind: &Kind, scalar: &Scalar) -> Result<Value, Problem> {
    let found = scalar.found();
    let unquoted = || Scalar::plain(scalar.text.as_str()).found();
    let quotes = |fits: bool| if fits { " (leave out the quotes)" } else { "" };
    match *kind {
        Kind::Bool => match found {
            Found::Bool(value) => Ok(Value::from(value)),
            _ => Err(Problem::Type(quotes(matches!(unquoted(), Found::Bool(_))))),
        },
        Kind::Integer(min, max, _) => match found {
            Found::Integer(value) if (min..=max).contains(&value) => Ok(Value::from(value)),
            Found::Integer(_) => Err(Problem::Range),
            Found::Number(value) if value.fract() == 0.0 => Err(Problem::Range),
            _ => Err(Problem::Type(quotes(matches!(unquoted(), Found::Integer(_))))),
        },
        Kind::Number(min, max) => {
            let value = match found {
                #[expect(clippy::cast_precision_loss, reason = "numbers in range are small")]
                Found::Integer(value) => value as f64,
                Found::Number(value) => value,
                _ => {
                    let fits = matches!(unquoted(), Found::Integer(_) | Found::Number(_));
                    return Err(Problem::Type(quotes(fits)));
                }
            };
            if (min..=max).contains(&value) { Ok(Value::from(value)) } else { Err(Problem::Range) }
        }
        Kind::Text(_) | Kind::Choice(_) => {
            if scalar.style != Style::Untyped && found != Found::Text {
                let nothing = found == Found::Null;
                return Err(Problem::Type(if nothing { "" } else { " (put it in quotes)" }));
            }
            text(kind, &scalar.text)
        }
        Kind::List(_) | Kind::Record(_) | Kind::Map(_) => Err(Problem::Type("")),
    }
}

fn text(kind: &Kind, text: &str) -> Result<Value, Problem> {
    match *kind {
        Kind::Choice(words) if !words.contains(&text) => {
            Err(Problem::Value(nearest(text, words.iter().copied())))
        }
        Kind::Text(format) if !format.accepts(text) => Err(Problem::Value(None)),
        _ => Ok(Value::from(text)),
    }
}
