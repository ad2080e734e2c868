//! What the mock reads of a request.

use serde::Deserialize;
use serde_json::Value;

/// A request for an answer, in any of the three shapes. What is not named here
/// is not looked at.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Asked {
    pub(crate) model: Option<String>,
    stream: Option<bool>,
    stream_options: Option<StreamOptions>,
    logprobs: Option<bool>,
    top_logprobs: Option<usize>,
    /// Of chat completions.
    response_format: Option<Format>,
    /// Of responses.
    text: Option<Nested>,
    /// Of messages.
    output_config: Option<Nested>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct StreamOptions {
    include_usage: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Format {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Nested {
    format: Option<Format>,
}

impl Asked {
    pub(crate) fn stream(&self) -> bool {
        self.stream == Some(true)
    }

    /// Whether the stream is to end with the usage.
    pub(crate) fn include_usage(&self) -> bool {
        self.stream_options.as_ref().is_some_and(|options| options.include_usage == Some(true))
    }

    /// How many alternatives are to be told for each token, if any
    /// probabilities are.
    pub(crate) fn logprobs(&self) -> Option<usize> {
        (self.logprobs == Some(true)).then(|| self.top_logprobs.unwrap_or(0))
    }

    /// Whether the answer has to fit a JSON schema.
    pub(crate) fn json_schema(&self) -> bool {
        let text = self.text.as_ref().and_then(|text| text.format.as_ref());
        let config = self.output_config.as_ref().and_then(|config| config.format.as_ref());
        [self.response_format.as_ref(), text, config]
            .into_iter()
            .flatten()
            .any(|format| format.kind.as_deref() == Some("json_schema"))
    }
}

/// A request for embeddings.
#[derive(Debug, Deserialize)]
pub(crate) struct EmbeddingsAsked {
    pub(crate) model: Option<String>,
    pub(crate) input: Value,
    pub(crate) encoding_format: Option<String>,
    pub(crate) dimensions: Option<usize>,
}
