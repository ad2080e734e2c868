//! Rules between settings, which no row of the table can say alone.

use crate::edge::EdgeConfig;
use crate::error::{ConfigError, Origin};
use crate::hub::{HubConfig, TlsMode};
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

fn origin(rows: &[Row], key: &str) -> Origin {
    rows.iter().find(|row| row.key == key).map_or(Origin::Default, |row| row.origin.clone())
}
