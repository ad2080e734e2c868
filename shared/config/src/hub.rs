//! The hub's configuration, typed. What each setting means, its range and its
//! default are in the table of settings; the fields have the table's names.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use agentos_domain::{OnEdgeLost, Privacy, WorkspaceId};
use serde::Deserialize;

use crate::models::{Models, Router};
use crate::read::{days, hours, megabytes, seconds};
use crate::secret::Secret;
use crate::toolbox::{Sandbox, Web};

/// Everything that `agent_os.yaml` says.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HubConfig {
    /// The API.
    pub server: Server,
    /// Who may use it.
    pub auth: Auth,
    /// What one client may ask for.
    pub limits: Limits,
    /// Log lines.
    pub logging: Logging,
    /// Traces.
    pub telemetry: Telemetry,
    /// Where the hub keeps what it owns.
    pub storage: Storage,
    /// The database.
    pub database: Database,
    /// Where edges dial in.
    pub link: Link,
    /// How runs are handed to edges.
    pub engine: Engine,
    /// What a person has to confirm.
    pub approvals: Approvals,
    /// Where agents' files are.
    pub agents: Agents,
    /// Models beside those that the edges run.
    pub models: Models,
    /// Which model answers.
    pub router: Router,
    /// Secrets that the hub keeps.
    pub security: Security,
    /// Keys and addresses of providers.
    pub providers: Providers,
    /// The daily report.
    pub schedule: Schedule,
    /// What fetches a provider's usage, by its name.
    pub collectors: BTreeMap<String, Collector>,
    /// Files with results.
    pub export: Export,
    /// Where tools' files are.
    pub tools: Tools,
    /// What confines the programs that agents run on the hub.
    pub sandbox: Sandbox,
    /// What agents may reach of the web from the hub.
    pub web: Web,
    /// What is remembered.
    pub memory: Memory,
    /// Proposals made from the history.
    pub self_improvement: SelfImprovement,
    /// Who is told of what.
    pub notifications: Notifications,
    /// A control plane that the hub reports to.
    pub control_plane: ControlPlane,
}

/// The API.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Address that it listens on.
    pub host: IpAddr,
    /// Port that it listens on; 0 takes any free one.
    pub port: u16,
    /// The address by which clients reach it, where it is another.
    pub public_url: Option<String>,
    /// Web pages of other origins that may call it.
    pub cors_origins: Vec<String>,
    /// How it proves who it is.
    pub tls: Tls,
}

/// How the API proves who it is.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Where the certificate comes from.
    pub mode: TlsMode,
    /// Certificate chain in PEM; there where the mode is `files`.
    pub cert: Option<PathBuf>,
    /// Private key in PEM; there where the mode is `files`.
    pub key: Option<PathBuf>,
}

/// Where the API's certificate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TlsMode {
    /// Plain HTTP.
    Off,
    /// The hub's own authority.
    HubCa,
    /// Given files.
    Files,
}

/// Who may use the API, beside those with an API key.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Key of tokens that are signed with HS256.
    pub jwt_secret: Option<Secret>,
    /// Keys of tokens that are signed with RS256 or ES256.
    pub jwks: Jwks,
    /// What a token's `aud` must be.
    pub audience: Option<String>,
    /// What a token's `iss` must be.
    pub issuer: Option<String>,
    /// How far clocks may be apart.
    #[serde(rename = "leeway_seconds", with = "seconds")]
    pub leeway: Duration,
}

/// Where the set of public keys is; at most one of the two.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Jwks {
    /// Its address.
    pub url: Option<String>,
    /// Its file.
    pub file: Option<PathBuf>,
}

/// What one client may ask for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// The largest JSON body.
    pub body_bytes: u64,
    /// The largest file.
    pub file_bytes: u64,
    /// The longest that a request waits for its task.
    #[serde(rename = "wait_seconds", with = "seconds")]
    pub wait: Duration,
    /// Connections at once.
    pub connections: u32,
    /// Requests that a key or token may make in a minute.
    pub requests_per_minute_per_key: u32,
    /// Requests that an address may make in a minute.
    pub requests_per_minute_per_address: u32,
    /// Requests that may come at once, on top of the rate.
    pub burst: u32,
}

/// Log lines.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Logging {
    /// What to log: a level, or a filter.
    pub level: String,
    /// File that log lines go to, beside the console.
    pub path: Option<PathBuf>,
    /// `json`, `text`, or a pattern of `%(name)s` fields.
    pub format: String,
    /// When a log file is put aside.
    pub rotation: Rotation,
}

/// Traces of what requests set off.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Telemetry {
    /// The collector that takes them; nothing is exported where absent.
    pub otlp_endpoint: Option<String>,
}

/// When a log file is put aside.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// Size at which a new file is begun, in bytes.
    #[serde(rename = "max_megabytes", with = "megabytes")]
    pub max_bytes: u64,
    /// Old files that are kept.
    pub keep: u32,
}

/// Where the hub keeps what it owns.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Storage {
    /// Folder for everything; the usual place where absent.
    pub data: Option<PathBuf>,
    /// Folder of the workspaces' files; in the data folder where absent.
    pub workspace: Option<PathBuf>,
}

/// The database.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Database {
    /// The SQLite file, relative to the data folder.
    pub path: PathBuf,
    /// The longest that a query waits.
    #[serde(with = "seconds")]
    pub timeout: Duration,
}

/// Where edges dial in.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Link {
    /// Address and port, UDP and TCP.
    pub listen: SocketAddr,
    /// Further names and addresses of this hub.
    pub names: Vec<String>,
    /// How long an edge's certificate is good.
    #[serde(rename = "certificate_days", with = "days")]
    pub certificate_lifetime: Duration,
}

/// How runs are handed to edges.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Time without a sign of life after which a run is given to another edge.
    #[serde(rename = "lease_seconds", with = "seconds")]
    pub lease: Duration,
    /// The most runs that one edge works on at once.
    pub runs_per_edge: u32,
    /// The most runs of one workspace; any number where absent.
    pub runs_per_workspace: Option<u32>,
    /// The most runs of a tier.
    pub runs_per_tier: RunsPerTier,
    /// The most tasks of one workspace that wait.
    pub queue_limit: u32,
    /// What becomes of tasks where an edge is lost.
    pub on_edge_lost: OnEdgeLost,
    /// How long there has to be no edge before the hub works itself.
    #[serde(rename = "elsewhere_after_seconds", with = "seconds")]
    pub elsewhere_after: Duration,
    /// The most runs that the hub works on.
    pub runs_on_hub: u32,
    /// Where what tasks say may go.
    pub privacy: Privacy,
    /// Workspaces whose tasks stay in the home network.
    pub local_only_workspaces: Vec<WorkspaceId>,
}

/// The most runs of each tier; any number where absent.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunsPerTier {
    /// Small models on the edge.
    pub local_fast: Option<u32>,
    /// Larger models on the edge.
    pub local_smart: Option<u32>,
    /// Cloud models.
    pub cloud_smart: Option<u32>,
}

/// What a person has to confirm.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Approvals {
    /// Hours after which a call that nobody confirmed is denied; never where
    /// absent.
    pub expire_after_hours: Option<u32>,
}

/// Where agents' files are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agents {
    /// Their folder, relative to the configuration file.
    pub path: PathBuf,
    /// How often the files are looked at.
    #[serde(rename = "reload_seconds", with = "seconds")]
    pub reload: Duration,
}

/// Secrets that the hub keeps.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Security {
    /// The master key of the workspaces' provider keys, in place of a file.
    pub secrets_key: Option<Secret>,
    /// The file with the master key, relative to the data folder.
    pub secrets_key_file: PathBuf,
    /// What webhooks that run plugins are signed with.
    pub webhook_secret: Option<Secret>,
}

/// Keys and addresses of the models' providers.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Providers {
    /// Anthropic's key.
    pub anthropic_api_key: Option<Secret>,
    /// OpenAI's key.
    pub openai_api_key: Option<Secret>,
    /// Anthropic's administration key.
    pub anthropic_admin_key: Option<Secret>,
    /// OpenAI's administration key.
    pub openai_admin_key: Option<Secret>,
    /// Ollama's address.
    pub ollama_host: Option<String>,
}

/// The daily report.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schedule {
    /// Whether the schedule runs.
    pub enabled: bool,
    /// When, as `HH:MM`.
    pub time: String,
    /// The time zone of the time.
    pub timezone: String,
}

/// What fetches a provider's usage.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collector {
    /// Whether it runs.
    pub enabled: bool,
    /// The longest that a request may take.
    #[serde(with = "seconds")]
    pub timeout: Duration,
    /// Further tries after a failure.
    pub retry_count: u32,
    /// Pause before a further try.
    #[serde(with = "seconds")]
    pub retry_delay: Duration,
    /// Days that the daily job fetches again.
    pub refresh_days: u32,
    /// Where the provider's administration API is, where it is elsewhere.
    pub base_url: Option<String>,
}

/// Files with results.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// The format.
    pub default_format: ExportFormat,
    /// Where they are written.
    pub output_dir: PathBuf,
    /// Whether the provider's own answer is a column.
    pub include_raw_json: bool,
}

/// The format of a file with results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExportFormat {
    /// Comma-separated values.
    Csv,
    /// The FinOps FOCUS columns.
    Focus,
}

/// Where tools' files are.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tools {
    /// Their folder, relative to the configuration file.
    pub path: PathBuf,
}

/// What is remembered of finished tasks.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Memory {
    /// Whether anything is.
    pub enabled: bool,
}

/// Proposals made from the history.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfImprovement {
    /// Whether they are made.
    pub enabled: bool,
    /// Time between two looks at the history.
    #[serde(rename = "interval_hours", with = "hours")]
    pub interval: Duration,
}

/// Who is told of what.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notifications {
    /// Where a document is sent when something waits for a person.
    pub webhook_url: Option<Secret>,
    /// Discord's webhook.
    pub discord_webhook_url: Option<Secret>,
    /// A month's cost in USD above which an alert is sent.
    pub monthly_threshold_usd: f64,
}

/// A control plane that the hub reports to.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlPlane {
    /// Its address.
    pub url: Option<String>,
    /// Its key.
    pub api_key: Option<Secret>,
}
