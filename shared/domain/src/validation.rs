//! What an agent's results must be like.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an agent's results must be like, as checks that a program can make.
/// The default asks for nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Validation {
    /// Whether the functions and classes of its code need docstrings.
    pub required_docstring: bool,
    /// Whether its Python needs type hints.
    pub require_type_hints: bool,
    /// Whether its code that opens or parses something handles that failing.
    pub require_error_handling: bool,
    /// Whether its Python passes ruff, black and mypy.
    pub lint: bool,
    /// The largest file that it may write, in kilobytes of 1024 bytes.
    pub max_file_size_kb: u32,
    /// Modules that its code may import; none means any that is known to be
    /// harmless.
    pub allowed_imports: Vec<String>,
    /// Modules and functions that its code may not use.
    pub blocked_imports: Vec<String>,
    /// Whether its answer names sources, and only such as it fetched.
    pub cite_sources: bool,
    /// Whether its answer keeps facts and opinions in sections of their own.
    pub separate_opinion: bool,
    /// The JSON schema of its answer; any text where absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_schema: Option<Value>,
}

impl Default for Validation {
    fn default() -> Self {
        Self {
            required_docstring: false,
            require_type_hints: false,
            require_error_handling: false,
            lint: false,
            max_file_size_kb: 100,
            allowed_imports: Vec::new(),
            blocked_imports: Vec::new(),
            cite_sources: false,
            separate_opinion: false,
            output_schema: None,
        }
    }
}

impl Validation {
    /// The largest file that it may write, in bytes.
    #[must_use]
    pub fn max_bytes(&self) -> usize {
        usize::try_from(self.max_file_size_kb).unwrap_or(usize::MAX).saturating_mul(1024)
    }

    /// Whether an answer has to be checked before its run ends.
    #[must_use]
    pub fn asks_for_checks(&self) -> bool {
        let Self {
            required_docstring,
            require_type_hints,
            require_error_handling,
            lint,
            max_file_size_kb: _,
            allowed_imports,
            blocked_imports,
            cite_sources,
            separate_opinion,
            output_schema,
        } = self;
        *required_docstring
            || *require_type_hints
            || *require_error_handling
            || *lint
            || !allowed_imports.is_empty()
            || !blocked_imports.is_empty()
            || *cite_sources
            || *separate_opinion
            || output_schema.is_some()
    }
}
