//! Providers by the names that LiteLLM gives them.

use agentos_router::Shape;

/// How a provider is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Known {
    /// Over the link.
    Edge,
    /// Over HTTP.
    Http {
        /// How it is spoken to.
        shape: Shape,
        /// Where, unless the configuration says.
        base: Option<&'static str>,
        /// Whether it is a program that people run at home, so that its address
        /// tells where it computes.
        at_home: bool,
    },
}

/// Name, address, and whether it runs at home; all speak like OpenAI.
const LIKE_OPENAI: &[(&str, Option<&str>, bool)] = &[
    ("openai", Some("https://api.openai.com/v1"), false),
    ("openrouter", Some("https://openrouter.ai/api/v1"), false),
    ("groq", Some("https://api.groq.com/openai/v1"), false),
    ("mistral", Some("https://api.mistral.ai/v1"), false),
    ("deepseek", Some("https://api.deepseek.com/v1"), false),
    ("together_ai", Some("https://api.together.xyz/v1"), false),
    ("xai", Some("https://api.x.ai/v1"), false),
    ("gemini", Some("https://generativelanguage.googleapis.com/v1beta/openai"), false),
    ("ollama", Some("http://127.0.0.1:11434"), true),
    ("ollama_chat", Some("http://127.0.0.1:11434/v1"), true),
    ("lm_studio", Some("http://127.0.0.1:1234/v1"), true),
    ("llamafile", Some("http://127.0.0.1:8080/v1"), true),
    ("hosted_vllm", None, true),
    ("vllm", None, true),
    ("litellm_proxy", None, false),
    ("custom_openai", None, false),
];

/// The provider of `provider/name`.
pub(super) fn known(model: &str) -> Option<Known> {
    match model.split('/').next()? {
        "edge" => Some(Known::Edge),
        "anthropic" => Some(Known::Http {
            shape: Shape::Anthropic,
            base: Some("https://api.anthropic.com"),
            at_home: false,
        }),
        name => {
            let (_, base, at_home) = LIKE_OPENAI.iter().find(|(known, ..)| *known == name)?;
            Some(Known::Http { shape: Shape::OpenAi, base: *base, at_home: *at_home })
        }
    }
}

/// For a provider that nobody knows.
pub(super) fn unknown(model: &str) -> String {
    let names: Vec<_> = LIKE_OPENAI.iter().map(|(name, ..)| *name).collect();
    format!(
        "models.model_list: {model}: no such provider; use edge, anthropic, {}; for any other \
         that speaks like OpenAI write custom_openai/NAME with its api_base",
        names.join(", ")
    )
}
