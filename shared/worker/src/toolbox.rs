//! The tools that a machine has: those that read and write files everywhere,
//! the others where what they need is there. An agent works without what is
//! missing; why it is missing is in the log.

#![expect(
    clippy::disallowed_methods,
    reason = "looks for the project's own programs and for the files of pip and npm"
)]

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use agentos_config::{Confined, Sandbox, Search, SearchEngineKind, Web};
use agentos_domain::{ToolError, ToolSpec};
use agentos_egress::{
    AddressRules, AllowList, EgressPolicy, Fetcher, Host, Resolver, Subject, SystemResolver,
    TlsConfig, tls_config,
};
use agentos_sandbox::{Confinement, ConfinementConfig, Limits, Tier};
use agentos_tools::{
    BashConfig, BashExecution, DocumentParser, PackageIndexes, PackageSearch, ParserProgram,
    Registry, SearchEngine, Tool, Web as WayOut, WebFetch, WebSearch,
};

const LAUNCHER: &str = "agentos-launcher";
const PARSER: &str = "agentos-document-parser";
/// Below the least `tool_timeout_seconds` of the built-in agents: a command that
/// is ended by its own limit says so, one that outlasts the call waits for a
/// person to find out what it did.
const LONGEST_COMMAND: Duration = Duration::from_secs(50);
const BRAVE: &str = "https://api.search.brave.com/";

/// Where tools find what they need.
#[derive(Debug)]
pub struct Toolbox<'a> {
    /// How programs are to be confined.
    pub sandbox: &'a Sandbox,
    /// What may be reached of the web.
    pub web: &'a Web,
    /// Folder of the launcher and the document parser.
    pub programs: PathBuf,
    /// The worker's data folder.
    pub data: &'a Path,
}

/// Why a tool is not there.
enum Absent {
    /// Nobody asked for it.
    NotConfigured(String),
    /// It was asked for, and cannot be had.
    Broken(String),
}

/// Where the temporary files of programs are, in the worker's data folder.
pub(crate) fn scratch(data: &Path) -> PathBuf {
    data.join("scratch")
}

impl Toolbox<'_> {
    /// All tools that work on this machine.
    pub async fn open(self) -> Registry {
        let mut registry = Registry::with_file_tools();
        if let Err(error) = registry.insert_code_tools() {
            tracing::error!(%error, "the tools for code are not there: report this as a bug");
        }
        let parser = self.program(PARSER).map(ParserProgram::new);
        match self.shell().await {
            Ok(tool) => insert(&mut registry, tool),
            Err(reason) => missing("bash_execution", reason),
        }
        match &parser {
            Ok(parser) => insert(&mut registry, DocumentParser::new(parser.clone())),
            Err(reason) => missing("document_parser", Absent::Broken(reason.clone())),
        }
        let tls = match tls_config() {
            Ok(tls) => tls,
            Err(error) => {
                missing("web_fetch, web_search, package_search", Absent::Broken(error.to_string()));
                return registry;
            }
        };
        let resolver: Arc<dyn Resolver> = Arc::new(SystemResolver);
        match self.fetch(&tls, Arc::clone(&resolver)) {
            Ok(tool) => insert(
                &mut registry,
                match parser {
                    Ok(parser) => tool.with_parser(parser),
                    Err(_) => tool,
                },
            ),
            Err(reason) => missing("web_fetch", reason),
        }
        match search(&self.web.search, &tls, Arc::clone(&resolver)) {
            Ok(tool) => insert(&mut registry, tool),
            Err(reason) => missing("web_search", reason),
        }
        match packages(&tls, &resolver) {
            Ok(tool) => insert(&mut registry, tool),
            Err(reason) => missing("package_search", reason),
        }
        registry
    }

    fn program(&self, name: &str) -> Result<PathBuf, String> {
        let path = self.programs.join(name);
        if path.is_file() {
            return Ok(path);
        }
        Err(format!("{} is not there: install it, or set sandbox.programs", path.display()))
    }

    async fn shell(&self) -> Result<BashExecution, Absent> {
        let at_least = match self.sandbox.minimum {
            Confined::Launcher => Tier::Launcher,
            Confined::Bubblewrap => Tier::Bubblewrap,
            Confined::Never => return Err(not_configured("sandbox.minimum is `never`")),
        };
        let config = ConfinementConfig::new(
            self.program(LAUNCHER).map_err(Absent::Broken)?,
            scratch(self.data),
        );
        let confinement = Confinement::detect(config).await.map_err(broken)?;
        let (tier, weaker) = (confinement.tier(), confinement.weaker_because().unwrap_or("-"));
        if tier < at_least {
            return Err(broken(format!("here is only the confinement `{tier}` ({weaker})")));
        }
        tracing::info!(%tier, weaker_because = weaker, "programs of agents are confined");
        let limits = Limits { wall: LONGEST_COMMAND, ..Limits::default() };
        let config = BashConfig { at_least, limits, ..BashConfig::default() };
        Ok(BashExecution::new(Arc::new(confinement), config))
    }

    fn fetch(&self, tls: &TlsConfig, resolver: Arc<dyn Resolver>) -> Result<WebFetch, Absent> {
        let Web { allow, allow_private, .. } = self.web;
        let patterns = allow.iter().chain(allow_private);
        let patterns = AllowList::new(patterns).map_err(broken)?;
        if patterns.is_empty() {
            return Err(not_configured("web.allow names no host"));
        }
        let mut addresses = AddressRules::new();
        for name in allow_private {
            let host = name.rsplit_once(':').map_or(name.as_str(), |(host, _)| host);
            let host = host
                .parse::<Host>()
                .map_err(|error| broken(format!("web.allow_private: {error}")))?;
            addresses = addresses.trust(&host);
        }
        let policy = EgressPolicy::new(patterns, addresses, resolver);
        let fetcher = Fetcher::new(Arc::new(policy), tls);
        Ok(WebFetch::new(Arc::new(WayOut { fetcher, subject: Subject::new("", "web_fetch") })))
    }
}

fn search(
    search: &Search,
    tls: &TlsConfig,
    resolver: Arc<dyn Resolver>,
) -> Result<WebSearch, Absent> {
    let address = |text: &str| {
        let wrong = |error| broken(format!("web.search.url is no address: {error}"));
        url::Url::parse(text).map_err(wrong)
    };
    let engine = match (search.engine, &search.url, &search.key) {
        (None, ..) => return Err(not_configured("web.search.engine is not set")),
        (Some(SearchEngineKind::Searxng), Some(url), _) => {
            SearchEngine::Searxng { base: address(url)? }
        }
        (Some(SearchEngineKind::Searxng), None, _) => {
            return Err(broken("web.search.url is not set"));
        }
        (Some(SearchEngineKind::Brave), url, Some(key)) => SearchEngine::Brave {
            base: address(url.as_deref().unwrap_or(BRAVE))?,
            key: key.expose().to_owned().into(),
        },
        (Some(SearchEngineKind::Brave), _, None) => {
            return Err(broken("web.search.key is not set"));
        }
    };
    WebSearch::new(engine, tls, resolver).map_err(in_words)
}

/// Asks the indexes that the user's own pip and npm are configured for.
fn packages(tls: &TlsConfig, resolver: &Arc<dyn Resolver>) -> Result<PackageSearch, Absent> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let indexes = PackageIndexes::discover(&|name| std::env::var(name).ok(), &read);
    if indexes == PackageIndexes::default() {
        return Err(not_configured("neither pip nor npm is configured for an index"));
    }
    PackageSearch::new(indexes, tls, resolver).map_err(in_words)
}

fn in_words(error: ToolError) -> Absent {
    Absent::Broken(error.message)
}

fn broken(reason: impl Display) -> Absent {
    Absent::Broken(reason.to_string())
}

fn not_configured(reason: &str) -> Absent {
    Absent::NotConfigured(reason.to_owned())
}

fn insert(registry: &mut Registry, tool: impl Tool) {
    let spec: &ToolSpec = tool.spec();
    let name = spec.name.clone();
    if let Err(error) = registry.insert(Arc::new(tool)) {
        tracing::error!(tool = %name, %error, "a tool is not there: report this as a bug");
    }
}

fn missing(tool: &str, reason: Absent) {
    match reason {
        Absent::NotConfigured(reason) => tracing::info!("agents have no {tool} here: {reason}"),
        Absent::Broken(reason) => tracing::warn!("agents have no {tool} here: {reason}"),
    }
}
