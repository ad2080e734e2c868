//! A request for a chat completion, in the shape that OpenAI gave it and all
//! clients speak. Fields that are not named here are kept and handed on.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};

use crate::error::RouterError;

/// What a client asks a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// A tier, a deployment, or a name that the configuration gives to models.
    pub model: String,
    /// The conversation so far.
    pub messages: Vec<ChatMessage>,
    /// Whether the answer is wanted in pieces.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "is_false")]
    pub stream: bool,
    /// What a stream is to hold besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_options: Option<StreamOptions>,
    /// 0 is greedy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// The most tokens of the answer, as older clients name it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u32>,
    /// The most tokens of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_completion_tokens: Option<u32>,
    /// Texts at which the answer ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// The same seed, model and conversation: the same answer, where the model
    /// can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<i64>,
    /// How many answers; only one is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n: Option<u32>,
    /// What the model may call.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolDefinition>,
    /// `auto`, `none`, `required`, or one function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_choice: Option<Value>,
    /// The form of the answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub response_format: Option<ResponseFormat>,
    /// Whether the tokens' probabilities are wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logprobs: Option<bool>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// What a stream is to hold besides the answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamOptions {
    /// Whether the last chunk says what was consumed.
    #[serde(default, deserialize_with = "or_default")]
    pub include_usage: bool,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// One turn of a conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// What is said; may be absent where the assistant only calls tools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<Content>,
    /// What the assistant asks to be called.
    #[serde(default, deserialize_with = "or_default", skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<FunctionCall>,
    /// Which call this is the result of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

impl ChatMessage {
    /// A turn that is only text.
    #[must_use]
    pub fn text(role: &str, text: impl Into<String>) -> Self {
        Self {
            role: role.to_owned(),
            content: Some(Content::Text(text.into())),
            tool_calls: Vec::new(),
            tool_call_id: None,
            extra: Map::new(),
        }
    }

    /// Its text, of all its parts.
    #[must_use]
    pub fn plain(&self) -> String {
        self.content.as_ref().map(Content::plain).unwrap_or_default()
    }
}

/// What a turn says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Content {
    /// Text.
    Text(String),
    /// Text, images and other things.
    Parts(Vec<Part>),
}

impl Content {
    /// The text of all parts.
    #[must_use]
    pub fn plain(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Parts(parts) => parts.iter().filter_map(|part| part.text.as_deref()).collect(),
        }
    }
}

/// A part of what a turn says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// `text`, `image_url`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// The text of a `text`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A call that the assistant asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionCall {
    /// Unique within the conversation.
    pub id: String,
    /// `function`.
    #[serde(rename = "type", default = "function")]
    pub kind: String,
    /// What is to be called.
    pub function: FunctionArguments,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A function and what it is called with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FunctionArguments {
    /// Its name.
    pub name: String,
    /// A JSON object as text.
    #[serde(default, deserialize_with = "or_default")]
    pub arguments: String,
}

fn function() -> String {
    "function".to_owned()
}

/// What the model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolDefinition {
    /// `function`, or what else a provider offers.
    #[serde(rename = "type", default = "function")]
    pub kind: String,
    /// The function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function: Option<FunctionDefinition>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// A function that the model may call.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FunctionDefinition {
    /// Its name.
    pub name: String,
    /// What it does, for the model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// JSON schema of its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parameters: Option<Value>,
    /// Everything else.
    #[serde(flatten)]
    pub extra: Map<String, Value>,
}

/// The form of an answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ResponseFormat {
    /// `text`, `json_object` or `json_schema`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The schema of a `json_schema`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub json_schema: Option<Value>,
}

impl ResponseFormat {
    /// The schema that the answer must have; none for free text.
    #[must_use]
    pub fn schema(&self) -> Option<Value> {
        match self.kind.as_str() {
            "json_object" => Some(serde_json::json!({ "type": "object" })),
            "json_schema" => self.json_schema.as_ref()?.get("schema").cloned(),
            _ => None,
        }
    }
}

/// Texts at which an answer ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Stop {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Stop {
    /// All of them.
    #[must_use]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::One(text) => vec![text.clone()],
            Self::Many(texts) => texts.clone(),
        }
    }
}

impl ChatRequest {
    /// Refuses what nobody could answer, whether a model or an agent.
    ///
    /// # Errors
    /// Which field is wrong, and what to do.
    pub fn check(&self) -> Result<(), RouterError> {
        let wrong =
            |param, message: &str| Err(RouterError::Invalid { param, message: message.to_owned() });
        if self.messages.is_empty() {
            return wrong("messages", "messages: there is none: send at least one");
        }
        if self.n.is_some_and(|n| n != 1) {
            return wrong("n", "n: only one answer is given to a request: leave it out, or send 1");
        }
        if self.max_output() == Some(0) {
            return wrong("max_tokens", "max_tokens: at least 1");
        }
        if self.temperature.is_some_and(|heat| !(0.0..=2.0).contains(&heat)) {
            return wrong("temperature", "temperature: from 0 to 2");
        }
        Ok(())
    }

    /// The most tokens that the answer may have, if the client says so.
    #[must_use]
    pub fn max_output(&self) -> Option<u32> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// Whether an answer that broke off may be taken up by another model: only
    /// free text can, without tools and without a form.
    #[must_use]
    pub fn can_be_continued(&self) -> bool {
        self.tools.is_empty()
            && self.response_format.as_ref().is_none_or(|format| format.kind == "text")
            && self.logprobs != Some(true)
            && self.stop.is_none()
    }

    /// The last thing that the user said.
    #[must_use]
    pub fn last_user_text(&self) -> String {
        let last = self.messages.iter().rev().find(|message| message.role == "user");
        last.map(ChatMessage::plain).unwrap_or_default()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_false(value: &bool) -> bool {
    !value
}

/// Clients write null for what they leave out.
pub(crate) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_not_known_is_handed_on() {
        let sent = json!({
            "model": "fast",
            "messages": [
                {"role": "user", "name": "ann", "content": [
                    {"type": "text", "text": "what is this? ", "cache_control": {"type": "x"}},
                    {"type": "image_url", "image_url": {"url": "data:,"}},
                ]},
                {"role": "assistant", "tool_calls": [{"id": "c", "type": "function",
                    "function": {"name": "f", "arguments": "{}"}, "index": 0}]},
                {"role": "tool", "tool_call_id": "c", "content": "7"},
            ],
            "stop": ["a", "b"],
            "tools": [{"type": "function", "function":
                {"name": "f", "parameters": {"type": "object"}, "strict": true}}],
            "response_format": {"type": "json_schema",
                "json_schema": {"name": "x", "schema": {"type": "object"}, "strict": true}},
            "reasoning_effort": "low",
        });
        let request: ChatRequest = serde_json::from_value(sent.clone()).unwrap();
        assert_eq!(request.extra["reasoning_effort"], "low");
        assert_eq!(request.last_user_text(), "what is this? ");
        assert!(!request.can_be_continued());
        assert_eq!(serde_json::to_value(&request).unwrap(), sent);
    }

    #[test]
    fn null_is_as_if_it_were_left_out() {
        let sent = json!({"model": "m", "stream": null, "tools": null, "n": null,
            "stream_options": {"include_usage": null}, "stop": null,
            "messages": [{"role": "assistant", "content": "x", "tool_calls": null}]});
        let request: ChatRequest = serde_json::from_value(sent).unwrap();
        assert!(!request.stream && request.tools.is_empty());
        assert!(request.messages[0].tool_calls.is_empty());
    }

    #[test]
    fn what_is_left_out_stays_out() {
        let sent = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        let request: ChatRequest = serde_json::from_value(sent.clone()).unwrap();
        assert!(request.can_be_continued());
        assert_eq!(serde_json::to_value(&request).unwrap(), sent);
    }
}
