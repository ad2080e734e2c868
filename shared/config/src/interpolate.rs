//! `${NAME}` and `${NAME:-default}` in the values of a file.

use crate::environment::Layers;
use crate::error::ConfigError;
use crate::scalar::{Scalar, Style};
use crate::yaml::{Content, Node};

/// Words in a variable's name that say that its text is not to be shown.
const TELLING: [&str; 6] = ["KEY", "SECRET", "TOKEN", "PASS", "CREDENTIAL", "PRIVATE"];

/// Replaces every variable in the tree. `$${` stands for `${` itself.
pub(crate) fn interpolate(
    node: &mut Node,
    key: &str,
    layers: &Layers<'_>,
    errors: &mut Vec<ConfigError>,
) {
    match &mut node.content {
        Content::Scalar(scalar) if scalar.text.contains("${") => {
            match expand(&scalar.text, layers) {
                Ok((text, replaced, tainted)) => {
                    let style = if replaced { Style::Untyped } else { scalar.style };
                    *scalar = Scalar { text, style };
                    node.tainted = tainted;
                }
                Err((code, problem)) => {
                    errors.push(
                        ConfigError::new(node.origin.clone(), code, problem)
                            .key(key)
                            .allowed("${NAME} of a variable that is set, or ${NAME:-default}"),
                    );
                    // Nothing more is said about a value that is not known.
                    node.content = Content::Scalar(Scalar::plain(UNKNOWN));
                }
            }
        }
        Content::Scalar(_) => {}
        Content::List(items) => {
            for (index, item) in items.iter_mut().enumerate() {
                interpolate(item, &format!("{key}[{index}]"), layers, errors);
            }
        }
        Content::Map(entries) => {
            for entry in entries {
                let key = join(key, &entry.key);
                interpolate(&mut entry.node, &key, layers, errors);
            }
        }
    }
}

/// Stands for a value whose variable is missing; it is not validated.
pub(crate) const UNKNOWN: &str = "\u{0}unknown";

/// `section.key`.
pub(crate) fn join(section: &str, key: &str) -> String {
    if section.is_empty() { key.to_owned() } else { format!("{section}.{key}") }
}

type Expanded = (String, bool, bool);

fn expand(text: &str, layers: &Layers<'_>) -> Result<Expanded, (&'static str, String)> {
    let mut out = String::new();
    let (mut replaced, mut tainted) = (false, false);
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if let Some(before) = rest[..start].strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        out.push_str(&rest[..start]);
        let Some(length) = rest[start..].find('}') else {
            return Err((
                "syntax",
                "a ${ that is not closed; write $${ for the text itself".into(),
            ));
        };
        let inside = &rest[start + 2..start + length];
        let (name, default) = match inside.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inside, None),
        };
        if !is_name(name) {
            return Err(("syntax", "no variable's name between ${ and }".into()));
        }
        match (layers.get(name), default) {
            (Some((value, _)), _) => out.push_str(&value),
            (None, Some(default)) => out.push_str(default),
            (None, None) => {
                return Err(("missing_variable", format!("the variable {name} is not set")));
            }
        }
        tainted |= TELLING.iter().any(|word| name.to_ascii_uppercase().contains(word));
        replaced = true;
        rest = &rest[start + length + 1..];
    }
    out.push_str(rest);
    Ok((out, replaced, tainted))
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
