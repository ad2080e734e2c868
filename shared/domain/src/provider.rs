//! Keys to the APIs of models' providers, which users bring along.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The longest name of a provider, in characters.
const MAX_NAME: usize = 40;
/// Of keys that are shorter, in characters, no part is told.
const HINTED: usize = 12;
/// How many characters are told.
const HINT: usize = 4;

/// Whose API a key opens, such as `openai` or `anthropic`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ProviderName(String);

/// Why a text is no name of a provider.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no name of a provider: use 1 to {MAX_NAME} lower-case letters, digits, `-` or `_`, \
     such as openai"
)]
pub struct ProviderNameError;

impl ProviderName {
    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProviderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ProviderName {
    type Err = ProviderNameError;

    fn from_str(text: &str) -> Result<Self, ProviderNameError> {
        let allowed =
            |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        // All that is allowed is one byte.
        if text.is_empty() || text.len() > MAX_NAME || !text.chars().all(allowed) {
            return Err(ProviderNameError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ProviderName {
    type Error = ProviderNameError;

    fn try_from(text: String) -> Result<Self, ProviderNameError> {
        text.parse()
    }
}

impl From<ProviderName> for String {
    fn from(name: ProviderName) -> Self {
        name.0
    }
}

/// A provider's key in clear. It is overwritten when it is dropped, and nothing
/// that prints shows it.
pub struct ProviderSecret(Zeroizing<String>);

/// Why a text is no provider's key. Never holds the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderSecretError {
    /// There is nothing.
    #[error("it is empty: give the key as the provider shows it")]
    Empty,
    /// It is longer than every provider's.
    #[error("it is too long: a key has at most {} bytes", ProviderSecret::MAX_BYTES)]
    TooLong,
    /// It is of several lines, or holds what nobody can see.
    #[error("it holds a line break or another control character: give the key alone, on one line")]
    Control,
    /// It was copied with a space.
    #[error("it begins or ends with a space: give the key alone")]
    Space,
}

impl ProviderSecret {
    /// The longest key, in bytes.
    pub const MAX_BYTES: usize = 4096;

    /// A key: one line of text without spaces around it.
    ///
    /// # Errors
    /// Where the text is empty, too long, or cannot be a key.
    pub fn new(text: String) -> Result<Self, ProviderSecretError> {
        // First of all, so that a text that is refused is overwritten too.
        let text = Zeroizing::new(text);
        if text.is_empty() {
            return Err(ProviderSecretError::Empty);
        }
        if text.len() > Self::MAX_BYTES {
            return Err(ProviderSecretError::TooLong);
        }
        if text.chars().any(|c| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')) {
            return Err(ProviderSecretError::Control);
        }
        if text.trim().len() != text.len() {
            return Err(ProviderSecretError::Space);
        }
        Ok(Self(text))
    }

    /// The key itself, for the request to the provider.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// The last four characters, by which people recognise it; `None` where it
    /// is so short that they would tell too much.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let chars = self.0.chars().count();
        (chars >= HINTED).then(|| self.0.chars().skip(chars - HINT).collect())
    }
}

impl fmt::Debug for ProviderSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ProviderSecret(********)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Result<ProviderSecret, ProviderSecretError> {
        ProviderSecret::new(text.to_owned())
    }

    #[test]
    fn names_are_short_and_of_lower_case() {
        let longest = "a".repeat(40);
        for good in ["openai", "anthropic", "my_vllm-2", "0", &longest] {
            assert_eq!(good.parse::<ProviderName>().unwrap().as_str(), good);
        }
        let too_long = "a".repeat(41);
        for bad in ["", "OpenAI", "a.b", "a/b", "a b", "é", "a\n", "a\0", &too_long] {
            let error = bad.parse::<ProviderName>().unwrap_err();
            assert!(error.to_string().contains("1 to 40 lower-case"), "{bad:?}: {error}");
            assert!(serde_json::from_value::<ProviderName>(bad.into()).is_err());
        }
    }

    #[test]
    fn what_cannot_be_a_key_is_refused_without_being_told() {
        use ProviderSecretError::{Control, Empty, Space, TooLong};
        let longest = "k".repeat(4096);
        assert_eq!(secret(&longest).unwrap().expose(), longest);
        for (text, error) in [
            (String::new(), Empty),
            ("k".repeat(4097), TooLong),
            ("canary\ncanary".to_owned(), Control),
            ("canary\n".to_owned(), Control),
            ("canary\0".to_owned(), Control),
            ("canary\u{2028}canary".to_owned(), Control),
            (" canary".to_owned(), Space),
            ("canary\u{a0}".to_owned(), Space),
            (" ".to_owned(), Space),
        ] {
            let refused = secret(&text).unwrap_err();
            assert!(!format!("{refused} {refused:?}").contains("canary"), "{refused}");
            assert_eq!(refused, error, "{text:?}");
        }
    }

    #[test]
    fn a_key_is_not_printed_and_hinted_at_only_where_it_is_long() {
        let canary = secret("sk-canary-12345").unwrap();
        assert_eq!(format!("{canary:?} {:?}", Some(&canary)).matches("canary").count(), 0);
        assert_eq!(canary.hint().as_deref(), Some("2345"));
        assert_eq!(secret("12345678901").unwrap().hint(), None);
        assert_eq!(secret("123456789012").unwrap().hint().as_deref(), Some("9012"));
        assert_eq!(secret("ééééééééééäöüß").unwrap().hint().as_deref(), Some("äöüß"));
    }
}
