//! The conversation that a journal stands for.

use agentos_domain::{Decision, Entry, Message, Role, ToolError, ToolOutcome};

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
        Entry::ToolResult { call_id, outcome, changes, .. } => {
            let text = outcome.to_model_text();
            (call_id, changes.note().map_or(text.clone(), |note| format!("{text}\nNote: {note}")))
        }
        Entry::ToolRefused { call_id, error } => {
            (call_id, ToolOutcome::Err(error.clone()).to_model_text())
        }
        Entry::Decided { call_id, decision, .. } => (call_id, told_of(decision)?),
        Entry::AnswerChecked { problems } if !problems.is_empty() => {
            return Some(Message::text(Role::User, to_correct(problems)));
        }
        Entry::ApprovalAsked { .. }
        | Entry::ToolIntent { .. }
        | Entry::ToolRetry { .. }
        | Entry::ToolUnknown { .. }
        | Entry::AnswerChecked { .. }
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

/// What the model reads of an answer that failed its checks.
fn to_correct(problems: &[String]) -> String {
    let problems = problems.join("\n- ");
    format!("Your answer did not pass these checks; correct it, then answer again:\n- {problems}")
}

/// What the model reads of a decision; `None` where the call comes to a result.
fn told_of(decision: &Decision) -> Option<String> {
    let refused = |code, message| Some(ToolOutcome::Err(ToolError::new(code, message)));
    let outcome = match decision {
        Decision::Approve { .. } | Decision::Retry | Decision::Abort => None,
        Decision::Reject { reason } => {
            refused("rejected", format!("a person refused this call: {reason}"))
        }
        Decision::Expire => {
            refused("approval_expired", "nobody confirmed this call in time".to_owned())
        }
        Decision::Done { note } => {
            let note = note.as_deref().unwrap_or("no more is known");
            let told = format!("a person found that this call had its effect: {note}");
            Some(ToolOutcome::Ok(serde_json::json!({ "outcome": "done", "message": told })))
        }
    };
    outcome.map(|outcome| outcome.to_model_text())
}
