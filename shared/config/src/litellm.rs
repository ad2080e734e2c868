//! `config/litellm.yaml`: models and router as LiteLLM writes them.

use std::path::Path;

use crate::environment::Layers;
use crate::error::{ConfigError, Origin};
use crate::interpolate::interpolate;
use crate::yaml::{self, Content, Entry, Node};

/// How LiteLLM names a variable of the environment.
const VARIABLE: &str = "os.environ/";

/// What the file says, as sections of ours, and what of it is passed over.
pub(crate) fn read(
    path: &Path,
    text: &str,
    layers: &Layers<'_>,
    errors: &mut Vec<ConfigError>,
    notices: &mut Vec<String>,
) -> Node {
    let mut sections = Node::empty(Origin::file(path));
    let Some(mut root) = yaml::parse(path, text, errors) else { return sections };
    variables(&mut root);
    let Content::Map(entries) = root.content else {
        errors.push(
            ConfigError::new(root.origin, "wrong_type", "wrong type")
                .allowed("a map with model_list, router_settings"),
        );
        return sections;
    };
    let mut ours = Vec::new();
    for mut entry in entries {
        match entry.key.as_str() {
            "model_list" => {
                interpolate(&mut entry.node, "models.model_list", layers, errors);
                let origin = entry.origin.clone();
                let node = Node::new(Content::Map(vec![entry]), origin.clone());
                ours.push(Entry { key: "models".to_owned(), origin, node });
            }
            "router_settings" => {
                interpolate(&mut entry.node, "router", layers, errors);
                ours.push(Entry { key: "router".to_owned(), ..entry });
            }
            other => {
                notices.push(format!("{}: {other} of LiteLLM is passed over", entry.origin));
            }
        }
    }
    sections.content = Content::Map(ours);
    sections
}

/// `os.environ/NAME` becomes `${NAME}`.
fn variables(node: &mut Node) {
    match &mut node.content {
        Content::Scalar(scalar) => {
            if let Some(name) = scalar.text.strip_prefix(VARIABLE) {
                scalar.text = format!("${{{name}}}");
            }
        }
        Content::List(items) => items.iter_mut().for_each(variables),
        Content::Map(entries) => entries.iter_mut().for_each(|entry| variables(&mut entry.node)),
    }
}
