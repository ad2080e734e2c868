//! What the kernel is told by the configuration.

use std::path::PathBuf;
use std::time::Duration;

use agentos_store::Usd;

use crate::export::ExportFormat;
use crate::secrets::Secrets;

/// What holds for the kernel as a whole.
#[derive(Debug, Clone)]
pub struct KernelConfig {
    /// The time zone in which months are stated beside the UTC days, by its
    /// IANA name.
    pub timezone: String,
    /// An alert is sent where a month costs more.
    pub monthly_threshold: Usd,
    /// An alert is sent where billed and metered differ by more than so many
    /// thousandths of the larger.
    pub drift_permille: u32,
    /// Files with results.
    pub export: ExportConfig,
    /// Every secret, by its name; a plugin sees those that its declaration names.
    pub secrets: Secrets,
}

impl Default for KernelConfig {
    fn default() -> Self {
        Self {
            timezone: "UTC".to_owned(),
            monthly_threshold: Usd::from(agentos_domain::NanoUsd(50_000_000_000)),
            drift_permille: 20,
            export: ExportConfig::default(),
            secrets: Secrets::default(),
        }
    }
}

/// Files with results.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportConfig {
    /// The form of a file, unless another one is asked for.
    pub default_format: ExportFormat,
    /// The folder of files that have no other; made where it is missing.
    pub output_dir: PathBuf,
    /// Whether the providers' own answers are a column.
    pub include_raw_json: bool,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self {
            default_format: ExportFormat::Csv,
            output_dir: PathBuf::from("./exports"),
            include_raw_json: false,
        }
    }
}

/// How a provider's bill is fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CollectorConfig {
    /// Whether `run_all` and the daily report fetch it.
    pub enabled: bool,
    /// Where the provider is, without a slash at the end; its own address where
    /// absent.
    pub base_url: Option<String>,
    /// The longest that a request may take.
    pub timeout: Duration,
    /// Further tries after a failure that may pass.
    pub retry_count: u32,
    /// Pause before a further try, where the provider names none.
    pub retry_delay: Duration,
    /// So many of the newest days the daily job fetches again, for providers
    /// still change them; older days are closed.
    pub refresh_days: u32,
}

impl Default for CollectorConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            base_url: None,
            timeout: Duration::from_secs(60),
            retry_count: 3,
            retry_delay: Duration::from_secs(5),
            refresh_days: 3,
        }
    }
}
