//! Where the hub is and with which key: arguments first, then the environment,
//! then what `agentos login` has kept.

use std::path::{Path, PathBuf};

use crate::args::Global;
use crate::error::CliError;
use crate::login::{self, Login};
use crate::trust;

const DEFAULT_URL: &str = "http://127.0.0.1:7777";

/// What every request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Settings {
    /// The hub's address, without a slash at its end.
    pub(crate) url: String,
    /// The key, if there is one.
    pub(crate) api_key: Option<String>,
    /// The only authorities that an https hub may have its certificate from,
    /// PEM; none: those that this machine trusts.
    pub(crate) ca: Option<String>,
}

impl Settings {
    /// From what was typed, else an environment, else the last login. The key
    /// of a login goes to the hub of that login alone, and its authority is
    /// trusted for that hub alone.
    pub(crate) fn resolve(
        global: &Global,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, CliError> {
        let url = named_url(global, env);
        let api_key = named_key(global, env)?;
        let ca = named_ca(global, env)?;
        let login = match (&url, &api_key) {
            (Some(url), Some(_)) if ca.is_some() || !url.starts_with("https://") => None,
            _ => login::path(env).map(|path| Login::read(&path)).transpose()?.flatten(),
        };
        let kept = login.as_ref().map(|login| login.url.clone());
        let url = url.or(kept).unwrap_or_else(|| DEFAULT_URL.to_owned());
        let kept = login.filter(|login| login.url == url);
        let kept_ca = kept.as_ref().and_then(|login| login.ca.clone());
        let settings = Self { url: checked_url(url)?, api_key: None, ca: ca.or(kept_ca) };
        settings.with(api_key.or(kept.map(|login| login.api_key)))
    }

    /// For a new login: what was kept before does not count, nor does a key of
    /// the environment. Also whether a key was typed.
    pub(crate) fn for_login(
        global: &Global,
        address: Option<&str>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<(Self, bool), CliError> {
        if address.is_some() && global.url.is_some() {
            return Err(CliError::usage("the address is there twice", "agentos login URL"));
        }
        let typed_url = address.map(|url| url.trim_end_matches('/').to_owned());
        let url = typed_url.or_else(|| named_url(global, env));
        let url = checked_url(url.unwrap_or_else(|| DEFAULT_URL.to_owned()))?;
        let api_key = typed_key(global)?;
        let typed = api_key.is_some();
        let ca = named_ca(global, env)?;
        Ok((Self { url, api_key: None, ca }.with(api_key)?, typed))
    }

    /// The same with this key, from which spaces around it are removed.
    pub(crate) fn with_key(self, key: &str) -> Result<Self, CliError> {
        self.with(Some(key.to_owned()).filter(|key| !key.trim().is_empty()))
    }

    fn with(self, api_key: Option<String>) -> Result<Self, CliError> {
        let api_key = api_key.map(|key| key.trim().to_owned());
        if api_key.as_ref().is_some_and(|key| !key.chars().all(|c| c.is_ascii_graphic())) {
            return Err(CliError::usage(
                "the key holds characters that no key has",
                "--api-key-file with the hub's admin.key",
            ));
        }
        Ok(Self { api_key, ..self })
    }
}

fn variable(env: &dyn Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    env(name).filter(|value| !value.trim().is_empty())
}

fn named_url(global: &Global, env: &dyn Fn(&str) -> Option<String>) -> Option<String> {
    let url = global.url.clone().or_else(|| variable(env, "AGENT_OS_URL"));
    url.map(|url| url.trim_end_matches('/').to_owned())
}

fn named_ca(
    global: &Global,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, CliError> {
    let file = global.ca.clone().or_else(|| variable(env, "AGENT_OS_CA").map(PathBuf::from));
    file.map(|file| trust::read_ca(&file)).transpose()
}

fn typed_key(global: &Global) -> Result<Option<String>, CliError> {
    match (&global.api_key, &global.api_key_file) {
        (Some(key), _) => Ok(Some(key.clone())),
        (None, Some(file)) => read_key(file).map(Some),
        (None, None) => Ok(None),
    }
}

fn named_key(
    global: &Global,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Option<String>, CliError> {
    if let Some(key) = typed_key(global)? {
        return Ok(Some(key));
    }
    match (variable(env, "AGENT_OS_API_KEY"), variable(env, "AGENT_OS_API_KEY_FILE")) {
        (Some(key), _) => Ok(Some(key)),
        (None, Some(file)) => read_key(&PathBuf::from(file)).map(Some),
        (None, None) => Ok(None),
    }
}

fn checked_url(url: String) -> Result<String, CliError> {
    let hint = format!("--url {DEFAULT_URL}");
    match url.split_once("://") {
        Some(("http" | "https", host)) if !host.is_empty() => Ok(url),
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
    fn the_key_of_a_login_goes_to_its_hub_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("agentos");
        std::fs::create_dir(&folder).unwrap();
        let login = r#"{"url": "http://nas:7777", "api_key": "kept"}"#;
        std::fs::write(folder.join("login.json"), login).unwrap();
        let config = ("XDG_CONFIG_HOME", dir.path().to_str().unwrap());
        let of = |url: Option<&str>, env: &[(&str, &str)]| {
            let global = Global { url: url.map(ToOwned::to_owned), ..Global::default() };
            let settings = resolve(&global, env).unwrap();
            (settings.url, settings.api_key.unwrap_or_default())
        };
        let both = |url: &str, key: &str| (url.to_owned(), key.to_owned());
        assert_eq!(of(None, &[config]), both("http://nas:7777", "kept"));
        assert_eq!(of(Some("http://nas:7777/"), &[config]), both("http://nas:7777", "kept"));
        assert_eq!(of(Some("http://other:7777"), &[config]), both("http://other:7777", ""));
        let url = ("AGENT_OS_URL", "http://other:7777");
        assert_eq!(of(None, &[config, url]), both("http://other:7777", ""));
        let key = ("AGENT_OS_API_KEY", "given");
        assert_eq!(of(None, &[config, key]), both("http://nas:7777", "given"));
    }

    #[test]
    fn the_authority_of_a_login_is_trusted_for_its_hub_alone() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("agentos");
        std::fs::create_dir(&folder).unwrap();
        let login = r#"{"url": "https://nas:7777", "api_key": "kept", "ca": "kept ca"}"#;
        std::fs::write(folder.join("login.json"), login).unwrap();
        let certificate = "-----BEGIN CERTIFICATE-----\nYWJj\n-----END CERTIFICATE-----\n";
        let file = dir.path().join("ca.pem");
        std::fs::write(&file, certificate).unwrap();
        let config = ("XDG_CONFIG_HOME", dir.path().to_str().unwrap());
        let of = |url: &str, env: &[(&str, &str)]| {
            let global = Global { url: Some(url.to_owned()), ..Global::default() };
            resolve(&global, env).unwrap().ca
        };
        let (own, other) = ("https://nas:7777", "https://other:7777");
        assert_eq!(of(own, &[config]).as_deref(), Some("kept ca"));
        let key = ("AGENT_OS_API_KEY", "given");
        assert_eq!(of(own, &[config, key]).as_deref(), Some("kept ca"));
        assert_eq!(of(other, &[config]), None);
        let given = ("AGENT_OS_CA", file.to_str().unwrap());
        assert_eq!(of(own, &[config, given]).as_deref(), Some(certificate));
        assert_eq!(of(other, &[config, key, given]).as_deref(), Some(certificate));
        let global = Global { ca: Some(dir.path().join("none")), ..Global::default() };
        assert!(resolve(&global, &[config]).is_err());
    }

    #[test]
    fn addresses_that_cannot_be_a_hub_are_refused() {
        for url in ["nas:7777", "https://", "http://", "ftp://nas"] {
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
