//! The tools that there are, and the checks before a call.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use agentos_domain::{Classified, ToolCall, ToolError, ToolName, ToolOutcome, ToolSpec};
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::{FileList, FileRead, FileSearch, MetadataExtract, Tool, ToolContext};

/// The most reasons that an answer gives for refusing arguments.
const MAX_REASONS: usize = 5;

/// Why a tool cannot be registered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Its schema is none.
    #[error("the parameters of `{tool}` are no valid JSON schema ({reason}): correct the tool")]
    InvalidSchema {
        /// The tool.
        tool: ToolName,
        /// What is wrong.
        reason: String,
    },
    /// Two tools of one name.
    #[error("there is a tool `{tool}` already: choose another name")]
    Duplicate {
        /// The name.
        tool: ToolName,
    },
}

impl Classified for RegistryError {
    fn code(&self) -> &'static str {
        match self {
            Self::InvalidSchema { .. } => "invalid_schema",
            Self::Duplicate { .. } => "duplicate_tool",
        }
    }

    fn is_retryable(&self) -> bool {
        false
    }
}

struct Registered {
    tool: Arc<dyn Tool>,
    validator: Validator,
}

/// The tools by name.
#[derive(Default)]
pub struct Registry {
    tools: BTreeMap<ToolName, Registered>,
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.tools.keys()).finish()
    }
}

impl Registry {
    /// No tools.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The four tools that read files.
    ///
    /// # Panics
    /// Never: their schemas are constants that a test checks.
    #[must_use]
    #[expect(clippy::expect_used, reason = "constants, checked by a test")]
    pub fn with_file_tools() -> Self {
        let mut registry = Self::new();
        let tools: [Arc<dyn Tool>; 4] = [
            Arc::new(FileRead::default()),
            Arc::new(FileList::default()),
            Arc::new(FileSearch::default()),
            Arc::new(MetadataExtract::default()),
        ];
        for tool in tools {
            registry.insert(tool).expect("a valid constant");
        }
        registry
    }

    /// Adds a tool and compiles its schema.
    ///
    /// # Errors
    /// The schema is invalid, or the name is taken.
    pub fn insert(&mut self, tool: Arc<dyn Tool>) -> Result<(), RegistryError> {
        let name = tool.spec().name.clone();
        if self.tools.contains_key(&name) {
            return Err(RegistryError::Duplicate { tool: name });
        }
        // Patterns may come from others: this engine takes linear time.
        let options = jsonschema::options().with_pattern_options(PatternOptions::regex());
        let validator = options.build(&tool.spec().parameters).map_err(|error| {
            RegistryError::InvalidSchema { tool: name.clone(), reason: error.to_string() }
        })?;
        self.tools.insert(name, Registered { tool, validator });
        Ok(())
    }

    /// A tool's declaration.
    #[must_use]
    pub fn spec(&self, name: &ToolName) -> Option<&ToolSpec> {
        self.tools.get(name).map(|registered| registered.tool.spec())
    }

    /// The declarations of `names`, in that order, without those that there
    /// are no tools for.
    #[must_use]
    pub fn specs_for(&self, names: &[ToolName]) -> Vec<ToolSpec> {
        names.iter().filter_map(|name| self.spec(name).cloned()).collect()
    }

    /// Checks a call before it is made.
    ///
    /// # Errors
    /// `unknown_tool`, `not_granted` or `invalid_arguments`, with what the
    /// model should do instead.
    pub fn validate(&self, granted: &[ToolName], call: &ToolCall) -> Result<&ToolSpec, ToolError> {
        let usable = || {
            let names = granted.iter().filter(|name| self.tools.contains_key(*name));
            let names: Vec<_> = names.map(ToolName::as_str).collect();
            if names.is_empty() { "none".to_owned() } else { names.join(", ") }
        };
        let Some(registered) = self.tools.get(&call.name) else {
            let message = format!("there is no tool `{}`; your tools: {}", call.name, usable());
            return Err(ToolError::new("unknown_tool", message));
        };
        if !granted.contains(&call.name) {
            let message = format!("you may not use `{}`; your tools: {}", call.name, usable());
            return Err(ToolError::new("not_granted", message));
        }
        registered.check(&call.arguments)?;
        Ok(registered.tool.spec())
    }

    /// Makes a call whose grant was checked by [`Registry::validate`]. The
    /// arguments are checked again.
    pub async fn call(&self, call: &ToolCall, context: &ToolContext) -> ToolOutcome {
        let Some(registered) = self.tools.get(&call.name) else {
            let message = format!("there is no tool `{}`", call.name);
            return ToolOutcome::Err(ToolError::new("unknown_tool", message));
        };
        if let Err(error) = registered.check(&call.arguments) {
            return ToolOutcome::Err(error);
        }
        registered.tool.call(call.arguments.clone(), context).await.into()
    }
}

impl Registered {
    /// Whether the arguments fit the schema. Reasons name the argument and
    /// never repeat its value, which may be long.
    fn check(&self, arguments: &Value) -> Result<(), ToolError> {
        let reasons: Vec<_> = self
            .validator
            .iter_errors(arguments)
            .take(MAX_REASONS)
            .map(|error| {
                let reason: String = error.masked().to_string().chars().take(300).collect();
                match error.instance_path().as_str() {
                    "" => reason,
                    place => format!("{}: {reason}", place.trim_start_matches('/')),
                }
            })
            .collect();
        if reasons.is_empty() {
            return Ok(());
        }
        Err(ToolError::new("invalid_arguments", reasons.join("; ")))
    }
}
