//! The body of an answer: bounded as it comes and as it is unpacked.

use std::io::{self, Write};

use bytes::Bytes;
use flate2::write::MultiGzDecoder;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::{FetchError, FetchLimits};

/// Unpacks so much at a time: what one piece can become stays small.
const PIECE: usize = 4 * 1024;

/// What was read of a body.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub(super) bytes: Vec<u8>,
    /// Whether there was more.
    pub(super) truncated: bool,
}

/// Takes up to a number of bytes, then fails.
struct Capped {
    bytes: Vec<u8>,
    limit: usize,
    full: bool,
}

impl Write for Capped {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let room = self.limit - self.bytes.len();
        let taken = data.get(..room).unwrap_or(data);
        self.bytes.extend_from_slice(taken);
        if taken.len() < data.len() {
            self.full = true;
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What makes the body's bytes out of those on the network.
enum Sink {
    Plain(Capped),
    Gzip(Box<MultiGzDecoder<Capped>>),
}

impl Sink {
    fn new(headers: &HeaderMap, limit: usize) -> Result<Self, FetchError> {
        let capped = Capped { bytes: Vec::new(), limit, full: false };
        let mut encodings = headers.get_all(CONTENT_ENCODING).iter();
        match (encodings.next().map(|value| value.as_bytes()), encodings.next()) {
            (None | Some(b"" | b"identity"), None) => Ok(Self::Plain(capped)),
            (Some(b"gzip" | b"x-gzip"), None) => {
                Ok(Self::Gzip(Box::new(MultiGzDecoder::new(capped))))
            }
            _ => Err(FetchError::Encoding),
        }
    }

    /// Whether more is wanted.
    fn push(&mut self, data: &[u8]) -> Result<bool, FetchError> {
        for piece in data.chunks(PIECE) {
            let written = match self {
                Self::Plain(capped) => capped.write_all(piece),
                Self::Gzip(decoder) => decoder.write_all(piece),
            };
            match written {
                Ok(()) => {}
                Err(_) if self.capped().full => return Ok(false),
                Err(_) => return Err(damaged()),
            }
        }
        Ok(true)
    }

    fn capped(&self) -> &Capped {
        match self {
            Self::Plain(capped) => capped,
            Self::Gzip(decoder) => decoder.get_ref(),
        }
    }

    fn finish(self, truncated: bool) -> Result<Body, FetchError> {
        let capped = match self {
            Self::Plain(capped) => capped,
            // The rest of what was unpacked; a part of a stream has no proper end.
            Self::Gzip(mut decoder) => match decoder.try_finish() {
                Ok(()) => std::mem::replace(decoder.get_mut(), empty()),
                Err(_) if truncated || decoder.get_ref().full => {
                    std::mem::replace(decoder.get_mut(), empty())
                }
                Err(_) => return Err(damaged()),
            },
        };
        Ok(Body { truncated: truncated || capped.full, bytes: capped.bytes })
    }
}

fn empty() -> Capped {
    Capped { bytes: Vec::new(), limit: 0, full: false }
}

fn damaged() -> FetchError {
    FetchError::Protocol { reason: "a damaged body".to_owned() }
}

/// Reads a body up to the limits. One that is too long is cut; one that comes
/// too slowly is given up.
pub(super) async fn read(
    headers: &HeaderMap,
    mut body: Incoming,
    limits: &FetchLimits,
) -> Result<Body, FetchError> {
    let mut sink = Sink::new(headers, limits.unpacked)?;
    let mut left = limits.body;
    let mut pace = Pace::new(limits);
    loop {
        let Some(data) = pace.next(&mut body).await? else { return sink.finish(false) };
        let taken = data.get(..left).unwrap_or(&data);
        let wanted = sink.push(taken)?;
        left -= taken.len();
        if !wanted || taken.len() < data.len() {
            return sink.finish(true);
        }
    }
}

/// Holds a body to a minimum of bytes in each window of time.
struct Pace<'a> {
    limits: &'a FetchLimits,
    end: Instant,
    bytes: usize,
}

impl<'a> Pace<'a> {
    fn new(limits: &'a FetchLimits) -> Self {
        Self { limits, end: Instant::now() + limits.window, bytes: 0 }
    }

    /// The next bytes; `None` at the end of the body.
    async fn next(&mut self, body: &mut Incoming) -> Result<Option<Bytes>, FetchError> {
        loop {
            let Ok(frame) = timeout_at(self.end, body.frame()).await else {
                self.turn()?;
                continue;
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|_| FetchError::Protocol {
                reason: "the connection broke off".to_owned(),
            })?;
            let Ok(data) = frame.into_data() else { continue };
            self.bytes += data.len();
            if Instant::now() >= self.end {
                self.turn()?;
            }
            return Ok(Some(data));
        }
    }

    /// A window has passed.
    fn turn(&mut self) -> Result<(), FetchError> {
        if self.bytes < self.limits.window_bytes {
            return Err(FetchError::TooSlow);
        }
        self.bytes = 0;
        self.end = Instant::now() + self.limits.window;
        Ok(())
    }
}
