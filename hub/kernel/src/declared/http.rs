//! A plugin that is a service: its document is posted, its answer is JSON.

use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::{answer, question};
use crate::plugin::{Plugin, PluginContext, PluginResult};

/// The largest answer, in bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// A service that is asked as a plugin.
pub struct HttpPlugin {
    /// Its name.
    pub name: String,
    /// Asks it; has TLS and follows no redirects.
    pub client: reqwest::Client,
    /// Where it is.
    pub url: String,
    /// The name of the secret that it is shown.
    pub bearer: Option<String>,
    /// The longest that it may take.
    pub timeout: Duration,
}

#[async_trait]
impl Plugin for HttpPlugin {
    fn name(&self) -> &str {
        &self.name
    }

    async fn run(&self, context: &PluginContext, params: &Value) -> PluginResult {
        let asking = self.ask(context, params);
        match context.cancel.run_until_cancelled(asking).await {
            None => PluginResult::failed("the hub is stopping: run it again later"),
            Some(Err(error)) => PluginResult::failed(error),
            Some(Ok(result)) => result,
        }
    }
}

impl HttpPlugin {
    async fn ask(&self, context: &PluginContext, params: &Value) -> Result<PluginResult, String> {
        let request = self.client.post(&self.url).json(&question(&self.name, context, params));
        let request = match &self.bearer {
            None => request,
            Some(name) => {
                let secret = context.secret(name);
                let secret =
                    secret.ok_or_else(|| format!("there is no secret `{name}`: set it"))?;
                request.bearer_auth(secret.expose())
            }
        };
        // The address may hold a secret: it is no part of a message.
        let told = |error: reqwest::Error| format!("it cannot be asked: {}", error.without_url());
        let mut response = request.timeout(self.timeout).send().await.map_err(told)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(more) = response.chunk().await.map_err(told)? {
            if bytes.len() + more.len() > MAX_ANSWER {
                return Err(format!("it answers more than {MAX_ANSWER} bytes"));
            }
            bytes.extend_from_slice(&more);
        }
        if !status.is_success() {
            return Err(format!("it answers {status}"));
        }
        let document: Value = serde_json::from_slice(&bytes)
            .map_err(|error| format!("it answers no JSON: {error}"))?;
        Ok(answer::read(&document.to_string()))
    }
}
