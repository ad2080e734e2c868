//! What the shapes have in common.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::{chat, messages, responses};
use crate::asked::Asked;
use crate::script::{Finish, Script, ToolCall};

/// The model, where neither the script nor the request names one.
pub(crate) const MODEL: &str = "mock-model";
/// When every answer was made, in seconds since 1970: bytes do not depend on
/// the time.
pub(crate) const CREATED: u64 = 1_790_000_000;
/// Characters in a piece of JSON that is streamed.
const PIECE: usize = 16;

/// Whose answers an endpoint gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Shape {
    /// OpenAI's chat completions; also the form of its other errors.
    Chat,
    /// OpenAI's responses.
    Responses,
    /// Anthropic's messages.
    Messages,
}

/// The form in which an answer is asked for. One script has few, and each is
/// rendered once.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Form {
    pub(crate) shape: Shape,
    pub(crate) model: String,
    /// Whether the stream of chat completions tells the usage.
    pub(crate) usage: bool,
    /// How many alternatives are told for each token, if any probabilities are.
    pub(crate) logprobs: Option<usize>,
    /// Whether the answer has to fit a JSON schema.
    pub(crate) json: bool,
}

impl Form {
    pub(crate) fn new(shape: Shape, script: &Script, asked: &Asked) -> Self {
        let model = script.model.clone().or_else(|| asked.model.clone());
        Self {
            shape,
            model: model.unwrap_or_else(|| MODEL.to_owned()),
            usage: asked.include_usage(),
            logprobs: asked.logprobs(),
            json: asked.json_schema(),
        }
    }
}

/// An answer as bytes.
pub(crate) struct Rendered {
    /// The stream: what opens it, the content, what closes it.
    pub(crate) events: Arc<[Bytes]>,
    /// Which of the events are content.
    pub(crate) content: Range<usize>,
    /// The body, if it is not streamed.
    pub(crate) whole: Bytes,
}

impl Rendered {
    pub(crate) fn new(
        opening: Bytes,
        content: Vec<Bytes>,
        closing: Vec<Bytes>,
        whole: &serde_json::Value,
    ) -> Self {
        let end = 1 + content.len();
        let events = std::iter::once(opening).chain(content).chain(closing).collect();
        Self { events, content: 1..end, whole: whole.to_string().into() }
    }
}

/// What is to be rendered.
pub(crate) struct Answer<'a> {
    pub(crate) script: &'a Script,
    pub(crate) form: &'a Form,
    /// The text in chunks.
    pub(crate) texts: Vec<String>,
}

impl Answer<'_> {
    pub(crate) fn whole_text(&self) -> String {
        self.texts.concat()
    }

    pub(crate) fn calls(&self) -> &[ToolCall] {
        &self.script.tool_calls
    }

    pub(crate) fn finish(&self) -> Finish {
        self.script.finish()
    }
}

/// A text in pieces, as models write it.
pub(crate) fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(PIECE).map(|piece| piece.iter().collect()).collect()
}

/// The script's answer in one form.
pub(crate) fn render(script: &Script, form: &Form) -> Rendered {
    let texts = match &script.json {
        Some(value) if form.json => pieces(&value.to_string()),
        _ => script.chunks.clone(),
    };
    let answer = Answer { script, form, texts };
    match form.shape {
        Shape::Chat => chat::render(&answer),
        Shape::Responses => responses::render(&answer),
        Shape::Messages => messages::render(&answer),
    }
}
