//! What providers charge: the kernel as configured, and its daily report.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use agentos_config::{Collector as CollectorSettings, ExportFormat as Format, Secret, Workflow};
use agentos_domain::{Clock, ProviderSecret};
use agentos_kernel::{
    Adapter, Alert, Anthropic, Collector, CollectorConfig, DailyError, DailySchedule, ExportConfig,
    ExportFormat, Kernel, KernelConfig, Notify, NotifyError, OpenAi, Secrets, declared_plugins,
};
use agentos_router::{Location, http_client};
use agentos_store::{JobStore, KernelStore, SqliteStore, Usd};
use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use crate::error::HubError;
use crate::notify::Webhooks;
use crate::settings::Settings;

/// The plugins that are declared alone, beside the configuration.
const WORKFLOW: &str = "workflow.yaml";
/// How long a provider may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long plugins may take to end when the hub stops.
const CLOSE_DEADLINE: Duration = Duration::from_secs(5);

/// The kernel, and when it reports.
pub(crate) struct Billing {
    pub(crate) kernel: Arc<Kernel>,
    daily: Option<DailySchedule>,
}

impl Billing {
    /// Opens it: what a process before left open is closed as failed.
    pub(crate) async fn open(
        settings: &Settings,
        store: Arc<SqliteStore>,
        clock: Arc<dyn Clock>,
        webhooks: Option<Arc<Webhooks>>,
    ) -> Result<Self, HubError> {
        let http = http_client(CONNECT, Location::Cloud).map_err(HubError::Billing)?;
        let workflow = Workflow::read(&settings.loaded.resolve(Path::new(WORKFLOW)))?;
        let kernel = Kernel::open(
            kernel_config(settings)?,
            Arc::clone(&store) as Arc<dyn KernelStore>,
            Arc::clone(&clock),
            collectors(settings, &http)?,
            declared_plugins(&workflow, &http),
            webhooks.map(|webhooks| Arc::new(Alerts(webhooks)) as Arc<dyn Notify>),
        )
        .await
        .map_err(|error| HubError::Billing(error.to_string()))?;
        let kernel = Arc::new(kernel);
        let schedule = &settings.loaded.config.schedule;
        let store = store as Arc<dyn JobStore>;
        let daily = if schedule.enabled {
            let when = (schedule.time.as_str(), schedule.timezone.as_str());
            let daily = DailySchedule::open(Arc::clone(&kernel), store, clock, when).await;
            Some(daily.map_err(|error| match error {
                DailyError::Store(error) => HubError::Store(error),
                DailyError::Calendar(_) => HubError::Billing(error.to_string()),
            })?)
        } else {
            DailySchedule::switched_off(store.as_ref(), clock.as_ref()).await?;
            None
        };
        Ok(Self { kernel, daily })
    }

    /// Reports at its time, until `cancel`.
    pub(crate) async fn run(&self, cancel: CancellationToken) {
        if let Some(daily) = &self.daily {
            daily.run(cancel).await;
        }
    }

    /// Has the plugins that run end.
    pub(crate) async fn close(&self) {
        self.kernel.close(CLOSE_DEADLINE).await;
    }
}

fn kernel_config(settings: &Settings) -> Result<KernelConfig, HubError> {
    let config = &settings.loaded.config;
    let threshold = config.notifications.monthly_threshold_usd.to_string();
    let monthly_threshold = threshold.parse::<Usd>().map_err(|error| {
        HubError::Billing(format!("notifications.monthly_threshold_usd: {error}"))
    })?;
    let export = &config.export;
    Ok(KernelConfig {
        timezone: config.schedule.timezone.clone(),
        monthly_threshold,
        export: ExportConfig {
            default_format: match export.default_format {
                Format::Csv => ExportFormat::Csv,
                Format::Focus => ExportFormat::Focus,
            },
            output_dir: settings.data().join(&export.output_dir),
            include_raw_json: export.include_raw_json,
        },
        secrets: secrets(settings)?,
        ..KernelConfig::default()
    })
}

/// Every key of a provider, by the name of its setting.
fn secrets(settings: &Settings) -> Result<Secrets, HubError> {
    let providers = &settings.loaded.config.providers;
    let keys: [(&str, &Option<Secret>); 4] = [
        ("openai_admin_key", &providers.openai_admin_key),
        ("anthropic_admin_key", &providers.anthropic_admin_key),
        ("openai_api_key", &providers.openai_api_key),
        ("anthropic_api_key", &providers.anthropic_api_key),
    ];
    let mut secrets = Secrets::default();
    for (name, key) in keys {
        if let Some(key) = key {
            let secret = ProviderSecret::new(key.expose().to_owned())
                .map_err(|error| HubError::Billing(format!("providers.{name}: {error}")))?;
            secrets = secrets.with(name, secret);
        }
    }
    Ok(secrets)
}

fn collectors(
    settings: &Settings,
    http: &reqwest::Client,
) -> Result<Vec<Arc<Collector>>, HubError> {
    let configured = &settings.loaded.config.collectors;
    let config = |adapter: &dyn Adapter| {
        let found = configured.get(adapter.provider().key);
        found.map_or_else(CollectorConfig::default, collector_config)
    };
    let (openai, anthropic) = (config(&OpenAi), config(&Anthropic));
    let collectors = vec![
        Arc::new(Collector::new(OpenAi, openai, http.clone())),
        Arc::new(Collector::new(Anthropic, anthropic, http.clone())),
    ];
    let known: Vec<_> = collectors.iter().map(|one| one.provider().key).collect();
    match configured.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(collectors),
        Some(name) => Err(HubError::Billing(format!(
            "collectors.{name}: there is no such collector: there are {}",
            known.join(", ")
        ))),
    }
}

fn collector_config(settings: &CollectorSettings) -> CollectorConfig {
    CollectorConfig {
        enabled: settings.enabled,
        base_url: settings.base_url.as_ref().map(|url| url.trim_end_matches('/').to_owned()),
        timeout: settings.timeout,
        retry_count: settings.retry_count,
        retry_delay: settings.retry_delay,
        refresh_days: settings.refresh_days,
    }
}

/// Alerts of the kernel by the hub's webhooks.
struct Alerts(Arc<Webhooks>);

#[async_trait]
impl Notify for Alerts {
    async fn alert(&self, alert: &Alert) -> Result<(), NotifyError> {
        self.0.tell_of_costs(alert).await.map_err(|error| NotifyError(error.to_string()))
    }
}
