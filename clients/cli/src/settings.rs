//! Where the hub is and with which key: arguments first, then the environment.

use std::path::{Path, PathBuf};

use crate::args::Global;
use crate::error::CliError;

const DEFAULT_URL: &str = "http://127.0.0.1:7777";

/// What every request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The hub's address, without a slash at its end.
    pub(crate) url: String,
    /// The key, if there is one.
    pub(crate) api_key: Option<String>,
}

impl Settings {
    /// From what was typed and an environment.
    pub(crate) fn resolve(
        global: &Global,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, CliError> {
        let env = |name: &str| env(name).filter(|value| !value.trim().is_empty());
        let url = global.url.clone().or_else(|| env("AGENT_OS_URL"));
        let url = url.unwrap_or_else(|| DEFAULT_URL.to_owned()).trim_end_matches('/').to_owned();
        check_url(&url)?;
        let api_key = match (&global.api_key, &global.api_key_file) {
            (Some(key), _) => Some(key.clone()),
            (None, Some(file)) => Some(read_key(file)?),
            (None, None) => match (env("AGENT_OS_API_KEY"), env("AGENT_OS_API_KEY_FILE")) {
                (Some(key), _) => Some(key),
                (None, Some(file)) => Some(read_key(&PathBuf::from(file))?),
                (None, None) => None,
            },
        };
        let api_key = api_key.map(|key| key.trim().to_owned());
        if api_key.as_ref().is_some_and(|key| !key.chars().all(|c| c.is_ascii_graphic())) {
            return Err(CliError::usage(
                "the key holds characters that no key has",
                "--api-key-file with the hub's admin.key",
            ));
        }
        Ok(Self { url, api_key })
    }
}

fn check_url(url: &str) -> Result<(), CliError> {
    let hint = format!("--url {DEFAULT_URL}");
    match url.split_once("://") {
        Some(("http", host)) if !host.is_empty() => Ok(()),
        Some(("https", _)) => Err(CliError::usage(
            format!("{url}: the hub speaks plain http; put https in front of it on a tunnel"),
            hint,
        )),
        _ => Err(CliError::usage(format!("{url} is no address of a hub"), hint)),
    }
}

fn read_key(file: &Path) -> Result<String, CliError> {
    let what = || format!("cannot read the key from {}", file.display());
    std::fs::read_to_string(file).map_err(|source| CliError::File { what: what(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(global: &Global, env: &[(&str, &str)]) -> Result<Settings, CliError> {
        Settings::resolve(global, &|name| {
            env.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn what_is_typed_wins_over_the_environment() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("admin.key");
        std::fs::write(&file, "from-file\n").unwrap();
        let env = [("AGENT_OS_API_KEY", "from-env"), ("AGENT_OS_URL", "http://nas:7777/")];
        let settings = resolve(&Global::default(), &env).unwrap();
        assert_eq!(settings.url, "http://nas:7777");
        assert_eq!(settings.api_key.as_deref(), Some("from-env"));

        let global = Global { api_key_file: Some(file), ..Global::default() };
        assert_eq!(resolve(&global, &env).unwrap().api_key.as_deref(), Some("from-file"));
    }

    #[test]
    fn addresses_that_cannot_be_a_hub_are_refused() {
        for url in ["nas:7777", "https://nas", "http://", "ftp://nas"] {
            let global = Global { url: Some(url.into()), ..Global::default() };
            assert_eq!(resolve(&global, &[]).unwrap_err().exit_code(), 2, "{url}");
        }
    }

    #[test]
    fn a_key_cannot_smuggle_a_header() {
        let global = Global { api_key: Some("a\r\nX: y".into()), ..Global::default() };
        assert_eq!(resolve(&global, &[]).unwrap_err().exit_code(), 2);
    }
}
