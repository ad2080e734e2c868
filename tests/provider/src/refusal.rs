//! Errors of providers, in the shapes of each.

use bytes::Bytes;
use http::StatusCode;
use serde_json::{Value, json};

use crate::render::{Shape, data, named};

/// An error that a provider answers with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// 500.
    ServerError,
    /// 429: later requests succeed.
    RateLimited {
        /// The seconds that the header `Retry-After` tells, if it is sent.
        retry_after: Option<u64>,
    },
    /// No money left in the plan: OpenAI's 429 `insufficient_quota`, Anthropic's
    /// 402. To repeat the request is of no use.
    InsufficientQuota,
    /// No prepaid money left: OpenAI's 429 `credit_balance_exhausted`,
    /// Anthropic's 400. To repeat the request is of no use.
    CreditBalanceExhausted,
    /// Too busy: OpenAI's 503, Anthropic's 529.
    Overloaded,
    /// 400: the prompt is longer than the model can read.
    ContextLength,
    /// 401: the key is unknown.
    BadKey,
    /// 400: the request is not understood.
    BadRequest,
    /// Any other answer, byte for byte, such as a page of a proxy.
    Other {
        /// The status of the answer.
        status: u16,
        /// Its body. As an event it is the data.
        body: String,
        /// The seconds that the header `Retry-After` tells, if it is sent.
        retry_after: Option<u64>,
    },
}

/// What both shapes tell of an error: status, type, code (OpenAI's), message.
struct Words(u16, &'static str, Option<&'static str>, &'static str);

impl Refusal {
    /// What usually has this status, if it is one of an error.
    pub(crate) fn of_status(status: u16) -> Option<Self> {
        Some(match status {
            400 => Self::ContextLength,
            401 => Self::BadKey,
            429 => Self::RateLimited { retry_after: Some(1) },
            500 => Self::ServerError,
            503 | 529 => Self::Overloaded,
            402..=599 => Self::Other {
                status,
                body: json!({"error": {"message": "the mock was told to refuse"}}).to_string(),
                retry_after: None,
            },
            _ => return None,
        })
    }

    /// The status, where it is an answer of its own.
    pub(crate) fn status(&self, shape: Shape) -> StatusCode {
        let status = match self {
            Self::Other { status, .. } => *status,
            known => known.words(shape).0,
        };
        StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The seconds that the header `Retry-After` tells.
    pub(crate) fn retry_after(&self) -> Option<u64> {
        match self {
            Self::RateLimited { retry_after } | Self::Other { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// The body, where it is an answer of its own.
    pub(crate) fn body(&self, shape: Shape) -> String {
        match self {
            Self::Other { body, .. } => body.clone(),
            known => known.value(shape).to_string(),
        }
    }

    /// The event, where it is inside of a stream.
    pub(crate) fn event(&self, shape: Shape) -> Bytes {
        match (self, shape) {
            (Self::Other { body, .. }, Shape::Messages | Shape::Responses) => {
                format!("event: error\ndata: {body}\n\n").into()
            }
            (Self::Other { body, .. }, Shape::Chat) => format!("data: {body}\n\n").into(),
            (known, Shape::Chat) => data(&known.value(shape)),
            (known, Shape::Messages) => named("error", &known.value(shape)),
            (known, Shape::Responses) => {
                let Words(_, kind, code, message) = known.words(shape);
                let value = json!({"type": "error", "code": code.unwrap_or(kind),
                    "message": message, "param": null, "sequence_number": 0});
                named("error", &value)
            }
        }
    }

    fn value(&self, shape: Shape) -> Value {
        let Words(_, kind, code, message) = self.words(shape);
        match shape {
            Shape::Messages => json!({"type": "error",
                "error": {"type": kind, "message": message}, "request_id": "req_mock"}),
            Shape::Chat | Shape::Responses => json!({"error":
                {"message": message, "type": kind, "param": null, "code": code}}),
        }
    }

    fn words(&self, shape: Shape) -> Words {
        match shape {
            Shape::Messages => self.words_of_anthropic(),
            Shape::Chat | Shape::Responses => self.words_of_openai(),
        }
    }

    fn words_of_openai(&self) -> Words {
        let bad = "invalid_request_error";
        let (quota, paid) = ("insufficient_quota", "You exceeded your current quota.");
        match self {
            Self::RateLimited { .. } => {
                Words(429, "requests", Some("rate_limit_exceeded"), "Rate limit reached.")
            }
            Self::InsufficientQuota => Words(429, quota, Some(quota), paid),
            Self::CreditBalanceExhausted => Words(
                429,
                quota,
                Some("credit_balance_exhausted"),
                "Your credit balance is exhausted.",
            ),
            Self::Overloaded => {
                Words(503, "server_error", Some("server_overloaded"), "The server is overloaded.")
            }
            Self::ContextLength => Words(
                400,
                bad,
                Some("context_length_exceeded"),
                "This model's maximum context length is 128000 tokens.",
            ),
            Self::BadKey => Words(401, bad, Some("invalid_api_key"), "Incorrect API key provided."),
            Self::BadRequest => Words(400, bad, None, "We could not parse the JSON body."),
            Self::ServerError | Self::Other { .. } => {
                Words(500, "server_error", None, "The server had an error.")
            }
        }
    }

    fn words_of_anthropic(&self) -> Words {
        let bad = "invalid_request_error";
        match self {
            Self::RateLimited { .. } => {
                Words(429, "rate_limit_error", None, "This request would exceed your rate limit.")
            }
            Self::InsufficientQuota => {
                Words(402, "billing_error", None, "There is a problem with your billing.")
            }
            Self::CreditBalanceExhausted => {
                Words(400, bad, None, "Your credit balance is too low to access the API.")
            }
            Self::Overloaded => Words(529, "overloaded_error", None, "Overloaded"),
            Self::ContextLength => {
                Words(400, bad, None, "prompt is too long: 210000 tokens > 200000 maximum")
            }
            Self::BadKey => Words(401, "authentication_error", None, "invalid x-api-key"),
            Self::BadRequest => Words(400, bad, None, "The request body is not valid JSON."),
            Self::ServerError | Self::Other { .. } => {
                Words(500, "api_error", None, "Internal server error")
            }
        }
    }
}
