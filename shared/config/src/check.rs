//! Rules between settings, which no row of the table can say alone.

use std::collections::BTreeSet;

use agentos_domain::Tier;

use crate::edge::EdgeConfig;
use crate::error::{ConfigError, Origin};
use crate::hub::{HubConfig, TlsMode};
use crate::providers::{Dialect, known_provider};
use crate::resolve::Row;

/// What the settings together forbid.
pub(crate) trait Check {
    fn check(&self, rows: &[Row]) -> Vec<ConfigError>;
}

impl Check for EdgeConfig {
    fn check(&self, _rows: &[Row]) -> Vec<ConfigError> {
        Vec::new()
    }
}

impl Check for HubConfig {
    fn check(&self, rows: &[Row]) -> Vec<ConfigError> {
        let mut errors = Vec::new();
        let tls = &self.server.tls;
        for (key, path) in [("server.tls.cert", &tls.cert), ("server.tls.key", &tls.key)] {
            if tls.mode == TlsMode::Files && path.is_none() {
                errors.push(
                    ConfigError::new(
                        origin(rows, "server.tls.mode"),
                        "missing",
                        "missing: server.tls.mode files needs it",
                    )
                    .key(key)
                    .allowed("a path; or server.tls.mode off, hub_ca"),
                );
            }
        }
        if self.auth.jwks.url.is_some() && self.auth.jwks.file.is_some() {
            errors.push(
                ConfigError::new(
                    origin(rows, "auth.jwks.file"),
                    "conflict",
                    "auth.jwks.url is set too",
                )
                .key("auth.jwks.file")
                .allowed("one of auth.jwks.url, auth.jwks.file"),
            );
        }
        errors.extend(models(self, rows));
        for (index, condition) in
            self.router.fallbacks.iter().flat_map(|fallback| &fallback.conditions).enumerate()
        {
            if condition.error_type.is_some() == condition.confidence_below.is_some() {
                errors.push(
                    ConfigError::new(
                        origin(rows, "router.fallbacks"),
                        "conflict",
                        format!("condition {} must say one thing", index + 1),
                    )
                    .key("router.fallbacks")
                    .allowed("one of error_type, confidence_score"),
                );
            }
        }
        errors
    }
}

/// Models without an address, and fallbacks between models that there are not.
fn models(config: &HubConfig, rows: &[Row]) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    for (index, model) in config.models.model_list.iter().enumerate() {
        let params = &model.litellm_params;
        let known = known_provider(&params.model);
        let anywhere =
            known.is_some_and(|known| known.base.is_none() && known.dialect != Dialect::Edge);
        if anywhere && params.api_base.is_none() {
            let key = format!("models.model_list[{index}].litellm_params.api_base");
            let error = ConfigError::new(
                origin(rows, "models.model_list"),
                "missing",
                format!("missing: {} has no address of its own", params.model),
            );
            errors.push(error.key(&key).allowed("a URL such as http://127.0.0.1:8000/v1"));
        }
    }
    let tiers = Tier::ALL.map(Tier::as_str);
    let own = config.models.model_list.iter().map(|model| model.model_name.as_str());
    let names: BTreeSet<_> = own.chain(tiers).collect();
    // One deployment alone is named by its group and its model.
    let is_one = |name: &str| {
        config
            .models
            .model_list
            .iter()
            .any(|model| name == format!("{}/{}", model.model_name, model.litellm_params.model))
    };
    for (index, rule) in config.router.fallbacks.iter().enumerate() {
        for (key, name) in [("model", &rule.model), ("fallback", &rule.fallback)] {
            if !names.contains(name.as_str()) && !is_one(name) {
                let key = format!("router.fallbacks[{index}].{key}");
                let error = ConfigError::new(
                    origin(rows, "router.fallbacks"),
                    "unknown_model",
                    format!("there is no model {name}"),
                );
                let names: Vec<_> = names.iter().copied().collect();
                errors.push(error.key(&key).allowed(names.join(", ")));
            }
        }
    }
    errors
}

fn origin(rows: &[Row], key: &str) -> Origin {
    rows.iter().find(|row| row.key == key).map_or(Origin::Default, |row| row.origin.clone())
}
