//! The package indexes that the user's own pip and npm are configured for.

use std::fmt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use url::Url;
use zeroize::Zeroizing;

use super::index_config::{Npmrc, index_url};

/// Where packages are looked up, with what shows that one may.
#[derive(Clone, PartialEq, Eq)]
pub struct PackageIndex {
    /// Its address, without a name or password.
    pub base: Url,
    /// The value of the header `authorization`, where it needs one.
    pub authorization: Option<Zeroizing<String>>,
}

impl fmt::Debug for PackageIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PackageIndex").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl PackageIndex {
    /// From an address as it is configured: a name and password in it become a
    /// header. `None` if it is no address of the web.
    #[must_use]
    pub fn new(address: &str) -> Option<Self> {
        let mut base = Url::parse(address.trim()).ok()?;
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return None;
        }
        let name = decoded(base.username());
        let password = decoded(base.password().unwrap_or_default());
        let has_user = !name.is_empty() || !password.is_empty();
        let authorization = has_user.then(|| {
            let both = Zeroizing::new(format!("{}:{}", name.as_str(), password.as_str()));
            Zeroizing::new(format!("Basic {}", STANDARD.encode(both.as_bytes())))
        });
        base.set_username("").ok()?;
        base.set_password(None).ok()?;
        base.set_query(None);
        base.set_fragment(None);
        Some(Self { base, authorization })
    }
}

/// A part of an address without its escapes.
fn decoded(part: &str) -> Zeroizing<String> {
    let pair = Zeroizing::new(format!("x={}", part.replace('+', "%2B")));
    let value = url::form_urlencoded::parse(pair.as_bytes()).next();
    Zeroizing::new(value.map(|(_, value)| value.into_owned()).unwrap_or_default())
}

/// The indexes by ecosystem; `None` where nothing is configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageIndexes {
    /// Of Python packages, with the simple API (PEP 503, 691).
    pub pypi: Option<PackageIndex>,
    /// Of JavaScript packages, with npm's API.
    pub npm: Option<PackageIndex>,
}

impl PackageIndexes {
    /// Reads what pip and npm would read: files of the machine, of the user and
    /// of the virtual environment, then the environment, which wins. `variable`
    /// gives a variable of the environment, `file` the text of a file.
    #[must_use]
    pub fn discover(
        variable: &dyn Fn(&str) -> Option<String>,
        file: &dyn Fn(&Path) -> Option<String>,
    ) -> Self {
        Self { pypi: pypi(variable, file), npm: npm(variable, file) }
    }
}

fn pypi(
    variable: &dyn Fn(&str) -> Option<String>,
    file: &dyn Fn(&Path) -> Option<String>,
) -> Option<PackageIndex> {
    let named = variable("PIP_INDEX_URL").filter(|text| !text.trim().is_empty());
    let in_files = || {
        let own = variable("PIP_CONFIG_FILE");
        // So pip is told to read no file.
        let none = own.as_deref() == Some("/dev/null");
        let files = pip_files(variable, own.clone().map(PathBuf::from));
        let files = files.iter().filter(|_| !none);
        files.filter_map(|path| index_url(&file(path)?)).last()
    };
    PackageIndex::new(&named.or_else(in_files)?)
}

/// pip's files, each winning over those before it.
fn pip_files(variable: &dyn Fn(&str) -> Option<String>, own: Option<PathBuf>) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = vec!["/etc/xdg/pip/pip.conf".into(), "/etc/pip.conf".into()];
    if let Some(home) = variable("HOME").map(PathBuf::from) {
        let config = variable("XDG_CONFIG_HOME").map(PathBuf::from);
        files.push(home.join("Library/Application Support/pip/pip.conf"));
        files.push(home.join(".pip/pip.conf"));
        files.push(config.unwrap_or_else(|| home.join(".config")).join("pip/pip.conf"));
    }
    files.extend(variable("VIRTUAL_ENV").map(|folder| PathBuf::from(folder).join("pip.conf")));
    files.extend(own);
    files
}

fn npm(
    variable: &dyn Fn(&str) -> Option<String>,
    file: &dyn Fn(&Path) -> Option<String>,
) -> Option<PackageIndex> {
    let setting = |name: &str| {
        let found = variable(&format!("npm_config_{name}"));
        found.or_else(|| variable(&format!("NPM_CONFIG_{}", name.to_ascii_uppercase())))
    };
    let home = variable("HOME").map(|home| PathBuf::from(home).join(".npmrc"));
    let global = setting("globalconfig").map_or_else(|| "/etc/npmrc".into(), PathBuf::from);
    let user = setting("userconfig").map(PathBuf::from).or(home);
    let mut config = Npmrc::default();
    for path in std::iter::once(global).chain(user) {
        if let Some(text) = file(&path) {
            config.read(&text, variable);
        }
    }
    let registry = setting("registry").filter(|text| !text.trim().is_empty());
    let mut index = PackageIndex::new(&registry.or_else(|| config.registry.clone())?)?;
    if index.authorization.is_none() {
        index.authorization = config.authorization(&index.base);
    }
    Some(index)
}
