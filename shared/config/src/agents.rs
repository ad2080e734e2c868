//! Agents: a file each, in the folder that `agents.path` names.
//!
//! `${…}` is not replaced in them: a prompt is text, it may speak of shell
//! variables, and no credential of the environment may get into it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use agentos_domain::{
    AgentConfig, AgentName, OnEdgeLost, Privacy, Sampling, Tier, ToolName, Validation,
};
use serde::Deserialize;

use crate::error::{ConfigError, ConfigErrors, Origin};
use crate::find::read;
use crate::resolve::resolve;
use crate::settings::AGENT;
use crate::yaml;

/// An agent as its file says.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedAgent {
    /// The agent.
    pub config: AgentConfig,
    /// Its file.
    pub file: PathBuf,
}

/// The agents of a folder.
#[derive(Debug, Clone, Default)]
pub struct AgentSet {
    /// Those whose files are right, by their files' names.
    pub agents: Vec<LoadedAgent>,
    /// What is wrong with the other files.
    pub errors: ConfigErrors,
    /// What the files held.
    pub(crate) contents: Contents,
}

/// Files by path, and their text or why it could not be read.
pub(crate) type Contents = BTreeMap<PathBuf, Result<String, ConfigError>>;

/// The agent of each file, or all that is wrong with it.
pub(crate) type Files = BTreeMap<PathBuf, Result<LoadedAgent, Vec<ConfigError>>>;

impl AgentSet {
    /// Reads all `*.yaml` and `*.yml` of a folder; a folder that is not there
    /// has no agents. A broken file is reported and the others are read.
    #[must_use]
    pub fn read(folder: &Path) -> Self {
        let contents = contents(folder);
        let (mut agents, mut errors) = (Vec::new(), Vec::new());
        for parsed in parse_all(&contents).into_values() {
            match parsed {
                Ok(agent) => agents.push(agent),
                Err(found) => errors.extend(found),
            }
        }
        Self { agents, errors: ConfigErrors::sorted(errors), contents }
    }
}

/// The files of a folder.
pub(crate) fn contents(folder: &Path) -> Contents {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Contents::new(),
        Err(error) => {
            let problem = format!("cannot be read: {}", error.kind());
            let error = ConfigError::new(Origin::file(folder), "unreadable", problem);
            return Contents::from([(folder.to_owned(), Err(error))]);
        }
    };
    let yaml = |path: &PathBuf| {
        let extension = path.extension().and_then(|extension| extension.to_str());
        matches!(extension, Some("yaml" | "yml"))
            && path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.'))
    };
    let paths = entries.filter_map(Result::ok).map(|entry| entry.path()).filter(yaml);
    paths.map(|path| (path.clone(), read(&path))).collect()
}

/// Every file as an agent. Of two with one name, the later is refused.
pub(crate) fn parse_all(contents: &Contents) -> Files {
    let mut names: BTreeMap<AgentName, PathBuf> = BTreeMap::new();
    let mut files = Files::new();
    for (path, text) in contents {
        let mut parsed = match text {
            Ok(text) => parse(path, text),
            Err(error) => Err(vec![error.clone()]),
        };
        if let Ok(agent) = &parsed {
            match names.get(&agent.config.name) {
                Some(first) => {
                    let problem = format!("{} has this name too", first.display());
                    let error = ConfigError::new(Origin::file(path), "conflict", problem);
                    let error = error.key("name").allowed("a name that no other agent has");
                    parsed = Err(vec![error]);
                }
                None => {
                    names.insert(agent.config.name.clone(), path.clone());
                }
            }
        }
        files.insert(path.clone(), parsed);
    }
    files
}

/// The keys of a file, as the table of settings checked them.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AgentFile {
    name: AgentName,
    description: String,
    model_tier: Tier,
    tools: Vec<ToolName>,
    max_iterations: u32,
    approval_required: bool,
    system_prompt: String,
    max_tokens: u32,
    temperature: f32,
    timeout_seconds: u64,
    step_timeout_seconds: u64,
    tool_timeout_seconds: u64,
    on_edge_lost: Option<OnEdgeLost>,
    privacy: Option<Privacy>,
    validation: ValidationFile,
}

/// The keys of the section `validation`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ValidationFile {
    required_docstring: bool,
    require_type_hints: bool,
    require_error_handling: bool,
    lint: bool,
    max_file_size_kb: u32,
    allowed_imports: Vec<String>,
    blocked_imports: Vec<String>,
    cite_sources: bool,
    separate_opinion: bool,
    output_schema: Option<String>,
}

impl ValidationFile {
    fn into_validation(self) -> Result<Validation, serde_json::Error> {
        let output_schema =
            self.output_schema.map(|text| serde_json::from_str(&text)).transpose()?;
        Ok(Validation {
            required_docstring: self.required_docstring,
            require_type_hints: self.require_type_hints,
            require_error_handling: self.require_error_handling,
            lint: self.lint,
            max_file_size_kb: self.max_file_size_kb,
            allowed_imports: self.allowed_imports,
            blocked_imports: self.blocked_imports,
            cite_sources: self.cite_sources,
            separate_opinion: self.separate_opinion,
            output_schema,
        })
    }
}

fn parse(path: &Path, text: &str) -> Result<LoadedAgent, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let Some(root) = yaml::parse(path, text, &mut errors) else { return Err(errors) };
    let resolution = resolve(AGENT, &root);
    errors.extend(resolution.errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let disagree = |_| {
        let problem = "the table of settings and the typed agent disagree";
        vec![ConfigError::new(Origin::file(path), "conflict", problem)]
    };
    let file: AgentFile = serde_json::from_value(resolution.value).map_err(disagree)?;
    let validation = file.validation.into_validation().map_err(disagree)?;
    Ok(LoadedAgent {
        config: AgentConfig {
            name: file.name,
            description: file.description,
            model_tier: file.model_tier,
            tools: file.tools,
            max_iterations: file.max_iterations,
            approval_required: file.approval_required,
            system_prompt: file.system_prompt,
            sampling: Sampling {
                temperature: file.temperature,
                max_tokens: file.max_tokens,
                ..Sampling::default()
            },
            timeout_seconds: file.timeout_seconds,
            step_timeout_seconds: file.step_timeout_seconds,
            tool_timeout_seconds: file.tool_timeout_seconds,
            on_edge_lost: file.on_edge_lost,
            privacy: file.privacy,
            validation,
        },
        file: path.to_owned(),
    })
}
