//! The configuration as a program gets it.

use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::agents::AgentSet;
use crate::check::Check;
use crate::dotenv::DotEnv;
use crate::edge::EdgeConfig;
use crate::environment::{Environment, Layers};
use crate::error::{ConfigError, ConfigErrors, Origin};
use crate::find::{find, read, read_if_there};
use crate::hub::HubConfig;
use crate::interpolate::interpolate;
use crate::kind::Setting;
use crate::litellm;
use crate::overlay::{beside, overlay, put_under};
use crate::resolve::{Resolution, resolve};
use crate::settings::{EDGE, HUB};
use crate::watch::Watch;
use crate::yaml::{self, Node};

/// Which machine a configuration is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Machine {
    /// The hub: `agent_os.yaml`.
    Hub,
    /// The edge: `agent_os_edge.yaml`.
    Edge,
}

impl Machine {
    /// The name of its file.
    #[must_use]
    pub fn file_name(self) -> &'static str {
        match self {
            Self::Hub => "agent_os.yaml",
            Self::Edge => "agent_os_edge.yaml",
        }
    }

    /// The variable that names its file.
    #[must_use]
    pub fn variable(self) -> &'static str {
        match self {
            Self::Hub => "AGENT_OS_CONFIG",
            Self::Edge => "AGENT_OS_EDGE_CONFIG",
        }
    }

    pub(crate) fn settings(self) -> &'static [Setting] {
        match self {
            Self::Hub => HUB,
            Self::Edge => EDGE,
        }
    }

    fn other(self) -> Self {
        match self {
            Self::Hub => Self::Edge,
            Self::Edge => Self::Hub,
        }
    }
}

/// The typed configuration of a machine: [`HubConfig`] or [`EdgeConfig`].
#[expect(private_bounds, reason = "only the configurations of this crate are checked")]
pub trait Configuration: DeserializeOwned + Check {
    /// Which machine.
    const MACHINE: Machine;

    /// The folder of its agents' files, where it has one.
    fn agents_folder(&self) -> Option<&Path>;
}

impl Configuration for HubConfig {
    const MACHINE: Machine = Machine::Hub;

    fn agents_folder(&self) -> Option<&Path> {
        Some(&self.agents.path)
    }
}

impl Configuration for EdgeConfig {
    const MACHINE: Machine = Machine::Edge;

    fn agents_folder(&self) -> Option<&Path> {
        None
    }
}

/// Where to look.
#[derive(Clone)]
pub struct Request<'a> {
    /// The file, where one is named; relative to `cwd`.
    pub path: Option<PathBuf>,
    /// The variables.
    pub environment: &'a dyn Environment,
    /// The folder where the search begins.
    pub cwd: PathBuf,
    /// The user's home, where there is one.
    pub home: Option<PathBuf>,
}

impl<'a> Request<'a> {
    /// As this process looks: from its folder, in its user's home.
    #[must_use]
    pub fn of_process(path: Option<PathBuf>, environment: &'a dyn Environment) -> Self {
        let cwd = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        Self { path, environment, cwd, home: std::env::home_dir() }
    }
}

/// A setting as it is in effect, secrets masked.
#[derive(Debug, Clone, PartialEq)]
pub struct Effective {
    /// Its path, such as `server.port`.
    pub key: String,
    /// Its value, or `********`.
    pub value: Value,
    /// Where it is from.
    pub origin: Origin,
}

/// A valid configuration.
#[derive(Debug, Clone)]
pub struct Loaded<C> {
    /// The settings.
    pub config: C,
    /// The file, where there is one.
    pub file: Option<PathBuf>,
    /// The folder that relative paths of the file begin at.
    pub base: PathBuf,
    /// The agents. Some may be broken; the others are there.
    pub agents: AgentSet,
    /// What the user should be told once at start.
    pub notices: Vec<String>,
    /// Every setting as it is in effect, in the order of the documentation.
    pub origins: Vec<Effective>,
    pub(crate) home: Option<PathBuf>,
}

impl<C> Loaded<C> {
    /// A path of the configuration, from the folder of its file; `~` is the
    /// user's home.
    #[must_use]
    pub fn resolve(&self, path: &Path) -> PathBuf {
        beside(&self.base, path, self.home.as_deref())
    }
}

impl Loaded<HubConfig> {
    /// Watches the files of the agents, as `agents.reload_seconds` says.
    #[must_use]
    pub fn watch_agents(&self) -> Watch {
        let agents = &self.config.agents;
        Watch::new(self.resolve(&agents.path), agents.reload, &self.agents)
    }
}

/// Finds and reads the configuration of a machine: environment over file over
/// defaults.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn load<C: Configuration>(request: &Request<'_>) -> Result<Loaded<C>, ConfigErrors> {
    let mut read = gather(request, C::MACHINE)?;
    let Resolution { value, rows, errors } = resolve(C::MACHINE.settings(), &read.root);
    read.errors.extend(errors);
    if !read.errors.is_empty() {
        return Err(ConfigErrors::sorted(read.errors));
    }
    let config: C = serde_json::from_value(value).map_err(|_| {
        // Its message could hold a value. A test holds that this cannot happen.
        let problem = "the table of settings and the typed settings disagree";
        ConfigErrors(vec![ConfigError::new(Origin::Default, "conflict", problem)])
    })?;
    let conflicts = config.check(&rows);
    if !conflicts.is_empty() {
        return Err(ConfigErrors::sorted(conflicts));
    }
    let folder = config.agents_folder();
    let folder = folder.map(|path| beside(&read.base, path, request.home.as_deref()));
    let agents = folder.map_or_else(AgentSet::default, |folder| AgentSet::read(&folder));
    let row =
        |row: crate::resolve::Row| Effective { key: row.key, value: row.shown, origin: row.origin };
    Ok(Loaded {
        config,
        file: read.file,
        base: read.base,
        agents,
        notices: read.notices,
        origins: rows.into_iter().map(row).collect(),
        home: request.home.clone(),
    })
}

/// What the files and the environment say, before the table is asked.
pub(crate) struct Gathered {
    pub(crate) file: Option<PathBuf>,
    pub(crate) base: PathBuf,
    pub(crate) root: Node,
    pub(crate) notices: Vec<String>,
    pub(crate) errors: Vec<ConfigError>,
}

pub(crate) fn gather(request: &Request<'_>, machine: Machine) -> Result<Gathered, ConfigErrors> {
    let one = |error| ConfigErrors(vec![error]);
    let file = find(request, machine).map_err(one)?;
    let folder = file.as_deref().and_then(Path::parent);
    let base = folder.unwrap_or(&request.cwd).to_owned();
    let (mut errors, mut notices) = (Vec::new(), Vec::new());

    let dotenv_path = base.join(".env");
    let dotenv = read_if_there(&dotenv_path, &mut errors)
        .map(|text| DotEnv::parse(&dotenv_path, &text, &mut errors))
        .unwrap_or_default();
    let layers = Layers { process: request.environment, dotenv: &dotenv };

    let mut root = match &file {
        Some(path) => {
            let text = read(path).map_err(one)?;
            yaml::parse(path, &text, &mut errors)
        }
        None => None,
    }
    .unwrap_or_else(|| Node::empty(file.as_ref().map_or(Origin::Default, Origin::file)));
    interpolate(&mut root, "", &layers, &mut errors);
    if machine == Machine::Hub {
        let path = base.join("config/litellm.yaml");
        if let Some(text) = read_if_there(&path, &mut errors) {
            let lower = litellm::read(&path, &text, &layers, &mut errors, &mut notices);
            put_under(&mut root, lower);
        }
        if layers.get("REDIS_URL").is_some() {
            notices.push("REDIS_URL is set and not needed: the hub uses no Redis".to_owned());
        }
    }
    overlay(&mut root, machine.settings(), machine.other().settings(), &layers, &mut errors);
    Ok(Gathered { file, base, root, notices, errors })
}
