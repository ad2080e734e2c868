//! The configuration files of pip and npm, as far as they name an index.

use std::collections::BTreeMap;

use url::Url;
use zeroize::Zeroizing;

/// The index of a `pip.conf`: `index-url` of `[install]`, else of `[global]`.
pub(super) fn index_url(text: &str) -> Option<String> {
    let (mut section, mut found) = (String::new(), BTreeMap::new());
    for line in text.lines() {
        // A line that begins with a space goes on with the one before.
        let line = line.trim_end();
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            section = name.trim().to_ascii_lowercase();
        } else if let Some((key, value)) = line.split_once(['=', ':'])
            && !line.starts_with(['#', ';', ' ', '\t'])
            && matches!(key.trim().to_ascii_lowercase().as_str(), "index-url" | "index_url")
        {
            found.insert(section.clone(), value.trim().to_owned());
        }
    }
    found.remove("install").or_else(|| found.remove("global")).filter(|url| !url.is_empty())
}

/// What `.npmrc` files say, the later ones winning.
#[derive(Default)]
pub(super) struct Npmrc {
    pub(super) registry: Option<String>,
    /// Values of the header `authorization` by the address that they are for,
    /// without its scheme, such as `//host/path/`.
    secrets: BTreeMap<String, Zeroizing<String>>,
}

impl Npmrc {
    pub(super) fn read(&mut self, text: &str, variable: &dyn Fn(&str) -> Option<String>) {
        for line in text.lines() {
            let line = line.trim();
            let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with(['#', ';']))
            else {
                continue;
            };
            let value = value.trim().trim_matches(['"', '\'']);
            let value = Zeroizing::new(filled_in(value, variable));
            match key.trim() {
                "registry" => self.registry = Some(value.to_string()),
                key if key.starts_with("//") => self.secret(key, &value),
                _ => {}
            }
        }
    }

    fn secret(&mut self, key: &str, value: &Zeroizing<String>) {
        for (name, scheme) in [(":_authToken", "Bearer"), (":_auth", "Basic")] {
            if let Some(place) = key.strip_suffix(name) {
                let header = Zeroizing::new(format!("{scheme} {}", value.as_str()));
                self.secrets.insert(place.trim_end_matches('/').to_owned(), header);
            }
        }
    }

    /// The secret of the address that lies closest above the registry.
    pub(super) fn authorization(&self, registry: &Url) -> Option<Zeroizing<String>> {
        let host = registry.host_str()?;
        let port = registry.port().map_or(String::new(), |port| format!(":{port}"));
        let whole = format!("//{host}{port}{}", registry.path());
        let mut place = whole.trim_end_matches('/');
        loop {
            if let Some(found) = self.secrets.get(place) {
                return Some(found.clone());
            }
            place = place.get(..place.rfind('/')?).filter(|rest| rest.len() > 2)?;
        }
    }
}

/// A value with the variables that it names as `${NAME}`.
fn filled_in(value: &str, variable: &dyn Fn(&str) -> Option<String>) -> String {
    let (mut text, mut rest) = (String::new(), value);
    while let Some((before, after)) = rest.split_once("${") {
        text.push_str(before);
        let Some((name, after)) = after.split_once('}') else {
            text.push_str("${");
            rest = after;
            break;
        };
        text.push_str(&variable(name).unwrap_or_else(|| format!("${{{name}}}")));
        rest = after;
    }
    text.push_str(rest);
    text
}
