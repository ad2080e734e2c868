//! Secrets by name, and texts without them.

use std::collections::BTreeMap;
use std::sync::Arc;

use agentos_domain::ProviderSecret;
use serde_json::{Map, Value};

/// What stands where a secret was.
const REDACTED: &str = "[redacted]";
/// How the keys of the known providers begin; error messages of theirs quote
/// parts of keys.
const KEY_PREFIX: &str = "sk-";

/// Secrets by name. Nothing that prints shows them.
#[derive(Debug, Clone, Default)]
pub struct Secrets(BTreeMap<String, Arc<ProviderSecret>>);

impl Secrets {
    /// With one more secret.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, secret: ProviderSecret) -> Self {
        self.0.insert(name.into(), Arc::new(secret));
        self
    }

    /// The secret of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&ProviderSecret> {
        self.0.get(name).map(Arc::as_ref)
    }

    /// Those that have one of these names.
    #[must_use]
    pub fn only(&self, names: &[String]) -> Self {
        let seen = |(name, _): &(&String, _)| names.contains(name);
        let seen = self.0.iter().filter(seen);
        Self(seen.map(|(name, secret)| (name.clone(), Arc::clone(secret))).collect())
    }

    /// A text without any of them, and without what looks like a provider's key.
    #[must_use]
    pub fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in self.0.values() {
            if text.contains(secret.expose()) {
                text = text.replace(secret.expose(), REDACTED);
            }
        }
        redact_keys(&text)
    }

    /// JSON without any of them, in keys and values.
    pub(crate) fn redact_json(&self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.redact(text)),
            Value::Array(items) => items.iter().map(|item| self.redact_json(item)).collect(),
            Value::Object(map) => Value::Object(self.redact_map(map)),
            other => other.clone(),
        }
    }

    pub(crate) fn redact_map(&self, map: &Map<String, Value>) -> Map<String, Value> {
        map.iter().map(|(key, value)| (self.redact(key), self.redact_json(value))).collect()
    }
}

/// Words that begin as keys do are taken out.
fn redact_keys(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(KEY_PREFIX) {
        let (before, key) = rest.split_at(at);
        let within = before.ends_with(|c: char| c.is_alphanumeric());
        let end = key.find(|c: char| !is_key(c)).unwrap_or(key.len());
        let (key, after) = key.split_at(end);
        shown.push_str(before);
        // `task-id` is a word, and `sk-` alone is no key.
        shown.push_str(if within || key.len() == KEY_PREFIX.len() { key } else { REDACTED });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

/// Characters of keys, and those that stand for what is left out of one.
fn is_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '*' | '.' | '…')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn secrets() -> Secrets {
        let secret = |text: &str| ProviderSecret::new(text.to_owned()).unwrap();
        Secrets::default().with("one", secret("canary-1")).with("two", secret("sk-admin-canary"))
    }

    #[test]
    fn secrets_and_what_looks_like_keys_are_taken_out() {
        for (text, shown) in [
            ("key canary-1, canary-1!", "key [redacted], [redacted]!"),
            ("sk-admin-canary", "[redacted]"),
            ("got sk-ant-admin01-AAAA****BBBB: wrong", "got [redacted]: wrong"),
            ("of a task-id, sk- and desk-lamp", "of a task-id, sk- and desk-lamp"),
            ("nothing", "nothing"),
        ] {
            assert_eq!(secrets().redact(text), shown);
        }
        let value = json!({ "a": ["x canary-1", 1], "canary-1": { "b": "sk-admin-canary" } });
        assert!(!secrets().redact_json(&value).to_string().contains("canary"));
        assert!(!format!("{:?}", secrets()).contains("canary"));
    }

    #[test]
    fn a_plugin_sees_what_its_declaration_names() {
        let seen = secrets().only(&["two".to_owned(), "three".to_owned()]);
        assert!(seen.get("two").is_some() && seen.get("one").is_none());
    }
}
