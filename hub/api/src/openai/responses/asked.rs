//! A request for a response, and the chat completion that it comes to.

use agentos_router::{
    ChatMessage, ChatRequest, FunctionDefinition, ResponseFormat, ToolDefinition,
};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::input::messages;
use crate::openai::Failure;

/// Fields that chat completions have too, by the same names.
const SAME: &[&str] = &[
    "top_p",
    "parallel_tool_calls",
    "user",
    "safety_identifier",
    "prompt_cache_key",
    "service_tier",
];
/// Fields that need an earlier response or a conversation that is kept, or a
/// template of a prompt.
const KEPT: &[&str] = &["previous_response_id", "conversation", "prompt"];
/// By which the tokens' probabilities are asked for.
const LOGPROBS: &str = "message.output_text.logprobs";

/// The body of a request. What it holds besides changes nothing.
#[derive(Debug, Deserialize)]
pub(crate) struct Asked {
    model: String,
    #[serde(default)]
    input: Value,
    #[serde(default)]
    instructions: Option<String>,
    #[serde(default)]
    stream: Option<bool>,
    #[serde(default)]
    background: Option<bool>,
    #[serde(default)]
    max_output_tokens: Option<u32>,
    #[serde(default)]
    temperature: Option<f64>,
    #[serde(default)]
    tools: Option<Vec<Tool>>,
    #[serde(default)]
    tool_choice: Option<Value>,
    #[serde(default)]
    text: Option<Text>,
    #[serde(default)]
    reasoning: Option<Reasoning>,
    #[serde(default)]
    include: Option<Vec<String>>,
    #[serde(default)]
    top_logprobs: Option<u32>,
    #[serde(default)]
    truncation: Option<String>,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, Deserialize)]
struct Tool {
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Text {
    #[serde(default)]
    format: Option<Format>,
    #[serde(default)]
    verbosity: Option<String>,
}

#[derive(Debug, Clone, Deserialize)]
struct Format {
    #[serde(rename = "type")]
    kind: String,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Reasoning {
    #[serde(default)]
    effort: Option<String>,
}

impl Asked {
    /// What every response says again of the request.
    pub(crate) fn echo(&self) -> Map<String, Value> {
        let text = self.text.clone().unwrap_or_default();
        let format = text.format.clone().map_or_else(|| json!({ "type": "text" }), Format::json);
        let tools: Vec<_> = self.tools.iter().flatten().cloned().map(Tool::json).collect();
        let same = |name: &str| self.rest.get(name).cloned().unwrap_or_default();
        let effort = self.reasoning.as_ref().and_then(|reasoning| reasoning.effort.clone());
        let echo = json!({
            "instructions": self.instructions,
            "metadata": self.rest.get("metadata").filter(|it| it.is_object()).unwrap_or(&json!({})),
            "parallel_tool_calls": same("parallel_tool_calls").as_bool().unwrap_or(true),
            "temperature": self.temperature,
            "top_p": same("top_p"),
            "tool_choice": self.tool_choice.clone().unwrap_or_else(|| json!("auto")),
            "tools": tools,
            "max_output_tokens": self.max_output_tokens,
            "previous_response_id": null,
            "reasoning": { "effort": effort, "summary": null },
            "text": { "format": format, "verbosity": text.verbosity.as_deref().unwrap_or("medium") },
            "top_logprobs": self.top_logprobs.unwrap_or(0),
            "truncation": "disabled",
            "background": false,
            // Whatever was wished for.
            "store": false,
            "user": same("user"),
        });
        match echo {
            Value::Object(echo) => echo,
            _ => Map::new(),
        }
    }

    /// The chat completion that answers it.
    ///
    /// # Errors
    /// Which field asks for something that is not done here.
    pub(crate) fn into_chat(mut self) -> Result<ChatRequest, Failure> {
        self.refuse()?;
        let mut conversation = Vec::new();
        if let Some(instructions) = self.instructions.take() {
            conversation.push(ChatMessage::text("system", instructions));
        }
        messages(&self.input, &mut conversation)?;
        let mut extra = Map::new();
        for name in SAME {
            if let Some(value) = self.rest.remove(*name).filter(|value| !value.is_null()) {
                extra.insert((*name).to_owned(), value);
            }
        }
        let text = self.text.unwrap_or_default();
        if let Some(verbosity) = text.verbosity {
            extra.insert("verbosity".to_owned(), verbosity.into());
        }
        if let Some(effort) = self.reasoning.and_then(|reasoning| reasoning.effort) {
            extra.insert("reasoning_effort".to_owned(), effort.into());
        }
        let logprobs = self.include.iter().flatten().any(|what| what == LOGPROBS);
        if let Some(most) = self.top_logprobs.filter(|_| logprobs) {
            extra.insert("top_logprobs".to_owned(), most.into());
        }
        let tools = self.tools.unwrap_or_default().into_iter().map(definition);
        let tools = tools.collect::<Result<_, _>>()?;
        Ok(ChatRequest {
            model: self.model,
            messages: conversation,
            stream: self.stream.unwrap_or(false),
            stream_options: None,
            temperature: self.temperature,
            max_tokens: None,
            max_completion_tokens: self.max_output_tokens,
            stop: None,
            seed: None,
            n: None,
            tools,
            tool_choice: self.tool_choice.map(choice).transpose()?.flatten(),
            response_format: text.format.map(Format::into_chat).transpose()?,
            logprobs: logprobs.then_some(true),
            extra,
        })
    }

    fn refuse(&self) -> Result<(), Failure> {
        for name in KEPT {
            if self.rest.get(*name).is_some_and(|value| !value.is_null()) {
                let what = "nothing is kept between two requests: send the whole conversation as \
                    `input`";
                return Err(unsupported(name, what));
            }
        }
        if self.background == Some(true) {
            let what = "a response is made while its client waits: leave it out, or use `stream`";
            return Err(unsupported("background", what));
        }
        if self.truncation.as_deref().is_some_and(|word| word != "disabled") {
            let what = "nothing is left out of a conversation: shorten it, or send `disabled`";
            return Err(unsupported("truncation", what));
        }
        if self.max_output_tokens == Some(0) {
            return Err(Failure::field("max_output_tokens", "max_output_tokens: at least 1"));
        }
        Ok(())
    }
}

/// For what this API does not do.
pub(super) fn unsupported(param: &'static str, what: impl std::fmt::Display) -> Failure {
    Failure::field(param, format!("{param}: {what}"))
        .with(StatusCode::BAD_REQUEST, "unsupported_parameter")
}

impl Tool {
    fn json(mut self) -> Value {
        self.rest.insert("type".to_owned(), self.kind.into());
        Value::Object(self.rest)
    }
}

/// A tool, whose function stands beside its type here and one level deeper there.
fn definition(mut tool: Tool) -> Result<ToolDefinition, Failure> {
    if tool.kind != "function" {
        let what = format!("there is no tool `{}` here: only functions can be called", tool.kind);
        return Err(unsupported("tools", what));
    }
    tool.rest.retain(|_, value| !value.is_null());
    let function: FunctionDefinition = serde_json::from_value(Value::Object(tool.rest))
        .map_err(|error| Failure::field("tools", format!("tools: a function: {error}")))?;
    Ok(ToolDefinition { kind: tool.kind, function: Some(function), extra: Map::new() })
}

fn choice(choice: Value) -> Result<Option<Value>, Failure> {
    match &choice {
        Value::Null => Ok(None),
        Value::String(word) if matches!(word.as_str(), "auto" | "none" | "required") => {
            Ok(Some(choice))
        }
        Value::Object(named) if named.get("type") == Some(&json!("function")) => {
            Ok(Some(json!({ "type": "function", "function": { "name": named.get("name") } })))
        }
        _ => {
            let what = "`auto`, `none`, `required`, or one function by its name";
            Err(unsupported("tool_choice", what))
        }
    }
}

impl Format {
    fn json(mut self) -> Value {
        self.rest.insert("type".to_owned(), self.kind.into());
        Value::Object(self.rest)
    }

    fn into_chat(mut self) -> Result<ResponseFormat, Failure> {
        let json_schema = match self.kind.as_str() {
            "text" | "json_object" => None,
            "json_schema" if self.rest.get("schema").is_some_and(Value::is_object) => {
                self.rest.retain(|_, value| !value.is_null());
                Some(Value::Object(self.rest))
            }
            "json_schema" => {
                let message = "text.format.schema: give the schema that the answer is to have";
                return Err(Failure::field("text.format.schema", message));
            }
            other => {
                let what = format!("no form `{other}`: use text, json_object or json_schema");
                return Err(unsupported("text.format", what));
            }
        };
        Ok(ResponseFormat { kind: self.kind, json_schema })
    }
}
