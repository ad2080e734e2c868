//! A request for a chat completion as one for a message.

use serde_json::{Map, Value, json};

use super::FORM_TOOL;
use crate::chat::{ChatMessage, Content, FunctionCall, Part, ToolDefinition};
use crate::error::{CallError, ErrorKind};
use crate::providers::Call;

/// Fields of a request that mean the same there.
const SAME: &[&str] = &["top_p", "top_k", "thinking", "inference_geo"];
/// The services that can be asked for there; OpenAI's others are wrong.
const SERVICES: &[&str] = &["auto", "standard_only"];

/// The body of a request.
pub(crate) fn body(call: &Call<'_>) -> Result<Vec<u8>, CallError> {
    let request = call.request;
    let (system, mut messages) = conversation(&request.messages)?;
    if let Some(begun) = call.begun {
        // White space at the end is an error there; the reader knows of it.
        let begun = begun.trim_end();
        let content = (!begun.is_empty()).then(|| json!({ "type": "text", "text": begun }));
        add(&mut messages, "assistant", content.into_iter().collect());
    }
    let mut body = Map::new();
    body.insert("model".to_owned(), json!(call.model));
    body.insert("max_tokens".to_owned(), json!(call.max_output));
    body.insert("messages".to_owned(), Value::Array(messages));
    if !system.is_empty() {
        body.insert("system".to_owned(), Value::Array(system));
    }
    if call.streamed {
        body.insert("stream".to_owned(), json!(true));
    }
    if let Some(temperature) = request.temperature.or(call.temperature) {
        body.insert("temperature".to_owned(), json!(temperature.clamp(0.0, 1.0)));
    }
    if let Some(stop) = &request.stop {
        body.insert("stop_sequences".to_owned(), json!(stop.texts()));
    }
    if let Some(user) = request.extra.get("user").and_then(Value::as_str) {
        body.insert("metadata".to_owned(), json!({ "user_id": user }));
    }
    for name in SAME {
        if let Some(value) = request.extra.get(*name).filter(|value| !value.is_null()) {
            body.insert((*name).to_owned(), value.clone());
        }
    }
    let service = request.extra.get("service_tier").and_then(Value::as_str);
    if let Some(service) = service.filter(|service| SERVICES.contains(service)) {
        body.insert("service_tier".to_owned(), json!(service));
    }
    tools(call, &mut body)?;
    serde_json::to_vec(&body)
        .map_err(|error| CallError::new(ErrorKind::Invalid, format!("cannot be sent: {error}")))
}

/// The instructions, and the turns.
fn conversation(messages: &[ChatMessage]) -> Result<(Vec<Value>, Vec<Value>), CallError> {
    let (mut system, mut turns) = (Vec::new(), Vec::new());
    for message in messages {
        match message.role.as_str() {
            "system" | "developer" => system.extend(blocks(message)?),
            "tool" => {
                let id = message.tool_call_id.as_deref().unwrap_or_default();
                let content = blocks(message)?;
                let result =
                    json!({ "type": "tool_result", "tool_use_id": id, "content": content });
                add(&mut turns, "user", vec![result]);
            }
            "assistant" => {
                let mut content = blocks(message)?;
                for call in &message.tool_calls {
                    content.push(tool_use(call)?);
                }
                add(&mut turns, "assistant", content);
            }
            "user" => add(&mut turns, "user", blocks(message)?),
            other => {
                let message =
                    format!("messages: no role `{other}`: use system, user, assistant, tool");
                return Err(CallError::new(ErrorKind::Invalid, message));
            }
        }
    }
    Ok((system, turns))
}

/// Adds to the last turn where it is of the same role: roles take turns there.
fn add(turns: &mut Vec<Value>, role: &str, content: Vec<Value>) {
    if content.is_empty() {
        return;
    }
    if let Some(last) = turns.last_mut().filter(|last| last["role"] == role)
        && let Some(before) = last["content"].as_array_mut()
    {
        before.extend(content);
        return;
    }
    turns.push(json!({ "role": role, "content": content }));
}

fn blocks(message: &ChatMessage) -> Result<Vec<Value>, CallError> {
    match &message.content {
        None => Ok(Vec::new()),
        // An empty text is an error there.
        Some(Content::Text(text)) if text.is_empty() => Ok(Vec::new()),
        Some(Content::Text(text)) => Ok(vec![json!({ "type": "text", "text": text })]),
        Some(Content::Parts(parts)) => {
            let empty = |part: &&Part| {
                part.kind == "text" && part.text.as_deref().unwrap_or_default().is_empty()
            };
            parts.iter().filter(|part| !empty(part)).map(block).collect()
        }
    }
}

fn block(part: &Part) -> Result<Value, CallError> {
    let mut block = match part.kind.as_str() {
        "text" => json!({ "type": "text", "text": part.text.as_deref().unwrap_or_default() }),
        "image_url" => {
            let url = part.extra.get("image_url").and_then(|image| image["url"].as_str());
            json!({ "type": "image", "source": source(url.unwrap_or_default()) })
        }
        other => {
            let message = format!("this model takes no parts of type `{other}`");
            return Err(CallError::new(ErrorKind::Unsupported, message));
        }
    };
    if let (Some(cache), Some(block)) = (part.extra.get("cache_control"), block.as_object_mut()) {
        block.insert("cache_control".to_owned(), cache.clone());
    }
    Ok(block)
}

/// Where an image comes from: itself, as a `data:` URL, or elsewhere.
fn source(url: &str) -> Value {
    let inline = url.strip_prefix("data:").and_then(|rest| rest.split_once(";base64,"));
    match inline {
        Some((kind, data)) => json!({ "type": "base64", "media_type": kind, "data": data }),
        None => json!({ "type": "url", "url": url }),
    }
}

fn tool_use(call: &FunctionCall) -> Result<Value, CallError> {
    let text = if call.function.arguments.is_empty() { "{}" } else { &call.function.arguments };
    let input: Value = serde_json::from_str(text).map_err(|error| {
        let name = &call.function.name;
        CallError::new(ErrorKind::Invalid, format!("messages: the arguments of {name}: {error}"))
    })?;
    Ok(json!({ "type": "tool_use", "id": call.id, "name": call.function.name, "input": input }))
}

fn tools(call: &Call<'_>, body: &mut Map<String, Value>) -> Result<(), CallError> {
    let request = call.request;
    if let Some(schema) = request.response_format.as_ref().and_then(|format| format.schema()) {
        if !request.tools.is_empty() {
            let message = "this model takes tools or a response_format, not both";
            return Err(CallError::new(ErrorKind::Unsupported, message));
        }
        let tool = json!({ "name": FORM_TOOL, "input_schema": schema,
            "description": "Give the answer in this form." });
        body.insert("tools".to_owned(), json!([tool]));
        body.insert("tool_choice".to_owned(), json!({ "type": "tool", "name": FORM_TOOL }));
        return Ok(());
    }
    if request.tools.is_empty() {
        return Ok(());
    }
    let tools: Vec<_> = request.tools.iter().map(tool).collect();
    body.insert("tools".to_owned(), Value::Array(tools));
    let parallel = request.extra.get("parallel_tool_calls").and_then(Value::as_bool);
    let mut choice = request.tool_choice.as_ref().and_then(choice);
    if parallel == Some(false) {
        // It stands in the choice there, which may be left out here.
        let choice = choice.get_or_insert_with(|| json!({ "type": "auto" }));
        if choice["type"] != "none" {
            choice["disable_parallel_tool_use"] = json!(true);
        }
    }
    if let Some(choice) = choice {
        body.insert("tool_choice".to_owned(), choice);
    }
    Ok(())
}

fn tool(tool: &ToolDefinition) -> Value {
    let Some(function) = &tool.function else {
        // One of the provider's own.
        return serde_json::to_value(tool).unwrap_or_default();
    };
    let schema = function.parameters.clone().unwrap_or_else(|| json!({ "type": "object" }));
    let mut tool = json!({ "name": function.name, "input_schema": schema });
    if let (Some(description), Some(tool)) = (&function.description, tool.as_object_mut()) {
        tool.insert("description".to_owned(), json!(description));
    }
    tool
}

fn choice(choice: &Value) -> Option<Value> {
    match choice {
        Value::String(word) => match word.as_str() {
            "required" => Some(json!({ "type": "any" })),
            "none" => Some(json!({ "type": "none" })),
            _ => Some(json!({ "type": "auto" })),
        },
        choice => {
            let name = choice["function"]["name"].as_str()?;
            Some(json!({ "type": "tool", "name": name }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::ChatRequest;

    fn sent(request: Value) -> Value {
        let request: ChatRequest = serde_json::from_value(request).unwrap();
        let call = Call::new(&request, "claude", 100);
        serde_json::from_slice(&body(&call).unwrap()).unwrap()
    }

    #[test]
    fn a_conversation_with_tools_is_translated() {
        let body = sent(json!({
            "model": "cloud-smart", "temperature": 1.7, "stop": "END", "user": "u1",
            "messages": [
                {"role": "system", "content": "be brief"},
                {"role": "user", "content": [{"type": "text", "text": "look"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
                {"role": "assistant", "content": "", "tool_calls": [
                    {"id": "a", "function": {"name": "f", "arguments": "{\"x\":1}"}},
                    {"id": "b", "function": {"name": "g", "arguments": ""}}]},
                {"role": "tool", "tool_call_id": "a", "content": "7"},
                {"role": "tool", "tool_call_id": "b", "content": "8"},
                {"role": "user", "content": "and now?"},
            ],
            "tools": [{"type": "function", "function": {"name": "f", "parameters":
                {"type": "object"}}}],
            "tool_choice": {"type": "function", "function": {"name": "f"}},
        }));
        assert_eq!(body["system"][0]["text"], "be brief");
        assert_eq!(body["temperature"], 1.0);
        assert_eq!(body["max_tokens"], 100);
        assert_eq!(body["stop_sequences"], json!(["END"]));
        assert_eq!(body["metadata"]["user_id"], "u1");
        let turns = body["messages"].as_array().unwrap();
        let roles: Vec<_> = turns.iter().map(|turn| turn["role"].as_str().unwrap()).collect();
        assert_eq!(roles, ["user", "assistant", "user"]);
        assert_eq!(turns[0]["content"][1]["source"]["media_type"], "image/png");
        assert_eq!(turns[1]["content"][0]["input"], json!({"x": 1}));
        assert_eq!(turns[1]["content"][1]["input"], json!({}));
        assert_eq!(turns[2]["content"][1]["tool_use_id"], "b");
        assert_eq!(turns[2]["content"][2]["text"], "and now?");
        assert_eq!(body["tools"][0]["input_schema"], json!({"type": "object"}));
        assert_eq!(body["tool_choice"], json!({"type": "tool", "name": "f"}));
    }

    #[test]
    fn calls_one_at_a_time_need_no_choice() {
        let choice = |members: Value| {
            let mut request = json!({
                "model": "m", "messages": [{"role": "user", "content": "x"}],
                "tools": [{"type": "function", "function": {"name": "f"}}],
                "parallel_tool_calls": false,
            });
            request.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            sent(request)["tool_choice"].clone()
        };
        let one = json!({"type": "auto", "disable_parallel_tool_use": true});
        assert_eq!(choice(json!({})), one);
        assert_eq!(choice(json!({"tool_choice": "auto"})), one);
        assert_eq!(choice(json!({"tool_choice": "none"})), json!({"type": "none"}));
        assert_eq!(choice(json!({"parallel_tool_calls": true})), Value::Null);
    }

    #[test]
    fn what_only_openai_knows_and_what_is_null_is_not_sent() {
        let asked = |service: &str| {
            sent(json!({"model": "m", "messages": [{"role": "user", "content": "x"}],
                "service_tier": service, "top_p": null, "top_k": 5}))
        };
        let body = asked("flex");
        assert_eq!((body.get("service_tier"), body.get("top_p")), (None, None));
        assert_eq!(body["top_k"], 5);
        assert_eq!(asked("standard_only")["service_tier"], "standard_only");
    }

    #[test]
    fn empty_texts_are_left_out() {
        let body = sent(json!({"model": "m", "messages": [
            {"role": "user", "content": [{"type": "text", "text": ""},
                {"type": "text", "text": "x"}]},
            {"role": "assistant", "content": [{"type": "text", "text": ""}]},
        ]}));
        let turns = body["messages"].as_array().unwrap();
        assert_eq!(turns.len(), 1, "{body}");
        assert_eq!(turns[0]["content"], json!([{"type": "text", "text": "x"}]));
    }

    #[test]
    fn a_form_is_asked_for_by_a_tool() {
        let body = sent(json!({
            "model": "m", "messages": [{"role": "user", "content": "x"}],
            "response_format": {"type": "json_schema",
                "json_schema": {"name": "n", "schema": {"type": "object", "title": "T"}}},
        }));
        assert_eq!(body["tools"][0]["input_schema"]["title"], "T");
        assert_eq!(body["tool_choice"]["name"], "answer");
    }

    #[test]
    fn a_beginning_becomes_the_last_turn() {
        let request = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
        let request: ChatRequest = serde_json::from_value(request).unwrap();
        let call = Call { begun: Some("It was "), ..Call::new(&request, "claude", 10) };
        let body: Value = serde_json::from_slice(&body(&call).unwrap()).unwrap();
        assert_eq!(body["messages"][1]["role"], "assistant");
        assert_eq!(body["messages"][1]["content"][0]["text"], "It was");
    }
}
