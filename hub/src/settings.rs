//! What the hub is told: flags over environment over file over defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentos_api::{ApiConfig, Rate};
use agentos_config::{
    Environment, HubConfig, Loaded, LoadedAgent, Request, RunsPerTier, TlsMode, Watch,
};
use agentos_domain::{AgentConfig, ProviderSecret, Tier};
use agentos_engine::{EngineConfig, EngineHandle, MasterKey, MasterKeySource};
use agentos_link::HubLinkConfig;
use agentos_process::{default_data_dir, own_folder};
use agentos_telemetry::{
    LogFileOptions, LogFormat, LogOptions, LoggingError, Traces, TracesGuard, start_logging,
};

use agentos_tools::Registry;
use agentos_worker::Toolbox;

use crate::cli::ServeArgs;
use crate::error::HubError;
use crate::notify::Webhooks;
use crate::paths::DataDir;
use crate::tls::{self, TlsSource};

/// Everything that the hub is told.
pub struct Settings {
    pub(crate) loaded: Loaded<HubConfig>,
    data: PathBuf,
    log_format: Option<LogFormat>,
    master_key: MasterKeySource,
}

impl Settings {
    /// Reads the configuration and applies the flags.
    ///
    /// # Errors
    /// Where the configuration is invalid: all that is wrong with it, each with
    /// its place.
    pub fn load(args: &ServeArgs, environment: &dyn Environment) -> Result<Self, HubError> {
        let request = Request::of_process(args.config.clone(), environment);
        let mut loaded = agentos_config::load::<HubConfig>(&request)?;
        apply(&mut loaded.config, args);
        let data = match (&args.data, &loaded.config.storage.data) {
            (Some(data), _) => data.clone(),
            (None, Some(data)) => loaded.resolve(data),
            (None, None) => default_data_dir("hub"),
        };
        let security = &loaded.config.security;
        let master_key = match &security.secrets_key {
            Some(key) => MasterKeySource::Given(MasterKey::parse(key.expose())?),
            None => MasterKeySource::File(data.join(&security.secrets_key_file)),
        };
        Ok(Self { loaded, data, log_format: args.log_format.clone(), master_key })
    }

    /// The folder of the database, the files and the keys.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The database; a relative path begins at the data folder.
    pub(crate) fn database(&self) -> PathBuf {
        self.data.join(&self.loaded.config.database.path)
    }

    /// Starts logging as configured.
    ///
    /// # Errors
    /// Where the log file cannot be opened, or traces cannot be exported.
    pub fn start_logging(&self) -> Result<TracesGuard, HubError> {
        let logging = &self.loaded.config.logging;
        DataDir::create(&self.data)?;
        let format = match &self.log_format {
            Some(format) => format.clone(),
            None => logging.format.parse().map_err(LoggingError::Format)?,
        };
        let (max_bytes, keep) = (logging.rotation.max_bytes, logging.rotation.keep);
        let file = logging.path.as_ref().map(|path| self.data.join(path));
        let guard = start_logging(LogOptions {
            level: &logging.level,
            format,
            file: file.map(|path| LogFileOptions { path, max_bytes, keep }),
            traces: Traces {
                service: "agentos-hub",
                endpoint: self.loaded.config.telemetry.otlp_endpoint.as_deref(),
            },
        })?;
        self.tell();
        Ok(guard)
    }

    /// Says once what the user should know of the configuration.
    fn tell(&self) {
        if let Some(file) = &self.loaded.file {
            tracing::info!(file = %file.display(), "configuration read");
        }
        for notice in &self.loaded.notices {
            tracing::warn!("{notice}");
        }
        for error in &self.loaded.agents.errors.0 {
            tracing::warn!(%error, "an agent's file is broken; the others are used");
        }
    }

    /// Passes changes of the agents' files on, for ever. An invalid edit leaves
    /// that agent as it was.
    pub(crate) async fn follow_agents(mut watch: Watch, engine: EngineHandle) {
        loop {
            let update = watch.changed().await;
            for error in &update.errors.0 {
                tracing::warn!(%error, "an agent's file is broken; the agent stays as it was");
            }
            tracing::info!(agents = update.agents.len(), "the agents were read again");
            engine.set_agents(configs(&update.agents));
        }
    }

    pub(crate) fn engine(&self) -> EngineConfig {
        let (engine, approvals) = (&self.loaded.config.engine, &self.loaded.config.approvals);
        EngineConfig {
            lease_ttl: engine.lease,
            runs_per_edge: engine.runs_per_edge as usize,
            runs_per_workspace: engine.runs_per_workspace,
            runs_per_tier: tier_limits(&engine.runs_per_tier),
            queue_limit: engine.queue_limit,
            on_edge_lost: engine.on_edge_lost,
            elsewhere_after: engine.elsewhere_after,
            runs_on_hub: engine.runs_on_hub as usize,
            privacy: engine.privacy,
            local_only_workspaces: engine.local_only_workspaces.clone(),
            approval_ttl: approvals
                .expire_after_hours
                .map(|hours| Duration::from_secs(u64::from(hours) * 60 * 60)),
            agents: configs(&self.loaded.agents.agents),
            master_key: Some(self.master_key.clone()),
            ..EngineConfig::default()
        }
    }

    /// The tools that work on the hub's machine.
    pub(crate) async fn tools(&self, data: &DataDir) -> Registry {
        let HubConfig { sandbox, web, .. } = &self.loaded.config;
        let programs = sandbox.programs.as_deref().map(|path| self.loaded.resolve(path));
        let programs = programs.unwrap_or_else(own_folder);
        Toolbox { sandbox, web, programs, data: &data.executor() }.open().await
    }

    /// Those who are told of proposals.
    pub(crate) fn webhooks(&self) -> Result<Option<Webhooks>, HubError> {
        let notifications = &self.loaded.config.notifications;
        let discord = notifications.discord_webhook_url.as_ref();
        Webhooks::new(notifications.webhook_url.as_ref(), discord)
    }

    pub(crate) fn link(&self, state_dir: PathBuf, version: &str) -> HubLinkConfig {
        let link = &self.loaded.config.link;
        let mut config = HubLinkConfig::new(link.listen, state_dir, version);
        config.names.clone_from(&link.names);
        config.certificate_life = link.certificate_lifetime;
        config
    }

    /// What the API proves itself with; none: it speaks plain HTTP.
    pub(crate) fn tls(&self, data: &DataDir) -> Option<TlsSource> {
        let HubConfig { server, link, .. } = &self.loaded.config;
        let file = |path: &Option<PathBuf>| {
            // The configuration is refused where a file is not named.
            self.loaded.resolve(path.as_deref().unwrap_or(Path::new("")))
        };
        match server.tls.mode {
            TlsMode::Off => None,
            TlsMode::HubCa => {
                let listen = SocketAddr::new(server.host, server.port);
                let (url, host) = (server.public_url.as_deref(), tls::host_name());
                let names = tls::names(listen, url, host.as_deref(), &link.names);
                Some(TlsSource::HubCa { folder: data.tls(), names })
            }
            TlsMode::Files => {
                let (cert, key) = (file(&server.tls.cert), file(&server.tls.key));
                Some(TlsSource::Files { cert, key })
            }
        }
    }

    /// What webhooks that run plugins are signed with.
    ///
    /// # Errors
    /// Where it cannot be a secret.
    pub(crate) fn webhook_secret(&self) -> Result<Option<ProviderSecret>, HubError> {
        let secret = self.loaded.config.security.webhook_secret.as_ref();
        let secret = secret.map(|secret| ProviderSecret::new(secret.expose().to_owned()));
        let wrong = |error| HubError::Billing(format!("security.webhook_secret: {error}"));
        secret.transpose().map_err(wrong)
    }

    pub(crate) fn api(&self, version: &str) -> ApiConfig {
        let HubConfig { server, limits, .. } = &self.loaded.config;
        let mut config = ApiConfig::new(SocketAddr::new(server.host, server.port), version);
        config.wait_limit = limits.wait;
        config.body_limit_bytes = usize::try_from(limits.body_bytes).unwrap_or(usize::MAX);
        config.file_limit_bytes = limits.file_bytes;
        config.max_connections = limits.connections as usize;
        config.cors_origins.clone_from(&server.cors_origins);
        let public_https =
            server.public_url.as_deref().is_some_and(|url| url.starts_with("https:"));
        config.secure_cookies = public_https || server.tls.mode != TlsMode::Off;
        config.rates.per_key = Rate::new(limits.requests_per_minute_per_key, limits.burst);
        config.rates.per_address = Rate::new(limits.requests_per_minute_per_address, limits.burst);
        config
    }
}

fn configs(agents: &[LoadedAgent]) -> Vec<AgentConfig> {
    agents.iter().map(|agent| agent.config.clone()).collect()
}

/// Flags win over everything.
fn apply(config: &mut HubConfig, args: &ServeArgs) {
    let server = &mut config.server;
    server.host = args.listen.map(|listen| listen.ip()).or(args.host).unwrap_or(server.host);
    server.port = args.listen.map(|listen| listen.port()).or(args.port).unwrap_or(server.port);
    config.link.listen = args.link_listen.unwrap_or(config.link.listen);
    if !args.link_names.is_empty() {
        config.link.names.clone_from(&args.link_names);
    }
    let engine = &mut config.engine;
    engine.lease = args.lease_seconds.map_or(engine.lease, Duration::from_secs);
    engine.runs_per_edge = args.runs_per_edge.unwrap_or(engine.runs_per_edge);
    if let Some(level) = &args.log_level {
        config.logging.level.clone_from(level);
    }
}

fn tier_limits(runs: &RunsPerTier) -> Vec<(Tier, u32)> {
    let limits = [
        (Tier::LocalFast, runs.local_fast),
        (Tier::LocalSmart, runs.local_smart),
        (Tier::CloudSmart, runs.cloud_smart),
    ];
    limits.into_iter().filter_map(|(tier, most)| most.map(|most| (tier, most))).collect()
}

#[cfg(test)]
mod tests {
    use agentos_config::MapEnvironment;

    use super::*;

    fn load(args: &ServeArgs, environment: &MapEnvironment) -> Settings {
        Settings::load(args, environment).unwrap()
    }

    #[test]
    fn flags_win_over_the_environment() {
        let environment =
            MapEnvironment::default().with("AGENTOS_PORT", "1111").with("AGENT_OS_DATA", "/a");
        let settings = load(&ServeArgs::default(), &environment);
        assert_eq!(settings.api("v").listen.to_string(), "127.0.0.1:1111");
        assert_eq!(settings.data(), Path::new("/a"));
        let args = ServeArgs {
            listen: Some("[::1]:2".parse().unwrap()),
            data: Some("/b".into()),
            lease_seconds: Some(77),
            ..ServeArgs::default()
        };
        let settings = load(&args, &environment);
        assert_eq!(settings.api("v").listen.to_string(), "[::1]:2");
        assert_eq!(settings.data(), Path::new("/b"));
        assert_eq!(settings.engine().lease_ttl, Duration::from_secs(77));
        assert_eq!(settings.database(), Path::new("/b/agent_os.db"));
    }

    #[test]
    fn tls_is_as_it_was_asked_for() {
        let data = DataDir::existing(Path::new("/a"));
        let tls =
            |environment: MapEnvironment| load(&ServeArgs::default(), &environment).tls(&data);
        assert!(tls(MapEnvironment::default()).is_none());
        let secure = |environment: &MapEnvironment| {
            load(&ServeArgs::default(), environment).api("v").secure_cookies
        };
        let mode = |mode| MapEnvironment::default().with("AGENT_OS_SERVER__TLS__MODE", mode);
        assert!(secure(&mode("hub_ca")) && !secure(&MapEnvironment::default()));
        let issued = mode("hub_ca")
            .with("AGENT_OS_SERVER__PUBLIC_URL", "https://agents.example")
            .with("AGENT_OS_LINK_NAMES", "10.0.0.9");
        let Some(TlsSource::HubCa { folder, names }) = tls(issued) else { panic!("not issued") };
        assert_eq!(folder, Path::new("/a/tls"));
        for name in ["localhost", "agents.example", "10.0.0.9"] {
            assert!(names.iter().any(|known| known == name), "{names:?}");
        }
        let files = mode("files")
            .with("AGENT_OS_SERVER__TLS__CERT", "/c.pem")
            .with("AGENT_OS_SERVER__TLS__KEY", "/k.pem");
        let Some(TlsSource::Files { cert, key }) = tls(files) else { panic!("not given") };
        assert_eq!((cert, key), ("/c.pem".into(), "/k.pem".into()));
        let error = Settings::load(&ServeArgs::default(), &mode("files")).err().unwrap();
        assert!(error.to_string().contains("server.tls.key"), "{error}");
    }

    #[test]
    fn the_master_key_is_given_or_in_a_file() {
        let settings = |environment: MapEnvironment| {
            let environment = environment.with("AGENT_OS_DATA", "/a");
            Settings::load(&ServeArgs::default(), &environment)
        };
        let source = |environment| settings(environment).unwrap().engine().master_key.unwrap();
        let file = |source| match source {
            MasterKeySource::File(path) => path,
            MasterKeySource::Given(_) => panic!("it was given"),
        };
        assert_eq!(file(source(MapEnvironment::default())), Path::new("/a/secrets.key"));
        let elsewhere =
            MapEnvironment::default().with("AGENT_OS_SECURITY__SECRETS_KEY_FILE", "/run/key");
        assert_eq!(file(source(elsewhere)), Path::new("/run/key"));
        let hex = "0f".repeat(32);
        let given = source(MapEnvironment::default().with("AGENT_OS_SECRETS_KEY", &hex));
        assert!(matches!(&given, MasterKeySource::Given(key)
            if key.id() == MasterKey::parse(&hex).unwrap().id()));
        let wrong = MapEnvironment::default().with("AGENT_OS_SECRETS_KEY", "canary");
        let error = settings(wrong).err().unwrap().to_string();
        assert!(error.contains("AGENT_OS_SECRETS_KEY") && !error.contains("canary"), "{error}");
    }

    #[test]
    fn a_wrong_setting_is_refused_by_name() {
        let environment = MapEnvironment::default().with("AGENTOS_PORT", "much");
        let error = Settings::load(&ServeArgs::default(), &environment).err().unwrap();
        assert!(error.to_string().contains("AGENTOS_PORT"), "{error}");
    }
}
