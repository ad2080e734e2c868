//! Connections of HTTP/2, which clients ask for over TLS. What limits those of
//! HTTP/1.1 limits them as well: a client has as long for a request, and as long
//! to read an answer.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderValue, Request, Uri};
use hyper::body::Incoming;
use hyper::rt::{Executor, Read, Write};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::TokioTimer;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::connections::Over;
use crate::server::{Connection, HEADER_LIMIT, MAX_BUFFER, MAX_HEAD, STALL_LIMIT, answer};

/// Requests at once on one connection.
const MAX_STREAMS: u32 = 32;
/// Bytes that a client may send ahead of what is read: of all requests together.
const WINDOW: u32 = 256 * 1024;

/// Serves requests until the client, its limits or the hub end it.
pub(crate) async fn serve<S>(connection: Connection, io: S, tracker: TaskTracker)
where
    S: Read + Write + Unpin + Send + 'static,
{
    let Connection { router, shutdown, abort, place, slot } = connection;
    let place = Arc::new(place);
    let service = service_fn(|mut request: Request<Incoming>| {
        name_host(&mut request);
        answer(&router, &place, request)
    });
    let ended = CancellationToken::new();
    let _ended = ended.clone().drop_guard();
    let serving = http2::Builder::new(Streams { tracker, ended })
        .timer(TokioTimer::new())
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(MAX_HEAD as u32)
        .max_send_buf_size(MAX_BUFFER)
        .initial_stream_window_size(WINDOW)
        .initial_connection_window_size(WINDOW)
        .keep_alive_interval(STALL_LIMIT)
        .keep_alive_timeout(HEADER_LIMIT)
        .serve_connection(io, service);
    let mut serving = pin!(serving);
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = place.leave.cancelled() => {
            tracing::debug!("a connection that waited for its client made room");
            Ok(())
        }
        over = place.over(HEADER_LIMIT, STALL_LIMIT) => {
            tracing::debug!(?over, "a connection that waited for its client was ended");
            serving.as_mut().graceful_shutdown();
            // What it was given last may still be on its way.
            let limit = if over == Over::Idle { STALL_LIMIT } else { Duration::ZERO };
            tokio::select! {
                result = serving.as_mut() => result,
                () = tokio::time::sleep(limit) => Ok(()),
                () = place.leave.cancelled() => Ok(()),
                () = abort.cancelled() => Ok(()),
            }
        }
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            tokio::select! {
                result = serving.as_mut() => result,
                () = abort.cancelled() => Ok(()),
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection broke off");
    }
    drop(slot);
}

/// HTTP/2 names the host in the address of a request; handlers look for the header.
fn name_host(request: &mut Request<Incoming>) {
    if let Some(host) = host_of(request.uri(), request.headers()) {
        request.headers_mut().insert(HOST, host);
    }
}

fn host_of(uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
    let missing = !headers.contains_key(HOST);
    let authority = uri.authority().filter(|_| missing)?;
    HeaderValue::from_str(authority.as_str()).ok()
}

/// Runs the requests of one connection; none outlives it.
#[derive(Clone)]
struct Streams {
    tracker: TaskTracker,
    ended: CancellationToken,
}

impl<F> Executor<F> for Streams
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, stream: F) {
        let ended = self.ended.clone();
        self.tracker.spawn(async move {
            ended.run_until_cancelled(stream).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_that_of_the_address_unless_it_is_named() {
        let uri: Uri = "https://nas.local:7777/health".parse().unwrap();
        let mut headers = HeaderMap::new();
        assert_eq!(host_of(&uri, &headers).unwrap(), "nas.local:7777");
        headers.insert(HOST, HeaderValue::from_static("other"));
        assert_eq!(host_of(&uri, &headers), None);
        assert_eq!(host_of(&Uri::from_static("/health"), &HeaderMap::new()), None);
    }
}
