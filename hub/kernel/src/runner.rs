//! Runs plugins. Every run leaves a row, whatever happens: the plugin fails,
//! panics, or whoever asked goes away. It knows nothing of what they do.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::Clock;
use agentos_store::{KernelStore, RunEnd, RunId, RunStatus};
use futures::FutureExt as _;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::error::KernelError;
use crate::plugin::{PluginContext, PluginResult, PluginStatus, ProgressSink};
use crate::registry::{Declared, Registry};
use crate::secrets::Secrets;

/// The error of a run whose process is gone.
const INTERRUPTED: &str = "the hub ended during this run: run it again";
/// The largest output that is kept with a run, in bytes.
const MAX_DATA: usize = 256 * 1024;
/// The longest error that is kept with a run, in characters.
const MAX_ERROR: usize = 2000;

/// Runs plugins by name, one run of each at a time.
pub struct Runner {
    store: Arc<dyn KernelStore>,
    clock: Arc<dyn Clock>,
    registry: Registry,
    secrets: Secrets,
    tracker: TaskTracker,
    cancel: CancellationToken,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RunReport {
    /// The run.
    pub run_id: RunId,
    /// The plugin.
    pub plugin: String,
    /// Where the run stands: never `running`.
    pub status: RunStatus,
    /// What went wrong.
    pub error: Option<String>,
    /// What the plugin answered.
    pub data: Value,
    /// Counts and times.
    pub metadata: Map<String, Value>,
}

impl RunReport {
    /// Whether all was done, or nothing was to do.
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self.status, RunStatus::Success | RunStatus::Skipped)
    }

    /// What went wrong, after the plugin's name.
    #[must_use]
    pub fn told(&self) -> Option<String> {
        let error = self.error.as_deref().unwrap_or("no reason is known");
        (!self.is_ok()).then(|| format!("{}: {error}", self.plugin))
    }
}

impl Runner {
    /// A runner; runs that a process before it left open are closed as failed.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn open(
        store: Arc<dyn KernelStore>,
        clock: Arc<dyn Clock>,
        registry: Registry,
        secrets: Secrets,
    ) -> Result<Self, KernelError> {
        let closed = store.close_open_runs(INTERRUPTED, clock.now()).await?;
        if closed > 0 {
            tracing::warn!(runs = closed, "runs that were interrupted are closed as failed");
        }
        let (tracker, cancel) = (TaskTracker::new(), CancellationToken::new());
        Ok(Self { store, clock, registry, secrets, tracker, cancel })
    }

    /// The names of all plugins, sorted.
    pub fn plugins(&self) -> impl Iterator<Item = &str> {
        self.registry.names()
    }

    /// Whether a secret is there.
    #[must_use]
    pub fn has_secret(&self, name: &str) -> bool {
        self.secrets.get(name).is_some()
    }

    /// A text without any secret.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        self.secrets.redact(text)
    }

    /// Runs a plugin to its end, also where the caller goes away meanwhile.
    ///
    /// # Errors
    /// [`KernelError::UnknownPlugin`], [`KernelError::Stopping`], and those of
    /// the store. What goes wrong in the plugin is in the report.
    pub async fn run(
        &self,
        name: &str,
        params: Value,
        progress: ProgressSink,
    ) -> Result<RunReport, KernelError> {
        let entry = self.registry.find(name)?;
        if self.cancel.is_cancelled() {
            return Err(KernelError::Stopping);
        }
        let run = Run {
            name: name.to_owned(),
            declared: entry.declared.clone(),
            store: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            secrets: self.secrets.clone(),
            cancel: self.cancel.clone(),
            progress,
        };
        let turn = Arc::clone(&entry.turn);
        let work = async move {
            let _turn = turn.lock_owned().await;
            run.whole(&params).await
        };
        self.tracker.spawn(work.in_current_span()).await.unwrap_or(Err(KernelError::Stopping))
    }

    /// Has the runs that are under way end, and refuses new ones. After
    /// `deadline` it returns although one still runs; its row is closed by the
    /// next start.
    pub async fn close(&self, deadline: Duration) {
        self.cancel.cancel();
        self.tracker.close();
        if timeout(deadline, self.tracker.wait()).await.is_err() {
            tracing::warn!(?deadline, "a plugin did not end in time");
        }
    }
}

/// One run.
struct Run {
    name: String,
    declared: Declared,
    store: Arc<dyn KernelStore>,
    clock: Arc<dyn Clock>,
    secrets: Secrets,
    cancel: CancellationToken,
    progress: ProgressSink,
}

impl Run {
    async fn whole(self, params: &Value) -> Result<RunReport, KernelError> {
        let id = RunId::generate();
        self.store.begin_run(id, &self.name, self.clock.now()).await?;
        let span = tracing::info_span!("plugin.run", run_id = %id, plugin = %self.name);
        let began = self.clock.monotonic();
        let result = self.guarded(id, params).instrument(span.clone()).await;
        let mut report = self.report(id, result);
        let took = self.clock.monotonic().saturating_sub(began);
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        report.metadata.insert("duration_ms".to_owned(), millis.into());
        let end = RunEnd {
            status: report.status,
            error: report.error.clone(),
            data: report.data.clone(),
            metadata: report.metadata.clone(),
            now: self.clock.now(),
        };
        self.store.end_run(id, end).await?;
        let (status, error) = (report.status.as_str(), report.error.as_deref());
        span.in_scope(|| match report.is_ok() {
            true => tracing::info!(status, "the plugin has run"),
            false => tracing::warn!(status, error, "the plugin has run"),
        });
        Ok(report)
    }

    /// The plugin's answer; a panic in it is a failure.
    async fn guarded(&self, run_id: RunId, params: &Value) -> PluginResult {
        let context = PluginContext {
            run_id,
            database: Arc::clone(&self.store),
            clock: Arc::clone(&self.clock),
            cancel: self.cancel.clone(),
            secrets: self.secrets.only(&self.declared.secrets),
            progress: Arc::clone(&self.progress),
        };
        let running = AssertUnwindSafe(self.declared.plugin.run(&context, params)).catch_unwind();
        running.await.unwrap_or_else(|_| {
            PluginResult::failed("the plugin panicked: this is a bug of it, see the log")
        })
    }

    /// What the plugin answered, without any secret.
    fn report(&self, run_id: RunId, result: PluginResult) -> RunReport {
        let status = match result.status {
            PluginStatus::Success if result.skipped => RunStatus::Skipped,
            PluginStatus::Success => RunStatus::Success,
            PluginStatus::Failed => RunStatus::Failed,
            PluginStatus::Partial => RunStatus::Partial,
        };
        let mut metadata = self.secrets.redact_map(&result.metadata);
        let mut data = self.secrets.redact_json(&result.data);
        let length = data.to_string().len();
        if length > MAX_DATA {
            data = Value::Null;
            metadata.insert("data_dropped_bytes".to_owned(), length.into());
        }
        let shorten = |text: String| text.chars().take(MAX_ERROR).collect();
        let error = result.error.map(|error| shorten(self.secrets.redact(&error)));
        RunReport { run_id, plugin: self.name.clone(), status, error, data, metadata }
    }
}
