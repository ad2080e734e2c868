//! Patterns of paths, the same for all tools.

use agentos_domain::{RelPath, ToolError};
use globset::{GlobBuilder, GlobMatcher};
use serde_json::{Value, json};

/// The pattern of an argument `glob`.
#[derive(Debug)]
pub(super) struct Glob(GlobMatcher);

impl Glob {
    /// Without a slash a glob is compared with names, else with whole paths.
    pub(super) fn new(text: &str) -> Result<Self, ToolError> {
        let text = text.strip_prefix("./").unwrap_or(text);
        let anywhere = format!("**/{text}");
        let glob = if text.contains('/') { text } else { &anywhere };
        GlobBuilder::new(glob)
            .literal_separator(true)
            .build()
            .map(|glob| Self(glob.compile_matcher()))
            .map_err(|error| ToolError::new("invalid_glob", format!("{error}: correct the glob")))
    }

    /// Whether the file at `path` is like this.
    pub(super) fn matches(&self, path: &RelPath) -> bool {
        self.0.is_match(path.as_str())
    }
}

/// The schema of an argument `glob`.
pub(super) fn schema() -> Value {
    json!({
        "type": "string", "minLength": 1, "maxLength": 256,
        "description": "only files like this: `*.md` by name, `notes/**/*.md` by path",
    })
}
