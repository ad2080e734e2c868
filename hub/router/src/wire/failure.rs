//! What a provider's error means.
//!
//! The documents: `{"error": {"message", "type", "param", "code"}}` (OpenAI and
//! those who speak like it) and `{"type": "error", "error": {"type",
//! "message"}}` (Anthropic). The table is of status and code, for one status
//! means several things: a 429 can be "slower" and "no money".

use std::time::Duration;

use serde_json::Value;

use crate::error::{CallError, ErrorKind};

/// Codes and types that say that the account has no money left, or that its
/// limit is reached: waiting seconds does not help.
const NO_MONEY: &[&str] = &[
    "insufficient_quota",
    "credit_balance_exhausted",
    "organization_usage_limit_exceeded",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "enforced_spend_limit_reached",
    "billing_error",
    "billing_hard_limit_reached",
];
/// How much of a provider's message is kept.
const MESSAGE_CHARS: usize = 300;

/// The error in `document`, which came with `status`: none where it came in a
/// stream that had begun well.
pub(crate) fn classify(
    status: Option<u16>,
    retry_after: Option<Duration>,
    document: &Value,
) -> CallError {
    let error = document.get("error").unwrap_or(document);
    let word = |name: &str| error.get(name).and_then(Value::as_str).unwrap_or_default();
    let (code, kind_word) = (word("code"), word("type"));
    // Some providers put the status there as a number.
    let inner = error.get("code").and_then(Value::as_u64).and_then(|code| u16::try_from(code).ok());
    let said = match error {
        Value::String(text) => text.as_str(),
        _ => word("message"),
    };
    let kind = kind(status.or(inner), code, kind_word, said);
    let shown = status.map_or_else(|| "in its answer".to_owned(), |status| status.to_string());
    let words = if code.is_empty() { kind_word } else { code };
    let said: String = said.chars().filter(|c| !c.is_control()).take(MESSAGE_CHARS).collect();
    let message = match (words.is_empty(), said.is_empty()) {
        (true, true) => format!("the provider says: {shown}"),
        (true, false) => format!("the provider says: {shown}: {said}"),
        (false, true) => format!("the provider says: {shown} {words}"),
        (false, false) => format!("the provider says: {shown} {words}: {said}"),
    };
    CallError { kind, message, status, retry_after }
}

fn kind(status: Option<u16>, code: &str, kind: &str, said: &str) -> ErrorKind {
    if [code, kind].iter().any(|word| NO_MONEY.contains(word)) {
        return ErrorKind::Quota;
    }
    if code == "context_length_exceeded" || (is_wrong(status) && speaks_of_length(said)) {
        return ErrorKind::TooLong;
    }
    if matches!(code, "content_policy_violation" | "content_filter") {
        return ErrorKind::Refused;
    }
    match (status, kind) {
        _ if code == "rate_limit_exceeded" => ErrorKind::RateLimited,
        (_, "rate_limit_error" | "rate_limit_exceeded") | (Some(429), _) => ErrorKind::RateLimited,
        (_, "overloaded_error") | (Some(503 | 529), _) => ErrorKind::Overloaded,
        (_, "authentication_error" | "permission_error") | (Some(401 | 403), _) => ErrorKind::Auth,
        (Some(402), _) => ErrorKind::Quota,
        // A limit of spending that Anthropic reports as a wrong request.
        (status, _) if is_wrong(status) && says_no_money(said) => ErrorKind::Quota,
        (_, "timeout_error") | (Some(408 | 504), _) => ErrorKind::Timeout,
        (_, "not_found_error") | (Some(404), _) => ErrorKind::NotFound,
        (Some(413), _) => ErrorKind::TooLong,
        (_, "api_error" | "server_error") | (Some(500..=599), _) => ErrorKind::Server,
        (_, "invalid_request_error") | (Some(400..=499), _) => ErrorKind::Invalid,
        // In a stream, without a word that is known.
        _ => ErrorKind::Server,
    }
}

/// Whether it is a 400, or an error inside a stream, which has no status.
fn is_wrong(status: Option<u16>) -> bool {
    matches!(status, None | Some(400))
}

fn says_no_money(said: &str) -> bool {
    said.contains("usage limits") || said.contains("credit balance")
}

fn speaks_of_length(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    ["prompt is too long", "maximum context length", "context window", "context size"]
        .iter()
        .any(|words| said.contains(words))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Verdict;

    fn kind_of(status: u16, document: &Value) -> ErrorKind {
        classify(Some(status), None, document).kind
    }

    #[test]
    fn a_429_for_want_of_money_is_not_retried() {
        for code in [
            "credit_balance_exhausted",
            "organization_usage_limit_exceeded",
            "organization_spend_limit_exceeded",
            "project_spend_limit_exceeded",
        ] {
            let document = json!({"error": {"type": "insufficient_quota", "code": code}});
            assert_eq!(kind_of(429, &document), ErrorKind::Quota, "{code}");
        }
        let spent = json!({"type": "error", "error": {"type": "enforced_spend_limit_reached"}});
        assert_eq!(kind_of(429, &spent), ErrorKind::Quota);
        assert_eq!(ErrorKind::Quota.verdict(), Verdict::Next);
        let slower = json!({"error": {"type": "requests", "code": "rate_limit_exceeded"}});
        assert_eq!(kind_of(429, &slower), ErrorKind::RateLimited);
    }

    #[test]
    fn each_status_has_its_kind() {
        let anthropic = |kind: &str| json!({"type": "error", "error": {"type": kind}});
        for (status, document, kind) in [
            (400, anthropic("invalid_request_error"), ErrorKind::Invalid),
            (401, anthropic("authentication_error"), ErrorKind::Auth),
            (402, anthropic("billing_error"), ErrorKind::Quota),
            (403, anthropic("permission_error"), ErrorKind::Auth),
            (404, anthropic("not_found_error"), ErrorKind::NotFound),
            (429, anthropic("rate_limit_error"), ErrorKind::RateLimited),
            (500, anthropic("api_error"), ErrorKind::Server),
            (529, anthropic("overloaded_error"), ErrorKind::Overloaded),
            (504, anthropic("timeout_error"), ErrorKind::Timeout),
            (502, Value::Null, ErrorKind::Server),
            (400, json!({"error": {"code": "context_length_exceeded"}}), ErrorKind::TooLong),
            (400, json!({"error": {"message": "prompt is too long: 9 > 8"}}), ErrorKind::TooLong),
            (400, json!({"error": "model is loading"}), ErrorKind::Invalid),
        ] {
            assert_eq!(kind_of(status, &document), kind, "{status} {document}");
        }
    }

    #[test]
    fn an_error_inside_a_stream_is_one_too() {
        let overloaded = json!({"type": "error", "error": {"type": "overloaded_error"}});
        assert_eq!(classify(None, None, &overloaded).kind, ErrorKind::Overloaded);
        let late = json!({"error": {"code": 502, "message": "upstream"}});
        assert_eq!(classify(None, None, &late).kind, ErrorKind::Server);
        let spent = json!({"type": "error", "error": {"type": "invalid_request_error",
            "message": "Your credit balance is too low to access the API."}});
        assert_eq!(classify(None, None, &spent).kind, ErrorKind::Quota);
        let slower = json!({"error": {"type": "requests", "code": "rate_limit_exceeded"}});
        assert_eq!(classify(None, None, &slower).kind, ErrorKind::RateLimited);
        let bare = json!({"error": {"message": "?"}});
        assert_eq!(classify(None, None, &bare).kind, ErrorKind::Server);
    }
}
