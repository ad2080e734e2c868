//! Chat templates: from messages to the text that a model was trained on.

use agentos_domain::{Message, Role, ToolSpec};
use agentos_generation::EngineError;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Kwargs, Serde};
use minijinja::{Environment, Error, ErrorKind, Value};
use serde::Serialize;
use serde_json::json;

/// The template of models that bring none, and of the demonstration weights.
pub(crate) const CHATML: &str = include_str!("chatml.jinja");

/// Stands for an answer when only what follows it is wanted.
const PLACEHOLDER: &str = "ANSWER-5b1f0c93d7e24a68";

/// A compiled chat template with the special texts of its model.
#[derive(Debug)]
pub(crate) struct ChatTemplate {
    environment: Environment<'static>,
    bos: String,
    eos: String,
    control_texts: Vec<String>,
}

impl ChatTemplate {
    /// Compiles `source`. `control_texts` are the texts of the model's control
    /// tokens: messages cannot forge them.
    pub(crate) fn new(
        source: String,
        bos: String,
        eos: String,
        control_texts: Vec<String>,
    ) -> Result<Self, EngineError> {
        let mut environment = Environment::new();
        let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
        environment.set_syntax(syntax.map_err(failed)?);
        environment
            .set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
        environment.add_filter("tojson", to_json);
        environment.add_function("raise_exception", |reason: String| -> Result<Value, Error> {
            Err(Error::new(ErrorKind::InvalidOperation, reason))
        });
        environment.add_template_owned("chat", source).map_err(failed)?;
        Ok(Self { environment, bos, eos, control_texts })
    }

    /// The prompt of a whole conversation, up to where the assistant speaks.
    pub(crate) fn render(
        &self,
        messages: &[Message],
        tools: &[ToolSpec],
    ) -> Result<String, EngineError> {
        let messages: Vec<_> = messages.iter().map(|message| self.message(message)).collect();
        let tools: Vec<_> = tools.iter().map(tool).collect();
        let context = json!({
            "messages": messages,
            "tools": if tools.is_empty() { serde_json::Value::Null } else { tools.into() },
            "add_generation_prompt": true,
            "enable_thinking": false,
            "bos_token": self.bos,
            "eos_token": self.eos,
        });
        let template = self.environment.get_template("chat").map_err(failed)?;
        template.render(Serde(context)).map_err(failed)
    }

    /// What follows the answer at `index` in the prompt: the end of its turn
    /// and the turns after it. `None` where the template does not let it be
    /// told apart; the caller then renders the whole.
    pub(crate) fn render_after(
        &self,
        messages: &[Message],
        index: usize,
        tools: &[ToolSpec],
    ) -> Option<String> {
        let mut messages = messages.to_vec();
        *messages.get_mut(index)? = Message::text(Role::Assistant, PLACEHOLDER);
        let text = self.render(&messages, tools).ok()?;
        let (_, after) = text.split_once(PLACEHOLDER)?;
        (!after.contains(PLACEHOLDER)).then(|| after.to_owned())
    }

    /// A message in OpenAI's shape, which templates expect.
    fn message(&self, message: &Message) -> serde_json::Value {
        let role = match message.role {
            Role::System => "system",
            Role::User => "user",
            Role::Assistant => "assistant",
            Role::Tool => "tool",
        };
        let mut value = json!({ "role": role, "content": self.defuse(&message.content) });
        if !message.tool_calls.is_empty() {
            let calls = message.tool_calls.iter().map(|call| {
                let arguments = serde_json::from_str(&self.defuse(&call.arguments.to_string()));
                let arguments = arguments.unwrap_or_else(|_| call.arguments.clone());
                json!({
                    "id": call.id,
                    "type": "function",
                    "function": { "name": call.name, "arguments": arguments },
                })
            });
            value["tool_calls"] = calls.collect();
        }
        if let Some(id) = &message.tool_call_id {
            value["tool_call_id"] = json!(id);
        }
        value
    }

    /// Breaks the texts of control tokens with a zero-width space: a file's
    /// content must not end a turn.
    fn defuse(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for control in self.control_texts.iter().filter(|control| control.len() > 1) {
            if text.contains(control.as_str()) {
                let mut broken = control.clone();
                let second = control.char_indices().nth(1).map_or(control.len(), |(at, _)| at);
                broken.insert(second, '\u{200B}');
                text = text.replace(control.as_str(), &broken);
            }
        }
        text
    }
}

fn tool(tool: &ToolSpec) -> serde_json::Value {
    json!({
        "type": "function",
        "function": {
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
        },
    })
}

fn failed(error: Error) -> EngineError {
    EngineError::Template { reason: error.to_string() }
}

/// As in Python, where the templates come from: spaces after `,` and `:` unless
/// `separators` are given, and no HTML escapes.
fn to_json(value: Value, arguments: Kwargs) -> Result<Value, Error> {
    let indent: Option<usize> = arguments.get("indent")?;
    let separators: Option<Vec<String>> = arguments.get("separators")?;
    let dense = separators.is_some_and(|texts| texts == [",", ":"]);
    // Templates pass what Python takes, such as `ensure_ascii`.
    for name in arguments.args().map(str::to_owned).collect::<Vec<_>>() {
        arguments.get::<Option<Value>>(&name)?;
    }
    let bad = |error: serde_json::Error| {
        Error::new(ErrorKind::InvalidOperation, format!("cannot write as JSON: {error}"))
    };
    let mut bytes = Vec::new();
    match indent {
        Some(width) => {
            let indent = " ".repeat(width.min(16));
            let formatter = serde_json::ser::PrettyFormatter::with_indent(indent.as_bytes());
            let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, formatter);
            value.serialize(&mut serializer).map_err(bad)?;
        }
        None if dense => serde_json::to_writer(&mut bytes, &value).map_err(bad)?,
        None => {
            let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, Spaced);
            value.serialize(&mut serializer).map_err(bad)?;
        }
    }
    Ok(Value::from_safe_string(String::from_utf8_lossy(&bytes).into_owned()))
}

/// `{"a": 1, "b": [2, 3]}`
struct Spaced;

impl serde_json::ser::Formatter for Spaced {
    fn begin_array_value<W: std::io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_key<W: std::io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> std::io::Result<()> {
        if first { Ok(()) } else { writer.write_all(b", ") }
    }

    fn begin_object_value<W: std::io::Write + ?Sized>(
        &mut self,
        writer: &mut W,
    ) -> std::io::Result<()> {
        writer.write_all(b": ")
    }
}

#[cfg(test)]
mod tests;
