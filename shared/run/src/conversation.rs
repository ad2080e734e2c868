//! The conversation that a journal stands for.

use agentos_domain::{Entry, Message, Role};

use crate::RunConfig;

/// The messages to send with the next model call. It only ever grows at its
/// end while the journal grows, so that a model's cache of it stays valid.
#[must_use]
pub fn conversation<'a>(
    entries: impl IntoIterator<Item = &'a Entry>,
    config: &RunConfig,
) -> Vec<Message> {
    let mut messages = vec![
        Message::text(Role::System, config.agent.system_prompt.clone()),
        Message::text(Role::User, config.user_input.clone()),
    ];
    for entry in entries {
        messages.extend(message_of(entry));
    }
    messages
}

fn message_of(entry: &Entry) -> Option<Message> {
    let (call_id, content) = match entry {
        Entry::ModelReply { text, tool_calls, .. } => {
            return Some(Message {
                role: Role::Assistant,
                content: text.clone(),
                tool_calls: tool_calls.clone(),
                tool_call_id: None,
            });
        }
        Entry::ToolResult { call_id, outcome, .. } => (call_id, outcome.to_model_text()),
        Entry::ToolRefused { call_id, error } => {
            (call_id, agentos_domain::ToolOutcome::Err(error.clone()).to_model_text())
        }
        Entry::ToolIntent { .. }
        | Entry::ToolRetry { .. }
        | Entry::ToolUnknown { .. }
        | Entry::Finished { .. }
        | Entry::Failed { .. }
        | Entry::Cancelled { .. } => return None,
    };
    Some(Message {
        role: Role::Tool,
        content,
        tool_calls: Vec::new(),
        tool_call_id: Some(call_id.clone()),
    })
}
