//! What a text may look like.

use std::net::{IpAddr, SocketAddr};

use agentos_domain::{AgentName, ToolName};

use crate::providers::known_provider;

/// The shape of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Anything but nothing.
    Any,
    /// Anything of at least 32 bytes: shorter keys of HS256 can be guessed.
    Key,
    /// 32 bytes, as hexadecimal digits or in base64.
    SecretsKey,
    Path,
    Ip,
    SocketAddr,
    /// `host:port`.
    HostPort,
    /// `http://` or `https://`, without a password in it.
    HttpUrl,
    /// Scheme, host and port of a web page, or `*`.
    WebOrigin,
    /// A host's name or address.
    HostName,
    /// `host`, `*.host` or `*`, with a port where it is an unusual one.
    HostPattern,
    TimeOfDay,
    TimeZone,
    LogLevel,
    LogLine,
    /// `provider/name`.
    ModelName,
    /// `< 0.7`.
    BelowConfidence,
    AgentName,
    ToolName,
    /// A JSON schema of an object, as JSON.
    JsonSchema,
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];
const LOG_FIELDS: [&str; 4] = ["asctime", "name", "levelname", "message"];

impl Format {
    /// Whether the text has this shape.
    pub(crate) fn accepts(self, text: &str) -> bool {
        match self {
            Self::Any | Self::Path => !text.trim().is_empty() && !text.contains('\0'),
            Self::Key => text.len() >= 32,
            Self::SecretsKey => is_secrets_key(text),
            Self::Ip => text.parse::<IpAddr>().is_ok(),
            Self::SocketAddr => text.parse::<SocketAddr>().is_ok(),
            Self::HostPort => text
                .rsplit_once(':')
                .is_some_and(|(host, port)| is_host(host) && port.parse::<u16>().is_ok()),
            Self::HttpUrl => authority(text).is_some_and(|(authority, _)| is_authority(authority)),
            Self::WebOrigin => {
                text == "*"
                    || authority(text)
                        .is_some_and(|(host, rest)| is_authority(host) && rest.is_empty())
            }
            Self::HostName => is_host(text),
            Self::HostPattern => {
                let name = text.strip_prefix("*.").unwrap_or(text);
                is_authority(name) || name == "*" || name.strip_prefix("*:").is_some_and(is_port)
            }
            Self::TimeOfDay => is_time_of_day(text),
            Self::TimeZone => is_time_zone(text),
            Self::LogLevel => text.split(',').all(is_log_directive),
            Self::LogLine => matches!(text, "json" | "text") || is_log_pattern(text),
            Self::ModelName => known_provider(text).is_some(),
            Self::BelowConfidence => below_confidence(text).is_some(),
            Self::AgentName => text.parse::<AgentName>().is_ok(),
            Self::ToolName => text.parse::<ToolName>().is_ok(),
            Self::JsonSchema => serde_json::from_str::<serde_json::Value>(text)
                .is_ok_and(|schema| schema.is_object()),
        }
    }

    /// The shape in words.
    pub(crate) fn allowed(self) -> &'static str {
        match self {
            Self::Any => "text",
            Self::Key => "text of at least 32 bytes, such as `openssl rand -hex 32` prints",
            Self::SecretsKey => {
                "32 bytes as 64 hexadecimal digits, such as `openssl rand -hex 32` prints, or in base64"
            }
            Self::Path => "a path",
            Self::Ip => "an IP address such as 127.0.0.1, 0.0.0.0 or ::1",
            Self::SocketAddr => "an IP address and port such as 0.0.0.0:7443 or [::]:7443",
            Self::HostPort => "a host and port such as nas.local:7443",
            Self::HttpUrl => "a URL that begins with http:// or https:// and holds no password",
            Self::WebOrigin => "an origin such as https://home.example:8443, or *",
            Self::HostName => "a host's name or address such as nas.local",
            Self::HostPattern => "a host such as example.org, *.example.org or *",
            Self::TimeOfDay => "a time of day from 00:00 to 23:59, in quotes",
            Self::TimeZone => "UTC or a time zone such as Europe/Lisbon",
            Self::LogLevel => {
                "off, error, warn, info, debug, trace, or a filter such as info,agentos_link=debug"
            }
            Self::LogLine => {
                "json, text, or a pattern of %(asctime)s, %(name)s, %(levelname)s, %(message)s"
            }
            Self::ModelName => {
                "provider/name such as ollama/qwen3:8b, the provider one of edge, anthropic, openai, \
                 openrouter, groq, mistral, deepseek, together_ai, xai, gemini, ollama, ollama_chat, \
                 lm_studio, llamafile, hosted_vllm, vllm, litellm_proxy, or custom_openai for any \
                 other that speaks like OpenAI"
            }
            Self::BelowConfidence => "a bound such as < 0.7, from 0 to 1",
            Self::AgentName => "an agent's name: at most 64 letters, digits, -, _ and .",
            Self::ToolName => "a tool's name: at most 64 letters, digits, -, _ and .",
            Self::JsonSchema => "a JSON schema as one text, such as '{\"type\": \"object\"}'",
        }
    }
}

/// The bound in `< 0.7`.
pub(crate) fn below_confidence(text: &str) -> Option<f64> {
    let bound: f64 = text.trim().strip_prefix('<')?.trim().parse().ok()?;
    (0.0..=1.0).contains(&bound).then_some(bound)
}

fn is_secrets_key(text: &str) -> bool {
    let base64 = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '-' | '_');
    let bare = text.strip_suffix('=').unwrap_or(text);
    (text.len() == 64 && text.chars().all(|c| c.is_ascii_hexdigit()))
        || (bare.len() == 43 && bare.chars().all(base64))
}

fn is_host(text: &str) -> bool {
    let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    if inner.parse::<IpAddr>().is_ok() {
        return true;
    }
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    !text.is_empty()
        && text.len() <= 253
        && text
            .trim_end_matches('.')
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63 && label.chars().all(known))
}

/// Host and port of an HTTP URL, and what follows.
fn authority(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return None;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

fn is_authority(text: &str) -> bool {
    match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => is_host(host) && port.parse::<u16>().is_ok(),
        _ => is_host(text),
    }
}

fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok()
}

fn is_time_of_day(text: &str) -> bool {
    let part = |part: &str, limit: u8| {
        part.len() == 2
            && part.bytes().all(|b| b.is_ascii_digit())
            && part.parse::<u8>().is_ok_and(|number| number < limit)
    };
    text.split_once(':').is_some_and(|(hour, minute)| part(hour, 24) && part(minute, 60))
}

fn is_time_zone(text: &str) -> bool {
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+');
    text == "UTC"
        || (text.split('/').count() >= 2
            && text.split('/').all(|part| !part.is_empty() && part.chars().all(known)))
}

fn is_log_directive(text: &str) -> bool {
    let text = text.trim();
    let known = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
    let (target, level) = text.split_once('=').unwrap_or(("all", text));
    !target.is_empty()
        && target.chars().all(known)
        && LEVELS.contains(&level.to_ascii_lowercase().as_str())
}

fn is_log_pattern(text: &str) -> bool {
    let mut rest = text;
    let mut fields = 0;
    while let Some(start) = rest.find("%(") {
        let Some((name, after)) = rest[start + 2..].split_once(")s") else { return false };
        if !LOG_FIELDS.contains(&name) {
            return false;
        }
        fields += 1;
        rest = after;
    }
    fields > 0
}
