//! YAML into a tree whose every key and value knows its place.

use std::collections::HashMap;
use std::path::Path;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, StrInput};

use crate::error::{ConfigError, Origin};
use crate::scalar::{Scalar, Style};

/// Nested deeper than this no configuration is.
const MAX_DEPTH: usize = 32;
/// More values than this, aliases followed, no configuration has.
const MAX_NODES: usize = 20_000;

/// A value and where it is from.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) content: Content,
    pub(crate) origin: Origin,
    /// Whether it holds text that came from a variable with a telling name.
    pub(crate) tainted: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum Content {
    Scalar(Scalar),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    /// Where the key is.
    pub(crate) origin: Origin,
    pub(crate) node: Node,
}

impl Node {
    pub(crate) fn new(content: Content, origin: Origin) -> Self {
        Self { content, origin, tainted: false }
    }

    /// A map without entries.
    pub(crate) fn empty(origin: Origin) -> Self {
        Self::new(Content::Map(Vec::new()), origin)
    }

    /// For "expected …, found …".
    pub(crate) fn noun(&self) -> &'static str {
        match &self.content {
            Content::Scalar(scalar) => scalar.found().noun(),
            Content::List(_) => "a list",
            Content::Map(_) => "a map",
        }
    }

    /// Whether there is no value, as after `key:`.
    pub(crate) fn is_null(&self) -> bool {
        matches!(&self.content, Content::Scalar(scalar)
            if scalar.found() == crate::scalar::Found::Null)
    }

    /// The keys of a map.
    pub(crate) fn keys(&self) -> Vec<String> {
        match &self.content {
            Content::Map(entries) => entries.iter().map(|entry| entry.key.clone()).collect(),
            _ => Vec::new(),
        }
    }

    /// Says of every value that it is from `origin`.
    pub(crate) fn set_origin(&mut self, origin: &Origin) {
        self.origin = origin.clone();
        match &mut self.content {
            Content::Scalar(_) => {}
            Content::List(items) => items.iter_mut().for_each(|item| item.set_origin(origin)),
            Content::Map(entries) => {
                for entry in entries {
                    entry.origin = origin.clone();
                    entry.node.set_origin(origin);
                }
            }
        }
    }

    fn size(&self) -> usize {
        match &self.content {
            Content::Scalar(_) => 1,
            Content::List(items) => 1 + items.iter().map(Self::size).sum::<usize>(),
            Content::Map(entries) => 1 + entries.iter().map(|e| e.node.size()).sum::<usize>(),
        }
    }
}

/// Reads one document. Without any content it is an empty map.
pub(crate) fn parse(path: &Path, text: &str, errors: &mut Vec<ConfigError>) -> Option<Node> {
    let mut builder = Builder {
        parser: Parser::new_from_str(text),
        path,
        anchors: HashMap::new(),
        nodes: 0,
        keys: Vec::new(),
        errors,
    };
    match builder.document() {
        Ok(node) => Some(node),
        Err(error) => {
            errors.push(error);
            None
        }
    }
}

struct Builder<'a> {
    parser: Parser<'a, StrInput<'a>>,
    path: &'a Path,
    anchors: HashMap<usize, Node>,
    nodes: usize,
    /// The keys that lead to the value that is read.
    keys: Vec<String>,
    errors: &'a mut Vec<ConfigError>,
}

impl<'a> Builder<'a> {
    fn document(&mut self) -> Result<Node, ConfigError> {
        let mut root = None;
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => break,
                Event::Nothing
                | Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd => {}
                _ if root.is_some() => {
                    return Err(self.refuse(span, "a second document: one file is one document"));
                }
                event => root = Some(self.node(event, span, 0)?),
            }
        }
        Ok(match root {
            Some(node) if !node.is_null() => node,
            _ => Node::empty(Origin::file(self.path)),
        })
    }

    fn next(&mut self) -> Result<(Event<'a>, Span), ConfigError> {
        match self.parser.next_event() {
            Some(Ok(pair)) => Ok(pair),
            Some(Err(error)) => {
                let marker = *error.marker();
                let message = format!("not YAML: {}", error.info());
                Err(ConfigError::new(self.at(marker.line(), marker.col()), "syntax", message))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn at(&self, line: usize, column: usize) -> Origin {
        Origin::File { path: self.path.to_owned(), line, column: column + 1 }
    }

    fn place(&self, span: Span) -> Origin {
        self.at(span.start.line(), span.start.col())
    }

    fn refuse(&self, span: Span, problem: &str) -> ConfigError {
        ConfigError::new(self.place(span), "syntax", problem)
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, ConfigError> {
        self.nodes += 1;
        if depth > MAX_DEPTH || self.nodes > MAX_NODES {
            return Err(self.refuse(span, "nested too deep, or too many values"));
        }
        let (node, anchor) = match event {
            Event::Alias(id) => return self.alias(id, span),
            Event::Scalar(_, _, _, Some(_))
            | Event::SequenceStart(_, Some(_))
            | Event::MappingStart(_, Some(_)) => {
                return Err(self.refuse(span, "a tag (!…): leave it out"));
            }
            Event::Scalar(text, style, anchor, None) => {
                let style = match style {
                    ScalarStyle::Plain => Style::Plain,
                    _ => Style::Quoted,
                };
                let scalar = Scalar { text: text.into_owned(), style };
                (Node::new(Content::Scalar(scalar), self.place(span)), anchor)
            }
            Event::SequenceStart(anchor, None) => (self.list(span, depth)?, anchor),
            Event::MappingStart(anchor, None) => (self.map(span, depth)?, anchor),
            _ => return Err(self.refuse(span, "not a value")),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn alias(&mut self, id: usize, span: Span) -> Result<Node, ConfigError> {
        let Some(node) = self.anchors.get(&id).cloned() else {
            return Err(self.refuse(span, "an alias (*name) that refers to itself"));
        };
        self.nodes += node.size();
        if self.nodes > MAX_NODES {
            return Err(self.refuse(span, "nested too deep, or too many values"));
        }
        Ok(node)
    }

    fn list(&mut self, start: Span, depth: usize) -> Result<Node, ConfigError> {
        let mut items = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                return Ok(Node::new(Content::List(items), self.place(start)));
            }
            items.push(self.node(event, span, depth + 1)?);
        }
    }

    fn map(&mut self, start: Span, depth: usize) -> Result<Node, ConfigError> {
        let mut entries: Vec<Entry> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            let key = match event {
                Event::MappingEnd => {
                    return Ok(Node::new(Content::Map(entries), self.place(start)));
                }
                Event::Scalar(text, _, _, None) => text.into_owned(),
                _ => return Err(self.refuse(span, "a key that is not a plain name")),
            };
            let origin = self.place(span);
            let (event, span) = self.next()?;
            self.keys.push(key.clone());
            let node = self.node(event, span, depth + 1)?;
            let path = self.keys.join(".");
            self.keys.pop();
            match entries.iter().find(|entry| entry.key == key) {
                Some(first) => {
                    let problem = format!("{key} is there twice: first at {}", first.origin);
                    self.errors.push(
                        ConfigError::new(origin, "duplicate_key", problem)
                            .key(&path)
                            .allowed("each key once; put the values together"),
                    );
                }
                None => entries.push(Entry { key, origin, node }),
            }
        }
    }
}
