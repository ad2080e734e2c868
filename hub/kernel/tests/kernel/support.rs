//! A kernel over a database of its own, two fakes, and a clock that stands still.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use agentos_domain::{Clock, ManualClock, ProviderSecret, Timestamp};
use agentos_fake_billing::{Api, FakeBilling};
use agentos_kernel::{
    Alert, Anthropic, Collector, CollectorConfig, Declared, ExportConfig, Kernel, KernelConfig,
    Notify, NotifyError, OpenAi, Pause, ProgressSink, RunReport, Secrets,
};
use agentos_store::{
    KernelStore, ResultFilter, ResultRecord, RunFilter, RunRecord, SqliteConfig, SqliteStore, Usd,
};
use async_trait::async_trait;
use tempfile::TempDir;

pub(crate) const OPENAI_KEY: &str = "sk-admin-canary-openai-0123456789";
pub(crate) const ANTHROPIC_KEY: &str = "sk-ant-admin01-canary-anthropic-0123456789";
/// The newest complete day is 2026-11-21.
pub(crate) const NOW: &str = "2026-11-22T06:00:00Z";
pub(crate) const YESTERDAY: &str = "2026-11-21";

/// Pauses that take no time, and how long they were to be.
#[derive(Default)]
pub(crate) struct Pauses(Mutex<Vec<Duration>>);

impl Pauses {
    pub(crate) fn taken(&self) -> Vec<Duration> {
        self.0.lock().unwrap().clone()
    }
}

#[async_trait]
impl Pause for Pauses {
    async fn pause(&self, duration: Duration) {
        self.0.lock().unwrap().push(duration);
    }
}

/// Whoever is told of alerts.
#[derive(Default)]
pub(crate) struct Told {
    pub(crate) alerts: Mutex<Vec<Alert>>,
    pub(crate) deaf: bool,
}

#[async_trait]
impl Notify for Told {
    async fn alert(&self, alert: &Alert) -> Result<(), NotifyError> {
        if self.deaf {
            return Err(NotifyError("the webhook answers 500".to_owned()));
        }
        self.alerts.lock().unwrap().push(alert.clone());
        Ok(())
    }
}

/// What a kernel is made of.
pub(crate) struct Setup {
    pub(crate) openai_key: Option<&'static str>,
    pub(crate) anthropic_key: Option<&'static str>,
    pub(crate) collector: CollectorConfig,
    pub(crate) config: KernelConfig,
    pub(crate) plugins: Vec<Declared>,
    pub(crate) notify: Option<Arc<Told>>,
    pub(crate) secrets: Secrets,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            openai_key: Some(OPENAI_KEY),
            anthropic_key: Some(ANTHROPIC_KEY),
            collector: CollectorConfig {
                timeout: Duration::from_secs(20),
                retry_delay: Duration::from_secs(5),
                ..CollectorConfig::default()
            },
            config: KernelConfig::default(),
            plugins: Vec::new(),
            notify: None,
            secrets: Secrets::default(),
        }
    }
}

pub(crate) struct World {
    pub(crate) folder: PathBuf,
    pub(crate) store: Arc<SqliteStore>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) openai: FakeBilling,
    pub(crate) anthropic: FakeBilling,
    pub(crate) pauses: Arc<Pauses>,
    pub(crate) kernel: Kernel,
    /// Removed with the world, where it is its own.
    _kept: Option<TempDir>,
}

pub(crate) fn http() -> reqwest::Client {
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let ring = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(ring)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls).no_proxy().build().unwrap()
}

pub(crate) async fn open_store(folder: &Path) -> Arc<SqliteStore> {
    let path = folder.join("hub.db");
    Arc::new(SqliteStore::open(SqliteConfig { path, readers: 2 }).await.unwrap())
}

pub(crate) fn secret(text: &str) -> ProviderSecret {
    ProviderSecret::new(text.to_owned()).unwrap()
}

pub(crate) fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn quiet() -> ProgressSink {
    Arc::new(|_| {})
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(Setup::default()).await
    }

    pub(crate) async fn with(setup: Setup) -> Self {
        let kept = tempfile::tempdir().unwrap();
        let folder = kept.path().to_owned();
        Self { _kept: Some(kept), ..Self::build(folder, setup).await }
    }

    /// In a folder of the caller's.
    pub(crate) async fn at(folder: &Path) -> Self {
        Self::build(folder.to_owned(), Setup::default()).await
    }

    async fn build(folder: PathBuf, setup: Setup) -> Self {
        let store = open_store(&folder).await;
        let openai = FakeBilling::start(Api::OpenAi, OPENAI_KEY).await.unwrap();
        let anthropic = FakeBilling::start(Api::Anthropic, ANTHROPIC_KEY).await.unwrap();
        let clock = Arc::new(ManualClock::at(at(NOW)));
        let pauses = Arc::new(Pauses::default());
        let collectors =
            |base: String| CollectorConfig { base_url: Some(base), ..setup.collector.clone() };
        let pause = || Arc::clone(&pauses) as Arc<dyn Pause>;
        let collectors = vec![
            Arc::new(
                Collector::new(OpenAi, collectors(openai.base_url()), http()).with_pause(pause()),
            ),
            Arc::new(
                Collector::new(Anthropic, collectors(anthropic.base_url()), http())
                    .with_pause(pause()),
            ),
        ];
        let mut secrets = setup.secrets;
        for (name, key) in
            [("openai_admin_key", setup.openai_key), ("anthropic_admin_key", setup.anthropic_key)]
        {
            if let Some(key) = key {
                secrets = secrets.with(name, secret(key));
            }
        }
        let output_dir = folder.join("exports");
        let export = ExportConfig { output_dir, ..setup.config.export };
        let config = KernelConfig { secrets, export, ..setup.config };
        let notify = setup.notify.map(|told| told as Arc<dyn Notify>);
        let kernel = Kernel::open(
            config,
            Arc::clone(&store) as Arc<dyn KernelStore>,
            Arc::clone(&clock) as Arc<dyn Clock>,
            collectors,
            setup.plugins,
            notify,
        )
        .await
        .unwrap();
        Self { folder, store, clock, openai, anthropic, pauses, kernel, _kept: None }
    }

    /// Fetches a provider's newest day.
    pub(crate) async fn fetch(&self, provider: &str) -> RunReport {
        self.kernel.fetch(provider, Default::default(), false, quiet()).await.unwrap()
    }

    /// Fetches days of a provider.
    pub(crate) async fn fetch_days(&self, provider: &str, from: &str, to: &str) -> RunReport {
        self.kernel.fetch(provider, days(from, to), false, quiet()).await.unwrap()
    }

    /// All results, the newest first.
    pub(crate) async fn results(&self) -> Vec<ResultRecord> {
        let filter = ResultFilter { raw_json: true, ..ResultFilter::default() };
        self.kernel.results(filter).await.unwrap()
    }

    /// All runs, the newest first.
    pub(crate) async fn runs(&self) -> Vec<RunRecord> {
        self.kernel.runs(all_runs()).await.unwrap()
    }
}

pub(crate) fn all_runs() -> RunFilter {
    RunFilter { status: None, plugin_name: None, before: None, limit: 1000 }
}

pub(crate) fn days(from: &str, to: &str) -> agentos_kernel::DayRange {
    agentos_kernel::DayRange { from: Some(from.parse().unwrap()), to: Some(to.parse().unwrap()) }
}
