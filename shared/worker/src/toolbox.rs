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

use agentos_config::{Confined, Sandbox, Search, SearchEngineKind, Web};
use agentos_domain::{ToolError, ToolSpec};
use agentos_egress::{
    AddressRules, AllowList, EgressPolicy, Fetcher, Host, Resolver, Subject, SystemResolver,
    TlsConfig, tls_config,
};
use agentos_sandbox::{Confinement, ConfinementConfig, Tier};
use agentos_tools::{
    BashConfig, BashExecution, DocumentParser, PackageIndexes, PackageSearch, ParserProgram,
    Registry, SearchEngine, Tool, Web as WayOut, WebFetch, WebSearch,
};

const LAUNCHER: &str = "agentos-launcher";
const PARSER: &str = "agentos-document-parser";
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
    /// Folder for the temporary files of programs.
    pub scratch: PathBuf,
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
            Err(reason) => missing("bash_execution", &reason),
        }
        match &parser {
            Ok(parser) => insert(&mut registry, DocumentParser::new(parser.clone())),
            Err(reason) => missing("document_parser", reason),
        }
        let tls = match tls_config() {
            Ok(tls) => tls,
            Err(error) => {
                missing("web_fetch, web_search, package_search", &error);
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
            Err(reason) => missing("web_fetch", &reason),
        }
        match search(&self.web.search, &tls, Arc::clone(&resolver)) {
            Ok(tool) => insert(&mut registry, tool),
            Err(reason) => missing("web_search", &reason),
        }
        match packages(&tls, &resolver) {
            Ok(tool) => insert(&mut registry, tool),
            Err(reason) => missing("package_search", &reason),
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

    async fn shell(&self) -> Result<BashExecution, String> {
        let at_least = match self.sandbox.minimum {
            Confined::Launcher => Tier::Launcher,
            Confined::Bubblewrap => Tier::Bubblewrap,
            Confined::Never => return Err("sandbox.minimum is `never`".to_owned()),
        };
        let config = ConfinementConfig::new(self.program(LAUNCHER)?, &self.scratch);
        let confinement = Confinement::detect(config).await.map_err(|error| error.to_string())?;
        let (tier, weaker) = (confinement.tier(), confinement.weaker_because().unwrap_or("-"));
        if tier < at_least {
            return Err(format!("here is only the confinement `{tier}` ({weaker})"));
        }
        tracing::info!(%tier, weaker_because = weaker, "programs of agents are confined");
        let config = BashConfig { at_least, ..BashConfig::default() };
        Ok(BashExecution::new(Arc::new(confinement), config))
    }

    fn fetch(&self, tls: &TlsConfig, resolver: Arc<dyn Resolver>) -> Result<WebFetch, String> {
        let Web { allow, allow_private, .. } = self.web;
        let patterns = allow.iter().chain(allow_private);
        let patterns = AllowList::new(patterns).map_err(|error| error.to_string())?;
        if patterns.is_empty() {
            return Err("web.allow names no host".to_owned());
        }
        let mut addresses = AddressRules::new();
        for name in allow_private {
            let host = name.rsplit_once(':').map_or(name.as_str(), |(host, _)| host);
            let host =
                host.parse::<Host>().map_err(|error| format!("web.allow_private: {error}"))?;
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
) -> Result<WebSearch, String> {
    let address = |text: &str| {
        url::Url::parse(text).map_err(|error| format!("web.search.url is no address: {error}"))
    };
    let engine = match (search.engine, &search.url, &search.key) {
        (None, ..) => return Err("web.search.engine is not set".to_owned()),
        (Some(SearchEngineKind::Searxng), Some(url), _) => {
            SearchEngine::Searxng { base: address(url)? }
        }
        (Some(SearchEngineKind::Searxng), None, _) => {
            return Err("web.search.url is not set".to_owned());
        }
        (Some(SearchEngineKind::Brave), url, Some(key)) => SearchEngine::Brave {
            base: address(url.as_deref().unwrap_or(BRAVE))?,
            key: key.expose().to_owned().into(),
        },
        (Some(SearchEngineKind::Brave), _, None) => {
            return Err("web.search.key is not set".to_owned());
        }
    };
    WebSearch::new(engine, tls, resolver).map_err(in_words)
}

/// Asks the indexes that the user's own pip and npm are configured for.
fn packages(tls: &TlsConfig, resolver: &Arc<dyn Resolver>) -> Result<PackageSearch, String> {
    let read = |path: &Path| std::fs::read_to_string(path).ok();
    let indexes = PackageIndexes::discover(&|name| std::env::var(name).ok(), &read);
    if indexes == PackageIndexes::default() {
        return Err("neither pip nor npm is configured for an index".to_owned());
    }
    PackageSearch::new(indexes, tls, resolver).map_err(in_words)
}

fn in_words(error: ToolError) -> String {
    error.message
}

fn insert(registry: &mut Registry, tool: impl Tool) {
    let spec: &ToolSpec = tool.spec();
    let name = spec.name.clone();
    if let Err(error) = registry.insert(Arc::new(tool)) {
        tracing::error!(tool = %name, %error, "a tool is not there: report this as a bug");
    }
}

fn missing(tool: &str, reason: &dyn Display) {
    tracing::info!("agents have no {tool} here: {reason}");
}
