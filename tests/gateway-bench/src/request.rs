//! The requests, and whether an answer is the one that was asked for.

use std::net::SocketAddr;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, HOST};
use serde_json::json;

use crate::options::CHUNKS;

/// What precedes each piece of text in an answer.
const CONTENT: &[u8] = b"\"content\":\"";
/// The last event of a stream.
const DONE: &[u8] = b"data: [DONE]";

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An answer in one piece.
    Whole,
    /// An answer in [`CHUNKS`] pieces.
    Stream,
    /// An answer in one piece, from the cache if it is there.
    Cached,
}

/// A conversation of some length, as programs send it.
const SYSTEM: &str = "You answer questions about the notes of a household. Be brief, name the \
    notes that you have used, and say so where none of them holds the answer. Dates are written \
    as year, month and day; amounts in euros; names as they stand in the notes.";
const USER: &str = "Which of the notes speak of the boiler, when was it last looked after, and \
    what did that cost? If there is more than one bill, add them up.";

/// One request, made anew for each time that it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    url: String,
    host: String,
    bearer: String,
    body: Bytes,
    pub(crate) kind: Kind,
}

impl Asked {
    pub(crate) fn new(address: SocketAddr, key: &str, model: &str, kind: Kind) -> Self {
        let mut body = json!({
            "model": model,
            "messages": [
                { "role": "system", "content": SYSTEM },
                { "role": "user", "content": USER },
            ],
            "temperature": 0,
            "max_tokens": 256,
        });
        if kind == Kind::Stream {
            body["stream"] = json!(true);
            body["stream_options"] = json!({ "include_usage": true });
        }
        Self {
            url: "/v1/chat/completions".to_owned(),
            host: address.to_string(),
            bearer: format!("Bearer {key}"),
            body: body.to_string().into(),
            kind,
        }
    }

    pub(crate) fn request(&self) -> Result<Request<Full<Bytes>>> {
        let mut request = Request::post(&self.url)
            .header(HOST, &self.host)
            .header(AUTHORIZATION, &self.bearer)
            .header(CONTENT_TYPE, "application/json");
        if self.kind != Kind::Cached {
            request = request.header(CACHE_CONTROL, "no-cache");
        }
        request.body(Full::new(self.body.clone())).context("a request cannot be made")
    }
}

/// How many pieces of text there are in what came: empty ones do not count.
pub(crate) fn pieces(answer: &[u8]) -> usize {
    let found = answer.windows(CONTENT.len() + 1);
    found.filter(|window| window.starts_with(CONTENT) && !window.ends_with(b"\"")).count()
}

/// Whether an answer is whole.
pub(crate) fn is_whole(kind: Kind, answer: &[u8]) -> bool {
    match kind {
        Kind::Stream => pieces(answer) == CHUNKS && answer.trim_ascii_end().ends_with(DONE),
        Kind::Whole | Kind::Cached => pieces(answer) == 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(pieces: usize) -> Vec<u8> {
        let mut text = "data: {\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}\n\n".to_owned();
        for _ in 0..pieces {
            text.push_str("data: {\"delta\":{\"content\":\"w1 \"}}\n\n");
        }
        text.push_str("data: [DONE]\n\n");
        text.into_bytes()
    }

    #[test]
    fn an_answer_that_lacks_a_piece_is_none() {
        assert!(is_whole(Kind::Stream, &stream(CHUNKS)));
        assert!(!is_whole(Kind::Stream, &stream(CHUNKS - 1)));
        let cut = stream(CHUNKS);
        assert!(!is_whole(Kind::Stream, &cut[..cut.len() - 5]));
        assert!(is_whole(Kind::Whole, b"{\"message\":{\"content\":\"w0 w1\"}}"));
        assert!(!is_whole(Kind::Whole, b"{\"error\":{}}"));
    }

    #[test]
    fn the_beginning_of_a_stream_is_no_text() {
        assert_eq!(pieces(&stream(0)), 0);
        assert_eq!(pieces(&stream(1)), 1);
    }

    #[test]
    fn only_what_may_be_cached_lacks_the_header() {
        let address = "127.0.0.1:1".parse().unwrap();
        let asked = |kind| Asked::new(address, "k", "m", kind).request().unwrap();
        assert!(asked(Kind::Whole).headers().contains_key(CACHE_CONTROL));
        assert!(!asked(Kind::Cached).headers().contains_key(CACHE_CONTROL));
    }
}
