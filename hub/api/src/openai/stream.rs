//! An answer as a stream of events, in whichever of OpenAI's shapes.

use std::convert::Infallible;

use agentos_router::{Answer, Answering, ChatEvent, Delta, Ending};
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{Stream, stream};
use tokio_util::sync::CancellationToken;

use super::failure::Failure;
use super::whole;

/// Pieces that have arrived are written together up to so many bytes.
const TOGETHER: usize = 16 * 1024;
const X_ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A shape in which an answer is streamed.
pub(crate) trait Form: Send + 'static {
    /// What comes before the first piece.
    fn open(&mut self, out: &mut Vec<u8>);

    /// Another takes up what the one before could not end.
    fn taken_up(&mut self, answering: Answering, out: &mut Vec<u8>);

    /// A piece of the answer.
    fn delta(&mut self, delta: &Delta, out: &mut Vec<u8>);

    /// The answer is complete.
    fn end(&mut self, ending: &Ending, out: &mut Vec<u8>);

    /// The answer breaks off. Nothing is to say that it is whole.
    fn fail(&mut self, failure: &Failure, out: &mut Vec<u8>);
}

/// An answer on its way to the client.
pub(crate) struct Streamed<F> {
    answer: Answer,
    form: F,
    opened: bool,
    over: bool,
}

impl<F: Form> Streamed<F> {
    pub(crate) fn new(answer: Answer, form: F) -> Self {
        Self { answer, form, opened: false, over: false }
    }

    /// The stream's bytes. It breaks off, with an error that says so, when
    /// `shutdown` is cancelled.
    pub(crate) fn until(
        self,
        shutdown: CancellationToken,
    ) -> impl Stream<Item = Result<Bytes, Infallible>> + Send {
        stream::unfold((self, shutdown), |(mut streamed, shutdown)| async move {
            if streamed.over {
                return None;
            }
            let mut out = Vec::with_capacity(512);
            if !std::mem::replace(&mut streamed.opened, true) {
                streamed.form.open(&mut out);
            }
            match shutdown.run_until_cancelled(streamed.answer.next()).await {
                Some(Some(event)) => streamed.write(event, &mut out),
                _ => {
                    streamed.over = true;
                    streamed.form.fail(&whole::unfinished(), &mut out);
                }
            }
            while out.len() < TOGETHER
                && !streamed.over
                && let Some(event) = streamed.answer.try_next()
            {
                streamed.write(event, &mut out);
            }
            Some((Ok(Bytes::from(out)), (streamed, shutdown)))
        })
    }

    fn write(&mut self, event: ChatEvent, out: &mut Vec<u8>) {
        match event {
            ChatEvent::Begin(answering) => self.form.taken_up(answering, out),
            ChatEvent::Delta(delta) => self.form.delta(&delta, out),
            ChatEvent::End(ending) => {
                self.over = true;
                self.form.end(&ending, out);
            }
            ChatEvent::Failed(error) => {
                self.over = true;
                self.form.fail(&error.into(), out);
            }
        }
    }
}

/// An answer that comes in events.
pub(crate) fn event_stream(body: Body) -> Response {
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(X_ACCEL_BUFFERING, HeaderValue::from_static("no"));
    response
}
