//! What a call of a model consumed, by kind, as prices tell kinds apart.

use serde::{Deserialize, Serialize};

use crate::Usage;

/// Tokens of one call. No token is counted twice: the prompt is the sum of the
/// first four, the answer is `output`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TokenCounts {
    /// Prompt tokens that were neither read from the provider's cache nor
    /// written to it.
    pub input: u64,
    /// Prompt tokens that were read from the provider's cache.
    pub cache_read: u64,
    /// Prompt tokens that were written to the provider's cache, to be kept for
    /// its usual time (5 minutes at Anthropic).
    pub cache_write: u64,
    /// Prompt tokens that were written to the provider's cache, to be kept for
    /// an hour.
    pub cache_write_1h: u64,
    /// Tokens of the answer, with those of reasoning.
    pub output: u64,
    /// Those of the answer that were spent on reasoning.
    pub reasoning: u64,
}

impl TokenCounts {
    /// All tokens of the prompt.
    #[must_use]
    pub fn prompt(&self) -> u64 {
        [self.input, self.cache_read, self.cache_write, self.cache_write_1h]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    /// As a journal keeps it.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            input_tokens: self.prompt(),
            cached_tokens: self.cache_read,
            output_tokens: self.output,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_the_prompt_is_counted_once() {
        let counts = TokenCounts {
            input: 1,
            cache_read: 20,
            cache_write: 300,
            cache_write_1h: 4000,
            output: 5,
            reasoning: 2,
        };
        assert_eq!(counts.prompt(), 4321);
        let usage = counts.usage();
        assert_eq!((usage.input_tokens, usage.cached_tokens, usage.output_tokens), (4321, 20, 5));
    }
}
