//! The contract of plugins: a name and one operation.

use std::sync::Arc;

use agentos_domain::{Clock, ProviderSecret};
use agentos_store::{KernelStore, RunId};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio_util::sync::CancellationToken;

use crate::secrets::Secrets;

/// Something that the kernel can run.
#[async_trait]
pub trait Plugin: Send + Sync + 'static {
    /// Its name, unique among plugins.
    fn name(&self) -> &str;

    /// Does its work once. It ends soon after the context's `cancel`. What it
    /// logs is inside a span that names the run.
    async fn run(&self, context: &PluginContext, params: &Value) -> PluginResult;
}

/// What a plugin works with.
pub struct PluginContext {
    /// The run.
    pub run_id: RunId,
    /// Where results are kept.
    pub database: Arc<dyn KernelStore>,
    /// The hub's time.
    pub clock: Arc<dyn Clock>,
    /// Whether it is to end.
    pub cancel: CancellationToken,
    pub(crate) secrets: Secrets,
    pub(crate) progress: ProgressSink,
}

impl PluginContext {
    /// A secret that its declaration lets it see.
    #[must_use]
    pub fn secret(&self, name: &str) -> Option<&ProviderSecret> {
        self.secrets.get(name)
    }

    /// A text without any secret that the plugin may see.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.secrets.redact(text)
    }

    /// Tells whoever watches how far it is.
    pub fn progress(&self, progress: Progress) {
        (self.progress)(progress);
    }
}

/// How far a run is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The plugin.
    pub plugin: String,
    /// How many pieces of its work are done, whatever they are.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// Whoever watches a run.
pub type ProgressSink = Arc<dyn Fn(Progress) + Send + Sync>;

/// How a plugin's work ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PluginStatus {
    /// All of it was done.
    Success,
    /// Nothing of it was done.
    Failed,
    /// Some of it was done.
    Partial,
}

/// What a plugin answers. Written as JSON it is what plugins outside of the hub
/// answer too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginResult {
    /// How it ended.
    pub status: PluginStatus,
    /// Whether there was nothing to do: a successful run is kept as `skipped`.
    #[serde(default)]
    pub skipped: bool,
    /// Its output, in a form of its own.
    #[serde(default)]
    pub data: Value,
    /// What went wrong and what to do about it.
    #[serde(default)]
    pub error: Option<String>,
    /// Counts and times.
    #[serde(default)]
    pub metadata: Map<String, Value>,
}

impl PluginResult {
    /// All was done.
    #[must_use]
    pub fn success(data: Value) -> Self {
        let (error, metadata) = (None, Map::new());
        Self { status: PluginStatus::Success, skipped: false, data, error, metadata }
    }

    /// There was nothing to do.
    #[must_use]
    pub fn skipped() -> Self {
        Self { skipped: true, ..Self::success(Value::Null) }
    }

    /// Nothing was done.
    #[must_use]
    pub fn failed(error: impl Into<String>) -> Self {
        let error = Some(error.into());
        Self { status: PluginStatus::Failed, error, ..Self::success(Value::Null) }
    }

    /// With one more entry in its metadata.
    #[must_use]
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.metadata.insert(key.to_owned(), value.into());
        self
    }
}
