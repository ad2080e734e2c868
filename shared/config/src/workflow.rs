//! `workflow.yaml`: plugins of the kernel that are declared and nothing else.
//!
//! `${…}` is not replaced in it: secrets are named, and given to the plugin
//! when it runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use crate::error::{ConfigError, ConfigErrors, Origin};
use crate::find::read;
use crate::read::seconds;
use crate::resolve::resolve;
use crate::settings::WORKFLOW;
use crate::yaml;

/// The plugins of a file, by their names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Workflow {
    /// The plugins.
    pub plugins: BTreeMap<String, WorkflowPlugin>,
}

/// A plugin that is declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkflowPlugin {
    /// What it is.
    pub kind: WorkflowKind,
    /// The longest that a run of it may take.
    pub timeout: Duration,
}

/// What a declared plugin is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkflowKind {
    /// A program.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
        /// The names of the secrets in its environment.
        secrets: Vec<String>,
    },
    /// A service that is asked by JSON over HTTP.
    Http {
        /// Where.
        url: String,
        /// The name of the secret that is shown.
        bearer: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    plugins: BTreeMap<String, Written>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    r#type: String,
    command: Vec<String>,
    url: Option<String>,
    bearer: Option<String>,
    secrets: Vec<String>,
    #[serde(with = "seconds")]
    timeout: Duration,
}

impl Workflow {
    /// Reads a file; one that is not there declares nothing.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn read(path: &Path) -> Result<Self, ConfigErrors> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = read(path).map_err(|error| ConfigErrors::sorted(vec![error]))?;
        parse(path, &text).map_err(ConfigErrors::sorted)
    }
}

fn parse(path: &Path, text: &str) -> Result<Workflow, Vec<ConfigError>> {
    let mut errors = Vec::new();
    let Some(root) = yaml::parse(path, text, &mut errors) else { return Err(errors) };
    let resolution = resolve(WORKFLOW, &root);
    errors.extend(resolution.errors);
    if !errors.is_empty() {
        return Err(errors);
    }
    let file: File = serde_json::from_value(resolution.value).map_err(|_| {
        let problem = "the table of settings and the typed plugins disagree";
        vec![ConfigError::new(Origin::file(path), "conflict", problem)]
    })?;
    let mut workflow = Workflow::default();
    for (name, written) in file.plugins {
        match written.check() {
            Ok(plugin) => drop(workflow.plugins.insert(name, plugin)),
            Err((key, problem)) => {
                let key = format!("plugins.{name}.{key}");
                let error = ConfigError::new(Origin::file(path), "conflict", problem);
                errors.push(error.key(&key));
            }
        }
    }
    if errors.is_empty() { Ok(workflow) } else { Err(errors) }
}

impl Written {
    /// What belongs to the one kind does not belong to the other.
    fn check(self) -> Result<WorkflowPlugin, (&'static str, &'static str)> {
        let Self { command, url, bearer, secrets, timeout, .. } = self;
        let kind = if self.r#type == "command" {
            if command.first().is_none_or(String::is_empty) {
                return Err(("command", "missing: a plugin of type command names its program"));
            }
            if url.is_some() || bearer.is_some() {
                return Err(("url", "url and bearer belong to plugins of type http"));
            }
            WorkflowKind::Command { command, secrets }
        } else {
            let missing = ("url", "missing: a plugin of type http names its address");
            let url = url.ok_or(missing)?;
            if !command.is_empty() || !secrets.is_empty() {
                return Err(("command", "command and secrets belong to plugins of type command"));
            }
            WorkflowKind::Http { url, bearer }
        };
        Ok(WorkflowPlugin { kind, timeout })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Workflow, String> {
        parse(Path::new("workflow.yaml"), text)
            .map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    }

    #[test]
    fn plugins_are_declared_in_yaml_alone() {
        let workflow = parsed(
            "plugins:\n  disk:\n    type: command\n    command: [df, /]\n    secrets: [one]\n  \
             quotes:\n    type: http\n    url: http://127.0.0.1:9/x\n    bearer: two\n    \
             timeout: 5\n",
        )
        .unwrap();
        let disk = &workflow.plugins["disk"];
        assert_eq!(disk.timeout, Duration::from_secs(60));
        let command = vec!["df".to_owned(), "/".to_owned()];
        let secrets = vec!["one".to_owned()];
        assert_eq!(disk.kind, WorkflowKind::Command { command, secrets });
        let (url, bearer) = ("http://127.0.0.1:9/x".to_owned(), Some("two".to_owned()));
        assert_eq!(workflow.plugins["quotes"].kind, WorkflowKind::Http { url, bearer });
        assert_eq!(parsed("").unwrap(), Workflow::default());
        assert_eq!(Workflow::read(Path::new("/nowhere/w.yaml")).unwrap(), Workflow::default());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        for (text, part) in [
            ("plugins:\n  a:\n    type: shell\n", "plugins.a.type"),
            ("plugins:\n  a:\n    command: [x]\n", "plugins.a.type"),
            ("plugins:\n  a:\n    type: command\n", "plugins.a.command"),
            ("plugins:\n  a:\n    type: http\n", "plugins.a.url"),
            ("plugins:\n  a:\n    type: http\n    url: http://h/\n    command: [x]\n", "belong"),
            (
                "plugins:\n  a:\n    type: command\n    command: [x]\n    urll: y\n",
                "workflow.yaml:5",
            ),
            ("plugin: {}\n", "workflow.yaml:1"),
        ] {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
