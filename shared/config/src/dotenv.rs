//! The `.env` file: `NAME=text` lines, beside the configuration file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::error::{ConfigError, Origin};

/// What a `.env` file sets.
#[derive(Default)]
pub(crate) struct DotEnv {
    path: PathBuf,
    variables: BTreeMap<String, (String, usize)>,
}

impl DotEnv {
    /// Reads the lines. Allowed are comments, `export`, and single or double
    /// quotes around the text; the last of several lines for a name counts.
    pub(crate) fn parse(path: &Path, text: &str, errors: &mut Vec<ConfigError>) -> Self {
        let mut variables = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let line = line.strip_prefix("export ").unwrap_or(line);
            match assignment(line) {
                Some((name, text)) => {
                    variables.insert(name.to_owned(), (text, index + 1));
                }
                None => {
                    let origin = Origin::File { path: path.to_owned(), line: index + 1, column: 1 };
                    errors.push(
                        ConfigError::new(origin, "syntax", "not a line of a .env file")
                            .allowed("NAME=text, NAME=\"text\", NAME='text', # comment"),
                    );
                }
            }
        }
        Self { path: path.to_owned(), variables }
    }

    pub(crate) fn get(&self, name: &str) -> Option<(String, Origin)> {
        let (text, line) = self.variables.get(name).filter(|(text, _)| !text.is_empty())?;
        let origin = Origin::DotEnv { path: self.path.clone(), line: *line, name: name.to_owned() };
        Some((text.clone(), origin))
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.variables.keys().cloned().collect()
    }
}

fn assignment(line: &str) -> Option<(&str, String)> {
    let (name, text) = line.split_once('=')?;
    let name = name.trim_end();
    let known = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if name.is_empty() || !name.chars().all(known) || name.starts_with(|c: char| c.is_ascii_digit())
    {
        return None;
    }
    Some((name, value(text.trim())?))
}

fn value(text: &str) -> Option<String> {
    match text.chars().next() {
        Some('\'') => {
            let (inner, rest) = text[1..].split_once('\'')?;
            only_comment(rest).then(|| inner.to_owned())
        }
        Some('"') => double_quoted(&text[1..]),
        _ => Some(text.split(" #").next().unwrap_or("").trim_end().to_owned()),
    }
}

fn double_quoted(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut chars = text.chars();
    loop {
        match chars.next()? {
            '"' => return only_comment(chars.as_str()).then_some(out),
            '\\' => match chars.next()? {
                'n' => out.push('\n'),
                't' => out.push('\t'),
                other => out.push(other),
            },
            other => out.push(other),
        }
    }
}

fn only_comment(rest: &str) -> bool {
    let rest = rest.trim();
    rest.is_empty() || rest.starts_with('#')
}
