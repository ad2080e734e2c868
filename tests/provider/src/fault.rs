//! What goes wrong, and where.

use std::str::FromStr;
use std::time::Duration;

use crate::refusal::Refusal;

/// Between two bytes of a slow drip that is given on a command line.
const DRIP: Duration = Duration::from_millis(10);

/// Something that goes wrong in an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: FaultAt,
    /// What.
    pub kind: FaultKind,
    /// In how many answers of the script, from its first; in all if none is
    /// given.
    pub for_requests: Option<u64>,
}

/// A place in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultAt {
    /// Before anything of the answer. Kinds that need a stream happen at its
    /// very beginning, before the event that opens it.
    BeforeHeaders,
    /// After so many chunks of content: pieces of text, then those of tool
    /// calls. 0 is after the event that opens the answer, and before any
    /// content. Where the answer has fewer chunks, the events that close it are
    /// counted on: the finish reason, the usage, the mark of the end.
    ///
    /// An answer that is not streamed breaks within its body, the later the
    /// greater the number.
    Chunk(usize),
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FaultKind {
    /// The connection is reset.
    Close,
    /// Nothing more comes, and the connection stays open.
    Stall,
    /// An error instead of an answer. It is always before the headers.
    Status(Refusal),
    /// An error after the status 200, in the provider's own shape; then the
    /// answer ends. One that is not streamed consists of the error.
    ErrorEvent(Refusal),
    /// A line of data that is no JSON; then the stream goes on, and misses
    /// nothing. An answer that is not streamed is cut off there.
    MalformedJson,
    /// From there on byte by byte, after a pause each.
    SlowDrip(Duration),
    /// The answer ends there in good order as HTTP sees it: without finish
    /// reason, usage or mark of the end. One that is not streamed ends before
    /// the length that its headers tell.
    EndWithoutDone,
}

impl Fault {
    /// A fault instead of an answer, in every answer.
    #[must_use]
    pub fn before_headers(kind: FaultKind) -> Self {
        Self { at: FaultAt::BeforeHeaders, kind, for_requests: None }
    }

    /// A fault after so many chunks of content, in every answer.
    #[must_use]
    pub fn at_chunk(chunk: usize, kind: FaultKind) -> Self {
        Self { at: FaultAt::Chunk(chunk), kind, for_requests: None }
    }

    /// An error instead of an answer, to every request.
    #[must_use]
    pub fn status(refusal: Refusal) -> Self {
        Self::before_headers(FaultKind::Status(refusal))
    }

    /// The same in the first answers alone, so that a retry succeeds.
    #[must_use]
    pub fn for_first(mut self, requests: u64) -> Self {
        self.for_requests = Some(requests);
        self
    }
}

/// Why a text names no fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultParseError {
    /// There is no such kind.
    #[error(
        "`{0}` is no kind of fault: use close, stall, error, malformed, drip, end, quota, credit \
         or a status such as 429"
    )]
    Kind(String),
    /// There is no such place.
    #[error("`{0}` is no place: write `headers` or the number of a chunk, as in close@25")]
    Place(String),
    /// The kind needs a place.
    #[error("`{0}` needs a place: write {0}@headers, or {0}@25 for after 25 chunks")]
    NoPlace(String),
}

/// `KIND@PLACE`, such as `close@25`, `stall@headers` or `429`.
impl FromStr for Fault {
    type Err = FaultParseError;

    fn from_str(text: &str) -> Result<Self, FaultParseError> {
        let (name, place) = text.split_once('@').map_or((text, None), |(n, p)| (n, Some(p)));
        let kind = kind(name).ok_or_else(|| FaultParseError::Kind(name.to_owned()))?;
        match place {
            Some("headers") => Ok(Self::before_headers(kind)),
            Some(place) => match place.parse() {
                Ok(chunk) => Ok(Self::at_chunk(chunk, kind)),
                Err(_) => Err(FaultParseError::Place(place.to_owned())),
            },
            None if matches!(kind, FaultKind::Status(_)) => Ok(Self::before_headers(kind)),
            None => Err(FaultParseError::NoPlace(name.to_owned())),
        }
    }
}

fn kind(name: &str) -> Option<FaultKind> {
    Some(match name {
        "close" => FaultKind::Close,
        "stall" => FaultKind::Stall,
        "error" => FaultKind::ErrorEvent(Refusal::Overloaded),
        "malformed" => FaultKind::MalformedJson,
        "drip" => FaultKind::SlowDrip(DRIP),
        "end" => FaultKind::EndWithoutDone,
        "quota" => FaultKind::Status(Refusal::InsufficientQuota),
        "credit" => FaultKind::Status(Refusal::CreditBalanceExhausted),
        status => FaultKind::Status(Refusal::of_status(status.parse().ok()?)?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_from_text() {
        let close: Fault = "close@25".parse().unwrap();
        assert_eq!(close, Fault::at_chunk(25, FaultKind::Close));
        let stall: Fault = "stall@headers".parse().unwrap();
        assert_eq!(stall, Fault::before_headers(FaultKind::Stall));
        let limit: Fault = "429".parse().unwrap();
        let refusal = Refusal::RateLimited { retry_after: Some(1) };
        assert_eq!(limit, Fault::status(refusal));
        let teapot: Fault = "418".parse().unwrap();
        assert!(matches!(teapot.kind, FaultKind::Status(Refusal::Other { status: 418, .. })));
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        let wrong = |text: &str| text.parse::<Fault>().unwrap_err();
        assert_eq!(wrong("fire@3"), FaultParseError::Kind("fire".into()));
        assert_eq!(wrong("12"), FaultParseError::Kind("12".into()));
        assert_eq!(wrong("200"), FaultParseError::Kind("200".into()));
        assert_eq!(wrong("close@end"), FaultParseError::Place("end".into()));
        assert_eq!(wrong("close"), FaultParseError::NoPlace("close".into()));
    }
}
