//! Plugins that are declared in `workflow.yaml` alone: programs, and services
//! that are asked over HTTP. Both are given one document,
//! `{"run_id", "plugin", "params"}`, and answer one: a
//! [`PluginResult`](crate::PluginResult), or any output of theirs.

mod answer;
mod command;
mod http;

use std::sync::Arc;

use agentos_config::{Workflow, WorkflowKind};
use serde_json::{Value, json};

pub use command::CommandPlugin;
pub use http::HttpPlugin;

use crate::plugin::{Plugin, PluginContext};
use crate::registry::Declared;

/// The plugins that a file declares. `client` has TLS and follows no redirects.
#[must_use]
pub fn declared_plugins(workflow: &Workflow, client: &reqwest::Client) -> Vec<Declared> {
    let plugins = workflow.plugins.iter();
    plugins
        .map(|(name, plugin)| {
            let (name, timeout) = (name.clone(), plugin.timeout);
            match &plugin.kind {
                WorkflowKind::Command { command, secrets } => {
                    let plugin = CommandPlugin {
                        name,
                        command: command.clone(),
                        secrets: secrets.clone(),
                        timeout,
                    };
                    declared(plugin, secrets.clone())
                }
                WorkflowKind::Http { url, bearer } => {
                    let (client, url, bearer) = (client.clone(), url.clone(), bearer.clone());
                    let secrets = bearer.iter().cloned().collect();
                    declared(HttpPlugin { name, client, url, bearer, timeout }, secrets)
                }
            }
        })
        .collect()
}

fn declared(plugin: impl Plugin, secrets: Vec<String>) -> Declared {
    Declared { plugin: Arc::new(plugin), secrets }
}

/// What a plugin outside of the hub is given.
fn question(name: &str, context: &PluginContext, params: &Value) -> Value {
    json!({ "run_id": context.run_id, "plugin": name, "params": params })
}
