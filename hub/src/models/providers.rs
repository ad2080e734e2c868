//! Providers as the router asks them.

use agentos_config::{Dialect, known_provider};
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
        /// Whether its address tells where it computes.
        at_home: bool,
    },
}

/// The provider of `provider/name`.
pub(super) fn known(model: &str) -> Option<Known> {
    let provider = known_provider(model)?;
    let shape = match provider.dialect {
        Dialect::Edge => return Some(Known::Edge),
        Dialect::OpenAi => Shape::OpenAi,
        Dialect::Anthropic => Shape::Anthropic,
    };
    Some(Known::Http { shape, base: provider.base, at_home: provider.at_home })
}

/// For a provider that nobody knows; the configuration lets none through.
pub(super) fn unknown(model: &str) -> String {
    format!("models.model_list: {model}: no such provider")
}
