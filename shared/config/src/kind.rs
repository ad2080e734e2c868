//! What a setting is: the columns of the table of settings.

use std::path::Path;

use crate::error::Origin;
use crate::format::Format;
use crate::scalar::Scalar;
use crate::yaml::{self, Content, Node};

/// One row of the table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Setting {
    /// Its name within its section.
    pub(crate) key: &'static str,
    /// What it may be.
    pub(crate) kind: Kind,
    /// The default as YAML; `null` means that it may be absent, and no
    /// default that it must be given.
    pub(crate) default: Option<&'static str>,
    /// What it means, in a sentence.
    pub(crate) doc: &'static str,
    /// Further variables of the environment, the strongest first.
    pub(crate) aliases: &'static [Alias],
    /// Whether its value is never shown.
    pub(crate) secret: bool,
    /// Two values as YAML, neither the default, where the kind offers none.
    pub(crate) samples: Option<[&'static str; 2]>,
    /// Whether `null` turns it off, although it has a default.
    pub(crate) nullable: bool,
    /// Whether it is known and nothing acts on it yet.
    pub(crate) planned: bool,
}

/// A variable of the environment beside the setting's own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Alias {
    pub(crate) name: &'static str,
    pub(crate) form: AliasForm,
}

/// How an alias is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AliasForm {
    /// Like the setting itself.
    Value,
    /// As the URL of an SQLite database.
    SqliteUrl,
}

impl Alias {
    pub(crate) const fn new(name: &'static str) -> Self {
        Self { name, form: AliasForm::Value }
    }
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Bool,
    /// A whole number between two others, with the word for what it counts.
    Integer(i64, i64, &'static str),
    /// A number between two others.
    Number(f64, f64),
    Text(Format),
    Choice(&'static [&'static str]),
    List(&'static Kind),
    /// Keys that are known.
    Record(&'static [Setting]),
    /// Keys that the user chooses.
    Map(&'static Kind),
}

impl Kind {
    /// What is allowed, for errors and documentation.
    pub(crate) fn allowed(&self) -> String {
        match self {
            Self::Bool => "true or false".to_owned(),
            Self::Integer(min, max, "") => format!("a whole number from {min} to {max}"),
            Self::Integer(min, max, unit) => format!("{unit}, a whole number from {min} to {max}"),
            Self::Number(min, max) => format!("a number from {min} to {max}"),
            Self::Text(format) => format.allowed().to_owned(),
            Self::Choice(words) => words.join(", "),
            Self::List(item) => format!("a list, each item: {}", item.allowed()),
            Self::Record(settings) => {
                let keys: Vec<_> = settings.iter().map(|setting| setting.key).collect();
                format!("a map with {}", keys.join(", "))
            }
            Self::Map(item) => format!("a map from names to: {}", item.allowed()),
        }
    }
}

impl Setting {
    const fn base(key: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            key,
            kind,
            default: None,
            doc,
            aliases: &[],
            secret: false,
            samples: None,
            nullable: false,
            planned: false,
        }
    }

    /// With a default, or `null` for one that may be absent.
    pub(crate) const fn new(
        key: &'static str,
        kind: Kind,
        default: &'static str,
        doc: &'static str,
    ) -> Self {
        Self { default: Some(default), ..Self::base(key, kind, doc) }
    }

    /// That must be given.
    pub(crate) const fn required(key: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self::base(key, kind, doc)
    }

    /// A map of further settings.
    pub(crate) const fn section(
        key: &'static str,
        settings: &'static [Setting],
        doc: &'static str,
    ) -> Self {
        Self { default: Some("{}"), ..Self::base(key, Kind::Record(settings), doc) }
    }

    pub(crate) const fn env(self, aliases: &'static [Alias]) -> Self {
        Self { aliases, ..self }
    }

    pub(crate) const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    pub(crate) const fn samples(self, one: &'static str, other: &'static str) -> Self {
        Self { samples: Some([one, other]), ..self }
    }

    pub(crate) const fn planned(self) -> Self {
        Self { planned: true, ..self }
    }

    pub(crate) const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// Whether it may be absent.
    pub(crate) fn optional(&self) -> bool {
        self.nullable || self.default == Some("null")
    }

    /// The default as a tree; nothing where it must be given.
    pub(crate) fn default_node(&self) -> Option<Node> {
        let mut node = yaml::parse(Path::new("default"), self.default?, &mut Vec::new())?;
        if matches!(self.kind, Kind::Record(_) | Kind::Map(_)) || self.default != Some("null") {
            node.set_origin(&Origin::Default);
            return Some(node);
        }
        Some(Node::new(Content::Scalar(Scalar::plain("null")), Origin::Default))
    }
}

/// A setting that holds a value itself, and its path.
#[derive(Debug, Clone)]
pub(crate) struct Leaf {
    pub(crate) path: String,
    pub(crate) setting: &'static Setting,
}

impl Leaf {
    /// The setting's own variable of the environment.
    pub(crate) fn variable(&self) -> String {
        variable(&self.path)
    }
}

/// `AGENT_OS_SERVER__PORT` for `server.port`.
pub(crate) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.to_ascii_uppercase().replace('.', "__"))
}

/// What the variables of all settings begin with.
pub(crate) const PREFIX: &str = "AGENT_OS_";

/// Every setting that holds a value itself. Of a map with names of the
/// user's, those of the names that it has by default.
pub(crate) fn leaves(settings: &'static [Setting]) -> Vec<Leaf> {
    let mut found = Vec::new();
    for setting in settings {
        collect(setting, setting.key.to_owned(), &mut found);
    }
    found
}

fn collect(setting: &'static Setting, path: String, found: &mut Vec<Leaf>) {
    match setting.kind {
        Kind::Record(settings) => {
            for inner in settings {
                collect(inner, format!("{path}.{}", inner.key), found);
            }
        }
        Kind::Map(Kind::Record(settings)) => {
            let names = setting.default_node().map_or_else(Vec::new, |node| node.keys());
            for name in names {
                for inner in *settings {
                    collect(inner, format!("{path}.{name}.{}", inner.key), found);
                }
            }
        }
        _ => found.push(Leaf { path, setting }),
    }
}
