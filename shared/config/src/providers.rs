//! Providers of models, by the names that LiteLLM gives them.

/// How a provider is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// An edge's engine, over the link.
    Edge,
    /// OpenAI's chat completions.
    OpenAi,
    /// Anthropic's messages.
    Anthropic,
}

/// A provider of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownProvider {
    /// Its name, before the slash of a model.
    pub name: &'static str,
    /// How it is spoken to.
    pub dialect: Dialect,
    /// Its address; where there is none, the configuration has to say.
    pub base: Option<&'static str>,
    /// Whether it is a program that people run at home, so that its address tells
    /// where it computes.
    pub at_home: bool,
}

const fn cloud(name: &'static str, base: &'static str) -> KnownProvider {
    KnownProvider { name, dialect: Dialect::OpenAi, base: Some(base), at_home: false }
}

const fn home(name: &'static str, base: Option<&'static str>) -> KnownProvider {
    KnownProvider { name, dialect: Dialect::OpenAi, base, at_home: true }
}

const fn any(name: &'static str) -> KnownProvider {
    KnownProvider { name, dialect: Dialect::OpenAi, base: None, at_home: false }
}

/// All of them.
pub static PROVIDERS: &[KnownProvider] = &[
    KnownProvider { name: "edge", dialect: Dialect::Edge, base: None, at_home: true },
    KnownProvider {
        name: "anthropic",
        dialect: Dialect::Anthropic,
        base: Some("https://api.anthropic.com"),
        at_home: false,
    },
    cloud("openai", "https://api.openai.com/v1"),
    cloud("openrouter", "https://openrouter.ai/api/v1"),
    cloud("groq", "https://api.groq.com/openai/v1"),
    cloud("mistral", "https://api.mistral.ai/v1"),
    cloud("deepseek", "https://api.deepseek.com/v1"),
    cloud("together_ai", "https://api.together.xyz/v1"),
    cloud("xai", "https://api.x.ai/v1"),
    cloud("gemini", "https://generativelanguage.googleapis.com/v1beta/openai"),
    home("ollama", Some("http://127.0.0.1:11434")),
    home("ollama_chat", Some("http://127.0.0.1:11434/v1")),
    home("lm_studio", Some("http://127.0.0.1:1234/v1")),
    home("llamafile", Some("http://127.0.0.1:8080/v1")),
    home("hosted_vllm", None),
    home("vllm", None),
    any("litellm_proxy"),
    any("custom_openai"),
];

/// The provider of `provider/name`.
#[must_use]
pub fn known_provider(model: &str) -> Option<&'static KnownProvider> {
    let (name, rest) = model.split_once('/')?;
    PROVIDERS.iter().find(|provider| provider.name == name && !rest.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_named_where_one_is_not_known() {
        let allowed = crate::format::Format::ModelName.allowed();
        for provider in PROVIDERS {
            assert!(allowed.contains(provider.name), "{}", provider.name);
        }
    }

    #[test]
    fn a_model_has_a_provider_that_is_known_and_a_name() {
        assert_eq!(known_provider("anthropic/claude").unwrap().dialect, Dialect::Anthropic);
        assert!(known_provider("openrouter/a/b").is_some());
        for wrong in ["anthropic", "anthropic/", "/x", "nobody/x", ""] {
            assert_eq!(known_provider(wrong), None, "{wrong}");
        }
    }
}
