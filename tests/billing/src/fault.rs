//! What goes wrong on purpose.

/// What a fake does instead of answering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// It answers with an error.
    Refuse {
        /// The status.
        status: u16,
        /// The type of the error.
        kind: String,
        /// The message.
        message: String,
        /// The header `Retry-After`.
        retry_after: Option<String>,
    },
    /// It never answers.
    Stall,
    /// It resets the connection in the middle of its answer.
    Cut,
    /// It answers what is no JSON.
    Malformed,
    /// It answers the first page again and again, each time as if more followed.
    RepeatCursor,
    /// It answers JSON that is no page.
    NoPage,
}

/// A fault of some requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub(crate) kind: FaultKind,
    /// So many requests are answered first.
    pub(crate) after: u32,
    /// So many requests are not answered then.
    pub(crate) times: u32,
}

impl Fault {
    /// A fault of every request from now on.
    #[must_use]
    pub fn always(kind: FaultKind) -> Self {
        Self { kind, after: 0, times: u32::MAX }
    }

    /// A fault of the next requests.
    #[must_use]
    pub fn times(kind: FaultKind, times: u32) -> Self {
        Self { kind, after: 0, times }
    }

    /// The same, after so many requests that are answered.
    #[must_use]
    pub fn after(self, requests: u32) -> Self {
        Self { after: requests, ..self }
    }

    /// Whether the request that has come is one of those.
    pub(crate) fn strikes(&mut self) -> bool {
        if self.after > 0 {
            self.after -= 1;
            return false;
        }
        let strikes = self.times > 0;
        self.times = self.times.saturating_sub(u32::from(self.times != u32::MAX));
        strikes
    }
}

impl FaultKind {
    /// An error with this status.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let message = format!("the fake fails with {status}");
        let kind = "api_error".to_owned();
        Self::Refuse { status, kind, message, retry_after: None }
    }

    /// Too many requests, and when to come again.
    #[must_use]
    pub fn rate_limited(retry_after: &str) -> Self {
        let message = "Number of requests has exceeded your rate limit".to_owned();
        let retry_after = Some(retry_after.to_owned());
        Self::Refuse { status: 429, kind: "rate_limit_error".to_owned(), message, retry_after }
    }

    /// What an individual account is told.
    #[must_use]
    pub fn individual_account() -> Self {
        let message = "The Admin API is unavailable for individual accounts".to_owned();
        let kind = "permission_error".to_owned();
        Self::Refuse { status: 403, kind, message, retry_after: None }
    }

    /// A limit that only a person can raise.
    #[must_use]
    pub fn spent() -> Self {
        let message = "You exceeded your current quota".to_owned();
        let kind = "insufficient_quota".to_owned();
        Self::Refuse { status: 429, kind, message, retry_after: None }
    }
}
