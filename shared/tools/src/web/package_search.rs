//! `package_search`: whether a package exists, and in which versions.
//!
//! It asks the index that the user's own pip or npm is configured for; no
//! address is built in. Indexes can be asked by name alone: there is no search
//! by words in what all of them offer.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use agentos_domain::{ArgumentRole, Effect, RateLimit, RatePeriod, ToolClass, ToolError, ToolSpec};
use agentos_egress::{
    Credential, Credentials, FetchLimits, FetchRequest, Fetched, Fetcher, Host, Resolver, Subject,
    TlsConfig,
};
use http::header::AUTHORIZATION;
use serde::Deserialize;
use serde_json::{Value, json};

use super::indexes::{PackageIndex, PackageIndexes};
use super::{access, html, versions, web_search};
use crate::{Tool, ToolContext, arguments};

/// The most versions in an answer.
const MAX_VERSIONS: usize = 20;
/// The most characters of a name.
const MAX_NAME: usize = 214;
/// Lists of versions of busy packages are long.
const MAX_BODY: usize = 64 * 1024 * 1024;
const RATE: RateLimit = RateLimit { calls: 30, per: RatePeriod::Minute };
const KEY: &str = "package_index";
const PYPI: &str = "application/vnd.pypi.simple.v1+json, text/html;q=0.5";
const NPM: &str = "application/vnd.npm.install-v1+json, application/json;q=0.5";

#[derive(Debug)]
struct Service {
    index: PackageIndex,
    fetcher: Fetcher,
}

/// The tool `package_search`.
#[derive(Debug)]
pub struct PackageSearch {
    spec: ToolSpec,
    pypi: Option<Service>,
    npm: Option<Service>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Ecosystem {
    Pypi,
    Npm,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    ecosystem: Ecosystem,
    name: String,
}

fn spec() -> ToolSpec {
    let properties = json!({
        "ecosystem": {
            "enum": ["pypi", "npm"],
            "description": "pypi for Python, npm for JavaScript",
        },
        "name": {
            "type": "string", "minLength": 1, "maxLength": MAX_NAME,
            "description": "the package's exact name",
        },
    });
    let description = "Looks a package up by its exact name: whether it exists, its newest \
        versions and what they need";
    // The index is configured. The name goes there, to whoever runs it.
    arguments::spec(
        "package_search",
        ToolClass::Read,
        description,
        properties,
        &["ecosystem", "name"],
    )
    .needs("network.http.get")
    .argument("ecosystem", ArgumentRole::Selector)
    .argument("name", ArgumentRole::Content)
    .with_untrusted_output()
    .with_effect(Effect::Outside)
    .limited_to(RATE)
}

impl PackageSearch {
    /// With the indexes that are configured; they may be in the home network.
    ///
    /// # Errors
    /// `not_configured`: an index is unusable.
    pub fn new(
        indexes: PackageIndexes,
        tls: &TlsConfig,
        resolver: &Arc<dyn Resolver>,
    ) -> Result<Self, ToolError> {
        let service = |index: Option<PackageIndex>| {
            index.map(|index| Service::new(index, tls, Arc::clone(resolver))).transpose()
        };
        Ok(Self { spec: spec(), pypi: service(indexes.pypi)?, npm: service(indexes.npm)? })
    }
}

impl Service {
    fn new(
        index: PackageIndex,
        tls: &TlsConfig,
        resolver: Arc<dyn Resolver>,
    ) -> Result<Self, ToolError> {
        let mut credentials = Credentials::new();
        if let Some(value) = &index.authorization {
            let unusable = || {
                let message = "a package index with a password needs a host's name and https";
                ToolError::new("not_configured", message)
            };
            let Ok(Host::Name(host)) = Host::of(&index.base) else { return Err(unusable()) };
            let credential = Credential::header(host, AUTHORIZATION, value.clone())
                .at_port(index.base.port_or_known_default().unwrap_or(443));
            credentials.add(KEY, credential).map_err(|_| unusable())?;
        }
        let limits = FetchLimits {
            body: MAX_BODY,
            unpacked: MAX_BODY,
            total: Duration::from_secs(120),
            ..FetchLimits::default()
        };
        let fetcher = access::to_service(&index.base, credentials, tls, resolver, limits)?;
        Ok(Self { index, fetcher })
    }

    async fn get(
        &self,
        path: &str,
        accept: &'static str,
        context: &ToolContext,
    ) -> Result<Option<Fetched>, ToolError> {
        let failed = |what: String| ToolError::new("index_failed", what);
        let base = web_search::in_folder(&self.index.base);
        let url = base.join(path).map_err(|_| failed("the name is unusable".to_owned()))?;
        // `@scope%2fname` is one name: credentials are bound to no path here.
        let credential = self.index.authorization.is_some().then(|| KEY.to_owned());
        let request = FetchRequest::new(url, Subject::new("", "package_search"))
            .accepting(accept)
            .with_credential(credential);
        let fetched = access::fetch(&self.fetcher, &request, context).await?;
        match fetched.status {
            200 if fetched.truncated => Err(failed("the index's answer is too long".to_owned())),
            200 => Ok(Some(fetched)),
            404 | 410 => Ok(None),
            status => {
                let hint = "check the index that pip or npm is configured for";
                Err(failed(format!("the package index answers with status {status}: {hint}")))
            }
        }
    }
}

#[async_trait::async_trait]
impl Tool for PackageSearch {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    async fn call(&self, arguments: Value, context: &ToolContext) -> Result<Value, ToolError> {
        let Arguments { ecosystem, name } = arguments::parse(arguments)?;
        let not_configured = |program: &str, how: &str| {
            let message =
                format!("no package index is configured: a person sets {how} for {program}");
            ToolError::new("not_configured", message)
        };
        match ecosystem {
            Ecosystem::Pypi => {
                let how = "PIP_INDEX_URL or `index-url` in pip.conf";
                let service = self.pypi.as_ref().ok_or_else(|| not_configured("pip", how))?;
                let path = pypi_path(&name).ok_or_else(|| misnamed("PyPI"))?;
                let Some(fetched) = service.get(&path, PYPI, context).await? else {
                    return Ok(missing("pypi", &name));
                };
                pypi_answer(&name, &fetched)
            }
            Ecosystem::Npm => {
                let how = "`registry` in .npmrc or npm_config_registry";
                let service = self.npm.as_ref().ok_or_else(|| not_configured("npm", how))?;
                let path = npm_path(&name).ok_or_else(|| misnamed("npm"))?;
                let Some(fetched) = service.get(&path, NPM, context).await? else {
                    return Ok(missing("npm", &name));
                };
                npm_answer(&name, &fetched)
            }
        }
    }
}

fn misnamed(ecosystem: &str) -> ToolError {
    let message = format!("this is no name of a package of {ecosystem}: give the exact name");
    ToolError::new("invalid_name", message)
}

fn missing(ecosystem: &str, name: &str) -> Value {
    let note = "there is no package of this name: check the spelling";
    json!({ "ecosystem": ecosystem, "name": name, "found": false, "note": note })
}

/// The path of a Python package, its name normalised (PEP 503).
fn pypi_path(name: &str) -> Option<String> {
    let ends = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let fits = name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !fits || !ends(name.chars().next()) || !ends(name.chars().last()) {
        return None;
    }
    let words: Vec<&str> = name.split(['.', '_', '-']).filter(|word| !word.is_empty()).collect();
    Some(format!("{}/", words.join("-").to_ascii_lowercase()))
}

/// The path of a JavaScript package.
fn npm_path(name: &str) -> Option<String> {
    let word = |word: &str| {
        !word.is_empty()
            && !word.starts_with(['.', '_'])
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "-._~".contains(c))
    };
    match name.strip_prefix('@').map(|scoped| scoped.split_once('/')) {
        Some(Some((scope, name))) if word(scope) && word(name) => {
            Some(format!("@{scope}%2f{name}"))
        }
        None if word(name) => Some(format!("./{name}")),
        _ => None,
    }
}

fn unreadable() -> ToolError {
    ToolError::new("index_failed", "the package index answers in a form that is not understood")
}

fn pypi_answer(name: &str, fetched: &Fetched) -> Result<Value, ToolError> {
    let json = fetched.content_type.as_deref().is_some_and(|kind| kind.contains("json"));
    if !json {
        let page = html::read(&String::from_utf8_lossy(&fetched.body), None);
        let found = page.text.split_whitespace().filter_map(|file| version_of(file, name));
        return Ok(answer("pypi", name, found.collect(), json!({})));
    }
    let body: Value = serde_json::from_slice(&fetched.body).map_err(|_| unreadable())?;
    let files: Vec<&Value> = body["files"].as_array().into_iter().flatten().collect();
    let usable = |file: &&&Value| file["yanked"] == Value::Bool(false) || file["yanked"].is_null();
    let named = |file: &&Value| version_of(file["filename"].as_str()?, name);
    let found: BTreeSet<String> = files.iter().filter(usable).filter_map(named).collect();
    let mut result = answer("pypi", name, found.clone(), json!({}));
    let latest = result["latest"].as_str().unwrap_or_default().to_owned();
    let newest = files.iter().find(|file| named(file).as_deref() == Some(&latest));
    if let Some(python) = newest.and_then(|file| file["requires-python"].as_str()) {
        result["requires_python"] = python.chars().take(100).collect::<String>().into();
    }
    Ok(result)
}

/// The version in the name of a wheel (PEP 427) or source archive (PEP 625).
fn version_of(file: &str, name: &str) -> Option<String> {
    let stem =
        [".whl", ".tar.gz", ".zip", ".tar.bz2"].iter().find_map(|it| file.strip_suffix(it))?;
    let version = if file.ends_with(".whl") {
        stem.split('-').nth(1)?
    } else {
        // The name in an old archive may have hyphens of its own.
        stem.get(name.len()..)?.strip_prefix('-')?
    };
    let fits = version.starts_with(|c: char| c.is_ascii_digit()) && version.len() < 64;
    fits.then(|| version.to_owned())
}

fn npm_answer(name: &str, fetched: &Fetched) -> Result<Value, ToolError> {
    let body: Value = serde_json::from_slice(&fetched.body).map_err(|_| unreadable())?;
    let all = body["versions"].as_object().ok_or_else(unreadable)?;
    let usable = all.iter().filter(|(_, about)| about["deprecated"].is_null());
    let found: BTreeSet<String> = usable.map(|(version, _)| version.clone()).collect();
    let tagged = body["dist-tags"]["latest"].as_str();
    let mut more = json!({});
    if let Some(latest) = tagged {
        more["latest"] = latest.into();
        let about = &all.get(latest).cloned().unwrap_or_default();
        for (field, value) in
            [("engines", &about["engines"]["node"]), ("deprecated", &about["deprecated"])]
        {
            if let Some(text) = value.as_str() {
                more[field] = text.chars().take(200).collect::<String>().into();
            }
        }
    }
    Ok(answer("npm", name, found, more))
}

fn answer(ecosystem: &str, name: &str, found: BTreeSet<String>, more: Value) -> Value {
    let mut sorted: Vec<String> = found.into_iter().collect();
    sorted.sort_by(|one, other| versions::compare(other, one));
    let latest = sorted.iter().find(|version| !versions::is_early(version)).or(sorted.first());
    let mut result = json!({ "ecosystem": ecosystem, "name": name, "found": true });
    if let Some(latest) = latest {
        result["latest"] = latest.as_str().into();
    }
    result["versions"] = json!(sorted.iter().take(MAX_VERSIONS).collect::<Vec<_>>());
    result["total_versions"] = sorted.len().into();
    for (field, value) in more.as_object().into_iter().flatten() {
        result[field.as_str()] = value.clone();
    }
    result
}
