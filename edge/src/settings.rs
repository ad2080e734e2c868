//! What the edge is told: flags over environment over file over defaults.

use std::path::{Path, PathBuf};

use agentos_config::{EdgeConfig, Environment, Loaded, Request, Transport};
use agentos_link::TransportChoice;
use agentos_process::{create_private, default_data_dir, own_folder};
use agentos_telemetry::{
    LogFileOptions, LogFormat, LogOptions, LoggingError, Traces, TracesGuard, start_logging,
};
use agentos_tools::Registry;
use agentos_worker::Toolbox;

use crate::cli::{RunArgs, TransportArg};
use crate::error::EdgeError;

/// Everything that the edge is told.
pub struct Settings {
    loaded: Loaded<EdgeConfig>,
    data: PathBuf,
    model: Option<PathBuf>,
    log_format: Option<LogFormat>,
}

impl Settings {
    /// Reads the configuration and applies the flags.
    ///
    /// # Errors
    /// Where the configuration is invalid: all that is wrong with it, each with
    /// its place.
    pub fn load(args: &RunArgs, environment: &dyn Environment) -> Result<Self, EdgeError> {
        let request = Request::of_process(args.config.clone(), environment);
        let mut loaded = agentos_config::load::<EdgeConfig>(&request)?;
        apply(&mut loaded.config, args);
        let configured = loaded.config.storage.data.as_deref().map(|path| loaded.resolve(path));
        let data = args.data.clone().or(configured);
        let data = data.unwrap_or_else(|| default_data_dir("edge"));
        let configured = loaded.config.model.path.as_deref().map(|path| loaded.resolve(path));
        let model = args.model.clone().or(configured);
        Ok(Self { loaded, data, model, log_format: args.log_format.clone() })
    }

    /// The folder of the identity, the models and the caches.
    #[must_use]
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Starts logging as configured.
    ///
    /// # Errors
    /// Where the log file cannot be opened, or traces cannot be exported.
    pub fn start_logging(&self) -> Result<TracesGuard, EdgeError> {
        let logging = &self.loaded.config.logging;
        create_private(&self.data)
            .map_err(|source| EdgeError::DataDir { path: self.data.clone(), source })?;
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
                service: "agentos-edge",
                endpoint: self.loaded.config.telemetry.otlp_endpoint.as_deref(),
            },
        })?;
        if let Some(file) = &self.loaded.file {
            tracing::info!(file = %file.display(), "configuration read");
        }
        for notice in &self.loaded.notices {
            tracing::warn!("{notice}");
        }
        Ok(guard)
    }

    /// The hub, where one is named.
    pub(crate) fn hub(&self) -> Option<&str> {
        self.loaded.config.hub.address.as_deref()
    }

    pub(crate) fn transport(&self) -> TransportChoice {
        match self.loaded.config.hub.transport {
            Transport::Auto => TransportChoice::Auto,
            Transport::Quic => TransportChoice::QuicOnly,
            Transport::Tcp => TransportChoice::TcpOnly,
        }
    }

    /// The tools that work on this machine.
    pub async fn tools(&self) -> Registry {
        let EdgeConfig { sandbox, web, .. } = &self.loaded.config;
        let programs = sandbox.programs.as_deref().map(|path| self.loaded.resolve(path));
        let programs = programs.unwrap_or_else(own_folder);
        Toolbox { sandbox, web, programs, data: &self.data }.open().await
    }

    pub(crate) fn model(&self) -> Option<&Path> {
        self.model.as_deref()
    }

    pub(crate) fn context_tokens(&self) -> u32 {
        self.loaded.config.model.context_tokens
    }

    pub(crate) fn gpu_layers(&self) -> u32 {
        self.loaded.config.model.gpu_layers
    }

    /// Threads for the model. A core is left free: a model that shares all
    /// cores with other work waits for its slowest thread at every token.
    pub(crate) fn threads(&self) -> u32 {
        self.loaded.config.model.threads.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism().map_or(1, usize::from);
            u32::try_from(cores.saturating_sub(1)).unwrap_or(1).max(1)
        })
    }
}

/// Flags win over everything.
fn apply(config: &mut EdgeConfig, args: &RunArgs) {
    if args.hub.is_some() {
        config.hub.address.clone_from(&args.hub);
    }
    config.hub.transport = match args.transport {
        Some(TransportArg::Auto) => Transport::Auto,
        Some(TransportArg::Quic) => Transport::Quic,
        Some(TransportArg::Tcp) => Transport::Tcp,
        None => config.hub.transport,
    };
    let model = &mut config.model;
    model.context_tokens = args.context_tokens.unwrap_or(model.context_tokens);
    model.threads = args.threads.or(model.threads);
    model.gpu_layers = args.gpu_layers.unwrap_or(model.gpu_layers);
    if let Some(level) = &args.log_level {
        config.logging.level.clone_from(level);
    }
}

#[cfg(test)]
mod tests {
    use agentos_config::MapEnvironment;

    use super::*;

    #[test]
    fn flags_win_over_the_environment() {
        let environment = MapEnvironment::default().with("AGENT_OS_MODEL", "/m/a.gguf");
        let settings = Settings::load(&RunArgs::default(), &environment).unwrap();
        assert_eq!(settings.model(), Some(Path::new("/m/a.gguf")));
        let args = RunArgs {
            model: Some("/m/b.gguf".into()),
            threads: Some(3),
            transport: Some(TransportArg::Tcp),
            ..RunArgs::default()
        };
        let settings = Settings::load(&args, &environment).unwrap();
        assert_eq!(settings.model(), Some(Path::new("/m/b.gguf")));
        assert_eq!((settings.threads(), settings.transport()), (3, TransportChoice::TcpOnly));
    }
}
