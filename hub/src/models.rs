//! The models that the configuration names, as deployments of the router.

pub(crate) mod alerts;
pub(crate) mod learned;
mod providers;
pub(crate) mod runs;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use agentos_config::{
    BudgetManager, HubConfig, Model, ModelLocation, OnBudgetLimit, RoutingStrategy,
};
use agentos_domain::{Clock, NanoUsd, ProviderName, ProviderSecret, Tier, WorkspaceId};
use agentos_engine::EngineHandle;
use agentos_link::EdgeSessions;
use agentos_prices::PriceTable;
use agentos_router::{
    Calibrations, CallError, Deployment, DeploymentConfig, EdgeProvider, ErrorKind, Fallback,
    HttpProvider, HttpProviderConfig, Location, Provider, ProviderKeys, Router, RouterConfig,
    RouterParts, Shape, Strategy, Timeouts, http_client,
};
use agentos_store::{Budget, BudgetScope, Ledger, OnLimit};
use async_trait::async_trait;

use self::providers::{Known, known};
use crate::error::HubError;
use crate::settings::Settings;

/// How much memory kept answers may take, in bytes.
const CACHE_BYTES: u64 = 32 * 1024 * 1024;
/// How sure models are of which answers, for models that were measured.
const CALIBRATIONS: &str = include_str!("models/calibrations.json");
/// The model's name where an edge's engine serves a tier.
const EDGE: &str = "edge";

/// Makes the router.
///
/// # Errors
/// Where a model cannot be asked as it is configured, or the ledger cannot be
/// used.
pub(crate) async fn start(
    settings: &Settings,
    ledger: Arc<dyn Ledger>,
    engine: EngineHandle,
    link: Arc<dyn EdgeSessions>,
    clock: Arc<dyn Clock>,
) -> Result<Router, HubError> {
    let config = &settings.loaded.config;
    let connect = config.router.timeouts.connect;
    let home = http_client(connect, Location::Local).map_err(HubError::Models)?;
    let away = http_client(connect, Location::Cloud).map_err(HubError::Models)?;
    let edge: Arc<dyn Provider> = Arc::new(EdgeProvider::new(link));
    let (mut deployments, mut names) = (Vec::new(), HashMap::new());
    for model in &config.models.model_list {
        let known = known(&model.litellm_params.model)
            .ok_or_else(|| HubError::Models(providers::unknown(&model.litellm_params.model)))?;
        let mut described = describe(config, model, &known)?;
        described.name = unique(described.name, &mut names);
        let provider = match known {
            Known::Edge => Arc::clone(&edge),
            Known::Http { .. } => {
                let base = address(config, model, &known)?;
                let http = match described.location {
                    Location::Local => &home,
                    Location::Cloud => &away,
                };
                let asked = http_config(config, model, &known, base)?;
                Arc::new(HttpProvider::new(http.clone(), asked, Arc::clone(&clock)))
            }
        };
        deployments.push(Arc::new(Deployment::new(described, provider, Arc::clone(&clock))));
    }
    for tier in [Tier::LocalFast, Tier::LocalSmart] {
        let named = config.models.model_list.iter().any(|model| model.model_name == tier.as_str());
        if !named {
            let described = of_edge(config, tier);
            let deployment = Deployment::new(described, Arc::clone(&edge), Arc::clone(&clock));
            deployments.push(Arc::new(deployment));
        }
    }
    let router = router_config(settings, &deployments)?;
    let keys = Arc::new(Keys(engine));
    let calibrations = calibrations(settings)?;
    let outcomes = learned::read(settings.data());
    let parts =
        RouterParts { config: router, deployments, ledger, clock, keys, calibrations, outcomes };
    Ok(Router::open(parts).await?)
}

fn router_config(
    settings: &Settings,
    deployments: &[Arc<Deployment>],
) -> Result<RouterConfig, HubError> {
    let router = &settings.loaded.config.router;
    Ok(RouterConfig {
        fallbacks: fallbacks(settings, deployments),
        strategy: match router.routing_strategy {
            RoutingStrategy::UsageBasedRouting => Strategy::LeastBusy,
            RoutingStrategy::SimpleShuffle => Strategy::Shuffle,
            RoutingStrategy::LatencyBasedRouting => Strategy::Fastest,
        },
        budget: budget(&router.budget_manager),
        alert_permille: permille(router.budget_manager.alert_threshold),
        prices: prices(settings)?,
        cache_ttl: router.cache_responses.then_some(router.cache_ttl),
        cache_bytes: CACHE_BYTES,
        concurrent: router.max_concurrent as usize,
    })
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is from 0 to 1")]
fn permille(part: f64) -> u32 {
    (part * 1000.0).round() as u32
}

#[expect(clippy::cast_possible_truncation, reason = "at most a million, in billionths")]
fn budget(manager: &BudgetManager) -> Option<Budget> {
    manager.enabled.then(|| Budget {
        scope: BudgetScope::Installation,
        limit: NanoUsd((manager.monthly_budget_usd * 1e9).round() as i64),
        on_limit: match manager.on_limit {
            OnBudgetLimit::Refuse => OnLimit::Refuse,
            OnBudgetLimit::LocalOnly => OnLimit::LocalOnly,
        },
    })
}

/// What is shipped, and over it what the user's file says.
fn prices(settings: &Settings) -> Result<PriceTable, HubError> {
    let shipped = PriceTable::shipped().map_err(|error| HubError::Models(error.to_string()))?;
    let Some(path) = &settings.loaded.config.router.prices else { return Ok(shipped) };
    let path = settings.loaded.resolve(path);
    let wrong = |error: &dyn std::fmt::Display| {
        HubError::Models(format!("router.prices: {}: {error}", path.display()))
    };
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(&error))?;
    let own = PriceTable::parse(&text).map_err(|error| wrong(&error))?;
    Ok(shipped.extended_by(own))
}

/// Those that are shipped, and over them those of the user's file.
fn calibrations(settings: &Settings) -> Result<Calibrations, HubError> {
    let wrong = |what: &str, error: &dyn std::fmt::Display| {
        HubError::Models(format!("{what}: {error}: make it anew by `agentos calibrate`"))
    };
    let mut all: Calibrations =
        serde_json::from_str(CALIBRATIONS).map_err(|error| wrong("calibrations.json", &error))?;
    let Some(path) = &settings.loaded.config.router.calibrations else { return Ok(all) };
    let path = settings.loaded.resolve(path);
    let what = format!("router.calibrations: {}", path.display());
    let text = std::fs::read_to_string(&path).map_err(|error| wrong(&what, &error))?;
    let own: Calibrations = serde_json::from_str(&text).map_err(|error| wrong(&what, &error))?;
    all.extend(own);
    Ok(all)
}

/// The fallbacks as configured, or the usual ones: from tier to tier, as far as
/// there are models.
fn fallbacks(settings: &Settings, deployments: &[Arc<Deployment>]) -> Vec<Fallback> {
    let configured = &settings.loaded.config.router.fallbacks;
    if !configured.is_empty() {
        return configured
            .iter()
            .map(|rule| Fallback {
                model: rule.model.clone(),
                fallback: rule.fallback.clone(),
                errors: rule.conditions.iter().filter_map(|when| when.error_type.clone()).collect(),
                confidence_below: rule.conditions.iter().find_map(|when| when.confidence_below),
            })
            .collect();
    }
    let chain = [(Tier::LocalFast, Tier::LocalSmart), (Tier::LocalSmart, Tier::CloudSmart)];
    let there = |tier: Tier| deployments.iter().any(|one| one.group() == tier.as_str());
    chain
        .into_iter()
        .filter(|(_, to)| there(*to))
        .map(|(from, to)| Fallback {
            model: from.as_str().to_owned(),
            fallback: to.as_str().to_owned(),
            errors: Vec::new(),
            confidence_below: None,
        })
        .collect()
}

/// Two of the same name are told apart by a number.
fn unique(name: String, names: &mut HashMap<String, u32>) -> String {
    let count = names.entry(name.clone()).or_insert(0);
    *count += 1;
    if *count == 1 { name } else { format!("{name}#{count}") }
}

fn describe(
    config: &HubConfig,
    model: &Model,
    known: &Known,
) -> Result<DeploymentConfig, HubError> {
    let params = &model.litellm_params;
    let (provider, name) = params.model.split_once('/').unwrap_or((&params.model, ""));
    let provider = ProviderName::try_from(provider.to_owned())
        .map_err(|error| HubError::Models(format!("models.model_list: {provider}: {error}")))?;
    let location = match (model.model_info.location, known) {
        (Some(ModelLocation::Local), _) | (None, Known::Edge) => Location::Local,
        (Some(ModelLocation::Cloud), _) => Location::Cloud,
        (None, Known::Http { at_home, .. }) => {
            // Ollama serves models of its own cloud at home, by their tags.
            let cloud = name.ends_with("-cloud") || name.ends_with(":cloud");
            let home = *at_home && !cloud && is_home(&address(config, model, known)?);
            if home { Location::Local } else { Location::Cloud }
        }
    };
    let mut timeouts = timeouts(config);
    if let Some(seconds) = params.timeout {
        timeouts.total = Duration::from_secs(u64::from(seconds));
    }
    if let Some(seconds) = params.stream_timeout {
        timeouts.first = Duration::from_secs(u64::from(seconds));
    }
    Ok(DeploymentConfig {
        name: format!("{}/{}", model.model_name, params.model),
        group: model.model_name.clone(),
        provider,
        model: name.to_owned(),
        location,
        temperature: params.temperature,
        max_tokens: params.max_tokens,
        timeouts,
        continues: model.model_info.continues,
        own_keys: params.api_base.is_none(),
        free: model.model_info.free.unwrap_or(location == Location::Local),
    })
}

fn timeouts(config: &HubConfig) -> Timeouts {
    let timeouts = &config.router.timeouts;
    Timeouts { first: timeouts.first, idle: timeouts.idle, total: timeouts.total }
}

/// The edges' own engine, for a tier that nothing is configured for.
fn of_edge(config: &HubConfig, tier: Tier) -> DeploymentConfig {
    let (temperature, max_tokens) = match tier {
        Tier::LocalFast => (0.3, 1024),
        _ => (0.5, 4096),
    };
    DeploymentConfig {
        name: format!("{}/{EDGE}", tier.as_str()),
        group: tier.as_str().to_owned(),
        provider: edge_name(),
        model: EDGE.to_owned(),
        location: Location::Local,
        temperature: Some(temperature),
        max_tokens: Some(max_tokens),
        timeouts: timeouts(config),
        continues: false,
        own_keys: false,
        free: true,
    }
}

#[expect(clippy::expect_used, reason = "a constant")]
fn edge_name() -> ProviderName {
    EDGE.parse().expect("a valid name")
}

/// Where a provider is asked, without a slash at the end.
fn address(config: &HubConfig, model: &Model, known: &Known) -> Result<String, HubError> {
    let Known::Http { shape, base, .. } = known else { return Ok(String::new()) };
    let provider = model.litellm_params.model.split('/').next().unwrap_or_default();
    let ollama = config.providers.ollama_host.as_ref().filter(|_| provider == "ollama");
    let given =
        model.litellm_params.api_base.clone().or_else(|| ollama.map(|host| ollama_url(host)));
    let address = given.or_else(|| base.map(ToOwned::to_owned)).ok_or_else(|| {
        let name = &model.litellm_params.model;
        HubError::Models(format!("models.model_list: {name}: give its api_base"))
    })?;
    let address = address.trim_end_matches('/').to_owned();
    Ok(match shape {
        Shape::Anthropic => address.trim_end_matches("/v1").to_owned(),
        // Ollama's own address is without the path of OpenAI's API.
        Shape::OpenAi if provider == "ollama" && !address.ends_with("/v1") => {
            format!("{address}/v1")
        }
        Shape::OpenAi => address,
    })
}

/// `OLLAMA_HOST` may lack the scheme and the port, and may be where it listens.
fn ollama_url(host: &str) -> String {
    let host = host.trim().trim_end_matches('/');
    let (scheme, rest) = host.split_once("://").unwrap_or(("http", host));
    let rest = rest.replacen("0.0.0.0", "127.0.0.1", 1);
    let has_port = rest.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    if has_port { format!("{scheme}://{rest}") } else { format!("{scheme}://{rest}:11434") }
}

fn http_config(
    config: &HubConfig,
    model: &Model,
    known: &Known,
    base: String,
) -> Result<HttpProviderConfig, HubError> {
    let shape = match known {
        Known::Http { shape, .. } => *shape,
        Known::Edge => Shape::OpenAi,
    };
    let name = &model.litellm_params.model;
    // Keys that are meant for a provider go to its own address alone.
    let at_its_own = model.litellm_params.api_base.is_none();
    let shared = match name.split('/').next().filter(|_| at_its_own) {
        Some("openai") => config.providers.openai_api_key.as_ref(),
        Some("anthropic") => config.providers.anthropic_api_key.as_ref(),
        _ => None,
    };
    let key = model.litellm_params.api_key.as_ref().or(shared);
    let key = key.map(|key| ProviderSecret::new(key.expose().to_owned())).transpose();
    let key = key.map_err(|error| {
        HubError::Models(format!("models.model_list: {name}: api_key: {error}"))
    })?;
    Ok(HttpProviderConfig { shape, base, key })
}

/// Whether an address is one of the home network: this machine, or a private
/// address, or a name that only a home network knows.
fn is_home(address: &str) -> bool {
    // Read as the client reads it, which knows names and addresses in more forms
    // than these: `134744072` is 8.8.8.8, and what stands before an `@` no host.
    let Ok(url) = reqwest::Url::parse(address) else { return false };
    let host = url.host_str().unwrap_or_default();
    let host = host.trim_start_matches('[').trim_end_matches(']');
    match host.parse::<IpAddr>() {
        Ok(IpAddr::V4(ip)) => ip.is_loopback() || ip.is_private() || ip.is_link_local(),
        Ok(IpAddr::V6(ip)) => ip.is_loopback() || ip.is_unique_local(),
        Err(_) => {
            host == "localhost"
                || [".local", ".lan", ".home.arpa", ".internal"]
                    .iter()
                    .any(|end| host.ends_with(end))
                || !host.contains('.')
        }
    }
}

/// The workspaces' own keys, from the engine's vault.
struct Keys(EngineHandle);

#[async_trait]
impl ProviderKeys for Keys {
    async fn key(
        &self,
        workspace: &WorkspaceId,
        provider: &ProviderName,
    ) -> Result<Option<ProviderSecret>, CallError> {
        let key = self.0.provider_secret(workspace, provider).await;
        key.map_err(|error| CallError::new(ErrorKind::Auth, error.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_home_network_are_told_from_others() {
        for home in [
            "http://127.0.0.1:11434/v1",
            "http://localhost:1234",
            "http://192.168.1.7:8000/v1",
            "http://[fd00::1]:8000",
            "https://nas.local/v1",
            "http://ollama:11434",
        ] {
            assert!(is_home(home), "{home}");
        }
        for away in [
            "https://api.openai.com/v1",
            "http://8.8.8.8:80",
            "https://localhost.example.org",
            "http://[2001:db8::1]:80",
            "http://134744072/v1",
            "http://0x8.0x8.0x8.0x8",
            "https://api.example.org?.local",
            "https://nas:key@api.example.org/v1",
            "nas",
        ] {
            assert!(!is_home(away), "{away}");
        }
    }

    #[test]
    fn ollama_is_found_however_its_host_is_written() {
        for (written, url) in [
            ("127.0.0.1:11434", "http://127.0.0.1:11434"),
            ("0.0.0.0", "http://127.0.0.1:11434"),
            ("https://ollama.local/", "https://ollama.local:11434"),
            ("nas:9000", "http://nas:9000"),
        ] {
            assert_eq!(ollama_url(written), url);
        }
    }

    #[test]
    fn two_of_a_name_are_told_apart() {
        let mut names = HashMap::new();
        let made: Vec<_> = (0..3).map(|_| unique("a".to_owned(), &mut names)).collect();
        assert_eq!(made, ["a", "a#2", "a#3"]);
    }
}
