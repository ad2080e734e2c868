//! The items of a conversation as the messages of a chat.

use agentos_router::{ChatMessage, Content, FunctionArguments, FunctionCall, Part};
use serde_json::{Map, Value, json};

use super::asked::unsupported;
use crate::openai::Failure;

/// Adds what is said to what was said before.
///
/// # Errors
/// Which item cannot be read, or is of a kind that is not known here.
pub(super) fn messages(input: &Value, said: &mut Vec<ChatMessage>) -> Result<(), Failure> {
    match input {
        Value::String(text) => said.push(ChatMessage::text("user", text.as_str())),
        Value::Array(items) if !items.is_empty() => {
            for (place, item) in items.iter().enumerate() {
                add(item, place, said)?;
            }
        }
        _ => return Err(Failure::field("input", "input: a text, or a list of items")),
    }
    Ok(())
}

fn add(item: &Value, place: usize, said: &mut Vec<ChatMessage>) -> Result<(), Failure> {
    let kind = item["type"].as_str().unwrap_or("message");
    match kind {
        "message" => said.push(message(item, place)?),
        "function_call" => call(item, place, said)?,
        "function_call_output" => {
            let id = text(item, "call_id", place)?;
            let content = Some(content(&item["output"], place)?);
            let tool_call_id = Some(id.to_owned());
            said.push(ChatMessage { tool_call_id, content, ..ChatMessage::text("tool", "") });
        }
        // Thoughts of the model that answered before: no other can read them.
        "reasoning" => {}
        "item_reference" => {
            let what = format!("[{place}]: nothing is kept to refer to: send the item itself");
            return Err(unsupported("input", what));
        }
        other => {
            let what = format!(
                "[{place}]: no items of type `{other}` here: use message, function_call and \
                 function_call_output"
            );
            return Err(unsupported("input", what));
        }
    }
    Ok(())
}

fn message(item: &Value, place: usize) -> Result<ChatMessage, Failure> {
    let role = text(item, "role", place)?;
    if !matches!(role, "user" | "assistant" | "system" | "developer") {
        let message = format!(
            "input[{place}].role: no role `{role}`: use user, assistant, system, developer"
        );
        return Err(Failure::field("input", message));
    }
    let content = Some(content(&item["content"], place)?);
    Ok(ChatMessage { content, ..ChatMessage::text(role, "") })
}

/// A call belongs to the assistant's turn before it.
fn call(item: &Value, place: usize, said: &mut Vec<ChatMessage>) -> Result<(), Failure> {
    let call = FunctionCall {
        id: text(item, "call_id", place)?.to_owned(),
        kind: "function".to_owned(),
        function: FunctionArguments {
            name: text(item, "name", place)?.to_owned(),
            arguments: text(item, "arguments", place)?.to_owned(),
        },
        extra: Map::new(),
    };
    match said.last_mut().filter(|last| last.role == "assistant") {
        Some(last) => last.tool_calls.push(call),
        None => said.push(ChatMessage {
            content: None,
            tool_calls: vec![call],
            ..ChatMessage::text("assistant", "")
        }),
    }
    Ok(())
}

fn text<'a>(item: &'a Value, name: &str, place: usize) -> Result<&'a str, Failure> {
    item[name].as_str().ok_or_else(|| {
        Failure::field("input", format!("input[{place}].{name}: a text is expected here"))
    })
}

fn content(content: &Value, place: usize) -> Result<Content, Failure> {
    match content {
        Value::String(text) => Ok(Content::Text(text.clone())),
        Value::Array(parts) => {
            let parts = parts.iter().map(|one| part(one, place)).collect::<Result<Vec<_>, _>>()?;
            let only_text = parts.iter().all(|part| part.kind == "text");
            // Some providers take no list where a text will do.
            let content = Content::Parts(parts);
            Ok(if only_text { Content::Text(content.plain()) } else { content })
        }
        _ => {
            let message = format!("input[{place}]: its content is a text, or a list of parts");
            Err(Failure::field("input", message))
        }
    }
}

fn part(part: &Value, place: usize) -> Result<Part, Failure> {
    let said = |name: &str| Part {
        kind: "text".to_owned(),
        text: Some(part[name].as_str().unwrap_or_default().to_owned()),
        extra: Map::new(),
    };
    match part["type"].as_str().unwrap_or_default() {
        "input_text" | "output_text" | "text" => Ok(said("text")),
        "refusal" => Ok(said("refusal")),
        "input_image" => {
            let Some(url) = part["image_url"].as_str() else {
                let what = format!("[{place}]: an image needs its image_url: no files are kept");
                return Err(unsupported("input", what));
            };
            let mut image = json!({ "url": url });
            if part["detail"].is_string() {
                image["detail"] = part["detail"].clone();
            }
            let extra = Map::from_iter([("image_url".to_owned(), image)]);
            Ok(Part { kind: "image_url".to_owned(), text: None, extra })
        }
        other => {
            let what = format!(
                "[{place}]: no parts of type `{other}` here: use input_text, input_image, \
                 output_text"
            );
            Err(unsupported("input", what))
        }
    }
}
