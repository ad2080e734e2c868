//! The tools that there are, and the checks before a call.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use agentos_domain::{
    Classified, Clock, SystemClock, ToolCall, ToolError, ToolName, ToolOutcome, ToolSpec,
};
use agentos_sandbox::Access;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::limits::Limiter;
use crate::{
    FileList, FileRead, FileSearch, FileWrite, MetadataExtract, SkillValidator, Tool, ToolContext,
};

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
    limiter: Option<Limiter>,
}

/// The tools by name.
pub struct Registry {
    tools: BTreeMap<ToolName, Registered>,
    clock: Arc<dyn Clock>,
    /// What tools may need; everything where absent.
    permitted: Option<BTreeSet<String>>,
}

impl Default for Registry {
    fn default() -> Self {
        Self { tools: BTreeMap::new(), clock: Arc::new(SystemClock), permitted: None }
    }
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

    /// Counts calls by this clock; for tools that are inserted from now on.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Refuses every tool that needs a permission which is not here.
    #[must_use]
    pub fn permitting(mut self, permissions: impl IntoIterator<Item = String>) -> Self {
        self.permitted = Some(permissions.into_iter().collect());
        self
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

    /// Adds the tools for writing code: `file_write` and `skill_validator`.
    ///
    /// # Errors
    /// See [`Registry::insert`].
    pub fn insert_code_tools(&mut self) -> Result<(), RegistryError> {
        self.insert(Arc::new(FileWrite::default()))?;
        self.insert(Arc::new(SkillValidator::default()))
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
        let limit = tool.spec().rate_limit;
        let limiter = limit.and_then(|limit| Limiter::new(limit, Arc::clone(&self.clock)));
        self.tools.insert(name, Registered { tool, validator, limiter });
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

    /// Those of `names` that there are no tools for. Their agent works without.
    #[must_use]
    pub fn missing<'a>(&self, names: &'a [ToolName]) -> Vec<&'a ToolName> {
        names.iter().filter(|name| !self.tools.contains_key(*name)).collect()
    }

    /// Checks a call before it is made. A name counts as it is written: another
    /// case is another tool.
    ///
    /// # Errors
    /// `unknown_tool`, `not_granted`, `not_permitted` or `invalid_arguments`,
    /// with what the model should do instead.
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
        self.check_permissions(registered.tool.spec())?;
        registered.check(&call.arguments)?;
        Ok(registered.tool.spec())
    }

    fn check_permissions(&self, spec: &ToolSpec) -> Result<(), ToolError> {
        let Some(permitted) = &self.permitted else { return Ok(()) };
        match spec.permissions.iter().find(|needed| !permitted.contains(*needed)) {
            None => Ok(()),
            Some(needed) => {
                let message = format!(
                    "`{}` needs the permission `{needed}`, which this installation does not give: do without it",
                    spec.name
                );
                Err(ToolError::new("not_permitted", message))
            }
        }
    }

    /// Makes a call whose grant was checked by [`Registry::validate`]. The
    /// permissions and arguments are checked again. Calls of all workspaces
    /// count together against a tool's limit; see [`Registry::call_for`].
    pub async fn call(&self, call: &ToolCall, context: &ToolContext) -> ToolOutcome {
        self.call_for("", call, context).await
    }

    /// Like [`Registry::call`], where a tool's limit is of `workspace` alone.
    /// A tool gets the files for what it declares and no more: without
    /// `fs.write` it cannot write, without `fs.read` not read.
    pub async fn call_for(
        &self,
        workspace: &str,
        call: &ToolCall,
        context: &ToolContext,
    ) -> ToolOutcome {
        let Some(registered) = self.tools.get(&call.name) else {
            let message = format!("there is no tool `{}`", call.name);
            return ToolOutcome::Err(ToolError::new("unknown_tool", message));
        };
        let spec = registered.tool.spec();
        let checked = self
            .check_permissions(spec)
            .and_then(|()| registered.check(&call.arguments))
            .and_then(|()| match &registered.limiter {
                Some(limiter) => limiter.admit(&call.name, workspace),
                None => Ok(()),
            })
            .and_then(|()| narrowed(spec, context));
        match checked {
            Ok(context) => registered.tool.call(call.arguments.clone(), &context).await.into(),
            Err(error) => ToolOutcome::Err(error),
        }
    }
}

/// The context with the files as far as a tool declares to need them.
fn narrowed(spec: &ToolSpec, context: &ToolContext) -> Result<ToolContext, ToolError> {
    let needs = |permission: &str| spec.permissions.iter().any(|one| one == permission);
    let access = match (needs("fs.read"), needs("fs.write")) {
        (_, true) => Access::Write,
        (true, false) => Access::Read,
        (false, false) => Access::Nothing,
    };
    let root = Arc::new(context.root.narrowed(access)?);
    Ok(ToolContext { root, ..context.clone() })
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
