//! How many tokens a prompt has at most, and about.
//!
//! No tokenizer is asked: there are as many as models, and a reservation needs a
//! bound, not a count. A token of text stands for at least one byte of it, and
//! what templates add for each turn and tool is small.

use serde::Serialize;

use crate::chat::{ChatRequest, Content};

/// What a turn, a tool or a form adds at most.
const OVERHEAD: u64 = 32;
/// What an image or another part costs at most: large images are scaled down to
/// fewer tokens than these by all providers.
const PART: u64 = 6000;
/// Bytes of text for a token, about.
const BYTES_PER_TOKEN: u64 = 4;

/// How many tokens a prompt has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Prompt {
    /// At most.
    pub(crate) at_most: u64,
    /// About.
    pub(crate) about: u64,
}

impl Prompt {
    /// The prompt of a conversation.
    pub(crate) fn of(request: &ChatRequest) -> Self {
        let (bytes, turns, parts) = size(request);
        Self {
            at_most: bytes + turns * OVERHEAD + parts * PART,
            about: text_about(bytes) + turns * 4 + parts * 1000,
        }
    }

    /// The same with the beginning of an answer, of so many bytes.
    pub(crate) fn with_answer(self, bytes: u64) -> Self {
        if bytes == 0 {
            return self;
        }
        let Self { at_most, about } = Self::text(bytes);
        Self { at_most: self.at_most + at_most, about: self.about + about }
    }

    /// A bare text of so many bytes.
    pub(crate) fn text(bytes: u64) -> Self {
        Self { at_most: bytes + OVERHEAD, about: text_about(bytes) }
    }
}

/// How many tokens a text of so many bytes has, about.
pub(crate) fn text_about(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_PER_TOKEN)
}

fn size(request: &ChatRequest) -> (u64, u64, u64) {
    let (mut bytes, mut parts) = (0, 0);
    for message in &request.messages {
        bytes += message.role.len();
        match &message.content {
            None => {}
            Some(Content::Text(text)) => bytes += text.len(),
            Some(Content::Parts(list)) => {
                for part in list {
                    bytes += part.text.as_ref().map_or(0, String::len);
                    // Of images their number counts, of other things their size.
                    if matches!(part.kind.as_str(), "text" | "image_url") {
                        parts += u64::from(part.kind != "text");
                    } else {
                        bytes += length(&part.extra);
                    }
                }
            }
        }
        for call in &message.tool_calls {
            bytes += call.id.len() + call.function.name.len() + call.function.arguments.len();
        }
        bytes += message.tool_call_id.as_ref().map_or(0, String::len);
        bytes += length(&message.extra);
    }
    let mut rest = length(&request.extra);
    for tool in &request.tools {
        rest += length(tool);
    }
    if let Some(format) = &request.response_format {
        rest += length(format);
    }
    let turns = request.messages.len() + request.tools.len() + 2;
    ((bytes + rest) as u64, turns as u64, parts)
}

/// The length of something as JSON.
fn length<T: Serialize>(value: &T) -> usize {
    serde_json::to_string(value).map_or(0, |text| text.len())
}

/// A part of a request whose cost has no bound that could be said beforehand:
/// what a provider's own tools find is read as a prompt, and may be paid for by
/// itself, and who answers in place of the model asked has other prices.
pub(crate) fn unbounded(request: &ChatRequest) -> Option<String> {
    const FIELDS: [&str; 4] = ["web_search_options", "plugins", "models", "route"];
    let field = FIELDS
        .into_iter()
        .find(|field| request.extra.get(*field).is_some_and(|value| !value.is_null()));
    let tool = request.tools.iter().find(|tool| tool.function.is_none());
    field.map(ToOwned::to_owned).or_else(|| tool.map(|tool| format!("tools: {}", tool.kind)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_handed_on_unseen_counts_by_its_length() {
        let plain = json!({"model": "m", "messages": [{"role": "user", "content": "x"}]});
        let mut more = plain.clone();
        more["functions"] = json!([{"name": "f", "description": "y".repeat(5000)}]);
        let prompt = |value| Prompt::of(&serde_json::from_value::<ChatRequest>(value).unwrap());
        assert!(prompt(more).at_most >= prompt(plain).at_most + 5000);
        let searches = json!({"model": "m", "messages": [], "web_search_options": {}});
        assert_eq!(
            unbounded(&serde_json::from_value(searches).unwrap()).as_deref(),
            Some("web_search_options")
        );
        let none = json!({"model": "m", "messages": [], "web_search_options": null});
        assert_eq!(unbounded(&serde_json::from_value(none).unwrap()), None);
    }

    #[test]
    fn text_is_bounded_by_its_bytes_and_an_image_is_not_text() {
        let text = "x".repeat(1000);
        let image = format!("data:image/png;base64,{}", "A".repeat(1_000_000));
        let request: ChatRequest = serde_json::from_value(json!({
            "model": "m",
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": text},
                {"type": "image_url", "image_url": {"url": image}},
            ]}],
        }))
        .unwrap();
        let prompt = Prompt::of(&request);
        assert!((1000 + PART..10_000).contains(&prompt.at_most), "{prompt:?}");
        assert!(prompt.about < prompt.at_most);
    }
}
